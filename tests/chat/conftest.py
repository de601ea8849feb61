"""The database of these tests is the one of the tests in ``profiles``."""

from tests.profiles.conftest import database

__all__ = ["database"]

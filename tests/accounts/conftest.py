"""The database of these tests is the one of the tests in ``profiles``."""

from tests.profiles.conftest import accounts, database, profiles

__all__ = ["accounts", "database", "profiles"]

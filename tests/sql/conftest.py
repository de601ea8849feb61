"""The database of these tests is the one of the tests in ``profiles``."""

from tests.profiles.conftest import accounts, database, exchanges, profiles, silent_port

__all__ = ["accounts", "database", "exchanges", "profiles", "silent_port"]

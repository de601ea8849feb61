"""The store of these tests is the one of the tests in ``store``."""

from tests.store.conftest import hasty_store, live, store, writer

__all__ = ["hasty_store", "live", "store", "writer"]

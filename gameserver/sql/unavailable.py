"""Errors that leave this folder: SQL cannot do its part, and the reason."""

from __future__ import annotations


class ProfilesUnavailable(Exception):  # noqa: N818  the name says the state of affairs
    """SQL is away, too slow, or refused the statement. Nothing was changed."""


class StatementRefused(ProfilesUnavailable):
    """SQL is well, for it took another write right afterwards, and does not take this transaction: a value does not
    fit, the statement is too long, or somebody locks a row. Nothing was changed."""


class OutcomeUnknown(ProfilesUnavailable):
    """The COMMIT was sent and its answer never came: it may or may not have happened. Repeat idempotent work."""


class HistoryLost(ProfilesUnavailable):
    """SQL answers, and is another database than at the start, or was set back. Nothing was changed, and this process
    must not change anything any more."""

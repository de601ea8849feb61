# ruff: noqa: N818  named for what happened, as the rest of the vocabulary is
"""Errors of a game client, one class each. Everything that the library raises on purpose is a ClientError."""

from __future__ import annotations

import asyncio

from gameserver.protocol.messages import Ack, Refused


class ClientError(Exception):
    """The root of every error the library raises on purpose."""


class ConnectFailed(ClientError):
    """No WebSocket could be opened at the URL: nobody listens, a wrong URL, no answer in time, or not this protocol."""


class ConnectionLost(ClientError):
    """The socket went away while an answer was awaited."""


class NotSignedIn(ClientError):
    """The call needs a session; sign in first."""


class SessionEnded(ClientError):
    """The session is over and will not come back by itself: logged out, taken over, kicked, resume refused..."""


class TooManyActions(ClientError):
    """Too many actions already wait for their acks. Nothing was sent."""


class SignInRefused(ClientError):
    """The server did not let us in. ``code`` is a RefusalCode's value."""

    def __init__(self, refused: Refused):
        super().__init__(f"{refused.code}: {refused.reason}")
        self.code = refused.code
        self.reason = refused.reason
        self.field = refused.field
        self.retry_after_ms = refused.retry_after_ms


class ActionRefused(ClientError):
    """The action was not obeyed and changed nothing. ``code`` is a RefusalCode's value."""

    def __init__(self, refused: Refused):
        super().__init__(f"{refused.code}: {refused.reason}")
        self.code = refused.code
        self.reason = refused.reason
        self.field = refused.field
        self.retry_after_ms = refused.retry_after_ms
        self.seq = refused.seq


class OutcomeUnknown(ClientError, TimeoutError):
    """No answer to an action: it may have been applied or not. ``later`` still resolves (to an Ack, or to
    ActionRefused) if the action is queued for resending; it is None when its session is gone for good."""

    def __init__(self, seq: int, why: str, later: asyncio.Future[Ack] | None = None):
        super().__init__(f"outcome of action {seq} unknown: {why}")
        self.seq = seq
        self.later = later

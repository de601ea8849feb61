"""Every refusal and every close the server can utter, one row each.

A refusal answers one message and leaves the connection open. A close ends the connection; its row says whether the
client may come back by itself. Anything not in these tables is a bug and is told as ``internal``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

REASON_LENGTH_MAX = 300  # characters


class RefusalCode(StrEnum):
    """The reason why one message was not obeyed. The value travels in ``code``."""

    BAD_MESSAGE = (
        "bad_message"  # no JSON object with a text ``type``; a field missing, of the wrong type or out of range
    )
    UNKNOWN_TYPE = "unknown_type"  # ``type`` is a text that names no message of this game
    NOT_SIGNED_IN = "not_signed_in"  # a game message before register, login, guest or resume
    ALREADY_SIGNED_IN = "already_signed_in"
    NAME_TAKEN = "name_taken"
    BAD_NAME = "bad_name"
    BAD_PASSWORD = "bad_password"  # noqa: S105  not acceptable as a new password
    WRONG_CREDENTIALS = "wrong_credentials"  # unknown user and wrong password look the same
    BAD_TOKEN = "bad_token"  # noqa: S105  a resume or guest token that is unknown, used up or expired
    NOT_ALLOWED = "not_allowed"  # the game's ``may_join`` said no
    TOO_MANY = "too_many"  # more messages or attempts than allowed; see retry_after_ms
    TRY_LATER = "try_later"  # a store is away or a queue is full; nothing was changed
    ALREADY_ANSWERED = "already_answered"  # an action's seq is so far behind that its answer is forgotten
    NO_SUCH_THING = "no_such_thing"  # the entity or player named is not there
    TOO_FAR = "too_far"
    NOT_ENOUGH = "not_enough"
    NOT_USABLE = "not_usable"
    YOURSELF = "yourself"
    FULL = "full"
    BAD_TEXT = "bad_text"  # chat that is empty, too long or holds control characters
    NOT_ONLINE = "not_online"
    RULES = "rules"  # the game's own rules; the reason says which
    INTERNAL = "internal"  # our bug; nothing more is told


def shown_reason(reason: object) -> str:
    """Return the reason as a client can be sent it: text of REASON_LENGTH_MAX characters at most."""
    text = str(reason)[:REASON_LENGTH_MAX]
    return text if text.isascii() else text.encode(errors="replace").decode()


class Refusal(Exception):  # noqa: N818  a refusal is an expected answer, not an error of the program
    """Raised wherever a client's wish cannot be granted; turned into one message in one place."""

    def __init__(self, code: RefusalCode, reason: str = "", *, field: str | None = None, retry_after_ms: int = 0):
        reason = shown_reason(reason)
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
        self.field = field
        self.retry_after_ms = retry_after_ms


WORTH_RETRYING = frozenset((RefusalCode.TRY_LATER, RefusalCode.TOO_MANY, RefusalCode.INTERNAL))
"""A client that comes back by itself tries again after these, and gives up after any other refusal."""


class CloseRow(NamedTuple):
    code: int  # WebSocket close code
    may_return: bool  # may the client reconnect by itself and resume?
    retry_after_ms: int  # not before this, when it may
    text: str  # for people; fits the 123 bytes of a close frame


class Close(StrEnum):
    """Why the server closed a connection. ``CLOSES`` holds the table."""

    LOGGED_OUT = "logged_out"
    DRAINING = "draining"
    TAKEN_OVER = "taken_over"
    IDLE = "idle"
    NO_PONG = "no_pong"
    NO_LOGIN = "no_login"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    FLOOD = "flood"
    BAD_FRAME = "bad_frame"
    BAD_UTF8 = "bad_utf8"
    PROTOCOL_ERROR = "protocol_error"
    TOO_BIG = "too_big"
    KICKED = "kicked"
    ZONE_STOPPED = "zone_stopped"
    SLOW_CLIENT = "slow_client"
    MOVED = "moved"
    NOT_SAVED = "not_saved"
    INTERNAL = "internal"


CLOSES: dict[Close, CloseRow] = {
    # name                      code  returns  after   text
    Close.LOGGED_OUT: CloseRow(1000, False, 0, "logged out"),
    Close.DRAINING: CloseRow(1012, True, 1000, "the server is restarting"),
    Close.INTERNAL: CloseRow(1011, True, 1000, "an error on our side"),
    Close.TOO_BIG: CloseRow(1009, False, 0, "message larger than the limit"),
    Close.BAD_FRAME: CloseRow(1003, False, 0, "clients send text frames holding JSON"),
    Close.BAD_UTF8: CloseRow(1007, False, 0, "text that is not UTF-8"),
    Close.PROTOCOL_ERROR: CloseRow(1002, False, 0, "a frame that breaks the rules of WebSocket"),
    Close.TAKEN_OVER: CloseRow(4001, False, 0, "signed in from somewhere else"),
    Close.IDLE: CloseRow(4002, False, 0, "no input for too long"),
    Close.NO_PONG: CloseRow(4003, True, 0, "no answer to pings"),
    Close.NO_LOGIN: CloseRow(4004, False, 0, "no sign-in in time"),
    Close.FLOOD: CloseRow(4005, False, 0, "too many messages"),
    Close.KICKED: CloseRow(4006, False, 0, "removed by the operator or the game"),
    Close.ZONE_STOPPED: CloseRow(4007, True, 2000, "the zone stopped"),
    Close.SLOW_CLIENT: CloseRow(4008, True, 1000, "reading too slowly"),
    Close.MOVED: CloseRow(4009, True, 0, "your session waits for you on another server"),
    Close.TOO_MANY_ATTEMPTS: CloseRow(4010, False, 0, "too many refused sign-ins"),
    Close.NOT_SAVED: CloseRow(4011, False, 0, "signed out, but not saved yet: your session is kept, sign in again"),
}

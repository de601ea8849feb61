"""The states of a session as a table: any next_state that is not in it is a bug of ours. Pure.

    joining ──joined──▶ active ◀──returned── disconnected
       │                  │ └──socket_lost──▶  │
       └───────end────────┴────────end─────────┴──▶ ending ──saved──▶ ended
                                          ▲            ├──fenced──▶ ended      (fenced from every state)
                                          └──unsaved───┘

``ending``: no input is taken any more, the final save is not committed yet; the session is not removed before it is.
"""

from __future__ import annotations

from enum import StrEnum


class SessionState(StrEnum):
    JOINING = "joining"
    ACTIVE = "active"
    DISCONNECTED = "disconnected"
    ENDING = "ending"
    ENDED = "ended"


class SessionEvent(StrEnum):
    JOINED = "joined"  # the zone admitted it
    SOCKET_LOST = "socket_lost"
    RETURNED = "returned"  # resumed, or signed in again
    END = "end"  # logout, grace over, idle, kick, drain
    SAVED = "saved"  # the final save is committed and the live state removed
    UNSAVED = "unsaved"  # SQL refused the final save: the session waits, as if its client might come back
    FENCED = "fenced"  # a newer epoch owns the player


_S, _E = SessionState, SessionEvent

MOVES: dict[tuple[SessionState, SessionEvent], SessionState] = {
    (_S.JOINING, _E.JOINED): _S.ACTIVE,
    (_S.JOINING, _E.SOCKET_LOST): _S.DISCONNECTED,
    (_S.JOINING, _E.RETURNED): _S.JOINING,
    (_S.JOINING, _E.END): _S.ENDING,
    (_S.JOINING, _E.FENCED): _S.ENDED,
    (_S.ACTIVE, _E.SOCKET_LOST): _S.DISCONNECTED,
    (_S.ACTIVE, _E.RETURNED): _S.JOINING,
    (_S.ACTIVE, _E.END): _S.ENDING,
    (_S.ACTIVE, _E.FENCED): _S.ENDED,
    (_S.DISCONNECTED, _E.RETURNED): _S.JOINING,
    (_S.DISCONNECTED, _E.END): _S.ENDING,
    (_S.DISCONNECTED, _E.FENCED): _S.ENDED,
    (_S.ENDING, _E.SAVED): _S.ENDED,
    (_S.ENDING, _E.FENCED): _S.ENDED,
    (_S.ENDING, _E.UNSAVED): _S.DISCONNECTED,
}


class ImpossibleMoveError(AssertionError):
    """The table has no such next_state: a bug."""


def next_state(state: SessionState, event: SessionEvent) -> SessionState:
    """The state after ``event``. Raises ImpossibleMoveError."""
    try:
        return MOVES[state, event]
    except KeyError:
        raise ImpossibleMoveError(f"a session that is {state} cannot take {event}") from None

"""A stored state, read by the game of now. An unreadable state is named in one line, and stays as it is stored."""

from __future__ import annotations

import re

import msgspec

from gameserver.protocol.message_class import first_line
from gameserver.protocol.mistake import code_of, place_of_class, place_of_function, shown
from gameserver.protocol.nesting import NESTING_MAX, nests_too_deep
from gameserver.world.state import NotUpgraded, PlayerState, StateT, decode_state, encode_state
from gameserver.world.state_rules import STATE_BYTES_MAX

_FIELD = re.compile(r" - at `\$\.(?P<field>\w+)(?P<inside>.*)`$")


class StateUnreadable(Exception):  # noqa: N818
    """The state of one player does not fit the game's class. ``str()`` gives "where: problem; remedy" in one line."""

    def __init__(self, where: str, problem: str, remedy: str):
        super().__init__(" ".join(f"{where}: {problem}; {remedy}".split()))
        self.where = where
        self.problem = problem
        self.remedy = remedy


def read_state(state_type: type[StateT], stored: bytes | str, player: str) -> StateT:
    """Return the stored state of ``player``, as named in the error. Raises StateUnreadable."""
    try:
        state = decode_state(state_type, stored)
    except NotUpgraded as error:
        raise _not_upgraded(state_type, stored, player, error) from None
    except msgspec.ValidationError as error:
        raise _unfit(state_type, stored, player, error) from None
    except BaseException as error:  # the author's own ``upgrade`` may raise anything, ``SystemExit`` too
        raise _failed(state_type, stored, player, error) from error
    if len(stored) > STATE_BYTES_MAX and (size := len(encode_state(state))) > STATE_BYTES_MAX:
        problem = f"the state of {player} is {size} bytes long, of at most {STATE_BYTES_MAX}"
        raise StateUnreadable(place_of_class(state_type), problem, "raise version, and write upgrade to shorten it")
    levels = NESTING_MAX + 1  # the state is one around the values of its fields
    if nests_too_deep(stored, levels) and nests_too_deep(encode_state(state), levels):
        problem = f"the state of {player} nests deeper than {NESTING_MAX} levels"
        raise StateUnreadable(place_of_class(state_type), problem, "raise version, and write upgrade to flatten it")
    return state


def _not_upgraded(
    state_type: type[PlayerState], stored: bytes | str, player: str, error: NotUpgraded
) -> StateUnreadable:
    where = place_of_function(state_type.upgrade, f"{state_type.__name__}.upgrade")
    problem = f"returned {shown(error.returned)} for the state of {player}, stored by version {version_of(stored)}"
    return StateUnreadable(where, problem, "return the fields, a dict with texts as its keys")


def _unfit(state_type: type, stored: bytes | str, player: str, error: Exception) -> StateUnreadable:
    text = first_line(error)
    found = _FIELD.search(text)
    where = place_of_class(state_type, found["field"] if found else "")
    problem = f"the state of {player}, stored by version {version_of(stored)}, does not fit: {_FIELD.sub('', text)}"
    remedy = "raise version, and write upgrade(cls, fields, version) to turn the stored fields into these"
    return StateUnreadable(where, problem, remedy)


def _failed(state_type: type[PlayerState], stored: bytes | str, player: str, error: BaseException) -> StateUnreadable:
    where = place_of_function(state_type.upgrade, f"{state_type.__name__}.upgrade")
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    inside = trace is not None and trace.tb_frame.f_code is code_of(state_type.upgrade)
    line = f" in line {trace.tb_lineno}" if trace is not None and inside else ""
    problem = f"raised {type(error).__name__}: {first_line(error)}{line}, for the state of {player}"
    return StateUnreadable(where, f"{problem}, stored by version {version_of(stored)}", "let it take any stored fields")


def version_of(stored: bytes | str) -> object:
    """Return the version that the state was stored by, or a question mark."""
    try:
        return msgspec.json.decode(stored or b"{}").get("version", "?")
    except (msgspec.DecodeError, AttributeError, RecursionError):
        return "?"

"""The game's own state of a player outlives releases, and knows when it was assigned."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gameserver.world.state import PlayerState


class Now(PlayerState):
    version = 2
    gold: int = 0
    title: str = "none"

    @classmethod
    def upgrade(cls, fields: dict[str, Any], version: int) -> dict[str, Any]:
        return {"gold": fields.get("copper", 0) // 100} if version == 1 else fields


def test_state_is_read_as_it_was_written() -> None:
    state = Now(gold=3, title="Sir")
    assert Now.decode(state.encode()) == state
    assert state.fields() == {"gold": 3, "title": "Sir"}


def test_state_of_an_older_version_is_upgraded() -> None:
    assert Now.decode(b'{"version":1,"copper":250}') == Now(gold=2)


def test_fields_of_a_newer_version_are_left_alone() -> None:
    assert Now.decode(b'{"version":3,"gold":4,"horse":"Bill"}') == Now(gold=4)


@pytest.mark.parametrize("stored", [b"", b"{}", "{}"])
def test_no_state_is_the_default_state(stored: bytes | str) -> None:
    assert Now.decode(stored) == Now()


def test_state_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError):
        Now.decode(b'{"version":2,"gold":"many"}')


def test_assigning_a_field_is_noted_until_it_is_kept() -> None:
    state = Now()
    assert (state.was_assigned, state.fields()) == (False, {"gold": 0, "title": "none"})
    state.gold = 1
    assert (state.was_assigned, state.fields()) == (True, {"gold": 1, "title": "none"})
    state.note_kept()
    assert (state.was_assigned, state.fields()) == (False, {"gold": 1, "title": "none"})

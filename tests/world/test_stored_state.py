"""A stored state that the game cannot read is told in one line: which player, class and field, and what to do."""

from __future__ import annotations

from typing import Any

import pytest

from gameserver import PlayerState
from gameserver.world.state_rules import STATE_BYTES_MAX
from gameserver.world.stored_state import StateUnreadable, read_state

HERE = r"^tests/world/test_stored_state\.py:\d+"
ANN = "player 7 (Ann)"


class Tally(PlayerState):
    version = 2
    gold: int = 0
    title: str = ""

    @classmethod
    def upgrade(cls, fields: dict[str, Any], version: int) -> dict[str, Any]:
        return {**fields, "gold": fields["copper"] // 100}


def test_a_field_that_does_not_fit_is_named() -> None:
    line = (
        rf"{HERE} Tally\.gold: the state of player 7 \(Ann\), stored by version 2, does not fit: "
        r"Expected `int`, got `str`; raise version, and write upgrade"
    )
    with pytest.raises(StateUnreadable, match=line):
        read_state(Tally, b'{"version":2,"gold":"many"}', ANN)


def test_an_upgrade_that_raises_is_named_with_its_line() -> None:
    line = (
        rf"{HERE} Tally\.upgrade: raised KeyError: 'copper' in line \d+, for the state of player 7 \(Ann\), stored by"
    )
    with pytest.raises(StateUnreadable, match=line):
        read_state(Tally, b'{"version":1}', ANN)


class Quitter(PlayerState):
    version = 2

    @classmethod
    def upgrade(cls, fields: dict[str, Any], version: int) -> dict[str, Any]:
        raise SystemExit


def test_an_upgrade_that_would_end_the_process_is_named_like_any_other() -> None:
    with pytest.raises(StateUnreadable, match=rf"{HERE} Quitter\.upgrade: raised SystemExit"):
        read_state(Quitter, b'{"version":1}', ANN)


@pytest.mark.parametrize(
    ("returned", "told"), [(None, "None"), ([("gold", 1)], r"\[\('gold', 1\)\]"), ({1: 2}, r"\{1: 2\}")], ids=str
)
def test_an_upgrade_that_returns_no_fields_is_named_with_what_it_returned(
    monkeypatch: pytest.MonkeyPatch, returned: object, told: str
) -> None:
    def upgrade(cls: type[PlayerState], fields: dict[str, Any], version: int) -> object:
        return returned

    monkeypatch.setattr(Quitter, "upgrade", classmethod(upgrade))
    line = (
        rf"{HERE} Quitter\.upgrade: returned {told} for the state of player 7 \(Ann\), stored by version 1; return the"
    )
    with pytest.raises(StateUnreadable, match=line):
        read_state(Quitter, b'{"version":1}', ANN)


@pytest.mark.parametrize("stored", [b"[]", b"nonsense", b'{"version":1,"copper":"a"}', b'"x"', b"7"])
def test_whatever_is_stored_is_told_in_one_line(stored: bytes) -> None:
    with pytest.raises(StateUnreadable) as caught:
        read_state(Tally, stored, ANN)
    assert ANN in str(caught.value) and "\n" not in str(caught.value)


def test_a_state_that_is_too_large_for_a_welcome_is_told_and_not_shown() -> None:
    stored = b'{"version":2,"title":"' + b"x" * STATE_BYTES_MAX + b'"}'
    with pytest.raises(
        StateUnreadable, match=r"Tally: the state of player 7 \(Ann\) is \d+ bytes long, of at most 65536"
    ):
        read_state(Tally, stored, ANN)

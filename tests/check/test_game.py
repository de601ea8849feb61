"""Mistakes that only the finished module shows: missing types, messages nobody handles, names that come close."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameserver.check.game import check_game, check_stored
from gameserver.demo import Meadow
from tests.check.wrong import import_game
from tests.simulation.test_game_class import GO

HANDLED = "class G(Game):\n    @handles(Go)\n    def go(self, zone, player, message): ..."

FOUND = [
    (
        "a type that does not exist",
        f'class Go(Input, tag="go"):\n    y: int\n    x: "Distance"\n{HANDLED}',
        "error",
        "wrong.py:4 Go.x: has a type that does not exist: Distance; "
        "define or import it in the module, not in a function nor below if TYPE_CHECKING",
    ),
    (
        "a state's type that does not exist",
        'class S(PlayerState):\n    gold: "Coins" = 0\nclass G(Game[S]): ...',
        "error",
        "wrong.py:3 S.gold: has a type that does not exist: Coins; "
        "define or import it in the module, not in a function nor below if TYPE_CHECKING",
    ),
    (
        "a state's type that came later and is mutable",
        'class S(PlayerState):\n    bag: "Bag | None" = None\nclass G(Game[S]): ...\nBag = list[int]',
        "error",
        "wrong.py:3 S.bag: is list[int] | None: a change inside it would not be noticed, and not kept; "
        "write tuple[…, ...], and assign a new one",
    ),
    (
        "a message that nobody handles",
        f'{GO}class Run(Input, tag="run"): ...\n{HANDLED}',
        "warning",
        "wrong.py:4 Run: is handled by no method; write @handles(Run) above a method of G, or remove it",
    ),
    (
        "a state that no game has",
        "class S(PlayerState):\n    gold: int = 0\nclass G(Game): ...",
        "warning",
        "wrong.py:2 S: is the state of no game, so nothing of it is kept; write class G(Game[S])",
    ),
    (
        "a scratch that no game has",
        "class S(PlayerState): ...\nclass C(Scratch):\n    dx: float = 0.0\nclass G(Game[S]): ...",
        "warning",
        "wrong.py:3 C: is the scratch of no game, so nothing has it; write class G(Game[S, C])",
    ),
    (
        "a hook with a state that came later",
        "class T(PlayerState): ...\nclass G(Game[T]):\n    def on_tick(self, zone: 'Zone[S]'): ...\n"
        "class S(PlayerState): ...",
        "error",
        "wrong.py:4 G.on_tick: takes Zone[S], and the game has other types; write zone: Zone[T]",
    ),
    (
        "a hook that comes close",
        "class G(Game):\n    def on_tik(self, zone): ...",
        "warning",
        "wrong.py:3 G.on_tik: is called by nobody; write on_tick if that is meant",
    ),
    (
        "a hook that is none",
        "class G(Game):\n    def on_player_join(self, zone, player): ...",
        "warning",
        "wrong.py:3 G.on_player_join: is called by nobody; write on_join if that is meant",
    ),
    (
        "a decorator that changed the class",
        "import dataclasses\n@dataclasses.dataclass\nclass G(Game):\n    seed: int",
        "error",
        "wrong.py:4 G.__init__: takes arguments, and the server gives none; write def __init__(self)",
    ),
    (
        "a hook assigned later",
        "class G(Game): ...\nasync def tick(self, zone): ...\nG.on_tick = tick",
        "error",
        "wrong.py:3 G.on_tick: is async, and the server never awaits; "
        "write def on_tick(self, zone) without async or await",
    ),
    (
        "a setting that comes close",
        "class G(Game):\n    tick_hx = 5",
        "warning",
        "wrong.py:3 G.tick_hx: is called by nobody; write tick_hz if that is meant",
    ),
]


@pytest.mark.parametrize(("body", "severity", "line"), [pytest.param(*row[1:], id=row[0]) for row in FOUND])
def test_a_game_is_checked_once_its_module_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, severity: str, line: str
) -> None:
    [finding] = check_game(import_game(tmp_path, monkeypatch, body).G)
    assert (finding.severity, str(finding)) == (severity, line)


RIGHT = """
class Deed(Action):
    item: str
class Eat(Deed, tag="eat"): ...
class G(Game):
    def on_kick(self, player): ...
    def on_tick(self, zone):
        self.on_kick(None)
    @handles(Eat)
    def eat(self, zone, player, message): ...
"""


def test_a_base_of_messages_and_a_method_of_one_s_own_are_no_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_game(import_game(tmp_path, monkeypatch, RIGHT).G) == []


def test_states_that_the_game_reads_are_no_findings() -> None:
    assert check_stored(Meadow, [(1, "Ann", b""), (2, "Bob", b'{"version":1,"apples_eaten":3,"gone":true}')]) == []


def test_states_that_the_game_cannot_read_are_one_warning() -> None:
    bad = b'{"version":1,"apples_eaten":"three"}'
    [finding] = check_stored(Meadow, [(1, "Ann", b""), (7, "Bob", bad), (8, "Cyd", bad), (9, "Eve", bad)])
    assert finding.severity == "warning" and finding.where.startswith("gameserver/demo.py:")
    assert finding.where.endswith(" Villager.apples_eaten")
    assert str(finding).partition(": ")[2] == (
        "the state of player 7 (Bob), stored by version 1, does not fit: Expected `int`, got `str`, and 2 more; "
        "such a player cannot sign in; "
        "raise version, and write upgrade(cls, fields, version) to turn the stored fields into these"
    )

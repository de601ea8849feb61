"""A call of the game is whole or nothing. Each test plays two zones side by side: in one the game changes a good deal
and then fails, in the other it fails at once. From then on both show, keep and answer the same."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameserver import Action, Entity, Exchange, Input, Player, Scratch, Zone, handles
from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.ids import PlayerId
from gameserver.protocol.world_frame import decode_frame
from gameserver.world.state import fields_of, note_kept, was_assigned
from gameserver.world.view import ViewFrame
from tests.simulation.tiny import Purse, Stage, Tiny, answers

Deed = Callable[[Zone[Purse], Player[Purse], "Cast"], None]
"""One change. The program of a test is a list of them."""


class Run(Action, tag="run", frozen=True):
    """Run the program of the test."""


class Nudge(Input, tag="nudge", frozen=True):
    """The same for an input without a number."""


class Wallet(Purse):
    note: str = ""
    two: tuple[int, ...] = ()


class Noted(Scratch):
    nudges: int = 0


@dataclass
class Cast:
    """The players and entities that a program may change besides its own player."""

    other: Player[Purse]
    stones: list[Entity]


class Programmed(Tiny):
    """Runs ``program`` in one call of the game, the one named ``where``, and then raises ``failure``."""

    state_type = Wallet
    scratch_type = Noted

    def __init__(self) -> None:
        super().__init__()
        self.where = ""
        self.program: Sequence[Deed] = ()
        self.failure: BaseException | None = None
        self.then: tuple[Sequence[Deed], BaseException] | None = None  # program and failure of the call after the first
        self.cast: Cast | None = None

    def perform(self, where: str, zone: Zone[Purse], player: Player[Purse]) -> None:
        if where != self.where:
            return
        assert self.cast is not None
        for deed in self.program:
            with suppress(Refusal):  # a game may go on after a refusal
                deed(zone, player, self.cast)
        failure, self.failure = self.failure, None
        if self.then is not None:
            (self.program, self.failure), self.then = self.then, None
        if failure is not None:
            raise failure

    @handles(Run)
    def run(self, zone: Zone[Purse], player: Player[Purse], message: Run) -> None:
        self.perform("run", zone, player)

    @handles(Nudge)
    def nudge(self, zone: Zone[Purse], player: Player[Purse], message: Nudge) -> None:
        self.perform("nudge", zone, player)

    def may_join(self, zone: Zone[Purse], player: Player[Purse]) -> str | None:
        self.perform("may_join", zone, player)
        return super().may_join(zone, player)

    def on_join(self, zone: Zone[Purse], player: Player[Purse]) -> None:
        self.perform("on_join", zone, player)

    def on_leave(self, zone: Zone[Purse], player: Player[Purse], reason: str) -> None:
        self.perform("on_leave", zone, player)

    def on_disconnect(self, zone: Zone[Purse], player: Player[Purse]) -> None:
        self.perform("on_disconnect", zone, player)

    def on_reconnect(self, zone: Zone[Purse], player: Player[Purse]) -> None:
        self.perform("on_reconnect", zone, player)

    def on_exchange(self, zone: Zone[Purse], exchange: Exchange[Purse]) -> None:
        self.perform("on_exchange", zone, exchange.giver)

    def on_tick(self, zone: Zone[Purse]) -> None:
        self.perform("on_tick", zone, next(iter(zone.players.values())))


# --- what a program is made of ---


def _someone(pick: int, player: Player[Purse], cast: Cast) -> Player:
    return cast.other if pick % 2 else player


def _something(pick: int, player: Player[Purse], cast: Cast) -> Entity:
    return [player, cast.other, *cast.stones][pick % (2 + len(cast.stones))]


def add(pick: int, n: int) -> Deed:
    return lambda zone, player, cast: _someone(pick, player, cast).inventory.add("coin" if n % 2 else "gem", n)


def burn(pick: int, n: int) -> Deed:
    return lambda zone, player, cast: _someone(pick, player, cast).inventory.remove("coin", n)


def assign(pick: int, n: int) -> Deed:
    return lambda zone, player, cast: setattr(_someone(pick, player, cast).state, "taken", n)


def write(pick: int, n: int) -> Deed:
    return lambda zone, player, cast: setattr(_someone(pick, player, cast).state, "note", "x" * n)


def replace_state(pick: int, n: int) -> Deed:
    return lambda zone, player, cast: setattr(_someone(pick, player, cast), "state", Wallet(taken=n))


def step_to(pick: int, n: int) -> Deed:
    return lambda zone, player, cast: zone.move_to(_something(pick, player, cast), 9.0 * n, 7.0 * n)


def put(pick: int, n: int) -> Deed:
    name = ("x", "y", "facing", "status", "kind")[n % 5]
    return lambda zone, player, cast: setattr(_something(pick, player, cast), name, n % 2 if name == "kind" else n)


def rename(pick: int, n: int) -> Deed:
    return lambda zone, player, cast: setattr(_something(pick, player, cast), "name", f"name {n}")


def turn(pick: int, n: int) -> Deed:
    return lambda zone, player, cast: _something(pick, player, cast).face(n, pick)


def spawn(pick: int, n: int) -> Deed:
    def deed(zone: Zone[Purse], player: Player[Purse], cast: Cast) -> None:
        stone = zone.spawn("stone", n, pick, name=f"stone {n}")
        if pick % 2:
            stone.x += 1
        if pick % 3 == 0:
            zone.remove(stone)

    return deed


def remove(pick: int, n: int) -> Deed:
    def deed(zone: Zone[Purse], player: Player[Purse], cast: Cast) -> None:
        stone = cast.stones[pick % len(cast.stones)]
        if n % 2:
            stone.y = n
        zone.remove(stone)
        if n % 3 == 0:
            stone.x = n

    return deed


def tell(pick: int, n: int) -> Deed:
    def deed(zone: Zone[Purse], player: Player[Purse], cast: Cast) -> None:
        if pick % 2:
            zone.broadcast("said", n=n)
        else:
            zone.send(cast.other, "told", n=n)

    return deed


def trade(pick: int, n: int) -> Deed:
    def deed(zone: Zone[Purse], player: Player[Purse], cast: Cast) -> None:
        giver, receiver = (player, cast.other) if pick % 2 else (cast.other, player)
        zone.exchange(giver, receiver if n % 3 else None, "coin", n)

    return deed


KINDS = (add, burn, assign, write, replace_state, step_to, put, rename, turn, spawn, remove, tell, trade)
deeds = st.builds(lambda kind, pick, n: kind(pick, n), st.sampled_from(KINDS), st.integers(0, 9), st.integers(1, 9))
NO_EXCEPTIONS = (CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit)  # raised all the same, by exit() for one
failures = st.sampled_from([lambda: RuntimeError("a bug"), lambda: Refusal(RefusalCode.RULES, "no"), *NO_EXCEPTIONS])
HANDLERS = ("run", "nudge")
HOOKS = ("on_tick", "may_join", "on_join", "on_leave", "on_disconnect", "on_reconnect", "on_exchange")


class Scene:
    """A zone with two players and three stones, in which one call of the game is about to run a program."""

    def __init__(self, where: str):
        self.game = Programmed()
        self.newcomers: list[Player[Purse]] = []
        self.stage = stage = Stage(game=self.game)
        self.where = where
        self.player = self._enter(1, 45.0, 39.0)
        self.other = self._enter(2, 55.0, 41.0)
        self.game.cast = Cast(self.other, [stage.zone.spawn("stone", 20 + 20 * i, 30 + 9 * i) for i in range(3)])
        stage.tick()
        stage.tick()
        self._prepare()

    def _enter(self, number: int, x: float, y: float) -> Player[Purse]:
        player = self.stage.player(number, x, y, coins=5)
        self.stage.inbox.arrivals.append(player)
        self.stage.tick()
        player.inventory._changed.clear()
        player._internals.actions.changed = False
        note_kept(player.state)
        return player

    def _prepare(self) -> None:
        inbox, number = self.stage.inbox, self.player.player_id
        match self.where:
            case "may_join" | "on_join":
                self.newcomers.append(self.stage.player(3))
                inbox.arrivals += self.newcomers
            case "on_leave":
                inbox.departures.append((self.player, "logout"))
            case "on_disconnect":
                inbox.lost.append(number)
            case "on_reconnect":
                inbox.lost.append(number)
                self.stage.tick()
                self.stage.inbox.returns.append(number)
            case "on_exchange":
                self.stage.zone.exchange(self.player, self.other, "coin", 1)
                self.stage.tick()
                self.stage.settle()

    def play(self, program: Sequence[Deed], failure: BaseException | None) -> list[Any]:
        """Run the program in the call that was prepared, then let two ticks go by. Returns all that could be seen."""
        self.game.where, self.game.program, self.game.failure = self.where, program, failure
        said = {"run": (self.player, Run(seq=7)), "nudge": (self.player, Nudge())}.get(self.where)
        seen = []
        for number in range(3):
            self.stage.tick(*([said] if said is not None and number == 0 else []))
            self.game.where = ""
            seen.append(self.visible())
        return seen

    def visible(self) -> dict[str, Any]:
        """Return the tick's result and the zone's state, in values that can be compared."""
        result, zone = self.stage.result, self.stage.zone
        inside = zone._internals
        return {
            "frames": sorted((_sections(frame), sorted(frame.viewers), frame.full) for frame in result.frames),
            "outgoing": [(out.to, out.message) for out in result.outgoing],
            "notes": [(note.player.player_id, note.content) for note in result.notes],
            "exchanges": [(it._op.op_id, it.giver.player_id, it.kind, it.quantity) for it in result.exchanges],
            "moved": sorted(player.player_id for player in result.moved),
            "kept": sorted(player.player_id for player in result.kept),
            "left": [player.player_id for player in result.left],
            "admitted": [player.player_id for player in result.admitted],
            "players": [_player(player) for player in (self.player, self.other, *self.newcomers)],
            "entities": sorted(_entity(entity) for entity in zone.entities.values()),
            "cells": {cell.place: sorted(cell.entities) for cell in inside.grid._cells.values() if cell.entities},
            "next id": inside._next_id,
        }


def _sections(frame: ViewFrame) -> list[Any]:
    """Return the frame's sections, sorted: their order means nothing."""
    sections = decode_frame(frame.payload)[1]
    return sorted((it.cell, it.what, sorted(it.records), sorted(it.left)) for it in sections)


def _player(player: Player) -> dict[str, Any]:
    inventory = player.inventory
    return {
        "holdings": dict(inventory._holdings),
        "seq": inventory._seq,
        "frozen": inventory._frozen,
        "kinds changed": set(inventory._changed),
        "state": fields_of(player.state),
        "assigned": was_assigned(player.state),
        "log": player._internals.actions.encode(),
        "connected": player.connected,
    }


def _entity(entity: Entity) -> tuple[Any, ...]:
    return entity.id, entity.x, entity.y, entity.facing, entity.status, entity.kind, entity.name


@pytest.mark.parametrize("where", HANDLERS)
@settings(max_examples=80, deadline=None)
@given(program=st.lists(deeds, max_size=8), fail=failures)
def test_a_handler_that_refuses_or_raises_has_changed_nothing(
    where: str, program: list[Deed], fail: Callable[[], BaseException]
) -> None:
    changed_much, failed_at_once = Scene(where), Scene(where)
    for _ in range(2):  # what is left behind by the first failure would show with the second
        failure = fail()
        assert changed_much.play(program, failure) == failed_at_once.play([], failure)


@pytest.mark.parametrize("where", HOOKS)
@settings(max_examples=30, deadline=None)
@given(program=st.lists(deeds, max_size=8), fail=failures)
def test_a_hook_that_raises_has_changed_nothing(
    where: str, program: list[Deed], fail: Callable[[], BaseException]
) -> None:
    changed_much, failed_at_once = Scene(where), Scene(where)
    failure = fail()
    assert changed_much.play(program, failure) == failed_at_once.play([], failure)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("where", [*HANDLERS, *HOOKS])
def test_each_change_is_undone_by_itself(where: str, kind: Callable[[int, int], Deed]) -> None:
    for pick, n in ((0, 1), (1, 2), (2, 3), (3, 4), (4, 5)):
        changed_much, failed_at_once = Scene(where), Scene(where)
        failure = RuntimeError("a bug")
        assert changed_much.play([kind(pick, n)], failure) == failed_at_once.play([], failure)


@settings(max_examples=60, deadline=None)
@given(earlier=st.lists(deeds, max_size=4), program=st.lists(deeds, max_size=4), fail=failures)
def test_what_came_before_the_failing_call_stays(
    earlier: list[Deed], program: list[Deed], fail: Callable[[], BaseException]
) -> None:
    """A call that is undone takes nothing of an earlier call of the same tick along."""
    seen = []
    failure = fail()
    for second in (program, []):
        scene = Scene("run")
        scene.game.where, scene.game.program = "run", earlier
        scene.game.then = (second, failure)
        scene.stage.tick((scene.player, Run(seq=7)), (scene.player, Run(seq=8)))
        seen.append(scene.visible())
    assert seen[0] == seen[1]


def test_a_change_of_an_earlier_call_is_shown_though_a_later_call_removed_the_thing_and_failed() -> None:
    scene = Scene("run")
    assert scene.game.cast is not None
    stone = scene.game.cast.stones[1]  # in view of both players
    scene.game.where, scene.game.program = "run", [lambda zone, player, cast: zone.move_to(stone, 42.0, 36.0)]
    scene.game.then = ([lambda zone, player, cast: zone.remove(stone)], RuntimeError("a bug"))
    result = scene.stage.tick((scene.player, Run(seq=7)), (scene.player, Run(seq=8)))
    assert answers(result) == [(7, "stored"), (8, "internal")]
    sections = [section for frame in result.frames for section in decode_frame(frame.payload)[1]]
    assert {(record.id, record.x, record.y) for section in sections for record in section.records} == {
        (stone.id, 42.0, 36.0)
    }
    assert not any(section.left for section in sections)


def test_the_journal_of_a_tick_is_empty_after_it() -> None:
    scene = Scene("run")
    scene.play([add(0, 3), step_to(2, 4), spawn(1, 2), tell(1, 1), assign(0, 2)], None)
    assert scene.player.inventory.held() == {"coin": 8} and scene.stage.zone._internals.journal == []


def test_an_action_whose_handler_raised_is_answered_once_and_never_applied() -> None:
    scene = Scene("run")
    scene.game.where, scene.game.program = "run", [add(0, 3)]
    scene.game.failure = RuntimeError("a bug")
    scene.stage.tick((scene.player, Run(seq=7)))
    assert answers(scene.stage.result) == [(7, "internal")]
    scene.game.failure = None  # mended, but the action has its answer
    scene.stage.tick((scene.player, Run(seq=7)))
    assert answers(scene.stage.result) == [(7, "internal")]
    assert scene.player.inventory.held() == {"coin": 5}


@pytest.mark.parametrize("error", NO_EXCEPTIONS)
@pytest.mark.parametrize("where", ["run", *HOOKS])
def test_what_is_no_exception_costs_its_call_and_nothing_else(where: str, error: type[BaseException]) -> None:
    scene = Scene(where)
    scene.play([add(1, 3)], error())
    assert scene.other.inventory.quantity("coin") == (6 if where == "on_exchange" else 5)
    assert scene.stage.result.tick == scene.stage.zone.tick  # the zone ticks on


def test_a_newcomer_gets_nothing_from_a_may_join_that_raises_however_often_it_tries() -> None:
    scene = Scene("may_join")
    (newcomer,) = scene.newcomers
    for _ in range(3):
        scene.stage.inbox.arrivals = [newcomer]
        scene.play([add(0, 3), assign(0, 3), step_to(0, 3)], RuntimeError("a bug"))
        assert (newcomer.inventory.held(), newcomer.state.taken, newcomer.x) == ({}, 0, 50.0)
        assert not newcomer.inventory._changed and not was_assigned(newcomer.state)
    scene.game.where = ""
    scene.stage.inbox.arrivals = [newcomer]
    assert scene.stage.tick().admitted == [newcomer]


def test_what_a_game_notes_for_itself_is_not_undone() -> None:
    scene = Scene("nudge")

    def note(zone: Zone[Purse], player: Player[Purse], cast: Cast) -> None:
        assert isinstance(player.scratch, Noted)
        player.scratch.nudges += 1

    scene.play([note], RuntimeError("a bug"))
    assert scene.player.scratch == Noted(nudges=1)


def test_the_outcome_of_an_exchange_stands_though_on_exchange_raises() -> None:
    scene = Scene("on_exchange")
    scene.play([burn(0, 2)], RuntimeError("a bug"))
    assert scene.player.inventory.held() == {"coin": 4} and scene.other.inventory.held() == {"coin": 6}
    assert not scene.player.inventory._frozen and not scene.other.inventory._frozen


def test_who_leaves_has_left_though_on_leave_raises() -> None:
    scene = Scene("on_leave")
    scene.play([add(0, 3)], RuntimeError("a bug"))
    assert not scene.stage.zone._internals.has(scene.player) and PlayerId(1) not in scene.stage.zone.players
    assert scene.player.inventory.held() == {"coin": 5}


def test_the_state_type_of_a_game_is_undone_field_by_field() -> None:
    scene = Scene("nudge")
    before = Wallet(taken=1)
    scene.player.state = Wallet(taken=1)
    scene.stage.tick()
    note_kept(scene.player.state)
    scene.play([lambda zone, player, cast: setattr(player.state, "two", (1, 2))], RuntimeError("a bug"))
    assert scene.player.state == before and not was_assigned(scene.player.state)

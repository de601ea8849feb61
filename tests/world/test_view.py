"""Whatever happens in a zone, a viewer that applies its frames knows exactly what is in the cells around: who is there
at once, and how they are as late as the zone allows."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameserver.client.world import World
from gameserver.protocol.ids import EntityId, PlayerId
from gameserver.protocol.messages import Welcome
from gameserver.protocol.world_frame import LAYOUT, RECORD, Record, Section, decode_frame
from gameserver.world.entity import Entity, Player, records
from gameserver.world.view import ViewFrame
from gameserver.world.zone import ZoneSpec
from tests.simulation.tiny import Go, Stage, Tiny

CELL, COLUMNS, ROWS = 10.0, 6, 4
PLAYERS = 4


def spec(border_margin: float, refresh_ticks: tuple[int, ...]) -> ZoneSpec:
    return ZoneSpec("tiny", COLUMNS * CELL, ROWS * CELL, CELL, border_margin=border_margin, refresh_ticks=refresh_ticks)


SPECS = {
    "bare": spec(0.0, (1, 1)),
    "default": spec(0.1, (1, 1)),
    "the outer ring later": spec(0.2, (1, 3)),
    "far": spec(0.1, (1, 2, 5)),
    "odd": spec(0.4, (2, 1, 3)),
}


class Viewer:
    """A client: applies sections by the rules of protocol/world_frame.py, and the client library's view beside it."""

    def __init__(self, stage: Stage, player: Player):
        self.cells: dict[tuple[int, int], dict[int, Record]] = {}
        self.world = World()
        self.world.open(_welcome(stage, player))

    def apply(self, frame: ViewFrame) -> None:
        self.world.apply(frame.payload)
        if frame.full:
            self.cells.clear()
        for what, cell, shown, left in decode_frame(frame.payload)[1]:
            if what is Section.FORGET:
                del self.cells[cell]
                continue
            if what is Section.SNAPSHOT:
                self.cells[cell] = {}
            known = (
                self.cells[cell] if what is Section.DELTA and cell in self.cells else self.cells.setdefault(cell, {})
            )
            known.update((record.id, record) for record in shown)
            for gone in left:
                known.pop(gone, None)

    def known(self) -> dict[int, Record]:
        return {entity: record for known in self.cells.values() for entity, record in known.items()}


def _welcome(stage: Stage, player: Player) -> Welcome:
    return Welcome(
        player_id=player.player_id, entity_id=player.id, name=player.name, resume_token="", resumed=False, last_seq=0,
        tick=stage.zone.tick, tick_hz=20, grace_ms=0, zone=stage.zone._internals.describe(), kinds=list(Tiny.kinds),
        layout=LAYOUT, x=0, y=0, inventory={}, chat=[], state={},
    )  # fmt: skip


class Truth:
    """The true view, worked out from positions alone: each entity's cell, and its recent state."""

    def __init__(self, spec: ZoneSpec):
        self.margin = spec.border_margin * CELL
        self.refresh_ticks = spec.refresh_ticks
        self.cells: dict[EntityId, tuple[int, int]] = {}
        self.lately: dict[EntityId, deque[Record]] = {}  # the newest first

    def look(self, entities: Mapping[EntityId, Entity]) -> None:
        """After each tick."""
        for gone in self.cells.keys() - entities.keys():
            del self.cells[gone], self.lately[gone]
        for entity in entities.values():
            before = self.cells.get(entity.id, (None, None))
            column, row = self._number(entity.x, COLUMNS, before[0]), self._number(entity.y, ROWS, before[1])
            self.cells[entity.id] = column, row
            known = self.lately.setdefault(entity.id, deque(maxlen=max(self.refresh_ticks)))
            known.appendleft(Record(*RECORD.unpack(records([entity])[0])))

    def in_view(self, player: Player) -> dict[EntityId, list[Record]]:
        """Return the entities in view, each with the records that may be shown."""
        column, row = self.cells[player.id]
        away = {id: max(abs(at[0] - column), abs(at[1] - row)) for id, at in self.cells.items()}
        every = self.refresh_ticks
        return {id: list(self.lately[id])[: every[cells]] for id, cells in away.items() if cells < len(every)}

    def _number(self, place: float, count: int, before: int | None) -> int:
        """Return the number of the position's column or row: the old one unless the position is clearly in another."""
        now = min(max(int(place // CELL), 0), count - 1)
        if before is None or now == before:
            return now
        beyond = place - (before + 1) * CELL if now > before else before * CELL - place
        return now if beyond > self.margin or (beyond == self.margin and now > before) else before


class Play:
    """Random happenings, any mixture of them between two ticks."""

    def __init__(self, spec: ZoneSpec, seed: int):
        self.stage = Stage(spec, seed)
        self.truth = Truth(spec)
        self.random = Random(seed)
        self.viewers: dict[PlayerId, Viewer] = {}

    def place(self) -> tuple[float, float]:
        return self.random.uniform(-2, 62), self.random.uniform(-2, 42)

    def happen(self, what: str) -> None:
        stage, random = self.stage, self.random
        number = PlayerId(random.randint(1, PLAYERS))
        player = stage.zone.players.get(number)
        stones = [entity for entity in stage.zone.entities.values() if not isinstance(entity, Player)]
        match what:
            case "spawn":
                stage.zone.spawn("stone", *self.place())
            case "remove" if stones:
                stage.zone.remove(random.choice(stones))
            case "flash":  # comes and goes between two ticks
                stage.zone.remove(stage.zone.spawn("stone", *self.place()))
            case "push" if stones:
                stage.zone.move_to(random.choice(stones), *self.place())
            case "nudge" if stones:
                random.choice(stones).facing += 7
            case "jump" if player:
                stage.inbox.add_input(player, Go(*self.place()))
            case "walk" if player:
                dx, dy = random.uniform(-6, 6), random.uniform(-6, 6)
                stage.inbox.add_input(player, Go(player.x + dx, player.y + dy))
            case "join" if player is None and all(arrival.player_id != number for arrival in stage.inbox.arrivals):
                stage.inbox.arrivals.append(stage.player(number, *self.place()))
            case "leave" if player:
                stage.inbox.departures.append((player, "logout"))
            case "lose":
                stage.inbox.lost.append(number)
            case "return":
                stage.inbox.returns.append(number)
            case "resync":
                stage.inbox.resyncs.append(number)
            case "skip" if number in self.viewers and player and player.connected:
                self.viewers.pop(number)  # a slow client misses this tick, and gets a full view instead
                stage.inbox.resyncs.append(number)

    def tick(self) -> None:
        stage = self.stage
        result = stage.tick()
        for player in result.left:
            self.viewers.pop(player.player_id, None)
        for player in stage.zone.players.values():
            if player in result.admitted or (player.connected and player.player_id not in self.viewers):
                self.viewers[player.player_id] = Viewer(stage, player)
            if not player.connected:
                self.viewers.pop(player.player_id, None)
        seen_by = [viewer for frame in result.frames for viewer in frame.viewers]
        assert len(seen_by) == len(set(seen_by)), "a viewer is in at most one frame"
        assert set(seen_by) <= self.viewers.keys(), "frames go to nobody who is not there to see them"
        for frame in result.frames:
            for viewer in frame.viewers:
                self.viewers[viewer].apply(frame)

    def check(self) -> None:
        self.truth.look(self.stage.zone.entities)
        for number, viewer in self.viewers.items():
            truth, known = self.truth.in_view(self.stage.zone.players[number]), viewer.known()
            assert known.keys() == truth.keys()
            assert all(record in truth[EntityId(entity)] for entity, record in known.items())
            world = viewer.world.entities
            assert {entity: (seen.x, seen.y, seen.facing, seen.status) for entity, seen in world.items()} == {
                entity: (record.x, record.y, record.facing, record.status) for entity, record in known.items()
            }


HAPPENINGS = st.sampled_from(
    [
        "spawn",
        "remove",
        "flash",
        "push",
        "nudge",
        "jump",
        "walk",
        "walk",
        "join",
        "join",
        "leave",
        "lose",
        "return",
        "resync",
        "skip",
    ]
)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.lists(HAPPENINGS, max_size=8), max_size=25))
def test_a_viewer_knows_exactly_what_is_around_it_after_every_tick(
    spec: ZoneSpec, seed: int, ticks: list[list[str]]
) -> None:
    play = Play(spec, seed)
    for happenings in ticks:
        for what in happenings:
            play.happen(what)
        play.tick()
        play.check()


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_long_walk_in_a_crowded_zone_is_seen_without_a_fault(spec: ZoneSpec) -> None:
    play = Play(spec, 7)
    for _ in range(30):
        play.happen("spawn")
    for _ in range(400):
        for what in play.random.choices(["walk", "push", "join", "leave", "lose", "return", "jump", "skip"], k=5):
            play.happen(what)
        play.tick()
        play.check()

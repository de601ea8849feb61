"""The demo game: walking, gathering, eating, dropping, giving."""

from __future__ import annotations

import math
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameserver import Entity, Player, Zone
from gameserver.demo import (
    BUTTERFLIES,
    DROP_MAX,
    REACH,
    THINGS_PER_KIND,
    WALK_SPEED,
    Drop,
    Give,
    Grass,
    Ground,
    Meadow,
    Move,
    PickUp,
    Use,
    Villager,
    Visitor,
    Walk,
)
from gameserver.protocol.codec import ClientCodec
from gameserver.protocol.errors import Refusal
from gameserver.protocol.ids import PlayerId
from gameserver.protocol.messages import ClientMessage, Event
from gameserver.simulation.inbox import Inbox
from gameserver.simulation.result import TickResult
from gameserver.simulation.routes import routes_of
from gameserver.simulation.tick import step


class Play:
    """The meadow, stepped by hand; exchanges are settled on the tick after they were asked for."""

    def __init__(self, seed: int = 1) -> None:
        self.game = Meadow()
        self.routes = routes_of(self.game)
        self.zone: Grass = Zone(Meadow.zones[0], Meadow.kinds, Meadow.tick_hz, Random(seed), Ground())
        self.game.on_start(self.zone)
        self.inbox = Inbox()
        self.seq = 0
        self.tick()

    def enter(self, number: int, x: float | None = None, y: float | None = None) -> Visitor:
        player = Player(PlayerId(number), f"P{number}", 0, x or 0.0, y or 0.0, Villager(), Walk())
        player._internals.connected = True
        player._internals.is_new = x is None
        self.inbox.arrivals.append(player)
        self.tick()
        return player

    def tick(self, *messages: tuple[Player, ClientMessage]) -> TickResult:
        for player, message in messages:
            self.inbox.add_input(player, message)
        inbox, self.inbox = self.inbox, Inbox()
        result = step(self.zone, self.game, self.routes, inbox, 0, lambda name: None)
        self.inbox.outcomes += [(exchange, "done") for exchange in result.exchanges]
        return result

    def ask(self, player: Player, message: type[PickUp | Use | Drop | Give], **fields: Any) -> str:
        """The answer, once there is one."""
        self.seq += 1
        result = self.tick((player, message(seq=self.seq, **fields)))
        for _ in range(2):
            if result.verdicts:
                break
            result = self.tick()
        self.last = result
        (verdict,) = result.verdicts
        return str(verdict.refusal.code) if verdict.refusal else str(verdict.level)

    def lying(self) -> Counter[str]:
        kinds = Counter(self.zone.kind_of(entity) for entity in self.zone.entities.values())
        return Counter({kind: kinds[kind] for kind in THINGS_PER_KIND})

    def one(self, kind: str) -> Entity:
        return next(e for e in self.zone.entities.values() if self.zone.kind_of(e) == kind)

    def beside(self, player: Player, entity: Entity) -> None:
        self.zone.move_to(player, entity.x, entity.y)
        self.tick()

    def gather(self, player: Player, kind: str, count: int = 1) -> None:
        for _ in range(count):
            thing = self.one(kind)
            self.beside(player, thing)
            assert self.ask(player, PickUp, entity=thing.id) == "stored"


def test_the_meadow_begins_with_its_things_and_butterflies() -> None:
    play = Play()
    assert play.lying() == THINGS_PER_KIND
    assert len(play.zone.entities) == sum(THINGS_PER_KIND.values()) + BUTTERFLIES


def test_a_new_player_starts_around_the_middle_and_an_old_one_where_it_was() -> None:
    play = Play()
    new, old = play.enter(1), play.enter(2, 7.0, 9.0)
    assert math.hypot(new.x - 60, new.y - 60) < 12
    assert (old.x, old.y) == (7.0, 9.0)


@pytest.mark.parametrize(("dx", "dy"), [(1, 0), (0, -1), (1, 1), (-1, 1)])
def test_walking_goes_on_at_walking_speed_until_told_to_stop(dx: float, dy: float) -> None:
    play = Play()
    player = play.enter(1, 60, 60)
    play.tick((player, Move(dx, dy)))
    for _ in range(19):
        play.tick()
    assert math.hypot(player.x - 60, player.y - 60) == pytest.approx(WALK_SPEED)
    play.tick((player, Move(0, 0)))
    place = player.x, player.y
    play.tick()
    assert (player.x, player.y) == place


def test_half_a_push_is_half_the_speed() -> None:
    play = Play()
    player = play.enter(1, 60, 60)
    play.tick((player, Move(0.5, 0)))
    assert player.x - 60 == pytest.approx(WALK_SPEED / 40)


def test_nobody_walks_out_of_the_meadow() -> None:
    play = Play()
    player = play.enter(1, 119, 1)
    play.tick((player, Move(1, -1)))
    for _ in range(100):
        play.tick()
    assert (player.x, player.y) == (120, 0)


def test_who_loses_the_socket_stands_still() -> None:
    play = Play()
    player = play.enter(1, 60, 60)
    play.tick((player, Move(1, 0)))
    play.inbox.lost.append(player.player_id)
    play.tick()
    place = player.x
    play.tick()
    assert player.x == place


def test_what_is_picked_up_is_held_and_another_grows() -> None:
    play = Play()
    player = play.enter(1)
    play.gather(player, "apple")
    assert player.inventory.held() == {"apple": 1} and play.lying() == THINGS_PER_KIND


def test_only_things_in_reach_that_lie_about_can_be_picked_up() -> None:
    play = Play()
    player, other = play.enter(1, 60, 60), play.enter(2, 60, 60)
    thing = play.one("coin")
    play.zone.move_to(player, thing.x + REACH + 0.1, thing.y)
    assert play.ask(player, PickUp, entity=thing.id) == "too_far"
    far = play.zone.spawn("coin", 119, 119)
    play.zone.move_to(player, 5, 5)
    play.tick()
    assert play.ask(player, PickUp, entity=far.id) == "no_such_thing"  # as for an id that never was
    assert play.ask(player, Give, to=far.id, item="coin") == "no_such_thing"
    assert play.ask(player, PickUp, entity=999_999) == "no_such_thing"
    assert play.ask(player, PickUp, entity=-1) == "no_such_thing"
    play.beside(player, other)
    assert play.ask(player, PickUp, entity=other.id) == "not_usable"
    assert player.inventory.held() == {}


def test_two_who_reach_for_one_thing_get_one_thing() -> None:
    play = Play()
    one, two = play.enter(1), play.enter(2)
    thing = play.one("coin")
    for player in (one, two):
        play.beside(player, thing)
    result = play.tick((one, PickUp(seq=1, entity=thing.id)), (two, PickUp(seq=1, entity=thing.id)))
    told = [verdict.level or (verdict.refusal and str(verdict.refusal.code)) for verdict in result.verdicts]
    assert told == ["stored", "no_such_thing"]
    assert one.inventory.quantity("coin") + two.inventory.quantity("coin") == 1


def test_an_apple_is_eaten_and_nothing_else_is() -> None:
    play = Play()
    player = play.enter(1)
    assert play.ask(player, Use, item="apple") == "not_enough"
    play.gather(player, "apple")
    play.gather(player, "coin")
    assert play.ask(player, Use, item="coin") == "not_usable"
    assert play.ask(player, Use, item="apple") == "stored"
    assert player.state.apples_eaten == 1 and player.inventory.held() == {"coin": 1}


def test_what_is_dropped_lies_where_it_was_dropped_all_of_it() -> None:
    play = Play()
    player = play.enter(1)
    play.gather(player, "flower", 5)
    before = {e.id for e in play.zone.entities.values()}
    assert play.ask(player, Drop, item="flower", quantity=5) == "durable"
    dropped = [e for e in play.zone.entities.values() if e.id not in before]
    assert len(dropped) == 5 and player.inventory.held() == {}
    assert all(e.distance_to(player) < REACH for e in dropped)


def test_dropping_and_picking_up_again_does_not_fill_the_meadow() -> None:
    play = Play()
    player = play.enter(1)
    play.gather(player, "coin")
    for _ in range(10):
        assert play.ask(player, Drop, item="coin") == "durable"
        dropped = max(play.zone.entities)
        assert play.ask(player, PickUp, entity=dropped) == "stored"
    assert play.lying() == THINGS_PER_KIND and not play.zone.scratch.dropped


@pytest.mark.parametrize(("item", "code"), [("coin", "not_enough"), ("crown", "not_usable")])
def test_what_one_has_not_got_or_the_meadow_does_not_know_is_not_dropped(item: str, code: str) -> None:
    play = Play()
    player = play.enter(1)
    player.inventory.add("crown")
    assert play.ask(player, Drop, item=item) == code


def test_a_gift_passes_to_who_stands_near_and_says_from_whom() -> None:
    play = Play()
    giver, receiver = play.enter(1), play.enter(2)
    play.gather(giver, "coin", 3)
    play.beside(receiver, giver)
    assert play.ask(giver, Give, to=receiver.id, item="coin", quantity=2) == "durable"
    assert (giver.inventory.quantity("coin"), receiver.inventory.quantity("coin")) == (1, 2)
    told = [out.message for out in play.last.outgoing if out.to == receiver.player_id]
    assert Event("received", {"by": "P1", "item": "coin", "n": 2}) in told


def test_gifts_that_cannot_be_are_refused() -> None:
    play = Play()
    giver, far = play.enter(1, 60, 60), play.enter(2, 1, 1)
    giver.inventory.add("coin")
    apple = play.one("apple")
    assert play.ask(giver, Give, to=giver.id, item="coin") == "yourself"
    assert play.ask(giver, Give, to=far.id, item="coin") == "no_such_thing"  # out of view
    play.zone.move_to(far, 66, 60)
    play.tick()
    assert play.ask(giver, Give, to=far.id, item="coin") == "too_far"
    assert play.ask(giver, Give, to=999_999, item="coin") == "no_such_thing"
    play.beside(far, giver)
    assert play.ask(giver, Give, to=far.id, item="coin", quantity=2) == "not_enough"
    play.beside(giver, apple)
    assert play.ask(giver, Give, to=apple.id, item="coin") == "no_such_thing"
    assert giver.inventory.held() == {"coin": 1}


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"type":"move","dx":2,"dy":0}', "dx"),
        (f'{{"type":"drop","seq":1,"item":"coin","quantity":{DROP_MAX + 1}}}', "quantity"),
        ('{"type":"give","seq":1,"to":1,"item":"coin","quantity":0}', "quantity"),
        ('{"type":"give","seq":1,"to":1,"item":"coin","quantity":-1}', "quantity"),
        ('{"type":"use","seq":1,"item":""}', "item"),
    ],
)
def test_intents_beyond_their_bounds_do_not_even_arrive(text: str, field: str) -> None:
    with pytest.raises(Refusal) as caught:
        ClientCodec(Meadow.handlers).decode(text)
    assert caught.value.field == field


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.lists(st.sampled_from(["gather", "use", "drop", "give", "walk"]), max_size=30))
def test_everything_held_was_picked_up_and_not_used_or_dropped(seed: int, deeds: list[str]) -> None:
    play, random = Play(seed), Random(seed)
    people = [play.enter(number) for number in (1, 2)]
    for deed in deeds:
        me, other = random.sample(people, 2)
        kind = random.choice(list(THINGS_PER_KIND))
        match deed:
            case "gather":
                play.gather(me, kind)
            case "use":
                play.ask(me, Use, item=kind)
            case "drop":
                play.ask(me, Drop, item=kind, quantity=random.randint(1, 3))
            case "give":
                play.beside(me, other)
                play.ask(me, Give, to=other.id, item=kind, quantity=random.randint(1, 2))
            case "walk":
                play.tick((me, Move(random.uniform(-1, 1), random.uniform(-1, 1))))
    for kind, grown in THINGS_PER_KIND.items():
        held = [p.inventory._holdings[kind] for p in people if kind in p.inventory._holdings]
        assert sum(h.quantity for h in held) == sum(h.minted - h.burned for h in held)
        assert play.lying()[kind] >= grown


def test_butterflies_stay_in_the_meadow() -> None:
    play = Play()
    for _ in range(500):
        play.tick()
    assert all(0 <= fly.x <= 120 and 0 <= fly.y <= 120 for fly in play.zone.scratch.butterflies)

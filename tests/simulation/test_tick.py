"""One tick, end to end: a zone and what waited for it go in, what is shown, kept and answered comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from gameserver import Player, ZoneSpec
from gameserver.protocol.ids import PlayerId
from gameserver.protocol.messages import InventoryChanged, StateChanged
from gameserver.protocol.world_frame import CellSection, Section, decode_frame
from gameserver.world.entity import DISCONNECTED, show_connected
from gameserver.world.inventory import Holding
from tests.simulation.tiny import (
    Break,
    Crash,
    Demand,
    Go,
    Hand,
    Purse,
    Stage,
    Swap,
    Take,
    Wave,
    answers,
    forget_changes,
    heard,
)

# --- coming and going ---


def test_who_arrives_is_admitted_and_sees_everything_in_one_full_frame() -> None:
    stage = Stage()
    stone = stage.zone.spawn("stone", 51, 41)
    player = stage.enter(1)
    assert stage.result.admitted == [player]
    (frame,) = stage.result.frames
    assert frame.full and frame.viewers == [1]
    _, sections = decode_frame(frame.payload)
    assert {section.what for section in sections} == {Section.SNAPSHOT}
    assert {record.id for section in sections for record in section.records} == {stone.id, player.id}


def test_what_was_said_in_a_session_that_is_over_is_not_said_in_the_next() -> None:
    """A socket that was outlived elsewhere may still have spoken here: its word is not the new session's."""
    stage = Stage()
    older, newer = stage.enter(1, coins=1), stage.player(1)
    stage.inbox.arrivals.append(newer)
    stage.tick((older, Go(5, 5)), (older, Take(seq=1)))
    assert (older.x, older.y) != (5, 5) and answers(stage.result) == []
    assert stage.zone._internals.has(newer) and not stage.zone._internals.has(older)
    stage.tick((newer, Go(5, 5)))
    assert (newer.x, newer.y) == (5, 5)


def test_what_was_said_before_a_player_left_is_not_said() -> None:
    stage = Stage()
    player = stage.enter(1)
    stage.inbox.departures.append((player, "bye"))
    stage.tick((player, Take(seq=1)))
    assert answers(stage.result) == [] and not stage.zone._internals.has(player)


def test_the_game_may_turn_a_player_away() -> None:
    stage = Stage()
    stage.game.closed_to.add(1)
    player = stage.enter(1)
    assert stage.result.declined == [(player, "not you")]
    assert not stage.zone.players and not stage.zone.entities and not stage.result.admitted


def test_a_place_outside_the_zone_is_brought_inside() -> None:
    player = Stage().enter(1, x=-5, y=1e9)
    assert (player.x, player.y) == (0, 80)


def test_a_lost_socket_shows_and_stops_the_frames() -> None:
    stage = Stage()
    player = stage.enter(1)
    stage.inbox.lost.append(player.player_id)
    stage.tick((player, Go(1, 1)))
    assert player.status & DISCONNECTED and not player.connected
    assert stage.result.frames == []
    assert stage.game.told[-1] == "disconnect 1"


def test_a_lost_socket_is_told_to_the_game_once() -> None:
    stage = Stage()
    player = stage.enter(1)
    stage.inbox.lost += [player.player_id, player.player_id]
    stage.tick()
    assert stage.game.told.count("disconnect 1") == 1


def test_who_returns_is_welcomed_again_with_a_full_frame() -> None:
    stage = Stage()
    player = stage.enter(1)
    stage.inbox.lost.append(player.player_id)
    stage.tick()
    stage.inbox.returns.append(player.player_id)
    stage.tick()
    assert stage.result.admitted == [player]
    assert [frame.full for frame in stage.result.frames] == [True]
    assert stage.game.told[-1] == "reconnect 1" and not player.status & DISCONNECTED


def test_lost_and_back_within_one_tick_is_both_in_that_order() -> None:
    stage = Stage()
    player = stage.enter(1)
    stage.inbox.lost.append(player.player_id)
    stage.inbox.returns.append(player.player_id)
    stage.tick()
    assert player.connected and stage.game.told[-2:] == ["disconnect 1", "reconnect 1"]


def test_a_session_recovered_without_a_socket_waits_unseen_by_nobody_and_sees_nothing() -> None:
    stage = Stage()
    watcher = stage.enter(2)
    player = stage.player(1)
    show_connected(player, False)
    stage.inbox.arrivals.append(player)
    stage.tick()
    assert stage.result.admitted == []
    (frame,) = stage.result.frames
    assert frame.viewers == [watcher.player_id]


def test_who_leaves_is_gone_from_the_zone_and_from_view() -> None:
    stage = Stage()
    watcher, leaver = stage.enter(2), stage.enter(1)
    stage.inbox.departures.append((leaver, "logout"))
    stage.tick((leaver, Go(1, 1)))
    assert stage.result.left == [leaver] and leaver.player_id not in stage.zone.players
    (frame,) = stage.result.frames
    assert frame.viewers == [watcher.player_id]
    assert [section.left for section in decode_frame(frame.payload)[1]] == [[leaver.id]]
    assert stage.game.told[-1] == "leave 1 logout"


def test_arriving_and_leaving_on_one_tick_harms_nobody() -> None:
    stage = Stage()
    player = stage.player(1)
    stage.inbox.arrivals.append(player)
    stage.inbox.departures.append((player, "drain"))
    stage.tick()
    assert stage.result.left == [player] and stage.result.admitted == [] and stage.result.frames == []
    assert not stage.zone.entities and not stage.zone._internals.grid.watched


def test_returning_and_leaving_on_one_tick_harms_nobody() -> None:
    stage = Stage()
    player = stage.enter(1)
    stage.inbox.lost.append(player.player_id)
    stage.tick()
    stage.inbox.returns.append(player.player_id)
    stage.inbox.departures.append((player, "grace_over"))
    stage.tick()
    assert stage.result.left == [player] and stage.result.admitted == []


def test_a_fenced_session_leaves_and_the_new_one_of_its_player_stays() -> None:
    stage = Stage()
    fenced = stage.enter(1)
    new = stage.player(1)
    stage.inbox.departures.append((fenced, "fenced"))
    stage.inbox.arrivals.append(new)
    stage.tick()
    assert stage.result.left == [fenced] and stage.result.admitted == [new]
    assert stage.zone.players == {1: new} and list(stage.zone.entities.values()) == [new]


def test_of_a_player_who_is_taken_over_again_and_again_within_a_tick_the_newest_session_stays() -> None:
    stage = Stage()
    first, second, newest = stage.enter(1), stage.player(1), stage.player(1)
    stage.inbox.departures += [(first, "fenced"), (second, "fenced")]
    stage.inbox.arrivals += [second, newest]
    stage.tick()
    assert stage.result.left == [first, second] and stage.result.admitted == [newest]
    assert stage.zone.players == {1: newest} and list(stage.zone.entities.values()) == [newest]
    assert stage.game.told == ["join 1", "leave 1 fenced", "join 1", "leave 1 fenced", "join 1"]


# --- actions and inputs ---


def test_an_action_is_applied_once_however_often_it_comes() -> None:
    stage = Stage()
    player = stage.enter(1)
    assert answers(stage.tick((player, Take(seq=1)), (player, Take(seq=1)))) == [(1, "stored"), (1, "stored")]
    assert answers(stage.tick((player, Take(seq=1)))) == [(1, "stored")]
    assert player.inventory.quantity("coin") == 1 and player.state.taken == 1


def test_a_refused_action_is_refused_again_with_the_same_code() -> None:
    stage = Stage()
    player = stage.enter(1, coins=0)
    other = stage.enter(2)
    assert answers(stage.tick((player, Hand(seq=1, to=2)))) == [(1, "not_enough")]
    player.inventory.add("coin")
    assert answers(stage.tick((player, Hand(seq=1, to=2)))) == [(1, "not_enough")]
    assert other.inventory.quantity("coin") == 0


def test_a_seq_left_behind_is_refused_as_answered_long_ago() -> None:
    stage = Stage()
    player = stage.enter(1)
    stage.tick((player, Take(seq=5)))
    assert answers(stage.tick((player, Take(seq=4)))) == [(4, "already_answered")]
    assert player.inventory.quantity("coin") == 1


@pytest.mark.parametrize(("bug", "answer"), [(Break(), (None, "internal")), (Crash(seq=1), (1, "internal"))])
def test_a_bug_in_a_handler_costs_that_input_only(bug: Break | Crash, answer: tuple[int | None, str]) -> None:
    stage = Stage()
    player, other = stage.enter(1), stage.enter(2)
    result = stage.tick((player, bug), (player, Take(seq=2)), (other, Take(seq=1)))
    assert answers(result) == [answer, (2, "stored"), (1, "stored")]
    (raised,) = result.errors
    assert (raised.call, str(raised.error)) in (("Break", "broken"), ("Crash", "crash"))
    assert raised.player is player and not raised.is_hook
    refusal = result.verdicts[0].refusal
    assert refusal is not None and "crash" not in refusal.reason and "broken" not in refusal.reason


def test_an_on_tick_that_raises_costs_its_own_call_and_the_tick_goes_on() -> None:
    stage = Stage()
    player = stage.enter(1)
    stage.game.tick_raises = True
    result = stage.tick((player, Take(seq=1)), (player, Go(1, 1)))
    assert [(raised.call, raised.is_hook) for raised in result.errors] == [("on_tick", True)]
    assert answers(result) == [(1, "stored")] and player in result.moved and result.frames


def test_a_player_whose_joining_raises_is_in_no_zone_and_may_try_again() -> None:
    stage = Stage()
    stage.game.join_raises = True
    player = stage.enter(1)
    assert stage.result.failed_to_join == [player] and not stage.result.admitted and not stage.result.declined
    assert not stage.zone._internals.has(player) and not stage.zone.entities and not stage.zone.players
    assert player.is_new
    stage.game.join_raises = False
    stage.inbox.arrivals.append(player)
    stage.tick()
    assert stage.result.admitted == [player] and stage.zone._internals.has(player)
    assert [frame.full for frame in stage.result.frames] == [True]


def test_inputs_of_who_is_not_in_the_zone_are_dropped() -> None:
    stage = Stage()
    assert stage.tick((stage.player(9), Take(seq=1))).verdicts == []


def test_changes_are_told_to_their_player_only_and_until_they_are_taken() -> None:
    stage = Stage()
    player, other = stage.enter(1), stage.enter(2)
    result = stage.tick((player, Take(seq=1)))
    assert player in result.kept
    assert heard(result, player)[-2:] == [InventoryChanged({"coin": 1}), StateChanged({"taken": 1})]
    assert not any(isinstance(message, InventoryChanged) for message in heard(result, other))


CHANGES: dict[str, Callable[[Player], None]] = {
    "inventory": lambda player: player.inventory.add("coin"),
    "exchange": lambda player: player.inventory._replace({"coin": Holding(3, 3, 0)}, 9),
    "state": lambda player: setattr(player.state, "taken", 1),
    "another state": lambda player: setattr(player, "state", Purse(7)),
    "lineage": lambda player: player._internals.actions.start_lineage("another client"),
    "action": lambda player: player._internals.actions.begin(1),
    "answer": lambda player: player._internals.actions.finish(1, "stored"),
    "speech": lambda player: player._internals.speech.note("hi", 1),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_a_session_keeps_is_reported_when_it_changed_and_not_again(change: Callable[[Player], None]) -> None:
    stage = Stage()
    player, other = stage.enter(1), stage.enter(2)
    assert other in stage.result.kept  # its lineage is new
    assert stage.tick().kept == []
    forget_changes(player)
    change(player)
    assert stage.tick().kept == [player]
    assert stage.tick().kept == []


def test_a_state_that_took_the_place_of_another_tells_its_changes_as_that_did() -> None:
    stage = Stage()
    player = stage.enter(1)
    before, player.state = player.state, Purse(7)
    stage.tick()
    forget_changes(player)
    before.taken = 1
    assert stage.tick().kept == []
    player.state.taken = 8
    assert stage.tick().kept == [player]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_changes_of_a_player_who_left_is_not_taken_for_the_one_who_came_instead(
    change: Callable[[Player], None],
) -> None:
    stage = Stage()
    gone = stage.enter(1)
    change(gone)
    stage.inbox.departures.append((gone, "fenced"))
    assert stage.tick().kept == []
    stage.enter(1)
    change(gone)
    assert stage.tick().kept == []


def test_a_tick_is_timed_in_the_steps_it_is_made_of() -> None:
    stage = Stage()
    stage.tick()
    assert stage.laps == ["admit", "apply", "advance", "interest", "encode", "collect"]


def test_the_tick_counts_on_and_knows_its_time() -> None:
    stage = Stage()
    stage.tick()
    assert stage.tick().tick == 2 and stage.zone.now_ms == stage.now_ms


# --- exchanges ---


def test_a_gift_is_answered_when_sql_has_it_and_shown_only_then() -> None:
    stage = Stage()
    giver, receiver = stage.enter(1, coins=3), stage.enter(2)
    assert answers(stage.tick((giver, Hand(seq=1, to=2)))) == []
    assert (giver.inventory._frozen, receiver.inventory._frozen) == (True, True)
    assert (giver.inventory.quantity("coin"), receiver.inventory.quantity("coin")) == (3, 0)
    stage.settle()
    assert answers(stage.tick()) == [(1, "durable")]
    assert (giver.inventory.quantity("coin"), receiver.inventory.quantity("coin")) == (2, 1)
    assert (giver.inventory._frozen, receiver.inventory._frozen) == (False, False)
    assert stage.game.told[-1] == "exchange coin"


def test_a_gift_that_sql_refuses_changes_nothing() -> None:
    stage = Stage()
    giver, receiver = stage.enter(1, coins=3), stage.enter(2)
    stage.tick((giver, Hand(seq=1, to=2)))
    stage.settle("refused")
    assert answers(stage.tick()) == [(1, "try_later")]
    assert (giver.inventory.quantity("coin"), receiver.inventory.quantity("coin")) == (3, 0)
    assert not giver.inventory._frozen and "exchange coin" not in stage.game.told


def test_a_gift_from_before_a_death_is_answered_and_not_given_again() -> None:
    stage = Stage()
    giver, receiver = stage.enter(1, coins=3), stage.enter(2)
    stage.tick((giver, Hand(seq=1, to=2)))
    stage.settle("already")
    assert answers(stage.tick()) == [(1, "durable")]
    assert (giver.inventory.quantity("coin"), receiver.inventory.quantity("coin")) == (3, 0)


def test_an_action_that_is_pending_and_comes_again_is_not_asked_for_twice() -> None:
    stage = Stage()
    giver = stage.enter(1, coins=3)
    stage.enter(2)
    stage.tick((giver, Hand(seq=1, to=2)), (giver, Hand(seq=1, to=2)))
    assert len(stage.result.exchanges) == 1
    stage.settle()
    stage.tick()
    assert stage.tick().exchanges == [] and giver.inventory.quantity("coin") == 2


def test_an_action_whose_answer_is_on_its_way_is_neither_applied_nor_answered_when_it_comes_again() -> None:
    stage = Stage()
    player = stage.enter(1)
    player._internals.actions.begin(1)
    assert answers(stage.tick((player, Take(seq=1)))) == []
    assert player.inventory.quantity("coin") == 0


def test_actions_behind_an_exchange_wait_and_apply_in_order() -> None:
    stage = Stage()
    giver, receiver = stage.enter(1, coins=3), stage.enter(2)
    stage.tick((giver, Hand(seq=1, to=2)), (giver, Take(seq=2)), (receiver, Take(seq=1)))
    exchange = stage.result.exchanges
    assert answers(stage.tick((giver, Take(seq=3)))) == []
    stage.result.exchanges = exchange
    stage.settle()
    told = answers(stage.tick((giver, Take(seq=4))))
    assert told == [(1, "durable"), (2, "stored"), (3, "stored"), (1, "stored"), (4, "stored")]
    assert giver.inventory.quantity("coin") == 5 and receiver.inventory.quantity("coin") == 2


def test_inputs_do_not_wait_behind_an_exchange() -> None:
    stage = Stage()
    giver = stage.enter(1, coins=1)
    stage.enter(2)
    stage.tick((giver, Hand(seq=1, to=2)), (giver, Go(3, 4)))
    assert (giver.x, giver.y) == (3, 4)


def test_who_waits_too_long_behind_an_exchange_is_refused_and_may_ask_again() -> None:
    stage = Stage()
    giver = stage.enter(1, coins=1)
    stage.enter(2)
    stage.tick((giver, Hand(seq=1, to=2)), (giver, Take(seq=2)))
    exchange = stage.result.exchanges
    waited = 0
    while not (told := answers(stage.tick())):
        waited += 1
    assert told == [(2, "try_later")] and waited == 19  # a second at 20 Hz
    stage.result.exchanges = exchange
    stage.settle()
    assert answers(stage.tick((giver, Take(seq=2)))) == [(1, "durable"), (2, "stored")]


def test_an_action_that_comes_again_does_not_wait_behind_an_exchange_and_is_never_refused_for_it() -> None:
    """A refusal says that nothing was changed."""
    stage = Stage()
    giver = stage.enter(1, coins=2)
    stage.enter(2)
    stage.tick((giver, Take(seq=1)), (giver, Hand(seq=2, to=2)))
    exchange = stage.result.exchanges
    assert answers(stage.tick((giver, Take(seq=1)), (giver, Hand(seq=2, to=2)))) == [(1, "stored")]
    for _ in range(30):
        assert answers(stage.tick()) == []
    stage.result.exchanges = exchange
    stage.settle()
    assert answers(stage.tick()) == [(2, "durable")]


def test_an_action_that_waits_and_comes_again_is_answered_once() -> None:
    stage = Stage()
    giver = stage.enter(1, coins=1)
    stage.enter(2)
    stage.tick((giver, Hand(seq=1, to=2)), (giver, Take(seq=2)))
    exchange = stage.result.exchanges
    for _ in range(10):
        stage.tick()
    told = answers(stage.tick((giver, Take(seq=2))))
    while not told:
        told = answers(stage.tick())
    assert told == [(2, "try_later")]
    stage.result.exchanges = exchange
    stage.settle()
    assert answers(stage.tick()) == [(1, "durable")]
    assert giver.inventory.quantity("coin") == 0


def test_at_most_so_many_actions_wait() -> None:
    stage = Stage()
    giver = stage.enter(1, coins=1)
    stage.enter(2)
    stage.tick((giver, Hand(seq=1, to=2)), *((giver, Take(seq=seq)) for seq in range(2, 35)))
    assert answers(stage.result) == [(34, "try_later")]


def test_waiting_actions_of_a_client_that_is_gone_are_not_counted_as_the_next_ones() -> None:
    stage = Stage()
    giver = stage.enter(1, coins=1)
    stage.enter(2)
    stage.tick((giver, Hand(seq=56, to=2)), (giver, Take(seq=57)))
    exchange = stage.result.exchanges
    giver._internals.actions.start_lineage("another client")
    stage.tick((giver, Take(seq=1)))
    stage.result.exchanges = exchange
    stage.settle()
    assert answers(stage.tick()) == [(1, "stored")]
    assert giver._internals.actions.last_seq == 1


def test_what_waits_behind_an_exchange_is_forgotten_when_its_player_comes_back_on_another_socket() -> None:
    """It comes again there; a refusal of the first that crosses with it would be of what is applied then."""
    stage = Stage()
    giver = stage.enter(1, coins=1)
    stage.enter(2)
    stage.tick((giver, Hand(seq=1, to=2)), (giver, Take(seq=2)))
    exchange = stage.result.exchanges
    for _ in range(19):
        assert answers(stage.tick()) == []
    stage.inbox.came_back(giver)
    assert answers(stage.tick()) == []
    stage.tick((giver, Take(seq=2)))
    stage.result.exchanges = exchange
    stage.settle()
    assert answers(stage.tick()) == [(1, "durable"), (2, "stored")]


def test_an_outcome_answers_only_the_numbering_that_asked() -> None:
    stage = Stage()
    asker, giver = stage.enter(1), stage.enter(2, coins=1)
    stage.tick((asker, Demand(seq=1, of=2)))
    asker._internals.actions.start_lineage("another client")
    asker._internals.actions.begin(1)
    stage.settle()
    assert answers(stage.tick()) == []
    assert giver.inventory.quantity("coin") == 0


@pytest.mark.parametrize(("after", "code"), [("refuse", "rules"), ("raise", "internal")])
def test_an_exchange_of_an_action_that_was_refused_does_not_happen(after: str, code: str) -> None:
    stage = Stage()
    giver, receiver = stage.enter(1, coins=1), stage.enter(2)
    result = stage.tick((giver, Hand(seq=1, to=2, after=after)))
    assert answers(result) == [(1, code)] and result.exchanges == []
    assert not giver.inventory._frozen and not receiver.inventory._frozen


def test_an_action_is_acked_with_the_level_that_its_class_declares() -> None:
    stage = Stage()
    player = stage.enter(1)
    assert answers(stage.tick((player, Wave(seq=1)), (player, Take(seq=2)))) == [(1, "accepted"), (2, "stored")]
    assert answers(stage.tick((player, Wave(seq=1)))) == [(1, "accepted")] and player.state.taken == 2


def test_an_action_that_is_declared_durable_is_answered_by_its_exchange() -> None:
    stage = Stage()
    giver, _ = stage.enter(1, coins=1), stage.enter(2)
    assert answers(stage.tick((giver, Swap(seq=1, to=2)))) == []
    stage.settle()
    assert answers(stage.tick()) == [(1, "durable")]


def test_an_action_that_is_declared_durable_and_asks_for_no_exchange_is_a_bug_of_the_game() -> None:
    stage = Stage()
    player = stage.enter(1, coins=1)
    assert answers(stage.tick((player, Swap(seq=1)))) == [(1, "internal")] and player.state.taken == 0
    (failed,) = stage.result.errors
    assert (failed.call, failed.player) == ("Swap", player)
    assert str(failed.error).endswith(
        'swap: handles Swap, which is declared with ack="durable", and asked for no exchange; '
        'call zone.exchange, or refuse, or remove ack="durable" from Swap'
    )


def test_an_action_that_makes_another_give_is_answered_by_the_outcome() -> None:
    stage = Stage()
    asker, giver = stage.enter(1), stage.enter(2, coins=1)
    assert answers(stage.tick((asker, Demand(seq=1, of=2)))) == []
    assert stage.result.exchanges[0]._op.op_id == "1:line1:1"
    stage.settle()
    assert answers(stage.tick()) == [(1, "durable")]
    assert (asker.inventory.quantity("coin"), giver.inventory.quantity("coin")) == (1, 0)


def test_the_game_s_own_exchanges_never_share_a_name() -> None:
    stage = Stage()
    giver, receiver = stage.enter(1, coins=2), stage.enter(2)
    names, began_at = [], stage.zone.tick
    for _ in range(2):
        stage.zone._internals.tick = began_at  # the second time as if the process had begun anew
        stage.zone.exchange(giver, receiver, "coin")
        names.append(stage.tick().exchanges[0]._op.op_id)
        stage.settle()
        stage.tick()
    assert len(set(names)) == 2


def test_an_on_exchange_that_raises_leaves_no_inventory_frozen() -> None:
    stage = Stage()
    one, two, three, four = (stage.enter(number, coins=1) for number in range(1, 5))
    stage.tick((one, Hand(seq=1, to=2)), (three, Hand(seq=1, to=4)))
    stage.inbox.outcomes += [(exchange, "done") for exchange in stage.result.exchanges]
    stage.game.exchange_raises = True
    stage.tick()
    assert [raised.call for raised in stage.result.errors] == ["on_exchange", "on_exchange"]
    assert not any(player.inventory._frozen for player in (one, two, three, four))
    assert answers(stage.result) == [(1, "durable"), (1, "durable")]


# --- what viewers get ---


def test_a_resync_gives_a_full_frame_to_who_asked_and_to_nobody_else() -> None:
    stage = Stage()
    player, other = stage.enter(1), stage.enter(2)
    stage.inbox.resyncs.append(player.player_id)
    result = stage.tick((other, Go(51, 41)))
    assert [(frame.viewers, frame.full) for frame in result.frames] == [([1], True), ([2], False)]


def test_a_tick_in_which_nothing_changed_near_a_viewer_costs_it_no_byte() -> None:
    stage = Stage()
    stage.enter(1, 5, 5)
    far = stage.enter(2, 95, 75)
    (frame,) = stage.tick((far, Go(94, 75))).frames
    assert frame.viewers == [2]


def shown_to(stage: Stage, player: Player) -> list[CellSection]:
    """On the last tick."""
    frames = [frame for frame in stage.result.frames if player.player_id in frame.viewers]
    return [section for frame in frames for section in decode_frame(frame.payload)[1]]


def _bytes_to_first(crowd: int, away: bool) -> int:
    stage = Stage()
    stage.enter(1, 5, 5)
    others = [stage.enter(number, 95 if away else 6, 75 if away else 6) for number in range(2, 2 + crowd)]
    result = stage.tick(*((other, Go(other.x + 0.5, other.y)) for other in others))
    return sum(len(frame.payload) for frame in result.frames if 1 in frame.viewers)


def test_bytes_to_a_viewer_follow_who_is_in_view_and_not_who_is_in_the_zone() -> None:
    assert _bytes_to_first(20, away=True) == _bytes_to_first(2, away=True) == 0
    assert _bytes_to_first(20, away=False) == _bytes_to_first(2, away=False) + 18 * 16


@pytest.mark.parametrize(("aside", "crossings"), [(0.9, 0), (1.1, 12)])
def test_who_walks_along_a_border_is_not_now_in_one_cell_and_now_in_the_other(aside: float, crossings: int) -> None:
    stage = Stage()
    walker, watcher = stage.enter(1, 49, 21), stage.enter(2, 49, 21)
    told: Counter[str] = Counter()
    for step in range(12):  # the border is at x = 50, the margin a tenth of a cell
        x = 50 - aside if step % 2 else 50 + aside
        stage.tick((walker, Go(x, 21 + step / 2)))
        told.update(section.what.name for section in shown_to(stage, walker))
        told.update("left" for section in shown_to(stage, watcher) for _ in section.left)
    assert (told["SNAPSHOT"], told["FORGET"], told["left"]) == (crossings * 3, crossings * 3, crossings)


def test_cells_far_away_are_shown_as_often_as_the_zone_says_but_who_comes_and_goes_at_once() -> None:
    stage = Stage(ZoneSpec("wide", width=50.0, height=10.0, cell_size=10.0, refresh_ticks=(1, 3)))
    watcher = stage.enter(1, 5, 5)
    mover, other = stage.enter(2, 15, 5), stage.enter(3, 15, 5)
    told = []
    for step in range(12):
        stage.tick((mover, Go(15, 1 + step / 2)), (other, Go(15, 9 - step / 2)))
        told.append([sorted(record.id for record in section.records) for section in shown_to(stage, watcher)])
    assert told[:3].count([[mover.id, other.id]]) == 1 and told[:3].count([]) == 2
    assert told == told[:3] * 4
    for x, shown in ((25, ([], [mover.id])), (15, ([mover.id], []))):  # out of view and back
        stage.tick((mover, Go(x, 5)))
        (section,) = shown_to(stage, watcher)
        assert ([record.id for record in section.records if record.id == mover.id], section.left) == shown
        stage.tick((mover, Go(x, 6)))
    quiet = [stage.tick().frames for _ in range(6)]
    assert quiet[3:] == [[], [], []]


def test_viewers_of_two_cells_share_one_frame_when_the_same_is_news_to_them() -> None:
    stage = Stage(ZoneSpec("narrow", width=50.0, height=10.0, cell_size=10.0))
    for number, x in enumerate((15, 25, 25, 45), 1):
        stage.enter(number, x, 5)
    mover = stage.zone.players[PlayerId(3)]
    (frame,) = stage.tick((mover, Go(26, 5))).frames
    assert sorted(frame.viewers) == [1, 2, 3]


def test_cells_know_from_how_many_cells_they_are_seen_until_nobody_looks() -> None:
    stage = Stage()
    walker = stage.enter(1, 5, 5)
    others = stage.enter(2, 5, 5), stage.enter(3, 25, 5)
    stage.tick((walker, Go(15, 5)))
    row = [stage.zone._internals.grid.cell_at(x, 5).viewing_cell_count for x in (5, 15, 25, 35, 45)]
    assert row == [2, 3, 2, 1, 0]
    stage.inbox.lost.append(PlayerId(1))
    stage.inbox.departures += [(other, "logout") for other in others]
    stage.tick()
    assert not any(cell.viewing_cell_count for cell in stage.zone._internals.grid.within(50, 40, 100))


def test_viewers_of_one_cell_share_one_frame() -> None:
    stage = Stage()
    stage.enter(1)
    stage.enter(2)
    mover = stage.enter(3)
    (frame,) = stage.tick((mover, Go(51, 41))).frames
    assert sorted(frame.viewers) == [1, 2, 3]

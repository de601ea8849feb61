"""The contract of live sessions, on Redis 7.0 and on the embedded Valkey; every branch of every script."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gameserver.live import keys
from gameserver.live.sessions import OPEN_TRIES_MAX, LiveSessions, Owner, Removal, StaleEpoch
from gameserver.live.tick_writer import TickWriter
from gameserver.protocol.ids import Epoch, NodeId, PlayerId
from gameserver.store.connection import Store, StoreUnavailable
from tests.live.batches import batch_of, session_write

ANNA, BERT = PlayerId(5), PlayerId(6)
HERE, THERE = NodeId("here"), NodeId("there")
INITIAL = {"zone": "meadow", "x": "1.5", "y": "2.5", "seq": "9"}


def epoch(number: int) -> Epoch:
    return Epoch(number)


async def keys_in(store: Store) -> set[str]:
    return set(await store.command("test", "KEYS", "*"))


# --- open ---


async def test_a_player_without_a_session_has_no_owner_and_no_fields(live: LiveSessions) -> None:
    assert await live.owner(ANNA) is None
    assert await live.read(ANNA, epoch(1)) is None


async def test_opening_anew_writes_the_initial_fields_and_points_the_owner_at_them(live: LiveSessions) -> None:
    assert await live.open(ANNA, epoch(7), HERE, "meadow", INITIAL) == INITIAL
    assert await live.read(ANNA, epoch(7)) == INITIAL
    assert await live.owner(ANNA) == Owner(epoch(7), HERE, "meadow")
    assert await live.sessions_of(HERE) == {ANNA}


async def test_opening_a_newer_epoch_moves_the_live_fields_and_ignores_the_initial_ones(live: LiveSessions) -> None:
    await live.open(ANNA, epoch(9), HERE, "meadow", INITIAL)
    moved = await live.open(ANNA, epoch(10), THERE, "cave", {"x": "0", "zone": "cave"})
    assert moved == INITIAL
    assert await live.read(ANNA, epoch(9)) is None
    assert await live.read(ANNA, epoch(10)) == INITIAL


async def test_a_moved_session_stays_in_its_zone_and_changes_lists(live: LiveSessions) -> None:
    await live.open(ANNA, epoch(9), HERE, "meadow", INITIAL)
    await live.open(ANNA, epoch(10), THERE, "cave", {})
    assert await live.owner(ANNA) == Owner(epoch(10), THERE, "meadow")
    assert await live.sessions_of(THERE) == {ANNA}
    assert await live.sessions_of(HERE) == {ANNA}, "until it has discarded what it may still write"
    await live.discard(ANNA, epoch(9), HERE)
    assert await live.sessions_of(HERE) == set()


async def test_a_session_opened_again_on_its_node_is_listed_once(live: LiveSessions, store: Store) -> None:
    await live.open(ANNA, epoch(9), HERE, "meadow", INITIAL)
    await live.open(ANNA, epoch(10), HERE, "meadow", {})
    assert set(await store.command("test", "SMEMBERS", keys.node_sessions(HERE))) == {"5:10"}


async def test_a_moved_session_that_tells_no_zone_gets_the_one_given(live: LiveSessions) -> None:
    await live.open(ANNA, epoch(9), HERE, "meadow", {"x": "1"})
    await live.open(ANNA, epoch(10), HERE, "cave", {})
    assert await live.owner(ANNA) == Owner(epoch(10), HERE, "cave")


async def test_a_pointer_whose_hash_is_gone_opens_anew(live: LiveSessions, store: Store) -> None:
    await live.open(ANNA, epoch(7), HERE, "meadow", {"x": "old"})
    await store.command("test", "DEL", keys.session(ANNA, epoch(7)))
    assert await live.open(ANNA, epoch(8), HERE, "cave", INITIAL) == INITIAL
    assert await live.owner(ANNA) == Owner(epoch(8), HERE, "cave")


@pytest.mark.parametrize(("saved_epoch", "is_taken_over"), [(0, True), (7, True), (8, False)])
async def test_a_hash_from_before_the_epoch_of_the_last_save_is_deleted(
    live: LiveSessions, saved_epoch: int, is_taken_over: bool
) -> None:
    await live.open(ANNA, epoch(7), HERE, "meadow", {"x": "7"})
    opened = await live.open(ANNA, epoch(9), HERE, "meadow", INITIAL, saved_epoch=epoch(saved_epoch))
    assert opened == ({"x": "7"} if is_taken_over else INITIAL)
    assert await live.read(ANNA, epoch(7)) is None
    assert await live.owner(ANNA) == Owner(epoch(9), HERE, "meadow")


async def test_nothing_left_under_the_new_name_survives_an_opening(live: LiveSessions, store: Store) -> None:
    await store.command("test", "HSET", keys.session(ANNA, epoch(7)), "leftover", "1")
    assert await live.open(ANNA, epoch(7), HERE, "meadow", INITIAL) == INITIAL


@pytest.mark.parametrize(("live_epoch", "late_epoch"), [(10, 10), (10, 9), (9, 8)])
async def test_an_epoch_that_is_not_newer_is_stale_and_changes_nothing(
    live: LiveSessions, store: Store, live_epoch: int, late_epoch: int
) -> None:
    await live.open(ANNA, epoch(live_epoch), HERE, "meadow", INITIAL)
    before = await keys_in(store)
    with pytest.raises(StaleEpoch):
        await live.open(ANNA, epoch(late_epoch), THERE, "cave", {"x": "0"})
    assert await live.read(ANNA, epoch(live_epoch)) == INITIAL
    assert await live.owner(ANNA) == Owner(epoch(live_epoch), HERE, "meadow")
    assert await keys_in(store) == before  # nothing, and in particular no entry on THERE's list, was added


async def test_of_two_nodes_that_open_at_once_the_newer_epoch_ends_up_with_the_fields(store: Store) -> None:
    live = LiveSessions(store)
    await live.open(ANNA, epoch(1), HERE, "meadow", INITIAL)
    for older in range(2, 40, 2):
        await asyncio.gather(
            live.open(ANNA, epoch(older), HERE, "meadow", {}),
            live.open(ANNA, epoch(older + 1), THERE, "meadow", {}),
            return_exceptions=True,  # the older one is stale, or was overtaken after it had opened
        )
        assert await live.owner(ANNA) == Owner(epoch(older + 1), THERE, "meadow")
        assert await live.read(ANNA, epoch(older + 1)) == INITIAL
        assert await live.read(ANNA, epoch(older)) is None


async def test_a_pointer_that_moves_in_between_is_read_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    live, other = LiveSessions(store), LiveSessions(store)
    await live.open(ANNA, epoch(7), HERE, "meadow", INITIAL)
    asked, overtaking = live.owner, iter([epoch(8), epoch(9)])

    async def owner_then_overtaken(player: PlayerId) -> Owner | None:
        known = await asked(player)
        if newer := next(overtaking, None):
            await other.open(ANNA, newer, THERE, "meadow", {})
        return known

    monkeypatch.setattr(live, "owner", owner_then_overtaken)
    assert await live.open(ANNA, epoch(10), HERE, "meadow", {}) == INITIAL
    assert await other.owner(ANNA) == Owner(epoch(10), HERE, "meadow")


async def test_a_pointer_that_never_rests_is_given_up_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    live, other = LiveSessions(store), LiveSessions(store)
    asked, newer = other.owner, iter(range(1, OPEN_TRIES_MAX + 1))

    async def owner_then_overtaken(player: PlayerId) -> Owner | None:
        known = await asked(player)
        await other.open(ANNA, epoch(next(newer)), THERE, "meadow", INITIAL)
        return known

    monkeypatch.setattr(live, "owner", owner_then_overtaken)
    with pytest.raises(StoreUnavailable, match="changed 5 times"):
        await live.open(ANNA, epoch(100), HERE, "meadow", {})
    assert await other.owner(ANNA) == Owner(epoch(OPEN_TRIES_MAX), THERE, "meadow")


async def test_values_of_any_language_come_back_as_they_were(live: LiveSessions) -> None:
    fields = {"chat": '{"to":"Zoë","text":"žluťoučký 🐎\\r\\n"}', "empty": ""}
    assert await live.open(ANNA, epoch(1), HERE, "meadow", fields) == fields


async def test_players_do_not_touch_one_another(live: LiveSessions) -> None:
    await live.open(ANNA, epoch(7), HERE, "meadow", {"x": "anna"})
    await live.open(BERT, epoch(7), HERE, "meadow", {"x": "bert"})
    assert await live.remove(ANNA, epoch(7), HERE, 0) is Removal.REMOVED
    assert await live.read(BERT, epoch(7)) == {"x": "bert"}
    assert await live.sessions_of(HERE) == {BERT}


# --- the fence ---


async def test_a_stale_host_that_writes_under_an_old_name_changes_nothing_that_is_read(
    live: LiveSessions, writer: TickWriter
) -> None:
    await live.open(ANNA, epoch(7), HERE, "meadow", INITIAL)
    await live.open(ANNA, epoch(8), THERE, "meadow", {})
    await writer.write(batch_of([session_write(ANNA, epoch(7), [b"x", b"666", b"seq", b"666"])]))
    owner = await live.owner(ANNA)
    assert owner is not None
    assert await live.read(ANNA, owner.epoch) == INITIAL
    assert await live.open(ANNA, epoch(9), HERE, "meadow", {}) == INITIAL


async def test_a_fenced_host_discards_what_it_wrote_and_nothing_else(live: LiveSessions, writer: TickWriter) -> None:
    await live.open(ANNA, epoch(7), HERE, "meadow", INITIAL)
    await live.open(ANNA, epoch(8), THERE, "meadow", {})
    await writer.write(batch_of([session_write(ANNA, epoch(7), [b"x", b"666"])]))
    await live.discard(ANNA, epoch(7), HERE)
    assert await live.read(ANNA, epoch(7)) is None
    assert await live.read(ANNA, epoch(8)) == INITIAL
    assert await live.owner(ANNA) == Owner(epoch(8), THERE, "meadow")


@pytest.mark.parametrize(
    ("ending", "key"),
    [("remove", keys.owner(ANNA)), ("remove", keys.session(ANNA, epoch(7))), ("discard", keys.owner(ANNA))],
)
async def test_a_session_whose_key_holds_no_hash_can_be_taken_away(
    live: LiveSessions, store: Store, ending: str, key: str
) -> None:
    await live.open(ANNA, epoch(7), HERE, "meadow", INITIAL)
    await store.command("test", "DEL", key)
    await store.command("test", "SET", key, "no hash")
    if ending == "remove":
        assert await live.remove(ANNA, epoch(7), HERE, 1_000_000) is Removal.REMOVED
        assert await live.sessions_of(HERE) == set()
    else:
        await live.discard(ANNA, epoch(7), HERE)
    assert not await store.command("test", "EXISTS", key)


async def test_a_live_session_cannot_be_discarded(live: LiveSessions) -> None:
    await live.open(ANNA, epoch(7), HERE, "meadow", INITIAL)
    await live.discard(ANNA, epoch(7), HERE)
    assert await live.read(ANNA, epoch(7)) == INITIAL
    assert await live.sessions_of(HERE) == {ANNA}


async def test_discarding_a_session_of_nobody_deletes_its_hash(live: LiveSessions, writer: TickWriter) -> None:
    await writer.write(batch_of([session_write(ANNA, epoch(7), [b"x", b"1"])]))
    await live.discard(ANNA, epoch(7), HERE)
    assert await live.read(ANNA, epoch(7)) is None


@pytest.mark.parametrize("ending", ["discard", "remove"])
async def test_the_late_end_of_an_old_session_leaves_the_new_one_on_the_same_nodes_list(
    live: LiveSessions, ending: str
) -> None:
    await live.open(ANNA, epoch(7), HERE, "meadow", INITIAL)
    await live.open(ANNA, epoch(8), HERE, "meadow", {})
    if ending == "discard":
        await live.discard(ANNA, epoch(7), HERE)
    else:
        assert await live.remove(ANNA, epoch(7), HERE, 1000) is Removal.NOT_OURS
    assert await live.sessions_of(HERE) == {ANNA}


# --- remove ---


async def test_a_saved_session_is_removed_without_a_trace(live: LiveSessions, store: Store) -> None:
    await live.open(ANNA, epoch(7), HERE, "meadow", INITIAL)
    assert await live.remove(ANNA, epoch(7), HERE, 9) is Removal.REMOVED
    assert await keys_in(store) == set()


async def test_seqs_are_compared_as_numbers(live: LiveSessions) -> None:
    await live.open(ANNA, epoch(7), HERE, "meadow", INITIAL | {"seq": "9"})
    assert await live.remove(ANNA, epoch(7), HERE, 10) is Removal.REMOVED  # as text, "9" > "10"
    await live.open(ANNA, epoch(8), HERE, "meadow", INITIAL | {"seq": "10"})
    assert await live.remove(ANNA, epoch(8), HERE, 9) is Removal.NEWER  # as text, "10" < "9"


async def test_a_session_with_a_newer_seq_than_was_saved_is_kept(live: LiveSessions) -> None:
    await live.open(ANNA, epoch(7), HERE, "meadow", INITIAL)
    assert await live.remove(ANNA, epoch(7), HERE, 8) is Removal.NEWER
    assert await live.read(ANNA, epoch(7)) == INITIAL
    assert await live.owner(ANNA) == Owner(epoch(7), HERE, "meadow")
    assert await live.sessions_of(HERE) == {ANNA}


async def test_a_session_that_was_never_written_on_a_tick_has_no_seq_and_is_removed(live: LiveSessions) -> None:
    await live.open(ANNA, epoch(7), HERE, "meadow", {"x": "1"})
    assert await live.remove(ANNA, epoch(7), HERE, 0) is Removal.REMOVED


async def test_a_session_of_another_epoch_is_not_removed(live: LiveSessions, writer: TickWriter) -> None:
    await live.open(ANNA, epoch(9), HERE, "meadow", INITIAL)
    await live.open(ANNA, epoch(10), THERE, "meadow", {})
    await writer.write(batch_of([session_write(ANNA, epoch(9), [b"x", b"666"])]))
    assert await live.remove(ANNA, epoch(9), HERE, 1000) is Removal.NOT_OURS
    assert await live.read(ANNA, epoch(9)) is None
    assert await live.read(ANNA, epoch(10)) == INITIAL
    assert await live.owner(ANNA) == Owner(epoch(10), THERE, "meadow")


async def test_removing_twice_finds_nothing_the_second_time(live: LiveSessions) -> None:
    await live.open(ANNA, epoch(7), HERE, "meadow", INITIAL)
    await live.remove(ANNA, epoch(7), HERE, 9)
    assert await live.remove(ANNA, epoch(7), HERE, 9) is Removal.GONE


async def test_a_hash_without_pointer_is_removed_unless_it_is_newer(live: LiveSessions, writer: TickWriter) -> None:
    await writer.write(batch_of([session_write(ANNA, epoch(7), [b"seq", b"10"])]))
    assert await live.remove(ANNA, epoch(7), HERE, 9) is Removal.NEWER
    assert await live.remove(ANNA, epoch(7), HERE, 10) is Removal.REMOVED
    assert await live.read(ANNA, epoch(7)) is None


async def test_nothing_of_a_session_ever_expires(live: LiveSessions, store: Store) -> None:
    await live.open(ANNA, epoch(7), HERE, "meadow", INITIAL)
    for key in await keys_in(store):
        assert await store.command("test", "PTTL", key) == -1, key


async def test_what_was_written_after_redis_lost_its_data_is_gone_when_the_player_comes_again(
    live: LiveSessions, writer: TickWriter, store: Store
) -> None:
    await live.open(ANNA, epoch(7), HERE, "meadow", INITIAL)
    await store.command("test", "FLUSHALL")
    await writer.write(batch_of([session_write(ANNA, epoch(7), [b"x", b"9"])]))  # and then the node died
    assert await live.open(ANNA, epoch(8), HERE, "meadow", INITIAL) == INITIAL
    assert await live.read(ANNA, epoch(7)) is None


async def test_sessions_of_a_node_without_any_is_empty(live: LiveSessions) -> None:
    assert await live.sessions_of(HERE) == set()


# --- the node's list ---


async def test_entries_of_sessions_that_are_not_live_here_are_struck_as_stale(live: LiveSessions, store: Store) -> None:
    await live.open(ANNA, epoch(7), HERE, "meadow", INITIAL)
    await live.open(BERT, epoch(7), HERE, "meadow", INITIAL)
    await store.command("test", "SADD", keys.node_sessions(HERE), "5:3", "6:3")
    await store.command("test", "SADD", keys.node_sessions(THERE), "5:4")
    await live.strike_stale(ANNA, HERE)
    await live.strike_stale(ANNA, THERE)
    assert set(await store.command("test", "SMEMBERS", keys.node_sessions(HERE))) == {"5:7", "6:7", "6:3"}
    assert await live.sessions_of(THERE) == set()


async def test_what_a_node_wrote_after_it_was_taken_over_is_gone_with_its_entry(
    live: LiveSessions, writer: TickWriter
) -> None:
    await live.open(ANNA, epoch(7), HERE, "meadow", INITIAL)
    await live.open(ANNA, epoch(8), THERE, "meadow", {})
    await writer.write(batch_of([session_write(ANNA, epoch(7), [b"x", b"9"])]))  # and then it died
    await live.strike_stale(ANNA, HERE)
    assert await live.read(ANNA, epoch(7)) is None
    assert await live.read(ANNA, epoch(8)) == INITIAL
    assert (await live.sessions_of(HERE), await live.sessions_of(THERE)) == (set(), {ANNA})


async def test_a_session_that_is_being_opened_is_not_struck_as_stale(
    live: LiveSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    try_open = live._try_open

    async def struck_in_between(*args: Any) -> tuple[str, list[str]]:
        await live.strike_stale(ANNA, HERE)
        return await try_open(*args)

    monkeypatch.setattr(live, "_try_open", struck_in_between)
    await live.open(ANNA, epoch(7), HERE, "meadow", INITIAL)
    assert await live.sessions_of(HERE) == {ANNA}


# --- another history of SQL ---


async def owned_by(store: Store, history: str, **fields: str) -> LiveSessions:
    """Anna's session in this history, on HERE."""
    live = LiveSessions(store)
    live.enter(history, adopts_unnamed=True)
    await live.open(ANNA, epoch(9), HERE, "meadow", INITIAL | fields)
    return live


async def test_the_pointer_names_the_history(store: Store) -> None:
    live = await owned_by(store, "db:one")
    assert await live.owner(ANNA) == Owner(epoch(9), HERE, "meadow", "db:one")
    assert (await live.open(ANNA, epoch(10), THERE, "meadow", {}))["x"] == "1.5"


async def test_a_session_of_another_history_is_set_aside_and_given_to_nobody(store: Store, live: LiveSessions) -> None:
    await owned_by(store, "db:one", coins="5000")
    live.enter("db:two", adopts_unnamed=True)
    owner = await live.owner(ANNA)
    assert owner is not None and owner.is_foreign
    assert await live.open(ANNA, epoch(10), THERE, "cave", {"x": "0"}) == {"x": "0"}
    assert await live.owner(ANNA) == Owner(epoch(10), THERE, "cave", "db:two")
    assert (await store.command("test", "HGETALL", "foreign:{5}:db:one:9"))["coins"] == "5000"
    assert await live.read(ANNA, epoch(9)) is None


async def test_a_foreign_pointer_without_a_session_keeps_nobody_out(store: Store, live: LiveSessions) -> None:
    await owned_by(store, "db:one")
    await store.command("test", "DEL", keys.session(ANNA, epoch(9)))
    live.enter("db:two", adopts_unnamed=True)
    assert await live.open(ANNA, epoch(10), THERE, "cave", {"x": "0"}) == {"x": "0"}
    assert not [key for key in await keys_in(store) if key.startswith("foreign:")]


async def test_a_session_that_is_not_to_be_taken_over_is_set_aside(store: Store) -> None:
    live = await owned_by(store, "db:one")
    assert await live.open(ANNA, epoch(10), HERE, "meadow", {"x": "0"}, take_over=False) == {"x": "0"}
    assert "foreign:{5}:db:one:9" in await keys_in(store)


@pytest.mark.parametrize("adopts", [True, False])
async def test_a_session_of_a_release_without_histories_belongs_to_the_first(live: LiveSessions, adopts: bool) -> None:
    await live.open(ANNA, epoch(9), HERE, "meadow", INITIAL)
    live.enter("db:one", adopts_unnamed=adopts)
    taken = await live.open(ANNA, epoch(10), HERE, "meadow", {"x": "0"})
    assert taken["x"] == ("1.5" if adopts else "0")


async def test_a_pointer_whose_history_changed_in_between_is_looked_at_again(
    store: Store, live: LiveSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    await owned_by(store, "db:one")
    live.enter("db:two", adopts_unnamed=True)
    owners = [Owner(epoch(9), HERE, "meadow", "db:two")]  # what is believed at first
    look = live.owner

    async def owner(player: PlayerId) -> Owner | None:
        return owners.pop() if owners else await look(player)

    monkeypatch.setattr(live, "owner", owner)
    assert await live.open(ANNA, epoch(10), THERE, "cave", {"x": "0"}) == {"x": "0"}


async def test_a_pointer_that_lost_its_epoch_keeps_nobody_out(store: Store) -> None:
    live = await owned_by(store, "db:one")
    await store.command("test", "DEL", keys.owner(ANNA))
    await store.command("test", "HSET", keys.owner(ANNA), "history", "db:one")
    assert await live.open(ANNA, epoch(10), THERE, "cave", {"x": "0"}) == {"x": "0"}


async def test_a_restored_session_names_its_history_and_leaves_a_foreign_one_alone(
    store: Store, live: LiveSessions
) -> None:
    await owned_by(store, "db:one")
    live.enter("db:two", adopts_unnamed=True)
    await live.restore(ANNA, epoch(10), THERE, "meadow", WHOLE, await live.owner(ANNA))
    assert await live.owner(ANNA) == Owner(epoch(10), THERE, "meadow", "db:two")
    assert await live.read(ANNA, epoch(9)) is not None


async def test_a_player_of_another_history_is_taken_off_the_list_and_nothing_else(store: Store) -> None:
    live = await owned_by(store, "db:one")
    before = await live.read(ANNA, epoch(9))
    await live.open(BERT, epoch(3), HERE, "meadow", INITIAL)
    await live.ignore(ANNA, HERE)
    assert await live.sessions_of(HERE) == {BERT}
    assert await live.read(ANNA, epoch(9)) == before is not None


# --- restore ---

WHOLE = {"zone": "meadow", "x": "7", "y": "8", "seq": "20", "state": "{}"}


async def test_a_session_whose_pointer_is_gone_is_put_back_whole(live: LiveSessions, store: Store) -> None:
    await live.restore(ANNA, epoch(9), HERE, "meadow", WHOLE, None)
    assert await live.read(ANNA, epoch(9)) == WHOLE
    assert await live.owner(ANNA) == Owner(epoch(9), HERE, "meadow")
    assert await live.sessions_of(HERE) == {ANNA}


async def test_what_a_tick_wrote_meanwhile_is_newer_and_stays(live: LiveSessions, writer: TickWriter) -> None:
    await writer.write(batch_of([session_write(ANNA, epoch(9), [b"seq", b"100", b"x", b"9"])]))
    await live.restore(ANNA, epoch(9), HERE, "meadow", WHOLE, None)
    assert await live.read(ANNA, epoch(9)) == WHOLE | {"seq": "100", "x": "9"}


async def test_an_older_hash_of_our_epoch_is_overwritten(live: LiveSessions) -> None:
    await live.open(ANNA, epoch(9), HERE, "meadow", INITIAL)
    await live.restore(ANNA, epoch(9), HERE, "meadow", WHOLE, await live.owner(ANNA))
    assert await live.read(ANNA, epoch(9)) == WHOLE


async def test_an_older_epochs_session_gives_way(live: LiveSessions, store: Store) -> None:
    await live.open(ANNA, epoch(9), HERE, "meadow", INITIAL)
    await live.restore(ANNA, epoch(10), HERE, "meadow", WHOLE, await live.owner(ANNA))
    assert await live.read(ANNA, epoch(10)) == WHOLE
    assert await keys_in(store) == {"owner:{5}", "session:{5}:10", "node:here:sessions"}
    assert await store.command("test", "SMEMBERS", keys.node_sessions(HERE)) == {"5:10"}


async def test_a_newer_epochs_session_is_never_replaced(live: LiveSessions) -> None:
    await live.open(ANNA, epoch(10), THERE, "meadow", INITIAL)
    with pytest.raises(StaleEpoch):
        await live.restore(ANNA, epoch(9), HERE, "meadow", WHOLE, None)
    assert await live.read(ANNA, epoch(10)) == INITIAL
    assert await live.read(ANNA, epoch(9)) is None
    assert await live.sessions_of(HERE) == set()


async def test_a_pointer_that_is_not_as_believed_is_looked_at_again(live: LiveSessions) -> None:
    await live.open(ANNA, epoch(8), THERE, "meadow", INITIAL)
    with pytest.raises(StoreUnavailable, match="changed"):
        await live.restore(ANNA, epoch(9), HERE, "meadow", WHOLE, None)
    assert await live.owner(ANNA) == Owner(epoch(8), THERE, "meadow")


async def test_fields_of_another_release_stay_in_the_hash_as_long_as_the_session_lives(
    live: LiveSessions, writer: TickWriter
) -> None:
    await live.open(ANNA, epoch(9), HERE, "meadow", {**INITIAL, "of_tomorrow": "7"})
    await live.open(ANNA, epoch(10), THERE, "meadow", {})
    assert (await writer.write(batch_of([session_write(ANNA, epoch(10), [b"x", b"3"])]))).fenced == set()
    before = await live.owner(ANNA)
    await live.restore(ANNA, epoch(10), THERE, "meadow", INITIAL, before)
    assert (await live.read(ANNA, epoch(10)) or {})["of_tomorrow"] == "7"

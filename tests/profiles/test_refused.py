"""A row that SQL cannot take is that row's trouble: with any error, the server does not count as away, and the rows
beside it are written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from gameserver.chat.rows import ChatLineRow, ChatRows
from gameserver.observability.metrics import REGISTRY
from gameserver.profiles.exchange import Exchanges
from gameserver.profiles.records import ExchangeOutcome, Save, SaveOutcome
from gameserver.profiles.repository import Profiles
from gameserver.protocol.ids import NodeId
from gameserver.session.saver import Saver
from gameserver.sql.backlog import Backlog
from gameserver.sql.database import Database, ProfilesUnavailable, StatementRefused
from gameserver.world.inventory import Holding
from tests.profiles.conftest import gift, new_player, save_of, total
from tests.profiles.proxy import plugged
from tests.servers.mariadb import MariaDb

PACKET_MAX = 1_048_576


def store_up() -> float | None:
    return REGISTRY.get_sample_value("gameserver_store_up", {"store": "sql"})


@asynccontextmanager
async def opened(url: str, timeout_s: float = 5.0) -> AsyncIterator[Database]:
    database = Database(url, pool_size=6, timeout_s=timeout_s)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def saving(database: Database) -> AsyncIterator[Saver]:
    saver = Saver(Profiles(database))
    running = asyncio.ensure_future(saver.run())
    yield saver
    assert not running.done(), "the saver's task died"
    running.cancel()
    await asyncio.wait((running,))


@pytest.fixture
async def small_packets(mariadb_server: MariaDb) -> AsyncIterator[Database]:
    mariadb_server.execute(f"SET GLOBAL max_allowed_packet={PACKET_MAX}")
    async with opened(mariadb_server.url(mariadb_server.migrated_database())) as database:
        yield database


async def check_that_only_ann_is_refused(database: Database, bad: Save, timeout_s: float = 10.0) -> None:
    ben, cem = await new_player(database), await new_player(database)
    async with saving(database) as saver:
        with capture_logs() as logged:
            saves = [saver.save(each) for each in (save_of(ben, x=7), bad, save_of(cem, x=8))]
            outcomes = await asyncio.wait_for(asyncio.gather(*saves), timeout_s)
            assert outcomes == [SaveOutcome.SAVED, SaveOutcome.REFUSED, SaveOutcome.SAVED]
        assert saver.available and not database.is_away and store_up() == 1
    (told,) = (line for line in logged if line["log_level"] == "error")
    assert (told["event"], told["player_id"]) == ("save_refused", bad.player_id)
    assert [line["event"] for line in logged if line["log_level"] == "warning"] == []


@pytest.mark.parametrize("size", [600_000, 9_000_000, 17_000_000])
async def test_a_state_longer_than_a_packet(small_packets: Database, size: int) -> None:
    ann = await new_player(small_packets)
    bad = msgspec.structs.replace(save_of(ann), state=b"x" * size)
    await check_that_only_ann_is_refused(small_packets, bad, timeout_s=30)


async def test_a_state_for_which_the_line_is_dropped_without_a_word(mariadb: MariaDb, mariadb_url: str) -> None:
    async with plugged(mariadb.port) as proxy:
        proxy.drops_long = True
        async with opened(mariadb.url(mariadb_url.rpartition("/")[2], port=proxy.port)) as database:
            ann = await new_player(database)
            bad = msgspec.structs.replace(save_of(ann), state=b"x" * 300_000)
            await check_that_only_ann_is_refused(database, bad)


@pytest.mark.parametrize(
    "holding",
    [Holding(-1, 0, 0), Holding(2**70, 2**70, 0), Holding(1.5, object(), 0), Holding(float("nan"), 0, 0)],  # type: ignore[arg-type]
    ids=["a negative quantity", "a huge one", "an object", "no number"],
)
async def test_a_quantity_that_is_none(database: Database, sql_url: str, holding: Holding) -> None:
    ann = await new_player(database)
    bad = msgspec.structs.replace(save_of(ann, inventory_seq=9), inventory={"coin": holding})
    await check_that_only_ann_is_refused(database, bad)


async def test_an_item_that_is_no_text(database: Database) -> None:
    ann = await new_player(database)
    bad = msgspec.structs.replace(save_of(ann, inventory_seq=9), inventory={"\ud800": Holding(1, 1, 0)})
    await check_that_only_ann_is_refused(database, bad)


async def test_an_item_and_a_zone_too_long_for_their_columns(mariadb_url: str) -> None:
    async with opened(mariadb_url) as database:
        ann = await new_player(database)
        await check_that_only_ann_is_refused(database, save_of(ann, inventory_seq=9, **{"x" * 65: 1}))
        await check_that_only_ann_is_refused(database, msgspec.structs.replace(save_of(ann), zone="z" * 65))


async def test_a_player_whose_row_somebody_locks(mariadb_url: str) -> None:
    async with opened(mariadb_url, timeout_s=1.0) as database, opened(mariadb_url) as support:
        ann = await new_player(database)
        async with support.begin() as connection:
            await connection.execute(text(f"UPDATE profile SET x = 9 WHERE player_id = {ann.player_id}"))
            await check_that_only_ann_is_refused(database, save_of(ann))


async def test_a_gift_that_sql_refuses_costs_only_itself(small_packets: Database) -> None:
    players = [await new_player(small_packets, coin=5) for _ in range(6)]
    exchanges = Exchanges(small_packets)
    gifts = [gift(players[at], players[at + 1], "coin", 1, op_id=f"{at}") for at in (0, 2, 4)]
    bad = msgspec.structs.replace(gifts[1], op_id="\ud800")
    long = msgspec.structs.replace(gifts[2], op_id="x" * PACKET_MAX)
    done, first, second = await asyncio.gather(
        *(exchanges.apply(each) for each in (gifts[0], bad, long)), return_exceptions=True
    )
    assert done is ExchangeOutcome.DONE
    assert isinstance(first, StatementRefused) and isinstance(second, StatementRefused)
    assert await total(Profiles(small_packets), "coin", *players) == 30
    assert not small_packets.is_away


async def test_a_chat_line_that_sql_refuses_costs_only_itself(database: Database) -> None:
    chat = ChatRows(database)
    backlog = Backlog("chat", chat.append)
    ann = await new_player(database)
    for number in range(20):
        words = "\ud800" if number == 13 else f"{number}"
        backlog.add(ChatLineRow("meadow", ann.player_id, "ann", None, words, number))
    with capture_logs() as logged:
        assert await backlog.flush()
    assert [line.text for line in await chat.last("meadow", 30)] == [f"{n}" for n in range(20) if n != 13]
    assert [(line["event"], line["player_id"]) for line in logged] == [("row_refused", ann.player_id)]


# --- a server that takes no writes ---


@pytest.fixture
async def limited(mariadb_server: MariaDb) -> AsyncIterator[Database]:
    """Connect as a user whom read-only stops: root may write all the same."""
    name = mariadb_server.migrated_database()
    mariadb_server.execute(
        "CREATE USER app@'127.0.0.1'", f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name}.* TO app@'127.0.0.1'"
    )
    async with opened(mariadb_server.url(name).replace("root@", "app@")) as database:
        yield database


async def test_a_server_that_is_read_only_is_away_until_it_takes_writes(
    limited: Database, mariadb_server: MariaDb
) -> None:
    ann = await new_player(limited)
    profiles = Profiles(limited)
    with capture_logs() as logged:
        mariadb_server.execute("SET GLOBAL read_only=1")
        with pytest.raises(ProfilesUnavailable) as refused:
            await profiles.save(save_of(ann))
        assert not isinstance(refused.value, StatementRefused)
        for _ in range(25):
            assert await profiles.current(ann.player_id), "reading works"
            assert limited.is_away and store_up() == 0
            await asyncio.sleep(0.1)
        with pytest.raises(ProfilesUnavailable, match="read-only"):
            await profiles.claim(ann.player_id, NodeId("n"))
        mariadb_server.execute("SET GLOBAL read_only=0")
        async with asyncio.timeout(5):
            while limited.is_away:
                await asyncio.sleep(0.05)
        assert store_up() == 1
    away, back = (line for line in logged if line["event"] in ("sql_away", "sql_back"))
    assert (away["event"], away["takes_no_writes"], back["event"]) == ("sql_away", True, "sql_back")
    assert "read-only" in away["error"] and 2 < back["away_s"] < 20


async def test_a_server_that_becomes_read_only_is_noticed_though_nobody_writes(
    limited: Database, mariadb_server: MariaDb
) -> None:
    mariadb_server.execute("SET GLOBAL read_only=1")
    async with asyncio.timeout(10):
        while not limited.is_away:
            await asyncio.sleep(0.05)
    mariadb_server.execute("SET GLOBAL read_only=0")
    async with asyncio.timeout(5):
        while limited.is_away:
            await asyncio.sleep(0.05)


async def test_a_server_that_is_read_only_at_the_start_is_told(limited: Database, mariadb_server: MariaDb) -> None:
    mariadb_server.execute("SET GLOBAL read_only=1")
    with pytest.raises(ProfilesUnavailable, match="read-only"):
        await limited.ping()
    mariadb_server.execute("SET GLOBAL read_only=0")

"""An open database on each server, and players in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from itertools import count

import pytest

from gameserver.accounts.rows import Accounts
from gameserver.profiles.exchange import Exchanges
from gameserver.profiles.records import Exchange, Party, Profile, Save
from gameserver.profiles.repository import Profiles
from gameserver.protocol.ids import Epoch, NodeId, PlayerId
from gameserver.sql.database import Database
from gameserver.world.inventory import Holding

_numbers = count(1)


@pytest.fixture
async def database(sql_url: str) -> AsyncIterator[Database]:
    database = Database(sql_url, pool_size=4, timeout_s=10)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def profiles(database: Database) -> Profiles:
    return Profiles(database)


@pytest.fixture
def exchanges(database: Database) -> Exchanges:
    return Exchanges(database)


@pytest.fixture
def accounts(database: Database) -> Accounts:
    return Accounts(database)


async def new_player(database: Database, **holdings: int) -> Profile:
    """A claimed profile that holds these quantities, all of them minted for it."""
    name = f"player {next(_numbers)}"
    player_id = await Accounts(database).create(name, name.encode(), "hash", None, 1)
    profiles = Profiles(database)
    claimed = await profiles.claim(player_id, NodeId("node-1"))
    await profiles.save(save_of(claimed, inventory_seq=1, **holdings))
    kept = await profiles.current(player_id)
    assert kept is not None
    return kept


def save_of(profile: Profile, *, seq: int = 0, inventory_seq: int = 0, x: float = 1.5, **holdings: int) -> Save:
    """The next save of this session unless numbers are given."""
    return Save(
        player_id=profile.player_id,
        epoch=profile.epoch,
        seq=seq or profile.saved_seq + 1,
        zone="meadow",
        x=x,
        y=2.5,
        facing=64,
        state=b'{"quest":3}',
        inventory_seq=inventory_seq or profile.inventory_seq,
        inventory={kind: Holding(quantity, quantity, 0) for kind, quantity in holdings.items()},
    )


def gift(giver: Profile, receiver: Profile, kind: str, quantity: int, *, op_id: str) -> Exchange:
    """The giver hands the receiver something, from what these two profiles say."""
    return Exchange(op_id, (_after(giver, kind, -quantity), _after(receiver, kind, quantity)), f"{quantity} {kind}")


def older(profile: Profile) -> Epoch:
    return Epoch(profile.epoch - 1)


async def total(profiles: Profiles, kind: str, *players: Profile) -> int:
    """Sum ``kind`` over these players, and check that each row balances with minted and burned."""
    holdings = [await holding(profiles, player.player_id, kind) for player in players]
    assert sum(each.quantity - each.minted + each.burned for each in holdings) == 0
    return sum(each.quantity for each in holdings)


async def holding(profiles: Profiles, player_id: PlayerId, kind: str) -> Holding:
    now = await profiles.current(player_id)
    assert now is not None
    return now.inventory.get(kind, Holding())


def _after(profile: Profile, kind: str, change: int) -> Party:
    before = profile.inventory.get(kind, Holding())
    changed = {**profile.inventory, kind: before._replace(quantity=before.quantity + change)}
    return Party(profile.player_id, profile.epoch, profile.inventory_seq + 1, changed)


@pytest.fixture
async def silent_port() -> AsyncIterator[int]:
    """Give the port of a server that takes every connection and never says anything."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(ConnectionError):
            await reader.read()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]

"""Writes a tick's changes to the session hashes: the hot path, one round trip for all players of the tick.

Owns one connection and uses it for nothing else. Three laws. A reply is only ever read by the write that asked for it:
whatever ends a write early closes the connection. A newer write is never overtaken by an older one: before a new
connection is used, the server is made to drop the one before, with whatever it had not yet read from it. And a server
that may not have what was written before gets nothing until all of it is to be written again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol, cast

import structlog
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import InvalidResponse, ReadOnlyError

from gameserver.live import keys
from gameserver.live.batch import Batch
from gameserver.protocol.ids import Epoch, PlayerId
from gameserver.store.connection import Store, StoreUnavailable
from gameserver.store.pipeline import Pipeline, is_of_another_type
from gameserver.store.resp import pack
from gameserver.store.sentinels import is_current

_CHANGED = b":0\r\n"  # the reply to an HSET that added no field: to nearly all of them
_PONG = b"+PONG\r\n"
_NO_CLIENT = 2**62  # a client id that no server has given out
_PREDECESSORS_MAX = 16

log = structlog.get_logger(__name__)


class ServerChanged(StoreUnavailable):
    """Nothing was written. This is another server than last time, or it has started again since: it may lack the last
    writes, or hold older sessions. Whatever it is to have has to be written whole; the next write goes to it."""


class OwnerMissing(StoreUnavailable):
    """The write landed, but these players' pointers are gone or name an older epoch: the server has lost data. Nobody
    would find the written hashes, so nothing of this batch may be acked ``stored`` until the sessions are opened again.
    """

    def __init__(self, players: set[PlayerId]):
        super().__init__(f"tick_write: {len(players)} players have no owner, or an older one")
        self.players = players


class Check(NamedTuple):
    """A session to look at after the write, which is needed before an ack ``stored``. ``fields`` is how many its hash
    has at least, if the server has lost none of them."""

    player: PlayerId
    epoch: Epoch
    fields: int = 0


class Found(NamedTuple):
    """``fenced``: of the checked, those whose pointer names a newer epoch. ``torn``: of the checked, those whose hash
    lacks fields. ``grown``: of the written, those whose hash got fields that it did not have: those of a new kind of
    item, or it is torn, or of a dead epoch."""

    fenced: frozenset[PlayerId] = frozenset()
    torn: frozenset[PlayerId] = frozenset()
    grown: frozenset[PlayerId] = frozenset()


NOTHING_FOUND: Final = Found()


class SessionWriter(Protocol):
    """The writer of session hashes: ``TickWriter``, or ``ClusterWriter`` with one of those for each primary."""

    async def write(self, batch: Batch, checked: Sequence[Check] = ()) -> Found: ...

    async def ping(self) -> None: ...


class _Server(NamedTuple):
    """A server while it holds one history of writes: another process, or one that became primary anew, differs."""

    run_id: str
    replication_id: str


class TickWriter:
    """Writes to one server, one write at a time; a second caller waits within its deadline. ``connection`` is
    dedicated to this writer; by default one to the store's only server."""

    def __init__(self, store: Store, connection: AbstractConnection | None = None):
        self._store = store
        self._connection = connection or store.dedicated_connection()
        self._pipeline: Pipeline | None = None  # while connected
        self._turn = asyncio.Lock()
        self._name = f"tick-{secrets.token_hex(8)}"  # how the server tells our connections from others'
        self._server: _Server | None = None  # the last we were connected to
        self._predecessors: dict[str, int] = {}  # run_id -> id there of the last connection that may have sent a write

    async def write(self, batch: Batch, checked: Sequence[Check] = ()) -> Found:
        """Write all of ``batch``, then look at ``checked``.

        Raises ServerChanged or OwnerMissing, or else StoreUnavailable when the deadline passes or any reply is an
        error; then any part of the batch may have been written, and writing it again does no harm. Never write a
        session whose ``remove`` has begun.
        """
        if not batch and not checked:
            return NOTHING_FOUND
        looks = [_look(player, epoch) for player, epoch, _ in checked]
        packed = batch.packed()
        if looks:
            packed = packed + b"".join([asked for asked, _ in looks])
        answers = [b":%d\r\n%b" % (check.fields, ours) for check, (_, ours) in zip(checked, looks, strict=True)]
        usual = _CHANGED * len(batch) + b"".join(answers)
        with self._store.measured("tick_write"):
            async with asyncio.timeout(self._store.timeout_s) as deadline, self._turn:
                replies = await self._exchange(packed, len(batch) + 2 * len(checked), usual, deadline)
        if replies is None:
            return NOTHING_FOUND
        await self._clear(checked, replies[len(batch) :: 2])
        return _found(batch, checked, replies)

    async def _clear(self, checked: Sequence[Check], counts: Sequence[Any]) -> None:
        """Delete what is no hash under the name of one of ours: else the session could never be written again."""
        for check, count in zip(checked, counts, strict=True):
            if is_of_another_type(count):
                key = keys.session(check.player, check.epoch)
                log.error("key_of_another_type", key=key, player_id=check.player)
                await self._store.command("clear", "DEL", key)

    async def ping(self) -> None:
        """Raises StoreUnavailable when a write could not be made now."""
        with self._store.measured("tick_ping"):
            async with asyncio.timeout(self._store.timeout_s) as deadline, self._turn:
                await self._exchange(pack(b"PING"), 1, _PONG, deadline)

    async def _exchange(
        self, packed: bytes | bytearray, count: int, usual: bytes, deadline: asyncio.Timeout
    ) -> list[Any] | None:
        pipeline = await self._make_ready()
        # On Python 3.11 the ``wait_for`` in redis-py's connecting can lose the cancellation that is the deadline (it
        # returns normally), and what waits below would wait for ever, with its turn taken.
        if deadline.expired():
            raise TimeoutError
        try:
            return await pipeline.ask(packed, count, usual)
        except BaseException:
            # Also cancellation: the replies to this write must not meet the next one. And who refuses a write may be
            # the primary no more.
            await self._drop()
            raise

    async def _make_ready(self) -> Pipeline:
        pipeline = self._pipeline
        if pipeline is not None and self._connection.is_connected:
            if pipeline.is_clean and is_current(self._connection):
                return pipeline
            await self._drop()  # the primary is elsewhere; or it closed, or sent something that nobody asked for
        try:
            await self._connection.connect()  # type: ignore[no-untyped-call]
            server = await self._meet()
            pipeline = Pipeline(_transport(self._connection))
        except BaseException:
            await self._drop()
            raise
        self._pipeline = pipeline
        before, self._server = self._server, server
        if before not in (None, server):
            raise ServerChanged("tick_write: redis has restarted or failed over; everything is written again")
        return self._pipeline

    async def _meet(self) -> _Server:
        """Return the connected server, after it has ended our previous connection. To close that connection is not
        enough: its last commands may still wait in the server, and would be applied after those of this connection.

        Commands that wait in another server's process do no harm here. That process is dead, or was the primary before.
        To become primary again it must first be a replica, which refuses such a write and copies this server's data.

        Without one to end, an id that does not exist is "ended", so that a user without the permission is found out
        now and not in the first outage.
        """
        await self._ask("CLIENT", "SETNAME", self._name)
        about = _fields_of(await self._ask("INFO", "server", "replication"))
        if about["role"] != "master":
            raise ReadOnlyError("redis is a replica here")
        server = _Server(about["run_id"], about["master_replid"])
        await self._ask("CLIENT", "KILL", "ID", self._predecessors.get(server.run_id, _NO_CLIENT))
        self._predecessors[server.run_id] = int(await self._ask("CLIENT", "ID"))
        if len(self._predecessors) > _PREDECESSORS_MAX:
            del self._predecessors[next(iter(self._predecessors))]
        if await self._connection.can_read():
            raise InvalidResponse("tick_write: redis sent what nobody asked for")
        return server

    async def _ask(self, *words: str | int) -> Any:
        await self._connection.send_command(*words)
        return await self._connection.read_response()

    async def _drop(self) -> None:
        self._pipeline = None
        if self._connection.is_connected:
            _transport(self._connection).abort()  # close() would go on sending what is buffered
        await self._connection.disconnect(nowait=True)


def _transport(connection: AbstractConnection) -> asyncio.Transport:
    """Return the transport of redis-py's connection, which has no public name for it."""
    writer = connection._writer
    assert writer is not None
    return cast(asyncio.Transport, writer.transport)


@lru_cache(maxsize=1 << 14)  # each session is looked at twice a second
def _look(player: PlayerId, epoch: Epoch) -> tuple[bytes, bytes]:
    """Return what counts the hash's fields and then reads the pointer, and the reply to the second while nobody else
    owns the player. In this order, a takeover between the two shows as one."""
    key, ours = keys.owner(player).encode(), b"%d" % epoch
    asked = pack(b"HLEN", keys.session(player, epoch).encode()) + pack(b"HGET", key, b"epoch")
    return asked, b"$%d\r\n%b\r\n" % (len(ours), ours)


def _found(batch: Batch, checked: Sequence[Check], replies: Sequence[Any]) -> Found:
    """A key of another type counts as one that is not there. Raises OwnerMissing."""
    added = [1 if is_of_another_type(reply) else reply for reply in replies[: len(batch)]]  # to be looked at
    replies = [0 if is_of_another_type(reply) else reply for reply in replies]
    counts = replies[len(batch) :: 2]
    pointers = [keys.number(pointer or b"") or 0 for pointer in replies[len(batch) + 1 :: 2]]
    looked_at = list(zip(checked, pointers, counts, strict=True))
    if lost := {check.player for check, pointer, _ in looked_at if pointer < check.epoch}:
        raise OwnerMissing(lost)
    return Found(
        fenced=frozenset(check.player for check, pointer, _ in looked_at if pointer > check.epoch),
        torn=frozenset(
            check.player for check, pointer, count in looked_at if pointer == check.epoch and count < check.fields
        ),
        grown=frozenset(player for player, count in zip(batch.players, added, strict=True) if count),
    )


def _fields_of(info: str) -> dict[str, str]:
    return {name: value for name, colon, value in (line.partition(":") for line in info.splitlines()) if colon}

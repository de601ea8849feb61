"""Calls to Redis through a wire that loses, tears and delays, by callers who are cancelled. Then the real Redis is
asked what was done.

Every call has values of its own, so that a reply given to the wrong caller shows, and most change something that shows
when it is done twice. What was not answered is unknown: it may have been done once or not at all.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random

import redis as redis_py

from gameserver import failpoints
from gameserver.live.batch import Batch
from gameserver.live.sessions import LiveSessions, Owner, Removal, StaleEpoch
from gameserver.live.tick_writer import NOTHING_FOUND, Check, TickWriter
from gameserver.protocol.ids import Epoch, NodeId, PlayerId
from gameserver.store.connection import CONNECTIONS_MAX, Store, StoreUnavailable
from gameserver.store.server import OneServer
from tests.faults.verdicts import Verdicts
from tests.live.batches import batch_of, session_write
from tests.servers.lossy import Fate, LossyWire, lossy
from tests.servers.redis import RunningRedis

CALLERS = 64  # at once; the pool has connections for a quarter of them
TIMEOUT_S = 0.25
HUNG_S = 40 * TIMEOUT_S  # far beyond what the longest kind of call may take
SETTLED_S = 5.0
FATES_SHARE = 0.02  # of the chunks each way
CANCELLED_SHARE = 0.15
CANCELLED_WITHIN_S = 0.02
KINDS = {"probe": 45, "open": 15, "remove": 14, "read": 8, "owner": 8, "tick": 10}  # weights
NODE, ZONE = NodeId("calls"), "meadow"
PROBES = "probes"
TIMES = 4096  # a probe adds its number times this, plus one: the remainder counts how often it was added
STANDING = range(1, 65)  # players of whom is only read
TICKED = range(101, 165)  # players whom ticks write; those with an odd number have been taken over
SEASON = 500  # after so many calls ticks write another field, so that one written out of turn is not covered up soon
FIRST_OPENED = 1000  # a call that opens a session does so for a player of its own


@dataclass
class Played:
    verdicts: Verdicts
    outcomes: Counter[str]  # of the calls: answered, cancelled, unavailable
    fates: Counter[Fate]


async def run(calls: int, seed: int) -> Verdicts:
    return (await play(calls, seed)).verdicts


async def play(calls: int, seed: int) -> Played:
    """So many calls on a Redis of their own."""
    verdicts = Verdicts()
    async with _redis() as redis, lossy(redis.port, seed=seed, share=FATES_SHARE) as wire:
        with redis_py.Redis.from_url(redis.url, decode_responses=True) as truth:
            await asyncio.to_thread(_prepare, truth)
            store = Store(f"redis://127.0.0.1:{wire.port}/0", timeout_s=TIMEOUT_S)
            callers = Callers(store, seed, verdicts)
            await callers.call(calls)
            await _check_pool(wire, store, callers.writer, truth, verdicts)
            await asyncio.to_thread(callers.compare, truth)
            await store.close()
            verdicts.check("degrade, never lie", await _has_clients(truth, 0), "a closed store left connections")
    return Played(verdicts, callers.outcomes, wire.fates)


class Callers:
    """Make the calls, judge every reply, and remember what to compare with the truth afterwards."""

    def __init__(self, store: Store, seed: int, verdicts: Verdicts):
        self.outcomes: Counter[str] = Counter()
        self._store = store
        self._live = LiveSessions(store)
        self.writer = TickWriter(store)
        self._seed = seed
        self._verdicts = verdicts
        self._kinds = {kind: getattr(self, f"_{kind}") for kind in KINDS}
        self._probed: dict[int, bool] = {}  # number -> it was answered
        self._opened: dict[int, bool] = {}
        self._removed: dict[int, bool] = {}
        self._removable: list[int] = []
        self._tick_seqs = itertools.count(1)
        self._written: dict[tuple[int, str], int] = {}  # player, field -> seq of the newest write answered

    async def call(self, calls: int) -> None:
        numbers = iter(range(1, calls + 1))
        await asyncio.gather(*(self._call_each(numbers) for _ in range(CALLERS)))

    async def _call_each(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            random = Random(f"{self._seed}:{number}")
            [kind] = random.choices(list(KINDS), list(KINDS.values()))
            task = asyncio.create_task(self._kinds[kind](number, random))
            if random.random() < CANCELLED_SHARE:
                await asyncio.sleep(random.uniform(0, CANCELLED_WITHIN_S))
                task.cancel()
            done, _ = await asyncio.wait({task}, timeout=HUNG_S)
            if self._verdicts.check("degrade, never lie", bool(done), f"{kind} {number} hangs"):
                self.outcomes[_outcome(task)] += 1

    # --- the kinds of call: each raises StoreUnavailable, or judges its reply ---

    async def _probe(self, number: int, _random: Random) -> None:
        self._probed[number] = False
        reply = int(await self._store.command("probe", "HINCRBY", PROBES, number, number * TIMES + 1))
        self._probed[number] = True
        times = reply % TIMES
        self._is_own(reply == number * TIMES * times + times, f"probe {number}", reply)
        self._is_once(times == 1, f"probe {number}", f"{times} times")

    async def _open(self, number: int, _random: Random) -> None:
        self._opened[number] = False
        try:
            fields = await self._live.open(_player(number), _epoch(number), NODE, ZONE, _fields(number))
        except StaleEpoch as stale:
            self._is_once(False, f"open {number}", str(stale))  # nobody else opens for this player
            return
        self._opened[number] = True
        self._is_own(fields == _fields(number), f"open {number}", fields)
        self._removable.append(number)

    async def _remove(self, number: int, random: Random) -> None:
        if not self._removable:
            await self._probe(number, random)
            return
        opened = self._removable.pop(random.randrange(len(self._removable)))
        self._removed[opened] = False
        removal = await self._live.remove(_player(opened), _epoch(opened), NODE, saved_seq=1)
        self._removed[opened] = True
        self._is_once(removal is not Removal.GONE, f"remove {opened}", removal)
        self._is_own(removal in (Removal.REMOVED, Removal.GONE), f"remove {opened}", removal)

    async def _read(self, number: int, random: Random) -> None:
        player = random.choice(STANDING)
        fields = await self._live.read(PlayerId(player), _epoch(player))
        self._is_own(fields == _fields(player), f"read {number} of {player}", fields)

    async def _owner(self, number: int, random: Random) -> None:
        player = random.choice(STANDING)
        owner = await self._live.owner(PlayerId(player))
        self._is_own(owner == Owner(_epoch(player), NODE, ZONE), f"owner {number} of {player}", owner)

    async def _tick(self, number: int, random: Random) -> None:
        *written, looked_at = random.sample(TICKED, 4)
        seq = next(self._tick_seqs)  # writes take their turn in the order they come
        name = f"seq {number // SEASON}"
        fields = [name.encode(), str(seq).encode()]
        batch = batch_of(session_write(PlayerId(player), _epoch(player), fields) for player in written)
        checks = [Check(PlayerId(player), _epoch(player)) for player in (*written, looked_at)]
        fenced = (await self.writer.write(batch, checks)).fenced
        self._is_own(fenced == {p for p in (*written, looked_at) if p % 2}, f"tick {number}", fenced)
        for player in written:
            self._written[player, name] = max(seq, self._written.get((player, name), 0))

    def _is_own(self, is_kept: bool, call: str, reply: object) -> None:
        self._verdicts.check("isolation", is_kept, f"{call} was given another's reply: {reply}")

    def _is_once(self, is_kept: bool, call: str, found: str) -> None:
        self._verdicts.check("exactly-once inputs", is_kept, f"{call} was done more than once: {found}")

    # --- the truth ---

    def compare(self, truth: redis_py.Redis) -> None:
        """Check that every answered call was carried out, and none twice."""
        probes: dict[str, str] = truth.hgetall(PROBES)  # type: ignore[assignment]
        for number, was_answered in self._probed.items():
            times = int(probes.get(str(number), 0)) % TIMES
            self._is_once(times <= 1, f"probe {number}", f"{times} times")
            self._is_done(times >= 1 or not was_answered, f"probe {number}")
        for number, was_answered in self._opened.items():
            if was_answered and number not in self._removed:
                found = truth.hgetall(f"session:{{{_player(number)}}}:{_epoch(number)}")
                self._is_done(found == _fields(number), f"open {number}")
        for number, was_answered in self._removed.items():
            if was_answered:
                names = (f"owner:{{{_player(number)}}}", f"session:{{{_player(number)}}}:{_epoch(number)}")
                self._is_done(truth.exists(*names) == 0, f"remove {number}")
        for (player, name), seq in self._written.items():
            found_seq = int(str(truth.hget(f"session:{{{player}}}:{_epoch(player)}", name) or 0))
            self._is_done(found_seq >= seq, f"write {seq} to player {player} (its {name} is {found_seq})")

    def _is_done(self, is_kept: bool, call: str) -> None:
        self._verdicts.check("true acks", is_kept, f"{call} was answered and is not there")


async def _check_pool(
    wire: LossyWire, store: Store, writer: TickWriter, truth: redis_py.Redis, verdicts: Verdicts
) -> None:
    """The wire works again: every connection of the pool is free and works, and the server knows of no others."""
    wire.share = 0.0
    async with asyncio.timeout(SETTLED_S):
        while not wire.is_quiet:
            await asyncio.sleep(0.02)
    numbers = [str(number) for number in range(2 * CONNECTIONS_MAX)]
    echoes = (store.command("echo", "ECHO", number) for number in numbers)
    write = writer.write(Batch(), [Check(PlayerId(STANDING[0]), _epoch(STANDING[0]))])
    *replies, found = await asyncio.gather(*echoes, write, return_exceptions=True)
    verdicts.check("degrade, never lie", replies == numbers, f"the pool does not work again: {replies}")
    verdicts.check("degrade, never lie", found == NOTHING_FOUND, f"ticks cannot write again: {found!r}")
    assert isinstance(store._servers, OneServer)
    (idle, _), (in_use, _) = store._servers._pool.get_connection_count()
    verdicts.check("degrade, never lie", in_use == 0, f"{in_use} connections never came back to the pool")
    verdicts.check("degrade, never lie", idle <= CONNECTIONS_MAX, f"the pool has {idle} connections")
    connected = idle + 1
    verdicts.check("degrade, never lie", await _has_clients(truth, connected), f"not {connected} at the server")


async def _has_clients(truth: redis_py.Redis, count: int) -> bool:
    """Whether the server comes to have so many clients besides this one."""
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLED_S):
            while len(await asyncio.to_thread(truth.client_list)) != count + 1:
                await asyncio.sleep(0.02)
            return True
    return False


def _prepare(truth: redis_py.Redis) -> None:
    for player in (*STANDING, *TICKED):
        is_taken_over = player in TICKED and player % 2
        owner = {"epoch": _epoch(player) + bool(is_taken_over), "node": NODE, "zone": ZONE}
        truth.hset(f"owner:{{{player}}}", mapping=owner)  # type: ignore[arg-type]
        truth.hset(f"session:{{{player}}}:{_epoch(player)}", mapping=_fields(player))  # type: ignore[arg-type]


def _player(number: int) -> PlayerId:
    return PlayerId(FIRST_OPENED + number)


def _epoch(number: int) -> Epoch:
    return Epoch(10 * number + 7)


def _fields(number: int) -> dict[str, str]:
    return {"zone": ZONE, "seq": "0", "token": f"of {number}"}


def _outcome(task: asyncio.Task[None]) -> str:
    if task.cancelled():
        return "cancelled"
    error = task.exception()
    if isinstance(error, StoreUnavailable):
        return "unavailable"
    if error is not None:
        raise error
    return "answered"


@asynccontextmanager
async def _redis() -> AsyncIterator[RunningRedis]:
    redis = RunningRedis("redis7")
    try:
        await asyncio.to_thread(redis.start)
        yield redis
    finally:
        redis.remove()


if __name__ == "__main__":
    failpoints.arm(os.environ)
    started_s, calls = time.monotonic(), int(sys.argv[1])
    played = asyncio.run(play(calls, int(sys.argv[2])))
    print(f"{calls / (time.monotonic() - started_s):,.0f} calls/s", dict(played.outcomes), dict(played.fates))
    print(dict(played.verdicts.checked), *played.verdicts.violations[:20], sep="\n")

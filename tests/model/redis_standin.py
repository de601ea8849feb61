"""Redis in memory: the commands and scripts that the store sends, on dicts, behind a server that fails on purpose.

``LiveSessions`` and ``NodeLeases`` run on it as they are, call by call; the contract tests of the store do, too
(test_standins.py). Law: what a script does is one instant; what a tick writes is not.
"""

from __future__ import annotations

import asyncio
import fnmatch
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import hiredis

from gameserver.live import keys
from gameserver.live.batch import Batch
from gameserver.live.tick_writer import NOTHING_FOUND, Check, Found, TickWriter, _found
from gameserver.protocol.ids import Epoch, PlayerId
from gameserver.store.connection import Store, StoreUnavailable
from gameserver.store.server import Send
from tests.model.server import Call, Lost, Server
from tests.model.weather import Weather

T = TypeVar("T")


class Keyspace:
    """The content of Redis. ``opened(player, epoch, is_anew)`` is called when a session was made the live one."""

    def __init__(self, now_s: Callable[[], float]):
        self._now_s = now_s
        self.hashes: dict[str, dict[str, str]] = {}
        self.sets: dict[str, set[str]] = {}
        self.strings: dict[str, tuple[str, float]] = {}  # value and when it expires
        self.opened: Callable[[PlayerId, Epoch, bool], None] = lambda player, epoch, is_anew: None
        self.restored: Callable[[PlayerId], None] = lambda player: None  # called when a session was put back

    def all_keys(self) -> list[str]:
        return [*self.hashes, *self.sets, *(key for key in self.strings if self.text(key) is not None)]

    def empty(self) -> None:
        self.hashes.clear()
        self.sets.clear()
        self.strings.clear()

    def text(self, key: str) -> str | None:
        value, until_s = self.strings.get(key, ("", 0.0))
        return value if self._now_s() < until_s else None

    def pointer(self, owner: str) -> str:
        return self.hashes.get(owner, {}).get("epoch", "")

    def delete(self, *names: str) -> int:
        kinds: tuple[dict[str, Any], ...] = (self.hashes, self.sets, self.strings)
        return sum(kind.pop(name, None) is not None for kind in kinds for name in names)

    def run(self, operation: str, words: Sequence[str]) -> Any:
        """One command, or the script that ``operation`` names."""
        name, *args = words
        if name == "EVALSHA":
            count = int(args[1])
            return SCRIPTS[operation](self, args[2 : 2 + count], args[2 + count :])
        return COMMANDS[name](self, *args)


def _hset(data: Keyspace, key: str, *pairs: str) -> int:
    kept = data.hashes.setdefault(key, {})
    before = len(kept)
    kept.update(zip(pairs[::2], pairs[1::2], strict=True))
    return len(kept) - before


def _sadd(data: Keyspace, key: str, *members: str) -> int:
    data.sets.setdefault(key, set()).update(members)
    return len(members)


def _srem(data: Keyspace, key: str, *members: str) -> int:
    left = data.sets.get(key, set()) - set(members)
    data.sets.pop(key, None)
    if left:
        data.sets[key] = left
    return len(members)


def _set(data: Keyspace, key: str, value: str, *options: str) -> str:
    data.strings[key] = (value, data._now_s() + int(options[1]) / 1000 if options else float("inf"))
    return "OK"


def _pttl(data: Keyspace, key: str) -> int:
    if data.text(key) is None:
        return -1 if key in data.hashes or key in data.sets else -2
    until_s = data.strings[key][1]
    return -1 if until_s == float("inf") else int((until_s - data._now_s()) * 1000)


def _pexpiretime(data: Keyspace, key: str) -> int:
    pttl = _pttl(data, key)
    return pttl if pttl < 0 else int(data.strings[key][1] * 1_000_000)  # so fine that every SET shows


COMMANDS: dict[str, Callable[..., Any]] = {
    "PING": lambda data: "PONG",
    "KEYS": lambda data, pattern: fnmatch.filter(data.all_keys(), pattern),
    "DEL": lambda data, *names: data.delete(*names),
    "FLUSHALL": lambda data: data.empty(),
    "EXISTS": lambda data, key: int(key in data.all_keys()),
    "HSET": _hset,
    "HGETALL": lambda data, key: dict(data.hashes.get(key, {})),
    "SADD": _sadd,
    "SREM": _srem,
    "SMEMBERS": lambda data, key: dict.fromkeys(sorted(data.sets.get(key, ()))).keys(),  # a set, always in one order
    "SET": _set,
    "PTTL": _pttl,
    "GET": lambda data, key: data.text(key),
    "PEXPIRETIME": _pexpiretime,
}


def _open(data: Keyspace, where: Sequence[str], args: Sequence[str]) -> list[str]:
    owner, new, old, aside = where
    epoch, node, zone, believed, believed_history, history, take_over, *initial = args
    pointer = data.pointer(owner)
    if pointer and int(pointer) >= int(epoch):
        return ["stale", pointer]
    found_history = data.hashes[owner].get("history", "") if pointer else ""
    if pointer != believed or found_history != believed_history:
        return ["moved", pointer]
    if pointer and take_over == "0" and old in data.hashes:
        data.hashes[aside] = data.hashes.pop(old)
    is_anew = not pointer or take_over != "1" or old not in data.hashes
    if is_anew:
        data.delete(new, old)
        _hset(data, new, *initial)
    else:
        data.hashes[new] = data.hashes.pop(old)
        zone = data.hashes[new].get("zone", zone)
    _hset(data, owner, "epoch", epoch, "node", node, "zone", zone, *_named(history))
    data.opened(PlayerId(int(owner.strip("owner:{}"))), Epoch(int(epoch)), is_anew)
    return ["opened", *(word for pair in data.hashes[new].items() for word in pair)]


def _named(history: str) -> tuple[str, ...]:
    return ("history", history) if history else ()


def _restore(data: Keyspace, where: Sequence[str], args: Sequence[str]) -> str:
    owner, live, old = where
    epoch, node, zone, believed, history, *words = args
    pointer = data.pointer(owner)
    if pointer and int(pointer) > int(epoch):
        return "stale"
    if pointer != believed:
        return "moved"
    fields = dict(zip(words[::2], words[1::2], strict=True))
    written = data.hashes.get(live, {})
    is_newer = int(written.get("seq", 0)) > int(fields.get("seq", 0))  # ticks went on writing
    data.hashes[live] = {**fields, **written} if is_newer else {**written, **fields}
    if old != live:
        data.delete(old)
    _hset(data, owner, "epoch", epoch, "node", node, "zone", zone, *_named(history))
    data.restored(PlayerId(int(owner.strip("owner:{}"))))
    return "restored"


def _remove(data: Keyspace, where: Sequence[str], args: Sequence[str]) -> str:
    owner, live = where
    pointer = data.pointer(owner)
    if pointer and int(pointer) != int(args[0]):
        data.delete(live)
        return "not_ours"
    seq = data.hashes.get(live, {}).get("seq")
    if seq is not None and int(seq) > int(args[1]):
        return "newer"
    return "removed" if data.delete(owner, live) else "gone"


def _discard(data: Keyspace, where: Sequence[str], args: Sequence[str]) -> int:
    owner, dead = where
    if owner not in data.hashes:
        data.delete(owner)  # of another type: the real script stops at it, and its caller clears the key
    pointer = data.pointer(owner)
    if pointer and int(pointer) == int(args[0]):
        return 0
    data.delete(dead)
    return 1


def _renew(data: Keyspace, where: Sequence[str], args: Sequence[str]) -> int:
    if data.text(where[0]) not in (None, args[0], args[2]):
        return 0
    _set(data, where[0], args[0], "PX", args[1])
    return 1


def _release(data: Keyspace, where: Sequence[str], args: Sequence[str]) -> int:
    return data.delete(where[0]) if data.text(where[0]) == args[0] else 0


SCRIPTS: dict[str, Callable[[Keyspace, Sequence[str], Sequence[str]], Any]] = {
    "open": _open,
    "restore": _restore,
    "remove": _remove,
    "discard": _discard,
    "renew": _renew,
    "release": _release,
}


class RedisServer(Server):
    """The server and its data, which outlives it: what was replied to is in the append-only file."""

    def __init__(self, weather: Weather, data: Keyspace):
        super().__init__(weather)
        self.data = data

    def execute(self, call: Call) -> None:
        steps = getattr(call.effect, "steps", None)
        if steps is None or call.is_over:
            super().execute(call)
            return
        call.is_over = True
        self._go_through(call, steps)

    def drop_or_read(self, call: Call) -> None:
        """Its connection is ended by the server: what waited there to be read was read before, or never is."""
        if not self.is_down and not self.is_hung and self.weather.random.random() < 0.5:
            self.execute(call)
        call.is_over = True

    def _go_through(self, call: Call, steps: list[Callable[[], Any]]) -> None:
        """A pipeline: others' commands may come between its own, and it may end half-way."""
        random, results = self.weather.random, call.told
        if len(results) < len(steps) and random.random() < 0.2:
            cut = random.randint(len(results), len(steps))
            results += [step() for step in steps[len(results) : cut]]
            if self.weather.loss and random.random() < 0.3:
                self._give_up(call, "cut half-way", True)
            else:
                self._later(self.weather.delay_s(), self._go_through, call, steps)
            return
        results += [step() for step in steps[len(results) :]]
        try:
            result = call.effect()
        except StoreUnavailable as error:
            result = error
        self.answer(call, result)


class StoreStandIn(Store):
    """One process's way to the server."""

    def __init__(self, server: RedisServer, timeout_s: float = 0.8):
        self.server = server
        self.timeout_s = timeout_s

    async def command(self, operation: str, *words: str | int) -> Any:
        return await self._ask(operation, words)

    async def run(self, operation: str, work: Callable[[Send], Awaitable[T]]) -> T:
        return await work(lambda *words: self._ask(operation, words))

    async def close(self, patience_s: float | None = None) -> None:
        pass

    async def _ask(self, operation: str, words: Sequence[str | int]) -> Any:
        texts = [str(word) for word in words]
        try:
            return await self.server.ask(lambda: self.server.data.run(operation, texts), self.timeout_s)
        except Lost as lost:
            raise StoreUnavailable(f"{operation}: {lost}") from None


class _Pipeline:
    """The steps of one write, and what comes of them: called when all are done."""

    def __init__(self, data: Keyspace, batch: Batch, checked: Sequence[Check]):
        self._batch = batch
        self._checked = checked
        self._replies: list[Any] = []
        self._data = data
        self.steps: list[Callable[[], Any]] = [self._hset(command) for _, command in batch]
        for player, epoch, _ in checked:
            self.steps += [self._hlen(keys.session(player, epoch)), self._pointer(keys.owner(player))]

    def __call__(self) -> Found:
        return _found(self._batch, self._checked, self._replies)

    def _hset(self, command: bytes) -> Callable[[], Any]:
        packed = hiredis.Reader(encoding="utf-8")
        packed.feed(command)
        _, key, *words = packed.gets()
        return lambda: self._replies.append(_hset(self._data, key, *words))

    def _hlen(self, key: str) -> Callable[[], Any]:
        return lambda: self._replies.append(len(self._data.hashes.get(key, ())))

    def _pointer(self, key: str) -> Callable[[], Any]:
        return lambda: self._replies.append(self._data.pointer(key) or None)


class TickWriterStandIn(TickWriter):
    """One write at a time; what an earlier one left on its way is dropped, or read, before the next is."""

    def __init__(self, store: StoreStandIn):
        self._redis = store.server
        self._timeout_s = store.timeout_s
        self._turn = asyncio.Lock()
        self._before: Call | None = None

    async def write(self, batch: Batch, checked: Sequence[Check] = ()) -> Found:
        if not batch and not checked:
            return NOTHING_FOUND
        async with self._turn:
            found: Found = await self._send("tick_write", _Pipeline(self._redis.data, batch, checked))
        return found

    async def ping(self) -> None:
        async with self._turn:
            await self._send("tick_ping", lambda: "PONG")

    async def _send(self, operation: str, effect: Callable[[], Any]) -> Any:
        if self._before is not None and not self._before.is_over:
            self._redis.drop_or_read(self._before)
        self._before = call = self._redis.send(effect, self._timeout_s)
        try:
            return await call.answer
        except Lost as lost:
            raise StoreUnavailable(f"{operation}: {lost}") from None


def redis(weather: Weather) -> RedisServer:
    return RedisServer(weather, Keyspace(asyncio.get_running_loop().time))

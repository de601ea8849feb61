"""One run of the model: nodes on the same stores, players, a script of faults, and then fair weather in which
everything has to come right. Everything that chance decides comes from the script and its seed."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol

from gameserver import failpoints
from gameserver.live import keys
from gameserver.profiles.records import Profile, Save
from gameserver.protocol.ids import Epoch, PlayerId
from tests.model import virtual_time, watch
from tests.model.book import Book
from tests.model.node import CHECKPOINT_S, DRAIN_S, GRACE_S, NAMES, Node
from tests.model.player import Player, Socket
from tests.model.redis_standin import Keyspace, RedisServer
from tests.model.sql_standin import Rows, SqlServer
from tests.model.virtual_time import VirtualLoop, nobody, this_process
from tests.model.weather import Weather

BACK_S = 15.0  # the contract's: playing again, or saved
TAKEOVER_S = 1.0
TICK_S = 0.2
STORE_PATIENCE_S = 3.0  # so long after a lost call nobody's promise about Redis's promptness counts


class ConnectionEvent(Protocol):
    """A step of the script."""

    @property
    def after_s(self) -> float: ...
    def happen(self, world: World) -> None: ...


class World:
    """``play`` is the whole run; ``book.broken`` lists what was not kept."""

    def __init__(self, loop: VirtualLoop, seed: int, players: int):
        self.loop = loop
        self.random = Random(seed)
        self.redis = RedisServer(Weather(Random(self.random.random())), Keyspace(loop.time))
        self.sql = SqlServer(Weather(Random(self.random.random())), Rows())
        self.book = Book(self.sql.rows, loop.time)
        self.nodes = {name: Node(name, loop, self.redis, self.sql, Random(self.random.random())) for name in NAMES}
        self.players = [Player(number, self, Random(self.random.random())) for number in range(1, players + 1)]
        self._shown: dict[PlayerId, deque[tuple[float, float]]] = defaultdict(lambda: deque([(0.0, 0.0)], maxlen=64))
        self._exposed: set[PlayerId] = set()  # Redis's data went while they played, and is not there again
        self._was_emptied = False
        self._ended_s: dict[PlayerId, float] = {}  # since when nobody plays on with what a player had
        self._tasks: list[asyncio.Task[None]] = []
        self.redis.data.opened, self.redis.data.restored = self._opened, self._restored
        self.sql.rows.saved, self.sql.rows.committed = self._saved, self._committed
        for player in self.players:
            self.sql.rows.add(player.player_id, player.name)
        for node in self.nodes.values():
            node.shown = self._note_place

    # --- the run ---

    async def play(self, script: Sequence[ConnectionEvent]) -> None:
        for node in self.nodes.values():
            node.start()
        await asyncio.sleep(0.1)
        self._tasks = [self.loop.create_task(player.run(), context=nobody()) for player in self.players]
        await self._for(1.5)
        for step in script:
            await self._for(step.after_s)
            if self.book.broken:
                return
            step.happen(self)
        await self._for(self.random.uniform(0.0, 2.0))
        for part in (self._everything_comes_right, self._everybody_leaves, self._nodes_end):
            if self.book.broken:
                return
            await part()
        self._compare()

    async def _for(self, seconds: float) -> None:
        until_s = self.loop.time() + seconds
        while not self.book.broken and (left_s := until_s - self.loop.time()) > 0:
            await asyncio.sleep(min(left_s, 0.5))

    async def _until(self, is_so: Callable[[], bool], patience_s: float) -> bool:
        until_s = self.loop.time() + patience_s
        while not is_so():
            if self.loop.time() > until_s or self.book.broken:
                return False
            await asyncio.sleep(0.1)
        return True

    async def _everything_comes_right(self) -> None:
        self.clears_up()
        back = await self._until(lambda: all(player.is_playing for player in self._staying()), BACK_S)
        away = [player.name for player in self._staying() if not player.is_playing]
        self.book.check("no orphans", back, f"{away} do not play again after {BACK_S:.0f} s of fair weather")
        await self._for(1.0)

    async def _everybody_leaves(self) -> None:
        """Some log out, some vanish, some are there until the nodes end."""
        for player in self._staying():
            player.intent = self.random.choice(("leave", "gone", "play"))
        left = [player for player in self.players if player.intent == "leave"]
        out = await self._until(lambda: all(player.has_left for player in left), BACK_S)
        waiting = [player.name for player in left if not player.has_left]
        self.book.check("no orphans", out, f"{waiting} could not log out")
        gone = {player.player_id for player in self.players if player.intent in ("leave", "gone")}
        clean = await self._until(lambda: not self._live_of(gone), GRACE_S + BACK_S)
        self.book.check("no orphans", clean, f"still in redis: {sorted(self._live_of(gone))}")

    async def _nodes_end(self) -> None:
        for player in self.players:
            player.intent = "gone" if player.intent == "play" else player.intent
        for task in self._tasks:
            task.cancel()
        for ended in await asyncio.gather(*self._tasks, return_exceptions=True):
            assert not isinstance(ended, Exception), ended
        await self._drain()
        if self._has_claims_in_vain() or (self._left() and set(self._left()) <= self._listed()):
            # Whose sign-in elsewhere raised the epoch and got no further, or what is left of a session and is listed.
            for node in self.nodes.values():
                node.start()
            await self._for(GRACE_S + STORE_PATIENCE_S)
            await self._drain()

    async def _drain(self) -> None:
        started_s = self.loop.time()
        drains = [node.process.start(node.drain()) for node in self.nodes.values()]
        await asyncio.wait(drains, timeout=2 * DRAIN_S)
        took_s = self.loop.time() - started_s
        self.book.check("drain", took_s <= DRAIN_S, f"took {took_s:.1f} s")
        for drain in drains:
            saved = drain.done() and not drain.cancelled() and drain.exception() is None and drain.result()
            self.book.check("drain", bool(saved), f"ended as {drain}")

    def _has_claims_in_vain(self) -> bool:
        """A sign-in raised the epoch in SQL and then did not get through to Redis."""
        pointers = {player: self.redis.data.pointer(keys.owner(player)) for player in self.sql.rows.profiles}
        return any(epoch and int(epoch) < self.sql.rows.profiles[player].epoch for player, epoch in pointers.items())

    def _compare(self) -> None:
        left = self._left()
        self.book.check("no orphans", not left, f"left in redis: {left}")
        for player in self._exposed & self._ended_s.keys():  # never came back
            self._forget(player, self._ended_s[player])
        self.book.compare()
        for node in self.nodes.values():
            stuck = _stuck(node)
            self.book.check("nothing hangs", not stuck, f"node {node.name} has {stuck}")

    def _left(self) -> list[str]:
        """Name the leftovers in Redis that do not expire by themselves."""
        return [key for key in (*self._hashes(), *self.redis.data.sets) if key != "nodes"]

    def _hashes(self) -> list[str]:
        """Without what a node wrote after Redis was emptied, and then died before it could point at it: that is taken
        away by an opening under the next epoch, and stays if that was never used. Nobody reads it."""
        hashes = self.redis.data.hashes
        owned = {key.partition("{")[2].partition("}")[0] for key in hashes if key.startswith("owner:")}
        return [key for key in hashes if not self._was_emptied or key.partition("{")[2].partition("}")[0] in owned]

    def _listed(self) -> set[str]:
        """The lists of nodes, and what they name: a node that starts takes it away."""
        lists = {f"node:{name}:sessions" for name in NAMES}
        members = {tuple(member.split(":")) for name in lists for member in self.redis.data.sets.get(name, ())}
        return lists | {keys.session(PlayerId(int(player)), Epoch(int(epoch))) for player, epoch in members}

    def _staying(self) -> list[Player]:
        return [player for player in self.players if player.intent == "play"]

    def _live_of(self, players: set[PlayerId]) -> set[str]:
        data = self.redis.data
        left = {key for key in self._hashes() if int(key.partition("{")[2].partition("}")[0]) in players}
        listed = {member for members in data.sets.values() for member in members if ":" in member}
        return left | {member for member in listed if int(member.partition(":")[0]) in players}

    # --- what players ask ---

    def is_well(self) -> bool:
        """Both stores have answered for a while, and every process runs."""
        quiet_since_s = self.loop.time() - 2 * STORE_PATIENCE_S
        stores = (self.redis, self.sql)
        stores_are_well = all(
            store.trouble_s < quiet_since_s and not (store.is_down or store.is_hung) and store.weather.delay_max_s < 0.1
            for store in stores
        )
        return stores_are_well and all(node.process.is_well(4.0) for node in self.nodes.values())

    def node_for(self, random: Random) -> Node | None:
        """Return the node to which the balancer sends a player."""
        up = [node for node in self.nodes.values() if node.is_up and not node.process.is_dead]
        return random.choice(up) if up else None

    def outlived(self, socket: Socket) -> None:
        """Another socket of its player has the session from now on."""
        if socket.outlived_s is None:
            socket.outlived_s = self.loop.time()
            patience_s = TAKEOVER_S + 2 * TICK_S + 4 * self.redis.weather.delay_max_s
            self.loop.call_later(patience_s, self._check_outlived, socket, socket.node.process, context=nobody())

    def _check_outlived(self, socket: Socket, process: virtual_time.Process) -> None:
        now_s = self.loop.time()
        was_well = self.redis.trouble_s < now_s - STORE_PATIENCE_S and not self.redis.is_hung and process.is_well(4.0)
        if was_well and not self.redis.is_down and socket.node.process is process:
            self.book.check("takeover", socket.is_closed or socket.is_cut, f"{socket.connection_id} is still open")

    # --- what the script does ---

    def kill(self, node: Node) -> None:
        if not node.process.is_dead:
            self._note_reached()
            self._play_ends(node)
            node.kill()

    def stop(self, node: Node) -> None:
        self._note_reached()
        self._play_ends(node)
        node.process.stop()

    def die_at(self, point: failpoints.Failpoint, times: int) -> None:
        """Whichever process gets there for the ``times``-th time dies there."""
        failpoints.arm({"GAMESERVER_FAILPOINT": f"{point}:{times}"})

    def this_dies(self) -> None:
        """Called at the failpoint, by the process that got there."""
        process = this_process()
        for node in self.nodes.values():
            if node.process is process:
                self.kill(node)

    def empty_redis(self) -> None:
        self._was_emptied = True
        self._exposed = {player.player_id for player in self.players}
        self.redis.drop_held()
        self.redis.data.empty()
        self.redis._note_trouble()

    def clears_up(self) -> None:
        """End all faults: everything runs again."""
        failpoints.arm({})
        for server in (self.redis, self.sql):
            server.weather.clears_up()
            server.recover()
        for node in self.nodes.values():
            if node.process.is_dead:
                node.start()
            elif node.process.is_stopped:
                node.process.go_on()

    # --- what is to be kept ---

    def _note_place(self, player: PlayerId, epoch: str, x: float) -> None:
        places = self._shown[player]
        if epoch != self.redis.data.pointer(keys.owner(player)) and player not in self._exposed:
            return  # a node that does not know yet that it is not the player's any more
        if x > places[-1][1]:
            places.append((self.loop.time(), x))

    def _play_ends(self, node: Node) -> None:
        """Note that the node no longer plays: SQL's rows of its players get no newer until somebody owns them again."""
        if node.is_up:
            for session in node.host.registry:
                self._ended_s.setdefault(session.player_id, self.loop.time())

    def _note_reached(self) -> None:
        """A node dies or sleeps: what was shown is at most a tick, and a write's way, ahead of what is kept. What it
        showed while Redis was away may be kept nowhere."""
        now_s, weather = self.loop.time(), self.redis.weather
        shown = list(self._shown.items())
        self._shown.clear()
        if self.redis.is_down or self.redis.is_hung or self.redis.trouble_s > now_s - STORE_PATIENCE_S or self._exposed:
            return
        until_s = now_s - TICK_S - 5 * weather.delay_max_s - 0.05
        for player, places in shown:
            reached = max((x for at_s, x in places if at_s < until_s), default=0.0)
            self.book.reached[player] = max(self.book.reached[player], reached)

    def _saved(self, save: Save, before: Profile) -> None:
        self.book.saved(save, before)
        if (fields := self._live_fields(save.player_id, save.epoch)) is not None:
            has = int(fields["seq"])
            told = f"SQL has seq {save.seq} of player {save.player_id}, epoch {save.epoch}; Redis has {has}"
            self.book.check("no orphans", has >= save.seq, told)

    def _committed(self, players: list[PlayerId]) -> None:
        self.book.committed(players)
        for row in (self.sql.rows.profiles[player] for player in players):
            if (fields := self._live_fields(row.player_id, row.epoch)) is not None:
                has = int(fields.get("inventory_seq", 0))
                told = f"SQL has inventory {row.inventory_seq} of player {row.player_id}; Redis has {has}"
                self.book.check("no orphans", has >= row.inventory_seq - 1, told)

    def _live_fields(self, player: PlayerId, epoch: Epoch) -> dict[str, str] | None:
        """Return Redis' fields of a session that its client may resume; None while SQL may be ahead, since Redis is not
        well. If SQL were ahead and the node died, the session could not be resumed."""
        is_well = not self.redis.is_down and not self.redis.is_hung
        fields = self.redis.data.hashes.get(keys.session(player, epoch), {})
        if not is_well or self.redis.trouble_s > self.loop.time() - STORE_PATIENCE_S or player in self._exposed:
            return None
        return fields if fields.get("status") in ("joining", "active", "disconnected") else None

    def _opened(self, player: PlayerId, epoch: Epoch, is_anew: bool) -> None:
        """A session is live in Redis. If Redis was emptied before, it has only what SQL has."""
        ended_s = self._ended_s.pop(player, self.loop.time())
        if player in self._exposed and is_anew:
            self._exposed.discard(player)
            self._forget(player, ended_s)

    def _forget(self, player: PlayerId, ended_s: float) -> None:
        """Redis's data and the node that had it in memory are gone: at most a checkpoint's period is."""
        troubled = self.sql.trouble_s > ended_s - 3 * CHECKPOINT_S
        since_s = float("-inf") if troubled else ended_s - CHECKPOINT_S - STORE_PATIENCE_S
        self.book.forget(player, since_s)
        self._shown.pop(player, None)

    def _restored(self, player: PlayerId) -> None:
        """A session is live in Redis again, from the memory of its node."""
        self._ended_s.pop(player, None)
        self._exposed.discard(player)


def _stuck(node: Node) -> list[str]:
    """Name the leftovers in a host that has drained."""
    host = node.host
    left: dict[str, object] = {
        "sessions": len(host.registry),
        "locks": host.registry._locks._locks,
        "tasks": [task.get_name() for task in host.tasks._running],
        "dirty sessions": host.write_behind._dirty,
    }
    return [f"{name}: {what}" for name, what in left.items() if what]


def run(seed: int, players: int, script: Sequence[ConnectionEvent]) -> World:
    """One run. Raises nothing for a broken promise: look at ``book.broken``."""
    loop = VirtualLoop()
    world = World(loop, seed, players)
    with watch.over(world.book, world.this_dies):
        try:
            loop.run_until_complete(world.play(script))
        finally:
            world.book.broken += loop.errors
            world.book.is_closed = True
            virtual_time.bury(loop)
    return world

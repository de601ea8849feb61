"""A bot: walks, picks up, uses, drops and gives, comes back whatever happens, and keeps a ledger of what it was told.

It checks what can be checked on the spot: what a resume brings back, that an action sent again is answered as before.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.faults.lateness import Lateness
from tests.faults.ledger import Book, Deed, Ledger, Range
from tests.faults.verdicts import Verdicts
from tests.faults.wire import Message, Thing, View, dial, receive, send

REACH = 2.4  # of the game's 3.0: both may be walking
WELCOME_S = 3.0
UNANSWERED_MAX = 8
GHOST_SEQS = 10_000
ITEMS = ("apple", "coin", "flower")
MIDDLE = (15.0, 15.0)  # of the orchard


@dataclass
class EdgeContext:
    """The common state of a round's bots. A fault sets the limits to its own cost."""

    urls: list[str]
    grace_s: float
    book: Book = field(default_factory=Book)
    verdicts: Verdicts = field(default_factory=Verdicts)
    by_entity: dict[tuple[str, int], Bot] = field(default_factory=dict)
    moves_behind_max: int = 1
    sure_until_s: float = math.inf  # what was acked ``stored`` later than this may be lost
    unseen_s: float = 0.0  # of its walk at least may have been seen by nobody, or by another socket
    may_forget: bool = False  # sessions may be gone: no resume is promised
    trade_share: float = 0.3  # of all deeds
    lateness: Lateness = field(default_factory=Lateness)


class Bot:
    """``run`` is its task. ``intent``: what it is to do next: play, relog, leave (log out for good), vanish."""

    def __init__(self, number: int, around: EdgeContext, random: Random):
        self.number = number
        self.random = random
        self.around = around
        self.ledger: Ledger | None = None
        self.intent = "play"
        self.url = ""
        self.socket: ClientConnection | None = None
        self.playing_since_s = math.inf  # this connection's welcome
        self.stored_at_s = 0.0  # the newest ack above accepted
        self.times_welcome = 0
        self.position_gap_s = 0.0  # the longest time between two frames, since somebody set it to 0
        self.is_ghost = False
        self._twin: Bot | None = None  # of a ghost: who plays on
        self._is_taken_over = False
        self._has_said_goodbye = False
        self._lineage = 0
        self._resume_token: str | None = None
        self._guest_token: str | None = None
        self._lost_at_s: float | None = None  # of a socket that was lost without being told why
        self._held: dict[str, int] = {}
        self._view: View | None = None
        self._entity_id = 0
        self._seq = 0
        self._frame_s = 0.0

    @property
    def is_playing(self) -> bool:
        return self.playing_since_s < math.inf

    @property
    def me(self) -> Thing | None:
        return self._view.things.get(self._entity_id) if self._view else None

    @property
    def tick(self) -> int:
        """The zone's, as last seen."""
        return self._view.tick if self._view else 0

    def waits_for(self) -> str:
        """Describe the unanswered actions and the last message, for whoever looks into a failure."""
        told = [show(deed) for deed in self.ledger.deeds[-3:]] if self.ledger else []
        sees = f"{len(self._view.things)} things at tick {self.tick}, itself at {self.me}" if self._view else "nothing"
        return f"{[show(deed) for deed in self._unanswered()]}, told {told}, sees {sees}"

    @property
    def resume_token(self) -> str | None:
        return self._resume_token

    @property
    def guest_token(self) -> str | None:
        return self._guest_token

    async def run(self) -> None:
        """Until it has left or vanished."""
        while not self._is_finished():
            if self.intent != "wait":
                await self._connect()
            await asyncio.sleep(self.random.uniform(0.03, 0.15))

    def relog(self) -> None:
        """Log out, once everything is answered, and sign in again."""
        if self.intent == "play":
            self.intent = "relog"

    def join_as(self, other: Bot) -> None:
        """Sign in as the other's player, do nothing, and go for good when taken over."""
        self.ledger, self._guest_token, self.intent = other.ledger, other._guest_token, "watch"

    def comes_back(self, ledger: Ledger, guest_token: str | None) -> None:
        """Sign in as this player, who is owed what the ledger says."""
        self.ledger, self._guest_token = ledger, guest_token

    async def time_of_refusal(self) -> float:
        """Return the seconds that a new guest waits for an answer."""
        async with dial(self.around.urls[0]) as socket:
            asked_s = time.monotonic()
            await send(socket, {"type": "guest"})
            await receive(socket)
            return time.monotonic() - asked_s

    def cut(self) -> None:
        """Lose the socket without a word."""
        if self.socket is not None:
            self.socket.transport.abort()

    def vanish(self) -> None:
        self.intent = "vanish"
        self.cut()

    def split(self) -> Bot:
        """The player signs in elsewhere while this socket stays as it is; this bot is a ghost from now on, whose deeds
        are nobody's. Returns who plays on."""
        assert self.ledger is not None
        twin = Bot(self.number, self.around, Random(self.random.random()))
        twin.ledger, twin._resume_token, twin._guest_token = self.ledger, self._resume_token, self._guest_token
        twin._lineage = self._lineage
        self.ledger = Ledger(self.ledger.player_id, self.ledger.name)
        self._seq += GHOST_SEQS  # a seq names one action of a player: the twin's are others
        self.intent, self.is_ghost, self._twin = "vanish", True, twin
        return twin

    def _is_finished(self) -> bool:
        if self.intent == "leave":
            return self.ledger is None or self.ledger.left_s is not None
        return self.intent == "vanish" or (self.intent == "watch" and self._is_taken_over)

    async def _connect(self) -> None:
        self.url = self.random.choice(self.around.urls)
        try:
            async with dial(self.url) as socket:
                self.socket = socket
                await self._converse(socket)
        except ConnectionClosed as closed:
            self._closed(closed.rcvd.code if closed.rcvd else 1006)
        except (OSError, WebSocketException, TimeoutError):
            pass  # nobody is there: knock again
        finally:
            self.socket = None
            self.playing_since_s = math.inf

    # --- signing in ---

    async def _converse(self, socket: ClientConnection) -> None:
        asked_s = time.monotonic()
        used_token = self._resume_token
        welcome = await self._signed_in(socket)
        if welcome is None:
            return
        resumed = self._welcomed(welcome, used_token, asked_s)
        await self._resend(socket, resumed)
        acting = asyncio.create_task(self._act(socket))
        try:
            await self._read(socket)
        finally:
            acting.cancel()
            for failure in await asyncio.gather(acting, return_exceptions=True):
                if isinstance(failure, Exception):
                    raise failure

    async def _signed_in(self, socket: ClientConnection) -> Message | None:
        if self._resume_token is not None:
            await send(socket, {"type": "resume", "token": self._resume_token})
        elif self._guest_token is not None:
            await send(socket, {"type": "guest", "token": self._guest_token})
        else:
            await send(socket, {"type": "guest"})
        async with asyncio.timeout(WELCOME_S):
            while True:
                answer = await receive(socket)
                if isinstance(answer, dict) and answer["type"] in ("welcome", "refused"):
                    break
        if answer["type"] == "welcome":
            return answer
        self._turned_away(answer)
        return None

    def _turned_away(self, refused: Message) -> None:
        if refused["code"] == "bad_token" and self._resume_token is not None:
            lost_at_s, self._lost_at_s = self._lost_at_s, None
            if lost_at_s is not None and not self.around.may_forget:
                within_s = time.monotonic() - lost_at_s
                kept = within_s > self.around.grace_s - 0.5
                self.around.verdicts.check(
                    "no orphans", kept, f"{self} was not resumed {within_s:.1f} s after its loss"
                )
            self._resume_token = None

    def _welcomed(self, welcome: Message, used_token: str | None, asked_s: float) -> bool:
        if self.ledger is None:
            self.ledger = Ledger(welcome["player_id"], welcome["name"])
            self.around.book.ledgers[self.ledger.player_id] = self.ledger
        resumed = bool(welcome["resumed"])
        if not resumed:
            self.ledger.lineages += 1
            self._lineage = self.ledger.lineages
        self._check_welcome(welcome, self.ledger, resumed, asked_s)
        self._resume_token = welcome["resume_token"]
        self._guest_token = welcome["guest_token"] or self._guest_token
        self._entity_id, self._seq = welcome["entity_id"], welcome["last_seq"]
        self._seq = max([self._seq, *(deed.seq for deed in self.ledger.of(self._lineage))])
        self._held, self._view = welcome["inventory"], View(welcome)
        self.around.by_entity[self.url, self._entity_id] = self
        self.ledger.see(welcome["x"], welcome["y"])
        self._lost_at_s, self.ledger.left_s, self._has_said_goodbye = None, None, False
        self.times_welcome += 1
        self._frame_s = self.playing_since_s = time.monotonic()
        return resumed

    def _check_welcome(self, welcome: Message, ledger: Ledger, resumed: bool, asked_s: float) -> None:
        verdicts = self.around.verdicts
        verdicts.check("isolation", welcome["player_id"] == ledger.player_id, f"{self} was given {welcome['name']}")
        self._check_place(welcome, ledger)
        sure_until_s = self.around.sure_until_s
        ranges = self.around.book.quantities(ledger.player_id, as_of_s=asked_s, sure_until_s=sure_until_s)
        for item in ITEMS:
            has = welcome["inventory"].get(item, 0)
            promised = f"{self} has {has} {item}, {_told(ranges[item])} were promised"
            verdicts.check("true acks", ranges[item].holds(has), promised)
        if resumed and sure_until_s == math.inf:
            acked = max((deed.seq for deed in ledger.of(self._lineage) if deed.is_done), default=0)
            forgot = f"{self}: action {acked} was acked, last_seq is {welcome['last_seq']}"
            verdicts.check("exactly-once inputs", welcome["last_seq"] >= acked, forgot)

    def _check_place(self, welcome: Message, ledger: Ledger) -> None:
        verdicts, limit = self.around.verdicts, self.around.lateness.ticks(self.around.moves_behind_max)
        place = f"({welcome['x']:.2f}, {welcome['y']:.2f})"
        stale = ledger.staleness(welcome["x"], welcome["y"], self.around.lateness.worst_s, self.around.unseen_s)
        if stale is None and self.around.may_forget:
            return  # back to where it began
        if stale is None:
            last = ledger.sights[-1]
            verdicts.check("bounded staleness", False, f"{self} is at {place}, was at ({last.x:.2f}, {last.y:.2f})")
            return
        verdicts.note_staleness(stale.ticks, stale.ms)
        behind = f"{self} is at {place}, {stale.ticks} ticks ({stale.ms:.0f} ms) old"
        verdicts.check("bounded staleness", stale.ticks <= limit, behind)

    async def _resend(self, socket: ClientConnection, resumed: bool) -> None:
        """Send the unanswered actions again, in order; and the last acked one, which must not be applied twice."""
        assert self.ledger is not None
        if not resumed:
            return
        acked = [deed for deed in self.ledger.of(self._lineage) if deed.is_done][-1:]
        for deed in sorted((*acked, *self._unanswered()), key=lambda deed: deed.seq):
            await send(socket, deed.message)

    # --- playing ---

    async def _read(self, socket: ClientConnection) -> None:
        while True:
            received = await receive(socket)
            if isinstance(received, bytes):
                self._look(received)
            else:
                self._hear(received)

    def _look(self, frame: bytes) -> None:
        assert self._view is not None and self.ledger is not None
        now_s = time.monotonic()
        self.position_gap_s, self._frame_s = max(self.position_gap_s, now_s - self._frame_s), now_s
        if self._entity_id in self._view.take(frame) and (me := self.me) is not None:
            self.ledger.see(me.x, me.y)
            self._tell_twin(me)

    def _tell_twin(self, me: Thing) -> None:
        """Until the twin is first let in, the player walks on, and only this socket is shown where. On a slow machine
        that is farther than an observer may miss."""
        if self._twin is not None and self._twin.times_welcome == 0 and self._twin.ledger is not None:
            self._twin.ledger.see(me.x, me.y)

    def _hear(self, message: Message) -> None:
        match message["type"]:
            case "inventory":
                self._held = message["items"]
            case "ack":
                self._answered(message["seq"], message["level"])
            case "refused" if message.get("seq"):
                self._answered(message["seq"], message["code"])
            case "closing" if message["reason"] in ("draining", "logged_out", "idle"):
                self._lost_at_s = None

    def _answered(self, seq: int, answer: str) -> None:
        assert self.ledger is not None
        if (deed := next((deed for deed in self.ledger.of(self._lineage) if deed.seq == seq), None)) is None:
            assert self.is_ghost, "an answer to what was never sent"
            return  # sent before it was one
        if answer in ("stored", "durable"):
            self.stored_at_s = time.monotonic()
        verdicts = self.around.verdicts
        verdicts.check("degrade, never lie", answer != "internal", f"{self}: {deed.message} met an error of the server")
        if deed.is_done and answer != "already_answered":
            same = f"{self}: {deed.message} was answered {deed.answer}, then {answer}"
            verdicts.check("exactly-once inputs", deed.answer == answer, same)
        elif not deed.is_done:
            deed.answer, deed.answered_s = answer, time.monotonic()

    def _closed(self, code: int) -> None:
        if self.ledger is None:
            return
        if code == 1000:
            self.ledger.left_s = time.monotonic()
            if self.intent == "relog":
                self.intent = "play"
        self._is_taken_over = code == 4001
        if code in (1000, 4001):
            self._resume_token = None
        elif code in (1006, 4009) and self.is_playing and not self._has_said_goodbye:
            self._lost_at_s = time.monotonic()

    # --- acting ---

    async def _act(self, socket: ClientConnection) -> None:
        try:
            while True:
                await asyncio.sleep(self.random.uniform(0.03, 0.12))
                if self.intent in ("watch", "wait"):
                    continue
                if self.intent in ("leave", "relog"):
                    await self._log_out(socket)
                    return
                await self._act_once(socket)
        except ConnectionClosed:
            pass  # the reader tells

    async def _log_out(self, socket: ClientConnection) -> None:
        """Once everything is answered, or nothing more comes."""
        assert self.ledger is not None
        until_s = time.monotonic() + 2.5
        while self._unanswered() and time.monotonic() < until_s:
            await asyncio.sleep(0.02)
        self._has_said_goodbye = True
        await send(socket, {"type": "logout"})

    def _unanswered(self) -> list[Deed]:
        return [deed for deed in self.ledger.of(self._lineage) if deed.answer is None] if self.ledger else []

    async def _act_once(self, socket: ClientConnection) -> None:
        assert self.ledger is not None
        is_free = len(self._unanswered()) < UNANSWERED_MAX
        deed = self._next_deed() if is_free and self.random.random() < 0.75 else None
        if deed is None:
            await send(socket, {"type": "move", **self._direction()})
            return
        self.ledger.deeds.append(deed)
        self._seq = deed.seq
        await send(socket, deed.message)

    def _direction(self) -> Message:
        """Mostly to where there is something to do."""
        me = self.me
        angle = self.random.uniform(0, math.tau)
        if me is not None and self.random.random() < 0.6:
            x, y = self._goal(me)
            angle = math.atan2(y - me.y, x - me.x) + self.random.uniform(-0.8, 0.8)
        return {"dx": math.cos(angle) * 0.999, "dy": math.sin(angle) * 0.999}

    def _goal(self, me: Thing) -> tuple[float, float]:
        """The middle, where the others are; once that is picked bare around here, the nearest thing."""
        assert self._view is not None
        things = [thing for thing in self._view.things.values() if thing.kind in ITEMS]
        nearest = min(things, key=lambda thing: math.hypot(thing.x - me.x, thing.y - me.y), default=None)
        if nearest is None or math.hypot(nearest.x - me.x, nearest.y - me.y) < REACH:
            return MIDDLE
        return nearest.x, nearest.y

    def _next_deed(self) -> Deed | None:
        held = [item for item, quantity in self._held.items() if quantity > 0]
        trades = held and self.random.random() < self.around.trade_share
        if trades and (fellow := self._fellow_in_reach()) is not None:
            return self._give(fellow, self.random.choice(held))
        kind = self.random.choice(("pick_up", "pick_up", "use", "drop"))
        if kind == "pick_up":
            return self._pick_up()
        if kind == "use":
            return self._deed("apple", 1, "use", item="apple") if "apple" in held else None
        item = self.random.choice(held) if held else None
        return self._deed(item, 1, "drop", item=item, quantity=1) if item else None

    def _pick_up(self) -> Deed | None:
        near = self._in_reach(lambda thing_id, thing: thing.kind in ITEMS)
        if not near:
            return None
        thing_id, thing = self.random.choice(near)
        return self._deed(thing.kind, 1, "pick_up", entity=thing_id)

    def _give(self, fellow: tuple[int, Bot], item: str) -> Deed:
        assert fellow[1].ledger is not None
        quantity = self.random.randint(1, self._held[item])
        deed = self._deed(item, quantity, "give", to=fellow[0], item=item, quantity=quantity)
        deed.to = fellow[1].ledger.player_id
        return deed

    def _deed(self, item: str, quantity: int, type_: str, /, **fields: object) -> Deed:
        assert self.ledger is not None
        return Deed(self._lineage, {"type": type_, "seq": self._seq + 1, **fields}, item, quantity)

    def _fellow_in_reach(self) -> tuple[int, Bot] | None:
        fellows = self.around.by_entity
        near = self._in_reach(lambda thing_id, _: (self.url, thing_id) in fellows and thing_id != self._entity_id)
        if not near:
            return None
        thing_id = self.random.choice(near)[0]
        return thing_id, fellows[self.url, thing_id]

    def _in_reach(self, wanted: Callable[[int, Thing], bool]) -> list[tuple[int, Thing]]:
        if (me := self.me) is None or self._view is None:
            return []
        near = []
        for thing_id, thing in self._view.things.items():
            if wanted(thing_id, thing) and math.hypot(thing.x - me.x, thing.y - me.y) < REACH:
                near.append((thing_id, thing))
        return near

    def __str__(self) -> str:
        return f"bot {self.number} (player {self.ledger.player_id if self.ledger else '-'})"


def _told(promised: Range) -> str:
    return str(promised.low) if promised.low == promised.high else f"{promised.low} to {promised.high}"


def show(deed: Deed) -> str:
    """Describe the deed for a log."""
    return f"{json.dumps(deed.message)} -> {deed.answer}"

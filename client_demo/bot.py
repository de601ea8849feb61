"""A bot: a guest that walks about, picks up, uses, drops, gives and chats, and remembers what it was promised.

Law: what it holds it knows from acks alone (``Ledger``). When it is welcomed back it compares: the inventory has to be
what was acked, the position what was shown last, give or take one tick's walking.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from client_demo.ledger import Change, Ledger
from client_demo.measurements import Tally
from gameserver.client import (
    ActionRefused,
    Backoff,
    Client,
    ClientError,
    ConnectFailed,
    ConnectionLost,
    ConnectionState,
    SharedFrames,
    SignInRefused,
    TooManyActions,
    guest,
)
from gameserver.protocol.messages import Ack, Event, Refused, ServerMessage

WALK_SPEED = 6.0  # units a second, in the demo game
REACH = 2.5  # a little less than the game's 3, since both may be walking
ITEMS = ("apple", "coin", "flower")
ROAM = 15.0  # units a bot strays from its home
LINES = ("Hello!", "Nice day.", "Has anyone seen an apple?", "Anyone up for a trade?", "This way!", "Mind the bees.")
SETTLE_TIMEOUT_S = 15.0
_BUSY = {"too_many", "try_later"}  # refusals of a sign-in that are worth another try


@dataclass(frozen=True)
class Habits:
    """Frequencies of a bot's activities."""

    act_every_s: float = 4.0
    say_every_s: float = 120.0
    moves_each_tick: bool = True  # False: only when the direction changes
    gives_to_strangers: bool = False  # its ledger is then still exact: an ack says that it was given
    gives_up_after_s: float | None = 60.0  # of trying to reconnect; None: never


class Bot:
    """One player. ``neighbours`` finds the flock's bot that plays an entity, so that a gift is noted at both ends."""

    def __init__(
        self,
        url: str,
        habits: Habits,
        tally: Tally,
        neighbours: dict[tuple[str, int], Bot],
        *,
        name: str | None = None,
        token: str | None = None,
        frames: SharedFrames | None = None,
        seed: int | None = None,
    ):
        self.habits = habits
        self.tally = tally
        backoff = Backoff(longest_s=5.0, give_up_after_s=habits.gives_up_after_s)
        self.client = Client(url, backoff=backoff, frames=frames, answer_timeout_s=30.0)
        self.ledger = Ledger({})
        self.accepts_gifts = False
        self._credentials = guest(token, name)
        self._neighbours = neighbours
        self._random = random.Random(seed)
        self._key = ("", 0)
        self._home = (0.0, 0.0)
        self._goal: tuple[float, float] | None = None
        self._direction = (0.0, 0.0)
        self._unsettled = 0  # own actions without an answer
        self._last_tick: tuple[int, float] | None = None
        self._was_lost = False
        self.is_measuring = False
        self.client.on_frame(self._on_frame)
        self.client.on_message(self._on_message)
        self.client.on_state(self._on_state)

    @property
    def token(self) -> str | None:
        return self.client.credentials.token if self.client.credentials else None

    @property
    def name(self) -> str:
        return self.client.welcome.name if self.client.welcome else "a bot that never came in"

    # --- coming and going ---

    async def sign_in(self, deadline_s: float = 60.0) -> bool:
        """Come in, patiently where the server asks for patience. False: it did not work, and the tally knows why."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + deadline_s
        while True:
            try:
                welcome = await self.client.sign_in(self.client.credentials or self._credentials)
                break
            except SignInRefused as refused:
                self.tally.refusals[f"sign-in: {refused.code}"] += 1
                wait_s, error = refused.retry_after_ms / 1000, refused
                worth_it = refused.code in _BUSY
                if refused.code == "bad_token" and self.client.credentials is None and self._credentials.token:
                    self._credentials, worth_it = guest(name=self._credentials.name), True  # of a world that is gone
            except (ConnectFailed, ConnectionLost) as lost:
                wait_s, error, worth_it = 0.0, lost, True  # type: ignore[assignment]
            wait_s += self._random.uniform(0.2, 1.0)
            if not worth_it or loop.time() + wait_s > until_s:
                self.tally.errors.add(f"sign-in failed: {error}")
                return False
            await asyncio.sleep(wait_s)
        self._key = (welcome.zone.name, int(welcome.entity_id))
        self._neighbours[self._key] = self
        self._find_home()
        return True

    def begin(self) -> None:
        """The first welcome's inventory is where the books open."""
        assert self.client.welcome is not None
        self.ledger = Ledger(self.client.welcome.inventory)
        self.accepts_gifts = True

    async def settle(self) -> None:
        """Stand still, and wait until every action is answered and nothing moves any more."""
        self.accepts_gifts = False
        self._direction = (0.0, 0.0)
        self._move()
        deadline_s = time.monotonic() + SETTLE_TIMEOUT_S
        before = None
        while self._is_restless(before) and time.monotonic() < deadline_s:
            before = self._place()
            await asyncio.sleep(0.3)
        if self._unsettled:
            self.tally.errors.add(f"{self.name}: {self._unsettled} actions without an answer")

    def _is_restless(self, before: tuple[float, float] | None) -> bool:
        is_away = self.client.connection is ConnectionState.RECONNECTING
        return is_away or self._unsettled > 0 or before != self._place()

    async def come_back_and_compare(self, stay_away_s: float = 0.5) -> None:
        """Log out, sign in again, and hold the server to its word."""
        shown = self._place()
        try:
            await self.client.logout()
        except ClientError as error:
            self.tally.errors.add(f"{self.name}: {error}")
            await self.client.close()
        self._forget_place()
        await asyncio.sleep(stay_away_s)
        if not await self.sign_in():
            return
        self.tally.checks += 1
        self._compare_inventory("after logging in again")
        self._compare_place(shown)

    async def leave(self) -> None:
        """Log out for good, and close."""
        try:
            if self.client.connection is ConnectionState.PLAYING:
                await self.client.logout()
        except ClientError as error:
            self.tally.errors.add(f"{self.name}: {error}")
        self._forget_place()
        await self.client.close()

    # --- playing ---

    def step(self) -> None:
        """Once a tick: say where to."""
        if self.habits.moves_each_tick and self.client.connection is ConnectionState.PLAYING:
            self._move()

    async def live(self) -> None:
        """Look around and act, now and then; until cancelled."""
        looking_s = 0.7
        next_act_s = self._random.uniform(0, self.habits.act_every_s)
        next_say_s = self._random.uniform(0, self.habits.say_every_s)
        while True:
            await asyncio.sleep(looking_s * self._random.uniform(0.7, 1.3))
            next_act_s -= looking_s
            next_say_s -= looking_s
            if self.client.connection is not ConnectionState.PLAYING:
                continue
            self._choose_direction()
            if next_act_s <= 0:
                next_act_s = self._random.expovariate(1 / self.habits.act_every_s)
                self._act_somehow()
            if next_say_s <= 0:
                next_say_s = self._random.expovariate(1 / self.habits.say_every_s)
                self._start("say", [], text=self._random.choice(LINES))

    def _move(self) -> None:
        try:
            self.client.send("move", dx=self._direction[0], dy=self._direction[1])
        except ClientError as error:
            self.tally.errors.add(f"{self.name}: cannot move: {error}")

    def _choose_direction(self) -> None:
        me = self.client.me
        if me is None:
            return
        if self._goal is None or math.dist(self._goal, (me.x, me.y)) < 2.0 or self._random.random() < 0.05:
            self._goal = self._next_goal(me.x, me.y)
        angle = math.atan2(self._goal[1] - me.y, self._goal[0] - me.x) + self._random.uniform(-0.3, 0.3)
        self._direction = (round(math.cos(angle), 3), round(math.sin(angle), 3))
        if not self.habits.moves_each_tick:
            self._move()

    def _next_goal(self, x: float, y: float) -> tuple[float, float]:
        """Something lying about, if it is near home; else just somewhere."""
        thing = next((e for e in self.client.world.near(x, y, ROAM) if e.kind in ITEMS), None)
        if thing is not None and math.dist(self._home, (thing.x, thing.y)) < 2 * ROAM and self._random.random() < 0.5:
            return thing.x, thing.y
        return (
            self._home[0] + self._random.uniform(-ROAM, ROAM),
            self._home[1] + self._random.uniform(-ROAM, ROAM),
        )

    def _find_home(self) -> None:
        zone = self.client.world.zone
        if zone is not None and self._home == (0.0, 0.0):
            self._home = (self._random.uniform(0, zone.width), self._random.uniform(0, zone.height))

    # --- acting ---

    def _act_somehow(self) -> None:
        chance = self._random.random()
        held = self.ledger.kinds()
        if chance < 0.15 and self.ledger.sure_of("apple"):
            self._start("use", [(self.ledger, "apple", -1)], item="apple")
        elif chance < 0.25 and held:
            kind = self._random.choice(held)
            self._start("drop", [(self.ledger, kind, -1)], item=kind, quantity=1)
        elif chance >= 0.45 or not held or not self._give(self._random.choice(held)):
            self._pick_up()

    def _pick_up(self) -> None:
        me = self.client.me
        near = self.client.world.near(me.x, me.y, REACH) if me else []
        if thing := next((entity for entity in near if entity.kind in ITEMS), None):
            self._start("pick_up", [(self.ledger, thing.kind, 1)], entity=thing.id)

    def _give(self, kind: str) -> bool:
        me = self.client.me
        if me is None:
            return False
        for other in self.client.world.near(me.x, me.y, REACH, "player"):
            bot = self._neighbours.get((self._key[0], other.id))
            if other.id == me.id or (bot is not None and not bot.accepts_gifts):
                continue
            if bot is not None:
                changes = [(self.ledger, kind, -1), (bot.ledger, kind, 1)]
                self._start("give", changes, to=other.id, item=kind, quantity=1)
                return True
            if self.habits.gives_to_strangers:
                self._start("give", [(self.ledger, kind, -1)], to=other.id, item=kind, quantity=1)
                return True
        return False

    def _start(self, name: str, changes: list[tuple[Ledger, str, int]], **fields: Any) -> None:
        """Send an action; note at every ledger it touches what it will change, until the answer is here."""
        is_sure = all(ledger.sure_of(kind) >= -quantity for ledger, kind, quantity in changes if quantity < 0)
        try:
            action = self.client.start(name, **fields)
        except TooManyActions:
            return
        except ClientError as error:
            self.tally.errors.add(f"{self.name}: cannot {name}: {error}")
            return
        self._unsettled += 1
        self.tally.actions[name] += 1
        noted = [(ledger, ledger.begin(kind, quantity)) for ledger, kind, quantity in changes]
        action.outcome.add_done_callback(partial(self._settled, time.perf_counter(), name, noted, is_sure))

    def _settled(
        self,
        sent_s: float,
        name: str,
        noted: list[tuple[Ledger, Change]],
        is_sure: bool,
        outcome: asyncio.Future[Ack],
    ) -> None:
        self._unsettled -= 1
        try:
            ack = outcome.result()
        except ActionRefused as refused:
            self.tally.refusals[refused.code] += 1
            if refused.code == "not_enough" and is_sure:
                self.tally.broken_promises.add(f"{self.name}: {name} refused although it was acked: {refused.reason}")
            was_applied = False
        except ClientError as error:
            self.tally.unknown_outcomes += 1
            if not self._was_lost:
                self.tally.errors.add(f"{self.name}: {name}: {error}")
            return  # stays open in the ledgers
        else:
            self.tally.acked(ack.level, time.perf_counter() - sent_s)
            was_applied = True
        for ledger, change in noted:
            ledger.settle(change, was_applied)

    # --- being told ---

    def _on_frame(self, tick: int) -> None:
        if not self.is_measuring:
            self._last_tick = None
            return
        now_s = time.perf_counter()
        if self._last_tick is not None:
            ticks = max(1, tick - self._last_tick[0])
            self.tally.tick_intervals.add_s((now_s - self._last_tick[1]) / ticks)
            self.tally.ticks_not_shown += ticks - 1
        self._last_tick = (tick, now_s)

    def _on_message(self, message: ServerMessage) -> None:
        if isinstance(message, Event) and message.name == "received":
            fields = message.fields
            if not any(bot.name == fields.get("by") for bot in self._neighbours.values()):
                self.ledger.received(str(fields["item"]), int(fields["n"]))  # a person's gift
        elif isinstance(message, Refused):
            self.tally.refusals[message.code] += 1
            self.tally.errors.add(f"{self.name}: refused without a seq: {message.code} {message.reason}")

    def _on_state(self, state: ConnectionState) -> None:
        if state is ConnectionState.RECONNECTING:
            self._was_lost = True
            self._last_tick = None
            self.tally.reconnects += 1
        elif state is ConnectionState.PLAYING and self._was_lost:
            self._compare_inventory("after reconnecting")
        elif state is ConnectionState.ENDED and self.client.ended_because != "logged_out":
            self.tally.errors.add(f"{self.name}: the session ended: {self.client.ended_because}")

    # --- holding the server to its word ---

    def _place(self) -> tuple[float, float] | None:
        me = self.client.me
        return (me.x, me.y) if me is not None else None

    def _forget_place(self) -> None:
        if self._neighbours.get(self._key) is self:
            del self._neighbours[self._key]

    def _compare_inventory(self, when: str) -> None:
        assert self.client.welcome is not None
        for difference in self.ledger.differences(self.client.welcome.inventory):
            self.tally.broken_promises.add(f"{self.name} {when}: {difference}")

    def _compare_place(self, shown: tuple[float, float] | None) -> None:
        welcome = self.client.welcome
        if welcome is None or shown is None:
            return
        away = math.dist(shown, (welcome.x, welcome.y))
        if away > WALK_SPEED / welcome.tick_hz + 0.01:
            self.tally.broken_promises.add(
                f"{self.name} after logging in again: {away:.2f} units from where it was shown last"
            )

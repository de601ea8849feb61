"""One round: bots play, something breaks, bots come back, everybody leaves, the stores are compared with the ledgers.

Everything that chance decides comes from the round's seed; what the machine's timing decides, of course, does not.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Literal

import pymysql

from tests.faults.bot import Bot, EdgeContext
from tests.faults.checker import Checker
from tests.faults.rig import GRACE_S, LEASE_S, Rig
from tests.faults.verdicts import Verdicts
from tests.scenarios.stores import Stores

BACK_S = 15.0  # the contract's: playing again, or saved
LOOK_EVERY_S = 0.2
FIRST_WELCOME_S = 20.0


@dataclass(frozen=True)
class Fault:
    """``strike`` breaks something and mends it; when it returns, everything runs.

    ``suite`` and ``docs``: how much of it scripts/test plays, and the run whose table is in the docs, in ``unit``.
    """

    name: str
    strike: Callable[[Scene], Awaitable[None]]
    suite: int
    docs: int
    unit: Literal["rounds", "trades"] = "rounds"
    sentinels: bool = False  # Redis is a primary and a replica that Sentinel watches
    nodes: int = 1
    bots: int = 8
    trade_share: float = 0.3
    # Looks into the stores once everybody has left, for what only this fault knows.
    afterwards: Callable[[Scene, Stores], None] = lambda scene, stores: None
    alone: bool = False  # so many players that another round beside it would be short of the machine


class Scene:
    """The scene of a round, for ``strike``."""

    def __init__(self, rig: Rig, fault: Fault, seed: int, environment: dict[str, str]):
        self.rig = rig
        self.fault = fault
        self.seed = seed
        self.random = Random(seed)
        self.environment = environment  # of every node
        self.verdicts = Verdicts()
        self.around = EdgeContext(rig.urls, GRACE_S, verdicts=self.verdicts, trade_share=fault.trade_share)
        self.bots: list[Bot] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.struck_s: float | None = None
        self.notes: list[str] = []
        self.took_s = 0.0
        self.checker: Checker | None = None  # while the round is played
        self.logs: dict[str, str] = {}  # of each node, when a promise was broken

    # --- for faults ---

    def strikes_now(self) -> None:
        """Begin to time the recovery."""
        self.struck_s = time.monotonic()

    def add(self, bot: Bot) -> None:
        self.bots.append(bot)
        self.tasks.append(asyncio.create_task(bot.run()))

    async def play(self, least_s: float, most_s: float) -> None:
        await asyncio.sleep(self.random.uniform(least_s, most_s))

    def acked(self) -> Counter[str]:
        """Count the answers to each kind of action."""
        deeds = self.around.book.deeds()
        return Counter(f"{deed.what} {deed.answer or 'unknown'}" for deed in deeds if deed.is_done)

    def trades(self) -> int:
        """Gifts that were acked."""
        return self.acked()["give durable"]

    def some_vanish(self) -> None:
        """Some never come back: their sessions are to be saved when the grace is over."""
        for bot in self.random.sample(self.bots, self.random.randint(0, 2)):
            bot.vanish()

    def staying(self) -> list[Bot]:
        return [bot for bot in self.bots if bot.intent != "vanish"]

    async def until(self, is_so: Callable[[], bool], patience_s: float) -> bool:
        """False when it is not within so long, and a little longer where this machine is late."""
        until_s = time.monotonic() + self.around.lateness.patience_s(patience_s)
        while not is_so():
            if time.monotonic() > until_s:
                return False
            await asyncio.sleep(0.01)
        return True

    async def readiness(self) -> str:
        """Return the first node's readiness, for whoever looks into a failure."""
        try:
            return (await asyncio.to_thread(self.rig.nodes[0].get, "/readyz"))[1].strip()
        except OSError as error:
            return str(error)

    # --- the round ---

    async def run(self) -> Verdicts:
        stores = await asyncio.to_thread(self.rig.stores)
        checker = self.checker = Checker(stores, self.around.book, self.verdicts, self.around.lateness)
        watching = asyncio.create_task(self.around.lateness.run())
        try:
            for number in range(self.fault.bots):
                self.add(Bot(number, self.around, Random(self.random.random())))
            await self._everybody_plays()
            stop = asyncio.Event()
            looking = asyncio.create_task(self._look(checker, stop))
            try:
                await self.play(0.4, 1.6)
                await self.fault.strike(self)
                await self._everybody_is_back()
                await self.play(0.3, 0.8)
            finally:
                stop.set()
                await looking
            checker.stores.close()
            checker.stores = await asyncio.to_thread(self.rig.stores)
            await self._everybody_leaves(checker)
        finally:
            watching.cancel()
            await self._end()
            checker.stores.close()
        return self.verdicts

    async def _everybody_plays(self) -> None:
        plays = await self.until(lambda: all(bot.is_playing for bot in self.bots), FIRST_WELCOME_S)
        assert plays, "the bots could not begin to play"

    async def _look(self, checker: Checker, stop: asyncio.Event) -> None:
        """Sums and epochs, again and again; a SQL that is away is no news."""
        while not stop.is_set():
            with suppress(pymysql.Error):
                await asyncio.to_thread(checker.look)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _everybody_is_back(self) -> None:
        staying = [bot for bot in self.staying() if bot.intent != "leave"]
        struck_s = self.struck_s or time.monotonic()

        def is_back(bot: Bot) -> bool:
            return bot.is_playing and (bot.playing_since_s > struck_s or bot.stored_at_s > struck_s)

        patience_s = max(0.5, struck_s + BACK_S - time.monotonic())
        await self.until(lambda: all(is_back(bot) for bot in staying), patience_s)
        for bot in staying:
            back = is_back(bot)
            self.verdicts.check("no orphans", back, f"{bot} does not play again {BACK_S:.0f} s after the fault")
            if not back:
                self.notes += [f"{bot} waits for {bot.waits_for()}; the node says {await self.readiness()}"]
            else:
                again_s = bot.playing_since_s if bot.playing_since_s > struck_s else bot.stored_at_s
                self.verdicts.recoveries_s.append(again_s - struck_s)

    async def _everybody_leaves(self, checker: Checker) -> None:
        for bot in self.staying():
            bot.intent = "leave"
        _, late = await asyncio.wait(self.tasks, timeout=GRACE_S + BACK_S)
        self.verdicts.check("no orphans", not late, f"{len(late)} bots could not log out")
        checker.sure_until_s, checker.unseen_s = self.around.sure_until_s, self.around.unseen_s
        checker.moves_behind_max, checker.may_forget = self.around.moves_behind_max, self.around.may_forget
        if not await asyncio.to_thread(checker.wait_until_clean, GRACE_S + LEASE_S + BACK_S):
            self.notes.append(f"the node says {await self.readiness()}")
        await asyncio.to_thread(checker.compare)
        await asyncio.to_thread(self.fault.afterwards, self, checker.stores)

    async def _end(self) -> None:
        for task in self.tasks:
            task.cancel()
        for ended in await asyncio.gather(*self.tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

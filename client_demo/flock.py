"""The bots of one process: they come in spread over a few seconds, walk on one timer, and leave together.

Phases: ramp, play, settle, compare (log out, in again, hold the server to its word), leave.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from client_demo.bot import Bot, Habits
from client_demo.measurements import Tally
from gameserver.client import ConnectionState, SharedFrames, Traffic

SLOTS = 10  # parts of a tick interval that the bots' inputs are spread over
TICK_HZ = 20


class Flock:
    """``players`` bots against one server. ``tally`` can be read at any time."""

    def __init__(
        self,
        url: str,
        players: int,
        habits: Habits,
        *,
        ramp_s: float,
        seed: int = 0,
    ):
        self.tally = Tally(players_wanted=players)
        self.phase = "ramp"
        frames = SharedFrames()
        neighbours: dict[tuple[str, int], Bot] = {}
        self.bots = [Bot(url, habits, self.tally, neighbours, frames=frames, seed=seed + i) for i in range(players)]
        self._ramp_s = ramp_s
        self._stopped = asyncio.Event()
        self._here: list[Bot] = []

    def stop(self) -> None:
        """End the playing phase now."""
        self._stopped.set()

    @property
    def online(self) -> int:
        return sum(bot.client.connection is ConnectionState.PLAYING for bot in self.bots)

    def traffic(self) -> Traffic:
        """Traffic of all bots so far."""
        total = Traffic()
        for bot in self.bots:
            mine = bot.client.traffic
            total.bytes_received += mine.bytes_received
            total.bytes_sent += mine.bytes_sent
            total.messages_received += mine.messages_received
            total.messages_sent += mine.messages_sent
        return total

    async def run(self, seconds: float) -> Tally:
        """All phases."""
        walking = asyncio.create_task(self._walk(), name="walking")
        lives: list[asyncio.Task[None]] = []
        try:
            await self._come_in(lives)
            self.phase = "play"
            await self._play(seconds)
            self.phase = "settle"
            await _end([walking, *lives])
            await asyncio.gather(*(bot.settle() for bot in self._here))
            self.phase = "compare"
            await self._spread(self._here, lambda bot: bot.come_back_and_compare())
            self.phase = "leave"
            await self._spread(self._here, lambda bot: bot.leave())
        finally:
            await _end([walking, *lives])
            await asyncio.gather(*(bot.client.close() for bot in self.bots))
        return self.tally

    async def _come_in(self, lives: list[asyncio.Task[None]]) -> None:
        async def come_in(bot: Bot) -> None:
            if await bot.sign_in():
                bot.begin()
                self._here.append(bot)
                self.tally.players_connected += 1
                lives.append(asyncio.create_task(bot.live(), name=f"life of {bot.name}"))

        await self._spread(self.bots, come_in)

    async def _play(self, seconds: float) -> None:
        for bot in self._here:
            bot.is_measuring = True
        before, began_s, began_cpu_s = self.traffic(), time.perf_counter(), time.process_time()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        for bot in self._here:
            bot.is_measuring = False
        after, tally = self.traffic(), self.tally
        tally.playing_s = time.perf_counter() - began_s
        tally.cpu_s = time.process_time() - began_cpu_s
        tally.bytes_received = after.bytes_received - before.bytes_received
        tally.bytes_sent = after.bytes_sent - before.bytes_sent
        tally.messages_received = after.messages_received - before.messages_received
        tally.messages_sent = after.messages_sent - before.messages_sent

    async def _walk(self) -> None:
        """Each bot's input once a tick, spread over it: an open loop, which does not wait for the server."""
        loop = asyncio.get_running_loop()
        slot_s = 1 / TICK_HZ / SLOTS
        next_s = loop.time()
        for slot in itertools.count():
            next_s += slot_s
            if (early_s := next_s - loop.time()) > 0:
                await asyncio.sleep(early_s)
                self.tally.lateness.add_s(max(0.0, loop.time() - next_s))
            elif early_s < -1 / TICK_HZ:  # what is a tick late is left out; to run after it would make it worse
                next_s = loop.time()
            for bot in self._here[slot % SLOTS :: SLOTS]:
                bot.step()

    async def _spread(self, bots: Sequence[Bot], what: Callable[[Bot], Awaitable[None]]) -> None:
        """Do it for every bot, begun evenly over the ramp."""

        async def later(delay_s: float, bot: Bot) -> None:
            await asyncio.sleep(delay_s)
            await what(bot)

        step_s = self._ramp_s / max(1, len(bots))
        await asyncio.gather(*(later(i * step_s, bot) for i, bot in enumerate(bots)))


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

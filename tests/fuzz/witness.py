"""An honest player among hostile ones: acts, counts the answers, times the frames, and looks at all it is sent."""

from __future__ import annotations

import asyncio
import json
import math
import time

from gameserver.protocol.world_frame import Section, decode_frame
from tests.fuzz.messages import ENTITLED, MARK
from tests.fuzz.names import is_deceiving
from tests.scenarios.raw import Raw

ACT_EVERY_S = 0.2
TURN_EVERY = 0.7  # radians an act: a small circle, so that every tick has news


class Witness:
    """``play`` runs beside the test; ``intervals_s`` are the times between two frames since ``begin``."""

    def __init__(self, raw: Raw):
        self.raw = raw
        self.intervals_s: list[float] = []
        self.heard: list[str] = []  # lines of others that they are entitled to
        self.wrong: list[str] = []  # whatever nobody was entitled to send
        self.answered: set[int] = set()
        self.last_seq = 0
        self._last_s = 0.0

    def begin(self) -> list[float]:
        """Start a new list of intervals, and return it."""
        self.intervals_s, self._last_s = [], 0.0
        return self.intervals_s

    async def play(self) -> None:
        acting = asyncio.create_task(self._act())
        try:
            while True:
                self._see(await self.raw.socket.recv())
        finally:
            acting.cancel()

    async def all_answered(self) -> None:
        """Wait for the answers to everything so far."""
        asked = set(range(1, self.last_seq + 1))
        async with asyncio.timeout(10):
            while not asked <= self.answered:
                await asyncio.sleep(0.05)

    async def _act(self) -> None:
        """Turn a little, and every fifth time say something, else eat an apple."""
        angle = 0.0
        while True:
            angle += TURN_EVERY
            await self.raw.send("move", dx=math.cos(angle), dy=math.sin(angle))
            self.last_seq += 1
            if self.last_seq % 6:
                await self.raw.send("use", seq=self.last_seq, item="apple")
            else:
                await self.raw.send("say", seq=self.last_seq, text="good evening")
            await asyncio.sleep(ACT_EVERY_S)

    def _see(self, received: str | bytes) -> None:
        if isinstance(received, bytes):
            self._time()
            for section in decode_frame(received)[1]:
                assert section.what in Section
        else:
            self._judge(received)

    def _time(self) -> None:
        now_s = time.perf_counter()
        if self._last_s:
            self.intervals_s.append(now_s - self._last_s)
        self._last_s = now_s

    def _judge(self, text: str) -> None:
        match json.loads(text):
            case {"type": "ack", "seq": int(seq), "level": "stored" | "accepted"}:
                if seq in self.answered:
                    self.wrong.append(f"two answers: {text[:300]}")
                self.answered.add(seq)
            case {"type": "said", "line": {"sender": str(sender), "text": str(line)}}:
                self._hear(sender, line, text)
            case {"type": "inventory"} | {"type": "state"}:
                pass
            case {"type": "event", "name": "received", "fields": {"by": str(giver)}} if not is_deceiving(giver):
                pass
            case _:
                self.wrong.append(text[:300])

    def _hear(self, sender: str, line: str, text: str) -> None:
        if MARK in line or len(line) > 300 or line != line.strip() or not line.isprintable() or is_deceiving(sender):
            self.wrong.append(text[:300])
        elif line.startswith(ENTITLED):
            self.heard.append(line)

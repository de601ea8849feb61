"""The hostile clients, as a process of their own: ``python -m tests.fuzz.attacker PORT SEED FRAMES``.

Every answer of the server is compared with what the rules allow. The report, one JSON object, goes to standard output.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import struct
import sys
from collections import Counter
from random import Random
from typing import Any

import msgspec

from gameserver.protocol.errors import CLOSES, RefusalCode
from tests.fuzz import frames, messages, names, requests

ABREAST = 8  # connections at a time
FRAMES_PER_S = 4000
ANSWER_S = 10.0  # how long one answer may take
LORISES = 6  # sockets that send one byte now and then
NICENESS = 10  # the server and the honest player come first
FLOOD_FRAMES = 600
CODES = {row.code for row in CLOSES.values()}
EARLY = {1000, 4001, 4010}  # a mutated message may sign in, sign out or use up the attempts
REFUSALS = {code.value for code in RefusalCode} - {"internal"}


class Attack:
    """Sends ``count`` hostile frames, and keeps what was sent and answered, and what was wrong."""

    def __init__(self, port: int, seed: int, count: int):
        self.port = port
        self.random = Random(seed)
        self.left = count
        self.sent: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.connections = 0
        self._begun_s = asyncio.get_running_loop().time()
        self._paced = 0

    async def run(self) -> dict[str, Any]:
        lorises = [asyncio.create_task(self._loris(number)) for number in range(LORISES)]
        async with asyncio.TaskGroup() as group:
            for _ in range(ABREAST):
                group.create_task(self._assault())
        for loris in lorises:
            loris.cancel()
        await asyncio.gather(*lorises, return_exceptions=True)
        return {
            "connections": self.connections,
            "sent": self.sent,
            "answers": self.answers,
            "wrong": self.wrong[:20],
        }

    async def _assault(self) -> None:
        while self.left > 0 and len(self.wrong) < 20:
            random = Random(self.random.getrandbits(64))
            number = random.random()
            try:
                async with asyncio.timeout(ANSWER_S * 3):
                    if number < 0.35:
                        await self._ask(random)
                    else:
                        await self._converse(random)
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                self.answers[f"broken off: {type(error).__name__}"] += 1
            except TimeoutError:
                self.wrong.append("the server neither answered nor closed")

    # --- HTTP ---

    async def _ask(self, random: Random) -> None:
        hostile = requests.hostile(random)
        self._count(hostile.kind, 1)
        await self._pace(1)
        async with self._connected() as (reader, writer):
            writer.write(hostile.request)
            answer = await asyncio.wait_for(reader.read(-1), ANSWER_S)
        status = int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0
        self.answers[f"{hostile.kind}: {status}"] += 1
        if status not in hostile.statuses or answer.count(b"HTTP/1.1 ") != 1:
            self.wrong.append(f"{hostile.kind}: {hostile.request[:300]!r} was answered {answer[:100]!r}")
        if b"Content-Security-Policy: " not in answer:
            self.wrong.append(f"{hostile.kind}: no security headers in {answer[:100]!r}")

    # --- WebSocket ---

    async def _converse(self, random: Random) -> None:
        async with self._connected() as (reader, writer):
            writer.write(requests.handshake(random))
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), ANSWER_S)
            if not head.startswith(b"HTTP/1.1 101 "):
                self.wrong.append(f"an honest handshake was answered {head[:60]!r}")
                return
            peer = Peer(self, reader)
            if is_playing := random.random() < 0.5:
                await self._sign_in(random, writer, peer)
            listening = asyncio.create_task(peer.listen())
            talk = messages.Talk(random, is_playing=is_playing)
            try:
                await self._send_many(random, writer, peer, talk)
                await self._end(random, writer, peer, talk)
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    async def _sign_in(self, random: Random, writer: asyncio.StreamWriter, peer: Peer) -> None:
        guest: dict[str, Any] = {"type": "guest"}
        if random.random() < 0.5:
            guest["name"] = names.name(random)
        for wish in (guest, {"type": "guest"}):
            text = json.dumps(wish, ensure_ascii=True).encode()
            writer.write(frames.frame(random, text))
            if await peer.signed_in():
                return

    async def _send_many(self, random: Random, writer: asyncio.StreamWriter, peer: Peer, talk: messages.Talk) -> None:
        if random.random() < 0.01:
            await self._flood(random, writer, peer)
            return
        budget = random.choice((1, 10, 60, 100))
        while budget > 0 and peer.code is None and self.left > 0:
            stream, count = frames.odd(random, talk.text())
            self._count("message", count)
            budget -= count
            await self._pace(count)
            for at in range(0, len(stream), cut := random.choice((1 << 20, 1 << 20, 1 << 20, 700, 40))):
                writer.write(stream[at : at + cut])
                if cut < 1 << 20:
                    await asyncio.sleep(0)
            await writer.drain()

    async def _flood(self, random: Random, writer: asyncio.StreamWriter, peer: Peer) -> None:
        opcode, payload = random.choice(((frames.PING, b""), (frames.PONG, b"x"), (frames.TEXT, b"{}")))
        one = frames.frame(random, payload, opcode)
        self._count("flood", FLOOD_FRAMES)
        await self._pace(FLOOD_FRAMES)
        writer.write(one * FLOOD_FRAMES)
        await peer.expect((4005,), "flood")

    async def _end(self, random: Random, writer: asyncio.StreamWriter, peer: Peer, talk: messages.Talk) -> None:
        if peer.code is not None:
            return
        ending = random.random()
        if ending < 0.15:
            self._count("left", 1)
        elif ending < 0.3:
            self._count("noise", 1)
            writer.write(random.randbytes(random.randrange(1, 600)))
            await writer.drain()
        elif ending < 0.4:
            whole = bytearray(frames.frame(random, talk.text()))
            whole[random.randrange(min(14, len(whole)))] ^= 1 << random.randrange(8)
            self._count("mutated header", 1)
            writer.write(whole)
            await writer.drain()
        else:
            breach = frames.breach(random)
            self._count(breach.kind, breach.frames)
            writer.write(breach.stream)
            await peer.expect(breach.codes, breach.kind)

    async def _loris(self, number: int) -> None:
        """Open a socket again and again and send one byte at a time, half of them after a handshake."""
        random = Random(number)
        while True:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                async with self._connected() as (reader, writer):
                    if number % 2:
                        writer.write(requests.handshake(random))
                        await reader.readuntil(b"\r\n\r\n")
                    begun_s = asyncio.get_running_loop().time()
                    slow = b"\x81\xfe\x10\x00" if number % 2 else b"GET / HTTP/1.1\r\nX: "
                    for at in range(400):
                        writer.write(slow[at : at + 1] or b"x")
                        if await self._is_over(reader):
                            break
                    waited_s = asyncio.get_running_loop().time() - begun_s
                    self.answers["slow one closed"] += 1
                    if waited_s > ANSWER_S:
                        self.wrong.append(f"a slow one was closed after {waited_s:.1f} s only")

    async def _is_over(self, reader: asyncio.StreamReader) -> bool:
        try:
            async with asyncio.timeout(0.2):
                while await reader.read(1 << 16):
                    pass
        except TimeoutError:
            return False
        return True

    # --- counting ---

    def _count(self, kind: str, count: int) -> None:
        self.sent[kind] += count
        self.left -= count

    async def _pace(self, count: int) -> None:
        self._paced += count
        ahead_s = self._begun_s + self._paced / FRAMES_PER_S - asyncio.get_running_loop().time()
        if ahead_s > 0.005:
            await asyncio.sleep(ahead_s)

    @contextlib.asynccontextmanager
    async def _connected(self) -> Any:
        self.connections += 1
        reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", self.port), ANSWER_S)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


class Peer:
    """The server's messages on one WebSocket."""

    def __init__(self, attack: Attack, reader: asyncio.StreamReader):
        self._attack = attack
        self._reader = reader
        self._closed = asyncio.Event()
        self.code: int | None = None  # of the close frame; 1006 if the server hung up without one

    async def signed_in(self) -> bool:
        """Read until the answer to a sign-in."""
        while True:
            opcode, payload = await asyncio.wait_for(self._frame(), ANSWER_S)
            if opcode == frames.TEXT and (kind := self._read(payload)) in ("welcome", "refused"):
                return kind == "welcome"
            if opcode == frames.CLOSE:
                raise ConnectionError("closed while signing in")

    async def listen(self) -> None:
        """Read until the end."""
        try:
            while True:
                opcode, payload = await self._frame()
                if opcode == frames.TEXT:
                    self._read(payload)
                elif opcode == frames.CLOSE:
                    self.code = struct.unpack_from("!H", payload)[0] if payload else 1005
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            self.code = 1006
        finally:
            self._closed.set()

    async def expect(self, codes: tuple[int, ...], why: str) -> None:
        """The server has to close with one of these."""
        await asyncio.wait_for(self._closed.wait(), ANSWER_S)
        self._attack.answers[f"{why}: {self.code}"] += 1
        if self.code not in codes and self.code not in EARLY:
            self._attack.wrong.append(f"{why}: closed with {self.code}, not {codes}")

    def _read(self, payload: bytes) -> str:
        message = msgspec.json.decode(payload)
        kind = str(message["type"])
        if kind == "refused":
            self._attack.answers[f"refused {message['code']}"] += 1
            if message["code"] not in REFUSALS or len(message["reason"]) > 300:
                self._attack.wrong.append(f"a refusal like no other: {payload[:300]!r}")
        elif kind == "closing" and message["code"] not in CODES - {1011}:
            self._attack.wrong.append(f"a close like no other: {payload[:300]!r}")
        return kind

    async def _frame(self) -> tuple[int, bytes]:
        first, length = await self._reader.readexactly(2)
        if length == 126:
            (length,) = struct.unpack("!H", await self._reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self._reader.readexactly(8))
        return first & 0x0F, await self._reader.readexactly(length)


async def main() -> None:
    port, seed, count = map(int, sys.argv[1:4])
    os.nice(NICENESS)
    print(json.dumps(await Attack(port, seed, count).run()))


if __name__ == "__main__":
    asyncio.run(main())

"""A small stand-in for the game server: real sockets, the real messages, a world of one cell, and levers to pull.

It keeps each session's answers by seq, as the real one does, so that a resent action is answered and not applied again.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from gameserver.protocol.codec import encode_text
from gameserver.protocol.errors import CLOSES, Close
from gameserver.protocol.messages import (
    Ack,
    ChatLine,
    Closing,
    Described,
    EntityDescription,
    InventoryChanged,
    Refused,
    Said,
    ServerMessage,
    Welcome,
    ZoneDescription,
)
from gameserver.protocol.world_frame import LAYOUT, RECORD, Section, encode_frame, encode_section

KINDS = ["player", "apple", "coin", "flower"]
SPEED = 6.0
TICK_HZ = 20


@dataclass
class Session:
    """One player of the stand-in."""

    player_id: int
    name: str
    token: str
    guest_token: str | None = None
    x: float = 50.0
    y: float = 50.0
    direction: tuple[float, float] = (0.0, 0.0)
    inventory: dict[str, int] = field(default_factory=dict)
    answers: dict[int, ServerMessage] = field(default_factory=dict)
    socket: ServerConnection | None = None

    @property
    def last_seq(self) -> int:
        return max(self.answers, default=0)


class ScriptedServer:
    def __init__(self) -> None:
        self.url = ""
        self.received: list[dict[str, Any]] = []  # every message, in order
        self.sessions: dict[str, Session] = {}  # by name
        self.things: dict[int, tuple[float, float, int]] = {1000 + n: (50.0 + n, 50.0, 1 + n % 3) for n in range(9)}
        self.tick = 0
        self.applied: list[tuple[str, int]] = []  # (name, seq) of each action that took effect
        self.silent_about: set[str] = set()  # action types that are applied and not answered
        self.refuse_resume = False
        self.refuse_with: Callable[[dict[str, Any]], Refused | None] = lambda message: None
        self.forgets_sessions = False  # a welcome opens anew instead of resuming
        self._ids = itertools.count(1)
        self._server: Server | None = None

    # --- levers ---

    async def cut(self, name: str) -> None:
        """Lose the socket without a word."""
        socket = self.sessions[name].socket
        assert socket is not None
        socket.transport.abort()

    async def close(self, name: str, reason: Close, retry_after_ms: int | None = None) -> None:
        socket = self.sessions[name].socket
        assert socket is not None
        await close(socket, reason, retry_after_ms)

    async def tell(self, name: str, message: ServerMessage) -> None:
        socket = self.sessions[name].socket
        assert socket is not None
        await socket.send(encode_text(message).decode(), text=True)

    async def frame(self, name: str, payload: bytes) -> None:
        socket = self.sessions[name].socket
        assert socket is not None
        await socket.send(payload)

    def of_type(self, *names: str) -> list[dict[str, Any]]:
        return [message for message in self.received if message["type"] in names]

    # --- one connection ---

    async def serve(self, socket: ServerConnection) -> None:
        session: Session | None = None
        try:
            async for text in socket:
                message = msgspec.json.decode(text)
                self.received.append(message)
                if session is None:
                    session = await self._sign_in(socket, message)
                elif message["type"] == "logout":
                    await close(socket, Close.LOGGED_OUT)
                else:
                    await self._take(session, message)
        except ConnectionClosed:
            pass
        finally:
            if session is not None and session.socket is socket:
                session.socket = None

    async def _sign_in(self, socket: ServerConnection, message: dict[str, Any]) -> Session | None:
        if message["type"] in self.silent_about:
            return None
        if refused := self.refuse_with(message):
            await socket.send(encode_text(refused).decode(), text=True)
            return None
        session = self._session(message)
        if session is None:
            await socket.send(encode_text(Refused("bad_token", "unknown")).decode(), text=True)
            return None
        resumed = message["type"] == "resume" and not self.forgets_sessions
        if not resumed:
            session.answers.clear()
        session.token = f"resume-{next(self._ids)}"
        session.socket = socket
        await socket.send(encode_text(self._welcome(session, resumed)).decode(), text=True)
        await socket.send(self._snapshot())
        return session

    def _session(self, message: dict[str, Any]) -> Session | None:
        token = message.get("token")
        if message["type"] == "resume" and self.refuse_resume:
            return None
        if token is not None:
            known = (s for s in self.sessions.values() if token in (s.token, s.guest_token))
            return next(known, None)
        number = next(self._ids)
        name = message.get("name") or f"guest-{number}"
        guest_token = f"guest-token-{number}" if message["type"] == "guest" else None
        return self.sessions.setdefault(name, Session(number, name, "", guest_token))

    def _welcome(self, session: Session, resumed: bool) -> Welcome:
        return Welcome(
            player_id=session.player_id,  # type: ignore[arg-type]
            entity_id=session.player_id,  # type: ignore[arg-type]
            name=session.name,
            resume_token=session.token,
            guest_token=session.guest_token,
            resumed=resumed,
            last_seq=session.last_seq,
            tick=self.tick,
            tick_hz=TICK_HZ,
            grace_ms=30_000,
            zone=ZoneDescription("meadow", 100.0, 100.0, 100.0),
            kinds=KINDS,
            layout=LAYOUT,
            x=session.x,
            y=session.y,
            inventory=dict(session.inventory),
            chat=[ChatLine("zone", "Ada", "hello", 1)],
            state={},
        )

    async def _take(self, session: Session, message: dict[str, Any]) -> None:
        socket = session.socket
        assert socket is not None
        if message["type"] == "move":
            session.direction = (message["dx"], message["dy"])
        elif message["type"] == "describe":
            names = {session.player_id: session.name for session in self.sessions.values()}
            known = [EntityDescription(i, names[i]) for i in message["ids"] if i in names]
            await socket.send(encode_text(Described(known)).decode(), text=True)
        elif "seq" in message:
            seq = message["seq"]
            if seq not in session.answers:
                self.applied.append((session.name, seq))
                session.answers[seq] = await self._apply(session, message)
            if message["type"] not in self.silent_about:
                await socket.send(encode_text(session.answers[seq]).decode(), text=True)

    async def _apply(self, session: Session, message: dict[str, Any]) -> ServerMessage:
        seq, held, level = message["seq"], session.inventory, "stored"
        match message:
            case {"type": "pick_up", "entity": entity}:
                if entity not in self.things:
                    return Refused("no_such_thing", "it is gone", seq=seq)
                kind = KINDS[self.things.pop(entity)[2]]
                held[kind] = held.get(kind, 0) + 1
            case {"type": "use" | "drop", "item": item}:
                if held.get(item, 0) < message.get("quantity", 1):
                    return Refused("not_enough", f"you have no {item}", seq=seq)
                held[item] -= message.get("quantity", 1)
            case {"type": "give", "to": to, "item": item, "quantity": quantity}:
                receiver = next((s for s in self.sessions.values() if s.player_id == to), None)
                if receiver is None or held.get(item, 0) < quantity:
                    return Refused("not_enough", "no", seq=seq)
                held[item] -= quantity
                receiver.inventory[item] = receiver.inventory.get(item, 0) + quantity
                await self._tell_inventory(receiver)
                level = "durable"
            case {"type": "say", "text": text}:
                level = "accepted"
                for other in self.sessions.values():
                    if other.socket is not None:
                        await self.tell(other.name, Said(ChatLine("zone", session.name, text, 2)))
        await self._tell_inventory(session)
        return Ack(seq, level)  # type: ignore[arg-type]

    async def _tell_inventory(self, session: Session) -> None:
        if session.socket is not None:
            items = {kind: quantity for kind, quantity in session.inventory.items() if quantity}
            await self.tell(session.name, InventoryChanged(items))

    # --- the world ---

    def _players(self) -> list[bytes]:
        online = [session for session in self.sessions.values() if session.socket is not None]
        return [RECORD.pack(s.player_id, s.x, s.y, 0, 0, 0) for s in online]

    def _snapshot(self) -> bytes:
        things = [RECORD.pack(i, x, y, kind, 0, 0) for i, (x, y, kind) in self.things.items()]
        return encode_frame(self.tick, [encode_section(Section.SNAPSHOT, (0, 0), [*self._players(), *things])])

    async def run_ticks(self) -> None:
        """A world that moves: everyone walks, and everyone is shown everything on every tick."""
        loop = asyncio.get_running_loop()
        next_s = loop.time()
        while True:
            next_s += 1 / TICK_HZ
            await asyncio.sleep(max(0.0, next_s - loop.time()))
            self.tick += 1
            for session in self.sessions.values():
                dx, dy = session.direction if session.socket is not None else (0.0, 0.0)
                session.x = min(100.0, max(0.0, session.x + dx * SPEED / TICK_HZ))
                session.y = min(100.0, max(0.0, session.y + dy * SPEED / TICK_HZ))
            payload = self._snapshot()
            for session in list(self.sessions.values()):
                if session.socket is not None:
                    try:
                        await session.socket.send(payload)
                    except ConnectionClosed:
                        continue


async def close(socket: ServerConnection, reason: Close, retry_after_ms: int | None = None) -> None:
    row = CLOSES[reason]
    after_ms = row.retry_after_ms if retry_after_ms is None else retry_after_ms
    message = Closing(row.code, reason.value, row.text, row.may_return, after_ms)
    await socket.send(encode_text(message).decode(), text=True)
    await socket.close(row.code, row.text)


@asynccontextmanager
async def scripted_server(port: int = 0, server: ScriptedServer | None = None) -> AsyncIterator[ScriptedServer]:
    scripted = server or ScriptedServer()
    async with serve(scripted.serve, "127.0.0.1", port, subprotocols=["gameserver.v1"], compression=None) as listening:  # type: ignore[list-item]
        scripted.url = f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}/ws"
        yield scripted

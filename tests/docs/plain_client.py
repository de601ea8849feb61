"""A client written from docs/protocol.md alone, with nothing but sockets: it shows that the page is enough.

It imports nothing of the project. A rule of the page that the server breaks is an AssertionError.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import struct
import time
from typing import Any

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
SIZES = {"u8": "B", "u16": "H", "u32": "I", "i8": "b", "i16": "h", "i32": "i", "f32": "f"}
SNAPSHOT, DELTA, FORGET = 1, 2, 3
PATIENCE_S = 10.0

Message = dict[str, Any]


class Closed(Exception):  # noqa: N818
    """The server closed the connection."""

    def __init__(self, code: int, closing: Message | None):
        super().__init__(f"closed with {code}: {closing}")
        self.code = code
        self.closing = closing


class Wire:
    """One WebSocket."""

    def __init__(self, host: str, port: int):
        self._socket = socket.create_connection((host, port), timeout=PATIENCE_S)
        self._read = b""
        self._closing: Message | None = None
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET /ws HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: gameserver.v1\r\n\r\n".encode()
        )
        head = self._until(b"\r\n\r\n").decode()
        accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()
        assert head.startswith("HTTP/1.1 101 "), head
        assert f"sec-websocket-accept: {accept.lower()}\r\n" in head.lower()
        assert "sec-websocket-protocol: gameserver.v1\r\n" in head.lower()

    def send(self, message: Message) -> None:
        self._send(TEXT, json.dumps(message).encode())

    def receive(self) -> Message | bytes:
        """Return the next message or world frame. Raises Closed."""
        while True:
            first, length = self._take(2)
            assert first & 0x70 == 0, "reserved bits"
            assert first & 0x80, "the server sends no fragments"
            assert length < 128, "the server does not mask"
            if length == 126:
                (length,) = struct.unpack("!H", self._take(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", self._take(8))
            assert length <= 256 * 1024
            payload = self._take(length)
            match first & 0x0F:
                case 1:
                    return self._message(payload)
                case 2:
                    return payload
                case 8:
                    self._send(CLOSE, payload)
                    raise Closed(struct.unpack_from("!H", payload)[0], self._closing)
                case 9:
                    self._send(PONG, payload)

    def break_off(self) -> None:
        """Lose the socket without a word."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def _message(self, payload: bytes) -> Message:
        message: Message = json.loads(payload)
        if message["type"] == "closing":
            self._closing = message
        return message

    def _send(self, opcode: int, payload: bytes) -> None:
        length = len(payload)
        size = bytes([0x80 | length]) if length < 126 else b"\xfe" + struct.pack("!H", length)
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        self._socket.sendall(bytes([0x80 | opcode]) + size + mask + masked)

    def _take(self, count: int) -> bytes:
        while len(self._read) < count:
            self._more()
        taken, self._read = self._read[:count], self._read[count:]
        return taken

    def _until(self, end: bytes) -> bytes:
        while end not in self._read:
            self._more()
        return self._take(self._read.index(end) + len(end))

    def _more(self) -> None:
        read = self._socket.recv(1 << 16)
        if not read:
            raise ConnectionError("the server hung up")
        self._read += read


class World:
    """The entities in view: the fields of each by its id, and the cell that last had a record of it."""

    def __init__(self, welcome: Message):
        names = [name for name, _ in welcome["layout"]]
        self._names = names
        self._record = struct.Struct("<" + "".join(SIZES[kind] for _, kind in welcome["layout"]))
        self.entities: dict[int, Message] = {}
        self._cells: dict[int, tuple[int, int]] = {}
        self._shown: set[tuple[int, int]] = set()  # cells that had a snapshot
        self.frames = 0
        self.tick = 0

    def apply(self, frame: bytes) -> None:
        version, flags, sections, self.tick = struct.unpack_from("<BBHI", frame)
        assert version == 1
        assert flags in (0, 1)
        assert flags == 1 or self.frames, "the first frame is full"
        self.frames += 1
        if flags:
            self.entities, self._cells, self._shown = {}, {}, set()
        at, cells = 8, set()
        for _ in range(sections):
            what, _, records, left, x, y, _ = struct.unpack_from("<BBHHhhH", frame, at)
            assert what == SNAPSHOT or not flags, "a full frame holds snapshots only"
            assert (x, y) not in cells, "one section for each cell"
            cells.add((x, y))
            end = at + 12 + records * self._record.size
            shown = [
                dict(zip(self._names, fields, strict=True)) for fields in self._record.iter_unpack(frame[at + 12 : end])
            ]
            gone = struct.unpack_from(f"<{left}I", frame, end)
            self._section(what, (x, y), shown, gone)
            at = end + 4 * left
        assert at == len(frame)

    def _section(self, what: int, cell: tuple[int, int], shown: list[Message], gone: tuple[int, ...]) -> None:
        assert not {entity["id"] for entity in shown} & set(gone)
        assert what in (SNAPSHOT, DELTA, FORGET)
        if what == DELTA:
            assert cell in self._shown, "a delta comes after its cell's snapshot"
        else:
            assert not gone
            self._remove([entity for entity, kept in self._cells.items() if kept == cell])
        if what == FORGET:
            assert not shown
            self._shown.discard(cell)
        else:
            self._shown.add(cell)
        for entity in shown:
            self.entities[entity["id"]] = entity
            self._cells[entity["id"]] = cell
        self._remove([entity for entity in gone if self._cells.get(entity) == cell])

    def _remove(self, ids: list[int]) -> None:
        for entity in ids:
            self.entities.pop(entity, None)
            self._cells.pop(entity, None)


class Client:
    """A player: signs in, sees the world, acts, and comes back."""

    def __init__(self, host: str, port: int):
        self._address = (host, port)
        self.connect()
        self.resume_token = ""
        self.unanswered: dict[int, Message] = {}
        self.answers: dict[int, Message] = {}
        self.seq = 0
        self.inventory: dict[str, int] = {}
        self.others: list[Message] = []  # messages that nobody has asked for yet

    def connect(self) -> None:
        self.wire = Wire(*self._address)

    def sign_in(self, message: Message) -> Message:
        """Return the welcome, or the refusal."""
        self.wire.send(message)
        answer = self.wire.receive()
        assert isinstance(answer, dict)
        if answer["type"] == "welcome":
            self.welcome = answer
            self.resume_token = answer["resume_token"]
            self.inventory = answer["inventory"]
            self.world = World(answer)
            if not answer["resumed"]:
                self.seq, self.unanswered = answer["last_seq"], {}
        return answer

    def resume(self) -> Message:
        """Connect again, take the session back, and send what has no answer."""
        self.connect()
        answer = self.sign_in({"type": "resume", "token": self.resume_token})
        for seq in sorted(self.unanswered):
            self.wire.send(self.unanswered[seq])
        return answer

    def act(self, kind: str, **fields: Any) -> int:
        self.seq += 1
        self.unanswered[self.seq] = {"type": kind, "seq": self.seq, **fields}
        self.wire.send(self.unanswered[self.seq])
        return self.seq

    def answer_to(self, seq: int) -> Message:
        self.until(lambda: seq in self.answers)
        return self.answers[seq]

    def wait_for(self, kind: str) -> Message:
        """Return the next message of that type."""
        self.until(lambda: any(message["type"] == kind for message in self.others))
        found = next(message for message in self.others if message["type"] == kind)
        self.others.remove(found)
        return found

    def until(self, done: Any) -> None:
        """Read until it is so."""
        until_s = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < until_s, "it did not come"
            self.read()

    def read(self) -> None:
        received = self.wire.receive()
        if isinstance(received, bytes):
            self.world.apply(received)
            return
        match received:
            case {"type": "ack" | "refused", "seq": int(seq)}:
                assert self.unanswered.pop(seq, None), f"a second answer: {received}"
                self.answers[seq] = received
            case {"type": "inventory", "items": items}:
                self.inventory = items
            case _:
                self.others.append(received)

    @property
    def me(self) -> Message:
        return self.world.entities[self.welcome["entity_id"]]

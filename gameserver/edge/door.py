"""The way of one connection from its first message to play: sign in with accounts, then a session from the host.

Law: nothing of a connection reaches the host before it has signed in, and no result of a sign-in is used for a
connection that is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

import structlog

from gameserver.edge.frames import text_frame
from gameserver.edge.limits import EdgeLimits
from gameserver.edge.sockets import ClientSocket, Stage
from gameserver.link.messages import Declined, Join, Leave, Opened, PlayerInputs, ResumeSession, Resync
from gameserver.link.ports import HostPort
from gameserver.protocol.codec import SignInCodec, not_signed_in
from gameserver.protocol.errors import Close, Refusal, RefusalCode
from gameserver.protocol.ids import ConnectionId, PlayerId
from gameserver.protocol.messages import ClientMessage, Guest, Login, Register, Resume

_PLAYING: Final = Stage.PLAYING  # asked for with every input
log = structlog.get_logger(__name__)


class SignedIn(Protocol):
    """The player of a connection that has signed in."""

    @property
    def player_id(self) -> PlayerId: ...
    @property
    def name(self) -> str: ...
    @property
    def guest_token(self) -> str | None: ...


SignInCall = Callable[[Register | Login | Guest, str], Awaitable[SignedIn]]
"""(message, the client's address) -> the player. Raises Refusal. May be cancelled when it takes too long."""


class Door:
    """Passes clients' messages from the sockets to the host, and the host's answers to the sockets."""

    def __init__(self, link: HostPort, sign_in: SignInCall, limits: EdgeLimits):
        self._link = link
        self._sign_in = sign_in
        self._codec = SignInCodec()
        self._limits = limits
        self._tasks: set[asyncio.Task[None]] = set()
        # Players' messages that the host has not got yet: the texts, and beside them their connections.
        self._players: list[ConnectionId] = []
        self._texts: list[bytes] = []

    # --- calls of the sockets ---

    def text_received(self, socket: ClientSocket, text: bytes) -> None:
        if socket.stage is _PLAYING:
            self._players.append(socket.connection_id)
            self._texts.append(text)
            return
        try:
            self._before_play(socket, self._codec.decode(text))
        except Refusal as refusal:
            socket.refuse(refusal, text)
        except Exception:
            log.exception("message_failed", connection_id=socket.connection_id)
            socket.refuse(Refusal(RefusalCode.INTERNAL), text)

    def pass_on(self) -> None:
        """Send the players' messages since the last call to the host."""
        if self._texts:
            players, self._players = self._players, []
            texts, self._texts = self._texts, []
            self._link.to_host(PlayerInputs(players, texts))

    def drained(self, socket: ClientSocket) -> None:
        self._link.to_host(Resync(socket.connection_id))

    def lost(self, socket: ClientSocket, why: str) -> None:
        if socket.known_to_host:
            socket.known_to_host = False
            # Later, because this may happen while the host is telling us something: it must not hear back from inside.
            asyncio.get_running_loop().call_soon(self._link.to_host, Leave(socket.connection_id, why))

    # --- calls of the host ---

    def opened(self, sockets: Mapping[ConnectionId, ClientSocket], message: Opened) -> None:
        socket = sockets.get(message.connection_id)
        if socket is not None and socket.stage is Stage.OPENING:
            socket.enter(Stage.PLAYING)
            socket.send_frame(text_frame(message.welcome))

    def declined(self, sockets: Mapping[ConnectionId, ClientSocket], message: Declined) -> None:
        socket = sockets.get(message.connection_id)
        if socket is not None and socket.stage is Stage.OPENING:
            socket.known_to_host = False
            self._failed(socket, Refusal(message.code, message.reason, retry_after_ms=message.retry_after_ms))

    async def close(self) -> None:
        """Give up the sign-ins under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- signing in ---

    def _before_play(self, socket: ClientSocket, message: ClientMessage) -> None:
        match socket.stage, message:
            case Stage.GREETING, Register() | Login() | Guest():
                self._start_sign_in(socket, message)
            case Stage.GREETING, Resume(token=token):
                self._ask_host(socket, ResumeSession(socket.connection_id, token))
            case _, Register() | Login() | Guest() | Resume():
                raise Refusal(RefusalCode.TOO_MANY, "a sign-in is under way")
            case _:
                raise not_signed_in()

    def _start_sign_in(self, socket: ClientSocket, message: Register | Login | Guest) -> None:
        if len(self._tasks) >= self._limits.sign_ins_max:
            raise Refusal(RefusalCode.TRY_LATER, "many are signing in just now", retry_after_ms=1000)
        socket.enter(Stage.SIGNING_IN)  # no deadline here: the task has one
        task = asyncio.create_task(self._run_sign_in(socket, message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run_sign_in(self, socket: ClientSocket, message: Register | Login | Guest) -> None:
        try:
            async with asyncio.timeout(self._limits.sign_in_s):
                signed_in = await self._sign_in(message, socket.address)
        except Refusal as refusal:
            self._failed(socket, refusal)
        except TimeoutError:
            self._failed(socket, Refusal(RefusalCode.TRY_LATER, "signing in took too long", retry_after_ms=1000))
        except Exception:
            log.exception("sign_in_failed", connection_id=socket.connection_id)
            self._failed(socket, Refusal(RefusalCode.INTERNAL))
        else:
            if socket.stage is Stage.SIGNING_IN:
                join = Join(socket.connection_id, signed_in.player_id, signed_in.name, signed_in.guest_token)
                self._ask_host(socket, join)

    def _ask_host(self, socket: ClientSocket, request: Join | ResumeSession) -> None:
        socket.enter(Stage.OPENING, self._limits.opening_s)
        socket.known_to_host = True  # before asking: on a local link the answer may come from inside the call
        self._link.to_host(request)

    def _failed(self, socket: ClientSocket, refusal: Refusal) -> None:
        if socket.stage not in (Stage.SIGNING_IN, Stage.OPENING):
            return
        socket.failed_sign_ins += 1
        socket.enter(Stage.GREETING, self._limits.another_attempt_s)
        socket.refuse(refusal)
        if socket.failed_sign_ins >= self._limits.sign_in_attempts_max:
            socket.close(Close.TOO_MANY_ATTEMPTS)

"""The client: one player's session as a program sees it, and all the server has told of it so far.

Law: whatever a message changes is changed inside the callback that read it, before the next message is looked at.
Bounds: inputs one per type (latest wins), actions ``actions_max`` (then TooManyActions), each reader of ``messages()``
1000 (drops the oldest), chat 100 lines.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, Self, TypeVar

import msgspec
import orjson

from gameserver.client.actions import Action, Outstanding
from gameserver.client.backoff import Backoff
from gameserver.client.credentials import Credentials
from gameserver.client.errors import ClientError, ConnectionLost, NotSignedIn, OutcomeUnknown, SessionEnded
from gameserver.client.frames import Frames
from gameserver.client.inbox import Inbox, Messages
from gameserver.client.keeper import Keeper
from gameserver.client.names import Names
from gameserver.client.transport import Loss, Traffic
from gameserver.client.world import Entity, World
from gameserver.protocol.constants import ANSWERS_MAX
from gameserver.protocol.errors import Close
from gameserver.protocol.messages import (
    Ack,
    AnyServerMessage,
    ChatLine,
    Closing,
    Described,
    InventoryChanged,
    Logout,
    Refused,
    Said,
    ServerMessage,
    StateChanged,
    Welcome,
)
from gameserver.protocol.world_frame import WorldFrameError

CHAT_LINES_MAX = 100
_decode = msgspec.json.Decoder(AnyServerMessage).decode


class ConnectionState(StrEnum):
    CLOSED = "closed"  # no socket; nobody signed in
    CONNECTING = "connecting"
    CONNECTED = "connected"  # nobody signed in
    PLAYING = "playing"
    RECONNECTING = "reconnecting"  # the socket was lost; the session waits and we are on our way back
    ENDED = "ended"  # the session is over; ``ended_because`` says why


class Client:
    """A connection to a game server. All methods belong to the event loop's thread."""

    def __init__(
        self,
        url: str,
        *,
        backoff: Backoff = Backoff(),  # noqa: B008  frozen
        connect_timeout_s: float = 10.0,
        answer_timeout_s: float = 15.0,  # for sign-in, logout and acks
        silence_max_s: float = 15.0,  # nothing came for so long, not even a pong: the socket is dead
        actions_max: int = ANSWERS_MAX,
        origin: str | None = None,
        frames: Frames | None = None,  # a SharedFrames when many clients share a process
    ):
        self.url = url
        self.world = World(frames)
        self.inventory: dict[str, int] = {}
        self.state: dict[str, Any] = {}
        self.chat: deque[ChatLine] = deque(maxlen=CHAT_LINES_MAX)
        self.welcome: Welcome | None = None
        self.connection = ConnectionState.CLOSED
        self.ended_because = ""
        self.ignored_messages = 0  # of types this version does not know, or malformed
        self._answer_timeout_s = answer_timeout_s
        self._keeper = Keeper(
            url,
            self,
            backoff=backoff,
            connect_timeout_s=connect_timeout_s,
            answer_timeout_s=answer_timeout_s,
            silence_max_s=silence_max_s,
            origin=origin,
        )
        self._keeping: asyncio.Task[None] | None = None
        self._inputs: dict[str, bytes] = {}  # name -> newest message that could not be written yet
        self._outstanding = Outstanding(actions_max)
        self._names = Names(self._keeper.send)
        self._inbox = Inbox()
        self._on_state: list[Callable[[ConnectionState], object]] = []
        self._on_message: list[Callable[[ServerMessage], object]] = []
        self._on_frame: list[Callable[[int], object]] = []

    # --- coming and going ---

    @classmethod
    async def connect(cls, url: str, credentials: Credentials, **options: Any) -> Self:
        """A client that is signed in. Raises ConnectFailed, ConnectionLost, SignInRefused."""
        client = cls(url, **options)
        try:
            await client.sign_in(credentials)
        except BaseException:
            await client.close()
            raise
        return client

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Open the socket; needed only to connect before signing in. Raises ConnectFailed."""
        if self._keeper.socket is not None and self._keeper.socket.is_open:
            return
        self._set(ConnectionState.CONNECTING)
        try:
            await self._keeper.connect()
        except BaseException:
            self._set(ConnectionState.CLOSED)
            raise
        self._set(ConnectionState.CONNECTED)

    async def sign_in(self, credentials: Credentials) -> Welcome:
        """Begin playing. From now on a lost socket comes back by itself. Raises SignInRefused (and may be tried
        again), ConnectFailed, ConnectionLost."""
        if self.connection in (ConnectionState.PLAYING, ConnectionState.RECONNECTING):
            raise ClientError("already signed in")
        await self.open()
        welcome = await self._keeper.sign_in(credentials)
        self._keeping = asyncio.create_task(self._keep(), name=f"keeper of {welcome.name}")
        return welcome

    async def logout(self) -> None:
        """End the session and wait until the server has saved it. Raises ConnectionLost when that is not known; the
        session then ends by itself when its grace is over."""
        if self.connection is not ConnectionState.PLAYING or self._keeping is None:
            raise NotSignedIn(f"cannot log out while {self.connection}")
        self._keeper.is_leaving = True
        self._keeper.send(Logout())
        try:
            async with asyncio.timeout(self._answer_timeout_s):
                await asyncio.shield(self._keeping)
        except TimeoutError:
            await self.close()
        if self.ended_because != Close.LOGGED_OUT:
            raise ConnectionLost(f"logout not confirmed: {self.ended_because or 'no answer'}")

    async def close(self) -> None:
        """Close the socket without logging out: the session waits for its grace, then ends. May be called again."""
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
        if self.connection is not ConnectionState.ENDED:
            self._end("closed by the program", ConnectionState.CLOSED)
        if self._keeper.socket is not None:
            await self._keeper.socket.close()

    @property
    def credentials(self) -> Credentials | None:
        """Credentials that sign in the same player again. Keep those of a guest: their token is the only way back."""
        return self._keeper.credentials

    # --- playing ---

    def send(self, name: str, /, **fields: Any) -> None:
        """Send an input. Of those that cannot be written now the latest of each name is, as soon as it can be."""
        self._require_session()
        payload = orjson.dumps({"type": name, **fields})
        socket = self._keeper.socket
        if self.connection is ConnectionState.PLAYING and socket is not None and not socket.is_blocked:
            socket.send_text(payload)
        else:
            self._inputs[name] = payload

    def start(self, name: str, /, **fields: Any) -> Action:
        """Send an action without waiting: await ``.outcome``. Raises TooManyActions, SessionEnded, NotSignedIn."""
        self._require_session()
        action = self._outstanding.add(name, fields)
        if self.connection is ConnectionState.PLAYING:
            self._send_action(action)
        return action

    async def act(self, name: str, /, *, timeout_s: float | None = None, **fields: Any) -> Ack:
        """Send an action and wait for its ack. Raises ActionRefused, OutcomeUnknown (a TimeoutError: the action stays
        queued for resending, ``error.later`` still resolves), TooManyActions, SessionEnded, NotSignedIn."""
        action = self.start(name, **fields)
        try:
            async with asyncio.timeout(timeout_s or self._answer_timeout_s):
                return await asyncio.shield(action.outcome)
        except OutcomeUnknown:
            raise
        except TimeoutError:
            raise OutcomeUnknown(action.seq, "no answer in time", action.outcome) from None

    async def say(self, text: str) -> Ack:
        """Speak to everyone in the zone."""
        return await self.act("say", text=text)

    async def whisper(self, to: str, text: str) -> Ack:
        """Speak to one player by name."""
        return await self.act("whisper", to=to, text=text)

    # --- looking ---

    @property
    def me(self) -> Entity | None:
        """The player's own entity as last shown; where the welcome put it until the first frame came."""
        if self.welcome is None:
            return None
        shown = self.world.find(self.welcome.entity_id)
        return shown or Entity(self.welcome.entity_id, self.welcome.x, self.welcome.y, "player", 0, 0)

    @property
    def traffic(self) -> Traffic:
        """Bytes and messages moved so far, over all sockets of this client."""
        return self._keeper.traffic

    @property
    def unacked(self) -> int:
        """Actions that still wait for their answers."""
        return len(self._outstanding)

    async def names(self, ids: Iterable[int]) -> dict[int, str]:
        """The names of these entities, asked for once and then remembered; those the server does not know are left
        out."""
        self._require_session()
        return await self._names.of(ids)

    def known_name(self, entity_id: int) -> str | None:
        """The name of an entity if it was asked for before."""
        return self._names.known.get(entity_id)

    def messages(self) -> Messages:
        """Return the messages that arrive from now on, for ``async for``: Said, Event, InventoryChanged, StateChanged,
        Closing, and each Refused that answers no action. Ends with the session."""
        return self._inbox.reader()

    def on_state(self, callback: Callable[[ConnectionState], object]) -> None:
        """Call back on every change of ``connection``. Callbacks must not block."""
        self._on_state.append(callback)

    def on_message(self, callback: Callable[[ServerMessage], object]) -> None:
        """Call back with each message of ``messages()``, without a queue between."""
        self._on_message.append(callback)

    def on_frame(self, callback: Callable[[int], object]) -> None:
        """Call back with the tick after each world frame has been applied."""
        self._on_frame.append(callback)

    # --- calls of the socket ---

    def on_binary(self, payload: bytes) -> None:
        try:
            tick = self.world.apply(payload)
        except WorldFrameError as error:  # a server we do not understand; coming back would not help
            self._keeper.failure = f"unreadable world frame: {error}"
            if self._keeper.socket is not None:
                self._keeper.socket.abort()
            return
        _call(self._on_frame, tick)

    def on_text(self, payload: bytes) -> None:
        try:
            message = _decode(payload)
        except msgspec.MsgspecError:
            self.ignored_messages += 1
            return
        match message:
            case Welcome():
                self._begin(message)
            case Ack():
                self._outstanding.settle(message)
            case Described():
                self._names.take(message)
            case Refused() if self._keeper.refused(message) or self._outstanding.settle(message):
                pass
            case _:
                self._tell(message)

    def on_writable(self) -> None:
        socket = self._keeper.socket
        while self._inputs and socket is not None and not socket.is_blocked:
            socket.send_text(self._inputs.pop(next(iter(self._inputs))))

    def on_lost(self, loss: Loss) -> None:
        self._names.give_up()
        self._keeper.lost(loss)
        if self.connection is ConnectionState.CONNECTED:
            self._set(ConnectionState.CLOSED)
        elif self.connection is ConnectionState.PLAYING and self._keeper.may_return(loss):
            self._set(ConnectionState.RECONNECTING)

    # --- changes by messages ---

    def _tell(self, message: ServerMessage) -> None:
        match message:
            case InventoryChanged():
                self.inventory = dict(message.items)
            case StateChanged():
                self.state = message.state
            case Said():
                self.chat.append(message.line)
            case Closing():
                self._keeper.closing = message
            case _:
                pass
        _call(self._on_message, message)
        self._inbox.put(message)

    def _begin(self, welcome: Welcome) -> None:
        self.welcome = welcome
        self.world.open(welcome)
        self.inventory = dict(welcome.inventory)
        self.state = welcome.state
        self._names.forget()
        self.chat.extend([line for line in welcome.chat if line not in self.chat])
        self._set(ConnectionState.PLAYING)
        self._outstanding.reopen(welcome.last_seq, resumed=welcome.resumed, send=self._send_action)
        self.on_writable()
        self._keeper.welcomed(welcome)

    def _end(self, why: str, state: ConnectionState = ConnectionState.ENDED) -> None:
        self.ended_because = why
        self._keeper.resume_token = None
        self._inputs.clear()
        self._outstanding.abandon_all(why)
        self._set(state)
        self._inbox.close()

    def _set(self, state: ConnectionState) -> None:
        if state is not self.connection:
            self.connection = state
            _call(self._on_state, state)

    # --- details ---

    async def _keep(self) -> None:
        """Owned by the client from sign-in to close."""
        self._end(await self._keeper.keep(lambda: self._set(ConnectionState.RECONNECTING)))

    def _send_action(self, action: Action) -> None:
        socket = self._keeper.socket
        if socket is not None and socket.is_open:
            action.was_sent = True
            socket.send_text(action.encode())

    def _require_session(self) -> None:
        if self.connection is ConnectionState.ENDED:
            raise SessionEnded(self.ended_because)
        if self.connection not in (ConnectionState.PLAYING, ConnectionState.RECONNECTING):
            raise NotSignedIn(f"nobody is signed in: {self.connection}")


_Told = TypeVar("_Told")


def _call(callbacks: list[Callable[[_Told], object]], told: _Told) -> None:
    """A callback that raises is its program's bug: reported by the loop, and no harm to the socket."""
    for callback in callbacks:
        try:
            callback(told)
        except Exception as error:
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"callback {callback!r} of a game client raised", "exception": error}
            )

"""Keeps a client's socket: opens it, signs in over it, and brings it back when it was lost, for as long as it may.

Law: whether to come back is the server's word (``closing.may_return``, else the close code's row); a session that is
taken back is resumed with the newest token, and only if that token is refused signed in to with the credentials.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable

import msgspec

from gameserver.client.backoff import Backoff
from gameserver.client.credentials import Credentials
from gameserver.client.errors import ConnectFailed, ConnectionLost, SignInRefused
from gameserver.client.transport import Loss, Receiver, Socket, Traffic, connect
from gameserver.protocol.errors import CLOSES, WORTH_RETRYING, Close, RefusalCode
from gameserver.protocol.messages import ClientMessage, Closing, Refused, Resume, Welcome

_MAY_RETURN = {row.code: row.may_return for row in CLOSES.values()}  # for a close without a ``closing`` before it
_encode = msgspec.json.Encoder().encode


class Keeper:
    """The socket of the moment and the way back to the session."""

    def __init__(
        self,
        url: str,
        receiver: Receiver,
        *,
        backoff: Backoff,
        connect_timeout_s: float,
        answer_timeout_s: float,
        silence_max_s: float,
        origin: str | None,
    ):
        self.socket: Socket | None = None
        self.traffic = Traffic()
        self.credentials: Credentials | None = None
        self.closing: Closing | None = None  # the server's last message before it closes the present socket
        self.is_leaving = False  # the end of the socket is wanted
        self.failure: str | None = None  # why we cannot go on although the server would
        self.resume_token: str | None = None
        self._url = url
        self._receiver = receiver
        self._backoff = backoff
        self._connect_timeout_s = connect_timeout_s
        self._answer_timeout_s = answer_timeout_s
        self._silence_max_s = silence_max_s
        self._origin = origin
        self._sign_in: asyncio.Future[Welcome] | None = None  # the answer being waited for

    def send(self, message: ClientMessage) -> None:
        if self.socket is not None:
            self.socket.send_text(_encode(message))

    async def connect(self) -> None:
        """Open a socket. Raises ConnectFailed."""
        self.socket = self.closing = None
        self.is_leaving = False
        self.socket = await connect(
            self._url, self._receiver, self.traffic, timeout_s=self._connect_timeout_s, origin=self._origin
        )
        self.socket.watch_silence(self._silence_max_s)

    async def sign_in(self, credentials: Credentials) -> Welcome:
        """Raises SignInRefused, ConnectionLost."""
        welcome = await self._ask(credentials.message())
        self.credentials = credentials.after(welcome)
        return welcome

    async def keep(self, on_lost: Callable[[], None]) -> str:
        """SessionLogEntry until the session is over for good; returns why it is."""
        while True:
            assert self.socket is not None
            loss = await asyncio.shield(self.socket.lost)
            if not self.may_return(loss):
                return self._why(loss)
            on_lost()
            if (why := await self._come_back()) is not None:
                return why

    def may_return(self, loss: Loss) -> bool:
        if self.is_leaving or self.failure:
            return False
        return self.closing.may_return if self.closing else _MAY_RETURN.get(loss.code, True)

    # --- the answer to a sign-in, as the socket's callbacks bring it ---

    def welcomed(self, welcome: Welcome) -> None:
        self.resume_token = welcome.resume_token
        if self._sign_in is not None and not self._sign_in.done():
            self._sign_in.set_result(welcome)

    def refused(self, refused: Refused) -> bool:
        """True if it was a sign-in that was refused."""
        if self._sign_in is None or refused.seq is not None:
            return False
        if not self._sign_in.done():
            self._sign_in.set_exception(SignInRefused(refused))
        return True

    def lost(self, loss: Loss) -> None:
        if self._sign_in is not None and not self._sign_in.done():
            self._sign_in.set_exception(ConnectionLost(self._why(loss)))

    # --- details ---

    async def _ask(self, message: ClientMessage) -> Welcome:
        """Send a sign-in message and wait for its answer."""
        if self.socket is None or not self.socket.is_open:
            raise ConnectionLost("the socket is gone")
        self._sign_in = asyncio.get_running_loop().create_future()
        try:
            self.send(message)
            async with asyncio.timeout(self._answer_timeout_s):
                return await self._sign_in
        except TimeoutError:
            self.socket.abort()  # a welcome that comes after all would open a session nobody keeps
            raise ConnectionLost("no answer to the sign-in in time") from None
        except asyncio.CancelledError:
            self.socket.abort()
            raise
        finally:
            self._sign_in = None

    def _why(self, loss: Loss) -> str:
        if self.failure:
            return self.failure
        if self.closing is not None:
            return self.closing.reason
        return Close.LOGGED_OUT if self.is_leaving and loss.code == 1000 else loss.text or f"close code {loss.code}"

    async def _come_back(self) -> str | None:
        """Reconnect and resume, however often it takes. None when playing again, else why it is over."""
        loop = asyncio.get_running_loop()
        give_up_after_s = self._backoff.give_up_after_s
        began_s = loop.time()
        retry_after_ms = self.closing.retry_after_ms if self.closing else 0
        for attempt in itertools.count():
            await asyncio.sleep(self._backoff.delay_s(attempt, random.random(), retry_after_ms))
            try:
                await self.connect()
                await self._resume_or_sign_in()
                return None
            except SignInRefused as refused:
                if refused.code not in WORTH_RETRYING:
                    await self._drop()
                    return f"{refused.code}: {refused.reason}"
                retry_after_ms = refused.retry_after_ms
            except (ConnectFailed, ConnectionLost):
                retry_after_ms = self.closing.retry_after_ms if self.closing else 0
            await self._drop()
            if self.closing is not None and not self.closing.may_return:
                return self.closing.reason
            if give_up_after_s is not None and loop.time() - began_s > give_up_after_s:
                return "gave up reconnecting"
        raise AssertionError("unreachable")

    async def _drop(self) -> None:
        if self.socket is not None:
            self.socket.abort()
            await asyncio.shield(self.socket.lost)

    async def _resume_or_sign_in(self) -> None:
        if self.resume_token is not None:
            try:
                await self._ask(Resume(self.resume_token))
                return
            except SignInRefused as refused:
                if refused.code != RefusalCode.BAD_TOKEN:
                    raise
                self.resume_token = None
        if self.credentials is None or (self.credentials.way == "guest" and self.credentials.token is None):
            raise SignInRefused(Refused(RefusalCode.BAD_TOKEN, "the session is gone and there is no way back to it"))
        await self.sign_in(self.credentials)

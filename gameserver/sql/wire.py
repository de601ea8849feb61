"""A connection to MySQL or MariaDB as aiomysql has it, with four things mended.

TLS that was asked for is had, or there is no connection: aiomysql goes on in plain text where the server offers none.
TLS is begun by the event loop, because uvloop's sockets cannot be handed over. A password may hold any letter: aiomysql
knows Latin-1. And a line that the server has hung up is closed without an error.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from typing import Any

from aiomysql.connection import Connection
from pymysql.constants import CLIENT
from pymysql.err import OperationalError

from gameserver.store_urls import Tls

GOODBYE_S = 0.5
NO_TLS = 2026  # CR_SSL_CONNECTION_ERROR


async def connect(*, tls: ssl.SSLContext | None, secret: str, **options: Any) -> Connection:
    """Connect and sign in, over TLS where a context is given. Raises pymysql's errors."""
    # The driver encodes a password as Latin-1, and so it is given text whose Latin-1 is the password's UTF-8.
    password = secret.encode().decode("latin1")
    connection = _Connection(tls, password=password, **options)
    try:
        await connection._connect()
    except BaseException:  # aiomysql leaves the line open when it is cancelled
        connection.abort()
        raise
    return connection


def context_of(tls: Tls) -> ssl.SSLContext:
    """Raises ValueError for files that cannot be read."""
    try:
        context = ssl.create_default_context(cafile=tls.ca)
    except OSError as error:
        raise ValueError(f"ssl_ca cannot be read: {error.strerror or error}") from None
    context.check_hostname = tls.verifies_name
    context.verify_mode = ssl.CERT_REQUIRED if tls.verifies_ca else ssl.CERT_NONE
    if tls.cert is not None:
        try:
            context.load_cert_chain(tls.cert, tls.key)
        except OSError as error:
            raise ValueError(f"ssl_cert or ssl_key cannot be read: {error.strerror or error}") from None
    return context


class _Connection(Connection):  # type: ignore[misc]
    _reader: asyncio.StreamReader | None
    _writer: asyncio.StreamWriter | None

    def __init__(self, tls: ssl.SSLContext | None, **options: Any):
        super().__init__(**options)
        self._tls = tls
        self._opened: asyncio.StreamWriter | None = None  # kept for ``abort``: aiomysql forgets the writer of a failure

    async def _get_server_information(self) -> None:
        self._opened = self._writer
        await super()._get_server_information()

    async def _request_authentication(self) -> None:
        if self._tls is not None and not self._unix_socket:
            await self._begin_tls(self._tls)
        await super()._request_authentication()

    async def _begin_tls(self, tls: ssl.SSLContext) -> None:
        if not self.server_capabilities & CLIENT.SSL:
            raise OperationalError(NO_TLS, "the URL asks for TLS, and the server offers none")
        self.client_flag |= CLIENT.SSL | CLIENT.MULTI_RESULTS
        # The head of the message that follows: flags, the longest packet, utf8mb4.
        self.write_packet(self.client_flag.to_bytes(4, "little") + b"\xff\xff\xff\x00" + b"\x2d" + bytes(23))
        assert self._writer is not None, "it has just been connected"
        try:
            await self._writer.start_tls(tls, server_hostname=self._host)
        except ssl.SSLError as error:
            raise OperationalError(NO_TLS, f"TLS failed: {error.reason or error}") from error
        self._secure = True  # the server will not be asked for its public key

    def close(self) -> None:
        """Close the connection, even if the server hung up and the loop has closed the transport already."""
        writer, self._writer, self._reader = self._writer, None, None
        if writer is not None and not writer.transport.is_closing():
            writer.transport.close()

    def abort(self) -> None:
        """Close the socket at once. TLS would wait half a minute for a goodbye of the server."""
        self._reader = self._writer = None
        if self._opened is not None:
            self._opened.transport.abort()

    async def ensure_closed(self) -> None:
        """Say goodbye, unless nobody is there any more; over TLS wait a moment for the other side's."""
        writer = self._writer
        if writer is None or writer.transport.is_closing():
            self.close()
            return
        await super().ensure_closed()
        if self._tls is not None:
            try:
                with suppress(OSError):  # a TimeoutError, too
                    async with asyncio.timeout(GOODBYE_S):
                        await writer.wait_closed()
            finally:
                self.abort()

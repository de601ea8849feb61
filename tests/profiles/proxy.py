"""A wire between the database client and MariaDB that a test can cut at a COMMIT, silence, or unplug."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from enum import Enum

from tests.servers.ports import free_port

COMMIT = b"\x03COMMIT"  # a COM_QUERY packet's payload
LOOK = b"epoch = epoch"  # the database asks now and then whether it may write, and changes nothing by that
READ_BYTES = 65536
_CHANGES = (b"\x03INSERT", b"\x03UPDATE", b"\x03DELETE")


class Cut(Enum):
    BEFORE = "the server never sees the COMMIT"
    AFTER = "the server commits, its answer is lost"
    SILENT = "the server commits, its answer is held back and the line stays open"


class Proxy:
    """Listens on ``port`` and passes everything to ``server_port``, until told otherwise."""

    def __init__(self, server_port: int):
        self.port = free_port()
        self.cut_next: Cut | None = None  # at the next COMMIT of changes, once; drivers commit when they connect, too
        self.cuts = 0
        self.silent_after: bytes | None = None  # a line that has carried this carries its answer and then nothing, once
        self.drops_long = False  # a line that is sent a long statement is lost, as some servers do
        self._server_port = server_port
        self._lines: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None

    async def plug(self) -> None:
        self._listener = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def unplug(self) -> None:
        """Cut every line and refuse new ones."""
        assert self._listener is not None
        self._listener.close()
        for line in self._lines:
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    async def _carry(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        self._lines.add(line)
        line.add_done_callback(self._lines.discard)
        try:
            server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            to_client.close()  # as good as refusing
            return
        back = asyncio.create_task(self._back(server, to_client))
        with closing(to_client), closing(to_server):
            try:
                await self._forth(client, to_server, back)
            except (asyncio.CancelledError, ConnectionError):
                pass
            finally:
                back.cancel()
                with suppress(asyncio.CancelledError):  # unplugged while hanging up: asyncio would print that
                    await asyncio.gather(back, return_exceptions=True)

    async def _forth(
        self, client: asyncio.StreamReader, to_server: asyncio.StreamWriter, back: asyncio.Task[None]
    ) -> None:
        has_changes = is_silent = False
        while sent := await client.read(READ_BYTES):
            if self.drops_long and len(sent) == READ_BYTES:
                return
            if is_silent:
                back.cancel()  # also that the server hangs up is not told
                continue
            cut = None
            has_changes |= any(change in sent for change in _CHANGES) and LOOK not in sent
            if COMMIT in sent and has_changes and self.cut_next:
                cut, self.cut_next, self.cuts = self.cut_next, None, self.cuts + 1
            if cut:
                back.cancel()
            if cut is not Cut.BEFORE:
                to_server.write(sent)
                await to_server.drain()
            if cut in (Cut.BEFORE, Cut.AFTER):
                await asyncio.sleep(0.05)  # the server is done when we hang up
                return
            has_changes &= COMMIT not in sent
            if self.silent_after is not None and self.silent_after in sent:
                is_silent, self.silent_after = True, None

    async def _back(self, server: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):  # killed in the middle of something: the client is to hear of it, too
            while answered := await server.read(65536):
                to_client.write(answered)
        to_client.close()


@asynccontextmanager
async def plugged(server_port: int) -> AsyncIterator[Proxy]:
    proxy = Proxy(server_port)
    await proxy.plug()
    try:
        yield proxy
    finally:
        await proxy.unplug()

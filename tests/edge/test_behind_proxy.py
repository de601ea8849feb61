"""An edge behind proxies, over real sockets: who the client is, and whose word counts."""

from __future__ import annotations

import asyncio

import pytest

from gameserver.edge.proxies import Proxies
from tests.edge.scripted import Running, running_edge

LISTED = ["127.0.0.0/8"]
GUEST = b'{"type": "guest", "name": "ada"}'
UPGRADE = (
    "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
)
V1 = b"PROXY TCP4 203.0.113.7 10.0.0.1 51234 443\r\n"
V2 = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x08\x0a\x00\x00\x01\xc8\x22\x01\xbb"


def frame(text: bytes) -> bytes:
    return bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text


async def address_of(running: Running, start: bytes = b"", more: str = "", piece: int = 10_000) -> str:
    """Sign in over a bare socket; the address that accounts were told."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    sent = start + UPGRADE.format(more=more).encode() + frame(GUEST)
    for at in range(0, len(sent), piece):
        writer.write(sent[at : at + piece])
        await writer.drain()
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert b"101" in await reader.readuntil(b"\r\n\r\n")
        while not running.accounts.asked:
            await asyncio.sleep(0.01)
    writer.close()
    return running.accounts.asked.pop()[1]


async def answer_to(running: Running, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(sent)
    async with asyncio.timeout(5):
        try:
            read = await reader.read()
        except ConnectionResetError:
            read = b""
    writer.close()
    return read


async def test_a_listed_proxy_says_who_the_client_is() -> None:
    async with running_edge(proxies=Proxies(LISTED)) as running:
        assert await address_of(running, more="X-Forwarded-For: 198.51.100.1, 203.0.113.7\r\n") == "203.0.113.7"
        assert await address_of(running, more="X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: ::1\r\n") == "::1"
        assert await address_of(running) == "127.0.0.1"


@pytest.mark.parametrize("proxies", [None, Proxies(["10.0.0.0/8"], True)])
async def test_nobody_else_does(proxies: Proxies | None) -> None:
    async with running_edge(proxies=proxies) as running:
        assert await address_of(running, more="X-Forwarded-For: 203.0.113.7\r\n") == "127.0.0.1"
        assert b"400" in (await answer_to(running, V1 + UPGRADE.format(more="").encode())).split(b"\r\n")[0]


@pytest.mark.parametrize("piece", [1, 7, 10_000])
async def test_a_connection_that_begins_with_a_header_is_the_clients(piece: int) -> None:
    async with running_edge(proxies=Proxies(LISTED, True)) as running:
        assert await address_of(running, V1, piece=piece) == "203.0.113.7"
        assert await address_of(running, V2, piece=piece) == "203.0.113.8"
        assert await address_of(running, b"PROXY UNKNOWN\r\n", piece=piece) == "127.0.0.1"
        # The client of the header is no proxy of ours: what it says of itself does not count.
        assert await address_of(running, V1, "X-Forwarded-For: 198.51.100.1\r\n", piece) == "203.0.113.7"


@pytest.mark.parametrize(
    "start", [b"", b"PROXY TCP4 nonsense\r\n", b"\r\n\r\n\x00\r\nQUIT\n\x29\x11\x00\x00", b"x" * 5000]
)
async def test_a_listed_proxy_without_a_right_header_is_hung_up_on(start: bytes) -> None:
    async with running_edge(proxies=Proxies(LISTED, True)) as running:
        assert await answer_to(running, start + UPGRADE.format(more="").encode()) == b""
        assert await address_of(running, V1) == "203.0.113.7"


async def test_a_header_that_does_not_come_is_not_waited_for_long() -> None:
    async with running_edge(proxies=Proxies(LISTED, True), handshake_s=0.2) as running:
        assert (await answer_to(running, b"PROXY TCP4")).startswith(b"HTTP/1.1 408")

"""The operator's listener."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from gameserver.operator.listener import Ops


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(5):
        response = await reader.read(-1)
    writer.close()
    return response


@pytest.mark.parametrize(
    ("request_bytes", "status", "part"),
    [
        (b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, b"gameserver_connections"),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, b'{"ok":true}'),
        (b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n", 503, b'"redis":"away"'),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, b"nothing here"),
        (b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx", 405, b"GET"),
        (b"nonsense\r\n\r\n", 400, b""),
    ],
)
async def test_it_answers_what_operators_ask_and_nothing_else(request_bytes: bytes, status: int, part: bytes) -> None:
    ops = Ops(ready=lambda: (False, {"redis": "away"}))
    port = await ops.start()
    try:
        response = await ask(port, request_bytes)
        assert response.startswith(f"HTTP/1.1 {status} ".encode())
        assert part in response
    finally:
        await ops.close()


async def test_closing_hangs_up_on_those_still_connected() -> None:
    ops = Ops(ready=lambda: (True, {}))
    port = await ops.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.sleep(0.05)
    await ops.close()
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read(-1) == b""
    writer.close()
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", port)


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        (b"Host: evil.example:8766\r\n", 403),
        (b"", 400),
        (b"Host: localhost\r\nHost: localhost\r\n", 400),
        (b"Host: 127.0.0.1:8766\r\n", 200),
    ],
)
async def test_a_page_of_a_foreign_name_that_resolves_here_sees_nothing(hosts: bytes, status: int) -> None:
    ops = Ops(ready=lambda: (True, {}))
    port = await ops.start()
    try:
        for path in (b"/metrics", b"/healthz", b"/readyz"):
            response = await ask(port, b"GET " + path + b" HTTP/1.1\r\n" + hosts + b"\r\n")
            assert response.startswith(f"HTTP/1.1 {status} ".encode())
            assert b"content-security-policy: " in response.lower()
    finally:
        await ops.close()


async def test_who_knows_the_token_may_use_any_name() -> None:
    ops = Ops(ready=lambda: (True, {}), token="the right token")
    port = await ops.start()
    try:
        head = b"GET /metrics HTTP/1.1\r\nHost: gameserver:8766\r\nAuthorization: Bearer "
        assert (await ask(port, head + b"the right token\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        assert (await ask(port, head + b"another\xff\r\n\r\n")).startswith(b"HTTP/1.1 403 ")
    finally:
        await ops.close()


@pytest.mark.parametrize(
    ("header", "status"),
    [(b"", 401), (b"Authorization: Bearer wrong\r\n", 401), (b"Authorization: Bearer the right token\r\n", 200)],
)
async def test_metrics_want_the_token_where_there_is_one(header: bytes, status: int) -> None:
    ops = Ops(ready=lambda: (True, {}), token="the right token")
    port = await ops.start()
    try:
        response = await ask(port, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + header + b"\r\n")
        assert response.startswith(f"HTTP/1.1 {status} ".encode())
        assert (await ask(port, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    finally:
        await ops.close()

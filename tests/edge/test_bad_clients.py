"""Whatever a client sends, or does not send, it gets a clear refusal or a documented close, and nobody else notices."""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from websockets.exceptions import InvalidStatus
from websockets.frames import Opcode

from gameserver.http.hosts import Hosts
from gameserver.observability.metrics import REGISTRY
from gameserver.protocol.errors import CLOSES, Close
from tests.edge.scripted import (
    Bare,
    Move,
    Player,
    PlayerInput,
    Running,
    bare,
    client_frame,
    connected,
    handshake,
    playing,
    running_edge,
)


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with running_edge() as running:
        yield running


@pytest.fixture(autouse=True)
async def bystander(running: Running) -> AsyncIterator[Player]:
    """Somebody who plays all the while, and must be able to when the test is over."""
    async with playing(running, "bystander") as player:
        yield player
        await player.send(type="move", dx=0.25, dy=0.75)
        async with asyncio.timeout(5):
            while Move(0.25, 0.75) not in running.host.inputs:
                await asyncio.sleep(0.01)


async def closed(client: Bare) -> tuple[str, int]:
    """(reason of ``closing``, code of the close frame), passing over refusals."""
    reason = ""
    while True:
        opcode, payload = await client.frame()
        if opcode == Opcode.CLOSE:
            return reason, struct.unpack_from("!H", payload)[0]
        if opcode == Opcode.TEXT and (message := msgspec.json.decode(payload))["type"] == "closing":
            reason = message["reason"]


@pytest.mark.parametrize(
    ("text", "code", "field", "seq"),
    [
        ("", "bad_message", None, None),
        ("{", "bad_message", None, None),
        ("[]", "bad_message", None, None),
        ("null", "bad_message", None, None),
        ('{"type":"take","seq":1,"what":"x"} {}', "bad_message", None, None),
        ("[" * 10_000, "bad_message", None, None),
        ('{"a":' * 2000, "bad_message", None, None),
        ("{}", "bad_message", "type", None),
        ('{"type":"fly","seq":3}', "unknown_type", "type", 3),
        ('{"type":"","seq":3}', "unknown_type", "type", 3),
        *(
            (f'{{"seq":4,"type":{value}}}', "bad_message", "type", 4)
            for value in ("7", "null", "true", "1.5", "[]", '["move"]', "{}", '{"type":"move"}')
        ),
        ("7", "bad_message", None, None),
        ('"move"', "bad_message", None, None),
        ("true", "bad_message", None, None),
        ('{"type":"move","type":"take","dx":0,"dy":0}', "unknown_type", "type", None),
        ('{"type":"move","dx":1}', "bad_message", "dy", None),
        ('{"type":"move","dx":"1","dy":0}', "bad_message", "dx", None),
        ('{"type":"move","dx":true,"dy":0}', "bad_message", "dx", None),
        ('{"type":"move","dx":NaN,"dy":0}', "bad_message", None, None),
        ('{"type":"move","dx":Infinity,"dy":0}', "bad_message", None, None),
        ('{"type":"move","dx":1e999,"dy":0}', "bad_message", None, None),
        ('{"type":"take","seq":99999999999999999999999,"what":"x"}', "bad_message", "seq", None),
        ('{"type":"take","seq":0,"what":"x"}', "bad_message", "seq", None),
        ('{"type":"take","seq":5}', "bad_message", "what", 5),
        ('{"type":"say","seq":6,"text":"' + "x" * 301 + '"}', "bad_message", "text", 6),
        ('{"type":"say","seq":7,"text":"\\ud800"}', "bad_message", None, None),
        ('{"type":"describe","ids":[]}', "bad_message", "ids", None),
    ],
)
async def test_a_bad_message_is_refused_saying_which_field(
    running: Running, text: str, code: str, field: str | None, seq: int | None
) -> None:
    async with playing(running) as player:
        heard = len(running.host.inputs)
        refused = await player.ask_raw(text)
        assert (refused["type"], refused["code"]) == ("refused", code), refused
        assert refused["reason"]
        if field is not None:
            assert refused["field"] == field
        assert refused.get("seq") == seq
        assert len(running.host.inputs) == heard
        await player.send(type="move", dx=0, dy=0)  # and it plays on
        await running.host.wait_for(PlayerInput, heard + 1)


@pytest.mark.parametrize(
    ("stream", "reason", "code"),
    [
        (client_frame(b'{"type":"say","seq":1,"text":"\xff"}'), "bad_utf8", 1007),
        (client_frame(b'{"type":"move","dx":0,"dy":0,"unknown":"\xff"}'), "bad_utf8", 1007),
        (client_frame(b'{"type":"say","seq":1,"text":"' + b"x" * 200 + b'\xc3"}'), "bad_utf8", 1007),
        (client_frame(b'{"a":"\xc3', fin=False) + client_frame(b'"}', Opcode.CONT), "bad_utf8", 1007),
        (client_frame(b"{}") + client_frame(b"\xff"), "bad_utf8", 1007),
        (client_frame(b"", Opcode.CONT), "protocol_error", 1002),
        (b"\x81\x02{}", "protocol_error", 1002),  # not masked
        (b"\xc1\x80\0\0\0\0", "protocol_error", 1002),  # a reserved bit
        (client_frame(b"", Opcode.PING, fin=False), "protocol_error", 1002),
    ],
    ids=itertools.count(),  # masks are random
)
async def test_what_breaks_the_rules_of_websocket_closes_the_connection(
    running: Running, stream: bytes, reason: str, code: int
) -> None:
    async with bare(running) as client:
        await client.sign_in()
        heard = len(running.host.inputs)
        await client.send(stream)
        assert await closed(client) == (reason, code)
        assert len(running.host.inputs) == heard


async def test_text_that_is_not_utf8_closes_before_the_sign_in_too(running: Running) -> None:
    async with bare(running) as client:
        await client.shake_hands()
        await client.send(client_frame(b"\xff"))
        assert await closed(client) == ("bad_utf8", 1007)


async def test_a_binary_frame_closes_the_connection(running: Running) -> None:
    async with playing(running) as player:
        await player.socket.send(b"\x00\x01")
        closing, code, text = await player.closed()
        assert (closing["reason"], code, text) == ("bad_frame", 1003, CLOSES[Close.BAD_FRAME].text)
        assert (running.host.last_connection(), "bad_frame") in running.host.left()


async def test_a_message_larger_than_the_limit_closes_the_connection(running: Running) -> None:
    async with playing(running) as player:
        await player.socket.send("x" * (16 * 1024 + 1))
        closing, code, _ = await player.closed()
        assert (closing["reason"], code) == ("too_big", 1009)


async def test_a_10_mb_frame_closes_the_connection_without_being_read(running: Running) -> None:
    async with bare(running) as client:
        await client.sign_in()
        client.writer.write(client_frame(b"x" * 10_000_000))
        assert await closed(client) == ("too_big", 1009)


async def test_fragments_that_add_up_to_too_much_close_the_connection(running: Running) -> None:
    async with playing(running) as player:
        await player.socket.send("x" * 6000 for _ in range(3))
        closing, code, _ = await player.closed()
        assert (closing["reason"], code) == ("too_big", 1009)


async def test_a_message_in_fragments_is_obeyed(running: Running) -> None:
    async with playing(running) as player:
        await player.socket.send(['{"type":"mo', 've","dx":1', ',"dy":-1}'])
        await running.host.wait_for(PlayerInput)
        assert running.host.inputs == [Move(1.0, -1.0)]


async def test_10000_messages_a_second_are_refused_and_then_closed_as_a_flood(running: Running) -> None:
    move = client_frame(b'{"type":"move","dx":1,"dy":0}')
    async with bare(running) as client:
        await client.sign_in()
        heard = len(running.host.inputs)
        client.writer.write(move * 10_000)
        refusals = 0
        while True:
            opcode, payload = await client.frame()
            if opcode == Opcode.CLOSE:
                break
            message = msgspec.json.decode(payload)
            refusals += message["type"] == "refused"
            if message["type"] == "refused":
                assert (message["code"], message["retry_after_ms"] > 0) == ("too_many", True)
            else:
                assert message["reason"] == "flood"
        assert struct.unpack_from("!H", payload)[0] == 4005
        assert 190 <= refusals <= 230
        assert len(running.host.inputs) - heard <= 140


async def test_a_refused_message_too_many_names_its_seq(running: Running) -> None:
    async with bare(running) as client:
        await client.sign_in()
        client.writer.write(client_frame(b'{"type":"take","seq":77,"what":"x"}') * 130)
        _, payload = await client.frame()
        refused = msgspec.json.decode(payload)
        assert (refused["code"], refused["seq"]) == ("too_many", 77)


@pytest.mark.parametrize(
    "frame",
    [client_frame(b"", Opcode.PING), client_frame(b"", Opcode.PONG), client_frame(b"", Opcode.CONT, fin=False)],
    ids=["pings", "pongs", "empty fragments"],
)
async def test_a_flood_of_frames_that_are_no_messages_is_a_flood_too(running: Running, frame: bytes) -> None:
    async with bare(running) as client:
        await client.sign_in()
        client.writer.write(client_frame(b"", fin=False) + frame * 5000)
        assert await closed(client) == ("flood", 4005)


async def test_sending_faster_than_allowed_now_and_then_is_forgiven() -> None:
    limits: dict[str, Any] = {"messages_per_s": 50.0, "message_burst": 5, "too_many_per_s": 50.0, "too_many_burst": 20}
    async with running_edge(**limits) as running, playing(running) as player:
        for _ in range(4):
            for _ in range(15):
                await player.send(type="move", dx=0, dy=0)
            await asyncio.sleep(0.3)
        assert (await player.receive())["code"] == "too_many"
        assert running.host.left() == []


async def test_without_a_sign_in_the_connection_is_closed_in_time() -> None:
    async with running_edge(sign_in_timeout_s=0.4) as running, connected(running) as player, bare(running) as client:
        await client.shake_hands()
        await player.ask(type="move", dx=0, dy=0)  # not a sign-in: wins no time
        closing, code, _ = await player.closed()
        assert (closing["reason"], code) == ("no_login", 4004)
        assert await closed(client) == ("no_login", 4004)


async def test_a_socket_that_sends_no_whole_request_in_time_is_answered_408() -> None:
    async with running_edge(handshake_s=0.3) as running, bare(running) as silent, bare(running) as slow:
        await slow.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        assert (await silent.rest()).startswith(b"HTTP/1.1 408")
        assert (await slow.rest()).startswith(b"HTTP/1.1 408")


async def test_a_peer_that_answers_no_ping_is_closed_and_one_that_does_is_not() -> None:
    edge = running_edge(ping_interval_s=0.1, pong_timeout_s=0.3)
    async with edge as running, playing(running) as lively, bare(running) as silent:
        await silent.sign_in()
        assert await closed(silent) == ("no_pong", 4003)
        assert (running.host.last_connection(), "no_pong") in running.host.left()
        assert await silent.rest() == b""  # and hung up on, though it never answered
        await lively.send(type="move", dx=0, dy=0)
        await running.host.wait_for(PlayerInput)


@pytest.mark.parametrize("before", [client_frame(b"", Opcode.PONG), client_frame(b"{}"), b""], ids=["pong", "text", ""])
async def test_a_ping_is_answered_whatever_came_with_it(running: Running, before: bytes) -> None:
    async with bare(running) as client:
        await client.sign_in()
        await client.send(before + client_frame(b"are you there", Opcode.PING))
        while (frame := await client.frame())[0] == Opcode.TEXT:
            assert before  # the text is refused
        assert frame == (Opcode.PONG, b"are you there")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost.evil.example"])
async def test_a_page_of_another_origin_is_refused(running: Running, origin: str) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        async with connected(running, origin=origin):
            pass


async def test_our_own_page_and_listed_origins_may_connect() -> None:
    async with running_edge(origins=("https://play.example",)) as running:
        for origin in (f"http://127.0.0.1:{running.port}", "https://play.example"):
            async with playing(running, origin=origin):
                pass


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /../../pyproject.toml HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /%2e%2e/app.py HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"GET /..%2fapp.py HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", 405),
        (b"POST /ws HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", 405),
        (b"DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (b"GET /ws HTTP/1.1\r\nHost: localhost\r\n\r\n", 426),
        (b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
        (b"\x16\x03\x01\x00\xa5\x01\x00\r\n\r\n", 400),
        (b"\x00" * 100 + b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 10_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: x\r\n" * 2000 + b"\r\n", 431),
        (b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"x" * 100_000, 414),
    ],
)
async def test_bad_http_is_answered_and_hung_up_on(running: Running, request_bytes: bytes, status: int) -> None:
    async with bare(running) as client:
        await client.send(request_bytes)
        response = await client.rest()
        assert response.startswith(f"HTTP/1.1 {status} ".encode()), response[:100]
        assert b"connection: close" in response.lower()
        assert response.count(b"Content-Security-Policy: ") == 1


@pytest.mark.parametrize("origin", [None, "http://evil.example", "http://evil.example:8765"])
async def test_a_page_of_a_foreign_name_that_resolves_here_may_not_connect(
    running: Running, origin: str | None
) -> None:
    async with bare(running) as client:
        headers = {} if origin is None else {"Origin": origin}
        host = "evil.example" if origin is None else origin.removeprefix("http://")
        await client.send(handshake(Host=host, **headers))
        response = await client.rest()
        assert response.startswith(b"HTTP/1.1 403 ")
        assert b"Content-Security-Policy: " in response


async def test_a_listed_name_may_be_used() -> None:
    async with running_edge(hosts=Hosts(["game.example"])) as running, bare(running) as client:
        response = await client.shake_hands(Host="game.example", Origin="http://game.example")
        assert response.startswith(b"HTTP/1.1 101 ")


async def test_the_page_is_served_on_the_same_port(running: Running) -> None:
    async with bare(running) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head, _, body = (await client.rest()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert f"content-length: {len(body)}".encode() in head.lower()
        assert b"<html" in body


async def test_readiness_is_told_on_the_same_port() -> None:
    async with running_edge(ready=(False, {"sql": "away"})) as running, bare(running) as client:
        await client.send(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        response = await client.rest()
        assert response.startswith(b"HTTP/1.1 503")
        assert response.endswith(b'{"ready":false,"sql":"away"}\n')


async def test_sockets_beyond_all_room_are_turned_away_at_once() -> None:
    edge = running_edge(connections_max=1, waiting_sockets_max=1)
    async with edge as running, playing(running), bare(running), bare(running) as client:
        assert (await client.rest()).startswith(b"HTTP/1.1 503")


async def test_bytes_behind_a_close_frame_are_not_read_as_messages(running: Running) -> None:
    async with bare(running) as client:
        await client.sign_in()
        heard = len(running.host.inputs)
        move = client_frame(b'{"type":"move","dx":9,"dy":9}')
        await client.send(client_frame(struct.pack("!H", 1000), Opcode.CLOSE) + move)
        assert await client.frame() == (Opcode.CLOSE, struct.pack("!H", 1000))
        assert await client.rest() == b""
        assert len(running.host.inputs) == heard


async def test_a_reset_connection_leaves_and_a_half_closed_one_too(running: Running) -> None:
    for ending in ("reset", "half-closed"):
        async with bare(running) as client:
            await client.sign_in()
            connection_id = running.host.last_connection()
            raw: socket.socket = client.writer.get_extra_info("socket")
            if ending == "reset":
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.writer.transport.abort()
            else:
                client.writer.write_eof()
            async with asyncio.timeout(5):
                while (connection_id, "connection_lost") not in running.host.left():
                    await asyncio.sleep(0.01)


async def test_floods_do_not_leave_connections_behind(running: Running) -> None:
    before = REGISTRY.get_sample_value("gameserver_connections") or 0.0
    for _ in range(5):
        async with bare(running) as client:
            await client.sign_in()
            client.writer.write(client_frame(b"{}") * 3000)
            assert (await closed(client))[0] == "flood"
    async with asyncio.timeout(5):
        while REGISTRY.get_sample_value("gameserver_connections") != before:
            await asyncio.sleep(0.01)

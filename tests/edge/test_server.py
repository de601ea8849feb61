"""The way of a player through a real edge over real sockets: in, play, out."""

from __future__ import annotations

import asyncio

import pytest
from websockets.exceptions import InvalidStatus

from gameserver.clock import SystemClock
from gameserver.config import Settings
from gameserver.edge.limits import limits_of
from gameserver.edge.server import Edge
from gameserver.link.local import LocalLink
from gameserver.link.messages import Join, Leave, ResumeSession, TickFrames, WorldFrame
from gameserver.observability.metrics import CLOSES as CLOSES_TOTAL
from gameserver.observability.metrics import CONNECTIONS, MESSAGES_RECEIVED, REGISTRY
from gameserver.protocol.errors import CLOSES, Close
from gameserver.protocol.ids import ConnectionId, PlayerId
from gameserver.protocol.messages import Ack, Logout
from tests.edge.scripted import SENDERS, Move, NewSender, PlayerInput, Take, connected, playing, running_edge


async def test_a_guest_is_welcomed_plays_and_leaves() -> None:
    async with running_edge() as running:
        async with connected(running, subprotocols=["gameserver.v1"]) as player:
            assert player.socket.subprotocol == "gameserver.v1"
            welcome = await player.ask(type="guest", name="ada")
            assert (welcome["type"], welcome["name"], welcome["guest_token"]) == ("welcome", "ada", "a-guest-token")
            await player.send(type="move", dx=1, dy=0)
            await player.send(type="take", seq=1, what="apple")
            await player.send(type="logout")
            await running.host.wait_for(PlayerInput, 3)
            assert running.host.inputs == [Move(1.0, 0.0), Take(seq=1, what="apple"), Logout()]
            connection_id = running.host.last_connection()
            running.host.deliver([connection_id, ConnectionId(1)], Ack(1, "stored"))
            assert await player.receive() == {"type": "ack", "seq": 1, "level": "stored"}
        await running.host.wait_for(Leave)
        assert running.host.left() == [(connection_id, "closed_by_client")]
        assert running.accounts.asked == [("ada", "127.0.0.1")]


async def test_register_and_login_go_to_accounts_and_resume_goes_to_the_host() -> None:
    async with running_edge() as running:
        for way in ("register", "login"):
            async with connected(running) as player:
                assert (await player.ask(type=way, name="ada", password="secret"))["type"] == "welcome"
        async with connected(running) as player:
            assert (await player.ask(type="resume", token="good"))["resumed"] is True
        assert [resume.token for resume in running.host.of(ResumeSession)] == ["good"]
        assert [join.name for join in running.host.of(Join)] == ["ada", "ada"]


async def test_a_refused_sign_in_may_be_tried_again_on_the_same_socket() -> None:
    async with running_edge() as running, connected(running) as player:
        refused = await player.ask(type="login", name="stranger", password="x")
        assert (refused["type"], refused["code"]) == ("refused", "wrong_credentials")
        assert (await player.ask(type="resume", token="old"))["code"] == "bad_token"
        assert (await player.ask(type="login", name="ada", password="x"))["type"] == "welcome"


async def test_too_many_failed_sign_ins_close_the_connection() -> None:
    async with running_edge(sign_in_attempts_max=3) as running, connected(running) as player:
        for _ in range(3):
            assert (await player.ask(type="login", name="stranger", password="x"))["code"] == "wrong_credentials"
        closing, code, text = await player.closed()
        assert (closing["reason"], code, text) == ("too_many_attempts", 4010, "too many refused sign-ins")
        assert running.host.told == []  # the host never heard of it


async def test_only_sign_ins_count_as_attempts() -> None:
    async with running_edge(sign_in_attempts_max=2) as running, connected(running) as player:
        for _ in range(5):
            assert (await player.ask_raw("{}"))["code"] == "bad_message"
            assert (await player.ask(type="move", dx=0, dy=0))["code"] == "not_signed_in"
        assert (await player.ask(type="resume", token="old"))["code"] == "bad_token"
        assert (await player.ask(type="guest"))["type"] == "welcome"


async def test_nothing_but_a_sign_in_is_obeyed_first() -> None:
    async with running_edge() as running, connected(running) as player:
        assert (await player.ask(type="take", seq=4, what="x")) == {
            "type": "refused",
            "code": "not_signed_in",
            "reason": "sign in first: register, login, guest or resume",
            "seq": 4,
        }
        assert running.host.told == []


async def test_while_signing_in_other_messages_are_refused_and_only_one_sign_in_runs() -> None:
    async with running_edge() as running, connected(running) as player:
        await player.send(type="guest", name="sloth")
        assert (await player.ask(type="guest", name="ada"))["code"] == "too_many"
        assert (await player.ask(type="move", dx=0, dy=0))["code"] == "not_signed_in"
        running.accounts.release.set()
        assert (await player.receive())["name"] == "sloth"
        assert (await player.ask(type="guest", name="again"))["code"] == "already_signed_in"
        assert [name for name, _ in running.accounts.asked] == ["sloth"]


async def test_no_session_is_opened_for_a_socket_that_went_while_signing_in() -> None:
    async with running_edge() as running:
        async with connected(running) as player:
            await player.send(type="guest", name="sloth")
            while not running.accounts.asked:
                await asyncio.sleep(0.01)
        running.accounts.release.set()
        async with playing(running, "next"):
            assert [join.name for join in running.host.of(Join)] == ["next"]
        assert len(running.host.of(Leave)) <= 1


async def test_a_sign_in_that_takes_too_long_is_refused() -> None:
    async with running_edge(sign_in_s=0.05) as running, connected(running) as player:
        assert (await player.ask(type="guest", name="sloth"))["code"] == "try_later"


async def test_sign_ins_beyond_the_cap_are_refused_at_once() -> None:
    async with running_edge(sign_ins_max=1) as running, connected(running) as first, connected(running) as second:
        await first.send(type="guest", name="sloth")
        assert (await first.ask(type="logout"))["code"] == "not_signed_in"
        refused = await second.ask(type="guest", name="ada")
        assert (refused["code"], refused["retry_after_ms"]) == ("try_later", 1000)


async def test_our_own_errors_are_told_without_detail_and_cost_one_message() -> None:
    async with running_edge() as running, connected(running) as player:
        assert await player.ask(type="guest", name="bug") == {"type": "refused", "code": "internal", "reason": ""}
        assert (await player.ask(type="guest", name="ada"))["type"] == "welcome"
        await player.send(type="move", dx=0, dy=1)
        await running.host.wait_for(PlayerInput)


async def test_a_host_that_does_not_answer_is_not_waited_for_for_ever() -> None:
    async with running_edge(opening_s=0.1) as running, connected(running) as player:
        running.host.answers = False
        await player.send(type="guest", name="ada")
        closing, code, _ = await player.closed()
        assert (closing["reason"], code) == ("internal", 1011)
        connection_id = running.host.last_connection()
        assert running.host.left() == [(connection_id, "internal")]
        running.host.open(connection_id, PlayerId(1), "late", None)  # too late: ignored


async def test_the_host_closes_a_connection_with_a_reason_and_is_not_told_what_it_knows() -> None:
    async with running_edge() as running, playing(running) as player:
        running.host.close(running.host.last_connection(), Close.KICKED, "be nice")
        closing, code, text = await player.closed()
        row = CLOSES[Close.KICKED]
        assert (code, text) == (row.code, row.text)
        assert closing == {
            "type": "closing",
            "code": row.code,
            "reason": "kicked",
            "text": f"{row.text}: be nice",
            "may_return": False,
            "retry_after_ms": 0,
        }
        assert running.host.left() == []


@SENDERS
async def test_frames_and_messages_reach_only_those_they_are_for(new_sender: NewSender) -> None:
    async with running_edge(sender=new_sender()) as running, playing(running, "ada") as ada:
        ada_id = running.host.last_connection()
        async with playing(running, "bob") as bob, connected(running) as nobody:
            bob_id = running.host.last_connection()
            link = running.host.link
            frames = [WorldFrame(b"both", [ada_id, bob_id], full=True), WorldFrame(b"nobody", [ConnectionId(1)])]
            link.to_edge(TickFrames("meadow", 1, 1, frames))
            running.host.deliver([bob_id], Ack(9, "durable"))
            assert await ada.world() == b"both"
            assert await bob.world() == b"both"
            assert (await bob.receive())["seq"] == 9
            assert (await ada.ask(type="guest"))["code"] == "already_signed_in"  # and nothing came before it
            assert (await nobody.ask(type="logout"))["code"] == "not_signed_in"


async def test_connections_beyond_the_limit_get_503_and_room_comes_back() -> None:
    async with running_edge(connections_max=1) as running:
        async with playing(running):
            with pytest.raises(InvalidStatus, match="503"):
                async with connected(running):
                    pass
        await running.host.wait_for(Leave)
        async with asyncio.timeout(5):
            while True:
                try:
                    async with connected(running) as player:
                        assert (await player.ask(type="guest"))["type"] == "welcome"
                        break
                except InvalidStatus:
                    await asyncio.sleep(0.01)


@SENDERS
async def test_draining_closes_everybody_as_may_return_and_tells_the_host(new_sender: NewSender) -> None:
    async with running_edge(sender=new_sender()) as running, playing(running) as player, connected(running) as greeting:
        connection_id = running.host.last_connection()
        running.edge.stop_accepting()
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", running.port)
        await player.send(type="move", dx=1, dy=1)
        await running.host.wait_for(PlayerInput)  # those inside play on
        ending = asyncio.create_task(running.edge.close(5.0))
        for left in (player, greeting):
            closing, code, _ = await left.closed()
            assert (closing["reason"], closing["may_return"], code) == ("draining", True, 1012)
        await ending
        assert running.host.left() == [(connection_id, "draining")]


async def test_closing_the_edge_waits_no_longer_than_it_was_given() -> None:
    loop = asyncio.get_running_loop()
    async with running_edge(closing_s=60.0) as running:
        _, writer = await asyncio.open_connection("127.0.0.1", running.port)
        await asyncio.sleep(0.05)
        async with playing(running) as player:
            player.socket.transport.pause_reading()  # it will not answer the close frame
            began_s = loop.time()
            await running.edge.close(0.3)
            assert 0.25 < loop.time() - began_s < 2.0
            player.socket.transport.abort()
        writer.close()


async def test_what_happens_is_counted() -> None:
    closes, messages = _value(CLOSES_TOTAL.labels("closed_by_client")), _value(MESSAGES_RECEIVED)
    sent = REGISTRY.get_sample_value("gameserver_sent_bytes_total") or 0.0
    refusals = REGISTRY.get_sample_value("gameserver_refusals_total", {"code": "unknown_type"}) or 0.0
    async with running_edge() as running:
        connections = _value(CONNECTIONS)
        async with playing(running) as player:
            assert _value(CONNECTIONS) == connections + 1
            assert (await player.ask(type="what"))["code"] == "unknown_type"
    assert _value(CONNECTIONS) == connections
    assert _value(CLOSES_TOTAL.labels("closed_by_client")) == closes + 1
    assert _value(MESSAGES_RECEIVED) == messages + 2
    assert REGISTRY.get_sample_value("gameserver_refusals_total", {"code": "unknown_type"}) == refusals + 1
    assert (REGISTRY.get_sample_value("gameserver_sent_bytes_total") or 0.0) > sent + 500


def _value(metric: object) -> float:
    return float(metric._value.get())  # type: ignore[attr-defined]


async def test_a_port_that_is_taken_is_found_out_before_anything_is_served() -> None:
    async with running_edge() as running:
        other = Edge(
            link=LocalLink(),
            sign_in=running.accounts.sign_in,
            limits=limits_of(Settings()),
            clock=SystemClock(),
            ready=lambda: (True, {}),
        )
        with pytest.raises(OSError):
            await other.bind("127.0.0.1", running.port)
        port = await other.bind("127.0.0.1", 0)
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", port)
        await other.serve()
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await other.close(0.2)

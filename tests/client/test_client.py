"""The client over real sockets, against a scripted server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from gameserver.client import (
    ActionRefused,
    Backoff,
    Client,
    ClientError,
    ConnectFailed,
    ConnectionLost,
    ConnectionState,
    NotSignedIn,
    OutcomeUnknown,
    SessionEnded,
    SignInRefused,
    TooManyActions,
    guest,
    login,
    register,
)
from gameserver.protocol.errors import Close
from gameserver.protocol.messages import ChatLine, Event, Refused, Said
from gameserver.protocol.world_frame import RECORD, Section, encode_frame, encode_section
from tests.client.scripted import ScriptedServer, scripted_server

FAST = Backoff(first_s=0.01, longest_s=0.05)


def client_of(server: ScriptedServer, **options: Any) -> Client:
    return Client(server.url, **{"backoff": FAST, **options})


def connection_of(client: Client) -> ConnectionState:
    """Return the present state. After an assert on the property itself, mypy believes that it never changes."""
    return client.connection


async def until(claim: Callable[[], object], what: str = "it") -> None:
    for _ in range(500):
        if claim():
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"{what} never came true")


# --- signing in ---


async def test_a_guest_signs_in_and_sees_what_the_welcome_and_the_first_frame_tell(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        assert connection_of(client) is ConnectionState.CONNECTED
        welcome = await client.sign_in(guest(name="Bo"))
        assert welcome.name == "Bo"
        assert connection_of(client) is ConnectionState.PLAYING
        assert client.me is not None
        assert (client.me.x, client.me.y) == (50.0, 50.0)
        await until(lambda: client.world.frames, "a frame")
        assert client.world.entities[1000].kind == "apple"
        assert [line.text for line in client.chat] == ["hello"]


async def test_a_refused_sign_in_can_be_tried_again_on_the_same_socket(server: ScriptedServer) -> None:
    server.refuse_with = lambda m: Refused("wrong_credentials", "no") if m.get("password") == "wrong" else None
    async with client_of(server) as client:
        with pytest.raises(SignInRefused) as refused:
            await client.sign_in(login("Bo", "wrong"))
        assert refused.value.code == "wrong_credentials"
        welcome = await client.sign_in(login("Bo", "right"))
        assert welcome.name == "Bo"


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_a_sign_in_without_an_answer_leaves_nothing_behind(server: ScriptedServer, is_cancelled: bool) -> None:
    server.silent_about = {"guest"}
    async with client_of(server, answer_timeout_s=5.0 if is_cancelled else 0.05) as client:
        with pytest.raises(TimeoutError if is_cancelled else ConnectionLost):
            async with asyncio.timeout(0.05 if is_cancelled else 5.0):
                await client.sign_in(guest(name="Bo"))
        server.silent_about = set()
        welcome = await client.sign_in(guest(name="Bo"))  # on a socket of its own
        assert welcome.name == "Bo"
        assert client.connection is ConnectionState.PLAYING
        await asyncio.sleep(0.05)
        assert client.connection is ConnectionState.PLAYING


async def test_credentials_to_come_back_with_are_kept_without_registering_twice(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        await client.sign_in(register("Bo", "secret"))
        assert client.credentials == login("Bo", "secret")
    async with client_of(server) as client:
        welcome = await client.sign_in(guest())
        assert client.credentials is not None
        assert client.credentials.token == welcome.guest_token
        assert "secret" not in repr(register("Bo", "secret"))


async def test_nobody_listening_is_told_as_connect_failed() -> None:
    with pytest.raises(ConnectFailed):
        await Client.connect("ws://127.0.0.1:9/ws", guest())
    with pytest.raises(ConnectFailed):
        await Client("http://127.0.0.1:9/ws").open()


async def test_playing_before_signing_in_is_refused_by_the_library(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        with pytest.raises(NotSignedIn):
            client.send("move", dx=1.0, dy=0.0)
        with pytest.raises(NotSignedIn):
            await client.act("use", item="apple")
        await client.sign_in(guest())
        with pytest.raises(ClientError, match="already"):
            await client.sign_in(guest())


async def test_logout_is_confirmed_and_ends_the_session(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        await client.sign_in(guest())
        reading = client.messages()
        await client.logout()
        assert connection_of(client) is ConnectionState.ENDED
        assert client.ended_because == Close.LOGGED_OUT
        with pytest.raises(SessionEnded):
            client.send("move", dx=0, dy=0)
        assert [type(message).__name__ async for message in reading] == ["Closing"]
        await client.sign_in(client.credentials or guest())  # and the same client can play again
        assert connection_of(client) is ConnectionState.PLAYING


# --- actions ---


async def test_actions_are_numbered_and_their_acks_awaited(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        await client.sign_in(guest())
        ack = await client.act("pick_up", entity=1000)
        assert (ack.seq, ack.level) == (1, "stored")
        assert client.inventory == {"apple": 1}
        with pytest.raises(ActionRefused) as refused:
            await client.act("pick_up", entity=1000)
        assert (refused.value.code, refused.value.seq) == ("no_such_thing", 2)
        assert (await client.say("hello")).seq == 3


async def test_a_late_ack_leaves_the_outcome_unknown_and_still_resolves(server: ScriptedServer) -> None:
    server.silent_about = {"pick_up"}
    async with client_of(server) as client:
        await client.sign_in(guest(name="Bo"))
        with pytest.raises(TimeoutError) as unknown:
            await client.act("pick_up", entity=1000, timeout_s=0.05)
        assert isinstance(unknown.value, OutcomeUnknown)
        assert unknown.value.later is not None
        server.silent_about = set()
        await server.cut("Bo")  # the resend after the resume is answered from memory
        ack = await asyncio.wait_for(unknown.value.later, 5)
        assert ack.seq == 1
        assert server.applied == [("Bo", 1)]


async def test_no_more_than_actions_max_wait_at_once(server: ScriptedServer) -> None:
    server.silent_about = {"use"}
    async with client_of(server, actions_max=2) as client:
        await client.sign_in(guest())
        client.start("use", item="apple")
        client.start("use", item="apple")
        with pytest.raises(TooManyActions):
            client.start("use", item="apple")


# --- coming back ---


async def test_a_lost_socket_is_resumed_and_unacked_actions_are_resent_in_order(server: ScriptedServer) -> None:
    states: list[ConnectionState] = []
    server.silent_about = {"use", "drop"}
    async with client_of(server) as client:
        client.on_state(states.append)
        await client.sign_in(guest(name="Bo"))
        await client.act("pick_up", entity=1000)
        actions = [client.start("use", item="apple"), client.start("drop", item="coin", quantity=1)]
        await until(lambda: len(server.applied) == 3, "all actions")
        server.silent_about = set()
        await server.cut("Bo")
        outcomes = await asyncio.gather(*(action.outcome for action in actions), return_exceptions=True)
        assert [type(outcome).__name__ for outcome in outcomes] == ["Ack", "ActionRefused"]
    assert [message["seq"] for message in server.of_type("use", "drop")] == [2, 3, 2, 3]
    assert server.applied == [("Bo", 1), ("Bo", 2), ("Bo", 3)]
    assert states == ["playing", "reconnecting", "playing", "closed"]


async def test_what_is_asked_for_while_away_is_sent_on_return(server: ScriptedServer) -> None:
    async with client_of(server, backoff=Backoff(first_s=0.3)) as client:
        await client.sign_in(guest(name="Bo"))
        await server.cut("Bo")
        await until(lambda: client.connection is ConnectionState.RECONNECTING, "the loss")
        client.send("move", dx=1.0, dy=0.0)
        client.send("move", dx=0.0, dy=1.0)
        ack = await client.act("pick_up", entity=1000)
        assert ack.seq == 1
    assert [(m["dx"], m["dy"]) for m in server.of_type("move")] == [(0.0, 1.0)]


async def test_a_refused_resume_falls_back_to_the_credentials(server: ScriptedServer) -> None:
    server.silent_about = {"use"}
    async with client_of(server) as client:
        await client.sign_in(guest(name="Bo"))
        action = client.start("use", item="apple")
        await until(lambda: server.applied, "the action")
        server.refuse_resume = True
        await server.cut("Bo")
        with pytest.raises(OutcomeUnknown) as unknown:  # a new session: resending could apply it twice
            await action.outcome
        assert unknown.value.later is None
        assert client.welcome is not None
        assert client.welcome.name == "Bo"
        assert not client.welcome.resumed
        assert (await client.act("pick_up", entity=1000)).seq == 1
    assert [m["type"] for m in server.of_type("guest", "resume")] == ["guest", "resume", "guest"]


async def test_a_close_that_forbids_returning_ends_the_session(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        await client.sign_in(guest(name="Bo"))
        action = client.start("use", item="apple")
        await server.close("Bo", Close.TAKEN_OVER)
        await until(lambda: client.connection is ConnectionState.ENDED, "the end")
        assert client.ended_because == "taken_over"
        with pytest.raises((OutcomeUnknown, ActionRefused)):
            await action.outcome
        with pytest.raises(SessionEnded):
            await client.act("use", item="apple")
    assert len(server.of_type("resume")) == 0


async def test_a_close_that_allows_returning_is_honoured_not_before_its_time(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        await client.sign_in(guest(name="Bo"))
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        await server.close("Bo", Close.DRAINING, retry_after_ms=300)
        await until(lambda: client.connection is ConnectionState.RECONNECTING, "the loss")
        await until(lambda: client.connection is ConnectionState.PLAYING, "the return")
        assert loop.time() - began_s >= 0.3


async def test_a_server_that_is_away_for_a_while_is_tried_again_until_it_is_back() -> None:
    async with scripted_server() as server:
        client = await Client.connect(server.url, guest(name="Bo"), backoff=FAST)
        port = int(server.url.split(":")[2].split("/")[0])
    await until(lambda: client.connection is ConnectionState.RECONNECTING, "the loss")
    await asyncio.sleep(0.1)
    async with scripted_server(port, server):
        await until(lambda: client.connection is ConnectionState.PLAYING, "the return")
        await client.close()


async def test_giving_up_ends_the_session() -> None:
    async with scripted_server() as server:
        client = await Client.connect(server.url, guest(), backoff=Backoff(0.01, 2.0, 0.01, give_up_after_s=0.05))
    await until(lambda: client.connection is ConnectionState.ENDED, "giving up")
    assert client.ended_because == "gave up reconnecting"
    await client.close()


async def test_a_server_that_falls_silent_is_dropped(server: ScriptedServer) -> None:
    async with client_of(server, silence_max_s=0.15) as client:
        await client.sign_in(guest(name="Bo"))
        socket = server.sessions["Bo"].socket
        assert socket is not None
        await asyncio.sleep(0.5)  # pongs are enough to keep it
        assert client.connection is ConnectionState.PLAYING
        assert len(server.of_type("resume")) == 0
        socket.transport.pause_reading()  # no pongs any more
        await until(lambda: server.of_type("resume"), "the resume")
        socket.transport.abort()


async def test_a_logout_without_an_answer_is_an_error(server: ScriptedServer) -> None:
    async with client_of(server, answer_timeout_s=1.0) as client:
        await client.sign_in(guest(name="Bo"))
        socket = server.sessions["Bo"].socket
        assert socket is not None
        socket.transport.pause_reading()
        leaving = asyncio.create_task(client.logout())
        await asyncio.sleep(0.05)
        socket.transport.abort()
        with pytest.raises(ConnectionLost):
            await leaving


# --- being told ---


async def test_messages_reach_every_reader_and_callback(server: ScriptedServer) -> None:
    told: list[object] = []
    async with client_of(server) as client:
        client.on_message(told.append)
        await client.sign_in(guest(name="Bo"))
        first, second = client.messages(), client.messages()
        said, event = Said(ChatLine("zone", "Ada", "hi", 3)), Event("rain", {"heavy": True})
        await server.tell("Bo", said)
        await server.tell("Bo", event)
        assert [await anext(first), await anext(first)] == [said, event]
        assert await anext(second) == said
        assert told == [said, event]
        assert client.chat[-1].text == "hi"


async def test_a_message_of_an_unknown_type_is_ignored_and_counted(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        await client.sign_in(guest(name="Bo"))
        socket = server.sessions["Bo"].socket
        assert socket is not None
        await socket.send('{"type":"from_the_future","x":1}')
        await socket.send(['{"type":"said","line":{"channel":"zone",', '"sender":"A","text":"in two","at_ms":1}}'])
        await until(lambda: client.chat[-1].text == "in two", "the fragmented message")
        assert client.ignored_messages == 1
        assert client.connection is ConnectionState.PLAYING


async def test_a_raising_callback_does_not_harm_the_session(server: ScriptedServer) -> None:
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    async with client_of(server) as client:
        client.on_message(lambda message: 1 / 0)
        await client.sign_in(guest(name="Bo"))
        await server.tell("Bo", Event("rain", {}))
        await until(lambda: reports, "the report")
        assert (await client.act("pick_up", entity=1000)).level == "stored"


async def test_names_are_asked_for_once(server: ScriptedServer) -> None:
    async with client_of(server) as client, client_of(server) as other:
        welcome = await client.sign_in(guest(name="Bo"))
        them = await other.sign_in(guest(name="Cy"))
        ids = [welcome.entity_id, them.entity_id, 999]
        assert await client.names(ids) == {welcome.entity_id: "Bo", them.entity_id: "Cy"}
        assert client.known_name(them.entity_id) == "Cy"
        await client.names([them.entity_id])
    assert len(server.of_type("describe")) == 1


async def test_large_and_split_frames_arrive_whole(server: ScriptedServer) -> None:
    records = [RECORD.pack(i, 1.0, 2.0, 0, 0, 0) for i in range(1, 6001)]
    async with client_of(server) as client:
        await client.sign_in(guest(name="Bo"))
        for tick in (7, 8):  # 96 kB: a 64-bit length, and more than one read
            await server.frame("Bo", encode_frame(tick, [encode_section(Section.SNAPSHOT, (5, 5), records)]))
        await until(lambda: client.world.tick == 8, "the frame")
        assert client.world.entities[6000].x == 1.0
        socket = server.sessions["Bo"].socket
        assert socket is not None
        await (await socket.ping())  # between frames the protocol still answers


async def test_a_world_that_cannot_be_read_ends_the_session_and_says_why(server: ScriptedServer) -> None:
    async with client_of(server) as client:
        await client.sign_in(guest(name="Bo"))
        await server.frame("Bo", b"\x09\x00\x00\x00\x00\x00\x00\x00")
        await until(lambda: client.connection is ConnectionState.ENDED, "the end")
        assert "version 9" in client.ended_because

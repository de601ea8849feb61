"""The code does what docs/protocol.md shows."""

from __future__ import annotations

import json
import re
import typing
from pathlib import Path

import msgspec
import pytest
from msgspec import Meta

from gameserver.accounts.names import NAME_LENGTH_MAX, NAME_LENGTH_MIN
from gameserver.accounts.sign_in import PASSWORD_LENGTH_MIN
from gameserver.accounts.throttle import WIDE
from gameserver.config import Settings
from gameserver.demo import REACH, Drop, Give, Meadow, Use
from gameserver.node import _limits
from gameserver.protocol.codec import ClientCodec
from gameserver.protocol.constants import ANSWERS_MAX
from gameserver.protocol.errors import CLOSES, WORTH_RETRYING, RefusalCode
from gameserver.protocol.message_class import our_messages
from gameserver.protocol.messages import (
    Action,
    AnyServerMessage,
    Describe,
    EntityRef,
    Login,
    Register,
    Say,
    ServerMessage,
)
from gameserver.protocol.nesting import NESTING_MAX
from gameserver.protocol.world_frame import LAYOUT, Record, Section, decode_frame
from gameserver.simulation.inbox import INPUTS_MAX
from gameserver.world.speech import LINES_BURST, LINES_PER_S

PAGE = Path("docs/protocol.md").read_text()


def examples(language: str) -> list[str]:
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return [text for block in blocks for text in re.split(r"\n(?=\{)", block.strip())]


def server_types() -> list[type[ServerMessage]]:
    return list(typing.get_args(AnyServerMessage))


@pytest.mark.parametrize("text", examples("json client"))
def test_the_examples_of_client_messages_are_decoded_without_any_game(text: str) -> None:
    ClientCodec(our_messages()).decode(text)


@pytest.mark.parametrize("text", examples("json demo"))
def test_the_examples_of_the_demo_game_are_decoded(text: str) -> None:
    ClientCodec([*our_messages(), *Meadow.handlers]).decode(text)


@pytest.mark.parametrize("text", examples("json server"))
def test_the_examples_of_server_messages_have_the_fields_of_the_code(text: str) -> None:
    fields = json.loads(text)
    kind = next(kind for kind in server_types() if kind.__struct_config__.tag == fields["type"])
    message = msgspec.json.decode(text, type=kind)
    known = {field.name for field in msgspec.structs.fields(kind)} | {"type"}
    assert set(fields) <= known
    assert message is not None


def test_every_message_has_an_example() -> None:
    shown = {
        json.loads(text)["type"]
        for language in ("json client", "json demo", "json server")
        for text in examples(language)
    }
    wanted = {str(kind.__struct_config__.tag) for kind in (*our_messages(), *Meadow.handlers, *server_types())}
    assert shown == wanted


def test_the_tables_name_every_refusal_and_every_close() -> None:
    refusals = PAGE.split("## Refusals")[1].split("## Closing")[0]
    told = dict(re.findall(r"^\| `(\w+)` \| (yes|no) \|", refusals, re.MULTILINE))
    assert told == {code.value: "yes" if code in WORTH_RETRYING else "no" for code in RefusalCode}
    closing = PAGE.split("## Closing")[1].split("## Limits")[0]
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (yes|no) \| (\d+) \| (.*?) \|$", closing, re.MULTILINE)
    table = {
        (str(row.code), name.value, "yes" if row.may_return else "no", str(row.retry_after_ms), row.text)
        for name, row in CLOSES.items()
    }
    assert set(rows) == table


def test_the_acks_of_the_demo_game_s_actions_are_those_that_their_classes_declare() -> None:
    table = PAGE.split("| action of the demo game |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| (`[^|]+`) \| `(\w+)` \|", table, re.MULTILINE)
    shown = {name: level for names, level in rows for name in re.findall(r"`(\w+)`", names)}
    messages = [message for message in (*our_messages(), *Meadow.handlers) if message.policy.is_action]
    assert shown == {message.__struct_config__.tag: message.policy.ack for message in messages}


def bounds(kind: type[msgspec.Struct], field: str) -> Meta:
    """The bounds of a message's field."""
    hint = typing.get_type_hints(kind, include_extras=True)[field]
    metas = [meta for part in (hint, *typing.get_args(hint)) for meta in getattr(part, "__metadata__", ())]
    assert len(metas) == 1, f"{kind.__name__}.{field}"
    assert isinstance(metas[0], Meta)
    return metas[0]


def lengths(kind: type[msgspec.Struct], field: str) -> str:
    return f"{bounds(kind, field).min_length} to {bounds(kind, field).max_length}"


def values(kind: type[msgspec.Struct], field: str) -> str:
    return f"{bounds(kind, field).ge} to {bounds(kind, field).le}"


def limits() -> dict[str, object]:
    """Each row of the table of limits, with what the code has."""
    settings = Settings()
    edge = _limits(settings, Meadow.tick_hz)
    return {
        "bytes of a message, its fragments added up": edge.message_bytes_max,
        "messages a second, on average": f"{edge.messages_per_s:g}",
        "messages at once, saved up while quiet": edge.message_burst,
        "refusals for too many messages, a second on average": f"{edge.too_many_per_s:g}",
        "refusals for too many messages, at once": edge.too_many_burst,
        "seconds for the HTTP request": f"{edge.handshake_s:g}",
        "bytes of the HTTP request": edge.head_bytes_max,
        "seconds to the first sign-in": f"{edge.sign_in_timeout_s:g}",
        "seconds to another sign-in after a refused one": f"{edge.another_attempt_s:g}",
        "refused sign-ins of a connection": edge.sign_in_attempts_max,
        "wrong passwords a minute, of one name from one address": settings.wrong_passwords_per_minute,
        "wrong passwords a minute, of one name from all addresses, or of all names from one": (
            settings.wrong_passwords_per_minute * WIDE
        ),
        "wrong guest tokens a minute, from one address": settings.wrong_passwords_per_minute * WIDE,
        "new accounts and guests a minute, from one address": settings.sign_ups_per_minute,
        "characters of a name": f"{NAME_LENGTH_MIN} to {NAME_LENGTH_MAX}",
        "characters of a name as sent, before it is normalised": bounds(Register, "name").max_length,
        "least characters of a new password": PASSWORD_LENGTH_MIN,
        "characters of a password or token": bounds(Login, "password").max_length,
        "seconds without a pong": f"{edge.pong_timeout_s:g}",
        "seconds without a message that reaches the game": f"{settings.idle_timeout_s:g}",
        "messages waiting for one tick": INPUTS_MAX,
        "actions without an answer": ANSWERS_MAX,
        "levels of lists and objects in each other, with the message itself": NESTING_MAX,
        "the largest `seq`": bounds(Action, "seq").le,
        "the largest entity id in a `describe`": typing.get_args(EntityRef)[1].le,
        "ids in a `describe`": lengths(Describe, "ids"),
        "characters of a chat line": bounds(Say, "text").max_length,
        "chat lines a second, on average": f"{LINES_PER_S:g}",
        "chat lines at once, saved up while quiet": LINES_BURST,
        "bytes sent that you have not read, kept by the server": edge.outbox_bytes_max,
        "characters of an `item` (demo game)": lengths(Use, "item"),
        "`quantity` of a `give` (demo game)": values(Give, "quantity"),
        "`quantity` of a `drop` (demo game)": values(Drop, "quantity"),
    }


def test_the_limits_are_those_of_the_code() -> None:
    table = PAGE.split("## Limits")[1].split("## A client")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", table, re.MULTILINE)[1:]
    assert {what: limit for what, limit, _ in rows} == {what: str(limit) for what, limit in limits().items()}
    known = {code.value for code in RefusalCode} | {name.value for name in CLOSES}
    assert {code for _, _, beyond in rows for code in re.findall(r"`(\w+)`", beyond)} <= known


def test_limits_told_elsewhere_are_those_of_the_code() -> None:
    """The sentences that repeat a number."""
    edge = _limits(Settings(), Meadow.tick_hz)
    for sentence in (
        f"The server pings every {edge.ping_interval_s:g} s.",
        f"A frame has up to {edge.outbox_bytes_max // 1024} KiB.",
        f"A name has {NAME_LENGTH_MIN} to {NAME_LENGTH_MAX} letters",
        f"Keep at most {ANSWERS_MAX} unanswered",
        f"`too_far` ({REACH:g} units)",
    ):
        assert sentence in PAGE
    assert (edge.another_attempt_s, edge.sign_in_attempts_max) == (60, 10), "told in words: a minute, the tenth"


def test_the_binary_example_is_what_the_text_says() -> None:
    [block] = re.findall(r"```hex frame\n(.*?)```", PAGE, re.DOTALL)
    tick, [section] = decode_frame(bytes.fromhex(block))
    assert tick == 4711
    assert section == (Section.DELTA, (3, 2), [Record(123, 60.5, 59.0, 0, 64, 0)], [124])


def test_the_layout_in_the_welcome_is_the_layout() -> None:
    welcome = next(json.loads(text) for text in examples("json server") if '"welcome"' in text)
    assert [tuple(field) for field in welcome["layout"]] == LAYOUT

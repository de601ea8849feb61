"""What docs/protocol.md shows is what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from gameserver.demo import Meadow
from gameserver.protocol.codec import ClientCodec
from gameserver.protocol.errors import CLOSES, RefusalCode
from gameserver.protocol.messages import BUILT_IN, ServerMessage
from gameserver.protocol.world_frame import LAYOUT, Record, Section, decode_frame

PAGE = Path("docs/protocol.md").read_text()


def examples(language: str) -> list[str]:
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return [text for block in blocks for text in re.split(r"\n(?=\{)", block.strip())]


def server_types() -> list[type[ServerMessage]]:
    return ServerMessage.__subclasses__()


@pytest.mark.parametrize("text", examples("json client"))
def test_the_examples_of_client_messages_are_decoded_without_any_game(text: str) -> None:
    ClientCodec().decode(text)


@pytest.mark.parametrize("text", examples("json demo"))
def test_the_examples_of_the_demo_game_are_decoded(text: str) -> None:
    ClientCodec(Meadow.handlers).decode(text)


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
    wanted = {str(kind.__struct_config__.tag) for kind in (*BUILT_IN, *Meadow.handlers, *server_types())}
    assert shown == wanted


def test_the_tables_name_every_refusal_and_every_close() -> None:
    refusals = PAGE.split("## Refusals")[1].split("## Closing")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", refusals, re.MULTILINE)) == {code.value for code in RefusalCode}
    closing = PAGE.split("## Closing")[1].split("## Limits")[0]
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (yes|no) \| (\d+) \| (.*?) \|$", closing, re.MULTILINE)
    table = {
        (str(row.code), name.value, "yes" if row.may_return else "no", str(row.retry_after_ms), row.text)
        for name, row in CLOSES.items()
    }
    assert set(rows) == table


def test_the_binary_example_is_what_the_text_says() -> None:
    [block] = re.findall(r"```hex frame\n(.*?)```", PAGE, re.DOTALL)
    tick, [section] = decode_frame(bytes.fromhex(block))
    assert tick == 4711
    assert section == (Section.DELTA, (3, 2), [Record(123, 60.5, 59.0, 0, 64, 0)], [124])


def test_the_layout_in_the_welcome_is_the_layout() -> None:
    welcome = next(json.loads(text) for text in examples("json server") if '"welcome"' in text)
    assert [tuple(field) for field in welcome["layout"]] == LAYOUT

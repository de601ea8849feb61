"""Log lines: their content, and the secrets that must not be in them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import structlog

from gameserver.observability import logs

URL = "redis://user:geheim@host:6379/0"


class Login(msgspec.Struct):
    name: str
    password: str


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before
    structlog.reset_defaults()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(stream: io.StringIO) -> Any:
    logs.configure("json", "info", stream)
    return structlog.get_logger("gameserver.test")


def test_a_line_is_one_json_object_with_time_level_and_origin(log: Any, stream: io.StringIO) -> None:
    log.info("session opened", player=7, epoch=3)
    line = json.loads(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "session opened", "level": "info", "logger": "gameserver.test", "player": 7, "epoch": 3}


@pytest.mark.parametrize("value", [2**70, -(2**70), "half a pair: \ud800", {"deep": [2**70]}, {(1, 2): 3}, object()])
def test_a_value_that_json_cannot_hold_costs_no_line(log: Any, stream: io.StringIO, value: Any) -> None:
    log.info("odd", value=value, nothing=None)
    line = json.loads(stream.getvalue())
    assert (line["event"].strip("'"), line["nothing"]) == ("odd", None)
    assert line["value"]


def test_what_libraries_log_comes_out_the_same_way(log: Any, stream: io.StringIO) -> None:
    logging.getLogger("library").warning("lost %s", URL)
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"]) == ("lost redis://user:***@host:6379/0", "warning")


@pytest.mark.parametrize("name", ["password", "token", "resume_token", "guest_token", "Authorization", "X-Ops-Token"])
def test_a_secret_field_is_hidden(log: Any, stream: io.StringIO, name: str) -> None:
    log.info("x", **{name: "geheim"}, deep={"list": [{name: "geheim"}]})
    assert "geheim" not in stream.getvalue()
    assert stream.getvalue().count("***") == 2


def test_a_field_that_only_sounds_like_a_secret_is_shown(log: Any, stream: io.StringIO) -> None:
    log.info("x", tokens_left=3)
    assert json.loads(stream.getvalue())["tokens_left"] == 3


@pytest.mark.parametrize(
    "fields",
    [
        {"url": URL},
        {"urls": (URL, [URL])},
        {"error": OSError(f"cannot reach {URL}")},
        {"message": Login("ada", "geheim")},
    ],
)
def test_a_secret_inside_a_value_is_hidden(log: Any, stream: io.StringIO, fields: dict[str, Any]) -> None:
    log.info(f"at {URL}", **fields)
    assert "geheim" not in stream.getvalue()


@pytest.mark.parametrize("format", ["json", "console"])
def test_a_traceback_is_shown_without_secrets_and_without_local_variables(format: str, stream: io.StringIO) -> None:
    logs.configure(format, "info", stream)
    try:
        _fail()
    except OSError:
        structlog.get_logger().exception("failed")
    assert "Traceback" in stream.getvalue()
    assert "redis://u:***@host" in stream.getvalue()
    assert "geheim" not in stream.getvalue()


@pytest.mark.parametrize("format", ["json", "console"])
def test_a_client_cannot_forge_a_line_or_move_the_cursor(format: str, stream: io.StringIO) -> None:
    logs.configure(format, "info", stream)
    evil = "ada\n2026-01-01 [error] all is lost\x1b[2J\r"
    structlog.get_logger().info("renamed", name=evil)
    logging.getLogger("library").warning("renamed %s", evil)
    assert len(stream.getvalue().splitlines()) == 2
    assert "\x1b" not in stream.getvalue()


def test_what_is_less_serious_than_the_level_is_left_out(stream: io.StringIO) -> None:
    logs.configure("json", "warning", stream)
    structlog.get_logger("a").info("no")
    structlog.get_logger("a").error("yes")
    assert json.loads(stream.getvalue())["event"] == "yes"


def test_auto_is_json_unless_a_person_looks(stream: io.StringIO) -> None:
    logs.configure("auto", "info", stream)
    structlog.get_logger("a").info("x")
    assert json.loads(stream.getvalue())


def test_a_logger_made_before_the_configuration_follows_it(stream: io.StringIO) -> None:
    early = structlog.get_logger("early")
    logs.configure("json", "info", stream)
    early.info("x")
    assert json.loads(stream.getvalue())["logger"] == "early"


def _fail() -> None:
    kept = "ge" + "heim"
    raise OSError(f"cannot reach redis://u:{kept}@host")

"""The message about a bad setting: what was set, what is wrong, what is allowed, and an example."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameserver.config import SettingsError, load
from gameserver.settings_problems import closest, spelled
from gameserver.settings_table import describe


def problems(flags: dict[str, object] | None = None, file: Path | None = None, **environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(flags, file, environ)
    return caught.value.problems


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ({"port": "99999"}, "--port: 99999 is too large; allowed: 0 to 65535; example: --port 8765"),
        ({"grace_s": "five"}, '--grace-s: "five" is no number; allowed: 0 to 3600; example: --grace-s 30'),
        ({"grace_s": "nan"}, '--grace-s: "nan" is not finite; allowed: 0 to 3600; example: --grace-s 30'),
        (
            {"connections_max": "1.5"},
            "--connections-max: 1.5 is no whole number; allowed: 1 to 100000; example: --connections-max 5000",
        ),
        (
            {"log_level": "loud"},
            '--log-level: "loud" is not one of the choices; allowed: debug, info, warning or error; '
            "example: --log-level info",
        ),
        (
            {"node_id": "a b"},
            '--node-id: "a b" is not written as it has to be; allowed: 1 to 64 letters (A-Z, a-z), digits, . _ and -, '
            "beginning with a letter or digit; example: --node-id node-1",
        ),
        ({"ops_token": "geheim"}, "--ops-token: the value is too short; allowed: 16 to 256 characters"),
        ({"port": "x" * 999}, f'--port: "{"x" * 60}…" is no whole number; allowed: 0 to 65535; example: --port 8765'),
    ],
)
def test_a_bad_value_is_told_with_what_is_allowed_and_an_example(flags: dict[str, object], line: str) -> None:
    assert problems(flags) == [line]


def test_the_example_is_spelled_as_the_setting_was(file: Path) -> None:
    file.write_text('log_level = "loud"\nport = "x"\nio_uring = 3\norigins = 4\n')
    assert [line.rpartition("; example: ")[2] for line in problems(file=file, GAMESERVER_GRACE_S="-1")] == [
        "port = 8765",
        f"origins in {file}: 4 is no list",
        "io_uring = true",
        'log_level = "info"',
        "GAMESERVER_GRACE_S=30",
    ]
    assert problems(GAMESERVER_IO_URING="maybe") == [
        'GAMESERVER_IO_URING: "maybe" is neither true nor false; allowed: true or false; '
        "example: GAMESERVER_IO_URING=true"
    ]


def test_no_message_is_in_the_words_of_the_library() -> None:
    for row in describe():
        for value in ("", "x y", "-1", "1e999", "9" * 30, "\0"):
            try:
                load({row.name: value}, environ={})
            except SettingsError as error:
                for line in error.problems:
                    assert "Input should" not in line and "String should" not in line, line
                    assert "of the wrong kind" not in line, line


def test_a_url_that_cannot_be_used_shows_one_that_can() -> None:
    (line,) = problems(GAMESERVER_SQL_URL="postgres://h/db")
    assert line.endswith("; example: GAMESERVER_SQL_URL=mysql://user:password@host:3306/name")


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("grace", "grace_s"),
        ("prot", "port"),
        ("conections_max", "connections_max"),
        ("idle", "idle_timeout_s"),
        ("zzz", None),
        ("", None),
    ],
)
def test_the_name_that_was_likely_meant(name: str, near: str | None) -> None:
    assert closest(name, [row.name for row in describe()]) == near


def test_a_setting_is_named_as_flag_and_variable() -> None:
    assert spelled("ops_port") == "--ops-port or GAMESERVER_OPS_PORT"

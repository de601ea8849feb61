"""Settings from four sources: which wins, what is refused and how that is told, what may be printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gameserver.config import Settings, SettingsError, hide_passwords, is_loopback, load, unknown_variables
from gameserver.settings_table import describe

SECRET_URL = "mysql://player:geheim@db:3306/game"


def problems(flags: dict[str, object] | None = None, file: Path | None = None, **environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(flags, file, environ)
    return caught.value.problems


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def test_the_defaults_make_sense_and_listen_on_loopback_only() -> None:
    settings = load(environ={})
    assert is_loopback(settings.host)
    assert is_loopback(settings.ops_host)
    assert settings.embedded_redis
    assert settings.embedded_sql


def test_a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default(file: Path) -> None:
    file.write_text("grace_s = 1\ndrain_s = 11\nport = 9000\n")
    settings = load({"grace_s": "3"}, file, {"GAMESERVER_GRACE_S": "2", "GAMESERVER_DRAIN_S": "12"})
    assert (settings.grace_s, settings.drain_s, settings.port, settings.idle_timeout_s) == (3, 12, 9000, 900)


def test_the_file_can_be_named_in_the_environment(file: Path) -> None:
    file.write_text("port = 9000\n")
    assert load(environ={"GAMESERVER_CONFIG": str(file)}).port == 9000


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load(environ={"GAMESERVER_REDIS_URL": "", "GAMESERVER_PORT": ""}).embedded_redis


def test_each_problem_is_one_line_that_says_where_the_setting_was_made(file: Path) -> None:
    file.write_text("drain_s = 9999\n")
    told = problems({"port": "seven"}, file, GAMESERVER_GRACE_S="-1")
    assert len(told) == 3
    assert [line.partition(":")[0] for line in told] == ["--port", f"drain_s in {file}", "GAMESERVER_GRACE_S"]


def test_an_unknown_key_in_the_file_is_refused_and_the_likely_one_named(file: Path) -> None:
    file.write_text("grace = 5\n")
    assert problems(file=file) == [f"grace in {file}: there is no such setting; did you mean grace_s?"]


@pytest.mark.parametrize("text", ["port = ", "\xff", "[port"])
def test_a_file_that_is_not_toml_is_refused(file: Path, text: str) -> None:
    file.write_bytes(text.encode("latin-1"))
    (line,) = problems(file=file)
    assert line.startswith(f"{file}: is not TOML")


def test_a_file_that_is_not_there_is_refused(file: Path) -> None:
    assert problems(file=file) == [f"{file}: cannot be read: No such file or directory"]


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "true", "", "5 s"])
def test_a_number_is_a_finite_number(value: str) -> None:
    assert problems({"grace_s": value})


def test_every_number_has_both_bounds_and_just_outside_them_is_refused() -> None:
    numbers = [row for row in describe() if re.fullmatch(r"[\d.]+", row.default) and row.default.count(".") < 2]
    assert len(numbers) > 20
    for row in numbers:
        low, _, high = row.range.partition(" to ")
        for outside in (float(low) - 1, float(high) + 1):
            told = problems({row.name: f"{outside:.0f}"})
            assert any(line.startswith(row.flag) for line in told), (row.name, told)


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({"ops_host": "0.0.0.0"}, "ops_token"),
        ({"ops_host": "ops.example.org"}, "ops_token"),
        ({"ops_port": "8765"}, "a port each"),
        ({"ping_interval_s": "15"}, "pong_timeout_s"),
        ({"idle_timeout_s": "15"}, "idle_timeout_s"),
        ({"store_timeout_s": "2"}, "lease_s"),
        ({"checkpoint_s": "5"}, "checkpoint_s"),
        ({"drain_s": "5"}, "drain_s"),
        ({"message_burst": "1", "messages_per_s": "100"}, "message_burst"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(flags: dict[str, object], named: str) -> None:
    (line,) = problems(flags)
    assert named in line


def test_the_operators_port_may_leave_loopback_with_a_token() -> None:
    assert load({"ops_host": "0.0.0.0", "ops_token": "a" * 16}, environ={}).ops_token


def test_all_contradictions_are_told_at_once() -> None:
    assert len(problems({"ops_host": "0.0.0.0", "checkpoint_s": "5", "drain_s": "5"})) == 3


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://localhost",
        "mysql://h/db",
        "redis:/h",
        "redis+sentinel://a,b",
        "redis+sentinel://a/s/db",
        "redis+cluster://a/0",
        "redis+cluster://",
        "mysql+sentinel://a/s",
    ],
)
def test_a_redis_url_of_another_kind_is_refused(url: str) -> None:
    assert problems(GAMESERVER_REDIS_URL=url)


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://a:1,b:2/s",
        "rediss+sentinel://u:p@a,b/s/3?sentinel_password=x",
        "rediss+cluster://u:p@a:1,b?password=x",
    ],
)
def test_a_service_of_sentinels_is_taken_and_its_passwords_are_hidden(url: str) -> None:
    settings = load(environ={"GAMESERVER_REDIS_URL": url})
    assert settings.redis_url == url
    assert settings.redacted()["redis_url"] == url.replace(":p@", ":***@").replace("=x", "=***")


def test_a_refused_url_is_not_repeated_because_it_may_hold_a_password() -> None:
    assert "geheim" not in " ".join(problems(GAMESERVER_SQL_URL=SECRET_URL.replace("mysql", "postgres")))


def test_origins_are_a_list_separated_by_commas() -> None:
    told = load(environ={"GAMESERVER_ORIGINS": "https://a.example, http://b.example:8000"})
    assert told.origins == ("https://a.example", "http://b.example:8000")


@pytest.mark.parametrize("origin", ["a.example", "https://a.example/", "https://u@a.example", "*", "ftp://a.example"])
def test_what_is_no_origin_is_refused(origin: str) -> None:
    assert problems(GAMESERVER_ORIGINS=origin)


def test_origins_in_a_file_are_a_list(file: Path) -> None:
    file.write_text('origins = ["https://a.example"]\n')
    assert load(file=file, environ={}).origins == ("https://a.example",)


def test_the_node_keeps_its_name_over_restarts_and_two_nodes_of_a_machine_differ() -> None:
    names = [load({"port": port}, environ={}).node_id for port in ("9000", "9000", "9001")]
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize(("port", "ops_port"), [("8765", 8766), ("65535", 65534), ("0", 0)])
def test_the_operators_port_is_beside_the_players(port: str, ops_port: int) -> None:
    assert load({"port": port}, environ={}).ops_port == ops_port


def test_secrets_are_hidden_wherever_settings_are_printed() -> None:
    settings = load({"sql_url": SECRET_URL, "ops_token": "geheim-and-longer"}, environ={})
    printed = f"{settings} {settings!r} {settings.redacted()}"
    assert "geheim" not in printed
    assert settings.redacted()["sql_url"] == "mysql://player:***@db:3306/game"
    assert settings.redacted()["ops_token"] == "***"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("redis://:geheim@h:6379/0", "redis://:***@h:6379/0"),
        ("redis://u:ge@heim/@h", "redis://u:***@h"),
        ("cannot reach mysql://u:geheim@h/db now", "cannot reach mysql://u:***@h/db now"),
        ("redis://h/0?password=geheim&x=1", "redis://h/0?password=***&x=1"),
        ("http://localhost:8765/a", "http://localhost:8765/a"),
        ("nothing: to@hide", "nothing: to@hide"),
    ],
)
def test_passwords_in_urls_are_hidden(text: str, hidden: str) -> None:
    assert hide_passwords(text) == hidden


def test_settings_cannot_be_changed_after_they_were_checked() -> None:
    settings = Settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1


def test_a_misspelt_variable_is_noticed() -> None:
    environ = {"GAMESERVER_PROT": "1", "GAMESERVER_PORT": "1", "GAMESERVER_CONFIG": "x", "PATH": ""}
    assert unknown_variables(environ) == ["GAMESERVER_PROT"]


def test_every_setting_says_what_it_is() -> None:
    for row in describe():
        assert row.description.endswith("."), row.name
        assert row.description[0].isupper(), row.name

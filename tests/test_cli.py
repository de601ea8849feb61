"""The command: what it prints, which game it loads, how it fails and with which exit code."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from gameserver.cli import CommandError, load_game, main
from gameserver.config import Settings
from gameserver.demo import Meadow

GAME = """
from gameserver import Game
class Mine(Game): pass
class NoGame: pass
NOTHING = 3
"""
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GAMESERVER_")}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder, no settings in the environment, and no modules left behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    for name in os.environ:
        if name.startswith("GAMESERVER_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def test_the_game_is_found_in_the_current_folder(elsewhere: Path) -> None:
    (elsewhere / "cli_mygame.py").write_text(GAME)
    assert load_game("cli_mygame:Mine").__name__ == "Mine"
    assert load_game("gameserver.demo:Meadow") is Meadow


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("cli_nothere:Mine", "there is no module cli_nothere in"),
        ("cli_yourgame.deep:Mine", "there is no module cli_yourgame.deep in"),
        ("cli_yourgame:Gone", "the module cli_yourgame has no class Gone"),
        ("cli_yourgame:NoGame", "is no subclass of gameserver.Game"),
        ("cli_yourgame:NOTHING", "is no subclass of gameserver.Game"),
    ],
)
def test_a_game_that_is_not_there_is_told_in_one_line(elsewhere: Path, spec: str, why: str) -> None:
    (elsewhere / "cli_yourgame.py").write_text(GAME)
    with pytest.raises(CommandError, match=why) as caught:
        load_game(spec)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("import cli_missing_library", rf"there is no module cli_missing_library; install it into {sys.prefix}"),
        ("1 / 0", "ZeroDivisionError: division by zero; correct the line"),
        ("def broken(:", "invalid syntax; correct the line"),
        ("import random; random.choice([])", "IndexError: Cannot choose from an empty sequence; correct the line"),
        ("raise SystemExit(3)", 'ends the program when it is imported; put that below if __name__ == "__main__"'),
        (
            "class G(__import__('gameserver').Game): tick_hz = 0",
            "G.tick_hz: is 0; write a whole number, 1 to 120",
        ),
    ],
)
def test_a_game_that_cannot_be_imported_shows_its_author_where(elsewhere: Path, fault: str, line: str) -> None:
    (elsewhere / "cli_broken.py").write_text(f"\n{fault}\n")
    with pytest.raises(CommandError) as caught:
        load_game("cli_broken:Mine")
    assert re.fullmatch(rf"cli_broken\.py:2(: | ){re.escape(line)}", str(caught.value)), str(caught.value)
    assert caught.value.exit_code == 1
    del caught


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ("cli_mygame", "cli_mygame names no class; write cli_mygame:Mine"),
        ("cli_mygame:", "cli_mygame: names no class; write cli_mygame:Mine"),
        ("cli_mygame.py:Mine", "cli_mygame.py:Mine names a file; write cli_mygame:Mine"),
        ("./cli_mygame.py:Mine", "./cli_mygame.py:Mine names a file; write cli_mygame:Mine"),
        ("cli_mygame:Game", "cli_mygame:Game is gameserver's own Game; write cli_mygame:Mine"),
        ("cli_mygame:mine", "the module cli_mygame has no class mine; write cli_mygame:Mine"),
        ("cli_mygame:NoGame", "cli_mygame:NoGame is no subclass of gameserver.Game; write class NoGame(Game)"),
        (
            "cli mygame:Mine",
            "cli mygame:Mine names no module; write module:Class, as in tag:Tag for class Tag in tag.py",
        ),
        ("cli_mygmae:Mine", "there is no module cli_mygmae in {here}, nor is one installed; write cli_mygame"),
        (
            "deep:Mine",
            "there is no module deep in {here}, nor is one installed; games/deep.py has that name: run this in games",
        ),
        (
            "nothing_like_it:X",
            "there is no module nothing_like_it in {here}, nor is one installed; "
            "run this in the folder that has nothing_like_it.py",
        ),
    ],
)
def test_what_to_write_instead_is_told(
    elsewhere: Path, spec: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (elsewhere / "games").mkdir()
    (elsewhere / "games" / "deep.py").write_text(GAME)
    (elsewhere / "cli_mygame.py").write_text("from gameserver import Game\n" + GAME)
    assert main(["run", spec]) == 2
    assert capsys.readouterr().err == f"gameserver: {line.format(here=os.getcwd())}\n"


def test_check_config_prints_a_file_that_means_the_same(
    capsys: pytest.CaptureFixture[str], elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAMESERVER_SQL_URL", "mysql://u:geheim@h/db")
    assert main(["check-config", "--grace-s", "7", "--origins", "https://a.example"]) == 0
    printed = capsys.readouterr().out
    assert "geheim" not in printed
    assert (
        Settings(**tomllib.loads(printed)).redacted()
        == Settings(grace_s=7, origins=("https://a.example",), sql_url="mysql://u:***@h/db").redacted()
    )


def test_a_bad_setting_prints_one_line_for_each_problem_and_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "--port", "seven", "--grace-s", "-1"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 2


def test_a_misspelt_variable_is_warned_of(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAMESERVER_PROT", "1")
    assert main(["check-config"]) == 0
    assert "GAMESERVER_PROT" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["dance"], ["run", "--por", "1"], ["run", "a:B", "c:D"]])
def test_a_wrong_command_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: gameserver" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["run", "--grace", "5"], "there is no flag --grace; did you mean --grace-s?"),
        (["run", "--grace=5"], "there is no flag --grace; did you mean --grace-s=5?"),
        (["run", "--prot", "9000"], "there is no flag --prot; did you mean --port?"),
        (["check", "--conections-max", "5"], "there is no flag --conections-max; did you mean --connections-max?"),
        (["run", "--zzz"], "there is no flag --zzz"),
        (["run", "a:B", "c:D"], "c:D is one argument too many"),
        (["run", "a:B", "--grace", "5"], "there is no flag --grace; did you mean --grace-s? `gameserver run"),
        (["run", "--grace", "5", "--prot", "9", "a:B", "c:D"], "there is no flag --grace; did you mean --grace-s?"),
    ],
)
def test_a_wrong_flag_names_the_right_one(arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert f"gameserver: error: {line}" in told
    assert f"`gameserver {arguments[0]} --help` lists all." in told


def test_help_of_migrate_lists_what_it_uses_and_it_takes_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["migrate", "--help"])
    told = set(re.findall(r"^  (--[a-z-]+)", capsys.readouterr().out, re.MULTILINE))
    assert told == {"--config", "--folder", "--sql-url", "--log-format", "--log-level"}
    assert main(["migrate", "--port", "0", "--redis-url", "redis://h/0", "--no-io-uring"]) == 0


@pytest.mark.parametrize("command", ["run", "check", "check-config"])
def test_help_tells_of_every_setting(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    assert [name for name in Settings.model_fields if f"--{name.replace('_', '-')}" not in printed] == []


def test_migrate_says_what_it_did_and_has_nothing_to_do_the_second_time(elsewhere: Path) -> None:
    first, second = (gameserver("migrate", "--folder", "stores/deep") for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0)
    assert "applied 0001" in first.stdout
    assert "nothing to do" in second.stdout
    assert (elsewhere / "stores" / "deep" / "profiles.db").exists()


def test_run_with_an_sql_database_of_yours_asks_for_a_migration_first(elsewhere: Path) -> None:
    url = f"sqlite:///{elsewhere}/mine.db"
    ended = gameserver("run", "--port", "0", "--sql-url", url)
    assert ended.returncode == 2
    assert "run `gameserver migrate`" in ended.stderr
    assert gameserver("migrate", "--sql-url", url).returncode == 0
    serve_and_end("--sql-url", url)


def test_run_migrates_by_itself_when_told_to(elsewhere: Path) -> None:
    serve_and_end("--sql-url", f"sqlite:///{elsewhere}/mine.db", "--migrate")


def test_run_with_an_sql_url_that_profiles_refuse_says_so_without_the_password() -> None:
    ended = gameserver("run", "--port", "0", "--sql-url", "mysql://u:geheim@localhost")
    assert ended.returncode == 2
    assert "names no database" in ended.stderr
    assert "geheim" not in ended.stderr


def test_run_without_the_redis_it_is_told_to_use_fails_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    ended = gameserver("run", "--port", "0", "--redis-url", f"redis://:geheim@127.0.0.1:{port}/0")
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert "geheim" not in ended.stderr


def test_run_on_a_port_that_is_taken_fails_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = gameserver("run", "--port", str(taken.getsockname()[1]), "--ops-port", "0")
    assert ended.returncode == 2
    assert "is taken by another program" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_run_serves_the_game_it_is_given_and_ends_well_on_sigterm(elsewhere: Path) -> None:
    (elsewhere / "cli_served.py").write_text(GAME)
    log = serve_and_end("cli_served:Mine")
    assert "sends_at_once" in log or "sends_one_by_one" in log


def test_run_leaves_io_uring_alone_when_told_to() -> None:
    log = serve_and_end("--no-io-uring")
    assert "draining" in log and "sends_at_once" not in log and "sends_one_by_one" not in log


def gameserver(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=60, env=ENVIRONMENT, check=False)


def serve_and_end(*arguments: str) -> str:
    """``gameserver run`` announces where to play, and SIGTERM ends it with 0. Returns its log."""
    with (
        Path("log").open("w") as log,
        subprocess.Popen(
            command("run", "--port", "0", "--ready-file", "ready", *arguments),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=ENVIRONMENT,
        ) as server,
    ):
        assert server.stdout is not None
        told = next(line for line in server.stdout if line.strip())
        try:
            assert told.startswith("  Play: http://localhost:")
            while not Path("ready").exists():
                assert server.poll() is None
            assert Path("ready").read_text() == told.removeprefix("  Play: ")
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
    return Path("log").read_text()


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "gameserver", *arguments]

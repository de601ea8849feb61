"""scripts/run and scripts/test: what they say where something is missing, and one whole evening of play."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from gameserver.settings_table import describe

ROOT = Path(__file__).parents[2]
TOOLS = [
    "bash",
    "basename",
    "cat",
    "cksum",
    "dirname",
    "env",
    "head",
    "mkdir",
    "mktemp",
    "rm",
    "sed",
    "tail",
    "tr",
    "sleep",
]
BARE_PYTHON = """#!/bin/sh
case "$*" in
  *ensurepip*) exit 1 ;;
  *version_info\\[*) echo python3.11-venv ;;
esac
"""


class Machine:
    """A copy of the scripts on a machine that has only what is put there."""

    def __init__(self, folder: Path):
        self.project = folder / "project"
        self.tools = folder / "bin"
        self.project.mkdir()
        self.tools.mkdir()
        shutil.copytree(ROOT / "scripts", self.project / "scripts")
        shutil.copy(ROOT / "pyproject.toml", self.project)
        shutil.copytree(ROOT / "docs", self.project / "docs")
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found, tool
            (self.tools / tool).symlink_to(found)
        self.add("id", "#!/bin/sh\necho 1000\n")  # not root, whoever runs the tests

    def add(self, name: str, text: str) -> None:
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)

    def add_servers(self) -> None:
        for name in ("mariadbd", "mariadb-install-db", "redis-server", "redis-sentinel"):
            self.add(name, "#!/bin/sh\n")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.project, env={"PATH": str(self.tools)}, capture_output=True, text=True, check=False
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(
    "script",
    [
        "scripts/run",
        "scripts/test",
        "scripts/bench",
        "scripts/compile",
        "scripts/docs",
        "scripts/chaos",
        "scripts/swarm",
    ],
)
def test_help_is_shown_before_anything_is_installed(machine: Machine, script: str) -> None:
    shown = machine.run(script, "--help")
    assert shown.returncode == 0
    assert script in shown.stdout
    assert not (machine.project / ".venv").exists()


def test_help_of_run_lists_every_setting_before_anything_is_installed(machine: Machine) -> None:
    shown = machine.run("scripts/run", "--help").stdout
    flags = re.findall(r"^  (--[a-z-]+)\n      (\S.*)$", shown, re.MULTILINE)
    assert [flag for flag, _ in flags] == [row.flag for row in describe()]
    told = dict(flags)
    assert told["--grace-s"].endswith("after the socket is lost. (0 to 3600; default 30)")
    assert told["--io-uring"].endswith("(Linux). (default true)")
    assert told["--redis-url"].endswith("an embedded Valkey in folder.")


def test_a_flag_of_run_that_is_misspelt_names_the_right_one(machine: Machine) -> None:
    ended = machine.run("scripts/run", "--bot", "3")
    assert ended.returncode == 2
    assert ended.stderr == "scripts/run: there is no --bot; did you mean --bots?\n"


def test_without_a_python_the_script_says_which_one_is_needed(machine: Machine) -> None:
    ended = machine.run("scripts/run")
    assert ended.returncode == 2
    assert "missing: Python 3.11 or later" in ended.stderr


def test_a_python_that_is_too_old_is_none(machine: Machine) -> None:
    machine.add("python3", "#!/bin/sh\nexit 1\n")
    ended = machine.run("scripts/run")
    assert ended.returncode == 2
    assert "missing: Python 3.11 or later" in ended.stderr


def test_without_root_the_package_to_install_is_named(machine: Machine) -> None:
    machine.add("python3", BARE_PYTHON)
    machine.add("apt-get", "#!/bin/sh\necho called >>apt-get.log\n")
    ended = machine.run("scripts/run")
    assert ended.returncode == 2
    assert f"missing: the venv module of {machine.tools}/python3" in ended.stderr
    assert "sudo apt-get install python3.11-venv" in ended.stderr
    assert not (machine.project / "apt-get.log").exists()


@pytest.mark.parametrize(
    ("python3", "newer", "chosen"),
    [
        ("*ensurepip*", "never", "python3.12"),  # what the first cannot do
        ("*libpython*", "never", "python3.12"),
        ("*libpython*", "*libpython*", "python3"),
        ("*libpython*", "*ensurepip*", "python3"),
        ("never", "never", "python3"),
    ],
)
def test_of_several_pythons_the_best_is_taken(machine: Machine, python3: str, newer: str, chosen: str) -> None:
    for name, unable in (("python3", python3), ("python3.12", newer)):
        machine.add(name, f'#!/bin/sh\ncase "$*" in {unable}) exit 1 ;; esac\n')
    found = machine.run("bash", "-c", ". scripts/_environment; find_python")
    assert found.stdout == f"{machine.tools}/{chosen}\n"


def test_the_python_that_is_named_is_taken(machine: Machine) -> None:
    for name in ("python3", "another"):
        machine.add(name, "#!/bin/sh\n")
    found = machine.run("bash", "-c", "PYTHON=another; . scripts/_environment; find_python")
    assert found.stdout == "another\n"


def test_without_root_the_servers_the_tests_need_are_named(machine: Machine) -> None:
    machine.add("apt-get", "#!/bin/sh\necho called >>apt-get.log\n")
    ended = machine.run("scripts/test")
    assert ended.returncode == 2
    assert "sudo apt-get install" in ended.stderr
    for package in ("redis-server", "redis-sentinel", "chromium", "nodejs"):
        assert package in ended.stderr
    assert not (machine.project / "apt-get.log").exists()


def test_chaos_names_or_installs_what_it_needs_by_itself(machine: Machine) -> None:
    machine.add("apt-get", "#!/bin/sh\necho called >>apt-get.log\n")
    ended = machine.run("scripts/chaos", "--fault", "kill-server")
    assert ended.returncode == 2
    for package in ("mariadb-server", "redis-server", "redis-sentinel"):
        assert package in ended.stderr
    machine.add_servers()
    ended = machine.run("scripts/chaos", "--fault", "kill-server")
    assert "missing: Python 3.11 or later" in ended.stderr, "the servers are there, and next comes .venv"


@pytest.mark.parametrize("bots", ["many", "-1", ""])
def test_a_number_of_bots_that_is_none_is_refused(machine: Machine, bots: str) -> None:
    ended = machine.run("scripts/run", "--bots", bots)
    assert ended.returncode == 2
    assert "--bots needs a number" in ended.stderr


def test_every_version_the_tests_use_is_written_down_without_addresses() -> None:
    lines = (ROOT / "scripts" / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert len(pins) > 30
    assert all(line.count("==") == 1 and not set(line) & set(" @/;:") for line in pins)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_command_plays_and_one_signal_ends_bots_first_then_the_server(
    tmp_path: Path, number: signal.Signals
) -> None:
    with playing(tmp_path, "--bots", "2") as (script, url):
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as ready:
            assert json.load(ready)["ready"] is True
        wait_for_bots(script, tmp_path)
        script.send_signal(number)
        rest = script.communicate(timeout=40)[0]
    assert script.returncode == 0, rest
    lines = [json.loads(line) for line in rest.splitlines() if line.startswith("{")]
    assert [line["sessions"] for line in lines if line["event"] == "draining"] == [0]  # the bots had gone before
    assert not list(tmp_path.glob("ready.*"))


@pytest.mark.slow
def test_when_the_server_is_killed_the_script_ends_the_bots_and_fails_and_can_be_started_again(tmp_path: Path) -> None:
    with playing(tmp_path, "--bots", "2") as (script, _):
        wait_for_bots(script, tmp_path)
        (server,) = children(script.pid, "gameserver")
        os.kill(server, signal.SIGKILL)
        script.communicate(timeout=40)
    assert script.returncode != 0
    assert processes(str(tmp_path), but="valkey-server") == []
    with playing(tmp_path, "--bots", "0") as (script, _):
        script.terminate()
        script.communicate(timeout=40)
    assert script.returncode == 0
    assert processes(str(tmp_path)) == []


@pytest.mark.slow
def test_a_server_that_cannot_start_ends_the_script_with_its_exit_code(tmp_path: Path) -> None:
    with start(tmp_path, "--port", "seven") as script:
        assert script.wait(120) == 2


TAG = """
from gameserver import Game
class Tag(Game): pass
"""


@pytest.mark.slow
def test_a_game_is_found_in_the_folder_that_the_script_is_called_from(tmp_path: Path) -> None:
    games = tmp_path / "games"
    games.mkdir()
    (games / "tag_beside.py").write_text(TAG)
    with playing(tmp_path, "--bots", "0", "tag_beside:Tag", cwd=games) as (script, url):
        with urllib.request.urlopen(f"{url}/", timeout=5) as page:
            assert "Tag" in page.read().decode()
        script.terminate()
        script.communicate(timeout=40)
    assert script.returncode == 0


@pytest.mark.slow
def test_editors_and_type_checkers_find_the_package_in_the_environment(tmp_path: Path) -> None:
    """README's game, in a folder of its own, checked strictly with what ``pip install -e`` wrote."""
    [game] = re.findall(r"```python game\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / "tag.py").write_text(game)
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")}
    checked = subprocess.run(
        [ROOT / ".venv" / "bin" / "python", "-m", "mypy", "--strict", "tag.py"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


@contextmanager
def playing(folder: Path, *arguments: str, cwd: Path | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """scripts/run up to where it has told its address."""
    with start(folder, "--port", "0", *arguments, cwd=cwd) as script:
        assert script.stdout is not None
        told = next((line for line in script.stdout if "Play: " in line), "")
        assert told, "it ended before it served"
        try:
            yield script, told.split()[-1]
        finally:
            if script.poll() is None:
                script.terminate()


def start(folder: Path, *arguments: str, cwd: Path | None = None) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GAMESERVER_")}
    environment |= {"GAMESERVER_FOLDER": str(folder), "GAMESERVER_LOG_FORMAT": "json"}
    return subprocess.Popen(
        [ROOT / "scripts" / "run", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=cwd,
    )


def wait_for_bots(script: subprocess.Popen[str], folder: Path) -> None:
    """Until both bots have a guest token, which they get on coming in."""
    assert script.stdout is not None
    assert next(line for line in script.stdout if "bots are walking about" in line)
    tokens = folder / "bots.json"
    while not (tokens.exists() and all(json.loads(tokens.read_text() or "[null]"))):
        assert script.poll() is None
        time.sleep(0.1)


def children(pid: int, named: str) -> list[int]:
    """Processes started by ``pid`` whose command line holds ``named``."""
    return [process.pid for process in _processes() if process.parent == pid and named in process.command]


def processes(named: str, but: str | None = None) -> list[str]:
    """Command lines that hold ``named`` and not ``but``."""
    lines = (process.command for process in _processes())
    return [line for line in lines if named in line and (but is None or but not in line)]


class Process(NamedTuple):
    pid: int
    parent: int
    command: str


def _processes() -> Iterator[Process]:
    """Read the processes from /proc: a minimal Debian has no ps."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended
        yield Process(int(folder.name), parent, command)

"""scripts/compile: the copy is compiled and this tree is not, and the server plays on what was compiled."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.scenarios.raw import Raw
from tests.servers.game import RunningGame

ROOT = Path(__file__).parents[2]
MADE = sysconfig.get_config_var("EXT_SUFFIX")
HEADERS = Path(sysconfig.get_path("include")) / "Python.h"


def assigned(name: str) -> object:
    """Return the value that setup.py assigns to ``name``."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    raise LookupError(name)


@pytest.fixture(scope="module")
def copy() -> Path:
    """Compiled; in a minute, if it was not before."""
    if not (shutil.which("gcc") or shutil.which("cc")):
        pytest.skip("there is no C compiler")
    if not HEADERS.exists():
        pytest.skip(f"there is no {HEADERS}")
    made = subprocess.run([ROOT / "scripts" / "compile"], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return Path(made.stdout.strip())


def modules() -> list[str]:
    folders = assigned("COMPILED")
    assert isinstance(folders, dict)
    named = ((folder, name) for folder, names in folders.items() for name in names.split())
    return [".".join(part for part in ("gameserver", folder, name) if part) for folder, name in named]


def mapped_by(pid: int) -> str:
    """The files that a process has in its memory."""
    return Path(f"/proc/{pid}/maps").read_text()


@pytest.mark.long
def test_the_copy_has_every_module_compiled_and_this_tree_none(copy: Path) -> None:
    code = f"import importlib\nfor name in {modules()}: print(importlib.import_module(name).__file__)"
    told = subprocess.run(
        [sys.executable, "-P", "-c", code], env=os.environ | {"PYTHONPATH": str(copy)}, capture_output=True, text=True
    )
    assert told.stdout.split() == [str(copy / f"{name.replace('.', '/')}{MADE}") for name in modules()], told.stderr
    assert list((ROOT / "gameserver").rglob(f"*{MADE}")) == []


@pytest.mark.long
async def test_players_play_on_a_compiled_server_and_go_on_after_kill_9(copy: Path, own_server: RunningGame) -> None:
    own_server.terminate()
    own_server.start(PYTHONPATH=str(copy))
    assert f"{copy}/gameserver__mypyc" in mapped_by(own_server.pid)
    async with Raw(own_server.ws_url) as giver, Raw(own_server.ws_url) as receiver:
        token = (await giver.guest())["resume_token"]
        await receiver.guest()
        await giver.fetch("apple")
        await giver.walk_to(receiver.me.x, receiver.me.y)
        give = {"to": receiver.welcome["entity_id"], "item": "apple", "quantity": 1}
        assert (await giver.act("give", **give))["level"] == "durable"
        seq = giver.seq
        assert (await receiver.receive("inventory"))["items"] == {"apple": 1}
        own_server.kill()
    own_server.start(PYTHONPATH=str(copy))
    async with Raw(own_server.ws_url) as giver:
        again = await giver.sign_in("resume", token=token)
        assert (again["resumed"], again["last_seq"], again["inventory"]) == (True, seq, {})


@pytest.mark.long
@pytest.mark.usefixtures("copy")
def test_no_promise_is_broken_when_a_compiled_server_is_killed() -> None:
    command = ["scripts/chaos", "--compiled", "--fault", "kill-server", "--rounds", "1", "--seed", "20000"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.startswith("the server is compiled\n")
    assert "kill-server 1, seed 20000: ok" in ended.stdout


@pytest.mark.long
def test_it_is_measured_beside_the_plain_server(copy: Path, tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.json"
    command = [sys.executable, "-m", "scripts.benchmark", "--quick", "--scenario", "rooms", "--only", "ours,compiled"]
    command += ["--players", "20", "--seconds", "1", "--repeat", "1", "--json", str(numbers)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    told = json.loads(numbers.read_text())
    assert told["compiled"]["vs_ours"] > 0
    assert told["notes"] == []
    assert "rooms" in told["stages_us"]  # of the plain one


def test_it_is_compiled_by_the_mypy_that_checks_it() -> None:
    assert assigned("MYPY") in (ROOT / "scripts" / "constraints.txt").read_text().splitlines()


def test_what_is_edited_is_not_compiled(tmp_path: Path) -> None:
    shutil.copy(ROOT / "setup.py", tmp_path)
    refused = subprocess.run(
        [sys.executable, "setup.py", "editable_wheel"],
        cwd=tmp_path,
        env=os.environ | {"GAMESERVER_COMPILE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert "what is edited is not compiled" in refused.stderr

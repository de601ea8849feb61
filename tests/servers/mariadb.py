"""A real MariaDB for the tests, private to the run: own folder, own free loopback port, stopped by its pid.

``mariadb_url`` and ``sqlite_url`` give each test a fresh, migrated database; ``sql_url`` is both, one after the other.
``mariadb_server`` starts one more server for a test that wants to kill, freeze or restart it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pymysql
import pytest

from gameserver.sql.migrate import migrate
from tests.servers.ports import free_port

START_S = 60.0
_SETTINGS = (
    "--no-defaults",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--innodb-buffer-pool-size=32M",
    "--innodb-log-file-size=16M",
    "--innodb-flush-log-at-trx-commit=2",  # survives kill -9 of the server, which is all a test can do to it
    "--innodb-doublewrite=0",
    "--innodb-deadlock-detect=1",
    "--max-connections=200",
    "--performance-schema=0",
    "--skip-ssl",  # from 11.4 on it would make certificates of its own; a test that wants TLS names some
)
_numbers = count(1)
_migrating = threading.Lock()  # alembic keeps what it works on in globals


class MariaDb:
    """One mariadbd: start, stop, kill -9, freeze and thaw. ``folder`` holds everything it has."""

    def __init__(self, folder: Path, *options: str):
        """``options`` win over ours."""
        self.folder = folder
        self._options = options
        self.port = free_port()
        self.options: tuple[str, ...] = ()  # besides ours, from the next start
        self._server: subprocess.Popen[bytes] | None = None
        self._template: list[str] = []

    @property
    def pid(self) -> int:
        assert self._server is not None, "not started"
        return self._server.pid

    def start(self) -> None:
        """Start, on the same port as before, and wait until it answers."""
        command = [_program("mariadbd"), *_SETTINGS, *_run_as(), f"--datadir={self.folder / 'datadir'}"]
        command += [f"--socket={self.folder / 'socket'}", f"--pid-file={self.folder / 'pid'}"]
        command += [*self.options, "--bind-address=127.0.0.1", f"--port={self.port}", f"--tmpdir={self.folder}"]
        command += self._options
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(command, stdout=log, stderr=log)
        self._wait_until_it_answers()

    def stop(self) -> None:
        """An orderly end; does nothing to one that is gone."""
        if self._server is None:
            return
        self._server.send_signal(signal.SIGCONT)
        self._server.terminate()
        try:
            self._server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        self._server = None

    def kill(self) -> None:
        """kill -9."""
        assert self._server is not None, "not started"
        self._server.kill()
        self._server.wait()
        self._server = None

    def freeze(self) -> None:
        """Connections stay open and nothing answers, until ``thaw``."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def mend(self) -> None:
        """It runs and answers, whatever was done to it."""
        if self._server is None:
            self.start()
        else:
            self.thaw()

    def url(self, database: str, *, port: int | None = None) -> str:
        return f"mysql://root@127.0.0.1:{port or self.port}/{database}"

    def empty_database(self) -> str:
        """The name of a new database without tables."""
        name = f"test_{next(_numbers)}"
        # The server's default collation on purpose: our tables must not depend on it.
        self.execute(f"CREATE DATABASE {name} CHARACTER SET latin1")
        return name

    def migrated_database(self) -> str:
        """The name of a new database with our tables; copied statement by statement from one that was migrated."""
        if not self._template:
            self._template = self._migrated_statements()
        name = self.empty_database()
        self.execute(*self._template, database=name)
        return name

    def dump(self, database: str) -> bytes:
        """All of the database as it is at one instant, as an operator would dump it."""
        return self._client("mariadb-dump", "--single-transaction", database)

    def load(self, database: str, dump: bytes) -> None:
        """Set the database back to what ``dump`` returned."""
        self._client("mariadb", database, input=dump)

    def _client(self, program: str, *words: str, input: bytes = b"") -> bytes:
        command = [_program(program), "--no-defaults", "--host=127.0.0.1", f"--port={self.port}", "--user=root", *words]
        done = subprocess.run(command, input=input, capture_output=True, timeout=START_S, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def execute(self, *statements: str, database: str | None = None) -> tuple[tuple[object, ...], ...]:
        """Run the statements as root and return the rows of the last one."""
        connection = pymysql.connect(host="127.0.0.1", port=self.port, user="root", database=database, autocommit=True)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return tuple(cursor.fetchall())
        finally:
            connection.close()

    def _migrated_statements(self) -> list[str]:
        name = self.empty_database()
        migrate_now(self.url(name))
        statements = ["SET foreign_key_checks=0"]
        for (table,) in self.execute("SHOW TABLES", database=name):
            statements.append(str(self.execute(f"SHOW CREATE TABLE `{table}`", database=name)[0][1]))
        statements.append(f"INSERT INTO alembic_version SELECT * FROM {name}.alembic_version")
        return statements

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_S
        while True:
            try:
                self.execute("SELECT 1")
                return
            except pymysql.Error:
                if time.monotonic() > deadline or self._server is None or self._server.poll() is not None:
                    self.stop()
                    raise RuntimeError("mariadbd did not start:\n" + (self.folder / "log").read_text()) from None
                time.sleep(0.05)


def migrate_now(url: str) -> None:
    """Migrate in a thread with a loop of its own, so that it can be called from a fixture."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(migrate(url))
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, name="migrate")
    with _migrating:
        thread.start()
        thread.join()
    if failures:
        raise failures[0]


@pytest.fixture(scope="session")
def mariadb_installed() -> Iterator[Path]:
    """A freshly installed data folder, copied for every server of the run."""
    with installed() as folder:
        yield folder


@contextmanager
def installed() -> Iterator[Path]:
    """Short path: sockets have a length limit."""
    folder = Path(tempfile.mkdtemp(prefix="mariadb-"))
    _own(folder)
    command = [_program("mariadb-install-db"), "--no-defaults", *_run_as(), f"--datadir={folder / 'datadir'}"]
    command.append(f"--tmpdir={folder}")  # in a shared one, each server that starts deletes the others' tables
    command += ["--auth-root-authentication-method=normal", "--skip-test-db", "--innodb-log-file-size=16M"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise RuntimeError(f"mariadb-install-db failed:\n{done.stdout}\n{done.stderr}")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def mariadb(mariadb_installed: Path) -> Iterator[MariaDb]:
    """The server the tests of this run share. Do not stop or freeze it: ask ``mariadb_server`` for one of your own."""
    yield from _running(mariadb_installed)


@pytest.fixture
def mariadb_server(mariadb_installed: Path) -> Iterator[MariaDb]:
    """A running server of this test's own, to kill, freeze and restart. Takes about a second."""
    yield from _running(mariadb_installed)


@pytest.fixture
def empty_mariadb_url(mariadb: MariaDb) -> Iterator[str]:
    """A database without tables."""
    name = mariadb.empty_database()
    yield mariadb.url(name)
    mariadb.execute(f"DROP DATABASE {name}")


@pytest.fixture
def mariadb_url(mariadb: MariaDb) -> Iterator[str]:
    """A fresh, migrated MariaDB database."""
    name = mariadb.migrated_database()
    yield mariadb.url(name)
    mariadb.execute(f"DROP DATABASE {name}")


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'empty.db'}"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate_now(f"sqlite:///{file}")
    return file


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    """A fresh, migrated SQLite file."""
    shutil.copy(sqlite_template, tmp_path / "profiles.db")
    return f"sqlite:///{tmp_path / 'profiles.db'}"


@pytest.fixture(params=["sqlite", "mariadb"])
def sql_url(request: pytest.FixtureRequest) -> str:
    """A fresh, migrated database: SQLite, then MariaDB."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=["sqlite", "mariadb"])
def empty_sql_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"empty_{request.param}_url"))


def _running(installed: Path) -> Iterator[MariaDb]:
    with running(installed) as server:
        yield server


@contextmanager
def running(installed: Path, *options: str) -> Iterator[MariaDb]:
    """A server on a copy of the installed folder."""
    folder = Path(tempfile.mkdtemp(prefix="mariadb-"))
    server = MariaDb(folder, *options)
    try:
        shutil.copytree(installed / "datadir", folder / "datadir")
        _own(folder)
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str:
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.fail(f"{name} is not installed; run scripts/test, or: apt-get install mariadb-server", pytrace=False)
    return path


def _run_as() -> list[str]:
    return ["--user=mysql"] if os.geteuid() == 0 else []


def _own(folder: Path) -> None:
    """mariadbd refuses to be root; what it writes to must belong to its own user."""
    if os.geteuid() != 0:
        return
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, "mysql", "mysql")

"""One SQL database: its pool, its deadlines, and transactions that are all or nothing.

Owns every connection and every transaction under way. Laws: a caller who is cancelled never cuts a transaction, it goes
on to its end or its deadline; a connection whose transaction did not end cleanly is thrown away, never used again; what
leaves this folder is ProfilesUnavailable, or OutcomeUnknown if only the COMMIT's answer is missing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from typing import Any, TypeVar

import structlog
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gameserver.observability.metrics import STORE_ERRORS, STORE_SECONDS, STORE_UP
from gameserver.profiles.drivers import connect_pool, connections_max, is_rolled_back, is_worth_retrying, means_away
from gameserver.profiles.silence import Silence, Silent, listening
from gameserver.tasks import finish

Result = TypeVar("Result")
Work = Callable[[AsyncConnection], Awaitable[Result]]

ATTEMPTS_MAX = 8  # of one transaction, on deadlocks and the like
RETRY_PAUSE_S = 0.005  # doubles; only so that two rivals do not meet again at once
REPEAT_PAUSES_S = (0.02, 0.2, 1.0)  # before each repeat of work whose COMMIT was cut
PROMPT_TURNS = 2  # connections that only prompt calls may take, so that saves to a silent server do not hold them up
DOOR_MAX = 4
PROBE_PAUSE_S = 0.25  # while away, how often a refused call asks whether the server is back
RETURN_POLL_S = 1.0  # and how often we ask when nobody calls: a node that is not ready is sent nobody

_silence: ContextVar[Silence | None] = ContextVar("silence", default=None)  # of the call this task makes
_log = structlog.get_logger(__name__)


class ProfilesUnavailable(Exception):  # noqa: N818  the name says the state of affairs
    """SQL is away, too slow, or refused the statement. Nothing was changed."""


class StatementRefused(ProfilesUnavailable):
    """SQL answers, and takes this statement now as little as later: what it holds does not fit. Nothing was changed."""


class OutcomeUnknown(ProfilesUnavailable):
    """The COMMIT was sent and its answer never came: it may or may not have happened. Repeat what is idempotent."""


class Database:
    """The pool and the rules of transactions.

    ``timeout_s`` bounds a call from start to end: waiting for a connection, retries and all. ``prompt_s`` is how long
    the server may be silent to a call that a player waits for; while it is known to be away those fail at once. Raises
    ValueError for a URL that is neither mysql:// nor sqlite:///.
    """

    def __init__(self, url: str, *, pool_size: int = 8, timeout_s: float = 5.0, prompt_s: float = 0.8):
        self._url = url
        self._pool_size = connections_max(url, pool_size)  # a wrong URL is told here, not at the first use
        self._timeout_s = timeout_s
        self._prompt_s = min(prompt_s, timeout_s)
        self._pool: AsyncEngine | None = None
        self._turns = asyncio.Semaphore(self._pool_size)  # we queue here: waiting is not the server's silence
        self._unhurried_turns = asyncio.Semaphore(max(1, self._pool_size - PROMPT_TURNS))
        self.door = asyncio.Semaphore(DOOR_MAX)  # for who comes in: a crowd waits here, not before those who play
        self._under_way: set[asyncio.Task[Any]] = set()
        self._is_away = False
        self._probed_s = 0.0
        self._return: asyncio.Task[None] | None = None  # asks while the server is away

    @property
    def is_away(self) -> bool:
        """True from a failed call until a call succeeds."""
        return self._is_away

    async def open(self) -> None:
        """Make the pool and see that the server answers. Raises ProfilesUnavailable; the pool then tries again at
        every call."""
        if self._pool is None:
            self._pool = connect_pool(self._url, pool_size=self._pool_size)
            for answer in ("connect", "after_cursor_execute"):
                event.listen(self._pool.sync_engine, answer, self._answered)
        await asyncio.shield(self._start("open", _select_one, prompt=False))

    async def close(self, patience_s: float | None = None) -> None:
        """Wait for the transactions under way (each has a deadline), for ``patience_s`` at most; cut what is left, and
        close every connection."""
        if self._return is not None:
            self._return.cancel()
        await finish(self._under_way, patience_s)
        if self._pool is not None:
            await self._pool.dispose()
            self._pool = None

    async def ping(self) -> None:
        """Raises ProfilesUnavailable if the server does not answer a query now."""
        await asyncio.shield(self._start("ping", _select_one, prompt=True))

    async def transact(self, operation: str, work: Work[Result], *, prompt: bool = False) -> Result:
        """Run ``work`` in one transaction and commit; all of it again on a deadlock, a lock wait, a busy SQLite or a
        connection lost before the COMMIT, so ``work`` must only change the database. What ``work`` itself raises rolls
        back and passes through. Raises ProfilesUnavailable, OutcomeUnknown."""
        if prompt:
            self._refuse_while_away()
        return await asyncio.shield(self._start(operation, work, prompt=prompt))

    async def settle(self, operation: str, work: Work[Result], *, prompt: bool = False) -> tuple[Result, bool]:
        """``transact`` for work that is idempotent: a cut COMMIT is answered by doing it again. Returns the result and
        whether it comes from such a repeat. Raises ProfilesUnavailable (nothing happened), OutcomeUnknown."""
        try:
            return await self.transact(operation, work, prompt=prompt), False
        except OutcomeUnknown as unknown:
            return await self._repeat(operation, work, unknown, prompt=prompt), True

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One transaction, committed at the end of the block. Raises the driver's errors, OutcomeUnknown for a cut
        COMMIT. Has no deadline and no retries of its own: ``transact`` gives both."""
        if self._pool is None:
            raise ProfilesUnavailable("the database is not open")
        is_sent = False
        try:
            async with self._pool.connect() as connection:
                try:
                    await connection.begin()
                    yield connection
                except BaseException as error:
                    await _give_up(connection, error)
                    raise
                is_sent = True
                await _commit(connection)
        except BaseException as error:
            # Also a deadline that passes while the connection goes back to the pool, or is thrown away.
            if is_sent and not (isinstance(error, DBAPIError) and is_rolled_back(error)):
                raise OutcomeUnknown(f"commit: {_reason(error)}") from error
            raise

    async def _repeat(self, operation: str, work: Work[Result], unknown: OutcomeUnknown, *, prompt: bool) -> Result:
        for pause_s in REPEAT_PAUSES_S:
            await asyncio.sleep(pause_s)
            try:
                return await self.transact(operation, work, prompt=prompt)
            except ProfilesUnavailable:
                continue  # and what the cut COMMIT did is as unknown as before
        raise unknown

    def _start(self, operation: str, work: Work[Result], *, prompt: bool) -> asyncio.Task[Result]:
        """A task of its own, so that cancelling the caller cannot cut it; owned by the set until it ends."""
        task = asyncio.create_task(self._timed(operation, work, prompt=prompt), name=f"sql-{operation}")
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # counts as seen, also when the caller was cancelled and will not look

    async def _timed(self, operation: str, work: Work[Result], *, prompt: bool) -> Result:
        started_s = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout_s):
                result = await self._in_turn(work, prompt=prompt)
        except ProfilesUnavailable:
            self._failed(away=True)
            raise
        except (SQLAlchemyError, OSError) as error:  # TimeoutError is an OSError
            if isinstance(error, TimeoutError) and prompt and not isinstance(error, Silent):
                STORE_ERRORS.labels("sql").inc()  # it queued for too long, or took many steps; nobody was silent
                raise ProfilesUnavailable(f"{operation}: {_reason(error)}") from error
            away = not isinstance(error, DBAPIError) or means_away(error)
            self._failed(away=away)
            if isinstance(error, TimeoutError) and work is not _select_one:
                self._probe()  # it may have been a row that somebody locks, and no reason to turn the others away
            raise (ProfilesUnavailable if away else StatementRefused)(f"{operation}: {_reason(error)}") from error
        finally:
            STORE_SECONDS.labels("sql", operation).observe(time.perf_counter() - started_s)
        self._is_away = False
        STORE_UP.labels("sql").set(1)
        return result

    async def _in_turn(self, work: Work[Result], *, prompt: bool) -> Result:
        if not prompt:
            async with self._unhurried_turns, self._turns:
                return await self._attempts(work)
        async with self._turns:
            if work is not _select_one:
                self._refuse_while_away()  # it may have gone away while we queued
            async with listening(self._prompt_s) as silence:
                _silence.set(silence)
                return await self._attempts(work)

    def _answered(self, *_: object) -> None:
        """A statement was answered: the server is not silent, however long the whole transaction takes."""
        silence = _silence.get()
        if silence is not None:
            silence.heard()

    async def _attempts(self, work: Work[Result]) -> Result:
        for attempt in range(ATTEMPTS_MAX - 1):
            try:
                async with self.begin() as connection:
                    return await work(connection)
            except DBAPIError as error:
                if not is_worth_retrying(error):
                    raise
            await asyncio.sleep(RETRY_PAUSE_S * 2**attempt)
        async with self.begin() as connection:
            return await work(connection)

    def _failed(self, *, away: bool) -> None:
        STORE_ERRORS.labels("sql").inc()
        if away:
            self._is_away = True
            STORE_UP.labels("sql").set(0)
            if self._return is None:
                self._return = asyncio.create_task(self._await_return(), name="sql-return")
        else:
            _log.exception("sql_refused_statement")

    async def _await_return(self) -> None:
        try:
            while self._is_away:
                await asyncio.sleep(RETURN_POLL_S)
                with suppress(ProfilesUnavailable):
                    await self.ping()
        finally:
            self._return = None

    def _probe(self) -> None:
        self._probed_s = time.monotonic()
        self._start("ping", _select_one, prompt=True)

    def _refuse_while_away(self) -> None:
        if not self._is_away:
            return
        if time.monotonic() - self._probed_s > PROBE_PAUSE_S:
            self._probe()
        raise ProfilesUnavailable("SQL is away")


async def _select_one(connection: AsyncConnection) -> None:
    await connection.execute(text("SELECT 1"))


async def _commit(connection: AsyncConnection) -> None:
    """Throws the connection away when it fails: SQLAlchemy would not roll back what it takes for ended."""
    try:
        await connection.commit()
    except BaseException:
        await connection.invalidate()
        raise


async def _give_up(connection: AsyncConnection, error: BaseException) -> None:
    """Roll back; if that is not certain to leave a clean connection, throw it away."""
    if not isinstance(error, Exception) or connection.invalidated:
        await connection.invalidate()
        return
    is_clean = False
    try:
        with suppress(SQLAlchemyError, OSError):
            await connection.rollback()
            is_clean = True
    finally:
        if not is_clean:
            await connection.invalidate()


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError | asyncio.CancelledError):
        return "no answer in time"
    return str(getattr(error, "orig", None) or error)[:300]

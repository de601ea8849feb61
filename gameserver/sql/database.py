"""One SQL database: its pool, its deadlines, and transactions that are all or nothing.

``Database`` owns every connection and every transaction under way. Laws: a cancelled caller never cuts a transaction,
which goes on to its end or its deadline; a connection whose transaction did not end cleanly is thrown away; the only
errors that leave this folder are ProfilesUnavailable, and OutcomeUnknown if only the COMMIT's answer is missing.
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
from gameserver.sql.blame import Blame, blame, is_rolled_back
from gameserver.sql.drivers import connect_pool, connections_max, sqlite_file
from gameserver.sql.silence import Silence, Silent, listening
from gameserver.sql.sqlite_place import SqlitePlace
from gameserver.sql.standing import Standing
from gameserver.sql.unavailable import HistoryLost, OutcomeUnknown, ProfilesUnavailable, StatementRefused
from gameserver.tasks import finish

__all__ = ["Database", "HistoryLost", "OutcomeUnknown", "ProfilesUnavailable", "StatementRefused"]

Result = TypeVar("Result")
Work = Callable[[AsyncConnection], Awaitable[Result]]

ATTEMPTS_MAX = 8  # of one transaction, on deadlocks and the like
LOST_LINES_MAX = 3  # of those, by a line that is lost: the server may drop it because of what we send
RETRY_PAUSE_S = 0.005  # doubles; only so that two rivals do not meet again at once
REPEAT_PAUSES_S = (0.02, 0.2, 1.0)  # before each repeat of work whose COMMIT was cut
PROMPT_TURNS = (
    2  # connections that only interactive calls may take, so that saves to a silent server do not hold them up
)
DOOR_MAX = 4
PROBE_PAUSE_S = 0.25  # while away, how often a refused call asks whether the server is back
RETURN_POLL_S = 1.0  # and how often we ask when nobody calls: a node that is not ready is sent nobody
LOOK_S = 5.0  # while all is well, how often we ask whether it takes writes: nobody may have written for long

# Their callers find out which row was refused, and log that.
_ISOLATED = frozenset({"save", "exchange", "append_session_log", "append_chat"})

_silence: ContextVar[Silence | None] = ContextVar("silence", default=None)  # of the call this task makes
log = structlog.get_logger(__name__)


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
        self._place = SqlitePlace(sqlite_file(url))
        self.standing = Standing()
        self._turns = asyncio.Semaphore(self._pool_size)  # we queue here: waiting is not the server's silence
        self._background_slots = asyncio.Semaphore(max(1, self._pool_size - PROMPT_TURNS))
        self.sign_in_slots = asyncio.Semaphore(
            DOOR_MAX
        )  # sign-ins wait here in a crowd, and do not delay the players in play
        self._under_way: set[asyncio.Task[Any]] = set()
        self._away_since_s: float | None = None
        self._takes_no_writes = False  # while away: only a write shows that the server is back
        self._probed_s = 0.0
        self._looking: asyncio.Task[None] | None = None

    @property
    def is_away(self) -> bool:
        """True from a failed call until a call succeeds; of a server that takes no writes, until it takes one."""
        return self._away_since_s is not None

    async def open(self) -> None:
        """Make the pool and see that the server answers. Raises ProfilesUnavailable; the pool then tries again at
        every call."""
        if self._pool is None:
            self._pool = connect_pool(self._url, pool_size=self._pool_size)
            for answer in ("connect", "after_cursor_execute"):
                event.listen(self._pool.sync_engine, answer, self._answered)
            self._looking = asyncio.create_task(self._look_on(), name="sql-look")
        await asyncio.shield(self._start("open", _select_one, interactive=False))
        self._place.remember()

    async def close(self, patience_s: float | None = None) -> None:
        """Wait for the transactions under way (each has a deadline), for ``patience_s`` at most; cut what is left, and
        close every connection."""
        if self._looking is not None:
            self._looking.cancel()
        await finish(self._under_way, patience_s)
        if self._pool is not None:
            await self._pool.dispose()
            self._pool = None

    async def ping(self) -> None:
        """Raises ProfilesUnavailable if the server does not take a write now."""
        await asyncio.shield(self._start("ping", _write_nothing, interactive=True))

    async def transact(self, operation: str, work: Work[Result], *, interactive: bool = False) -> Result:
        """Run ``work`` in one transaction and commit; all of it again on a deadlock, a lock wait, a busy SQLite or a
        connection lost before the COMMIT, so ``work`` must only change the database. What ``work`` itself raises rolls
        back and passes through. Raises ProfilesUnavailable, OutcomeUnknown."""
        if interactive:
            self._refuse_while_away()
        return await asyncio.shield(self._start(operation, work, interactive=interactive))

    async def transact_idempotent(
        self, operation: str, work: Work[Result], *, interactive: bool = False
    ) -> tuple[Result, bool]:
        """``transact`` for work that is idempotent: a cut COMMIT is answered by doing it again. Returns the result and
        whether it comes from such a repeat. Raises ProfilesUnavailable (nothing happened), OutcomeUnknown."""
        try:
            return await self.transact(operation, work, interactive=interactive), False
        except OutcomeUnknown as unknown:
            return await self._repeat(operation, work, unknown, interactive=interactive), True

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
                    self._check_place()
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

    def _check_place(self) -> None:
        """Raise HistoryLost if the file that is open is no longer in its place: a commit would be lost with it."""
        if self.standing.history_id and not self._place.is_same():
            self.standing.check(is_same=False)

    async def _repeat(
        self, operation: str, work: Work[Result], unknown: OutcomeUnknown, *, interactive: bool
    ) -> Result:
        for pause_s in REPEAT_PAUSES_S:
            await asyncio.sleep(pause_s)
            try:
                return await self.transact(operation, work, interactive=interactive)
            except ProfilesUnavailable:
                continue  # and the outcome of the cut COMMIT is as unknown as before
        raise unknown

    def _start(self, operation: str, work: Work[Result], *, interactive: bool) -> asyncio.Task[Result]:
        """A task of its own, so that cancelling the caller cannot cut it; owned by the set until it ends."""
        task = asyncio.create_task(self._timed(operation, work, interactive=interactive), name=f"sql-{operation}")
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # counts as seen, also when the caller was cancelled and will not look

    async def _timed(self, operation: str, work: Work[Result], *, interactive: bool) -> Result:
        started_s = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout_s):
                result = await self._in_turn(work, interactive=interactive)
        except HistoryLost:
            raise  # SQL has answered
        except OutcomeUnknown as error:
            if work is _write_nothing:
                self._failed(error)
            else:
                STORE_ERRORS.labels("sql").inc()
                self._probe()
            raise
        except ProfilesUnavailable as error:
            self._failed(error)
            raise
        except TimeoutError as error:
            raise await self._late(operation, work, error, interactive=interactive) from error
        except (SQLAlchemyError, OSError) as error:
            is_refused = await self._judge(operation, error)
            raise (StatementRefused if is_refused else ProfilesUnavailable)(f"{operation}: {_reason(error)}") from error
        finally:
            STORE_SECONDS.labels("sql", operation).observe(time.perf_counter() - started_s)
        if work is _write_nothing or not self._takes_no_writes:
            self._succeeded()
        return result

    async def _late(
        self, operation: str, work: Work[Any], error: TimeoutError, *, interactive: bool
    ) -> ProfilesUnavailable:
        """The error that tells of a call which took too long."""
        reason = f"{operation}: {_reason(error)}"
        if interactive and not isinstance(error, Silent):
            STORE_ERRORS.labels("sql").inc()  # it queued for too long, or took many steps; nobody was silent
            return ProfilesUnavailable(reason)
        if interactive or work is _write_nothing:  # a player waits for the answer: find out afterwards what is wrong
            self._failed(error)
            if work is not _write_nothing:
                self._probe()  # it may have been a row that somebody locks, and no reason to turn the others away
            return ProfilesUnavailable(reason)
        return (StatementRefused if await self._judge(operation, error) else ProfilesUnavailable)(reason)

    async def _judge(self, operation: str, error: Exception) -> bool:
        """Whether only the statement is to blame: then the server is well. Else it counts as away."""
        STORE_ERRORS.labels("sql").inc()
        if operation != "ping" and (blame(error) is Blame.STATEMENT or await self._is_well_after(error)):
            if operation not in _ISOLATED:
                trace = None if isinstance(error, TimeoutError) else error  # of a deadline it shows nothing
                log.error("sql_refused_statement", operation=operation, error=_reason(error), exc_info=trace)
            return True
        self._failed(error, counts=False)
        return False

    async def _is_well_after(self, error: Exception) -> bool:
        """Whether the server takes a write, where the error leaves that open."""
        if blame(error) is not Blame.UNCLEAR:
            return False
        try:
            async with asyncio.timeout(self._prompt_s), self._turns, self.begin() as connection:
                await _write_nothing(connection)
        except (ProfilesUnavailable, SQLAlchemyError, OSError):
            return False
        return True

    async def _in_turn(self, work: Work[Result], *, interactive: bool) -> Result:
        if not interactive:
            async with self._background_slots, self._turns:
                return await self._attempts(work)
        async with self._turns:
            if work is not _write_nothing:
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
        lost_lines = 0
        for attempt in range(ATTEMPTS_MAX - 1):
            try:
                async with self.begin() as connection:
                    return await work(connection)
            except DBAPIError as error:
                lost_lines += error.connection_invalidated
                if lost_lines == LOST_LINES_MAX or not (error.connection_invalidated or is_rolled_back(error)):
                    raise
            await asyncio.sleep(RETRY_PAUSE_S * 2**attempt)
        async with self.begin() as connection:
            return await work(connection)

    def _failed(self, error: Exception, *, counts: bool = True) -> None:
        """The server is away, or takes no writes."""
        if counts:
            STORE_ERRORS.labels("sql").inc()
        if blame(error) is Blame.SERVER_FOR_WRITES:
            self._takes_no_writes = True
        STORE_UP.labels("sql").set(0)
        if self._away_since_s is None:
            self._away_since_s = time.monotonic()
            log.warning("sql_away", error=_reason(error), takes_no_writes=self._takes_no_writes)

    def _succeeded(self) -> None:
        STORE_UP.labels("sql").set(1)
        self._takes_no_writes = False
        if self._away_since_s is not None:
            log.warning("sql_back", away_s=round(time.monotonic() - self._away_since_s, 1))
            self._away_since_s = None

    async def _look_on(self) -> None:
        """Notice that the server goes away or comes back also when nobody calls; until cancelled."""
        looked_s = time.monotonic()
        while True:
            await asyncio.sleep(RETURN_POLL_S)
            if self.is_away or time.monotonic() - looked_s >= LOOK_S:
                looked_s = time.monotonic()
                with suppress(ProfilesUnavailable):
                    await self.ping()

    def _probe(self) -> None:
        self._probed_s = time.monotonic()
        self._start("ping", _write_nothing, interactive=True)

    def _refuse_while_away(self) -> None:
        if not self.is_away:
            return
        if time.monotonic() - self._probed_s > PROBE_PAUSE_S:
            self._probe()
        raise ProfilesUnavailable("SQL is read-only" if self._takes_no_writes else "SQL is away")


async def _write_nothing(connection: AsyncConnection) -> None:
    """Change no row, by a statement that a server which is read-only or has no tables refuses."""
    await connection.execute(text("UPDATE profile SET epoch = epoch WHERE player_id = 0"))


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

"""Passwords to Argon2id hashes and back, in threads: one hash is 20 ms of CPU, a tick has less than 50.

Owns the threads and the queue before them. Laws: never on the loop; at most ``queue_max`` wait, more are refused; a
name that does not exist costs what a wrong password costs.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gameserver.observability.metrics import PASSWORD_QUEUE
from gameserver.protocol.errors import Refusal, RefusalCode

MEMORY_KIB = 19 * 1024  # OWASP's Argon2id parameters; the library's defaults take 190 ms of CPU
PASSES = 2
LANES = 1
RETRY_AFTER_MS = 2000

Result = TypeVar("Result")


class Passwords:
    """``workers`` threads; ``queue_max`` passwords may wait for one of them."""

    def __init__(self, workers: int = 2, queue_max: int = 64):
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._nobodys = self._hasher.hash(secrets.token_hex())
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="password")
        self._jobs_max = workers + queue_max
        self._jobs = 0
        self._count_lock = threading.Lock()  # jobs end in their threads

    async def hash(self, password: str) -> str:
        """Raises Refusal (TRY_LATER) when too many wait."""
        return await self._run(lambda: self._hasher.hash(_prepared(password)))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Is this the password? None stands for an account that does not exist: never, but at the same cost. Raises
        Refusal (TRY_LATER) when too many wait."""
        is_right = await self._run(lambda: self._verify(password_hash or self._nobodys, password))
        return is_right and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """True if the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(password_hash)

    def close(self) -> None:
        """Drop the waiting hashes and let the threads finish; takes no longer than one hash."""
        self._threads.shutdown(cancel_futures=True)

    async def _run(self, work: Callable[[], Result]) -> Result:
        with self._count_lock:
            if self._jobs >= self._jobs_max:
                raise Refusal(RefusalCode.TRY_LATER, "too many are signing in", retry_after_ms=RETRY_AFTER_MS)
            self._jobs += 1
        PASSWORD_QUEUE.inc()
        future = self._threads.submit(work)
        future.add_done_callback(self._ended)
        return await asyncio.wrap_future(future)  # if we are cancelled and it has not begun, it never will

    def _ended(self, _future: Future[Result]) -> None:
        PASSWORD_QUEUE.dec()
        with self._count_lock:
            self._jobs -= 1

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, _prepared(password))
        except (VerificationError, InvalidHashError):
            return False


def _prepared(password: str) -> str:
    """The same password from every keyboard: some send an accent apart from its letter."""
    return unicodedata.normalize("NFC", password)

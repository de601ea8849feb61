"""Failpoints, for the tests of faults: a running server dies at a named place, or goes without one of its guards.

Law: nothing here acts unless ``arm`` was called at the start with an environment that asks for it, and what weakens the
server is refused without GAMESERVER_ALLOW_SABOTAGE=1. Unarmed, ``reach`` and ``is_off`` cost one comparison.

GAMESERVER_FAILPOINT=tick.after_write:3  SIGKILL to itself when it gets there for the third time
GAMESERVER_SABOTAGE=save_guard           this guard is off: the suite that does not notice proves nothing
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from enum import StrEnum

import structlog

FAILPOINT, SABOTAGE, PERMISSION = "GAMESERVER_FAILPOINT", "GAMESERVER_SABOTAGE", "GAMESERVER_ALLOW_SABOTAGE"

log = structlog.get_logger(__name__)


class Failpoint(StrEnum):
    """Places between two steps of which one could be done and the other not."""

    OPEN_BEFORE_CLAIM = "open.before_claim"
    OPEN_AFTER_CLAIM = "open.after_claim"
    OPEN_ENLISTED = "open.enlisted"  # on the node's list, not yet live
    OPEN_AFTER_REDIS = "open.after_redis"
    OPEN_BEFORE_JOIN = "open.before_join"  # the resume token is stored, not yet told
    TICK_BEFORE_WRITE = "tick.before_write"
    TICK_AFTER_WRITE = "tick.after_write"  # Redis has replied, nothing is acked
    TICK_AFTER_ACKS = "tick.after_acks"
    EXCHANGE_BEFORE_SQL = "exchange.before_sql"
    EXCHANGE_AFTER_SQL = "exchange.after_sql"  # committed, memory and Redis do not know
    EXCHANGE_AFTER_SETTLE = "exchange.after_settle"  # waits for the tick that shows it
    SAVE_BEFORE_SQL = "save.before_sql"
    SAVE_AFTER_SQL = "save.after_sql"
    REMOVE_BEFORE = "remove.before"  # saved, live state still there
    REMOVE_AFTER = "remove.after"
    RECOVER_OPENED = "recover.opened"  # a dead process's session is ours, not yet saved
    RESTORE_BEFORE_REDIS = "restore.before_redis"
    RESTORE_AFTER_REDIS = "restore.after_redis"
    DISCARD_BEFORE = "discard.before"
    DISCARD_AFTER = "discard.after"


class Guard(StrEnum):
    """Guards of the contract. A test of faults takes one away to see whether the suite notices."""

    KEY_FENCE = "key_fence"  # the pointer is not read: not before acks, not in turn
    SAVE_GUARD = "save_guard"  # SQL takes any save, of any epoch and seq
    INVENTORY_SEQUENCE = "inventory_sequence"  # Redis's inventory counts as the newer one, whatever SQL has
    DELETE_AFTER_COMMIT = "delete_after_commit"  # live state is removed before the last save
    WHOLE_HASH = "whole_hash"  # a hash that lost fields is not noticed, and counts as whole when it is claimed
    ISOLATED_SAVES = "isolated_saves"  # a batch that SQL refuses is tried again as it is
    ONLY_COPY = "only_copy"  # a session that SQL says is another's is dropped, whether or not anybody has it
    HISTORY = "history"  # nobody notices that SQL is another database or was set back
    RETRIES_OFF = "retries_off"  # redis-py repeats a command whose reply it lost, as it does by default


_point: Failpoint | None = None
_times_left = 0
_off: Guard | None = None


def arm(environ: Mapping[str, str]) -> None:
    """Once, at the start. Raises ValueError for a name that is none, and for sabotage without the permission."""
    global _point, _times_left, _off
    _off = None
    name, _, times = environ.get(FAILPOINT, "").partition(":")
    _point, _times_left = (Failpoint(name), int(times or 1)) if name else (None, 0)
    if guard := environ.get(SABOTAGE, ""):
        if environ.get(PERMISSION) != "1":
            raise ValueError(f"{SABOTAGE} breaks the server's promises; only tests may, with {PERMISSION}=1")
        _off = Guard(guard)
    if _point or _off:
        log.warning(
            "failpoint_armed", failpoint=_point, guard_off=_off, note="this server breaks on purpose, for tests"
        )


def reach(point: Failpoint) -> None:
    """Die here, if this is where."""
    if point is _point:
        _count_down()


def is_off(guard: Guard) -> bool:
    return guard is _off


def _count_down() -> None:
    global _times_left
    _times_left -= 1
    if _times_left == 0:
        _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)

"""The table of queues tells the truth: each number is the one in the code, and no row is without a check here."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gameserver import rate_limit
from gameserver.accounts import throttle
from gameserver.config import Settings
from gameserver.edge import gate, ring
from gameserver.edge.limits import limits_of
from gameserver.link import audiences
from gameserver.profiles import group_commit
from gameserver.protocol import constants
from gameserver.simulation import inbox
from gameserver.simulation import inputs as turn
from gameserver.sql import database
from gameserver.sql.backlog import Backlog

_LIMITS = limits_of(Settings())
_KIB = 1024


def _setting(name: str) -> str:
    return f"`{name}`, {Settings.model_fields[name].default}"


def _default(of: Callable[..., object], name: str) -> int:
    return int(inspect.signature(of).parameters[name].default)


BOUNDS = {
    "connections": _setting("connections_max"),
    "sockets that are no WebSocket yet": f"{_LIMITS.waiting_sockets_max} beyond that",
    "connections not accepted yet": f"{gate.BACKLOG}, the kernel's",
    "bytes of a client not read yet": f"its receive buffer; {_LIMITS.read_bytes // _KIB} KiB read a drain",
    "sign-ins under way": f"{_LIMITS.sign_ins_max}",
    "passwords being hashed": _setting("password_queue_max"),
    "inputs for one tick": f"{inbox.INPUTS_MAX} a player",
    "notes for services": "those of one tick's inputs",  # emptied by each tick
    "actions behind an exchange": f"{constants.ANSWERS_MAX} a player, {turn.EXCHANGE_PATIENCE_S:g} s",
    "exchanges": "1 a player",  # the inventory is frozen
    "actions that a connection waits to be answered": "those of the other queues of actions",  # Host adds what it took
    "answers remembered": f"{constants.ANSWERS_MAX} a session",
    "world frames to a client": f"{_LIMITS.high_water_bytes // _KIB} KiB buffered",
    "sends in one system call": f"{ring.SENDS_MAX}, of {ring.ARENA_BYTES // _KIB**2} MiB of different bytes",
    "everything to a client": f"{_LIMITS.outbox_bytes_max // _KIB} KiB",
    "viewers in lists that have a number": f"{audiences.NUMBERED_MAX:,}",
    "dirty sessions": "one entry a session",  # a dict by player
    "acks waiting for Redis": f"{constants.ANSWERS_MAX} a session",
    "exchanges waiting for SQL": f"one a player; {group_commit.GROUP_MAX} a transaction",
    "sign-ins and claims at SQL": f"{database.DOOR_MAX}",
    "saves waiting for SQL": "one a session and epoch",  # a dict by both
    "sessions of a newer epoch that wait for Redis to be given up": "one a player",  # opened again only afterwards
    "chat lines, and notes of stays, waiting for SQL": f"{_default(Backlog.__init__, 'rows_max'):,} each",
    "names and addresses throttled": f"{rate_limit.KEYS_MAX:,} each",
    "addresses that signed a name in before": f"{throttle.PAIRS_MAX:,}, {throttle.NAMES_MAX} an address",
}


def _rows() -> dict[str, tuple[str, str]]:
    """Queue -> where it is, its bound."""
    page = Path("docs/architecture.md").read_text()
    table = page.split("## Every queue and its bound")[1].split("\n## ")[0]
    found = re.findall(r"^\| ([^|]+) \| `([^|]+)` \| ([^|]+) \|", table, re.MULTILINE)
    return {queue.strip(): (where, bound.strip()) for queue, where, bound in found}


def test_every_row_is_checked_here_and_every_check_has_its_row() -> None:
    assert list(_rows()) == list(BOUNDS)


@pytest.mark.parametrize("queue", BOUNDS)
def test_the_bound_of(queue: str) -> None:
    where, bound = _rows()[queue]
    assert bound == BOUNDS[queue]
    assert Path("gameserver", where).is_dir() or Path("gameserver", f"{where}.py").is_file()

"""Whether a failure blames the SQL server, another transaction, or only the statement that failed. Pure.

A code alone seldom tells: a server that drops the line may have died, or have been sent more than it allows in a
packet. So this module names only what is certain. After everything else, ``Database`` asks the server to take a small
write: a server that takes one is well, and then the statement is to blame.
"""

from __future__ import annotations

from enum import Enum

from sqlalchemy.exc import DBAPIError, StatementError

# The transaction lost against another one. CHANGED: MariaDB with innodb_snapshot_isolation, its default from 11.6 on.
DEADLOCK, LOCK_WAIT, CHANGED = 1213, 1205, 1020
_SQLITE_BUSY = ("database is locked", "database table is locked", "database schema is locked")

# Read-only by an option, by a lock on all tables, by a transaction or because InnoDB itself is.
_NO_WRITES = frozenset({1036, 1223, 1290, 1792, 1836, 1874})
_NO_WRITES_SQLITE = ("readonly database",)
# A full disk, an error of the file system: a small write may still find room.
_NO_ROOM = frozenset({1021, 1026, 1114})
_NO_ROOM_SQLITE = ("disk is full", "disk i/o error", "malformed")
# Told instead of a connection: too many of them, no rights, no such database, a server that ends.
_NO_CONNECTION = frozenset({1040, 1044, 1045, 1049, 1053, 1129, 1130, 1203, 1226, 2002, 2003, 2005, 3032, 4031})


class Blame(Enum):
    SERVER = "it works for nobody"
    SERVER_FOR_WRITES = "it answers, but takes no writes"
    STATEMENT = "the driver could not even send it"
    UNCLEAR = "only another write can tell"


def blame(error: BaseException) -> Blame:
    """Return the guilty party of a transaction's failure."""
    if isinstance(error, StatementError) and not isinstance(error, DBAPIError):
        return Blame.STATEMENT
    if isinstance(error, TimeoutError):
        return Blame.UNCLEAR  # silence, or a row that somebody locks
    if not isinstance(error, DBAPIError):
        return Blame.SERVER
    code, words = _mysql_code(error), str(error.orig).lower()
    if code in _NO_WRITES or _is_in(words, _NO_WRITES_SQLITE):
        return Blame.SERVER_FOR_WRITES
    if code in _NO_ROOM or code in _NO_CONNECTION or _is_in(words, _NO_ROOM_SQLITE):
        return Blame.SERVER
    return Blame.UNCLEAR


def is_rolled_back(error: DBAPIError) -> bool:
    """Whether the server said that this transaction lost against another: nothing of it is or will be committed."""
    return _mysql_code(error) in (DEADLOCK, LOCK_WAIT, CHANGED) or _is_in(str(error.orig), _SQLITE_BUSY)


def _mysql_code(error: DBAPIError) -> int | None:
    arguments = getattr(error.orig, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else None


def _is_in(words: str, signs: tuple[str, ...]) -> bool:
    return any(sign in words for sign in signs)

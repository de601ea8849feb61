"""Findings about an SQL database: rules that turn its examination into findings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gameserver.check.finding import Finding
from gameserver.settings_problems import spelled
from gameserver.sql.database import ProfilesUnavailable
from gameserver.sql.examination import SqlFacts, SqlUnusable, error_code, examine
from gameserver.sql.migrate import OddRevision

SETTING: Final = "sql_url"
_SPELLED: Final = spelled(SETTING)
CLOCK_S: Final = 2.0  # apart, before it is worth a line
PACKET_BYTES_MIN: Final = 16 * 1024 * 1024

# product: (older ones are refused, older ones are not tested)
_VERSIONS: Final = {"MySQL": ((8, 0, 16), (8, 0, 16)), "MariaDB": ((10, 5, 0), (10, 11, 0))}
_MODES: Final = {"STRICT_TRANS_TABLES", "NO_ENGINE_SUBSTITUTION"}

_REMEDIES: Final = {
    1044: "GRANT SELECT, INSERT, UPDATE, DELETE ON that database to the user",
    1142: "GRANT SELECT, INSERT, UPDATE, DELETE ON that database to the user",
    1143: "GRANT SELECT, INSERT, UPDATE, DELETE ON that database to the user",
    1226: "raise the limits of the user: ALTER USER ... WITH MAX_QUERIES_PER_HOUR 0 and the like",
    1820: "give the user a new password: ALTER USER ... IDENTIFIED BY ...",
    1862: "give the user a new password: ALTER USER ... IDENTIFIED BY ...",
    3118: "ALTER USER ... ACCOUNT UNLOCK",
    4151: "ALTER USER ... ACCOUNT UNLOCK",
    1045: f"write user and password like mysql://user:password@host:3306/name ({_SPELLED})",
    3159: "connect with TLS, as docs/operations.md says in Stores",
    1049: f"CREATE DATABASE it, or name the one there is ({_SPELLED})",
}
_GRANT: Final = "GRANT SELECT, INSERT, UPDATE, DELETE ON the database to its user"
_AWAY: Final = f"start it, or name the server that runs ({_SPELLED})"


async def check_sql(url: str, timeout_s: float, *, pool_size: int, migrates: bool) -> list[Finding]:
    """Return the findings about the database at ``url``; ``migrates`` if the start brings its tables up to date."""
    try:
        facts = await examine(url, timeout_s)
    except SqlUnusable as error:
        return [_error(f"cannot be used: {error}", _REMEDIES.get(error.code, _AWAY))]
    except OddRevision as error:
        problem, _, remedy = str(error).rpartition("; ")
        return [_error(problem, remedy)]
    except ProfilesUnavailable as error:
        return [_error(str(error), _REMEDIES.get(error_code(error.__cause__), _AWAY))]
    except ValueError as error:
        return [_error(str(error), f"see {_SPELLED} in `gameserver run --help`")]
    return list(findings(facts, pool_size=pool_size, migrates=migrates))


def findings(facts: SqlFacts, *, pool_size: int, migrates: bool) -> Iterator[Finding]:
    """Pure."""
    if facts.found != facts.wanted and not migrates:
        state = f"is at revision {facts.found}" if facts.found else "has no tables yet"
        wants = f", this version needs {facts.wanted}" if facts.wanted else ""
        yield _error(f"the database {state}{wants}", "run `gameserver migrate`, or set migrate_on_start")
    if facts.refused:
        what, why = next(iter(facts.refused.items()))
        more = f" (and {len(facts.refused) - 1} more)" if len(facts.refused) > 1 else ""
        is_read_only = "read-only" in why or "read_only" in why
        remedy = "name the server that takes writes, or set read_only=0" if is_read_only else _GRANT
        yield _error(f"{what} is refused{more}: {why}", remedy)
    for table, why in facts.changed.items():
        yield _error(f"the table {table} is not as this version made it: {why}", "restore the database from a backup")
    for table, engine in facts.engines.items():
        yield _error(f"the table {table} is of {engine}, without transactions", f"ALTER TABLE {table} ENGINE=InnoDB")
    if facts.settings:
        yield from _version(facts.settings)
        yield from _durability(facts.settings)
        yield from _room(facts.settings, pool_size)
        yield from _session(facts.session)
    if abs(facts.ahead_s) > CLOCK_S:
        yield _warning(
            f"its clock is {facts.ahead_s:+.0f} s from this machine's", "run NTP on both: times in logs disagree"
        )


def _version(settings: dict[str, str]) -> Iterator[Finding]:
    text = settings.get("version", "")
    product = "MariaDB" if "mariadb" in f"{text} {settings.get('version_comment', '')}".lower() else "MySQL"
    numbers = tuple(int(part) for part in re.findall(r"\d+", text)[:3])
    refused_below, tested_from = _VERSIONS[product]
    wanted = f"use {product} {'.'.join(map(str, tested_from))} or later"
    if numbers < refused_below:
        yield _error(f"its version is {text}", wanted)
    elif numbers < tested_from:
        yield _warning(f"its version is {text}, with which nothing was tested", wanted)


def _durability(settings: dict[str, str]) -> Iterator[Finding]:
    flush = settings.get("innodb_flush_log_at_trx_commit", "1")
    if flush != "1":
        yield _warning(
            f"innodb_flush_log_at_trx_commit is {flush}: a power cut loses about a second of what was acked durable",
            "set innodb_flush_log_at_trx_commit=1",
        )
    if settings.get("innodb_doublewrite", "ON") in ("OFF", "0"):
        yield _warning("innodb_doublewrite is off: a power cut may tear pages", "set innodb_doublewrite=ON")
    if settings.get("log_bin") == "ON":
        if settings.get("sync_binlog") != "1":
            yield _warning(
                f"sync_binlog is {settings.get('sync_binlog')}: after a power cut the binary log may lack what was"
                " acked durable, and so may replicas",
                "set sync_binlog=1",
            )
        if settings.get("binlog_format") == "STATEMENT":
            yield _error("binlog_format is STATEMENT, with which READ COMMITTED cannot write", "set binlog_format=ROW")


def _room(settings: dict[str, str], pool_size: int) -> Iterator[Finding]:
    packet = int(settings.get("max_allowed_packet", PACKET_BYTES_MIN))
    if packet < PACKET_BYTES_MIN:
        yield _warning(
            f"max_allowed_packet is {packet}: one statement saves many sessions", "set max_allowed_packet=16M or more"
        )
    connections = int(settings.get("max_connections", pool_size + 1))
    if connections <= pool_size:
        yield _warning(
            f"max_connections is {connections}, and a node takes up to {pool_size}",
            f"raise max_connections, or lower sql_pool_size ({spelled('sql_pool_size')})",
        )


def _session(session: dict[str, str]) -> Iterator[Finding]:
    """Check the session variables that we set on each connection: a proxy before the server may undo them."""
    isolation = session.get("transaction_isolation") or session.get("tx_isolation", "READ-COMMITTED")
    if isolation != "READ-COMMITTED":
        yield _error(f"transactions are {isolation} although we ask for READ COMMITTED", "connect without a proxy")
    if missing := _MODES - set(session.get("sql_mode", "").split(",")):
        yield _error(f"sql_mode lacks {', '.join(sorted(missing))} although we ask for it", "connect without a proxy")
    charset = session.get("character_set_client", "utf8mb4")
    if charset != "utf8mb4":
        yield _error(
            f"it takes what we send for {charset} although it is utf8mb4",
            "remove skip-character-set-client-handshake, or set character-set-server=utf8mb4",
        )


def _error(problem: str, remedy: str) -> Finding:
    return Finding("error", SETTING, problem, remedy)


def _warning(problem: str, remedy: str) -> Finding:
    return Finding("warning", SETTING, problem, remedy)

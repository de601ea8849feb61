"""Findings about a Redis server: rules that turn its examination into findings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gameserver.check.finding import Finding
from gameserver.live.examination import RedisFacts, RedisUnusable, examine
from gameserver.settings_problems import spelled

SETTING: Final = "redis_url"
_SPELLED: Final = spelled(SETTING)
OLDEST: Final = (7, 0)
CLOCK_S: Final = 2.0  # apart, before it is worth a line
MEMORY_SHARE: Final = 0.9

_REMEDIES: Final = {
    "rights": "give the user what it needs: ACL SETUSER name ~* +@all -@dangerous +info +client",
    "password": f"write user and password like redis://user:password@host:6379/0 ({_SPELLED})",
    "protocol": f"name a Redis or Valkey server, and rediss:// only where it speaks TLS ({_SPELLED})",
    "refused": f"check scheme, port and database number ({_SPELLED})",
    "away": f"start it, or name the server that runs ({_SPELLED}); rediss:// if and only if it speaks TLS",
}


async def check_redis(url: str, timeout_s: float) -> list[Finding]:
    """Return the findings about the server at ``url``."""
    try:
        facts = await examine(url, timeout_s)
    except RedisUnusable as error:
        return [_error(f"cannot be used: {error}", _REMEDIES[error.kind])]
    except ValueError as error:
        return [_error(str(error), f"see {_SPELLED} in `gameserver run --help`")]
    return list(dict.fromkeys(findings(facts, is_cluster="+cluster://" in url)))


def findings(facts: RedisFacts, *, is_cluster: bool) -> Iterator[Finding]:
    """Pure."""
    if facts.not_allowed:
        yield _error(
            f"its user may not use {', '.join(facts.not_allowed)}",
            _REMEDIES["rights"],
        )
    for about in facts.abouts:
        yield from _place(about, is_cluster)
        yield from _durability(about)
    if facts.configured.get("appendfsync") == "no":
        yield _warning("appendfsync is no: a power cut may lose half a minute of play", "set appendfsync everysec")
    if facts.refused and not any(about.get("role") == "slave" for about in facts.abouts):
        yield _error(f"it refuses to write: {facts.refused}", "give it memory and disk, and name the primary")
    if abs(facts.ahead_s) > CLOCK_S:
        yield _warning(
            f"its clock is {facts.ahead_s:+.0f} s from this machine's", "run NTP on both: times in logs disagree"
        )


def _place(about: dict[str, Any], is_cluster: bool) -> Iterator[Finding]:
    """Whether it is the server that the URL promises."""
    version = str(about.get("valkey_version") or about.get("redis_version", ""))
    if version and _numbers(version) < OLDEST:
        yield _error(f"its version is {version}", "use Redis or Valkey 7.0 or later")
    mode = about.get("redis_mode") or about.get("server_mode")
    if mode == "sentinel":
        yield _error("this is a sentinel", "write redis+sentinel://host:26379,host:26379/service/0")
    if mode == "cluster" and not is_cluster:
        yield _error("this is a node of a cluster", "write redis+cluster://host:6379,host:6379")
    if about.get("role") == "slave":
        yield _error("this is a replica, which takes no writes", "name the primary, or the sentinels that know it")


def _durability(about: dict[str, Any]) -> Iterator[Finding]:
    policy = str(about.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        what = "live sessions" if policy.startswith("allkeys") else "the nodes' leases"
        yield _warning(
            f"maxmemory-policy is {policy}: it deletes {what} when memory is short", "set maxmemory-policy noeviction"
        )
    if about.get("aof_enabled") == 0:
        yield _warning(
            "appendonly is no: if Redis dies, live sessions fall back to their last checkpoint", "set appendonly yes"
        )
    used, limit = int(about.get("used_memory", 0)), int(about.get("maxmemory", 0))
    if limit and used > limit * MEMORY_SHARE:
        yield _warning(f"{used * 100 // limit} % of its maxmemory is in use", "raise maxmemory")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def _error(problem: str, remedy: str) -> Finding:
    return Finding("error", SETTING, problem, remedy)


def _warning(problem: str, remedy: str) -> Finding:
    return Finding("warning", SETTING, problem, remedy)

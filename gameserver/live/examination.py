"""Examination of a Redis before the server uses it: its version and settings, and the rights of its user.

Law: nothing stays changed. Written keys belong to no player and to no node, and are removed again.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import (
    AuthenticationError,
    InvalidResponse,
    NoPermissionError,
    NoScriptError,
    ResponseError,
)

from gameserver.live import keys
from gameserver.protocol.ids import Epoch, NodeId, PlayerId
from gameserver.store.connection import Store, StoreUnavailable

Words = tuple[str | int, ...]

_NO_SCRIPT = "0" * 40  # a digest that no script has
_NO_CLIENT = 2**62  # a client id that no server has given out
_OF_NO_KEY = ("INFO", "CLIENT")
_CONFIGURED = ("appendfsync",)  # settings that INFO leaves out


@dataclass
class RedisFacts:
    """``abouts`` are the replies to INFO, one for each server."""

    abouts: list[dict[str, Any]] = field(default_factory=list)
    configured: dict[str, str] = field(default_factory=dict)  # empty when the user may not ask
    not_allowed: list[str] = field(default_factory=list)  # commands, and keys, that the user may not use
    refused: str = ""  # why a write failed otherwise: no memory, no disk, a replica
    ahead_s: float = 0.0  # its clock, compared with ours


class RedisUnusable(Exception):  # noqa: N818  an answer, not a malfunction
    """No examination was possible; ``kind`` is one of: away, password, rights, protocol, refused."""

    def __init__(self, kind: str, reason: str):
        super().__init__(reason)
        self.kind = kind


async def examine(url: str, timeout_s: float) -> RedisFacts:
    """Connect, ask and try. Raises RedisUnusable, and ValueError for a URL that cannot be read."""
    store = Store(url, timeout_s=timeout_s)
    facts = RedisFacts()
    try:
        await store.open()
        await _try_rights(store, facts)
        if "info" not in facts.not_allowed:
            facts.abouts = await store.ask_all("INFO")
        facts.configured = await _configured(store)
        facts.ahead_s = await _ahead_s(store)
    except StoreUnavailable as error:
        raise RedisUnusable(_kind(error.__cause__), str(error).partition(": ")[2].rstrip(".")) from None
    finally:
        await store.close()
    return facts


async def _try_rights(store: Store, facts: RedisFacts) -> None:
    for words in _trials():
        try:
            await (store.ask_all(*words) if words[0] in _OF_NO_KEY else store.command("examine", *words))
        except StoreUnavailable as error:
            _note(facts, words, error)


def _note(facts: RedisFacts, words: Words, error: StoreUnavailable) -> None:
    cause = error.__cause__
    if isinstance(cause, NoPermissionError):
        about_keys = "to access" in str(cause)  # else it is about running a command
        what = _family(words) if about_keys else _name(words)
        if what not in facts.not_allowed:
            facts.not_allowed.append(what)
    elif isinstance(cause, ResponseError) and words[0] == "HSET":
        facts.refused = str(cause)
    elif not isinstance(cause, NoScriptError | ResponseError):
        raise error


def _trials() -> Iterator[Words]:
    """Each command that the server and its scripts use, on keys of each kind, and in an order that leaves nothing."""
    player, node = PlayerId(-secrets.randbits(40) - 1), NodeId(f"check-{secrets.token_hex(6)}")
    session, renamed = keys.session(player, Epoch(1)), keys.session(player, Epoch(2))
    owner, lease, listed = keys.owner(player), keys.node(node), keys.node_sessions(node)
    history = keys.history(node)
    yield from (("INFO",), ("CLIENT", "SETNAME", "check"), ("CLIENT", "ID"), ("CLIENT", "KILL", "ID", _NO_CLIENT))
    yield from (("EVAL", "return 1", 1, owner), ("EVALSHA", _NO_SCRIPT, 1, owner))
    yield from (("HSET", owner, "epoch", 1), ("HGET", owner, "epoch"), ("DEL", owner))
    yield from (("HSET", session, "seq", 1), ("HGETALL", session), ("EXISTS", session))
    yield from (("RENAME", session, renamed), ("DEL", renamed), ("DEL", session))
    yield from (("HSET", history, "commits", 1), ("HGETALL", history), ("DEL", history))
    yield from (("SADD", listed, "1:1"), ("SMEMBERS", listed), ("SREM", listed, "1:1"))
    yield from (("SADD", keys.NODES, node), ("SMEMBERS", keys.NODES), ("SREM", keys.NODES, node))
    yield from (("SET", lease, "check", "PX", 1000), ("GET", lease), ("PEXPIRETIME", lease), ("DEL", lease))


def _name(words: Words) -> str:
    command = str(words[0]).lower()
    return f"{command}|{str(words[1]).lower()}" if command == "client" else command


def _family(words: Words) -> str:
    key = str(words[3] if words[0] in ("EVAL", "EVALSHA") else words[1])
    return f"~{key.partition(':')[0]}:*" if ":" in key else f"~{key}"


async def _configured(store: Store) -> dict[str, str]:
    configured: dict[str, str] = {}
    with suppress(StoreUnavailable):  # many services do not let their users ask
        for name in _CONFIGURED:
            for reply in await store.ask_all("CONFIG", "GET", name):
                configured[name] = str(reply[1])
    return configured


async def _ahead_s(store: Store) -> float:
    try:
        sent_s = time.time()
        seconds, micros = (await store.ask_all("TIME"))[0]
    except StoreUnavailable:  # the server itself does not ask
        return 0.0
    return int(seconds) + int(micros) / 1e6 - (sent_s + time.time()) / 2


def _kind(cause: BaseException | None) -> str:
    if isinstance(cause, AuthenticationError):
        return "password"
    if isinstance(cause, NoPermissionError):
        return "rights"
    if isinstance(cause, InvalidResponse):
        return "protocol"
    return "refused" if isinstance(cause, ResponseError) else "away"

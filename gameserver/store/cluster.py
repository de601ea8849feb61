"""Redis Cluster: which primary owns which slot, as its nodes say, and calls that go there.

Of different answers the claim with the higher epoch counts, slot by slot, as among the nodes themselves, and what a
node says of itself counts before what others say of it. The nodes are asked in turn, because a primary that was cut off
does not know that it was replaced. A refusal that says where to go (MOVED, ASK) is followed: it means that nothing was
done; nothing else is ever sent twice. redis-py's own cluster client would be a second opinion on the owners of slots,
sends ASKING on another connection than the command it is for, and closes all of them when one node has trouble.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import structlog
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, SSLConnection
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import AskError, MovedError
from redis.exceptions import ConnectionError as RedisConnectionError

from gameserver.store import following
from gameserver.store.address import Address, Host
from gameserver.store.following import SHARE_OF_DEADLINE, reasons
from gameserver.store.server import Send, new_pool
from gameserver.tasks import Shared

REDIRECTIONS_MAX = 3

Owners = list[Host | None]  # by slot

log = structlog.get_logger(__name__)


class Cluster:
    """``follow`` is its one task; everything may be called without it. Calls raise the driver's own errors."""

    def __init__(self, address: Address, timeout_s: float, connections_max: int):
        self._seeds = address.seeds
        self._options = address.options
        self._is_tls = address.options.get("connection_class") is SSLConnection
        self._timeout_s = timeout_s
        self._connections_max = connections_max
        self._nodes: dict[Host, _Node] = {}
        self._question = Shared(self._ask, "redis cluster")
        self._believed: dict[str, Claim] = {}
        self._owners: Owners | None = None

    async def owners(self) -> Owners:
        """Another list than before when, and only when, a slot has another owner."""
        if self._owners is None:
            await self.refresh()
        assert self._owners is not None
        return self._owners

    async def send(self, *words: str | int) -> Any:
        """Send to the owner of the command's key."""
        slot = key_slot(_key_of(words).encode())
        host = (await self.owners())[slot]
        if host is None:
            raise RedisConnectionError(f"no node owns slot {slot} of the cluster")
        for _ in range(REDIRECTIONS_MAX):
            try:
                return await self._node(host).send(*words)
            except MovedError as moved:
                self._question.start()  # whoever comes next need not go this way
                host = _told(moved, host)
            except AskError as asked:
                return await self._node(_told(asked, host)).send_asking(words)
        raise RedisConnectionError(f"slot {slot} is on the move")

    async def send_to_all(self, *words: str | int) -> list[Any]:
        """Return each primary's answer to a command without a key. Fails if a primary is silent, or has no slots."""
        primaries = set(await self.owners())
        if None in primaries:
            raise RedisConnectionError("no node owns some slots of the cluster")
        calls = (self._node(host).send(*words) for host in primaries if host is not None)
        answers = await asyncio.gather(*calls, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return answers

    def dedicated_connection(self, host: Host | None) -> AbstractConnection:
        assert host is not None, "there are many servers"
        return self._node(host).new_connection()

    async def refresh(self) -> None:
        """Ask for the owners of all slots; simultaneous callers share the answer. Raises redis's ConnectionError."""
        await self._question.answer()

    async def follow(self) -> None:
        """Until cancelled: know within a moment when a slot has another owner."""
        await following.follow(self.refresh, "cluster")

    async def close(self) -> None:
        await self._question.end()
        await self._forget(list(self._nodes))

    async def _ask(self) -> None:
        hosts = list(dict.fromkeys((*self._seeds, *self._nodes)))
        answers = await asyncio.gather(*(self._node(host).describe() for host in hosts), return_exceptions=True)
        told = [(host, answer) for host, answer in zip(hosts, answers, strict=True) if isinstance(answer, str)]
        if not told:
            raise RedisConnectionError(f"no node of the cluster answers: {reasons(answers)}")
        claims = [claim for host, answer in told for claim in claims_in(answer, host, by_name=self._is_tls)]
        self._believed = believe(claims, self._believed)
        owners = owners_by(self._believed.values())
        if owners != self._owners:
            if self._owners is not None:
                log.warning("redis_slots_moved", primaries=len(set(owners) - {None}))
            self._owners = owners
        known = {claim.host for claim in self._believed.values()}.union(self._seeds)
        for host in known:
            self._node(host)  # to be asked next time
        await self._forget([host for host in hosts if host not in known])

    async def _forget(self, hosts: Iterable[Host]) -> None:
        for host in hosts:
            await self._nodes.pop(host).close()

    def _node(self, host: Host) -> _Node:
        if host not in self._nodes:
            self._nodes[host] = _Node(host, self._options, self._timeout_s, self._connections_max)
        return self._nodes[host]


class _Node:
    """Connections to one node, primary or replica; none before the first is used."""

    def __init__(self, host: Host, options: dict[str, Any], timeout_s: float, connections_max: int):
        place = {**options, "host": host[0], "port": host[1]}
        self._pool = new_pool(place, timeout_s, connections_max)
        self._client: Redis = Redis(connection_pool=self._pool)
        self.send: Send = self._client.execute_command
        soon_s = timeout_s * SHARE_OF_DEADLINE
        hasty = {"socket_timeout": soon_s, "socket_connect_timeout": soon_s}
        self._asked_pool = new_pool({**place, **hasty}, soon_s, 1)  # its own: never behind calls that hang
        self._ask: Send = Redis(connection_pool=self._asked_pool).execute_command

    async def describe(self) -> str:
        """The reply to CLUSTER NODES."""
        return str(await self._ask("CLUSTER", "NODES"))

    async def send_asking(self, words: Sequence[str | int]) -> Any:
        """A command for a slot that this node does not own yet: the ASKING before it on the connection says that we
        know."""
        pipeline = self._client.pipeline(transaction=False)
        pipeline.execute_command("ASKING")
        pipeline.execute_command(*words)
        _, answer = await pipeline.execute(raise_on_error=False)  # else the error would quote all words
        if isinstance(answer, Exception):
            raise answer
        return answer

    def new_connection(self) -> AbstractConnection:
        connection: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        return connection

    async def close(self) -> None:
        await self._pool.disconnect()
        await self._asked_pool.disconnect()


class Claim(NamedTuple):
    """A node's claim to slots, made by the node itself or by another about it."""

    config_epoch: int
    node: str  # its id
    host: Host
    slots: tuple[range, ...]
    is_own: bool


def claims_in(answer: str, asked: Host, *, by_name: bool = False) -> Iterator[Claim]:
    """One for each node that the reply to CLUSTER NODES tells of, also those without slots. A line of it is

    <id> <ip>:<port>@<bus port>,<name> <flags> <its primary> <ping sent> <pong received> <config epoch> <link> <slot> …
    """
    for line in answer.splitlines():
        node, address, flags, _, _, _, config_epoch, _, *slots = line.split()
        if "noaddr" in flags or "handshake" in flags:
            continue
        endpoint, _, names = address.partition(",")
        ip, _, port = endpoint.partition("@")[0].rpartition(":")
        name = names.partition(",")[0] if by_name else ""  # what its certificate is for
        host = (name or ip or asked[0], int(port))  # a node that has met no other does not know its own ip
        owned = tuple(_range(text) for text in slots if not text.startswith("["))  # in brackets: on its way
        yield Claim(int(config_epoch), node, host, owned, "myself" in flags)


def believe(claims: Iterable[Claim], before: Mapping[str, Claim]) -> dict[str, Claim]:
    """Return one claim for each node, by its id: the node's own, or else the newest that another ever made about it."""
    believed = {claim.node: claim for claim in sorted(claims, key=lambda claim: (claim.is_own, claim.config_epoch))}
    for node, claim in believed.items():
        if node in before and not claim.is_own and before[node].config_epoch >= claim.config_epoch:
            believed[node] = before[node]  # a node that was cut off knows only the past
    return believed


def owners_by(believed: Iterable[Claim]) -> Owners:
    owners: Owners = [None] * REDIS_CLUSTER_HASH_SLOTS
    for claim in sorted(believed, key=lambda claim: (claim.config_epoch, claim.node)):
        for slots in claim.slots:
            owners[slots.start : slots.stop] = [claim.host] * len(slots)
    return owners


def _range(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def _key_of(words: Sequence[str | int]) -> str:
    """EVAL and EVALSHA: script, number of keys, keys. All else that is sent has its key first."""
    return str(words[3] if words[0] in ("EVAL", "EVALSHA") else words[1])


def _told(redirection: AskError, by: Host) -> Host:
    return redirection.host or by[0], redirection.port

"""Address in a Redis url: one server, a service that sentinels watch, or a cluster. Pure.

redis://user:password@host:6379/0                                    one server; rediss:// with TLS
unix:///path/to/redis.sock                                           one server on this machine
redis+sentinel://user:password@host:26379,host:26379/service/0       the primary of ``service``, wherever it is
redis+cluster://user:password@host:6379,host:6379                    a cluster; these of its nodes are asked first

User and password are those of the data servers. Behind ``?`` stand redis-py's options of a connection, and
``sentinel_username`` and ``sentinel_password`` where the sentinels ask for them. ``rediss+…`` is TLS to everybody.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from redis.asyncio.connection import SSLConnection, parse_url

from gameserver.store_urls import REDIS_TLS_OPTIONS, check_redis

REDIS_PORT = 6379
SENTINEL_PORT = 26379
SENTINEL_OPTION = "sentinel_"

Host = tuple[str, int]


class Address(NamedTuple):
    """``options`` are redis-py's, of a connection to a data server."""

    options: dict[str, Any]
    sentinels: tuple[Host, ...] = ()
    service: str = ""
    sentinel_options: dict[str, Any] = {}  # noqa: RUF012  never changed
    seeds: tuple[Host, ...] = ()  # nodes of a cluster


def parse(url: str) -> Address:
    """Raises ValueError when it is none of the above."""
    check_redis(url)
    scheme, _, rest = url.partition("://")
    transport, _, kind = scheme.partition("+")
    if not kind:
        return Address(dict(parse_url(url)))
    if transport not in ("redis", "rediss") or kind not in ("sentinel", "cluster"):
        raise ValueError(f"{scheme}:// is no scheme of a Redis url")
    place, _, query = rest.partition("?")  # by hand: of several hosts one in brackets is no URL to ``urlsplit``
    netloc, _, path = place.partition("/")
    credentials, at, hosts = netloc.rpartition("@")
    if kind == "cluster":
        return _parse_cluster(transport, credentials + at, hosts, path, query)
    return _parse_sentinel(transport, credentials + at, hosts, path, query)


def _parse_sentinel(transport: str, credentials: str, hosts: str, path: str, query: str) -> Address:
    service, _, db = path.strip("/").partition("/")
    if not service:
        raise ValueError("the url names no service: redis+sentinel://host:26379,host:26379/service")
    if db and not db.isdigit():
        raise ValueError("behind the service stands a database, a number")
    options = dict(parse_url(f"{transport}://{credentials}service/{db or 0}?{query}"))
    del options["host"]
    sentinel_options = {
        name.removeprefix(SENTINEL_OPTION): options.pop(name)
        for name in list(options)
        if name.startswith(SENTINEL_OPTION)
    }
    if options.get("connection_class") is SSLConnection:  # the same authority and certificate for both
        sentinel_options |= {name: options[name] for name in REDIS_TLS_OPTIONS if name in options}
    return Address(options, _hosts(hosts, SENTINEL_PORT), unquote(service), sentinel_options)


def _parse_cluster(transport: str, credentials: str, hosts: str, path: str, query: str) -> Address:
    if path:
        raise ValueError("a cluster has no numbered databases: redis+cluster://host:6379,host:6379")
    options = dict(parse_url(f"{transport}://{credentials}node?{query}"))
    del options["host"]
    return Address(options, seeds=_hosts(hosts, REDIS_PORT))


def _hosts(text: str, default_port: int) -> tuple[Host, ...]:
    return tuple(_host(host, default_port) for host in text.split(","))


def _host(text: str, default_port: int) -> Host:
    parts = urlsplit(f"//{text}")
    if not parts.hostname or parts.path or parts.username:
        raise ValueError("hosts are written host:port,host:port")
    return parts.hostname, parts.port or default_port

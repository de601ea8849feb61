"""The addresses that a port is listened on, and the sockets bound there.

A setting names one address or several, separated by commas; ``::`` alone means every address of this machine, of IPv4
and of IPv6.
"""

from __future__ import annotations

import asyncio
import errno
import socket

_EVERY = "::"
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)  # an address of another family than the machine has


class CannotListen(OSError):  # noqa: N818  named as callers speak of it
    """``host`` and ``port`` cannot be bound; ``error`` is the system's reason."""

    def __init__(self, host: str, port: int, error: OSError):
        super().__init__(error.errno, error.strerror or str(error))
        self.host = host
        self.port = port
        self.error = error


def names_in(hosts: str) -> tuple[str, ...]:
    """Return the names and addresses that a setting lists."""
    return tuple(host.strip() for host in hosts.split(",") if host.strip())


async def bind(hosts: str, port: int) -> list[socket.socket]:
    """Bind one socket for each address, all to the same port; port 0 takes a free one. Raises CannotListen."""
    bound: list[socket.socket] = []
    taken: set[tuple[object, ...]] = set()
    host = hosts
    try:
        for host in names_in(hosts):
            fresh = [place for place in await _places(host, port) if place not in taken]
            taken.update(fresh)
            port = _bind_some(fresh, port, bound)
    except OSError as error:
        close(bound)
        raise CannotListen(host, port, error) from None
    return bound


def close(sockets: list[socket.socket]) -> None:
    for listening in sockets:
        listening.close()
    sockets.clear()


def _bind_some(places: list[tuple[int, tuple[object, ...]]], port: int, bound: list[socket.socket]) -> int:
    """Bind the addresses of one name. At least one of them has to be an address of this machine."""
    failed: OSError | None = None
    before = len(bound)
    for family, address in places:
        try:
            bound.append(_bound(family, (address[0], port, *address[2:])))
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
            failed = error
        else:
            port = int(bound[-1].getsockname()[1])  # where any will do, all have the same
    if failed is not None and len(bound) == before:
        raise failed
    return port


async def _places(host: str, port: int) -> list[tuple[int, tuple[object, ...]]]:
    """Return family and address of each place that the name stands for."""
    loop = asyncio.get_running_loop()
    name = None if host == _EVERY else host
    try:
        found = await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except UnicodeError:  # an empty part, or one that is too long
        raise socket.gaierror(socket.EAI_NONAME, "no host name") from None
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _bound(family: int, address: tuple[object, ...]) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setblocking(False)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # IPv4 has a socket of its own
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(address)
    except OSError:
        listening.close()
        raise
    return listening

"""The checks of both ports: they are bound, and given back at once."""

from __future__ import annotations

import errno
import socket
from typing import Final

from gameserver import listening
from gameserver.check.finding import Finding
from gameserver.config import Settings
from gameserver.listening import CannotListen
from gameserver.settings_problems import spelled

_OPS: Final = "ops_"


async def check_ports(settings: Settings) -> list[Finding]:
    """Return a finding for each port that cannot be listened on."""
    found: list[Finding] = []
    for prefix, hosts, port in (("", settings.host, settings.port), (_OPS, settings.ops_host, settings.ops_port)):
        try:
            listening.close(await listening.bind(hosts, port))
        except CannotListen as error:
            found.append(_finding(settings, prefix, error))
    return found


def cannot_listen(settings: Settings, error: CannotListen) -> Finding:
    """Return what is to be said of a port that could not be had although the check had it a moment ago."""
    is_ops = error.port == settings.ops_port and error.port != settings.port
    return _finding(settings, _OPS if is_ops else "", error)


def _finding(settings: Settings, prefix: str, failed: CannotListen) -> Finding:
    host, port, code = failed.host, failed.port, failed.error.errno
    set_port, set_host = spelled(f"{prefix}port"), spelled(f"{prefix}host")
    if code == errno.EADDRINUSE:
        is_next = prefix and port == settings.port + 1
        which = " (ops_port is the one after port unless it is set)" if is_next else ""
        return Finding(
            "error",
            f"{prefix}port",
            f"{port} on {host} is taken by another program{which}",
            f"stop it, or set {set_port} to a free one; a server takes two, the operator's after the players'",
        )
    if code in (errno.EACCES, errno.EPERM):
        return Finding(
            "error",
            f"{prefix}port",
            f"{port} on {host} is only for the administrator of this system",
            f"set {set_port} to 1024 or more, or give the program CAP_NET_BIND_SERVICE",
        )
    problem = f"{host} has no address" if isinstance(failed.error, socket.gaierror) else f"{host}: {failed.strerror}"
    if code == errno.EADDRNOTAVAIL:
        problem = f"{host} is no address of this machine"
    return Finding(
        "error",
        f"{prefix}host",
        problem,
        f"set {set_host} to an address of this machine: 127.0.0.1 for itself alone, 0.0.0.0 or :: for all",
    )

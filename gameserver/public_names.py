"""The checks of settings that name hosts, origins and networks. Imports nothing of the package.

Each check returns what it was given, and raises ValueError saying how to write it.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

_ORIGIN: Final = re.compile(r"https?://[^/\s?#@]+")
_HOST: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,252}")


def checked_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} is no origin; write it like https://play.example.org, without a path")
    return origins


def checked_hosts(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name != "*" and not _HOST.fullmatch(name):
            raise ValueError(f"{name!r} is no host name; write it like play.example.org, without a port")
    return names


def checked_networks(networks: tuple[str, ...]) -> tuple[str, ...]:
    for network in networks:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            wanted = "write it like 10.1.2.3 or 10.0.0.0/8"
            raise ValueError(f"{network!r} is no address or network; {wanted}") from None
    return networks

"""Ports for the servers of the tests."""

from __future__ import annotations

import random
import socket

_LOWEST, _HIGHEST = 15_000, 32_000  # below those that systems give to sockets which connect
_given: set[int] = set()
_random = random.SystemRandom()  # tests seed the other, and several processes look for ports at once


def free_port() -> int:
    """A loopback port that was free a moment ago, and that nobody in this process was given before."""
    while True:
        port = _random.randint(_LOWEST, _HIGHEST)
        if port not in _given and _is_free(port):
            _given.add(port)
            return port


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True

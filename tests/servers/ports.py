"""Ports for the servers of the tests."""

from __future__ import annotations

import socket

_given: set[int] = set()


def free_port() -> int:
    """A loopback port that was free a moment ago, and that nobody in this process was given before."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = int(listener.getsockname()[1])
        if port not in _given:
            _given.add(port)
            return port

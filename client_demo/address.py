"""The server's address as people write it, as a WebSocket URL."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

URL = "ws://localhost:8765/ws"
_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def websocket_url(address: str) -> str:
    """``localhost:8765`` and the page's ``http://localhost:8765/`` mean ``ws://localhost:8765/ws``.

    Raises ValueError."""
    parts = urlsplit(address if "://" in address else f"ws://{address}")
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise ValueError(f"not an address of a server: {address}")
    path = parts.path if parts.path not in ("", "/") else "/ws"
    return urlunsplit((_SCHEMES[parts.scheme], parts.netloc, path, parts.query, ""))

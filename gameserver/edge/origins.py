"""The web pages that may open WebSockets here, by the ``Origin`` header. Pure, but for the log.

A browser lets any page open a WebSocket to us and says in ``Origin`` which page it was; programs send no Origin. Law: a
page may connect if its origin is listed, or is the host that the request names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import structlog

from gameserver.clock import Clock
from gameserver.observability.metrics import REFUSED_ORIGINS
from gameserver.observability.sparing import Sparing

_PORTS: Final = {"http": 80, "https": 443}
_LINE_EVERY_S: Final = 10.0
_LINES_BURST: Final = 20
_SHOWN_MAX: Final = 200  # characters of a header in the log
log = structlog.get_logger(__name__)


class Origin(NamedTuple):
    scheme: str
    host: str
    port: int


class Origins:
    """Judges the ``Origin`` headers of WebSocket handshakes, and tells of those it refuses."""

    def __init__(self, listed: Iterable[str], clock: Clock):
        self._listed = frozenset(origin for text in listed if (origin := read_origin(text)) is not None)
        self._lines = Sparing(_LINE_EVERY_S, clock.monotonic_s, _LINES_BURST)

    def allow(self, origins: Sequence[str], hosts: Sequence[str]) -> bool:
        """Return whether a request with these ``Origin`` and ``Host`` headers may become a WebSocket."""
        if not origins:
            return True
        if len(origins) == 1 and self._is_ours(origins[0], hosts):
            return True
        self._tell(origins, hosts)
        return False

    def _is_ours(self, text: str, hosts: Sequence[str]) -> bool:
        origin = read_origin(text)
        if origin is None:
            return False
        return origin in self._listed or (len(hosts) == 1 and read_origin(f"{origin.scheme}://{hosts[0]}") == origin)

    def _tell(self, origins: Sequence[str], hosts: Sequence[str]) -> None:
        REFUSED_ORIGINS.inc()
        if (held_back := self._lines.held_back("origin")) is None:
            return
        shown, host = (" ".join(texts)[:_SHOWN_MAX] for texts in (origins, hosts))
        log.warning("origin_refused", origin=shown, host=host, setting="origins", held_back=held_back)


def read_origin(text: str) -> Origin | None:
    """Return the origin with its port, which is the scheme's where none is named; None for "null" and the like."""
    try:
        parts = urlsplit(text.strip().rstrip("/").lower())
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    is_bare = not (parts.path or parts.query or parts.fragment or parts.username or parts.password)
    if port is None or not parts.hostname or not is_bare or parts.scheme not in _PORTS:
        return None
    return Origin(parts.scheme, parts.hostname.rstrip("."), port)

"""The host names that this server answers to. Pure, but for one log line for each foreign name.

A web page of a foreign name that resolves to this machine counts, for a browser, as a page of this server (DNS
rebinding). Such a request carries the foreign name in ``Host``. Law: a request is answered only if it has exactly one
``Host`` header, and that names this machine, an IP address, or a name that the operator listed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

import structlog
from websockets.http11 import Request

from gameserver.http.site import Reply, text_reply
from gameserver.observability.metrics import REFUSED_HOSTS

EVERY_NAME: Final = "*"
_LOGGED_MAX: Final = 100  # foreign names, each logged once; an attacker must not fill the log
_HOST: Final = re.compile(r"(?:(?P<name>[A-Za-z0-9_-][A-Za-z0-9._-]{0,252})|\[(?P<ipv6>[0-9A-Fa-f:.]+)\])(?::\d{1,5})?")
log = structlog.get_logger(__name__)


class Hosts:
    """Judges the ``Host`` header of requests."""

    def __init__(self, names: Iterable[str] = (), origins: Iterable[str] = ()):
        """``names`` are the public names of this server, without a port; ``*`` allows every name. A page whose origin
        is listed may connect, so its host is no foreign name either."""
        listed = [name.lower().rstrip(".") for name in names]
        self._takes_every_name = EVERY_NAME in listed
        self._names = {"localhost", *listed, *filter(None, (urlsplit(origin).hostname for origin in origins))}
        self._logged: set[str] = set()

    def malformed(self, request: Request) -> Reply | None:
        """Answer 400 to a request without exactly one Host header that can be read."""
        hosts = request.headers.get_all("Host")
        if len(hosts) != 1:
            return text_reply(400, f"A request has exactly one Host header, and this one has {len(hosts)}.")
        return None if _HOST.fullmatch(hosts[0]) else text_reply(400, "The Host header is no host name.")

    def refused(self, request: Request) -> Reply | None:
        """Answer 400 or 403 to a request that is not for this server; None lets it in."""
        if malformed := self.malformed(request):
            return malformed
        found = _HOST.fullmatch(request.headers["Host"])
        assert found is not None
        name = (found["name"] or "").lower().rstrip(".")
        if found["ipv6"] or self._takes_every_name or self._is_ours(name):
            return None
        self._tell(name)
        return text_reply(403, "This server does not answer to that host name. Its operator sets public_hosts.")

    def _is_ours(self, name: str) -> bool:
        return name in self._names or name.endswith(".localhost") or _is_address(name)

    def _tell(self, name: str) -> None:
        REFUSED_HOSTS.inc()
        if name not in self._logged and len(self._logged) < _LOGGED_MAX:
            self._logged.add(name)
            log.warning("host_refused", host=name, setting="public_hosts")


def _is_address(name: str) -> bool:
    """An address cannot be made to resolve to this machine by somebody else's DNS server."""
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True

"""Address of a client behind proxies: by ``X-Forwarded-For``, from listed proxies only. Pure.

Law: a peer's word about other addresses counts only if the peer is listed. Of the addresses that proxies appended, the
right-most that is not a listed proxy is the client: everything to the left of it is the client's own word.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final

HOPS_MAX: Final = 32  # proxies between a client and us; addresses further to the left are ignored

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Proxies:
    """The networks of trusted proxies. ``begin_with_header``: their connections begin with a PROXY header."""

    def __init__(self, networks: Iterable[str] = (), begin_with_header: bool = False):
        self._networks = [ipaddress.ip_network(network, strict=False) for network in networks]
        self._begin_with_header = begin_with_header

    def owes_header(self, peer: str) -> bool:
        """Return whether the connection of ``peer`` has to begin with a PROXY header."""
        return self._begin_with_header and self.trust(peer)

    def trust(self, address: str) -> bool:
        """Return whether ``address`` is a listed proxy."""
        parsed = parse_address(address)
        return parsed is not None and self._are_trusted(parsed)

    def client(self, peer: str, forwarded_for: Sequence[str]) -> str:
        """Return the client's address, by the ``X-Forwarded-For`` headers of a request that ``peer`` sent."""
        if not self._networks or not forwarded_for or not self.trust(peer):
            return peer
        client = peer
        for hop in reversed(",".join(forwarded_for).split(",")[-HOPS_MAX:]):
            address = parse_address(hop)
            if address is None:
                return client  # "unknown", or a proxy's secret: the proxy is all that is known
            client = str(address)
            if not self._are_trusted(address):
                return client
        return client

    def _are_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def parse_address(text: str) -> Address | None:
    """Return the IP address in ``1.2.3.4``, ``1.2.3.4:567``, ``2001:db8::1`` or ``[2001:db8::1]:567``, if it is one. An
    IPv4 address in IPv6 form is an IPv4 address."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address

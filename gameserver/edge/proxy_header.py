"""The header of HAProxy's PROXY protocol, versions 1 and 2, at the beginning of a connection. Pure.

Source: https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt. Law: nothing of a connection is understood before
its header is whole; a header that is none ends the connection. Bound: HEADER_BYTES_MAX.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import Final, NamedTuple

HEADER_BYTES_MAX: Final = 4096  # with a proxy's notes about TLS; an address alone has 107 at most
_LINE_BYTES_MAX: Final = 107
_LINE_START: Final = b"PROXY "
_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_FIXED: Final = struct.Struct("!12sBBH")  # signature, version and command, family, bytes that follow
_ADDRESS_BYTES: Final = {0x11: 4, 0x12: 4, 0x21: 16, 0x22: 16}  # family -> bytes of an address; each is there twice
_PORTS_BYTES: Final = 4
_LOCAL, _PROXY = 0x20, 0x21


class BadHeaderError(ValueError):
    """These bytes are no PROXY header."""


class Header(NamedTuple):
    """``client`` is None when the proxy speaks for itself, or does not know: then the peer's address stands."""

    client: str | None
    bytes: int


def read_header(data: bytes) -> Header | None:
    """Return the header that ``data`` begins with; None while it is not whole. Raises BadHeaderError."""
    if data.startswith(_SIGNATURE[: len(data)]):
        return _read_binary(data) if len(data) >= _FIXED.size else None
    if data.startswith(_LINE_START[: len(data)]):
        return _read_line(data)
    raise BadHeaderError("neither version 1 nor 2")


def _read_line(data: bytes) -> Header | None:
    end = data.find(b"\r\n", 0, _LINE_BYTES_MAX)
    if end < 0:
        if len(data) >= _LINE_BYTES_MAX or b"\n" in data:
            raise BadHeaderError("the line does not end")
        return None
    words = data[:end].decode("ascii", "replace").split(" ")
    if words[1:2] == ["UNKNOWN"]:
        return Header(None, end + 2)
    if len(words) != 6 or words[1] not in ("TCP4", "TCP6"):
        raise BadHeaderError("not six words")
    version = 4 if words[1] == "TCP4" else 6
    addresses = [_address(word) for word in words[2:4]]
    ports_are_right = all(word.isascii() and word.isdigit() and int(word) < 1 << 16 for word in words[4:])
    if not ports_are_right or any(address.version != version for address in addresses):
        raise BadHeaderError("no addresses and ports")
    return Header(str(addresses[0]), end + 2)


def _address(word: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(word)
    except ValueError:
        raise BadHeaderError("no address") from None


def _read_binary(data: bytes) -> Header | None:
    _, command, family, rest_bytes = _FIXED.unpack_from(data)
    whole = _FIXED.size + rest_bytes
    if command not in (_LOCAL, _PROXY) or whole > HEADER_BYTES_MAX:
        raise BadHeaderError("an unknown command, or too long")
    if len(data) < whole:
        return None
    address_bytes = _ADDRESS_BYTES.get(family)
    if command == _LOCAL or address_bytes is None:  # its own health check, or a Unix socket
        return Header(None, whole)
    if rest_bytes < 2 * address_bytes + _PORTS_BYTES:
        raise BadHeaderError("no room for the addresses")
    return Header(str(ipaddress.ip_address(data[_FIXED.size : _FIXED.size + address_bytes])), whole)

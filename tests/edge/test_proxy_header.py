"""The header of the PROXY protocol. Pure."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.edge.proxy_header import HEADER_BYTES_MAX, BadHeaderError, Header, read_header


def binary(client: str, *, command: int = 0x21, family: int = 0x11, more: bytes = b"", shorter: int = 0) -> bytes:
    version = socket.AF_INET6 if ":" in client else socket.AF_INET
    addresses = socket.inet_pton(version, client) * 2 + struct.pack("!HH", 51234, 443) + more
    addresses = addresses[: len(addresses) - shorter]
    return b"\r\n\r\n\x00\r\nQUIT\n" + struct.pack("!BBH", command, family, len(addresses)) + addresses


WHOLE = [
    (b"PROXY TCP4 203.0.113.7 10.0.0.1 51234 443\r\n", "203.0.113.7"),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 51234 443\r\n", "2001:db8::7"),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None),
    (binary("203.0.113.7"), "203.0.113.7"),
    (binary("2001:db8::7", family=0x21), "2001:db8::7"),
    (binary("203.0.113.7", more=b"\x03\x00\x04abcd"), "203.0.113.7"),  # notes behind the addresses
    (binary("203.0.113.7", command=0x20), None),  # LOCAL: the proxy's own health check
    (b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00", None),
    (binary("203.0.113.7", family=0x31, more=b"x" * 204), None),  # a Unix socket
]


@pytest.mark.parametrize(("header", "client"), WHOLE)
def test_a_header_is_read_when_it_is_whole(header: bytes, client: str | None) -> None:
    for behind in (b"", b"GET / HTTP/1.1\r\n"):
        assert read_header(header + behind) == Header(client, len(header))
    for length in range(len(header)):
        assert read_header(header[:length]) is None


@pytest.mark.parametrize(
    "header",
    [
        b"GET / HTTP/1.1\r\n",
        b"PROXY TCP4 203.0.113.7 10.0.0.1 51234\r\n",
        b"PROXY TCP4 203.0.113.7 10.0.0.1 51234 443\n",
        b"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
        b"PROXY TCP4 300.0.113.7 10.0.0.1 1 2\r\n",
        b"PROXY TCP4 203.0.113.7 10.0.0.1 1 99999\r\n",
        b"PROXY TCP4 203.0.113.7 10.0.0.1 1 -2\r\n",
        b"PROXY TCP5 203.0.113.7 10.0.0.1 1 2\r\n",
        b"PROXY " + b"x" * 200,
        b"PROXX",
        binary("203.0.113.7", command=0x22),
        binary("203.0.113.7", command=0x11),
        binary("203.0.113.7", shorter=1),
        binary("203.0.113.7", more=b"x" * HEADER_BYTES_MAX),
    ],
)
def test_anything_else_is_no_header(header: bytes) -> None:
    with pytest.raises(BadHeaderError):
        read_header(header)


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    for start in (b"", b"PROXY TCP4 ", b"\r\n\r\n\x00\r\nQUIT\n"):
        try:
            header = read_header(start + data)
        except BadHeaderError:
            continue
        assert header is None or header.bytes <= len(start + data)

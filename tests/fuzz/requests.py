"""HTTP requests that break the rules, or come from a foreign page, each with the statuses that may answer it."""

from __future__ import annotations

import base64
from random import Random
from typing import NamedTuple

OURS = ("localhost", "127.0.0.1", "[::1]:8765", "app.localhost:80")
FOREIGN = (
    "evil.example",
    "evil.example:8765",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "2130706433",
    "0x7f.1",
)
UNREADABLE = ("", "a b", "user@localhost", "localhost/", "[::1", "localhost:x", "localhost, evil.example", "\x80\xff")


class Hostile(NamedTuple):
    kind: str
    request: bytes
    statuses: tuple[int, ...]


def handshake(random: Random, *, host: str | None = None, origin: str | None = None, extra: str = "") -> bytes:
    """Return a request for a WebSocket."""
    key = base64.b64encode(random.randbytes(16)).decode()
    fields = [f"Host: {random.choice(OURS) if host is None else host}", "Upgrade: websocket", "Connection: Upgrade"]
    fields += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
    if origin is not None:
        fields.append(f"Origin: {origin}")
    return ("\r\n".join(["GET /ws HTTP/1.1", *fields]) + f"\r\n{extra}\r\n").encode("latin-1")


def hostile(random: Random) -> Hostile:
    """Return one of all of them."""
    kind = random.choice(list(KINDS))
    return KINDS[kind](kind, random)


def _plain(random: Random, *, start: str = "", host: str = "Host: localhost\r\n", rest: str = "\r\n") -> bytes:
    start = start or f"GET {random.choice(('/', '/ws', '/healthz', '/readyz'))} HTTP/1.1"
    return f"{start}\r\n{host}{rest}".encode("latin-1")


def _no_host(kind: str, random: Random) -> Hostile:
    return Hostile(kind, _plain(random, host=""), (400,))


def _two_hosts(kind: str, random: Random) -> Hostile:
    hosts = "".join(f"Host: {random.choice(OURS + FOREIGN)}\r\n" for _ in range(random.randrange(2, 5)))
    return Hostile(kind, _plain(random, host=hosts), (400,))


def _unreadable_host(kind: str, random: Random) -> Hostile:
    return Hostile(kind, handshake(random, host=random.choice(UNREADABLE)), (400,))


def _foreign_host(kind: str, random: Random) -> Hostile:
    foreign = random.choice(FOREIGN)
    origin = random.choice((None, f"http://{foreign}", f"https://{foreign}"))
    return Hostile(kind, handshake(random, host=foreign, origin=origin), (403,))


def _foreign_origin(kind: str, random: Random) -> Hostile:
    origins = ("null", "file://", "http://[", "https://localhost.evil.example", *(f"http://{name}" for name in FOREIGN))
    return Hostile(kind, handshake(random, host="localhost", origin=random.choice(origins)), (403,))


def _two_origins(kind: str, random: Random) -> Hostile:
    return Hostile(
        kind, handshake(random, host="localhost", origin="http://localhost\r\nOrigin: http://localhost"), (403,)
    )


def _version(kind: str, random: Random) -> Hostile:
    version = random.choice(("HTTP/0.9", "HTTP/2.0", "HTTP/11", "http/1.1", "HTTPS/1.1", "", "HTTP/1.1 x", "\x00"))
    return Hostile(kind, _plain(random, start=f"GET / {version}"), (400,))


def _no_upgrade(kind: str, random: Random) -> Hostile:
    whole = handshake(random, host="localhost")
    field = random.choice((b"Upgrade: websocket\r\n", b"Connection: Upgrade\r\n"))
    return Hostile(kind, whole.replace(field, b""), (400, 426))


def _websocket_fields(kind: str, random: Random) -> Hostile:
    whole = handshake(random, host="localhost")
    key = next(line for line in whole.split(b"\r\n") if b"-Key" in line)
    changes = (
        (b"Version: 13", random.choice((b"Version: 12", b"Version: x", b"Version: 13\r\nSec-WebSocket-Version: 13"))),
        (
            key,
            random.choice(
                (b"Sec-WebSocket-Key: short", b"X: y", key + b"\r\n" + key, b"Sec-WebSocket-Key: " + b"\xff" * 24)
            ),
        ),
        (b"Upgrade: websocket", random.choice((b"Upgrade: h2c", b"Upgrade: websocket\r\nUpgrade: websocket"))),
        (b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: " + random.choice((b"chat", b",,,", b"a b")) + b"\r\n\r\n"),
    )
    return Hostile(kind, whole.replace(*random.choice(changes)), (400, 426))


def _large(kind: str, random: Random) -> Hostile:
    match random.randrange(4):
        case 0:
            return Hostile(kind, _plain(random, rest="X: " + "x" * random.choice((9000, 16000)) + "\r\n\r\n"), (431,))
        case 1:
            return Hostile(kind, _plain(random, rest="X: x\r\n" * random.choice((150, 2000)) + "\r\n"), (431,))
        case 2:
            return Hostile(kind, _plain(random, start=f"GET /{'x' * random.choice((9000, 15000))} HTTP/1.1"), (414,))
        case _:
            return Hostile(kind, b"x" * 20_000, (414, 431))


def _method(kind: str, random: Random) -> Hostile:
    method = random.choice(("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "PRI", "get", "G\x00T"))
    return Hostile(kind, _plain(random, start=f"{method} / HTTP/1.1"), (400, 405))


def _smuggled(kind: str, random: Random) -> Hostile:
    inner = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    rests = (
        f"Content-Length: {len(inner)}\r\n\r\n{inner}",
        f"Content-Length: 0\r\nContent-Length: {len(inner)}\r\n\r\n{inner}",
        f"Content-Length: {len(inner)}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}",
        f"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}",
        f"Transfer-Encoding : chunked\r\n\r\n{inner}",
        f"Content-Length: -1\r\n\r\n{inner}",
        f"Content-Length: +5\r\n\r\n{inner}",
        f"X: y\r\n folded: z\r\n\r\n{inner}",
        f"X\x00: y\r\n\r\n{inner}",
        f"X: a\x00b\r\n\r\n{inner}",
        f": y\r\n\r\n{inner}",
        f"no colon\r\n\r\n{inner}",
    )
    start = random.choice(("GET / HTTP/1.1", "POST / HTTP/1.1"))
    return Hostile(kind, _plain(random, start=start, rest=random.choice(rests)), (400, 405))


def _pipelined(kind: str, random: Random) -> Hostile:
    return Hostile(kind, _plain(random, start="GET /healthz HTTP/1.1") * random.randrange(2, 20), (200,))


def _traversal(kind: str, random: Random) -> Hostile:
    paths = (
        "/../pyproject.toml",
        "/%2e%2e/app.py",
        "//etc/passwd",
        "/..\\app.py",
        "*",
        "http://evil.example/",
        "/metrics",
    )
    return Hostile(kind, _plain(random, start=f"GET {random.choice(paths)} HTTP/1.1"), (404,))


def _no_http(kind: str, random: Random) -> Hostile:
    begins = (
        b"\x16\x03\x01\x02\x00\x01\n",
        b"SSH-2.0-x",
        b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2",
        b"*1\r\n$4\r\nPING",
        b"\x00" * 9,
    )
    noise = random.randbytes(random.randrange(200)).replace(b"\n", b"?")
    return Hostile(kind, random.choice(begins) + noise + b"\r\n\r\n", (400,))


KINDS = {
    "no Host": _no_host,
    "several Hosts": _two_hosts,
    "unreadable Host": _unreadable_host,
    "foreign Host": _foreign_host,
    "foreign Origin": _foreign_origin,
    "two Origins": _two_origins,
    "HTTP version": _version,
    "no upgrade": _no_upgrade,
    "WebSocket fields": _websocket_fields,
    "large": _large,
    "method": _method,
    "smuggled": _smuggled,
    "pipelined": _pipelined,
    "traversal": _traversal,
    "no HTTP": _no_http,
}

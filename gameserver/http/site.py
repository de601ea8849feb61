"""Answers to plain HTTP requests: the page, ``/healthz``, ``/readyz``, ``/metrics``. No I/O after the start.

Law: only files listed at the start can be asked for, so no path reaches outside the folder.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import NamedTuple

import orjson
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

Ready = Callable[[], tuple[bool, dict[str, object]]]
"""(whether this node is ready for players, its checks by name)"""

CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
}
_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"
_NAME_AND_PORT = re.compile(r"[A-Za-z0-9._-]+(:\d{1,5})?")
log = structlog.get_logger(__name__)


class Reply(NamedTuple):
    status: int
    content_type: str
    body: bytes
    etag: str = ""
    allow: str = ""
    authenticate: str = ""


Route = Callable[[Request], Reply]
Routes = Mapping[str, Route]


def text_reply(status: int, text: str) -> Reply:
    return Reply(status, _TEXT, f"{text}\n".encode())


def security_headers(host: str = "") -> list[tuple[str, str]]:
    """Return the headers that every response carries. ``host`` is the request's ``Host``, if that was checked."""
    sources = "'self'"
    if _NAME_AND_PORT.fullmatch(host):  # 'self' alone does not cover WebSockets in older browsers
        sources += f" ws://{host} wss://{host}"
    policy = (
        f"default-src 'self'; connect-src {sources}; object-src 'none'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    return [
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Content-Security-Policy", policy),
    ]


def serialized_security_headers() -> bytes:
    """Return the headers as lines, for a response that is written by hand."""
    return b"".join(f"{name}: {value}\r\n".encode() for name, value in security_headers())


def secure(response: Response) -> None:
    """Give a response of the WebSocket library the headers that it lacks."""
    for name, value in (("Cache-Control", "no-store"), *security_headers()):
        if name not in response.headers:
            response.headers[name] = value


class Site:
    """Answers GET and HEAD for a fixed set of paths."""

    def __init__(self, routes: Routes):
        self._routes = routes

    def answer(self, request: Request) -> Response:
        reply = self._reply(request)
        if reply.etag and reply.etag in request.headers.get_all("If-None-Match"):
            reply = reply._replace(status=304)
        return respond(reply, request)

    def _reply(self, request: Request) -> Reply:
        if request.method not in ("GET", "HEAD"):
            return Reply(405, _TEXT, b"Only GET and HEAD are understood here.\n", allow="GET, HEAD")
        route = self._routes.get(request.path.partition("?")[0])
        if route is None:
            return text_reply(404, "There is nothing here.")
        try:
            return route(request)
        except Exception:
            log.exception("route_failed", path=request.path[:100])
            return text_reply(500, "An error on our side.")


def health(_: Request) -> Reply:
    """The process answers; nothing more is said."""
    return Reply(200, _JSON, b'{"ok":true}\n')


def readiness(ready: Ready, _: Request) -> Reply:
    is_ready, details = ready()
    return Reply(
        200 if is_ready else 503, _JSON, orjson.dumps({"ready": is_ready, **details}, option=orjson.OPT_APPEND_NEWLINE)
    )


def metrics(registry: CollectorRegistry, _: Request) -> Reply:
    return Reply(200, CONTENT_TYPE_LATEST, generate_latest(registry))


def health_routes(ready: Ready) -> dict[str, Route]:
    return {"/healthz": health, "/readyz": partial(readiness, ready)}


def file_routes(folder: Traversable) -> dict[str, Route]:
    """A route for each file of a known type below ``folder``, read now; ``index.html`` is also its folder's path."""
    routes: dict[str, Route] = {}
    for path, file in _files(folder, "/"):
        if content_type := CONTENT_TYPES.get(PurePosixPath(path).suffix):
            routes[path] = route = partial(_same_reply, _file_reply(content_type, file.read_bytes()))
            if path.endswith("/index.html"):
                routes[path.removesuffix("index.html")] = route
    return routes


def page_routes(page: Callable[[str], bytes]) -> dict[str, Route]:
    """Return the routes of one page of HTML, which is made for the ``Host`` of each request."""

    def route(request: Request) -> Reply:
        return _file_reply(CONTENT_TYPES[".html"], page(request.headers.get("Host", "localhost")))

    return {"/": route, "/index.html": route}


def _files(folder: Traversable, below: str) -> Iterator[tuple[str, Traversable]]:
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry, f"{below}{entry.name}/")
        else:
            yield f"{below}{entry.name}", entry


def _file_reply(content_type: str, body: bytes) -> Reply:
    return Reply(200, content_type, body, etag=f'"{hashlib.sha256(body).hexdigest()[:20]}"')


def _same_reply(reply: Reply, _: Request) -> Reply:
    return reply


def respond(reply: Reply, request: Request) -> Response:
    """Return the reply as the response to this request."""
    hosts = request.headers.get_all("Host")
    headers = Headers(
        [
            ("Connection", "close"),
            ("Content-Type", reply.content_type),
            ("Content-Length", str(len(reply.body))),
            ("Cache-Control", "no-cache" if reply.etag else "no-store"),
            *security_headers(hosts[0] if len(hosts) == 1 else ""),
        ]
    )
    if reply.etag:
        headers["ETag"] = reply.etag
    if reply.allow:
        headers["Allow"] = reply.allow
    if reply.authenticate:
        headers["WWW-Authenticate"] = reply.authenticate
    has_body = reply.status != 304 and request.method != "HEAD"
    return Response(reply.status, HTTPStatus(reply.status).phrase, headers, reply.body if has_body else b"")

"""What plain HTTP requests get: the page, ``/healthz``, ``/readyz``, ``/metrics``. No I/O after the start.

Law: only files listed at the start can be asked for, so no path reaches outside the folder.
"""

from __future__ import annotations

import hashlib
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
"""(is this node ready for players, what is or is not well)"""

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
_SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    (
        "Content-Security-Policy",
        # 'self' alone does not cover WebSockets in older browsers
        "default-src 'self'; connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'",
    ),
)
_log = structlog.get_logger(__name__)


class Reply(NamedTuple):
    status: int
    content_type: str
    body: bytes
    etag: str = ""
    allow: str = ""


Routes = Mapping[str, Callable[[], Reply]]


class Site:
    """Answers GET and HEAD for a fixed set of paths."""

    def __init__(self, routes: Routes):
        self._routes = routes

    def answer(self, request: Request) -> Response:
        reply = self._reply(request)
        if reply.etag and reply.etag in request.headers.get_all("If-None-Match"):
            return _response(reply._replace(status=304), with_body=False)
        return _response(reply, with_body=request.method != "HEAD")

    def _reply(self, request: Request) -> Reply:
        if request.method not in ("GET", "HEAD"):
            return Reply(405, _TEXT, b"Only GET and HEAD are understood here.\n", allow="GET, HEAD")
        route = self._routes.get(request.path.partition("?")[0])
        if route is None:
            return Reply(404, _TEXT, b"There is nothing here.\n")
        try:
            return route()
        except Exception:
            _log.exception("route_failed", path=request.path[:100])
            return Reply(500, _TEXT, b"An error on our side.\n")


def health() -> Reply:
    """The process answers; nothing more is said."""
    return Reply(200, _JSON, b'{"ok":true}\n')


def readiness(ready: Ready) -> Reply:
    is_ready, details = ready()
    return Reply(
        200 if is_ready else 503, _JSON, orjson.dumps({"ready": is_ready, **details}, option=orjson.OPT_APPEND_NEWLINE)
    )


def metrics(registry: CollectorRegistry) -> Reply:
    return Reply(200, CONTENT_TYPE_LATEST, generate_latest(registry))


def health_routes(ready: Ready) -> dict[str, Callable[[], Reply]]:
    return {"/healthz": health, "/readyz": partial(readiness, ready)}


def file_routes(folder: Traversable) -> dict[str, Callable[[], Reply]]:
    """A route for each file of a known type below ``folder``, read now; ``index.html`` is also its folder's path."""
    routes: dict[str, Callable[[], Reply]] = {}
    for path, file in _files(folder, "/"):
        if content_type := CONTENT_TYPES.get(PurePosixPath(path).suffix):
            routes[path] = route = partial(_file_reply, content_type, file.read_bytes())
            if path.endswith("/index.html"):
                routes[path.removesuffix("index.html")] = route
    return routes


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


def _response(reply: Reply, *, with_body: bool) -> Response:
    headers = Headers(
        [
            ("Connection", "close"),
            ("Content-Type", reply.content_type),
            ("Content-Length", str(len(reply.body))),
            ("Cache-Control", "no-cache" if reply.etag else "no-store"),
            *_SECURITY_HEADERS,
        ]
    )
    if reply.etag:
        headers["ETag"] = reply.etag
    if reply.allow:
        headers["Allow"] = reply.allow
    return Response(reply.status, HTTPStatus(reply.status).phrase, headers, reply.body if with_body else b"")

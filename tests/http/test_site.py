"""Plain HTTP: only listed files, clear refusals, headers that keep a browser careful. Pure."""

from __future__ import annotations

from functools import partial
from importlib import resources
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from gameserver.http.site import Site, file_routes, health_routes, metrics


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    web = tmp_path / "web"
    (web / "sub").mkdir(parents=True)
    (tmp_path / "secret.js").write_text("secret")
    (web / "index.html").write_text("<p>page")
    (web / "sub" / "game.js").write_text("let a")
    (web / "notes.py").write_text("secret")
    return web


def get(site: Site, path: str, method: str = "GET", **headers: str) -> Response:
    headers.setdefault("Host", "localhost")
    return site.answer(Request(path, Headers(headers), method))


@pytest.mark.parametrize(
    ("path", "content_type", "body"),
    [
        ("/", "text/html; charset=utf-8", b"<p>page"),
        ("/index.html", "text/html; charset=utf-8", b"<p>page"),
        ("/?a=b", "text/html; charset=utf-8", b"<p>page"),
        ("/sub/game.js", "text/javascript; charset=utf-8", b"let a"),
    ],
)
def test_files_below_the_folder_are_served(folder: Path, path: str, content_type: str, body: bytes) -> None:
    response = get(Site(file_routes(folder)), path)
    assert (response.status_code, response.headers["Content-Type"], response.body) == (200, content_type, body)
    assert response.headers["Content-Length"] == str(len(body))
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path",
    ["/../secret.js", "/%2e%2e/secret.js", "/sub/../../secret.js", "//secret.js", "/..\\secret.js", "/sub", "/sub/",
     "/notes.py", "/nothing", "", "*", "http://localhost/", "/index.html/", "/index.html%00.js"],
)  # fmt: skip
def test_everything_else_is_not_there(folder: Path, path: str) -> None:
    response = get(Site(file_routes(folder)), path)
    assert response.status_code == 404
    assert b"secret" not in response.body


def test_a_missing_folder_serves_nothing(tmp_path: Path) -> None:
    assert file_routes(tmp_path / "nowhere") == {}


def test_the_package_brings_a_page() -> None:
    assert "/" in file_routes(resources.files("gameserver") / "web")


@pytest.mark.parametrize(
    ("host", "sources"),
    [
        ("game.example", "connect-src 'self' ws://game.example wss://game.example;"),
        ("localhost:8765", "connect-src 'self' ws://localhost:8765 wss://localhost:8765;"),
        ("[::1]:8765", "connect-src 'self';"),  # the policy's grammar has no IPv6 addresses
        ("x; script-src *", "connect-src 'self';"),
    ],
)
def test_the_page_may_connect_to_our_own_websocket_only(folder: Path, host: str, sources: str) -> None:
    response = get(Site(file_routes(folder)), "/", Host=host)
    assert sources in response.headers["Content-Security-Policy"]


def test_other_methods_are_refused_with_what_is_allowed(folder: Path) -> None:
    response = get(Site(file_routes(folder)), "/", "DELETE")
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD")


def test_head_says_the_length_and_sends_no_body(folder: Path) -> None:
    response = get(Site(file_routes(folder)), "/", "HEAD")
    assert (response.status_code, response.headers["Content-Length"], response.body) == (200, "7", b"")


def test_an_unchanged_file_is_not_sent_again(folder: Path) -> None:
    site = Site(file_routes(folder))
    tag = get(site, "/").headers["ETag"]
    again = get(site, "/", **{"If-None-Match": tag})
    assert (again.status_code, again.body) == (304, b"")
    assert get(site, "/", **{"If-None-Match": '"other"'}).status_code == 200


def test_readiness_is_200_or_503_and_says_why() -> None:
    for is_ready, status in ((True, 200), (False, 503)):
        verdict: tuple[bool, dict[str, object]] = (is_ready, {"redis": "away"})
        site = Site(health_routes(partial(_same, verdict)))
        response = get(site, "/readyz")
        assert response.status_code == status
        assert b'"redis":"away"' in response.body
        assert get(site, "/healthz").status_code == 200


def test_a_readiness_check_that_breaks_is_an_error_without_detail() -> None:
    def broken() -> tuple[bool, dict[str, object]]:
        raise RuntimeError("secret")

    response = get(Site(health_routes(broken)), "/readyz")
    assert response.status_code == 500
    assert b"secret" not in response.body


def test_metrics_are_in_the_format_prometheus_reads() -> None:
    registry = CollectorRegistry()
    Counter("things_total", "Things", registry=registry).inc(3)
    reply = metrics(registry, Request("/metrics", Headers()))
    assert b"things_total 3.0" in reply.body
    assert reply.content_type.startswith("text/plain")


def _same(verdict: tuple[bool, dict[str, object]]) -> tuple[bool, dict[str, object]]:
    return verdict

"""The URLs that the settings sql_url and redis_url may hold: which schemes, which options, and which TLS they ask for.
Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gameserver.urls import StoreUrl, parse

SQL_SCHEMES = ("mysql", "mysql+aiomysql", "mariadb", "mariadb+aiomysql", "sqlite", "sqlite+aiosqlite")
REDIS_SCHEMES = (
    "redis",
    "rediss",
    "unix",
    "redis+sentinel",
    "rediss+sentinel",
    "redis+cluster",
    "rediss+cluster",
)
SQL_OPTIONS = ("charset", "ssl", "ssl_ca", "ssl_cert", "ssl_check_hostname", "ssl_key", "ssl_mode", "unix_socket")
REDIS_TLS_OPTIONS = (
    "ssl_ca_certs",
    "ssl_ca_path",
    "ssl_cert_reqs",
    "ssl_certfile",
    "ssl_check_hostname",
    "ssl_keyfile",
    "ssl_password",
)
REDIS_OPTIONS = (
    "client_name",
    "db",
    "password",
    "sentinel_password",
    "sentinel_username",
    "socket_connect_timeout",
    "socket_keepalive",
    "socket_timeout",
    "username",
    *REDIS_TLS_OPTIONS,
)
_MODES = ("disabled", "required", "verify_ca", "verify_identity")
_SWITCH = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Tls:
    """Encrypted in every mode; ``ca``, ``cert`` and ``key`` are names of files."""

    verifies_ca: bool
    verifies_name: bool
    ca: str | None = None
    cert: str | None = None
    key: str | None = None


def check_sql(url: str) -> None:
    """Raises ValueError, without secrets, for a URL that this server cannot use."""
    _check_scheme(url, SQL_SCHEMES)
    if url.startswith("sqlite"):
        if "?" in url:
            raise ValueError("a sqlite:/// URL has no options")
        return
    tls_of(parse_mysql(url))


def parse_mysql(url: str) -> StoreUrl:
    """Raises ValueError, without secrets."""
    found = parse(url, options=SQL_OPTIONS)
    if len(found.hosts) > 1:
        raise ValueError("has to name one host")
    if not found.hosts and "unix_socket" not in found.options:
        raise ValueError("names no host; write mysql://user:password@host/database")
    if not found.path or "/" in found.path:
        raise ValueError("the mysql URL names no database; write mysql://user:password@host/database")
    if found.options.get("charset", "utf8mb4") != "utf8mb4":
        raise ValueError("charset can only be utf8mb4")
    return found


def tls_of(url: StoreUrl) -> Tls | None:
    """Return the TLS that a mysql:// URL asks for. Raises ValueError where its options contradict each other."""
    options = url.options
    files = {name: options.get(f"ssl_{name}") for name in ("ca", "cert", "key")}
    mode = options.get("ssl_mode", "").lower().replace("-", "_")
    if mode and mode not in _MODES:
        raise ValueError(f"ssl_mode is one of {', '.join(_MODES)}")
    asked = _switch(options, "ssl", bool(mode and mode != "disabled") or any(files.values()))
    is_named = _switch(options, "ssl_check_hostname", mode != "verify_ca")
    if not asked or mode == "disabled":
        if any(files.values()) or asked or mode not in ("", "disabled"):
            raise ValueError("ssl=false and ssl_mode=disabled contradict the URL's other ssl options")
        return None
    if bool(files["cert"]) != bool(files["key"]):
        raise ValueError("ssl_cert and ssl_key belong together")
    verifies_ca = mode.startswith("verify_") or (not mode and files["ca"] is not None)
    return Tls(verifies_ca=verifies_ca, verifies_name=verifies_ca and is_named, **files)


def check_redis(url: str) -> None:
    """Raises ValueError, without secrets, for a URL that this server cannot use."""
    _check_scheme(url, REDIS_SCHEMES)
    found = parse(url, options=REDIS_OPTIONS)
    if not found.scheme.startswith("rediss") and any(name in REDIS_TLS_OPTIONS for name in found.options):
        raise ValueError("options that begin with ssl_ need TLS: write rediss:// instead of redis://")
    if found.scheme == "unix":
        if found.hosts or not found.path:
            raise ValueError("has to name a socket, like unix:///run/redis.sock")
        return
    if not found.hosts:
        raise ValueError("names no host")
    if found.scheme.endswith("+sentinel"):
        if not re.fullmatch(r"[^/]+(/\d+)?/?", found.path):
            raise ValueError("has to name hosts and a service, like redis+sentinel://host:26379,host:26379/service/0")
    elif found.scheme.endswith("+cluster"):
        if found.path or "/" in url.partition("://")[2].partition("?")[0]:
            raise ValueError("has to name hosts and no database, like redis+cluster://host:6379,host:6379")
    elif len(found.hosts) > 1:
        raise ValueError("names several hosts: write redis+sentinel:// or redis+cluster://")
    elif not re.fullmatch(r"\d*", found.path):
        raise ValueError("what follows the host is a database, a number")


def _check_scheme(url: str, schemes: tuple[str, ...]) -> None:
    if url.partition("://")[0] not in schemes:
        raise ValueError(
            f"has to begin with one of {', '.join(f'{scheme}://' for scheme in schemes)}, and has another scheme"
        )


def _switch(options: Mapping[str, str], name: str, default: bool) -> bool:
    written = options.get(name)
    if written is None:
        return default
    if written.lower() not in _SWITCH:
        raise ValueError(f"{name} is true or false")
    return _SWITCH[written.lower()]

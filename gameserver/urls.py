"""The URLs of stores, read strictly: scheme://user:password@host:port,host:port/path?option=value. Pure.

Law: whatever could be read in two ways is refused, and no message repeats any part of a URL but an option's name. A
password with a ``/`` in it would otherwise end up in the path, and from there in a log.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

ENCODE = (
    "in a user, a password and an option write %25 for %, %2F for /, %3F for ?, %23 for #, %40 for @, %20 for a blank"
)
NAMES_SHOWN_MAX = 40  # characters of an option's name

Host = tuple[str, int | None]

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_.])?")
_OPTION = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """Parts of a store's URL, decoded. ``path`` has no leading slash."""

    scheme: str
    user: str | None
    password: str | None = field(repr=False)
    hosts: tuple[Host, ...]
    path: str
    options: Mapping[str, str] = field(repr=False)


def parse(url: str, *, options: Collection[str]) -> StoreUrl:
    """Read the URL of a server, or of several. ``options`` may follow the ``?``. Raises ValueError, without secrets."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        raise ValueError("is no URL: it has no ://")
    _check_characters(rest)
    place, _, query = rest.partition("?")
    authority, _, path = place.partition("/")
    if "@" in path or "@" in query or authority.count("@") > 1:
        raise ValueError(f"a character of the user or the password has to be percent-encoded: {ENCODE}")
    credentials, at, hosts = authority.rpartition("@")
    user, colon, password = credentials.partition(":")
    return StoreUrl(
        scheme=scheme.lower(),
        user=_decoded(user) or None if at else None,
        password=_decoded(password) if colon else None,
        hosts=tuple(_host(host) for host in hosts.split(",")) if hosts else (),
        path=_decoded(path),
        options=_options(query, options),
    )


def _check_characters(rest: str) -> None:
    if "#" in rest:
        raise ValueError(f"a # has to be percent-encoded: {ENCODE}")
    if any(character.isspace() or not character.isprintable() for character in rest):
        raise ValueError(f"a blank or a control character has to be percent-encoded: {ENCODE}")
    if _STRAY_PERCENT.search(rest):
        raise ValueError(f"a % has to be followed by two hexadecimal digits: {ENCODE}")


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("what is percent-encoded has to be UTF-8") from None


def _host(text: str) -> Host:
    """One of the hosts; the port is None where there is none."""
    if text.startswith("["):
        name, bracket, port = text[1:].partition("]")
        if not bracket or not _is_ipv6(name) or (port and not port.startswith(":")):
            raise ValueError("an IPv6 address is written in brackets, like [2001:db8::1]:3306")
        return name, _port(port[1:]) if port else None
    name, colon, port = text.partition(":")
    if ":" in port:
        raise ValueError("an IPv6 address is written in brackets, like [2001:db8::1]:3306")
    if not _HOST.fullmatch(name):
        raise ValueError(f"a host is missing or is no name; hosts are written host:port,host:port; {ENCODE}")
    return name, _port(port) if colon else None


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) < 65536:
        raise ValueError(f"what follows a host's colon has to be a port, 1 to 65535; {ENCODE}")
    return int(text)


def _options(query: str, known: Collection[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in query.split("&") if query else ():
        name, equals, value = pair.partition("=")
        if not _OPTION.fullmatch(name):
            raise ValueError("what follows the ? has to be name=value&name=value")
        if name not in known:
            shown = name[:NAMES_SHOWN_MAX]
            raise ValueError(f"there is no option {shown}; there are {', '.join(sorted(known)) or 'none'}")
        if not equals or name in found:
            raise ValueError(f"the option {name} has to be written once, as {name}=value")
        found[name] = _decoded(value)
    return found

r"""Packs commands into RESP, the bytes that Redis speaks. Pure.

A command is an array of byte strings, each with its length in bytes: ``HSET session:{5}:7 x 1.5`` is

    *4\r\n  $4\r\nHSET\r\n  $13\r\nsession:{5}:7\r\n  $1\r\nx\r\n  $3\r\n1.5\r\n

(without the blanks). Lengths make every value safe: nothing inside a word is ever looked at. Commands written one
after the other are a pipeline; one reply comes back for each, in order. See redis.io/docs/reference/protocol-spec.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final


class _Heads(dict[int, bytes]):
    """Number -> the line that announces it; made in advance where numbers are small, and made anew where not, so that
    no value that a client can influence makes this grow."""

    def __init__(self, picture: bytes, below: int):
        super().__init__((number, picture % number) for number in range(below))
        self._picture = picture

    def __missing__(self, number: int) -> bytes:
        return self._picture % number


_LENGTH: Final = _Heads(b"$%d", 1024)
_HSET: Final = _Heads(b"*%d\r\n$4\r\nHSET", 130)


def pack(*words: bytes) -> bytes:
    """Any command."""
    return b"*%d\r\n" % len(words) + b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in words])


def pack_hset(key: bytes, fields: Sequence[bytes]) -> bytes:
    """``fields`` alternates names and values. The pieces are joined once, with the length lines from a table."""
    words = len(fields)
    if words == 0 or words % 2:
        raise ValueError(f"{words} words are not pairs of a name and a value")
    lines = [_HSET[words + 2], _LENGTH[len(key)], key]
    for word in fields:
        lines += (_LENGTH[len(word)], word)
    lines.append(b"")
    return b"\r\n".join(lines)


def hset_template(*names: bytes) -> bytes:
    """An HSET of these names to which only the key and the values are missing: ``picture % (len(key), key, len(value),
    value, …)`` packs it, in a third of the time that ``pack_hset`` takes."""
    lines = [_HSET[2 * len(names) + 2], b"$%d", b"%b"]
    for name in names:
        lines += (_LENGTH[len(name)], name.replace(b"%", b"%%"), b"$%d", b"%b")
    lines.append(b"")
    return b"\r\n".join(lines)

"""Which names there are, and when two of them are the same. Pure.

Law: two names are one if their keys are equal bytes: NFKC makes one of all widths and compositions, casefold of all
cases, and NFKC once more of what casefold took apart.
"""

from __future__ import annotations

import unicodedata

from gameserver.protocol import names
from gameserver.protocol.errors import Refusal, RefusalCode

NAME_LENGTH_MIN = 2
NAME_LENGTH_MAX = 24  # characters, after NFKC
_MARKS = frozenset(" _-.")


def name_key(name: str) -> bytes:
    """What a name is looked up by in SQL: bytes, so that no collation has a say."""
    return names.name_key(name).encode()


def checked_name(wish: str) -> str:
    """The name as it will be shown (NFKC). Raises Refusal (BAD_NAME) saying what is wrong."""
    name = unicodedata.normalize("NFKC", wish)
    if _visible(name) < NAME_LENGTH_MIN or len(name) > NAME_LENGTH_MAX:
        raise _bad(f"a name has {NAME_LENGTH_MIN} to {NAME_LENGTH_MAX} characters")
    if name != name.strip() or "  " in name:
        raise _bad("a name has single spaces, and only inside")
    if not all(_is_allowed(character) for character in name):
        raise _bad("a name is made of letters, digits, spaces and _ - .")
    return name


def _is_allowed(character: str) -> bool:
    """Letters of every script, with the marks they need (Hindi and Thai cannot be written without), and digits."""
    return character in _MARKS or unicodedata.category(character) in ("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd")


def _visible(name: str) -> int:
    return sum(character.isalnum() for character in name)


def _bad(reason: str) -> Refusal:
    return Refusal(RefusalCode.BAD_NAME, reason, field="name")

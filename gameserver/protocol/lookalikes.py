"""Texts that look alike, by the skeletons of Unicode Technical Standard 39, and texts that look like staff. Pure.

``confusables.txt`` beside this module has the characters that look alike, and says where they are from.
"""

from __future__ import annotations

import re
import unicodedata
from importlib import resources
from typing import Final

KEY_BYTES_MAX: Final = 255
_FILE: Final = "confusables.txt"
_WORDS: Final = re.compile(r"[^ _.-]+")
_ALONE: Final = frozenset(("admin", "administrator", "moderator", "gamemaster", "staff"))  # also as one word of several


def skeleton(text: str) -> str:
    """Return a text that every text of the same looks has in common. It is not for people to see."""
    mapped = unicodedata.normalize("NFD", text).translate(_PROTOTYPES).casefold()
    return unicodedata.normalize("NFD", mapped.translate(_PROTOTYPES))  # again: a small letter may look like another


def skeleton_key(name: str) -> bytes:
    """Return the value that SQL compares: no two new accounts have the same."""
    return skeleton(unicodedata.normalize("NFKC", name)).encode()[:KEY_BYTES_MAX]


def staff_forms(name: str) -> frozenset[str]:
    """Return the forms under which a name looks like a reserved one: all of it without digits at its ends and without
    separators, and each word that alone makes people believe in staff. i, l, I and 1 are one letter here."""
    words = _WORDS.findall(name)
    whole = "".join(words)
    forms = {_folded(whole), _folded(whole.strip("0123456789"))}
    return frozenset(forms | {word for word in map(_folded, words) if word in _ALONE_FOLDED}) - {""}


def _folded(word: str) -> str:
    return skeleton(unicodedata.normalize("NFKC", word).casefold()).replace("i", "l")


def _read_prototypes() -> dict[int, str]:
    """Return the look of each character: the one it is taken for."""
    text = resources.files("gameserver.protocol").joinpath(_FILE).read_text(encoding="utf-8")
    rows = (line.split(" ") for line in text.splitlines() if not line.startswith("#"))
    return {ord(alike): prototype for prototype, *others in rows for alike in others}


_PROTOTYPES: Final = _read_prototypes()
_ALONE_FOLDED: Final = frozenset(map(_folded, _ALONE))

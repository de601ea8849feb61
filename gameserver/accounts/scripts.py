"""Whether a text mixes scripts, after "Highly Restrictive" of Unicode Technical Standard 39. Pure.

Python knows no scripts, but the first word of a letter's name in Unicode is its script, with few exceptions.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_TOGETHER: Final = (  # one script, or scripts that East Asian languages mix
    frozenset(("LATIN", "CJK", "HIRAGANA", "KATAKANA")),
    frozenset(("LATIN", "CJK", "BOPOMOFO")),
    frozenset(("LATIN", "CJK", "HANGUL")),
)
_OF_EVERY_SCRIPT: Final = frozenset(("COMBINING", "MODIFIER", "VEDIC"))
_OTHERWISE: Final = {"IDEOGRAPHIC": "CJK", "EXTENDED": "ARABIC"}  # the iteration mark, and the digits of Persian


def are_mixed(text: str) -> bool:
    """Return whether the letters and digits of ``text`` are of scripts that nobody writes together."""
    scripts = {script for character in text if (script := script_of(character))}
    return len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER)


def script_of(character: str) -> str:
    """Return the script of a letter, mark or digit as Unicode's names call it; empty for characters that every script
    uses.
    """
    if unicodedata.category(character)[0] not in "LMN" or character in "0123456789":
        return ""
    first = unicodedata.name(character, "UNKNOWN").replace("-", " ").split(" ")[0]
    return "" if first in _OF_EVERY_SCRIPT else _OTHERWISE.get(first, first)

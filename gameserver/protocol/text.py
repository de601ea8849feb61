"""The characters of texts that players show to others: chat lines, names, and texts of a game's own. Pure.

Law: a text that was let through shows something, stays on its line, and keeps to the direction it was written in.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from gameserver.protocol.errors import Refusal, RefusalCode

MARKS_MAX: Final = 4  # one behind the other on one letter: Unicode Technical Standard 39, 5.4

_IGNORABLE: Final = (  # Default_Ignorable_Code_Point: shows nothing, and much of it is a letter by its category
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_JOINERS: Final = frozenset(
    "\u200c\u200d" + "".join(map(chr, range(0xFE00, 0xFE10)))
)  # Persian, Hindi, emoji need them
_BLANK: Final = frozenset("\u2800\U0001d159")  # symbols without ink
_REORDERING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNFIT_CATEGORIES: Final = frozenset(("Cc", "Cs", "Zl", "Zp"))
_FIND_IGNORABLE: Final = re.compile(f"[{_IGNORABLE}]")


def is_ignorable(character: str) -> bool:
    """Whether Unicode says that the character shows nothing of its own."""
    return _FIND_IGNORABLE.match(character) is not None


def clean(text: str, field: str = "text") -> str:
    """Return the text in NFC, without characters that show nothing and without surrounding space.

    Raises Refusal (BAD_TEXT) when nothing visible is left, for control characters and characters that reorder the text
    around them, and for more than MARKS_MAX marks on one letter. Markup is text like any other: whoever shows it shows
    it as text.
    """
    normal = unicodedata.normalize("NFC", text)
    if any(_is_unfit(character) for character in normal):
        raise _bad("control characters are not allowed", field)
    shown = "".join(character for character in normal if character in _JOINERS or not is_ignorable(character))
    shown = unicodedata.normalize("NFC", shown).strip()
    if not any(_has_ink(character) for character in shown):
        raise _bad("nothing to say", field)
    if marks_in_a_row(shown) > MARKS_MAX:
        raise _bad(f"a letter has at most {MARKS_MAX} marks", field)
    return shown


def marks_in_a_row(text: str) -> int:
    """Return the length of the longest run of marks that take no room of their own. Joiners count as marks."""
    longest = run = 0
    for character in unicodedata.normalize("NFD", text):
        run = run + 1 if _is_mark(character) else 0
        longest = max(longest, run)
    return longest


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Me") or character in _JOINERS


def _has_ink(character: str) -> bool:
    """Letters, digits, punctuation and symbols; unassigned characters pass, since a later Unicode may have them."""
    category = unicodedata.category(character)
    return (category[0] in "LNPS" or category == "Cn") and not is_ignorable(character) and character not in _BLANK


def _is_unfit(character: str) -> bool:
    """Controls, lone surrogates, line separators, and characters that reorder the text around them."""
    return unicodedata.category(character) in _UNFIT_CATEGORIES or character in _REORDERING


def _bad(reason: str, field: str) -> Refusal:
    return Refusal(RefusalCode.BAD_TEXT, reason, field=field)

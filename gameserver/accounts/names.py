"""Rules for player names: valid names, equal names, and names that look alike. Pure.

Laws: two names are one if their keys are equal bytes: NFKC makes one of all widths and compositions, casefold of all
cases, and NFKC once more for letters that casefold took apart. A name that was taken before a rule was made keeps
working: only new names are checked. Names that look alike are found in SQL, by their skeletons.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

from gameserver.accounts.scripts import are_mixed
from gameserver.protocol import names
from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.lookalikes import staff_forms
from gameserver.protocol.text import MARKS_MAX, is_ignorable, marks_in_a_row

NAME_LENGTH_MIN = 2
NAME_LENGTH_MAX = 24  # characters, after NFKC
_MARKS = frozenset(" _-.")
_LETTERS: Final = ("Lu", "Ll", "Lt", "Lm", "Lo")

STAFF: Final = (
    "admin", "administrator", "moderator", "mod", "gamemaster", "gm", "staff", "support", "helpdesk", "system",
    "server", "official", "operator", "developer", "dev", "owner", "root", "sysadmin", "console", "security",
    "everyone", "gameserver",
)  # fmt: skip


class NameRules:
    """The rules of new names; ``reserved`` are names nobody may take, besides those in STAFF."""

    def __init__(self, reserved: Iterable[str] = ()):
        self._reserved = frozenset(form for name in (*STAFF, *reserved) for form in staff_forms(name))

    def checked(self, wish: str) -> str:
        """Return the name as it will be shown (NFKC). Raises Refusal (BAD_NAME) saying what is wrong."""
        name = checked_name(wish)
        if self._reserved & staff_forms(name):
            raise _bad("this name is reserved")
        return name


def name_key(name: str) -> bytes:
    """Return the key of a name in SQL: bytes, so that no collation has a say."""
    return names.name_key(name).encode()


def checked_name(wish: str) -> str:
    """Return the name as it will be shown (NFKC). Raises Refusal (BAD_NAME) saying what is wrong."""
    name = unicodedata.normalize("NFKC", wish)
    if len(name) > NAME_LENGTH_MAX or _visible(name) < NAME_LENGTH_MIN:
        raise _bad(f"a name has {NAME_LENGTH_MIN} to {NAME_LENGTH_MAX} characters")
    if name != name.strip() or "  " in name:
        raise _bad("a name has single spaces, and only inside")
    if not all(_is_allowed(character) for character in name):
        raise _bad("a name is made of letters, digits, spaces and _ - .")
    if marks_in_a_row(name) > MARKS_MAX or unicodedata.category(name[0]).startswith("M"):
        raise _bad(f"a name begins with a letter or digit, and a letter has at most {MARKS_MAX} marks")
    if are_mixed(name):
        raise _bad("a name is written in one script")
    return name


def _is_allowed(character: str) -> bool:
    """Letters of every script, with the marks they need (Hindi and Thai cannot be written without), and digits."""
    if is_ignorable(character):
        return False  # some are letters by their category, and show nothing
    return character in _MARKS or unicodedata.category(character) in (*_LETTERS, "Mn", "Mc", "Nd")


def _visible(name: str) -> int:
    return sum(character.isalnum() and not is_ignorable(character) for character in name)


def _bad(reason: str) -> Refusal:
    return Refusal(RefusalCode.BAD_NAME, reason, field="name")

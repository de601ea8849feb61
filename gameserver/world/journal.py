"""The journal of a zone's tick: for each change, in order, how to undo it. It makes each call whole or nothing.

Each entry is a function with its arguments. Whoever calls the game notes the length of the journal before, and undoes
down to that length when the call fails. The tick empties the journal at its end.

Law: what a game can change and what is kept or shown has an entry in the journal before it changes. ``scratch`` and
the zone's randomness have none.
"""

from __future__ import annotations

from typing import Any

Journal = list[tuple[Any, ...]]


def undo_since(journal: Journal, length: int) -> None:
    """Undo the changes noted since the journal had this length, the newest first."""
    while len(journal) > length:
        undo, *arguments = journal.pop()
        undo(*arguments)


def cut(items: list[Any], length: int) -> None:
    """Cut ``items`` back to this length."""
    del items[length:]

"""The server's notes about a player's state, beside its fields: ``notes_of(state)``. Games do not see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from gameserver.world.changes import ignore_change
from gameserver.world.journal import Journal


class Carried(NamedTuple):
    """The part of a stored state that this version of the game does not know."""

    version: int  # of the game that wrote it; 0 for a state that was never stored
    fields: dict[str, Any]  # name -> value; never changed
    # name -> (the value as this version writes it, the value as it was stored): it has fields of its own besides
    richer: dict[str, tuple[Any, Any]]


class StateNotes:
    """The notes about one state."""

    __slots__ = ("carried", "changed", "journal", "on_change", "sizes")

    def __init__(self) -> None:
        self.changed = False  # a field was assigned since the state was last kept
        self.on_change: Callable[[], None] = ignore_change
        self.journal: Journal | None = None  # takes how to undo each assignment
        self.carried: Carried | None = None
        self.sizes: dict[str, tuple[Any, int]] = {}  # field -> (its value, the bytes of it as JSON)


def notes_of(state: Any) -> StateNotes:
    """Return the notes. The first call makes them."""
    notes: StateNotes | None = state.__dict__.get("_notes")
    if notes is None:
        notes = state.__dict__["_notes"] = StateNotes()
    return notes

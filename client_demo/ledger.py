"""A player's promised inventory: exact where every action was answered, a range where an outcome is not known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping


class Change:
    """A change of a holding whose outcome is not known yet."""

    __slots__ = ("kind", "quantity")

    def __init__(self, kind: str, quantity: int):
        self.kind = kind
        self.quantity = quantity  # negative when it takes away


class Ledger:
    """Kind -> quantity by acks alone; nothing is believed because the server shows it."""

    def __init__(self, opened_with: Mapping[str, int]):
        self._sure: Counter[str] = Counter(dict(opened_with))
        self._open: set[Change] = set()  # without an answer; those that never get one stay

    def begin(self, kind: str, quantity: int) -> Change:
        """An action was sent that adds (or, negative, takes) so much if it is applied."""
        change = Change(kind, quantity)
        self._open.add(change)
        return change

    def settle(self, change: Change, was_applied: bool) -> None:
        self._open.discard(change)
        if was_applied:
            self._sure[change.kind] += change.quantity

    def received(self, kind: str, quantity: int) -> None:
        self._sure[kind] += quantity

    def bounds(self, kind: str) -> tuple[int, int]:
        """The least and the most the player can hold."""
        waiting = [change.quantity for change in self._open if change.kind == kind]
        low = self._sure[kind] + sum(quantity for quantity in waiting if quantity < 0)
        return low, self._sure[kind] + sum(quantity for quantity in waiting if quantity > 0)

    def sure_of(self, kind: str) -> int:
        """So many the player holds whatever became of the unanswered."""
        return max(0, self.bounds(kind)[0])

    def kinds(self) -> list[str]:
        return [kind for kind in self._sure if self.sure_of(kind) > 0]

    def differences(self, shown: Mapping[str, int]) -> list[str]:
        """Describe each place where ``shown`` breaks a promise."""
        kinds = {*self._sure, *shown, *(change.kind for change in self._open)}
        found = []
        for kind in sorted(kinds):
            low, high = self.bounds(kind)
            if not low <= shown.get(kind, 0) <= high:
                promised = str(low) if low == high else f"{low} to {high}"
                found.append(f"{shown.get(kind, 0)} {kind} instead of {promised}")
        return found

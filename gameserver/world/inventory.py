"""A player's inventory, with the account of its origin.

Law: per kind, quantity = minted - burned + received from players - given to players. Over all players the
sum of quantity is the sum of minted minus burned at every commit; a checker can add the three columns and find a
duplicate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.label import is_label
from gameserver.protocol.mistake import GameError, GameValueError, closest, place_of_caller, shown
from gameserver.world.changes import ignore_change
from gameserver.world.journal import Journal

QUANTITY_MAX = 1_000_000_000  # fits every SQL integer with room to add
KINDS_MAX = 1_000  # of one player, those that were used up included: their account is kept
KIND_NAMES_BYTES_MAX = 32 * 1024  # of all these together, so that a welcome fits one client's queue


class Holding(NamedTuple):
    """One kind of item of one player: absolute values, so that writing them twice does no harm."""

    quantity: int = 0
    minted: int = 0  # ever made for this player: picked up, crafted, rewarded
    burned: int = 0  # ever destroyed by this player: used, dropped


class Inventory:
    """The items of a player: kind -> Holding, with a sequence that rises with every change.

    While an exchange is under way, and its outcome not known yet, the inventory is frozen: nothing may change. Names
    with an underscore belong to the server.
    """

    __slots__ = ("_changed", "_declared", "_frozen", "_holdings", "_journal", "_on_change", "_seq")

    def __init__(self, holdings: Mapping[str, Holding] | None = None, seq: int = 0):
        self._holdings: dict[str, Holding] = dict(holdings or {})
        self._seq = seq
        self._frozen = False
        self._declared: frozenset[str] | None = None  # the kinds the game declares; None: any
        self._changed: set[str] = set()  # kinds changed since the last write to the live session
        self._on_change: Callable[[], None] = ignore_change
        self._journal: Journal | None = None  # takes how to undo each change

    def quantity(self, kind: str) -> int:
        holding = self._holdings.get(kind)
        return holding.quantity if holding else 0

    def held(self) -> dict[str, int]:
        """Return the kinds of which there are any: kind -> quantity."""
        return {kind: holding.quantity for kind, holding in self._holdings.items() if holding.quantity}

    def add(self, kind: str, quantity: int = 1) -> None:
        """Mint ``quantity`` of ``kind`` for this player.

        Raises Refusal when frozen (TRY_LATER), beyond QUANTITY_MAX or KINDS_MAX (FULL), or for a name or number that
        cannot be kept (BAD_MESSAGE); GameError for what is no text, no whole number, or not one of ``Game.items``.
        """
        if kind not in self._holdings:
            self._check_new(kind)
        self._set(kind, _minted(self._holdings.get(kind, Holding()), quantity))

    def remove(self, kind: str, quantity: int = 1) -> None:
        """Burn ``quantity`` of ``kind``. Raises Refusal (NOT_ENOUGH) when the player has less."""
        self._set(kind, self._after_removal(kind, quantity))

    def _after_removal(self, kind: str, quantity: int) -> Holding:
        """Return the rest of ``kind`` after a ``remove``; change nothing. Raises like ``add``, and NOT_ENOUGH."""
        if kind not in self._holdings:
            self._check_kind(kind)
        return _burned(self._holdings.get(kind, Holding()), kind, quantity)

    def _replace(self, holdings: Mapping[str, Holding], seq: int) -> None:
        """Take over the committed outcome of an exchange."""
        self._changed.update(kind for kind, holding in holdings.items() if self._holdings.get(kind) != holding)
        self._holdings = dict(holdings)
        self._seq = seq
        self._on_change()

    def _check_kind(self, kind: str) -> None:
        """Raise unless both SQL servers can keep an item of this name, and the game knows it."""
        if not isinstance(kind, str):
            raise GameError(place_of_caller("inventory"), f"is given {shown(kind)} for a kind of item", "give it text")
        if not is_label(kind):
            reason = "an item's name has 1 to 64 printable characters, and no blank at either end"
            raise Refusal(RefusalCode.BAD_MESSAGE, reason, field="item")
        if self._declared is not None and kind not in self._declared:
            near = closest(kind, sorted(self._declared))
            remedy = f'write "{near}"' if near else "add it to Game.items"
            raise GameValueError(place_of_caller("inventory"), f"{shown(kind)} is none of the game's items", remedy)

    def _check_new(self, kind: str) -> None:
        """Raise like ``check_kind``, and Refusal (FULL) when there is no room for one more kind."""
        self._check_kind(kind)
        names_bytes = len(kind.encode()) + sum(len(name.encode()) for name in self._holdings)
        if len(self._holdings) >= KINDS_MAX or names_bytes > KIND_NAMES_BYTES_MAX:
            raise Refusal(RefusalCode.FULL, "there is no room for another kind of thing")

    def _set(self, kind: str, holding: Holding) -> None:
        if self._frozen:
            raise Refusal(RefusalCode.TRY_LATER, "an exchange of yours is under way")
        if self._journal is not None:
            self._journal.append((self._put_back, kind, self._holdings.get(kind), self._seq, kind in self._changed))
        self._holdings[kind] = holding
        self._changed.add(kind)
        self._seq += 1
        self._on_change()

    def _put_back(self, kind: str, before: Holding | None, seq: int, was_changed: bool) -> None:
        """Undo one change."""
        self._seq = seq
        if before is None:
            del self._holdings[kind]
        else:
            self._holdings[kind] = before
        if not was_changed:
            self._changed.discard(kind)


def given(giver: Inventory, receiver: Inventory, kind: str, quantity: int) -> tuple[Holding, Holding]:
    """Return the two holdings of ``kind`` after the gift; change nothing. Raises like ``add`` and ``remove``."""
    if kind not in giver._holdings:
        giver._check_kind(kind)
    elif kind not in receiver._holdings:
        receiver._check_new(kind)
    mine, theirs = giver._holdings.get(kind, Holding()), receiver._holdings.get(kind, Holding())
    _check_enough(mine, kind, quantity)
    _check_room(theirs.quantity + quantity)
    return mine._replace(quantity=mine.quantity - quantity), theirs._replace(quantity=theirs.quantity + quantity)


def _minted(holding: Holding, quantity: int) -> Holding:
    _check_positive(quantity)
    _check_room(holding.quantity + quantity)
    return Holding(holding.quantity + quantity, holding.minted + quantity, holding.burned)


def _burned(holding: Holding, kind: str, quantity: int) -> Holding:
    _check_enough(holding, kind, quantity)
    return Holding(holding.quantity - quantity, holding.minted, holding.burned + quantity)


def _check_positive(quantity: int) -> None:
    if isinstance(quantity, bool) or not isinstance(quantity, int):
        raise GameError(
            place_of_caller("inventory"), f"is given {shown(quantity)} for a number of items", "give it an int"
        )
    if quantity < 1:
        raise Refusal(RefusalCode.BAD_MESSAGE, "quantity must be at least 1", field="quantity")


def _check_enough(holding: Holding, kind: str, quantity: int) -> None:
    _check_positive(quantity)
    if holding.quantity < quantity:
        raise Refusal(RefusalCode.NOT_ENOUGH, f"you have {holding.quantity} {kind}")


def _check_room(quantity: int) -> None:
    if quantity > QUANTITY_MAX:
        raise Refusal(RefusalCode.FULL, "there is no room for more")

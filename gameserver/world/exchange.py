"""Exchange of items between two players, or from a player to the ground: proposed on a tick, committed in SQL, then
shown.

Law: from the proposal until its outcome both inventories are frozen. So no later change can be kept without the
exchange, or lost with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal

import msgspec

from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.world.entity import Player
from gameserver.world.inventory import Holding, given
from gameserver.world.scratch import ScratchT
from gameserver.world.state import StateT

ExchangeResult = Literal["done", "already", "refused"]


@dataclass(frozen=True, slots=True)
class ExchangeOp:
    """An exchange's player, its action seq (None: the game itself asked), and the id that lets it happen only once."""

    player: Player
    seq: int | None
    op_id: str

    @classmethod
    def of_action(cls, player: Player, seq: int) -> ExchangeOp:
        return cls(player, seq, f"{player.player_id}:{player._internals.actions.lineage}:{seq}")

    @property
    def awaits_answer(self) -> bool:
        """The client that asked is still there, and has not been answered."""
        log = self.player._internals.actions
        return self.seq in log.pending and self.op_id == f"{self.player.player_id}:{log.lineage}:{self.seq}"


Outcome = tuple[Player, dict[str, Holding], int]
"""A party of an exchange, its whole inventory once the exchange is done, and the sequence the inventory gets."""


class Exchange(msgspec.Struct, Generic[StateT, ScratchT], frozen=True, eq=False):
    """An exchange that the game asked for, as ``on_exchange`` gets it.

    ``receiver`` is None for an exchange with the ground; ``x`` and ``y`` are the place where the giver stood. Names
    with an underscore belong to the server.
    """

    giver: Player[StateT, ScratchT]
    receiver: Player[StateT, ScratchT] | None
    kind: str
    quantity: int
    x: float
    y: float
    _op: ExchangeOp
    _outcomes: list[Outcome]


def propose(
    op: ExchangeOp,
    giver: Player[StateT, ScratchT],
    receiver: Player[StateT, ScratchT] | None,
    kind: str,
    quantity: int,
) -> Exchange[StateT, ScratchT]:
    """Freeze the parties and return the exchange. Raises Refusal, changing nothing, when the exchange cannot be."""
    if receiver is giver:
        raise Refusal(RefusalCode.YOURSELF, "that is you")
    if giver.inventory._frozen or (receiver is not None and receiver.inventory._frozen):
        raise Refusal(RefusalCode.TRY_LATER, "another exchange is under way", retry_after_ms=200)
    outcomes = _outcomes(giver, receiver, kind, quantity)
    for party, _, _ in outcomes:
        party.inventory._frozen = True
    return Exchange(giver, receiver, kind, quantity, giver.x, giver.y, op, outcomes)


def settle(exchange: Exchange, result: ExchangeResult) -> None:
    """Thaw the parties and, when the exchange was done now, give them SQL's holdings."""
    for party, holdings, seq in exchange._outcomes:
        party.inventory._frozen = False
        if result == "done":
            party.inventory._replace(holdings, seq)


def _outcomes(giver: Player, receiver: Player | None, kind: str, quantity: int) -> list[Outcome]:
    if receiver is None:
        return [_with(giver, kind, giver.inventory._after_removal(kind, quantity))]
    mine, theirs = given(giver.inventory, receiver.inventory, kind, quantity)
    return [_with(giver, kind, mine), _with(receiver, kind, theirs)]


def _with(party: Player, kind: str, holding: Holding) -> Outcome:
    return party, {**party.inventory._holdings, kind: holding}, party.inventory._seq + 1

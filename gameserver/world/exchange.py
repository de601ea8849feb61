"""Exchange of items between two players, or from a player to the ground: proposed on a tick, committed in SQL, then
shown.

Law: from the proposal until its outcome both inventories are frozen. So no later change can be kept without the
exchange, or lost with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, Literal

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


@dataclass(slots=True)
class Exchange(Generic[StateT, ScratchT]):
    """One proposal. ``after``: each party's whole inventory once it is done, with the sequence it gets."""

    op: ExchangeOp
    giver: Player[StateT, ScratchT]
    receiver: Player[StateT, ScratchT] | None  # None: to the ground
    kind: str
    quantity: int
    proposed_tick: int
    x: float  # where the giver stood, for what is dropped
    y: float
    after: list[tuple[Player, dict[str, Holding], int]] = field(default_factory=list)

    @classmethod
    def propose(
        cls,
        op: ExchangeOp,
        giver: Player[StateT, ScratchT],
        receiver: Player[StateT, ScratchT] | None,
        kind: str,
        quantity: int,
        tick: int,
    ) -> Exchange[StateT, ScratchT]:
        """Freezes the parties. Raises Refusal, changing nothing, when it cannot be."""
        if receiver is giver:
            raise Refusal(RefusalCode.YOURSELF, "that is you")
        if giver.inventory.frozen or (receiver is not None and receiver.inventory.frozen):
            raise Refusal(RefusalCode.TRY_LATER, "another exchange is under way", retry_after_ms=200)
        exchange = cls(op, giver, receiver, kind, quantity, tick, giver.x, giver.y)
        exchange.after = exchange._outcome()
        for party, _, _ in exchange.after:
            party.inventory.frozen = True
        return exchange

    def settle(self, result: ExchangeResult) -> None:
        """Thaw the parties and, when it was done now, give them what SQL has."""
        for party, holdings, seq in self.after:
            party.inventory.frozen = False
            if result == "done":
                party.inventory.replace(holdings, seq)

    def _outcome(self) -> list[tuple[Player, dict[str, Holding], int]]:
        if self.receiver is None:
            return [self._burned()]
        mine, theirs = given(self.giver.inventory, self.receiver.inventory, self.kind, self.quantity)
        return [self._with(self.giver, mine), self._with(self.receiver, theirs)]

    def _burned(self) -> tuple[Player, dict[str, Holding], int]:
        return self._with(self.giver, self.giver.inventory.after_removal(self.kind, self.quantity))

    def _with(self, party: Player, holding: Holding) -> tuple[Player, dict[str, Holding], int]:
        return party, {**party.inventory.holdings, self.kind: holding}, party.inventory.seq + 1

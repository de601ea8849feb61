"""The book of promises to players, and whether the stores keep them: docs/architecture.md as assertions.

Law: an action without an answer is unknown, never failed. Every thing is one of a kind, so it has few possible places:
nobody has it yet, one player has it, or it is gone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gameserver.profiles.records import Profile, Save
from gameserver.protocol.ids import Epoch, PlayerId
from gameserver.world.inventory import Holding
from tests.model.sql_standin import Rows

UNMADE, GONE = 0, -1  # places of a thing, besides players' ids


@dataclass(eq=False)
class Deed:
    """One action of a player; ``to`` for gifts."""

    player: PlayerId
    what: str
    item: str
    to: int | None
    sent_s: float
    answer: str = ""  # none yet; a level; or "refused"
    answered_s: float = 0.0
    is_forgotten: bool = False  # was acked, and a fault for which that is allowed may have cost it

    @property
    def is_sure(self) -> bool:
        return self.answer == "durable" or (self.answer == "stored" and not self.is_forgotten)

    def moves(self, places: set[int]) -> set[int]:
        """Return the possible places of the thing after the deed."""
        if self.what == "pick":
            return {int(self.player)} if UNMADE in places else set()
        if self.player not in places:
            return set()
        return {self.to} if self.to is not None else {GONE}

    def __str__(self) -> str:
        to = f" to {self.to}" if self.to is not None else ""
        return f"{self.player} {self.what} {self.item}{to} at {self.sent_s:.2f}: {self.answer or '?'}"


class Book:
    """``broken`` lists what was not kept."""

    def __init__(self, rows: Rows, now_s: Callable[[], float]):
        self.broken: list[str] = []
        self.deeds: dict[str, list[Deed]] = defaultdict(list)  # by thing, in the order they were sent
        self.reached: dict[PlayerId, float] = defaultdict(float)  # a place it cannot be west of any more
        self.checks = 0
        self.is_closed = False  # the run is over
        self._rows = rows
        self._now_s = now_s
        self._applied: set[tuple[PlayerId, Epoch, int]] = set()
        rows.saved, rows.committed = self.saved, self.committed

    def check(self, promise: str, is_kept: bool, told: str) -> None:
        self.checks += 1
        if not is_kept and not self.is_closed:
            self.broken.append(f"{promise}: {told} (at {self._now_s():.2f} s)")

    # --- players ---

    def note(self, deed: Deed) -> Deed:
        self.deeds[deed.item].append(deed)
        return deed

    def answered(self, deed: Deed, answer: str) -> None:
        deed.answer, deed.answered_s = answer, self._now_s()

    def forget(self, player: PlayerId, since_s: float) -> None:
        """Redis's data was gone and nobody had it in memory: what was acked ``stored`` since then is uncertain."""
        self.reached.pop(player, None)
        for deeds in self.deeds.values():
            for deed in deeds:
                is_late = deed.answer == "stored" and deed.answered_s >= since_s
                deed.is_forgotten |= deed.player == player and is_late

    def places(self, item: str) -> set[int]:
        """Return the possible places of the thing."""
        places = {UNMADE}
        for deed in self.deeds[item]:
            if deed.is_sure:
                places = deed.moves(places) or places
            elif deed.answer != "refused":
                places = places | deed.moves(places)
        return places

    def welcomed(self, player: PlayerId, items: Iterable[str], x: float) -> None:
        self._compare(player, set(items), "is shown")
        self._check_place(player, x, "is shown")

    def compare(self) -> None:
        """Check that SQL holds what was promised, when all sessions have ended."""
        for player, row in self._rows.profiles.items():
            held = {kind for kind, holding in row.inventory.items() if holding.quantity}
            self._compare(player, held, "has in SQL")
            self._check_place(player, row.x, "is saved")

    def _compare(self, player: PlayerId, held: set[str], verb: str) -> None:
        for item in list(self.deeds):
            places = self.places(item)
            could = player in places if item in held else places != {int(player)}
            does = "" if item in held else " not"
            told = "; ".join(map(str, self.deeds[item])) if not could else ""
            self.check("true acks", could, f"player {player} {verb}{does} {item}, {told}")

    def _check_place(self, player: PlayerId, x: float, verb: str) -> None:
        reached = self.reached[player]
        self.check("bounded staleness", x >= reached, f"player {player} {verb} at {x}, had reached {reached}")

    # --- SQL, at every commit ---

    def saved(self, save: Save, before: Profile) -> None:
        who = f"player {save.player_id}, epoch {save.epoch}, seq {save.seq}"
        self.check("one writer", save.epoch == before.epoch, f"{who}: epoch {before.epoch} has the player")
        key = (save.player_id, save.epoch, save.seq)
        self.check("exactly-once saves", key not in self._applied, f"{who}: applied twice")
        self._applied.add(key)
        self.check("exactly-once saves", save.seq > before.saved_seq, f"{who}: after seq {before.saved_seq}")
        self.check("bounded staleness", save.x >= before.x, f"{who}: goes back from {before.x} to {save.x}")

    def committed(self, players: list[PlayerId]) -> None:
        kinds = {kind for player in players if player in self._rows.profiles for kind in self._holdings(player)}
        for kind in kinds:
            found = [holdings[kind] for holdings in map(self._holdings, self._rows.profiles) if kind in holdings]
            quantity = sum(holding.quantity for holding in found)
            minted, burned = (sum(holding[at] for holding in found) for at in (1, 2))
            numbers = f"{kind}: {quantity} held, {minted} minted, {burned} burned"
            self.check("conservation", quantity == minted - burned, numbers)
            self.check("conservation", all(holding.quantity >= 0 for holding in found), numbers)
            self.check("exactly-once inputs", minted <= 1 and burned <= 1, numbers)

    def _holdings(self, player: PlayerId) -> dict[str, Holding]:
        return self._rows.profiles[player].inventory

"""Compares what players were promised with what both stores hold.

Shares no code with the server: SQL and Redis are read past it; what a key or column means is taken from the documents.
"""

from __future__ import annotations

import time
from collections import Counter
from threading import Lock

from tests.faults.bot import ITEMS
from tests.faults.lateness import Lateness
from tests.faults.ledger import Book, Ledger, Range, Ranges
from tests.faults.verdicts import Verdicts
from tests.scenarios.stores import Stores

_SUMS = "SELECT item, SUM(quantity), SUM(minted) - SUM(burned) FROM inventory GROUP BY item"
_POLL_S = 0.05


class Checker:
    """The checker of one round. Call ``look`` at any time, the rest when all sessions have ended."""

    def __init__(self, stores: Stores, book: Book, verdicts: Verdicts, lateness: Lateness):
        self.stores = stores
        self._book = book
        self._verdicts = verdicts
        self._lateness = lateness
        self._epochs: dict[int, int] = {}
        self._epochs_lock = Lock()
        self.sure_until_s = float("inf")
        self.moves_behind_max = 1
        self.unseen_s = 0.0
        self.may_forget = False  # Redis's data may be gone together with the server

    def look(self) -> None:
        """Check the invariants of every instant: the sums in SQL balance, and epochs only rise."""
        for item, quantity, made in self.stores.rows(_SUMS):
            found = f"there are {quantity} {_text(item)}, {made} were minted and not burned"
            self._verdicts.check("conservation", quantity == made, found)
        for player_id in list(self._book.ledgers):
            with self._epochs_lock:  # a look runs in a thread of its own, beside ``forget``
                if player_id not in self._book.ledgers:
                    continue  # SQL was set back meanwhile
                before, now = self._epochs.get(player_id, 0), self.stores.profile(player_id)["epoch"]
                self._epochs[player_id] = now
            self._verdicts.check("one writer", now >= before, f"player {player_id}: epoch {before} became {now}")

    def forget(self) -> None:
        """Begin anew, with no players: SQL is about to be set back."""
        with self._epochs_lock:
            self._book.ledgers.clear()
            self._epochs.clear()

    def epoch(self, player_id: int) -> int:
        return int(self.stores.profile(player_id)["epoch"])

    def wait_until_clean(self, patience_s: float) -> bool:
        """True when no session is left in Redis; those that nobody came back for are ended when their grace is over."""
        until_s = time.monotonic() + patience_s
        while (left := self._left()) and time.monotonic() < until_s:
            time.sleep(_POLL_S)
        found = f"left in redis after {patience_s:.0f} s: {sorted(left)[:6]}"
        return self._verdicts.check("no orphans", not left, found)

    def _left(self) -> set[str]:
        redis = self.stores.redis
        left = {key for pattern in ("session:*", "owner:*") for key in redis.scan_iter(pattern, count=1000)}
        for key in map(str, redis.scan_iter("node:*:sessions")):
            left |= {f"{key} has {member}" for member in redis.sscan_iter(key)}
        return left - self._foreign(left)

    def _foreign(self, left: set[str]) -> set[str]:
        """The keys of players whose session is of another history of SQL: it stays until its number signs in again."""
        names = self.stores.rows("SELECT CONCAT(database_id, ':', history_id) FROM history")
        ours = {_text(name) for (name,) in names}
        foreign: set[str] = set()
        for owner in (key for key in left if key.startswith("owner:")):
            epoch, history = map(str, self.stores.redis.hmget(owner, "epoch", "history"))
            if history not in ours:
                foreign |= {owner, f"{owner.replace('owner', 'session')}:{epoch}"}
        return foreign

    def compare(self) -> None:
        """Every player with its row, once all sessions have ended."""
        self.look()
        for ledger in self._book.ledgers.values():
            self._compare_items(ledger)
            self._compare_exchanges(ledger)
            self._compare_place(ledger)

    def _compare_items(self, ledger: Ledger) -> None:
        query = "SELECT item, quantity, minted, burned FROM inventory WHERE player_id = %s"
        rows = {_text(item): numbers for item, *numbers in self.stores.rows(query, ledger.player_id)}
        player_id, sure = ledger.player_id, self.sure_until_s
        self._compare_ranges(ledger, "holds", rows, 0, self._book.quantities(player_id, sure_until_s=sure))
        self._compare_ranges(ledger, "minted", rows, 1, self._book.made(player_id, ("pick_up",), sure_until_s=sure))
        self._compare_ranges(ledger, "burned", rows, 2, self._book.made(player_id, ("use", "drop"), sure_until_s=sure))

    def _compare_ranges(
        self, ledger: Ledger, verb: str, rows: dict[str, list[int]], column: int, ranges: Ranges
    ) -> None:
        for item in ITEMS:
            found, promised = rows.get(item, [0, 0, 0])[column], ranges[item]
            broken = f"player {ledger.player_id} {verb} {found} {item} in SQL, promised {_told(promised)}"
            self._verdicts.check("true acks", promised.holds(found), broken)

    def _compare_exchanges(self, ledger: Ledger) -> None:
        exchanges = Counter(
            d.is_done for d in ledger.deeds if d.what in ("give", "drop") and (d.is_done or d.is_unknown)
        )
        before = ledger.exchanges_before
        promised = Range(before + exchanges[True], before + exchanges[True] + exchanges[False])
        query = "SELECT COUNT(*) FROM exchange WHERE op_id LIKE %s"
        found = self.stores.rows(query, f"{ledger.player_id}:%")[0][0]
        broken = f"player {ledger.player_id} made {found} exchanges, {_told(promised)} were acked"
        self._verdicts.check("exactly-once inputs", promised.holds(found), broken)

    def _compare_place(self, ledger: Ledger) -> None:
        profile = self.stores.profile(ledger.player_id)
        who = f"player {ledger.player_id} is saved at ({profile['x']:.2f}, {profile['y']:.2f})"
        is_saved = profile["saved_seq"] > 0 or self.may_forget  # younger than a checkpoint
        if not self._verdicts.check("exactly-once saves", is_saved, f"{who}: never saved"):
            return
        stale = ledger.staleness(profile["x"], profile["y"], self._lateness.worst_s, self.unseen_s)
        if stale is None and self.may_forget:
            return
        if stale is None:
            last = ledger.sights[-1]
            self._verdicts.check("bounded staleness", False, f"{who}, was at ({last.x:.2f}, {last.y:.2f})")
            return
        self._verdicts.note_staleness(stale.ticks, stale.ms)
        is_kept = stale.ticks <= self._lateness.ticks(self.moves_behind_max)
        self._verdicts.check("bounded staleness", is_kept, f"{who}, {stale.ticks} ticks ({stale.ms:.0f} ms) behind")


def _told(promised: Range) -> str:
    return str(promised.low) if promised.low == promised.high else f"{promised.low} to {promised.high}"


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)

"""Small stand-ins for the stores and the clock, in memory, that fail when told to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import hiredis
import msgspec
from msgspec import structs

from gameserver.demo import Villager
from gameserver.live.batch import Batch
from gameserver.live.tick_writer import Check, Found
from gameserver.profiles.records import Profile, Save, SaveOutcome
from gameserver.protocol.ids import Epoch, PlayerId
from gameserver.protocol.messages import AnyServerMessage
from gameserver.session.live_hash import NAMES
from gameserver.session.record import player_of
from gameserver.session.session import Session
from gameserver.sql.database import ProfilesUnavailable, StatementRefused
from gameserver.store.connection import StoreUnavailable
from gameserver.world.inventory import Holding
from gameserver.world.state import note_assigned

decode = msgspec.json.Decoder(AnyServerMessage).decode
"""A JSON text of the server as its message."""


class StillClock:
    """Stands until moved."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic_s(self) -> float:
        return self.now_s

    def wall_ms(self) -> int:
        return int(self.now_s * 1000)


def profile(number: int = 1, *, saved_seq: int = 0, zone: str | None = None, **changed: object) -> Profile:
    fields: dict[str, object] = {
        "player_id": PlayerId(number), "name": f"P{number}", "epoch": Epoch(1), "saved_seq": saved_seq,
        "inventory_seq": 0, "zone": zone, "x": 0.0, "y": 0.0, "facing": 0, "state": b"{}", "inventory": {},
    }  # fmt: skip
    return Profile(**(fields | changed))  # type: ignore[arg-type]


def state_of(one: Session) -> Villager:
    """Return the kept state of the session's player."""
    assert isinstance(one.player.state, Villager)
    return one.player.state


def session(number: int = 1, *, saved: Profile | None = None) -> Session:
    """Make a session as the profile has it, with nothing written to Redis yet."""
    saved = saved or profile(number)
    player = player_of(saved, 0, Villager)
    player._internals.actions.start_lineage("line")
    return Session(
        player=player, epoch=saved.epoch, zone=saved.zone or "meadow", seq=saved.saved_seq, saved_seq=saved.saved_seq,
        opened_at_ms=0, last_input_s=0.0,
    )  # fmt: skip


def holdings(**coins: tuple[int, int, int]) -> dict[str, Holding]:
    return {kind: Holding(*numbers) for kind, numbers in coins.items()}


def unpacked(command: bytes) -> tuple[str, dict[str, str]]:
    """The key and the fields of a packed HSET."""
    reader = hiredis.Reader()
    reader.feed(command)
    name, key, *fields = [word.decode() for word in reader.gets()]
    assert name == "HSET" and not reader.has_data()
    return key, dict(zip(fields[::2], fields[1::2], strict=True))


class Redis:
    """A TickWriter of hashes in memory, with a gate that holds replies back, and with failures."""

    def __init__(self) -> None:
        self.hashes: dict[tuple[PlayerId, Epoch], dict[str, str]] = {}
        self.batches: list[Batch] = []
        self.pointers_read: list[set[PlayerId]] = []
        self.owned_elsewhere: set[PlayerId] = set()
        self.torn: set[PlayerId] = set()  # their hashes lack fields, until they are written whole
        self.grown: set[PlayerId] = set()  # their hashes get fields that they did not have
        self.error: Exception | None = None
        self.replies = asyncio.Event()
        self.replies.set()

    async def write(self, batch: Batch, checked: Sequence[Check] = ()) -> Found:
        self.batches.append(batch)
        looked_at = {check.player for check in checked}
        self.pointers_read.append(looked_at)
        await self.replies.wait()
        if self.error is not None:
            raise self.error
        for player, command in batch:
            key, fields = unpacked(command)
            kept = self.hashes.setdefault((player, Epoch(int(key.rpartition(":")[2]))), {})
            kept.update(fields)
            if fields.keys() >= NAMES:
                self.torn.discard(player)
        fenced = looked_at & self.owned_elsewhere
        grown = frozenset(batch.players) & self.grown
        return Found(frozenset(fenced), frozenset(looked_at & self.torn - fenced), grown)

    async def ping(self) -> None:
        if self.error is not None:
            raise self.error

    def is_away(self) -> None:
        self.error = StoreUnavailable("away")

    def is_back(self) -> None:
        self.error = None


class Sql:
    """The part of Profiles that a Saver uses: the rows' guards, a gate, and failures."""

    def __init__(self) -> None:
        self.rows: dict[PlayerId, Save] = {}
        self.epochs: dict[PlayerId, Epoch] = {}
        self.refuses: set[PlayerId] = set()  # whose rows do not fit
        self.refusal: Exception = StatementRefused("does not fit")
        self.slow_refusal_s = 0.0
        self.batches: list[list[Save]] = []
        self.error: Exception | None = None
        self.replies = asyncio.Event()
        self.replies.set()

    async def save_many(self, saves: Sequence[Save]) -> list[SaveOutcome]:
        assert len({save.player_id for save in saves}) == len(saves), "two saves of one player in a batch"
        self.batches.append(list(saves))
        await self.replies.wait()
        if self.error is not None:
            raise self.error
        if any(save.player_id in self.refuses for save in saves):
            await asyncio.sleep(self.slow_refusal_s)
            raise self.refusal
        return [self._save(save) for save in saves]

    def _save(self, save: Save) -> SaveOutcome:
        if save.epoch != self.epochs.get(save.player_id, save.epoch):
            return SaveOutcome.FENCED
        if (row := self.rows.get(save.player_id)) and row.seq >= save.seq:
            return SaveOutcome.ALREADY
        self.rows[save.player_id] = save
        return SaveOutcome.SAVED

    def is_away(self) -> None:
        self.error = ProfilesUnavailable("away")

    def is_back(self) -> None:
        self.error = None


async def turns(count: int = 10) -> None:
    """Let what is ready run."""
    for _ in range(count):
        await asyncio.sleep(0)


def break_state(of: Session) -> None:
    """Put into the state what no assignment would take: it cannot be written."""
    structs.force_setattr(of.player.state, "steps", object())
    note_assigned(of.player.state)

"""Batches that a test writes to session hashes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gameserver.live import keys
from gameserver.live.batch import Batch
from gameserver.protocol.ids import Epoch, PlayerId
from gameserver.store.resp import pack_hset

SessionWrite = tuple[PlayerId, bytes]


def session_write(player: PlayerId, epoch: Epoch, fields: Sequence[bytes]) -> SessionWrite:
    """``fields`` alternates names and values."""
    return player, pack_hset(keys.session(player, epoch).encode(), fields)


def batch_of(writes: Iterable[SessionWrite]) -> Batch:
    batch = Batch()
    for player, command in writes:
        batch.add(player, command)
    return batch

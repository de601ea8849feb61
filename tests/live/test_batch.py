"""A batch packs everything that was added, in that order, however much it is."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gameserver.live.batch import Batch
from gameserver.protocol.ids import PlayerId
from gameserver.store.resp import hset_template, pack_hset

NAMES = (b"seq", b"tick", b"x", b"y", b"facing")
PICTURE = hset_template(*NAMES)


def place(key: bytes, seq: int) -> bytes:
    values = (b"%d" % seq, b"%d" % (seq + 1), b"1.5000", b"-2.0000", b"3")
    return pack_hset(key, [word for pair in zip(NAMES, values, strict=True) for word in pair])


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 10**9), st.binary(max_size=300)), max_size=60),
    st.integers(0, 9000),
)
def test_a_batch_is_what_was_added_in_that_order(added: list[tuple[bool, int, bytes]], room_bytes: int) -> None:
    batch = Batch(room_bytes)
    expected: list[tuple[PlayerId, bytes]] = []
    for number, (only_moved, seq, word) in enumerate(added):
        player = PlayerId(number)
        if only_moved:
            batch.add_rendered(player, PICTURE, word, seq, seq + 1, 1.5, -2.0, 3)
            expected.append((player, place(word, seq)))
        else:
            batch.add(player, word)
            expected.append((player, word))
    for _ in range(2):
        assert list(batch) == expected
        assert batch.players == [player for player, _ in expected]
        assert len(batch) == len(expected)
        assert batch.packed() == b"".join(command for _, command in expected)
        assert batch.size == len(batch.packed())


def test_it_goes_on_after_it_was_looked_at() -> None:
    batch = Batch()
    for number in range(300):
        batch.add_rendered(PlayerId(number), PICTURE, b"key", number, number + 1, 1.5, -2.0, 3)
        assert len(batch.packed()) == batch.size
    assert [command for _, command in batch] == [place(b"key", number) for number in range(300)]
    assert all(earlier < later for (earlier, _), (later, _) in pairwise(batch))


def test_one_command_may_be_longer_than_all_the_room_there_was() -> None:
    batch, key = Batch(), b"k" * 20_000
    batch.add_rendered(PlayerId(1), PICTURE, key, 7, 8, 1.5, -2.0, 3)
    assert batch.packed() == place(key, 7)

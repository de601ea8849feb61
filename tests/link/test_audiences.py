"""The viewers of a frame arrive whole, whether the frame has their list or its number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.link.audiences import NUMBERED_MAX, WORTH_NUMBERING, Audiences, AudienceTable
from gameserver.link.messages import WorldFrame
from gameserver.protocol.ids import ConnectionId, PlayerId

PLAYERS = [PlayerId(number) for number in range(WORTH_NUMBERING)]


class Ends:
    """A host's end and an edge's end. Player n has the connection n + 100, and the edge finds the same number there."""

    def __init__(self, *players: int):
        self.host, self.edge = Audiences(), AudienceTable[int]()
        for number in players:
            self.connect(number)

    def connect(self, number: int) -> None:
        self.host.put(PlayerId(number), ConnectionId(number + 100))
        self.edge.put(ConnectionId(number + 100), number + 100)

    def show(self, viewers: list[PlayerId]) -> tuple[WorldFrame | None, list[int]]:
        """Return the frame, and the values that the edge finds for it."""
        frame = self.host.frame(b"", viewers, False)
        found = list(self.edge.viewers_of(frame)) if frame is not None else []
        self.edge.forget_before(self.host.oldest)
        return frame, found


def test_viewers_are_found_in_order_and_players_without_a_connection_are_left_out() -> None:
    ends = Ends(1, 2, 3, 10, 11)
    assert ends.show([PlayerId(n) for n in (11, 7, 2, 10, 9, 1)])[1] == [111, 102, 110, 101]
    assert ends.show([PlayerId(3), PlayerId(7)])[1] == [103]
    assert ends.show([PlayerId(7)]) == (None, []) == ends.show([])
    assert (
        ends.show([PlayerId(n) for n in range(20, 30)]) == (None, []) == ends.show([PlayerId(n) for n in range(20, 30)])
    )
    assert (len(ends.host), PlayerId(3) in ends.host, ends.host.get(PlayerId(7))) == (5, True, None)


def test_a_long_list_is_sent_once_and_then_only_its_number() -> None:
    ends = Ends(*PLAYERS)
    first, found = ends.show(PLAYERS)
    again, found_again = ends.show(list(PLAYERS))
    assert first is not None and again is not None
    assert (first.audience, first.connection_ids) == (again.audience, [n + 100 for n in PLAYERS])
    assert again.connection_ids == [] and found_again == found == [n + 100 for n in PLAYERS]


def test_a_short_list_is_sent_with_each_frame() -> None:
    ends = Ends(*PLAYERS)
    for _ in range(2):
        frame, found = ends.show(PLAYERS[:-1])
        assert frame is not None
        assert frame.audience == 0 and found == frame.connection_ids == [n + 100 for n in PLAYERS[:-1]]


def test_another_list_with_the_same_first_player_has_another_number() -> None:
    ends = Ends(*PLAYERS, 50)
    ends.show(PLAYERS)
    assert ends.show([*PLAYERS, PlayerId(50)])[1] == [*(n + 100 for n in PLAYERS), 150]
    assert ends.show(PLAYERS)[1] == [n + 100 for n in PLAYERS]


@pytest.mark.parametrize("changed", [PLAYERS[0], PLAYERS[-1]])
def test_a_change_of_connections_numbers_every_list_anew(changed: PlayerId) -> None:
    ends = Ends(*PLAYERS)
    first, _ = ends.show(PLAYERS)
    ends.host.drop(changed)
    second, found = ends.show(PLAYERS)
    assert first is not None and second is not None
    assert second.audience > first.audience and found == [n + 100 for n in PLAYERS if n != changed]
    ends.connect(changed)
    assert ends.show(PLAYERS)[1] == [n + 100 for n in PLAYERS]
    with pytest.raises(KeyError):
        ends.edge.viewers_of(WorldFrame(b"", [], first.audience))


def test_a_connection_that_the_edge_lost_is_left_out_at_once() -> None:
    ends = Ends(*PLAYERS)
    ends.show(PLAYERS)
    ends.edge.drop(ConnectionId(PLAYERS[1] + 100))
    assert ends.show(PLAYERS)[1] == [n + 100 for n in PLAYERS if n != PLAYERS[1]]


def test_lists_that_nobody_uses_any_more_do_not_add_up() -> None:
    ends = Ends(*PLAYERS)
    many = [PlayerId(number) for number in range(NUMBERED_MAX // 16)]
    for first in range(100):
        ends.show([PlayerId(-first), *many])
        assert sum(len(known.viewers) for known in ends.host._numbered.values()) <= NUMBERED_MAX
        assert len(ends.edge._lists) <= 16 and len(ends.edge._found) <= 16


@given(st.lists(st.one_of(
    st.tuples(st.just("connect"), st.integers(0, 9)),
    st.tuples(st.just("drop"), st.integers(0, 9)),
    st.tuples(st.just("lose"), st.integers(0, 9)),
    st.tuples(st.just("show"), st.lists(st.integers(0, 9), max_size=9, unique=True)),
), max_size=40))  # fmt: skip
def test_whatever_comes_and_goes_a_frame_reaches_exactly_its_viewers(steps: list[tuple[str, object]]) -> None:
    ends, connected, lost = Ends(), set[int](), set[int]()
    for step, what in steps:
        if isinstance(what, list):
            expected = [n + 100 for n in what if n in connected and n not in lost]
            assert ends.show([PlayerId(n) for n in what])[1] == expected
        elif isinstance(what, int) and step == "connect":
            ends.connect(what)
            connected.add(what)
            lost.discard(what)
        elif isinstance(what, int) and step == "drop":
            ends.host.drop(PlayerId(what))
            connected.discard(what)
        elif isinstance(what, int):
            ends.edge.drop(ConnectionId(what + 100))
            lost.add(what)

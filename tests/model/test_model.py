"""The session's life under every fault, on virtual time: hundreds of scripts, each some twenty seconds of two nodes.

Each run plays 200 scripts, and ``-m long`` plays 500 others. A failure prints the script, shrunk, and the line to play
it again. The seeds are fixed: the scripts are the same in every run, whatever the tests are called. ``MENDED`` has the
scripts that once broke a promise.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from gameserver.failpoints import Failpoint
from tests.model import world
from tests.model.script import (
    SCRIPTS,
    Blow,
    Continue,
    Cut,
    DieAt,
    Down,
    Elsewhere,
    Empty,
    Hang,
    Kill,
    Recover,
    Relog,
    SignInAgain,
    Stop,
    Vanish,
)
from tests.model.world import ConnectionEvent

MENDED: list[tuple[int, int, list[ConnectionEvent]]] = [
    # Nobody retried a save that went alone while SQL went away, and the node could not drain.
    (0, 1, [*[Cut(0.0, 0)] * 4, Hang(0.0, "sql"), Cut(4.0, 0), Down(0.5, "sql")]),
    # With both stores away, a session ended. Redis came back first, and did not get the session.
    (1, 1, [Down(0.0, "redis"), Down(4.0, "sql"), Relog(4.0, 0), Cut(1.0, 0)]),
    # A session moved from node to node, and at each one its first checkpoint was to come.
    (564, 1, [Cut(0.0, 0), *(DieAt(4.0, Failpoint.TICK_BEFORE_WRITE, times) for times in (2, 1)), Empty(0.0)]),
    # A node slept. The session had moved on and ended elsewhere, and was shown as the sleeper had it.
    (
        1,
        1,
        [
            *(Empty(0.05), Empty(0.5), Cut(0.05, 0), SignInAgain(0.5, 0)),
            *(Stop(0.0, "b"), Relog(1.0, 0), Kill(2.0, "a")),
        ],
    ),
    # Redis was slow, and an exchange went to SQL before Redis had its parties: nobody could resume after a kill.
    (
        461065339,
        2,
        [
            *(Blow(0.5, 0.2, 0.0), Cut(0.5, 1), Kill(0.5, "a"), Cut(2.0, 1), Cut(0.5, 2)),
            *(Blow(0.2, 0.05, 0.0), Kill(0.05, "a")),
        ],
    ),
    # A node slept, and woke when Redis was empty and SQL silent. It showed a player the session that it had before.
    (
        2299809670,
        2,
        [
            *(Stop(1.0, "b"), Cut(4.0, 2), Hang(2.0, "sql"), Empty(2.0), Empty(0.5), Continue(0.2, "b")),
            *(Continue(4.0, "b"), Elsewhere(4.0, 0), Recover(4.0, "redis"), Stop(1.0, "a")),
        ],
    ),
    # An exchange went to SQL while Redis, emptied a moment ago, did not have its parties.
    (
        582803032,
        2,
        [
            *(Continue(0.2, "b"), Elsewhere(0.0, 0), SignInAgain(2.0, 1), SignInAgain(4.0, 2), Hang(0.0, "sql")),
            *(Empty(1.0), SignInAgain(4.0, 2)),
        ],
    ),
    # A sign-in on another node raised the epoch and got no further. Redis was emptied, and the owner of the session
    # dropped the only copy.
    (
        5,
        2,
        [
            *(Continue(0.05, "a"), Cut(1.0, 2), Hang(0.2, "sql"), Cut(4.0, 0), Cut(4.0, 0), Cut(0.2, 0)),
            *(Empty(0.0), Vanish(4.0, 2)),
        ],
    ),
]


@pytest.mark.parametrize(("number", "players", "script"), MENDED)
def test_what_was_mended_stays_mended(number: int, players: int, script: Sequence[ConnectionEvent]) -> None:
    broken = world.run(number, players, script).book.broken
    assert not broken, "\n".join(broken)


@pytest.mark.long
@seed(1)
@settings(max_examples=500, derandomize=True, print_blob=True)
@given(number=st.integers(0, 2**32 - 1), players=st.integers(1, 3), script=SCRIPTS)
def test_every_promise_is_kept(number: int, players: int, script: Sequence[ConnectionEvent]) -> None:
    broken = world.run(number, players, script).book.broken
    assert not broken, "\n".join(broken)


@seed(2)
@settings(max_examples=200, derandomize=True, print_blob=True)
@given(number=st.integers(0, 2**32 - 1), players=st.integers(1, 3), script=SCRIPTS)
def test_every_promise_is_kept_in_200_scripts(number: int, players: int, script: Sequence[ConnectionEvent]) -> None:
    broken = world.run(number, players, script).book.broken
    assert not broken, "\n".join(broken)

"""The session's life under every fault, on virtual time: hundreds of scripts, each some twenty seconds of two nodes.

Each run plays 200 scripts, and ``-m long`` plays 500 others. A failure prints the script, shrunk, and the line to play
it again. The examples are the same in every run, so that what turns red is the doing of a change. Of eight thousand
others one found what docs/limits.md says of a logout while SQL is away, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model import world
from tests.model.script import SCRIPTS
from tests.model.world import ConnectionEvent


@pytest.mark.long
@settings(max_examples=500, derandomize=True, print_blob=True)
@given(seed=st.integers(0, 2**32 - 1), players=st.integers(1, 3), script=SCRIPTS)
def test_every_promise_is_kept(seed: int, players: int, script: Sequence[ConnectionEvent]) -> None:
    broken = world.run(seed, players, script).book.broken
    assert not broken, "\n".join(broken)


@settings(max_examples=200, derandomize=True, print_blob=True)
@given(seed=st.integers(0, 2**32 - 1), players=st.integers(1, 3), script=SCRIPTS)
def test_every_promise_is_kept_in_200_scripts(seed: int, players: int, script: Sequence[ConnectionEvent]) -> None:
    broken = world.run(seed, players, script).book.broken
    assert not broken, "\n".join(broken)

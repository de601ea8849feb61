"""Rigs are used again, but for those on which a promise broke: what is left there would be found by other rounds."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.faults.rig import Rig
from tests.faults.stages import Stages


class Bare(Stages):
    """Builds rigs without processes."""

    def __init__(self) -> None:
        super().__init__(1, Path(), AsyncExitStack())
        self.ended: list[Rig] = []

    async def _build(self, sentinels: bool) -> tuple[Rig, AsyncExitStack]:
        rig = object.__new__(Rig)
        rig.is_spoilt = False
        processes = AsyncExitStack()
        processes.callback(self.ended.append, rig)
        return rig, processes


async def test_a_rig_is_used_again() -> None:
    stages = Bare()
    async with stages._rig(False) as first:
        pass
    async with stages._rig(False) as second:
        pass
    assert second is first
    assert stages.ended == []


async def test_a_rig_on_which_a_promise_broke_is_not_used_again() -> None:
    stages = Bare()
    async with stages._rig(False) as first:
        first.is_spoilt = True
    async with stages._rig(False) as second:
        pass
    assert second is not first
    assert stages.ended == [first]


async def test_a_rig_whose_round_was_cut_short_is_not_used_again() -> None:
    stages = Bare()
    with pytest.raises(OSError, match="cut short"):
        async with stages._rig(False) as first:
            raise OSError("cut short")
    async with stages._rig(False) as second:
        pass
    assert second is not first
    assert stages.ended == [first]

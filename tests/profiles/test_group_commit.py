"""Exchanges that come while a transaction is under way go together in the next, so many at most."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gameserver.profiles.group_commit import GROUP_MAX, GroupCommit
from gameserver.profiles.records import Exchange, ExchangeOutcome, Party
from gameserver.protocol.ids import Epoch, PlayerId


def drop(number: int, player: int) -> Exchange:
    party = Party(player_id=PlayerId(player), epoch=Epoch(1), inventory_seq=number, inventory={})
    return Exchange(op_id=str(number), parties=(party,), what="")


async def sizes_of(exchanges: Sequence[Exchange]) -> list[int]:
    """Ask for all exchanges at once and return the sizes of their transactions."""
    sizes = []

    async def commit(group: Sequence[Exchange]) -> list[ExchangeOutcome]:
        sizes.append(len(group))
        await asyncio.sleep(0)
        return [ExchangeOutcome.DONE for _ in group]

    group_commit = GroupCommit(commit)
    await asyncio.gather(*(group_commit.apply(exchange) for exchange in exchanges))
    return sizes


async def test_a_transaction_takes_no_more_than_a_group() -> None:
    sizes = await sizes_of([drop(number, player=number) for number in range(2 * GROUP_MAX + 5)])
    assert sum(sizes) == 2 * GROUP_MAX + 5
    assert max(sizes) == GROUP_MAX


async def test_no_player_is_twice_in_a_transaction() -> None:
    assert max(await sizes_of([drop(number, player=7) for number in range(5)])) == 1

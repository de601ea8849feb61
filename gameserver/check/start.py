"""Everything that can be known before the first player comes, for `gameserver check` and before each start."""

from __future__ import annotations

import asyncio

from gameserver.check.finding import Finding
from gameserver.check.game import check_game
from gameserver.check.ports import check_ports
from gameserver.check.settings import check_settings
from gameserver.check.stores import check_name, check_stores
from gameserver.config import Settings
from gameserver.simulation.game import Game


async def check_start(settings: Settings, game: type[Game] | None, *, with_name: bool) -> list[Finding]:
    """Return all findings, errors first. ``with_name`` also looks for a living process with this node's name, which
    takes a start some time and is a part of the start anyway."""
    ports, stores, name = await asyncio.gather(
        check_ports(settings), check_stores(settings), check_name(settings) if with_name else _nothing()
    )
    of_game = check_game(game) if game is not None else []
    found = [*check_settings(settings), *ports, *stores, *name, *of_game]
    return sorted(found, key=lambda finding: finding.severity)


async def _nothing() -> list[Finding]:
    return []

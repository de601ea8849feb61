"""All checks in one call, for `gameserver check` and before each start."""

from __future__ import annotations

import asyncio

from gameserver.check.finding import Finding
from gameserver.check.game import check_game
from gameserver.check.ports import check_ports
from gameserver.check.settings import check_settings
from gameserver.check.stores import check_name, check_states, check_stores
from gameserver.config import Settings
from gameserver.simulation.game import Game


async def check_start(settings: Settings, game: type[Game] | None, *, is_start: bool = False) -> list[Finding]:
    """Return all findings, errors first. With ``is_start``, without those that the start makes by itself later: whether
    another process has this node's name, and whether the game can read what is stored."""
    ports, stores = await asyncio.gather(check_ports(settings), check_stores(settings))
    found = [*check_settings(settings), *ports, *stores, *(check_game(game) if game is not None else [])]
    if not is_start:
        found += await check_name(settings)
    if not is_start and game is not None and not any(finding.severity == "error" for finding in found):
        found += await check_states(settings, game)
    return sorted(found, key=lambda finding: finding.severity)

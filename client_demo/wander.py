"""A few quiet bots that keep a world alive: they wander, gather, greet and give to whoever stands near, until SIGTERM.

They wait for a server that is away, and come back as the same guests when told where to keep their tokens.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from pathlib import Path

import orjson

from client_demo.bot import Bot, Habits
from client_demo.measurements import Tally
from gameserver.client import ConnectionState, SharedFrames

NAMES = ("Fox", "Hare", "Owl", "Badger", "Wren", "Otter", "Heron", "Mole", "Lark", "Toad")
LEAVE_TIMEOUT_S = 5.0
_HABITS = Habits(
    act_every_s=6.0, say_every_s=90.0, moves_each_tick=False, gives_to_strangers=True, gives_up_after_s=None
)


async def wander(url: str, players: int, remember: Path | None) -> int:
    """Run until SIGINT or SIGTERM; every bot is logged out then. Returns 0."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    tokens = _load(remember)
    frames, tally = SharedFrames(), Tally()
    neighbours: dict[tuple[str, int], Bot] = {}
    bots = []
    for i in range(players):
        name = NAMES[i] if i < len(NAMES) else None
        token = tokens[i] if i < len(tokens) else None
        bots.append(Bot(url, _HABITS, tally, neighbours, name=name, token=token, frames=frames))
    lives = [asyncio.create_task(_live(bot), name="a wanderer") for bot in bots]
    keeping = asyncio.create_task(_keep_tokens(bots, remember), name="tokens")
    await stopped.wait()
    for task in (*lives, keeping):
        task.cancel()
    await asyncio.gather(*lives, keeping, return_exceptions=True)
    with suppress(TimeoutError):
        async with asyncio.timeout(LEAVE_TIMEOUT_S):
            await asyncio.gather(*(bot.leave() for bot in bots))
    return 0


async def _live(bot: Bot) -> None:
    """Play, and when the session ended, after a while again."""
    while True:
        if await bot.sign_in():
            bot.begin()
            living = asyncio.create_task(bot.live(), name="life of a wanderer")
            try:
                while bot.client.connection is not ConnectionState.ENDED:
                    await asyncio.sleep(1.0)
            finally:
                living.cancel()
                await asyncio.gather(living, return_exceptions=True)
        await asyncio.sleep(5.0)


async def _keep_tokens(bots: list[Bot], remember: Path | None) -> None:
    kept: list[str | None] = []
    while remember is not None:
        tokens = [bot.token for bot in bots]
        if tokens != kept and any(tokens):
            _save(remember, tokens)
            kept = tokens
        await asyncio.sleep(1.0)


def _save(remember: Path, tokens: list[str | None]) -> None:
    remember.parent.mkdir(parents=True, exist_ok=True)
    remember.touch(mode=0o600)
    remember.write_bytes(orjson.dumps(tokens))


def _load(remember: Path | None) -> list[str | None]:
    try:
        tokens = orjson.loads(remember.read_bytes()) if remember is not None else []
    except (OSError, ValueError):
        return []
    return tokens if isinstance(tokens, list) else []

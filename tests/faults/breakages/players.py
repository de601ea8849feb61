"""Players: many sign-ins of one at once, sockets lost again and again, trades while all else breaks."""

from __future__ import annotations

import asyncio
from random import Random

from tests.faults.bot import Bot
from tests.faults.breakages.redis import kill_redis
from tests.faults.breakages.servers import kill_server
from tests.faults.breakages.sql import cut_next_commit
from tests.faults.hoarder import Hoarder
from tests.faults.scene import Scene

CROWD = 100
HOARDERS, HOARDING_S = 4, 2.0
CROWD_S = 20.0
CROWD_SETTLES_S = 1.0
TAKEOVER_TICKS = 22  # the node before shows moves for up to a second that are nobody's any more
TRADES_A_ROUND = 500
TRADING_S_MAX = 90.0


async def crowd_of_logins(scene: Scene) -> None:
    """Many sign-ins of one player at once on two nodes: one socket lives in the end."""
    bot = scene.random.choice(scene.bots)
    assert bot.guest_token is not None and bot.ledger is not None
    scene.around.moves_behind_max, scene.around.unseen_s = TAKEOVER_TICKS, TAKEOVER_TICKS / 20
    bot.intent = "wait"
    crowd = [Bot(100 + number, scene.around, scene.random) for number in range(CROWD)]
    for one in crowd:
        one.join_as(bot)
    tasks = [asyncio.create_task(one.run()) for one in crowd]
    await scene.until(lambda: sum(task.done() for task in tasks) >= CROWD - 1, CROWD_S)  # taken over, for good
    await asyncio.sleep(CROWD_SETTLES_S)
    open_sockets = [one for one in (*crowd, bot) if one.is_playing]
    scene.verdicts.check("takeover", len(open_sockets) == 1, f"{len(open_sockets)} sockets of one player are open")
    for one in crowd:
        one.vanish()
    await asyncio.gather(*tasks)
    bot.intent = "play"
    scene.strikes_now()


async def cut_sockets(scene: Scene) -> None:
    """Players' sockets are lost without a word, again and again."""
    for _ in range(10):
        scene.random.choice(scene.bots).cut()
        await scene.play(0.05, 0.2)
    scene.strikes_now()


async def hoard_the_unsavable(scene: Scene) -> None:
    """Players of a game that tries to keep what no store can; the node is killed while they do; all come back twice."""
    hoarders = [Hoarder(2000 + number, scene.around, Random(scene.random.random())) for number in range(HOARDERS)]
    hoarding = [asyncio.create_task(hoarder.hoard(HOARDING_S)) for hoarder in hoarders]
    await scene.play(0.5 * HOARDING_S, HOARDING_S)
    await kill_server(scene)
    await asyncio.gather(*hoarding)
    for _ in range(2):
        await asyncio.gather(*(hoarder.leave() for hoarder in hoarders))


async def trades_while_killing(scene: Scene) -> None:
    """Everybody gives to everybody while the node and Redis are killed and commits are cut, until enough were acked."""
    until_s = asyncio.get_running_loop().time() + TRADING_S_MAX
    breaks = (kill_server, kill_redis, cut_next_commit)
    await kill_server(scene)
    while scene.trades() < TRADES_A_ROUND and asyncio.get_running_loop().time() < until_s:
        await scene.until(lambda: all(bot.is_playing for bot in scene.staying()), 10.0)
        await scene.play(1.0, 4.0)
        await scene.random.choice(breaks)(scene)
    scene.strikes_now()

"""The server process: killed, told to end, put to sleep, started beside another one."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from tests.faults.bot import Bot
from tests.faults.rig import CHECKPOINT_S, LEASE_S
from tests.faults.scene import Scene
from tests.faults.sitter import Sitter

DRAIN_S = 10.0
WALKS_ON_S = 2.0  # after its socket was closed a player is in the zone as long as an exchange of it is under way
TAKEOVER_S = 1.0
SITTERS = 276  # besides the fault's 24 bots: 300 sockets
SITTERS_AT_ONCE = 12
STARTS = 4


async def kill_server(scene: Scene) -> None:
    """kill -9 of the node at a random moment."""
    scene.some_vanish()
    scene.strikes_now()
    await scene.rig.kill(scene.rig.nodes[0])
    await scene.rig.start(scene.rig.nodes[0], **scene.environment)


async def kill_both(scene: Scene) -> None:
    """kill -9 of the node and of Redis, together."""
    scene.some_vanish()
    scene.strikes_now()
    killers = [scene.rig.kill(scene.rig.nodes[0]), asyncio.to_thread(scene.rig.redis.kill)]
    scene.random.shuffle(killers)
    await asyncio.gather(*killers)
    await asyncio.to_thread(scene.rig.redis.start)
    await scene.rig.start(scene.rig.nodes[0], **scene.environment)


async def sigterm(scene: Scene) -> None:
    """SIGTERM under load, with hundreds of sockets: exit 0 in time, everything saved; then a new process."""
    node = scene.rig.nodes[0]
    sitters = await _seated(scene)
    scene.around.unseen_s = WALKS_ON_S
    scene.strikes_now()
    started_s = time.monotonic()
    code = await asyncio.to_thread(node.terminate)
    took_s = time.monotonic() - started_s
    kept = code == 0 and took_s <= scene.around.lateness.patience_s(DRAIN_S)
    scene.verdicts.check("drain", kept, f"exit code {code} after {took_s:.1f} s")
    stores = scene.rig.stores()
    left = stores.redis.keys("session:*")
    stores.close()
    scene.verdicts.check("drain", not left, f"not saved: {left}")
    await asyncio.gather(*(sitter.rises() for sitter in sitters))
    for sitter in sitters:
        scene.verdicts.check("drain", sitter.was_told == "draining", f"{sitter} was told {sitter.was_told!r}")
    await scene.rig.start(node, **scene.environment)


async def start_beside(scene: Scene) -> None:
    """A second node starts while everybody plays at the first, and is killed; several times."""
    other = scene.rig.nodes[1]
    welcomes = {bot: bot.times_welcome for bot in scene.bots}
    for _ in range(STARTS):
        await scene.rig.start(other, **scene.environment)
        await scene.play(0.0, 0.5)
        await scene.rig.kill(other)
    for bot, times in welcomes.items():
        stayed = bot.is_playing and bot.times_welcome == times
        scene.verdicts.check("one history", stayed, f"{bot} lost its socket because a second node started")
    state = await scene.readiness()
    scene.verdicts.check("one history", '"ready":true' in state, f"the first node is not ready any more: {state}")
    scene.strikes_now()


async def _seated(scene: Scene) -> list[Sitter]:
    sitters = [Sitter(number, scene.around) for number in range(1000, 1000 + SITTERS)]
    for at in range(0, SITTERS, SITTERS_AT_ONCE):
        await asyncio.gather(*(sitter.sits_down() for sitter in sitters[at : at + SITTERS_AT_ONCE]))
    scene.notes.append(f"{len(sitters) + len(scene.bots)} sockets")
    return sitters


async def stop_and_continue(scene: Scene) -> None:
    """A node sleeps longer than its lease, its players go on elsewhere, and it wakes up."""
    await _sleep_and_wake(scene, redis_is_away=False)


async def wake_without_redis(scene: Scene) -> None:
    """The same, and when it wakes up Redis is away, so that no pointer can tell: only SQL knows better."""
    await _sleep_and_wake(scene, redis_is_away=True)


async def _sleep_and_wake(scene: Scene, *, redis_is_away: bool) -> None:
    asleep, awake = scene.rig.nodes
    os.kill(asleep.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(0.3)  # what it had sent is read
        ghosts = [bot for bot in scene.bots if bot.url == asleep.ws_url and bot.is_playing]
        scene.around.urls = [awake.ws_url]
        scene.strikes_now()
        for ghost in ghosts:
            scene.add(ghost.split())
        await asyncio.sleep(LEASE_S + scene.random.uniform(0.5, 1.5))
        playing = await scene.until(lambda: all(bot.is_playing for bot in scene.staying()), 5.0)
        scene.verdicts.check("no orphans", playing, "not everybody plays on the other node")
        for bot in scene.random.sample(scene.staying(), len(scene.staying()) // 2):
            bot.intent = "leave"  # saved before the other wakes up
        await scene.play(0.5, 1.5)
        if redis_is_away:
            await asyncio.to_thread(scene.rig.redis.kill)
    finally:
        os.kill(asleep.pid, signal.SIGCONT)
    noticed_s = CHECKPOINT_S + 1.0 if redis_is_away else TAKEOVER_S
    await scene.until(lambda: not any(ghost.is_playing for ghost in ghosts), noticed_s)
    await scene.play(1.0, 1.5)
    if redis_is_away:
        await asyncio.to_thread(scene.rig.redis.start)
        scene.strikes_now()
    for ghost in ghosts:
        _check_ghost(scene, ghost)
        ghost.cut()
    scene.around.urls = scene.rig.urls


def _check_ghost(scene: Scene, ghost: Bot) -> None:
    assert ghost.ledger is not None
    lies = [deed.message for deed in ghost.ledger.deeds if deed.is_done]
    scene.verdicts.check("takeover", not lies, f"{ghost}: the node that was asleep acked {lies}")
    scene.verdicts.check("takeover", not ghost.is_playing, f"{ghost}: the older socket is still open")

"""Redis: killed, emptied, failed over."""

from __future__ import annotations

import asyncio
import math
import time

from tests.faults.breakages.servers import kill_server
from tests.faults.rig import CHECKPOINT_S
from tests.faults.scene import BACK_S, Scene

CHECKPOINT_TAKES_S = 1.0
UPLOAD_S = 2.0  # after Redis is back
REPLICATION_S = 1.0  # what was written so shortly before the primary was cut off may not have reached the replica


async def kill_redis(scene: Scene) -> None:
    """kill -9 of Redis; it comes back with its data after a while. The server lives on."""
    await asyncio.to_thread(scene.rig.redis.kill)
    await scene.play(0.0, 1.5)
    await asyncio.to_thread(scene.rig.redis.start)
    scene.strikes_now()
    await stored_again(scene)


async def empty_redis(scene: Scene) -> None:
    """FLUSHALL under a live server; then, sometimes, kill -9 of the server, when all is uploaded again."""
    scene.strikes_now()
    scene.rig.redis.command("FLUSHALL")
    await stored_again(scene)
    if scene.random.random() < 0.5:
        stores = scene.rig.stores()
        try:
            await scene.until(lambda: len(stores.redis.keys("owner:*")) == len(scene.bots), UPLOAD_S)
        finally:
            stores.close()
        await kill_server(scene)


async def empty_redis_and_kill_server(scene: Scene) -> None:
    """Redis loses everything and the node dies: one checkpoint may be lost, nothing durable, nothing doubled."""
    await scene.play(1.0, 4.0)
    may_cost_a_checkpoint(scene)
    scene.strikes_now()
    await scene.rig.kill(scene.rig.nodes[0])
    scene.rig.redis.command("FLUSHALL")
    await scene.rig.start(scene.rig.nodes[0], **scene.environment)


async def evict_sessions(scene: Scene) -> None:
    """Redis loses whole hashes and single fields of live sessions, one at a time, as by an eviction. Their owner puts
    them back while they are played; then kill -9 of the server. Sometimes the server dies before it has noticed."""
    await scene.play(1.0, 4.0)
    stores = await asyncio.to_thread(scene.rig.stores)
    redis = stores.redis
    try:
        before = {key: set(redis.hkeys(key)) for key in redis.keys("session:*")}
        for key in scene.random.sample(sorted(before), len(before) // 2 + 1):
            lost = sorted(before[key])
            if scene.random.random() < 0.5:
                lost = scene.random.sample(lost, scene.random.randint(1, 5))
            redis.hdel(key, *lost)
        if scene.random.random() < 0.3:
            may_cost_a_checkpoint(scene)
        else:
            whole = await scene.until(lambda: all(set(redis.hkeys(key)) >= before[key] for key in before), UPLOAD_S)
            scene.verdicts.check("bounded staleness", whole, "redis does not have what it lost again")
            await scene.play(0.0, 1.0)
    finally:
        stores.close()
    await kill_server(scene)


async def fail_over(scene: Scene) -> None:
    """The primary is cut off from its sentinels and its replica, but not from the node that uses it: a zombie on a
    zombie. Players go on at another node, on the new primary; then the network is whole again."""
    zombie, node = scene.rig.nodes
    sentinels = scene.rig.sentinels
    scene.around.sure_until_s = time.monotonic() - REPLICATION_S
    scene.around.moves_behind_max = int(REPLICATION_S * 20)
    await asyncio.to_thread(sentinels.cut_off)
    await asyncio.to_thread(sentinels.failover)
    scene.strikes_now()
    await scene.rig.start(node, **scene.environment)
    scene.around.urls = [node.ws_url]
    ghosts = [bot for bot in scene.bots if bot.is_playing]
    twins = [ghost.split() for ghost in ghosts]
    for ghost, twin in zip(ghosts, twins, strict=True):
        ghost.intent = "wait"  # what it does counts as long as nobody else owns the player
        scene.add(twin)
    await scene.until(lambda: all(twin.is_playing for twin in twins), BACK_S)
    for ghost in ghosts:
        ghost.intent = "vanish"
    await scene.play(CHECKPOINT_S + CHECKPOINT_TAKES_S, CHECKPOINT_S + 2 * CHECKPOINT_TAKES_S)
    playing = [str(ghost) for ghost in ghosts if ghost.is_playing]
    scene.verdicts.check("one writer", not playing, f"on the node that was cut off still play {playing}")
    await asyncio.to_thread(sentinels.heal)
    await scene.play(1.0, 2.0)
    for ghost in ghosts:
        ghost.cut()
    await asyncio.to_thread(zombie.stop)


def may_cost_a_checkpoint(scene: Scene) -> None:
    around = scene.around
    around.may_forget = True
    played_until_s = min(time.monotonic(), scene.struck_s or math.inf)  # nothing is saved while nothing runs
    around.sure_until_s = min(around.sure_until_s, played_until_s - CHECKPOINT_S - CHECKPOINT_TAKES_S)
    around.moves_behind_max = int((CHECKPOINT_S + CHECKPOINT_TAKES_S) * 20)


async def stored_again(scene: Scene) -> None:
    """Somebody is acked ``stored`` or ``durable`` within the time the contract gives."""
    assert scene.struck_s is not None
    struck_s = scene.struck_s
    stored = await scene.until(lambda: any(bot.stored_at_s > struck_s for bot in scene.bots), UPLOAD_S + 4.0)
    took_s = time.monotonic() - struck_s
    kept = stored and took_s <= scene.around.lateness.patience_s(UPLOAD_S)
    scene.verdicts.check("degrade, never lie", kept, f"nothing stored for {took_s:.1f} s")

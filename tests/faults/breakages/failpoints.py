"""The server dies at a named place between two steps, of which one is done and the other is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from gameserver.failpoints import Failpoint
from tests.faults.bot import Bot
from tests.faults.breakages.redis import may_cost_a_checkpoint
from tests.faults.scene import Scene
from tests.servers.game import RunningGame

PROVOKED_S = 15.0


def failpoint(point: Failpoint) -> Callable[[Scene], Awaitable[None]]:
    """The node dies by itself where ``point`` says, at the first to twelfth time it gets there."""

    async def strike(scene: Scene) -> None:
        node = scene.rig.nodes[0]
        times = scene.random.randint(1, 12 if point.startswith(("tick.", "save.")) else 4)
        scene.some_vanish()
        scene.strikes_now()
        waiting = _left_to_the_reaper(scene, times) if point.startswith("recover.") else []
        await scene.rig.kill(node)
        dies = {**scene.environment, "GAMESERVER_FAILPOINT": f"{point}:{times}"}
        await _start_to_die(scene, node, dies)
        died = await _provoke(scene, node, point)
        for bot in waiting:
            bot.intent = "play"
        scene.verdicts.check("every failpoint", died, f"{point} was not reached {times} times")
        if not died:
            await scene.rig.kill(node)
        await scene.rig.start(node, **scene.environment)
        scene.strikes_now()

    return strike


def _left_to_the_reaper(scene: Scene, times: int) -> list[Bot]:
    """Let so many bots wait that the reaper finds as many sessions as the failpoint needs. A bot that resumes first
    keeps its session from being reaped, and on a slow machine all of them do."""
    vanished = len(scene.bots) - len(scene.staying())
    waiting = scene.random.sample(scene.staying(), max(times - vanished, 0))
    for bot in waiting:
        bot.intent = "wait"
    return waiting


async def _start_to_die(scene: Scene, node: RunningGame, environment: dict[str, str]) -> None:
    try:
        await scene.rig.start(node, **environment)
    except AssertionError:
        assert not node.is_running  # it got there before it was healthy


async def _provoke(scene: Scene, node: RunningGame, point: Failpoint) -> bool:
    """Do what leads to ``point`` until the node dies; False when it does not."""
    until_s = time.monotonic() + PROVOKED_S
    while node.is_running and time.monotonic() < until_s:
        if point.startswith(("open.", "save.", "remove.")):
            for bot in scene.staying():
                bot.relog()
        if point.startswith("restore."):
            may_cost_a_checkpoint(scene)
            scene.rig.redis.command("FLUSHALL")
        if point.startswith("discard."):
            await _open_elsewhere(scene)
        await asyncio.sleep(0.4)
    scene.around.urls = [each.ws_url for each in scene.rig.nodes[: scene.fault.nodes]]
    return not node.is_running


async def _open_elsewhere(scene: Scene) -> None:
    """Everybody changes nodes, to and fro: the one before is fenced and discards what it has."""
    one, other = (node.ws_url for node in scene.rig.nodes)
    scene.around.urls = [other if scene.around.urls == [one] else one]
    for bot in scene.staying():
        bot.cut()

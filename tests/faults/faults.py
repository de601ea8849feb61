"""The faults: what is broken, how it is mended, and what the fault may cost."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import time
from collections.abc import Awaitable, Callable

from gameserver.failpoints import Failpoint
from tests.faults.bot import Bot
from tests.faults.rig import CHECKPOINT_S, LEASE_S
from tests.faults.scene import Fault, Scene
from tests.profiles.proxy import Cut
from tests.servers.game import RunningGame

CHECKPOINT_TAKES_S = 1.0
UPLOAD_S = 2.0  # after Redis is back
DRAIN_S = 10.0
TAKEOVER_TICKS = 22  # the node before shows moves for up to a second that are nobody's any more


async def kill_server(scene: Scene) -> None:
    """kill -9 of the node at a random moment."""
    scene.some_vanish()
    scene.strikes_now()
    await scene.rig.kill(scene.rig.nodes[0])
    await scene.rig.start(scene.rig.nodes[0], **scene.environment)


async def kill_redis(scene: Scene) -> None:
    """kill -9 of Redis; it comes back with its data after a while. The server lives on."""
    await asyncio.to_thread(scene.rig.redis.kill)
    await scene.play(0.0, 1.5)
    await asyncio.to_thread(scene.rig.redis.start)
    scene.strikes_now()
    await _stored_again(scene)


async def kill_both(scene: Scene) -> None:
    """kill -9 of the node and of Redis, together."""
    scene.some_vanish()
    scene.strikes_now()
    killers = [scene.rig.kill(scene.rig.nodes[0]), asyncio.to_thread(scene.rig.redis.kill)]
    scene.random.shuffle(killers)
    await asyncio.gather(*killers)
    await asyncio.to_thread(scene.rig.redis.start)
    await scene.rig.start(scene.rig.nodes[0], **scene.environment)


async def empty_redis(scene: Scene) -> None:
    """FLUSHALL under a live server; then, sometimes, kill -9 of the server, when all is uploaded again."""
    scene.strikes_now()
    scene.rig.redis.command("FLUSHALL")
    await _stored_again(scene)
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
    _may_cost_a_checkpoint(scene)
    scene.strikes_now()
    await scene.rig.kill(scene.rig.nodes[0])
    scene.rig.redis.command("FLUSHALL")
    await scene.rig.start(scene.rig.nodes[0], **scene.environment)


def _may_cost_a_checkpoint(scene: Scene) -> None:
    around = scene.around
    around.may_forget = True
    played_until_s = min(time.monotonic(), scene.struck_s or math.inf)  # nothing is saved while nothing runs
    around.sure_until_s = min(around.sure_until_s, played_until_s - CHECKPOINT_S - CHECKPOINT_TAKES_S)
    around.moves_behind_max = int((CHECKPOINT_S + CHECKPOINT_TAKES_S) * 20)


async def stop_sql(scene: Scene) -> None:
    """MySQL is killed, or answers nothing, for some seconds; ticks go on, sign-ins are refused at once."""
    freeze = scene.random.random() < 0.5
    await asyncio.to_thread(scene.rig.sql.freeze if freeze else scene.rig.sql.kill)
    for bot in scene.bots:
        bot.position_gap_s = 0.0
    until_s = time.monotonic() + scene.random.uniform(2.0, 4.0)
    await scene.play(0.3, 0.6)
    await _is_refused_at_once(scene)
    await asyncio.sleep(max(0.0, until_s - time.monotonic()))
    gap_s = max(bot.position_gap_s for bot in scene.bots)
    scene.verdicts.check("degrade, never lie", gap_s < 1.0, f"no world frame for {gap_s:.2f} s while SQL was away")
    await asyncio.to_thread(scene.rig.sql.thaw if freeze else scene.rig.sql.start)
    scene.strikes_now()


async def sigterm(scene: Scene) -> None:
    """SIGTERM under load: exit 0 in time, everything saved; then a new process."""
    node = scene.rig.nodes[0]
    scene.around.moves_behind_max = 2
    scene.strikes_now()
    started_s = time.monotonic()
    code = await asyncio.to_thread(node.terminate)
    took_s = time.monotonic() - started_s
    kept = code == 0 and took_s <= DRAIN_S
    scene.verdicts.check("drain", kept, f"exit code {code} after {took_s:.1f} s")
    stores = scene.rig.stores()
    left = stores.redis.keys("session:*")
    stores.close()
    scene.verdicts.check("drain", not left, f"not saved: {left}")
    await scene.rig.start(node, **scene.environment)


async def stop_and_continue(scene: Scene) -> None:
    """A node sleeps longer than its lease, its players go on elsewhere, and it wakes up."""
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
    finally:
        os.kill(asleep.pid, signal.SIGCONT)
    await scene.play(2.0, 2.5)
    for ghost in ghosts:
        _check_ghost(scene, ghost)
        ghost.cut()
    scene.around.urls = scene.rig.urls


def _check_ghost(scene: Scene, ghost: Bot) -> None:
    assert ghost.ledger is not None
    lies = [deed.message for deed in ghost.ledger.deeds if deed.is_done]
    scene.verdicts.check("takeover", not lies, f"{ghost}: the node that was asleep acked {lies}")
    scene.verdicts.check("takeover", not ghost.is_playing, f"{ghost}: the older socket is still open")


async def crowd_of_logins(scene: Scene) -> None:
    """Many sign-ins of one player at once on two nodes: one socket lives in the end."""
    bot = scene.random.choice(scene.bots)
    assert bot.guest_token is not None and bot.ledger is not None
    scene.around.moves_behind_max = TAKEOVER_TICKS
    bot.intent = "wait"
    crowd = [Bot(100 + number, scene.around, scene.random) for number in range(30)]
    for one in crowd:
        one.join_as(bot)
    tasks = [asyncio.create_task(one.run()) for one in crowd]
    await asyncio.sleep(2.0)
    open_sockets = [one for one in (*crowd, bot) if one.is_playing]
    scene.verdicts.check("takeover", len(open_sockets) == 1, f"{len(open_sockets)} sockets of one player are open")
    for one in crowd:
        one.vanish()
    await asyncio.gather(*tasks)
    bot.intent = "play"
    scene.strikes_now()


async def cut_commit(scene: Scene) -> None:
    """The line to SQL is cut at a COMMIT, before it or after it, or goes silent; several times."""
    for _ in range(scene.random.randint(3, 6)):
        scene.rig.proxy.cut_next = scene.random.choice(list(Cut))
        await scene.until(lambda: scene.rig.proxy.cut_next is None, 4.0)
        await scene.play(0.0, 0.6)
    scene.rig.proxy.cut_next = None
    scene.strikes_now()


async def trades_and_kills(scene: Scene) -> None:
    """Everybody gives to everybody while the node is killed, twice."""
    for _ in range(2):
        await kill_server(scene)
        await scene.until(lambda: all(bot.is_playing for bot in scene.staying()), 10.0)
        await scene.play(0.5, 1.5)


async def cut_sockets(scene: Scene) -> None:
    """Players' sockets are lost without a word, again and again."""
    for _ in range(10):
        scene.random.choice(scene.bots).cut()
        await scene.play(0.05, 0.2)
    scene.strikes_now()


def failpoint(point: Failpoint) -> Callable[[Scene], Awaitable[None]]:
    """The node dies by itself where ``point`` says, at the first to twelfth time it gets there."""

    async def strike(scene: Scene) -> None:
        node = scene.rig.nodes[0]
        times = scene.random.randint(1, 12 if point.startswith(("tick.", "save.")) else 4)
        scene.some_vanish()
        scene.strikes_now()
        await scene.rig.kill(node)
        dies = {**scene.environment, "GAMESERVER_FAILPOINT": f"{point}:{times}"}
        await _start_to_die(scene, node, dies)
        died = await _provoke(scene, node, point)
        if died:
            scene.notes.append(f"hit {point}")
        else:
            await scene.rig.kill(node)
        await scene.rig.start(node, **scene.environment)
        scene.strikes_now()

    return strike


async def _start_to_die(scene: Scene, node: RunningGame, environment: dict[str, str]) -> None:
    try:
        await scene.rig.start(node, **environment)
    except AssertionError:
        assert not node.is_running  # it got there before it was healthy


async def _provoke(scene: Scene, node: RunningGame, point: Failpoint) -> bool:
    """Do what leads to ``point`` until the node dies; False when it does not."""
    until_s = time.monotonic() + 10.0
    while node.is_running and time.monotonic() < until_s:
        if point.startswith(("open.", "save.", "remove.")):
            for bot in scene.staying():
                bot.relog()
        if point.startswith("restore."):
            _may_cost_a_checkpoint(scene)
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


async def _stored_again(scene: Scene) -> None:
    """Somebody is acked ``stored`` or ``durable`` within the time the contract gives."""
    assert scene.struck_s is not None
    struck_s = scene.struck_s
    stored = await scene.until(lambda: any(bot.stored_at_s > struck_s for bot in scene.bots), UPLOAD_S + 2.0)
    took_s = time.monotonic() - struck_s
    scene.verdicts.check("degrade, never lie", stored and took_s <= UPLOAD_S, f"nothing stored for {took_s:.1f} s")


async def _is_refused_at_once(scene: Scene) -> None:
    """A new guest while SQL is away."""
    newcomer = Bot(99, scene.around, scene.random)
    took_s = await newcomer.time_of_refusal()
    scene.verdicts.check("degrade, never lie", took_s < 1.5, f"a sign-in was kept waiting for {took_s:.2f} s")


def _fault_of(point: Failpoint) -> Fault:
    nodes = 2 if point.startswith("discard.") else 1
    return Fault(f"failpoint:{point}", failpoint(point), nodes=nodes, bots=6)


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("kill-server", kill_server),
        *(_fault_of(point) for point in Failpoint),
        Fault("kill-redis", kill_redis),
        Fault("kill-both", kill_both),
        Fault("empty-redis", empty_redis),
        Fault("empty-redis-and-kill-server", empty_redis_and_kill_server),
        Fault("stop-and-continue", stop_and_continue, nodes=2, bots=10),
        Fault("stop-sql", stop_sql),
        Fault("sigterm", sigterm, bots=16),
        Fault("crowd-of-logins", crowd_of_logins, nodes=2, bots=4),
        Fault("trades-and-kills", trades_and_kills, bots=10, trade_share=0.9),
        Fault("cut-commit", cut_commit, trade_share=0.8),
        Fault("cut-sockets", cut_sockets),
    )
}

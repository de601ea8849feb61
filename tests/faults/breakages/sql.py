"""MySQL: away for a minute, set back to a dump, lines to it that are cut in the middle of a COMMIT, and a session that
it does not take."""

from __future__ import annotations

import asyncio
from contextlib import closing
from random import Random

from tests.faults.bot import Bot
from tests.faults.ledger import Before, Ledger
from tests.faults.rig import CHECKPOINT_S
from tests.faults.scene import Scene
from tests.profiles.proxy import COMMIT, Cut
from tests.scenarios.stores import Stores

AWAY_S = 60.0
NEWCOMERS = 3  # come after the dump: their numbers are given again when it is loaded
REFUSED_WITHIN_S = 1.0
ASKED_EVERY_S = 5.0
TICK_HZ = 20
TICK_RATE_MIN = 0.9  # of the ticks there should have been, as players count them
SAVED_WITHIN_S = 2 * CHECKPOINT_S + 1.0  # a checkpoint, and what a batch takes that has to be taken apart
GAP_MAX_S = 1.0  # between two world frames


async def stop_sql(scene: Scene) -> None:
    """MySQL is killed, or answers nothing, for a minute; ticks go on, sign-ins are refused at once."""
    freeze = scene.random.random() < 0.5
    await asyncio.to_thread(scene.rig.sql.freeze if freeze else scene.rig.sql.kill)
    watch = TickWatch(scene)
    scene.some_vanish()  # their sessions end while SQL is away, and are to be saved when it is back
    for _ in range(int(AWAY_S / ASKED_EVERY_S)):
        await asyncio.sleep(ASKED_EVERY_S)
        await _is_refused_at_once(scene)
    watch.judge()
    await asyncio.to_thread(scene.rig.sql.thaw if freeze else scene.rig.sql.start)
    scene.strikes_now()


class TickWatch:
    """Whether ticks went on all the while, as the bots that stay see them."""

    def __init__(self, scene: Scene):
        self._scene = scene
        self._since_s = asyncio.get_running_loop().time()
        self._tick = self._newest()
        for bot in scene.bots:
            bot.position_gap_s = 0.0

    def judge(self) -> None:
        took_s = asyncio.get_running_loop().time() - self._since_s
        rate = (self._newest() - self._tick) / (took_s * TICK_HZ)
        check = self._scene.verdicts.check
        check("degrade, never lie", rate >= TICK_RATE_MIN, f"only {rate:.0%} of the ticks while SQL was away")
        gap_s = max(bot.position_gap_s for bot in self._scene.staying())
        gap_max_s = self._scene.around.lateness.patience_s(GAP_MAX_S)
        check("degrade, never lie", gap_s < gap_max_s, f"no world frame for {gap_s:.2f} s while SQL was away")
        self._scene.notes.append(f"{rate:.0%} of the ticks")

    def _newest(self) -> int:
        return max(bot.tick for bot in self._scene.bots)


async def _is_refused_at_once(scene: Scene) -> None:
    """A new guest while SQL is away."""
    newcomer = Bot(99, scene.around, scene.random)
    took_s = await newcomer.time_of_refusal()
    kept = took_s < scene.around.lateness.patience_s(REFUSED_WITHIN_S)
    scene.verdicts.check("degrade, never lie", kept, f"a sign-in was kept waiting for {took_s:.2f} s")


async def cut_commit(scene: Scene) -> None:
    """The line to SQL is cut at a COMMIT, before or after it, or goes silent then or a moment later; several times."""
    for _ in range(scene.random.randint(3, 6)):
        await cut_next_commit(scene)
        await scene.play(0.0, 0.6)
    scene.strikes_now()


async def cut_next_commit(scene: Scene) -> None:
    proxy = scene.rig.proxy
    cut = scene.random.choice([*Cut, COMMIT])
    if isinstance(cut, Cut):
        proxy.cut_next = cut
    else:
        proxy.silent_after = cut
    await scene.until(lambda: proxy.cut_next is None and proxy.silent_after is None, 4.0)
    proxy.cut_next = proxy.silent_after = None


async def refuse_one_session(scene: Scene) -> None:
    """MySQL refuses the saves of one player; all others are saved in time, and the node counts as ready."""
    unlucky = scene.random.choice(scene.bots)
    assert unlucky.ledger is not None
    refuse = (
        "CREATE TRIGGER refuse BEFORE UPDATE ON profile FOR EACH ROW"
        f" IF NEW.player_id = {unlucky.ledger.player_id} AND NEW.saved_seq <> OLD.saved_seq"
        " THEN SIGNAL SQLSTATE '45000'; END IF"
    )
    await _in_sql(scene, refuse)
    try:
        before = await _saved_seqs(scene)
        await asyncio.sleep(scene.around.lateness.patience_s(SAVED_WITHIN_S))
        after = await _saved_seqs(scene)
        for bot in scene.bots:
            assert bot.ledger is not None
            player_id = bot.ledger.player_id
            kept = bot is unlucky or after[player_id] > before[player_id]
            scene.verdicts.check("degrade, never lie", kept, f"{bot} was not saved because {unlucky} cannot be")
        status, reason = await asyncio.to_thread(scene.rig.nodes[0].get, "/readyz")
        scene.verdicts.check("degrade, never lie", status == 200, f"not ready because of {unlucky}: {reason}")
    finally:
        await _in_sql(scene, "DROP TRIGGER refuse")
    scene.strikes_now()


async def _in_sql(scene: Scene, statement: str) -> tuple[tuple[object, ...], ...]:
    return await asyncio.to_thread(scene.rig.sql.execute, statement, database=scene.rig.database)


async def _saved_seqs(scene: Scene) -> dict[object, int]:
    rows = await _in_sql(scene, "SELECT player_id, saved_seq FROM profile")
    return {player_id: int(str(saved_seq)) for player_id, saved_seq in rows}


async def restore_older_sql(scene: Scene) -> None:
    """Play goes on after a dump: players relog, trade, and new ones come. Then kill -9, and SQL is set back."""
    dump = await scene.rig.dump()
    for bot in scene.random.sample(scene.bots, len(scene.bots) // 2):
        bot.relog()
    newcomers = [_bot(scene, 100 + number) for number in range(NEWCOMERS)]
    for bot in newcomers:
        scene.add(bot)
    await scene.until(lambda: all(bot.is_playing for bot in scene.bots), 5.0)
    await scene.play(1.5, 2.5)
    before = list(scene.bots)
    await scene.rig.kill(scene.rig.nodes[0])
    for bot in before:
        bot.vanish()
    assert scene.checker is not None
    scene.checker.forget()
    await scene.rig.load(dump)
    scene.strikes_now()
    await scene.rig.start(scene.rig.nodes[0], **scene.environment)
    with closing(scene.rig.stores()) as stores:
        again = [_again(scene, stores, bot) for bot in before if bot not in newcomers]
    for bot in (*again, *(_bot(scene, 200 + number) for number in range(NEWCOMERS))):
        scene.add(bot)


def _bot(scene: Scene, number: int) -> Bot:
    return Bot(number, scene.around, Random(scene.random.random()))


def _again(scene: Scene, stores: Stores, before: Bot) -> Bot:
    """The same player, who is owed what SQL has now and nothing else."""
    assert before.ledger is not None
    player_id = before.ledger.player_id
    rows = stores.rows("SELECT item, quantity, minted, burned FROM inventory WHERE player_id = %s", player_id)
    ledger = Ledger(player_id, before.ledger.name)
    ledger.before = {_text(item): Before(*numbers) for item, *numbers in rows}
    ledger.exchanges_before = stores.rows("SELECT COUNT(*) FROM exchange WHERE op_id LIKE %s", f"{player_id}:%")[0][0]
    bot = _bot(scene, before.number)
    scene.around.book.ledgers[player_id] = ledger
    bot.comes_back(ledger, before.guest_token)
    return bot


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)

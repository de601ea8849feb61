"""The game's version: two of them take turns on the same players."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable

from tests.faults.ledger import Deed, Ledger, Range
from tests.faults.rig import GAME
from tests.faults.scene import Scene
from tests.scenarios.stores import Stores

NEW_GAME = "tests.faults.orchard:NewOrchard"
TURNS = 4


class TakeTurns:
    """Kills the node again and again, and starts it with the other version of the game each time."""

    def __init__(self) -> None:
        self._new_s: dict[int, list[float]] = {}  # seed -> when the newer version began and ended, in turn

    async def strike(self, scene: Scene) -> None:
        node, turns = scene.rig.nodes[0], self._new_s.setdefault(scene.seed, [])
        for turn in range(TURNS):
            is_new = turn % 2 == 0
            scene.strikes_now()
            await scene.rig.kill(node)
            turns.append(time.monotonic())
            node.game = NEW_GAME if is_new else GAME
            await scene.rig.start(node, **scene.environment)
            await scene.play(1.0, 2.0)

    def check(self, scene: Scene, stores: Stores) -> None:
        """The newer version's field has what was picked up during its turns, whatever the older one wrote since."""
        turns = self._new_s.pop(scene.seed)
        for ledger in scene.around.book.ledgers.values():
            state = json.loads(stores.rows("SELECT state FROM profile WHERE player_id = %s", ledger.player_id)[0][0])
            picked, promised = state.get("picked", 0), _picked(ledger, turns)
            broken = f"player {ledger.player_id} has picked {picked} in SQL, promised {promised}"
            scene.verdicts.check("every version", promised.holds(picked), broken)
            eaten, promised = state.get("apples_eaten", 0), _range(d for d in ledger.deeds if d.what == "use")
            broken = f"player {ledger.player_id} has eaten {eaten} in SQL, promised {promised}"
            scene.verdicts.check("every version", promised.holds(eaten), broken)


def _picked(ledger: Ledger, turns: list[float]) -> Range:
    """Picked up while the newer version ran. What was sent in one turn and answered in another may count or not."""
    picks = [deed for deed in ledger.deeds if deed.what == "pick_up"]
    low = high = 0
    for began_s, ended_s in zip(turns[::2], turns[1::2], strict=True):
        low += sum(deed.is_done and deed.sent_s > began_s and deed.answered_s < ended_s for deed in picks)
        high += sum(_may_be_applied(deed, began_s, ended_s) for deed in picks)
    return Range(low, high)


def _may_be_applied(deed: Deed, began_s: float, ended_s: float) -> bool:
    return (deed.is_done or deed.is_unknown) and deed.sent_s < ended_s and deed.answered_s > began_s


def _range(deeds: Iterable[Deed]) -> Range:
    known = [deed for deed in deeds if deed.is_done or deed.is_unknown]
    return Range(sum(deed.is_done for deed in known), len(known))

"""Two versions of one game, for tests in which they take turns."""

from __future__ import annotations

from gameserver import Action, Game, Player, PlayerState, Zone, ZoneSpec, handles


class Score(Action, tag="score", frozen=True):
    n: int


class Earn(Action, tag="earn", frozen=True):
    n: int
    item: str = "medal"


class FirstState(PlayerState):
    score: int = 0


class SecondState(PlayerState):
    score: int = 0
    gold: int = 10


class First(Game[FirstState]):
    """The game's first release."""

    kinds = ("player",)
    zones = (ZoneSpec("arena", width=20.0, height=20.0, cell_size=20.0),)

    @handles(Score)
    def score(self, zone: Zone[FirstState], player: Player[FirstState], message: Score) -> None:
        player.state.score = message.n


class Second(First):
    """The next release: players have gold besides, and earn medals."""

    state_type = SecondState

    @handles(Earn)
    def earn(self, zone: Zone, player: Player[SecondState], message: Earn) -> None:
        player.state.gold = message.n
        player.inventory.add(message.item)

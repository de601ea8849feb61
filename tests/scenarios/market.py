"""A game of twenty lines for tests: a player has things made, gives them away, and keeps a score and a note."""

from __future__ import annotations

from gameserver import Action, Game, Player, PlayerState, Zone, ZoneSpec, handles


class Mint(Action, tag="mint", frozen=True):
    item: str
    n: int = 1


class Give(Action, tag="give", frozen=True):
    to: int
    item: str
    n: int = 1


class Score(Action, tag="score", frozen=True):
    n: int


class Note(Action, tag="note", frozen=True):
    n: int  # characters


class Customer(PlayerState):
    score: int = 0
    note: str = ""


class Market(Game[Customer]):
    kinds = ("player",)
    zones = (ZoneSpec("market", width=20.0, height=20.0, cell_size=20.0),)

    @handles(Mint)
    def mint(self, zone: Zone[Customer], player: Player[Customer], message: Mint) -> None:
        player.inventory.add(message.item, message.n)

    @handles(Give)
    def give(self, zone: Zone[Customer], player: Player[Customer], message: Give) -> None:
        receiver = zone.entity(message.to)
        assert isinstance(receiver, Player)
        zone.exchange(player, receiver, message.item, message.n)

    @handles(Score)
    def score(self, zone: Zone[Customer], player: Player[Customer], message: Score) -> None:
        player.state.score = message.n

    @handles(Note)
    def note(self, zone: Zone[Customer], player: Player[Customer], message: Note) -> None:
        player.state.note = "x" * message.n

"""A game that tries to keep what cannot be kept, at its players' wish; and releases of it that read less."""

from __future__ import annotations

from typing import Any

from gameserver import Action, Game, Player, PlayerState, Zone, ZoneSpec, handles


class Mint(Action, tag="mint"):
    item: str
    n: int = 1


class Fill(Action, tag="fill"):
    """Mint n kinds of thing."""

    n: int


class Tell(Action, tag="tell"):
    """Assign any value to any field."""

    field: str
    value: Any


class Write(Action, tag="write"):
    """A text of n characters."""

    n: int


class Shout(Action, tag="shout"):
    """An event of n characters."""

    n: int


class Till(PlayerState):
    score: int = 0
    weight: float = 0.0
    note: str = ""
    tags: tuple[str, ...] = ()


class Shop(Game[Till]):
    zones = (ZoneSpec("shop", width=20.0, height=20.0, cell_size=20.0),)

    @handles(Mint)
    def mint(self, zone: Zone[Till], player: Player[Till], message: Mint) -> None:
        player.inventory.add(message.item, message.n)

    @handles(Fill)
    def fill(self, zone: Zone[Till], player: Player[Till], message: Fill) -> None:
        for number in range(message.n):
            player.inventory.add(f"kind of thing number {number}", 1_000_000_000)

    @handles(Tell)
    def tell(self, zone: Zone[Till], player: Player[Till], message: Tell) -> None:
        setattr(player.state, message.field, message.value)

    @handles(Write)
    def write(self, zone: Zone[Till], player: Player[Till], message: Write) -> None:
        player.state.note = "x" * message.n

    @handles(Shout)
    def shout(self, zone: Zone[Till], player: Player[Till], message: Shout) -> None:
        zone.broadcast("shout", text="x" * message.n)


class OtherTill(PlayerState):
    """The same name, another type, and no version."""

    score: str = ""


class OtherShop(Shop):
    state_type = OtherTill


class LostShop(Shop):
    def choose_zone(self, player: Player[Till]) -> str:
        return "shpo"

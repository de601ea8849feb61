"""Two versions of one game: the second has renamed a zone, and made another one smaller."""

from __future__ import annotations

from gameserver import Action, Game, Player, Zone, ZoneSpec, handles

OLD, NEW, SMALL = "old_town", "new_town", "yard"


class Stand(Action, tag="stand", frozen=True):
    x: float
    y: float


class Before(Game):
    zones = (ZoneSpec(OLD, width=500.0, height=500.0), ZoneSpec(SMALL, width=300.0, height=300.0))

    def choose_zone(self, player: Player) -> str:
        return SMALL if player.name.startswith("small") else OLD

    @handles(Stand)
    def stand(self, zone: Zone, player: Player, message: Stand) -> None:
        zone.move_to(player, message.x, message.y)


class After(Before):
    zones = (ZoneSpec(SMALL, width=40.0, height=20.0), ZoneSpec(NEW, width=60.0, height=80.0))

    def choose_zone(self, player: Player) -> str:
        return NEW if player.lost_zone == OLD else SMALL

    def on_join(self, zone: Zone, player: Player) -> None:
        zone.send(player, "joined", lost_zone=player.lost_zone, is_new=player.is_new, x=player.x, y=player.y)

"""The handler of ``describe``: names of the entities in a player's view."""

from __future__ import annotations

from gameserver.protocol.ids import EntityId
from gameserver.protocol.messages import Describe, Described, EntityDescription
from gameserver.world.entity import Player
from gameserver.world.zone import Zone


def describe(zone: Zone, player: Player, message: Describe) -> None:
    """Send the names of the entities that are in view and have one; leave out the others."""
    inside = zone._internals
    found = (inside.entities.get(EntityId(entity_id)) for entity_id in message.ids)
    seen = [EntityDescription(e.id, e.name) for e in found if e is not None and e.name and inside.in_view(player, e)]
    inside.tell(player.player_id, Described(seen))

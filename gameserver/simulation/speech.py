"""The built-in messages every game has: say, whisper, describe. The sender is the session's player, never a field."""

from __future__ import annotations

from collections.abc import Callable

from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.ids import EntityId, PlayerId
from gameserver.protocol.messages import ChatLine, Describe, Described, EntityDescription, Said, Say, Whisper
from gameserver.protocol.text import clean
from gameserver.world.entity import Player
from gameserver.world.zone import Outgoing, Zone

Presence = Callable[[str], tuple[PlayerId, str] | None]
"""The id and the name as spelled of who is online under a name, however it is written."""


def say(zone: Zone, player: Player, message: Say) -> None:
    """Speak to the zone. Raises Refusal (BAD_TEXT, TOO_MANY)."""
    text = spoken(zone, player, message.text)
    line = ChatLine("zone", player.name, text, zone.now_ms)
    zone.outgoing.append(Outgoing(None, Said(line)))
    zone.lines.append((player, line))


def whisper(zone: Zone, player: Player, message: Whisper, presence: Presence) -> None:
    """Speak to one. Raises Refusal (BAD_TEXT, TOO_MANY, NOT_ONLINE, YOURSELF). The speaker gets the line, too."""
    found = presence(message.to)
    if found is None:
        raise Refusal(RefusalCode.NOT_ONLINE, "nobody of that name is online", field="to")
    receiver, name = found
    if receiver == player.player_id:
        raise Refusal(RefusalCode.YOURSELF, "that is you", field="to")
    line = ChatLine("whisper", player.name, spoken(zone, player, message.text), zone.now_ms, to=name)
    zone.outgoing += [Outgoing(receiver, Said(line)), Outgoing(player.player_id, Said(line))]
    zone.lines.append((player, line))


def describe(zone: Zone, player: Player, message: Describe) -> None:
    """Names of what is in view; the rest is left out."""
    found = (zone.entities.get(EntityId(entity_id)) for entity_id in message.ids)
    seen = [EntityDescription(e.id, e.name) for e in found if e is not None and e.name and zone.in_view(player, e)]
    zone.outgoing.append(Outgoing(player.player_id, Described(seen)))


def spoken(zone: Zone, player: Player, text: str) -> str:
    """The text as it will be shown. Raises Refusal (BAD_TEXT, TOO_MANY)."""
    cleaned = clean(text)
    if wait_ms := player.speech.wait_ms(zone.now_ms):
        raise Refusal(RefusalCode.TOO_MANY, "you are talking too fast", retry_after_ms=wait_ms)
    player.speech.note(cleaned, zone.now_ms)
    return cleaned

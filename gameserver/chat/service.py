"""Chat as a service: a player speaks to the zone or whispers to one player, and the lines are kept.

The sender is always the session's player, never a field of the message. Text is cleaned, and a budget keeps a player
from flooding. Lines are acked ``accepted``; Redis and SQL are not needed for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gameserver.chat.history import ChatHistory
from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.messages import ChatLine, Said, Say, Whisper
from gameserver.protocol.text import clean
from gameserver.services.service import Presence, Service
from gameserver.simulation.game import handles
from gameserver.world.entity import Player
from gameserver.world.zone import Zone


class Chat(Service):
    def __init__(self, history: ChatHistory):
        self._history = history
        self._presence: Presence = _nobody

    @handles(Say)
    def on_say(self, zone: Zone, player: Player, message: Say) -> None:
        """Speak to the zone. Raises Refusal (BAD_TEXT, TOO_MANY)."""
        line = ChatLine("zone", player.name, spoken(zone, player, message.text), zone.now_ms)
        self.tell(zone, None, Said(line))
        self.note(zone, player, line)

    @handles(Whisper)
    def on_whisper(self, zone: Zone, player: Player, message: Whisper) -> None:
        """Speak to one player, and show the line to the speaker, too. Raises Refusal (BAD_TEXT, TOO_MANY, NOT_ONLINE,
        YOURSELF)."""
        found = self._presence(message.to)
        if found is None:
            raise Refusal(RefusalCode.NOT_ONLINE, "nobody of that name is online", field="to")
        receiver, name = found
        if receiver == player.player_id:
            raise Refusal(RefusalCode.YOURSELF, "that is you", field="to")
        line = ChatLine("whisper", player.name, spoken(zone, player, message.text), zone.now_ms, to=name)
        self.tell(zone, receiver, Said(line))
        self.tell(zone, player.player_id, Said(line))
        self.note(zone, player, line)

    def attach(self, presence: Presence) -> None:
        self._presence = presence

    async def start(self, zones: Sequence[str]) -> None:
        await self._history.load(zones)

    async def run(self) -> None:
        await self._history.lines.run()

    def act(self, zone: Zone, player: Player, content: ChatLine) -> None:
        self._history.note(zone.name, player.player_id, content)

    def welcome(self, zone: Zone, player: Player) -> dict[str, Any]:
        return {"chat": self._history.last(zone.name)}

    async def flush(self) -> None:
        await self._history.lines.flush()


def spoken(zone: Zone, player: Player, text: str) -> str:
    """Return the text as it will be shown, and count it in the player's budget. Raises Refusal (BAD_TEXT, TOO_MANY)."""
    cleaned = clean(text)
    if wait_ms := player._internals.speech.wait_ms(zone.now_ms):
        raise Refusal(RefusalCode.TOO_MANY, "you are talking too fast", retry_after_ms=wait_ms)
    player._internals.speech.note(cleaned, zone.now_ms)
    return cleaned


def _nobody(name: str) -> None:
    return None

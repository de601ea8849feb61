"""The class of all services: their messages and handlers, declared as a game declares its own, and the node's calls.

Law: a handler runs on the tick of the player's zone, in the order of the player's actions, and is whole or nothing. It
awaits nothing. Slow work is left as a note, and the service acts on its notes after the tick.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from gameserver.protocol.ids import PlayerId
from gameserver.protocol.messages import ClientMessage, ServerMessage
from gameserver.simulation.game_class import GameClass, check_handled_by, check_tags, collect_handlers
from gameserver.world.entity import Player
from gameserver.world.zone import Zone
from gameserver.world.zone_internals import Note

Presence = Callable[[str], tuple[PlayerId, str] | None]
"""Returns the id and the name of the player who is online under a name, however the name is spelled."""


class Service(metaclass=GameClass):
    """Subclass it, mark the methods ``on_…`` with ``@handles``, and give an instance to the node.

    Each message that a service handles is declared with ``handled_by="service"``. The class statement raises GameError,
    in one line, for whatever can be seen to be wrong.
    """

    handlers: ClassVar[Mapping[type[ClientMessage], Any]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.handlers = collect_handlers(cls)
        check_handled_by(cls, cls.handlers, "service")
        check_tags(cls, cls.handlers)

    # --- for its handlers ---

    def tell(self, zone: Zone, to: PlayerId | None, message: ServerMessage) -> None:
        """Send the message after the tick, to one player in whichever zone or to everyone in this zone. Nothing is sent
        if the handler refuses or raises."""
        zone._internals.tell(to, message)

    def note(self, zone: Zone, player: Player, content: object) -> None:
        """Call ``act`` with the content after the tick, unless the handler refuses or raises."""
        zone._internals.note(Note(self, player, content))

    # --- called by the node; a service replaces those that it needs ---

    def attach(self, presence: Presence) -> None:
        """Take the host's offers. Called once, before ``start``."""

    async def start(self, zones: Sequence[str]) -> None:
        """Load the service's data before the first player comes. Raises ProfilesUnavailable or StoreUnavailable
        when a store does not answer."""

    async def run(self) -> None:
        """Work behind play until cancelled. If this ends earlier, the node stops."""
        await asyncio.get_running_loop().create_future()

    def act(self, zone: Zone, player: Player, content: Any) -> None:
        """Act on a note of a handler, right after the tick. Must not wait."""

    def welcome(self, zone: Zone, player: Player) -> dict[str, Any]:
        """Return the fields of ``welcome`` that the service fills."""
        return {}

    async def flush(self) -> None:
        """Write everything that waits: the node is leaving. Cancelled when the time is over."""

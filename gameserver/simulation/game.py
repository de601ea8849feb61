"""The plug: a game is one class with its message types, their handlers and a tick.

Hooks are plain functions, never async. They change the world by assigning fields and calling the zone; saving is not
their business. To refuse a player's wish a handler raises Refusal (``refuse`` says it in one word).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NoReturn, TypeVar

from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.messages import Action, ClientMessage, Input
from gameserver.world.entity import Player
from gameserver.world.exchange import Exchange
from gameserver.world.state import PlayerState
from gameserver.world.zone import Zone, ZoneSpec

Handler = Callable[[Any, Zone, Player, Any], None]
HandlerT = TypeVar("HandlerT", bound=Handler)


def handles(message_type: type[Input] | type[Action]) -> Callable[[HandlerT], HandlerT]:
    """Marks the method that applies one message type: ``def move(self, zone, player, message)``."""

    def mark(handler: HandlerT) -> HandlerT:
        handler.__handles__ = message_type  # type: ignore[attr-defined]
        return handler

    return mark


def refuse(reason: str, code: RefusalCode = RefusalCode.RULES) -> NoReturn:
    """The player's wish is not granted; ``reason`` is shown to the player."""
    raise Refusal(code, reason)


class Game:
    """Subclass it. One instance serves all zones of a node; keep what belongs to a zone in ``zone.volatile``."""

    tick_hz: ClassVar[int] = 20
    kinds: ClassVar[tuple[str, ...]] = ("player",)
    player_kind: ClassVar[str] = "player"
    zones: ClassVar[tuple[ZoneSpec, ...]] = (ZoneSpec("zone"),)
    state_type: ClassVar[type[PlayerState]] = PlayerState
    handlers: ClassVar[dict[type[ClientMessage], Handler]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # A method that overrides a handler handles, too, whether it is marked again or not.
        cls.handlers = {of: vars(cls).get(handler.__name__, handler) for of, handler in cls.handlers.items()}
        for member in vars(cls).values():
            if message_type := getattr(member, "__handles__", None):
                cls.handlers[message_type] = member
        _check(cls)

    # --- hooks ---

    def on_start(self, zone: Zone) -> None:
        """The zone is new and empty; nobody is in it yet."""

    def on_stop(self, zone: Zone) -> None:
        """The zone is about to end; players have left."""

    def choose_zone(self, player: Player) -> str:
        """The zone a new player starts in."""
        return self.zones[0].name

    def may_join(self, zone: Zone, player: Player) -> str | None:
        """None, or the reason why not."""
        return None

    def on_join(self, zone: Zone, player: Player) -> None:
        """The player is in the zone. ``player.is_new`` when it was never saved: choose where it starts."""

    def on_leave(self, zone: Zone, player: Player, reason: str) -> None:
        """The player is about to be saved and taken out of the zone."""

    def on_disconnect(self, zone: Zone, player: Player) -> None:
        """The socket is lost; the player stays for the grace period."""

    def on_reconnect(self, zone: Zone, player: Player) -> None:
        """The player is back, within the grace period or from another place."""

    def on_exchange(self, zone: Zone, exchange: Exchange) -> None:
        """The exchange is committed and both inventories show it."""

    def on_tick(self, zone: Zone) -> None:
        """Advance the zone by ``zone.tick_s`` seconds."""


def _check(game: type[Game]) -> None:
    if len(game.kinds) > 256 or game.player_kind not in game.kinds:
        raise TypeError(f"{game.__name__}.kinds: at most 256, {game.player_kind!r} among them")
    names: Sequence[str] = [zone.name for zone in game.zones]
    if not names or len(set(names)) != len(names):
        raise TypeError(f"{game.__name__}.zones: at least one, each with a name of its own")
    if not 1 <= game.tick_hz <= 120:
        raise TypeError(f"{game.__name__}.tick_hz: 1 to 120")

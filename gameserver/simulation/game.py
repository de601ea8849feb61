"""The plug: a game is one class with its message types, their handlers and a tick.

Hooks are plain functions, never async. They change the world by assigning fields and calling the zone; saving is not
their business. To refuse a player's wish a handler raises Refusal (``refuse`` says it in one word).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NoReturn, TypeVar

from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.messages import Action, ClientMessage, Input
from gameserver.simulation.declared import check_declared, check_hooks, check_spelling
from gameserver.simulation.game_class import GameClass, check_handled, check_tags, check_unmarked, collect_handlers
from gameserver.world.entity import Player
from gameserver.world.exchange import Exchange
from gameserver.world.state import PlayerState
from gameserver.world.zone import Zone, ZoneSpec

Handler = Callable[[Any, Zone, Player, Any], None]
HandlerT = TypeVar("HandlerT", bound=Handler)


def handles(message_type: type[Input] | type[Action], /) -> Callable[[HandlerT], HandlerT]:
    """Mark the method that applies one message type: ``def move(self, zone, player, message)``. Raises GameError."""
    check_handled(message_type)

    def mark(handler: HandlerT) -> HandlerT:
        check_unmarked(handler, message_type)
        handler.__handles__ = message_type  # type: ignore[attr-defined]
        return handler

    return mark


def refuse(reason: str, code: RefusalCode = RefusalCode.RULES) -> NoReturn:
    """The player's wish is not granted; ``reason`` is shown to the player."""
    raise Refusal(code, reason)


class Game(metaclass=GameClass):
    """Subclass it. One instance serves all zones of a node; keep what belongs to a zone in ``zone.volatile``.

    The class statement raises GameError, in one line, for whatever can be seen to be wrong.
    """

    tick_hz: ClassVar[int] = 20
    kinds: ClassVar[tuple[str, ...]] = ("player",)
    player_kind: ClassVar[str] = "player"
    items: ClassVar[tuple[str, ...] | None] = None  # the kinds of item there are; None: any name
    zones: ClassVar[tuple[ZoneSpec, ...]] = (ZoneSpec("zone"),)
    page: ClassVar[Path | None] = None  # the folder of the game's own page, with an index.html
    state_type: ClassVar[type[PlayerState]] = PlayerState
    handlers: ClassVar[dict[type[ClientMessage], Handler]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_spelling(cls, Game)
        check_hooks(cls, Game)
        check_declared(cls)
        # A method that overrides a handler handles, too, whether it is marked again or not.
        cls.handlers = collect_handlers(cls)
        check_tags(cls, cls.handlers)

    # --- hooks ---

    def on_start(self, zone: Zone) -> None:
        """The zone is new and empty; nobody is in it yet."""

    def on_stop(self, zone: Zone) -> None:
        """The zone is about to end; players have left."""

    def choose_zone(self, player: Player) -> str:
        """Return the name of the zone that the player starts in. The player is new, or ``player.lost_zone`` names its
        zone of before, which the game has no more."""
        return self.zones[0].name

    def may_join(self, zone: Zone, player: Player) -> str | None:
        """None, or the reason why not."""
        return None

    def on_join(self, zone: Zone, player: Player) -> None:
        """The player is in the zone. Choose where it starts if ``player.is_new``: it was never saved. If
        ``player.lost_zone`` names a zone that the game has no more, it stands in the middle of this one."""

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

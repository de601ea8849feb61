"""The plug: a game is one class with its message types, their handlers and a tick.

Hooks are plain functions, never async. They change the world by assigning fields and calling the zone; saving is not
their business. To refuse a player's wish a handler calls ``refuse``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final, Generic, Literal, NoReturn, Protocol, TypeVar, get_args

from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.messages import Action, ClientMessage, Input
from gameserver.protocol.mistake import GameError, closest, place_of_caller, shown
from gameserver.simulation.declared import check_declared, check_hooks, check_spelling
from gameserver.simulation.game_class import (
    GameClass,
    check_handled,
    check_handled_by,
    check_tags,
    check_unmarked,
    collect_handlers,
)
from gameserver.simulation.type_arguments import check_arguments, check_types, take_arguments
from gameserver.world.entity import Player
from gameserver.world.exchange import Exchange
from gameserver.world.scratch import Scratch, ScratchT, ZoneScratchT
from gameserver.world.state import PlayerState, StateT
from gameserver.world.zone import Zone, ZoneSpec

Handler = Callable[[Any, Zone[Any, Any, Any], Player[Any, Any], Any], None]
OwnerT = TypeVar("OwnerT")  # a game or a service
ZoneT = TypeVar("ZoneT", bound=Zone[Any, Any, Any])
PlayerT = TypeVar("PlayerT", bound=Player[Any, Any])
MessageT = TypeVar("MessageT", bound=Input | Action)

RefusalName = Literal[
    "rules", "no_such_thing", "too_far", "not_enough", "not_usable", "yourself", "full", "not_allowed", "try_later"
]
"""The codes that a game may refuse with. Clients read the code, people the reason."""
_REFUSAL_NAMES: Final[tuple[str, ...]] = get_args(RefusalName)


class Mark(Protocol[MessageT]):
    """The decorator that ``handles`` returns. Type checkers see that the method takes this message."""

    def __call__(
        self, handler: Callable[[OwnerT, ZoneT, PlayerT, MessageT], None], /
    ) -> Callable[[OwnerT, ZoneT, PlayerT, MessageT], None]: ...


def handles(message_type: type[MessageT], /) -> Mark[MessageT]:
    """Mark the method that applies one message type: ``def move(self, zone, player, message)``. Raises GameError."""
    check_handled(message_type)

    def mark(handler: Any) -> Any:
        check_unmarked(handler, message_type)
        handler.__handles__ = message_type
        return handler

    return mark


def refuse(reason: str, *, code: RefusalName = "rules", field: str | None = None, retry_after_ms: int = 0) -> NoReturn:
    """Do not grant the player's wish, and end the handler. The handler's changes are undone.

    The player is shown ``reason``. ``code`` tells the client's program why, and ``field`` names the field of the
    message that cannot be obeyed. Raises GameError for a code that a game cannot use.
    """
    if code not in _REFUSAL_NAMES:
        meant = closest(code, _REFUSAL_NAMES)
        remedy = f'write code="{meant}"' if meant else f"write one of {', '.join(_REFUSAL_NAMES)}"
        raise GameError(place_of_caller("refuse"), f"has the code {shown(code)}", remedy)
    raise Refusal(RefusalCode(code), reason, field=field, retry_after_ms=retry_after_ms)


class Game(Generic[StateT, ScratchT, ZoneScratchT], metaclass=GameClass):
    """Subclass it: ``class Tag(Game[Tally, Steering, Ground])`` names the classes of ``player.state``,
    ``player.scratch`` and ``zone.scratch``. Leave out the last ones that the game does not need.

    One instance serves all zones of a node. Keep a zone's own values in ``zone.scratch``.
    The class statement raises GameError, in one line, for whatever can be seen to be wrong.
    """

    tick_hz: ClassVar[int] = 20
    kinds: ClassVar[tuple[str, ...]] = ("player",)
    player_kind: ClassVar[str] = "player"
    items: ClassVar[tuple[str, ...] | None] = None  # the kinds of item there are; None: any name
    zones: ClassVar[tuple[ZoneSpec, ...]] = (ZoneSpec("zone"),)
    page: ClassVar[Path | None] = None  # the folder of the game's own page, with an index.html
    state_type: ClassVar[type[PlayerState]] = PlayerState  # this and the next two: from ``Game[…]``
    scratch_type: ClassVar[type[Scratch]] = Scratch
    zone_scratch_type: ClassVar[type[Scratch]] = Scratch
    handlers: ClassVar[dict[type[ClientMessage], Handler]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_spelling(cls, Game)
        take_arguments(cls, Game)
        check_hooks(cls, Game)
        check_declared(cls)
        # A method that overrides a handler handles, too, whether it is marked again or not.
        cls.handlers = collect_handlers(cls)
        check_handled_by(cls, cls.handlers, "zone")
        check_tags(cls, cls.handlers)
        check_types(cls, Game)

    def __class_getitem__(cls, arguments: Any) -> Any:
        if cls is Game:
            check_arguments(arguments)
        return super().__class_getitem__(arguments)  # type: ignore[misc]

    # --- hooks ---

    def on_start(self, zone: Zone[StateT, ScratchT, ZoneScratchT]) -> None:
        """The zone is new and empty; nobody is in it yet."""

    def on_stop(self, zone: Zone[StateT, ScratchT, ZoneScratchT]) -> None:
        """The zone is about to end; players have left."""

    def choose_zone(self, player: Player[StateT, ScratchT]) -> str:
        """Return the name of the zone that the player starts in. The player is new, or ``player.lost_zone`` names its
        zone of before, which the game has no more."""
        return self.zones[0].name

    def may_join(self, zone: Zone[StateT, ScratchT, ZoneScratchT], player: Player[StateT, ScratchT]) -> str | None:
        """None, or the reason why not."""
        return None

    def on_join(self, zone: Zone[StateT, ScratchT, ZoneScratchT], player: Player[StateT, ScratchT]) -> None:
        """The player is in the zone. Choose where it starts if ``player.is_new``: it was never saved. If
        ``player.lost_zone`` names a zone that the game has no more, it stands in the middle of this one."""

    def on_leave(
        self, zone: Zone[StateT, ScratchT, ZoneScratchT], player: Player[StateT, ScratchT], reason: str
    ) -> None:
        """The player is about to be saved and taken out of the zone."""

    def on_disconnect(self, zone: Zone[StateT, ScratchT, ZoneScratchT], player: Player[StateT, ScratchT]) -> None:
        """The socket is lost; the player stays for the grace period."""

    def on_reconnect(self, zone: Zone[StateT, ScratchT, ZoneScratchT], player: Player[StateT, ScratchT]) -> None:
        """The player is back, within the grace period or from another place."""

    def on_exchange(self, zone: Zone[StateT, ScratchT, ZoneScratchT], exchange: Exchange[StateT, ScratchT]) -> None:
        """The exchange is committed and both inventories show it."""

    def on_tick(self, zone: Zone[StateT, ScratchT, ZoneScratchT]) -> None:
        """Advance the zone by ``zone.tick_s`` seconds."""

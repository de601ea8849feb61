"""The checks of a game's class: those that need the finished module. The class statement makes the others."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from types import FunctionType
from typing import Any

from gameserver.built_in import SERVICES
from gameserver.check.finding import Finding
from gameserver.protocol.message_class import check_decodable, has_tag
from gameserver.protocol.messages import Action, ClientMessage, Input
from gameserver.protocol.mistake import GameError, place_of_class, place_of_function
from gameserver.services.service import Service
from gameserver.simulation.declared import check_declared, check_hooks, close_names
from gameserver.simulation.game import Game
from gameserver.simulation.game_class import collect_handlers
from gameserver.simulation.routes import check_names
from gameserver.simulation.type_arguments import check_types
from gameserver.world.scratch import Scratch
from gameserver.world.state import PlayerState
from gameserver.world.state_class import check_fields
from gameserver.world.stored_state import StateUnreadable, read_state


def check_game(game: type[Game], services: Sequence[type[Service]] = SERVICES) -> list[Finding]:
    """Return all findings about the class, beside the services of its node, errors first. Starts nothing and connects
    to nothing."""
    found = [
        *_as_it_is_now(game, services),
        *_unreadable_classes(game),
        *_unused_messages(game),
        *_unused_states(game),
        *_misspelt(game),
    ]
    return sorted(found, key=lambda finding: finding.severity)


def check_stored(game: type[Game], stored: Iterable[tuple[int, str, bytes]]) -> list[Finding]:
    """Return a finding if the game cannot read one of the stored states, given as (player id, name, state)."""
    unreadable = []
    for player_id, name, state in stored:
        try:
            read_state(game.state_type, state, f"player {player_id} ({name})")
        except StateUnreadable as error:
            unreadable.append(error)
    if not unreadable:
        return []
    first, more = unreadable[0], len(unreadable) - 1
    others = f", and {more} more" if more else ""
    return [Finding("warning", first.where, f"{first.problem}{others}; such a player cannot sign in", first.remedy)]


def _as_it_is_now(game: type[Game], services: Sequence[type[Service]]) -> Iterator[Finding]:
    """Check once more what the class statement checks: a decorator may have changed the class since."""
    try:
        check_hooks(game, Game)
        check_declared(game)
        collect_handlers(game)
        check_names((game, *services))
        check_types(game, Game)
    except GameError as error:
        yield Finding("error", error.where, error.problem, error.remedy)


def _unreadable_classes(game: type[Game]) -> Iterator[Finding]:
    """Annotations that did not exist when the class statements ran, and still do not."""
    for cls in (*game.handlers, game.state_type):
        try:
            check_fields(cls) if issubclass(cls, PlayerState) else check_decodable(cls)
        except GameError as error:
            yield Finding("error", error.where, error.problem, error.remedy)
        except NameError as error:
            field = _field_naming(cls, error.name or "")
            problem = f"has a type that does not exist: {error.name}"
            remedy = "define or import it in the module, not in a function nor below if TYPE_CHECKING"
            yield Finding("error", place_of_class(cls, field), problem, remedy)


def _field_naming(cls: Any, name: str) -> str:
    annotations: dict[str, Any] = getattr(cls, "__annotations__", {})
    return next((field for field, annotation in annotations.items() if name in str(annotation)), "")


def _unused_messages(game: type[Game]) -> Iterator[Finding]:
    """Messages of the game's own module that no method handles: a client that sends one is refused."""
    for cls in _classes_beside(game, ClientMessage):
        if has_tag(cls) and issubclass(cls, Input | Action) and cls not in game.handlers:
            remedy = f"write @handles({cls.__name__}) above a method of {game.__name__}, or remove it"
            yield Finding("warning", place_of_class(cls), "is handled by no method", remedy)


def _unused_states(game: type[Game]) -> Iterator[Finding]:
    """Classes of kept state or scratch in the game's own module, while the game names none of them."""
    if game.state_type is PlayerState:
        for cls in _classes_beside(game, PlayerState):
            remedy = f"write class {game.__name__}(Game[{cls.__name__}])"
            yield Finding("warning", place_of_class(cls), "is the state of no game, so nothing of it is kept", remedy)
    if game.scratch_type is game.zone_scratch_type is Scratch:
        for cls in _classes_beside(game, Scratch):
            remedy = f"write class {game.__name__}(Game[{game.state_type.__name__}, {cls.__name__}])"
            yield Finding("warning", place_of_class(cls), "is the scratch of no game, so nothing has it", remedy)


def _classes_beside(game: type[Game], kind: type) -> list[Any]:
    """The classes of a kind that the game's module defines, but for those that others of them build on."""
    module = sys.modules.get(game.__module__)
    members = [member for member in vars(module).values() if isinstance(member, type)] if module else []
    found = [cls for cls in dict.fromkeys(members) if issubclass(cls, kind) and cls.__module__ == game.__module__]
    return [cls for cls in found if not any(other is not cls and issubclass(other, cls) for other in found)]


def _misspelt(game: type[Game]) -> Iterator[Finding]:
    for name, meant in close_names(game, Game):
        member = vars(game)[name]
        is_method = isinstance(member, FunctionType)
        where = place_of_function(member, f"{game.__name__}.{name}") if is_method else place_of_class(game, name)
        yield Finding("warning", where, "is called by nobody", f"write {meant} if that is meant")

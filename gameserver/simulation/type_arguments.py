"""The type arguments of a game. ``class Tag(Game[Tally, Steering, Ground])`` names the class of each player's kept
state, the class of each player's scratch, and the class of each zone's scratch. The last two may be left out.

Law: a hook or handler of a class that passes expects the zones and players that the server gives to it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import FunctionType
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from gameserver.protocol.mistake import GameError, place_of_caller, place_of_class, place_of_function, shown
from gameserver.world.entity import Player
from gameserver.world.exchange import Exchange
from gameserver.world.scratch import Scratch
from gameserver.world.state import PlayerState
from gameserver.world.zone import Zone

NAMES: Final = ("state_type", "scratch_type", "zone_scratch_type")
_DEFAULTS: Final[tuple[type, ...]] = (PlayerState, Scratch, Scratch)
_MEANT_FOR: Final = ("a player's state", "a player's scratch", "a zone's scratch")
_EXAMPLES: Final = ("Tally(PlayerState)", "Steering(Scratch)", "Ground(Scratch)")
_TYPED: Final = (Zone, Player, Exchange)


def check_arguments(given: Any) -> None:
    """Raise GameError unless ``Game[given]`` names classes of the right kinds, in the right order."""
    arguments = given if isinstance(given, tuple) else (given,)
    if not 1 <= len(arguments) <= len(NAMES):
        problem, remedy = f"has {len(arguments)} types", "write at most Game[State, Scratch, ZoneScratch]"
        raise GameError(place_of_caller("Game[…]"), problem, remedy)
    for argument, wanted, meant_for, example in zip(arguments, _DEFAULTS, _MEANT_FOR, _EXAMPLES, strict=False):
        if not isinstance(argument, TypeVar) and not _is_subclass(argument, wanted):
            problem = f"has {shown(argument)} for {meant_for}, which is no subclass of {wanted.__name__}"
            raise GameError(place_of_caller("Game[…]"), problem, f"name a class that is written as class {example}")


def take_arguments(game: Any, plug: type) -> None:
    """Assign the classes that the class statement names. Raises GameError if the class's body names another."""
    for name, argument in zip(NAMES, _arguments_of(game, plug), strict=False):
        if isinstance(argument, TypeVar):
            continue  # named by the subclasses of this class
        own = vars(game).get(name, argument)
        if own is not argument:
            problem = f"is {shown(own)}, and the class statement names {argument.__name__}"
            raise GameError(place_of_class(game, name), problem, f"remove {name} = …")
        setattr(game, name, argument)


def check_types(game: Any, plug: type) -> None:
    """Raise GameError if a hook or handler is annotated with zones or players of other types than the game's. Names
    that do not exist as yet are not looked at."""
    wanted = tuple(getattr(game, name) for name in NAMES)
    for member in _called_members(game, plug):
        for parameter, annotation in _hints(member):
            origin = get_origin(annotation)
            if origin in _TYPED and not _fits(get_args(annotation), wanted):
                where = place_of_function(member, f"{game.__name__}.{member.__name__}")
                problem = f"takes {_written(origin, get_args(annotation))}, and the game has other types"
                raise GameError(where, problem, f"write {parameter}: {_written(origin, wanted)}")


def _is_subclass(argument: Any, wanted: type) -> bool:
    return isinstance(argument, type) and issubclass(argument, wanted)


def _arguments_of(game: Any, plug: type) -> tuple[Any, ...]:
    """Return the types that the class statement names, itself or by way of a generic class between the two."""
    for alias in vars(game).get("__orig_bases__", ()):
        origin = get_origin(alias)
        if origin is plug:
            return get_args(alias)
        if isinstance(origin, type) and issubclass(origin, plug):
            given = dict(zip(origin.__parameters__, get_args(alias), strict=False))  # type: ignore[attr-defined]
            return tuple(given.get(argument, argument) for argument in _arguments_of(origin, plug))
    return ()


def _called_members(game: Any, plug: type) -> Iterator[FunctionType]:
    """Yield the hooks and handlers that the game's own body has."""
    for name, member in vars(game).items():
        is_hook = isinstance(vars(plug).get(name), FunctionType) and not name.startswith("_")
        if inspect.isfunction(member) and (is_hook or member in game.handlers.values()):
            yield member


def _hints(member: FunctionType) -> list[tuple[str, Any]]:
    try:
        return list(get_type_hints(member).items())
    except Exception:  # an annotation is the author's own code, and may name a class written below
        return []


def _fits(given: tuple[Any, ...], wanted: tuple[type, ...]) -> bool:
    """Return whether what has the types ``wanted`` can be taken for what has the types ``given``."""
    classes = [(each, own) for each, own in zip(given, wanted, strict=False) if isinstance(each, type)]
    return all(each is Any or issubclass(own, each) for each, own in classes)


def _written(origin: type, arguments: tuple[Any, ...]) -> str:
    """Return the annotation as an author writes it: without the defaults at the end."""
    count = len(origin.__parameters__)  # type: ignore[attr-defined]
    kept = list(arguments[:count])
    while kept and kept[-1] is _DEFAULTS[len(kept) - 1]:
        kept.pop()
    names = ", ".join(getattr(argument, "__name__", str(argument)) for argument in kept)
    return f"{origin.__name__}[{names}]" if names else origin.__name__

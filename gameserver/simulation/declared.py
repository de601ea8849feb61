"""A game's declarations besides its methods: kinds, zones, tick rate, state; and names that come close to those.

Law: a name that differs from one of ours only by its spelling is refused. One that is merely close is only warned of.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from types import FunctionType
from typing import Any, Final

from gameserver.protocol.errors import shown_reason
from gameserver.protocol.label import LABEL_RULE, is_label
from gameserver.protocol.message_class import own_fields
from gameserver.protocol.mistake import GameError, closest, place_of_class, place_of_function, shown
from gameserver.simulation.game_class import check_callable
from gameserver.world.scratch import Scratch, new_scratch
from gameserver.world.state import PlayerState
from gameserver.world.zone import ZoneSpec

KINDS_MAX: Final = 256  # a kind travels as one byte
TICK_HZ_MAX: Final = 120
_CLOSE: Final = 0.8
_ENDINGS: Final = re.compile(r"(?<=[a-z]{3})(ing|ed|es|s|e)$")
_DOUBLED: Final = re.compile(r"(.)\1")


def check_declared(game: Any) -> None:
    """Raise GameError about the first thing that is wrong. ``game`` is the class, complete but for its handlers."""
    _check_kinds(game)
    _check_items(game)
    _check_page(game)
    _check_zones(game)
    hz = game.tick_hz
    if type(hz) is not int or not 1 <= hz <= TICK_HZ_MAX:
        raise GameError(place_of_class(game, "tick_hz"), f"is {shown(hz)}", f"write a whole number, 1 to {TICK_HZ_MAX}")
    _check_class(game, "state_type", PlayerState, "Tally(PlayerState)")
    for name in ("scratch_type", "zone_scratch_type"):
        _check_class(game, name, Scratch, "Steering(Scratch)")
        new_scratch(getattr(game, name))  # as the server makes one for each player or zone


def _check_class(game: Any, name: str, wanted: type, example: str) -> None:
    named = getattr(game, name)
    if not (isinstance(named, type) and issubclass(named, wanted)):
        problem = f"is {shown(named)}, which is no subclass of {wanted.__name__}"
        raise GameError(place_of_class(game, name), problem, f"name a class that is written as class {example}")


def _check_kinds(game: Any) -> None:
    where, kinds = place_of_class(game, "kinds"), game.kinds
    if not isinstance(kinds, tuple | list):
        raise GameError(where, f"is {shown(kinds)}", 'write a tuple: kinds = ("player", "stone")')
    for kind in kinds:
        if not is_label(kind):
            raise GameError(where, f"has the name {shown(kind)}", LABEL_RULE)
    if len(set(kinds)) != len(kinds):
        twice = next(kind for kind in kinds if kinds.count(kind) > 1)
        raise GameError(where, f'has "{twice}" twice', "name each kind once")
    if len(kinds) > KINDS_MAX:
        raise GameError(where, f"has {len(kinds)} names", f"use at most {KINDS_MAX}")
    if game.player_kind not in kinds:
        problem = f"does not have {shown(game.player_kind)}, the kind of players"
        raise GameError(where, problem, "add it, or set player_kind to one of the kinds")


def _check_page(game: Any) -> None:
    page = game.page
    if page is None:
        return
    where = place_of_class(game, "page")
    if not isinstance(page, Path):
        raise GameError(where, f"is {shown(page)}, no Path", 'write page = Path(__file__).parent / "web"')
    if not (page / "index.html").is_file():
        raise GameError(where, f"is {shown(str(page))}, where there is no index.html", "name the folder that has it")


def _check_items(game: Any) -> None:
    where, items = place_of_class(game, "items"), game.items
    if items is None:
        return
    if not isinstance(items, tuple | list):
        raise GameError(where, f"is {shown(items)}", 'write a tuple: items = ("apple", "coin")')
    for item in items:
        if not is_label(item):
            raise GameError(where, f"has the name {shown(item)}", LABEL_RULE)


def _check_zones(game: Any) -> None:
    where, zones = place_of_class(game, "zones"), game.zones
    if not isinstance(zones, tuple | list):
        raise GameError(where, f"is {shown(zones)}, no tuple", 'write zones = (ZoneSpec("yard"),) with the comma')
    for zone in zones:
        if not isinstance(zone, ZoneSpec):
            raise GameError(where, f"has {shown(zone)}, no ZoneSpec", 'write ZoneSpec("yard", width=50, height=50)')
    names = [zone.name for zone in zones]
    if not names:
        raise GameError(where, "is empty", 'write at least one: zones = (ZoneSpec("yard"),)')
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise GameError(where, f'has two zones called "{twice}"', "give each a name of its own")


def wrong_zone(game: Any, chosen: object) -> GameError:
    """Return the mistake of a ``choose_zone`` that returned no zone of the game."""
    names = [zone.name for zone in game.zones]
    problem = f"returned {shown(chosen)}, which is no zone"
    where = place_of_function(game.choose_zone, f"{game.__name__}.choose_zone")
    return GameError(where, problem, f'return "{closest(chosen, names) or names[0]}"')


def reason_of(game: Any, said: object) -> str | None:
    """Return the answer of ``may_join``. Raises GameError for a bool or anything else that is no reason."""
    if said is None or isinstance(said, str):
        return said if said is None else shown_reason(said)
    where = place_of_function(game.may_join, f"{type(game).__name__}.may_join")
    raise GameError(where, f"returned {shown(said)}", "return None to let the player in, or the reason why not")


# --- methods and names ---


def check_hooks(game: type, plug: type) -> None:
    """Raise GameError if a hook of ``plug`` that the game replaces cannot be called as the server calls it."""
    for name, hook in vars(plug).items():
        member = inspect.getattr_static(game, name)
        if not isinstance(hook, FunctionType) or name.startswith("_"):
            continue
        if member is hook:
            _check_not_hidden(game, plug, name)
            continue
        arguments = tuple(inspect.signature(hook).parameters)[1:]
        check_callable(game, name, member, arguments)
        _check_bound(game, name, member, arguments)
    _check_reason(game, inspect.getattr_static(game, "may_join"))
    try:
        inspect.signature(game).bind()
    except TypeError:
        where = place_of_class(game, "__init__")
        raise GameError(where, "takes arguments, and the server gives none", "write def __init__(self)") from None


def _check_not_hidden(game: type, plug: type, name: str) -> None:
    """Refuse a hook of a base that stands behind ``Game``, because ``Game``'s own is found first."""
    for base in game.__mro__[game.__mro__.index(plug) + 1 :]:
        if name in vars(base):
            remedy = f"write class {game.__name__}({base.__name__}, {plug.__name__})"
            problem = f"never calls {base.__name__}.{name}, because {plug.__name__} comes first"
            raise GameError(place_of_class(game), problem, remedy)


def _check_bound(game: type, name: str, member: Any, arguments: tuple[str, ...]) -> None:
    """Refuse an object that Python does not give ``self`` when it is called as a method."""
    if not hasattr(type(member), "__get__"):
        problem = f"is a {type(member).__name__}, which is called without self"
        remedy = f"write def {name}({', '.join(('self', *arguments))})"
        raise GameError(place_of_class(game, name), problem, remedy)


def _check_reason(game: type, may_join: Any) -> None:
    if getattr(may_join, "__annotations__", {}).get("return") in (bool, "bool"):
        where = place_of_function(may_join, f"{game.__name__}.may_join")
        raise GameError(where, "returns a bool", "return None to let the player in, or the reason why not")


def check_spelling(game: type, plug: type) -> None:
    """Raise GameError for a name that is one of ours, but for its spelling."""
    for name in own_fields(game):
        if name in vars(plug) and name not in vars(game):
            raise GameError(place_of_class(game, name), "has a type but no value", f"write {name} = …")
    ours = {_plain(name): name for name in _public(plug)}
    for name in _public(game):
        meant = ours.get(_plain(name))
        if meant is not None and name not in vars(plug):
            raise GameError(place_of_class(game, name), "is no name that the server knows", f"write {meant}")
    if "handlers" in vars(game):
        raise GameError(place_of_class(game, "handlers"), "is collected by the server", "mark methods with @handles")


def close_names(game: type, plug: type) -> Iterator[tuple[str, str]]:
    """Yield (name, the name of ours that may have been meant), of names that no method of the game uses."""
    used = {name for member in vars(game).values() if isinstance(member, FunctionType) for name in _used_by(member)}
    for name in _public(game):
        if name in vars(plug) or name in used or hasattr(vars(game)[name], "__handles__"):
            continue
        is_hook = name.startswith("on_") and isinstance(vars(game)[name], FunctionType)
        ours = [known for known in _public(plug) if known.startswith("on_") or not is_hook]
        near = max(ours, key=lambda known: SequenceMatcher(None, _plain(name), _plain(known)).ratio())
        if is_hook or SequenceMatcher(None, _plain(name), _plain(near)).ratio() >= _CLOSE:
            yield name, near


def _used_by(function: FunctionType) -> tuple[str, ...]:
    return function.__code__.co_names


def _public(cls: type) -> list[str]:
    return [name for name in vars(cls) if not name.startswith("_")]


def _plain(name: str) -> str:
    """The name without the parts that people get wrong: capitals, underscores, endings."""
    return _DOUBLED.sub(r"\1", _ENDINGS.sub("", name.lower().replace("_", "")))

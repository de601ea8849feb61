"""The fields of a session hash, read part by part.

Law: a part counts only if all its fields are there and readable, and is never filled up with defaults. Redis may have
lost a single key or field: an eviction, a person. A hash that lost anything is not whole, even if no part shows it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeVar

import msgspec
import structlog

from gameserver.failpoints import Guard, is_off
from gameserver.world.action_log import ActionLog
from gameserver.world.inventory import Holding, Inventory
from gameserver.world.speech import Speech, SpeechRecord
from gameserver.world.state import PlayerState

ITEM: Final = "item:"
MINTED: Final = "minted:"
BURNED: Final = "burned:"
OF_A_KIND: Final = (ITEM, MINTED, BURNED)
KINDS: Final = "kinds"  # how many kinds of items the hash has; a hash of an older release has no such field
NAMES: Final = frozenset(
    "seq tick x y facing inventory_seq kinds state actions chat name zone status resume".split()  # noqa: SIM905
)  # of a whole hash, without the three fields for each kind of item

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Place(NamedTuple):
    zone: str
    x: float
    y: float
    facing: int


class Applied(NamedTuple):
    """The client's applied actions, and the tokens that let the client go on with its numbering."""

    actions: ActionLog
    resume_hashes: tuple[str, ...]


class LiveHash(NamedTuple):
    """None for a part that is missing, in whole or in part. A seq is -1 if it is missing."""

    seq: int
    tick: int
    place: Place | None
    state: PlayerState | None
    inventory_seq: int
    inventory: Inventory | None
    kinds: frozenset[str]  # of items, of which the hash has any field
    applied: Applied | None
    speech: Speech
    foreign_fields: int  # how many there are of another release
    is_whole: bool


def read(fields: Mapping[str, str], read_state: Callable[[str], PlayerState]) -> LiveHash:
    """Raises what ``read_state`` raises for a state that the game's class does not take: it is the game's to mend, and
    nothing is lost meanwhile."""
    place, inventory = _part(_place, fields), _part(_inventory, fields)
    applied, speech = _part(_applied, fields), _part(_speech, fields)
    state = _state(fields, read_state)
    parts = (place, inventory, applied, speech, state)
    return LiveHash(
        seq=_number(fields, "seq", -1),
        tick=_number(fields, "tick", 0),
        place=place,
        state=state,
        inventory_seq=_number(fields, "inventory_seq", -1),
        inventory=inventory,
        kinds=frozenset(_kinds(fields)),
        applied=applied,
        speech=speech or Speech(),
        foreign_fields=sum(name not in NAMES and not name.startswith(OF_A_KIND) for name in fields),
        is_whole=fields.keys() >= NAMES - {KINDS} and None not in parts,
    )


def _part(read_part: Callable[[Mapping[str, str]], T], fields: Mapping[str, str]) -> T | None:
    try:
        return read_part(fields)
    except KeyError:
        return None
    except (ValueError, msgspec.DecodeError) as error:
        _note_unreadable(fields, error)
        return None


def _note_unreadable(fields: Mapping[str, str], error: Exception) -> None:
    log.error("session_part_unreadable", name=fields.get("name"), error=str(error))


def _place(fields: Mapping[str, str]) -> Place:
    place = Place(fields["zone"], float(fields["x"]), float(fields["y"]), int(fields["facing"]))
    if not (math.isfinite(place.x) and math.isfinite(place.y)):
        raise ValueError(f"no place: {place.x}, {place.y}")  # it would stop the zone again and again
    return place


def _state(fields: Mapping[str, str], read_state: Callable[[str], PlayerState]) -> PlayerState | None:
    if (stored := fields.get("state", "{}" if is_off(Guard.WHOLE_HASH) else None)) is None:
        return None
    try:
        msgspec.json.decode(stored, type=dict)
    except (msgspec.DecodeError, RecursionError) as error:
        _note_unreadable(fields, error)
        return None
    return read_state(stored)


def _inventory(fields: Mapping[str, str]) -> Inventory:
    held = {kind: _holding(fields, kind) for kind in _kinds(fields)}
    if len(held) != int(fields.get(KINDS, len(held))) and not is_off(Guard.WHOLE_HASH):
        raise KeyError(KINDS)
    return Inventory(held, int(fields["inventory_seq"]))


def _holding(fields: Mapping[str, str], kind: str) -> Holding:
    return Holding(int(fields[ITEM + kind]), int(fields[MINTED + kind]), int(fields[BURNED + kind]))


def _kinds(fields: Mapping[str, str]) -> set[str]:
    return {name.partition(":")[2] for name in fields if name.startswith(OF_A_KIND)}


def _applied(fields: Mapping[str, str]) -> Applied:
    return Applied(ActionLog.decode(fields["actions"]), tuple(fields["resume"].split()))


def _speech(fields: Mapping[str, str]) -> Speech:
    return Speech(msgspec.json.decode(fields["chat"], type=SpeechRecord))


def _number(fields: Mapping[str, str], name: str, missing: int) -> int:
    try:
        return int(fields[name])
    except (KeyError, ValueError):
        return missing

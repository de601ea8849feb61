"""A game described for people: its name, its first line, and its clients' messages."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import structs

from gameserver.protocol.messages import ClientMessage
from gameserver.simulation.game import Game
from gameserver.world.state_rules import type_name


class MessageDescription(NamedTuple):
    tag: str
    is_action: bool
    fields: tuple[str, ...]  # "item: str"


class GameDescription(NamedTuple):
    name: str
    summary: str
    messages: tuple[MessageDescription, ...]


def describe_game(game: type[Game]) -> GameDescription:
    """Return the description of the class."""
    summary = (vars(game).get("__doc__") or "").strip().partition("\n")[0]
    return GameDescription(game.__name__, summary, tuple(_describe(message_type) for message_type in game.handlers))


def _describe(message_type: type[ClientMessage]) -> MessageDescription:
    is_action = message_type.policy.is_action
    fields = [field for field in structs.fields(message_type) if not (is_action and field.name == "seq")]
    shown = tuple(f"{field.name}: {type_name(field.type)}" for field in fields)
    return MessageDescription(str(message_type.__struct_config__.tag), is_action, shown)

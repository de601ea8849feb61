"""The routes of client messages: one table, made at the start of a node, from a message's class to its policy and its
handler. The dispatcher and the tick read it, and the codec decodes the messages in it. Pure.

Law: a message has one handler. Two messages of one ``type`` are refused when the table is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MethodType
from typing import Any, Final, Protocol

from gameserver.protocol.message_class import our_messages
from gameserver.protocol.messages import ClientMessage, Describe
from gameserver.protocol.mistake import GameError, place_of_class
from gameserver.protocol.policy import AckLevel, MessagePolicy
from gameserver.simulation.names_in_view import describe
from gameserver.world.entity import Player
from gameserver.world.zone import Zone

Call = Callable[[Zone, Player, Any], object]
_OWN: Final[dict[type[ClientMessage], Call]] = {Describe: describe}


class HasHandlers(Protocol):
    """A game, or a service: the methods that it marked with ``@handles``, by message. On the class, too."""

    @property
    def handlers(self) -> Mapping[type[ClientMessage], Any]: ...


class Route:
    """The way of one message. ``call(zone, player, message)`` applies the message on a tick. The policy's parts are
    attributes, because they are read for every message."""

    __slots__ = ("ack", "call", "is_action", "is_exchange", "is_for_node", "needs_redis", "needs_sql")

    def __init__(self, policy: MessagePolicy, call: Call):
        self.ack: AckLevel = policy.ack or "accepted"
        self.is_action: bool = policy.is_action
        self.is_exchange: bool = policy.ack == "durable"
        self.is_for_node: bool = policy.handled_by == "node"
        self.needs_redis: bool = "redis" in policy.needs
        self.needs_sql: bool = "sql" in policy.needs
        self.call: Call = call


Routes = dict[type[ClientMessage], Route]


def routes_of(game: HasHandlers, services: Iterable[HasHandlers] = ()) -> Routes:
    """Return the routes of a node. Raises GameError as ``check_names`` does."""
    owners = (game, *services)
    check_names(owners)
    calls = dict(_OWN)
    for owner in owners:
        calls |= {message: MethodType(handler, owner) for message, handler in owner.handlers.items()}
    calls |= dict.fromkeys(_of_the_node(), _reaches_no_tick)
    return {message: Route(message.policy, call) for message, call in calls.items()}


def check_names(owners: Iterable[HasHandlers]) -> None:
    """Raise GameError if two messages have one ``type``, or one message has two handlers. ``owners`` are a game and
    services, or their classes."""
    handled: dict[str, tuple[type[ClientMessage], Any]] = {
        tag_of(message): (message, None) for message in (*_of_the_node(), *_OWN)
    }
    for owner in owners:
        for message in owner.handlers:
            other, handler = handled.setdefault(tag_of(message), (message, owner))
            if other is not message:
                problem = f'has the tag "{tag_of(message)}" of {place_of_class(other)}'
                raise GameError(place_of_class(message), problem, "give one of them another tag")
            if handler is not owner:
                problem = f"handles {message.__name__}, as {_place_of(handler)} does"
                raise GameError(_place_of(owner), problem, "keep one of the two")


def tag_of(message: type[ClientMessage]) -> str:
    """Return the ``type`` that the message has on the wire."""
    return str(message.__struct_config__.tag)


def _place_of(owner: HasHandlers) -> str:
    return place_of_class(owner if isinstance(owner, type) else type(owner))


def _reaches_no_tick(zone: Zone, player: Player, message: ClientMessage) -> None:
    raise LookupError(f"{type(message).__name__} is handled before the tick")


def _of_the_node() -> list[type[ClientMessage]]:
    return [message for message in our_messages() if message.policy.handled_by == "node"]

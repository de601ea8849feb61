"""The policy of a client message: its ack level, the part that handles it, and the stores it needs. Declared in the
class statement, ``class Say(Action, tag="say", ack="accepted", handled_by="service")``, and inherited. Pure.
"""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple, get_args

from gameserver.protocol.mistake import GameError, place_of_class, shown

AckLevel = Literal["accepted", "stored", "durable"]
HandledBy = Literal["node", "zone", "service"]
StoreName = Literal["redis", "sql"]

OPTIONS: Final[tuple[str, ...]] = ("ack", "handled_by", "needs")
_NEEDED_FOR: Final[dict[AckLevel | None, frozenset[StoreName]]] = {
    None: frozenset(),
    "accepted": frozenset(),
    "stored": frozenset(("redis",)),
    "durable": frozenset(("redis",)),  # the answer waits for SQL, which refuses by itself while away
}


class MessagePolicy(NamedTuple):
    """``ack`` is the level that the message is acked with, None for one that is never acked. ``handled_by`` is "zone"
    for a message of the game, "service" for one of a service, "node" for one that never reaches a tick. A new action is
    refused with ``try_later`` while a store that it ``needs`` is away."""

    ack: AckLevel | None = None
    handled_by: HandledBy = "zone"
    needs: frozenset[StoreName] = frozenset()

    @property
    def is_action(self) -> bool:
        """Whether the message is numbered, acked and applied exactly once."""
        return self.ack is not None


def declared_policy(cls: type, inherited: MessagePolicy, options: dict[str, Any], *, is_ours: bool) -> MessagePolicy:
    """Return the policy of the class: the inherited one, changed by the options of its class statement. Raises
    GameError."""
    ack, handled_by = options.get("ack", inherited.ack), options.get("handled_by", inherited.handled_by)
    more = inherited.needs - _NEEDED_FOR[inherited.ack]
    if not is_ours:
        _check_ack(cls, inherited, options)
        _check_handled_by(cls, options)
        _check_needs(cls, inherited, options)
    if "needs" in options:
        more = frozenset((options["needs"],))
    return MessagePolicy(ack, handled_by, _NEEDED_FOR[ack] | more)


def _check_ack(cls: type, inherited: MessagePolicy, options: dict[str, Any]) -> None:
    if "ack" not in options:
        return
    if not inherited.is_action:
        raise GameError(place_of_class(cls), "has ack= and is never acked", "subclass Action, or remove ack=")
    _check_choice(cls, "ack", options["ack"], get_args(AckLevel))


def _check_handled_by(cls: type, options: dict[str, Any]) -> None:
    if "handled_by" in options:
        _check_choice(cls, "handled_by", options["handled_by"], ("zone", "service"))


def _check_needs(cls: type, inherited: MessagePolicy, options: dict[str, Any]) -> None:
    if "needs" not in options:
        return
    if not inherited.is_action:
        problem = "has needs= and is no Action, so nothing tells the client that a store is away"
        raise GameError(place_of_class(cls), problem, "subclass Action, or remove needs=")
    _check_choice(cls, "needs", options["needs"], get_args(StoreName))


def _check_choice(cls: type, option: str, value: object, choices: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in choices:
        written = [f'{option}="{choice}"' for choice in choices]
        remedy = f"write {', '.join(written[:-1])} or {written[-1]}"
        raise GameError(place_of_class(cls), f"has {option}={shown(value)}", remedy)

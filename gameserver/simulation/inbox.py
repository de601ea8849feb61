"""Inbox of a zone: everything that waits for its next tick. The host fills it, the tick empties it in order of arrival.

Bounds: ``INPUTS_MAX`` inputs a player and tick; of more, the oldest unnumbered input is dropped (only the latest of
those matters), and a numbered action beyond it is refused.
"""

from __future__ import annotations

from typing import Final

from gameserver.protocol.ids import PlayerId
from gameserver.protocol.messages import Action, ClientMessage
from gameserver.world.entity import Player
from gameserver.world.exchange import Exchange, ExchangeResult

INPUTS_MAX: Final = 64

Inputs = ClientMessage | list[ClientMessage]
"""A player's messages: most send one a tick, and a list for it alone would cost as much as all else about it."""


class Inbox:
    def __init__(self) -> None:
        self.arrivals: list[Player] = []  # sessions opened since the last tick
        self.returns: list[PlayerId] = []  # a socket is (again) at the other end
        self.lost: list[PlayerId] = []  # sockets lost
        self.departures: list[tuple[Player, str]] = []  # whose sessions end, and why
        self.resyncs: list[PlayerId] = []  # viewers that need a full view
        self.outcomes: list[tuple[Exchange, ExchangeResult]] = []
        self.inputs: dict[Player, Inputs] = {}

    def came_back(self, player: Player) -> None:
        """A socket is (again) at the other end."""
        self.returns.append(player.player_id)

    def drop_inputs(self, player: Player) -> None:
        """Another socket takes the player's place: drop the waiting messages of the one before."""
        self.inputs.pop(player, None)

    def lose(self, player: PlayerId) -> None:
        """The socket is lost, also one that only came since the last tick."""
        if player in self.returns:
            self.returns.remove(player)
        self.lost.append(player)

    def add_input(self, player: Player, message: ClientMessage) -> bool:
        """False when the player's queue is full; the message was not taken then."""
        said = self.inputs.get(player)
        if said is None:
            self.inputs[player] = message
            return True
        if not isinstance(said, list):
            self.inputs[player] = [said, message]
            return True
        return _append(said, message)

    def inputs_of(self, player: Player) -> list[ClientMessage]:
        said = self.inputs.get(player, [])
        return said if isinstance(said, list) else [said]

    def actions_of(self, player: Player) -> int:
        """Count the player's numbered actions that wait here."""
        return sum(isinstance(message, Action) for message in self.inputs_of(player))


def _append(queue: list[ClientMessage], message: ClientMessage) -> bool:
    if len(queue) >= INPUTS_MAX and not _drop_oldest_input(queue):
        return False
    queue.append(message)
    return True


def _drop_oldest_input(queue: list[ClientMessage]) -> bool:
    for at, message in enumerate(queue):
        if not isinstance(message, Action):
            del queue[at]
            return True
    return False

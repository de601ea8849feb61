"""What waits for a zone's next tick. Filled by the host as things happen, emptied by the tick, in the order of arrival.

Bounds: ``INPUTS_MAX`` inputs a player and tick; of more, the oldest unnumbered input is dropped (only the latest of
those matters), and a numbered action beyond it is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from gameserver.protocol.ids import PlayerId
from gameserver.protocol.messages import Action, ClientMessage
from gameserver.world.entity import Player
from gameserver.world.exchange import Exchange, ExchangeResult

INPUTS_MAX: Final = 64


@dataclass(slots=True)
class Inbox:
    arrivals: list[Player] = field(default_factory=list)  # sessions opened since the last tick
    returns: list[PlayerId] = field(default_factory=list)  # a socket is (again) at the other end
    lost: list[PlayerId] = field(default_factory=list)  # sockets lost
    departures: list[tuple[Player, str]] = field(default_factory=list)  # whose sessions end, and why
    resyncs: list[PlayerId] = field(default_factory=list)  # viewers that need a full view
    outcomes: list[tuple[Exchange, ExchangeResult]] = field(default_factory=list)
    inputs: dict[Player, list[ClientMessage]] = field(default_factory=dict)

    def came_back(self, player: Player) -> None:
        """A socket is (again) at the other end; what its predecessor still had to say is not said."""
        self.inputs.pop(player, None)
        self.returns.append(player.player_id)

    def lose(self, player: PlayerId) -> None:
        """The socket is lost, also one that only came since the last tick."""
        if player in self.returns:
            self.returns.remove(player)
        self.lost.append(player)

    def add_input(self, player: Player, message: ClientMessage) -> bool:
        """False when the player's queue is full; the message was not taken then."""
        queue = self.inputs.get(player)
        if queue is None:
            self.inputs[player] = [message]
            return True
        if len(queue) >= INPUTS_MAX and not _drop_oldest_input(queue):
            return False
        queue.append(message)
        return True

    def actions_of(self, player: Player) -> int:
        """How many numbered actions of the player wait here."""
        return sum(isinstance(message, Action) for message in self.inputs.get(player, ()))


def _drop_oldest_input(queue: list[ClientMessage]) -> bool:
    for at, message in enumerate(queue):
        if not isinstance(message, Action):
            del queue[at]
            return True
    return False

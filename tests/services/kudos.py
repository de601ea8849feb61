"""A service of a few lines, as somebody else would write it: players praise each other, and the praise is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.messages import Action, ServerMessage
from gameserver.services.service import Presence, Service
from gameserver.simulation.game import handles
from gameserver.world.entity import Player
from gameserver.world.zone import Zone


class Praise(Action, tag="praise", handled_by="service"):
    """Acked as stored, as an action is that declares nothing."""

    to: str
    fault: str = ""  # what goes wrong: "handler" or "act"


class Clap(Action, tag="clap", ack="accepted", handled_by="service"):
    """Needs no store."""


class Ranking(Action, tag="ranking", ack="accepted", handled_by="service", needs="sql"):
    """Needs SQL to be answered, as if the numbers came from there."""


class Praised(ServerMessage, tag="praised", frozen=True):
    by: str
    count: int


class Kudos(Service):
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.calls: list[str] = []
        self.zones: list[str] = []
        self.welcome_fields: dict[str, Any] | None = {}

    @handles(Praise)
    def on_praise(self, zone: Zone, player: Player, message: Praise) -> None:
        found = self.presence(message.to)
        if found is None:
            raise Refusal(RefusalCode.NOT_ONLINE, "nobody of that name is online", field="to")
        receiver, name = found
        self.tell(zone, receiver, Praised(player.name, self.counts[name] + 1))
        self.note(zone, player, (name, message.fault))
        if receiver == player.player_id:
            raise Refusal(RefusalCode.YOURSELF, "that is you", field="to")
        if message.fault == "handler":
            raise RuntimeError("a bug of the service")

    @handles(Clap)
    def on_clap(self, zone: Zone, player: Player, message: Clap) -> None:
        self.calls.append("clap")

    @handles(Ranking)
    def on_ranking(self, zone: Zone, player: Player, message: Ranking) -> None:
        self.calls.append("ranking")

    def attach(self, presence: Presence) -> None:
        self.presence = presence

    async def start(self, zones: Sequence[str]) -> None:
        self.zones += zones

    def act(self, zone: Zone, player: Player, content: tuple[str, str]) -> None:
        name, fault = content
        if fault == "act":
            raise RuntimeError("a bug of the service")
        self.counts[name] += 1

    def welcome(self, zone: Zone, player: Player) -> dict[str, Any]:
        if self.welcome_fields is None:
            raise RuntimeError("a bug of the service")
        return self.welcome_fields

    async def flush(self) -> None:
        self.calls.append("flush")

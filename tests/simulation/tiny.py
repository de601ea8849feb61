"""A game of a few lines, and one zone of it to step by hand."""

from __future__ import annotations

from random import Random

from gameserver import Action, Exchange, Game, Input, Player, PlayerState, Scratch, Zone, ZoneSpec, handles, refuse
from gameserver.protocol.ids import PlayerId
from gameserver.protocol.messages import ClientMessage, ServerMessage
from gameserver.simulation.inbox import Inbox
from gameserver.simulation.result import TickResult, Verdict
from gameserver.simulation.routes import routes_of
from gameserver.simulation.tick import step
from gameserver.world.exchange import ExchangeResult
from gameserver.world.state import note_kept
from tests.chat.unkept import unkept_chat


class Go(Input, tag="go", frozen=True):
    x: float
    y: float


class Break(Input, tag="break", frozen=True):
    pass


class Take(Action, tag="take", frozen=True):
    item: str = "coin"


class Burn(Action, tag="burn", frozen=True):
    item: str = "coin"


class Hand(Action, tag="hand", frozen=True):
    """Give one coin; then the handler does as told."""

    to: int
    after: str = ""  # "refuse", "raise", or nothing


class Wave(Action, tag="wave", ack="accepted", frozen=True):
    """Needs no Redis."""


class Swap(Action, tag="swap", ack="durable", frozen=True):
    """Give one coin; by mistake the handler does not ask for the exchange if there is nobody to give it to."""

    to: int = 0


class Demand(Action, tag="demand", frozen=True):
    """Get one coin from the other: it is the other who gives."""

    of: int


class Crash(Action, tag="crash", frozen=True):
    pass


class Purse(PlayerState):
    taken: int = 0


class Tiny(Game[Purse]):
    kinds = ("player", "stone")
    zones = (ZoneSpec("tiny", width=100.0, height=80.0, cell_size=10.0),)

    def __init__(self) -> None:
        self.told: list[str] = []  # the hooks that were called
        self.closed_to: set[int] = set()
        self.tick_raises = False
        self.join_raises = False
        self.exchange_raises = False

    def may_join(self, zone: Zone[Purse], player: Player[Purse]) -> str | None:
        return "not you" if player.player_id in self.closed_to else None

    def on_join(self, zone: Zone[Purse], player: Player[Purse]) -> None:
        if self.join_raises:
            raise RuntimeError("on_join")
        self.told.append(f"join {player.player_id}")

    def on_leave(self, zone: Zone[Purse], player: Player[Purse], reason: str) -> None:
        self.told.append(f"leave {player.player_id} {reason}")

    def on_disconnect(self, zone: Zone[Purse], player: Player[Purse]) -> None:
        self.told.append(f"disconnect {player.player_id}")

    def on_reconnect(self, zone: Zone[Purse], player: Player[Purse]) -> None:
        self.told.append(f"reconnect {player.player_id}")

    def on_exchange(self, zone: Zone[Purse], exchange: Exchange[Purse]) -> None:
        if self.exchange_raises:
            raise RuntimeError("on_exchange")
        self.told.append(f"exchange {exchange.kind}")

    def on_tick(self, zone: Zone[Purse]) -> None:
        if self.tick_raises:
            raise RuntimeError("on_tick")

    @handles(Go)
    def go(self, zone: Zone[Purse], player: Player[Purse], message: Go) -> None:
        zone.move_to(player, message.x, message.y)

    @handles(Break)
    def broken(self, zone: Zone[Purse], player: Player[Purse], message: Break) -> None:
        raise RuntimeError("broken")

    @handles(Crash)
    def crash(self, zone: Zone[Purse], player: Player[Purse], message: Crash) -> None:
        raise RuntimeError("crash")

    @handles(Take)
    def take(self, zone: Zone[Purse], player: Player[Purse], message: Take) -> None:
        player.inventory.add(message.item)
        player.state.taken += 1

    @handles(Burn)
    def burn(self, zone: Zone[Purse], player: Player[Purse], message: Burn) -> None:
        player.inventory.remove(message.item)

    @handles(Hand)
    def hand(self, zone: Zone[Purse], player: Player[Purse], message: Hand) -> None:
        zone.exchange(player, zone.players[PlayerId(message.to)], "coin")
        if message.after == "refuse":
            refuse("changed my mind")
        if message.after == "raise":
            raise RuntimeError("after asking")

    @handles(Wave)
    def wave(self, zone: Zone[Purse], player: Player[Purse], message: Wave) -> None:
        player.state.taken += 1

    @handles(Swap)
    def swap(self, zone: Zone[Purse], player: Player[Purse], message: Swap) -> None:
        player.state.taken += 1
        if message.to:
            zone.exchange(player, zone.players[PlayerId(message.to)], "coin")

    @handles(Demand)
    def demand(self, zone: Zone[Purse], player: Player[Purse], message: Demand) -> None:
        zone.exchange(zone.players[PlayerId(message.of)], player, "coin")


class Stage:
    """One zone, its next inbox, and what came of the last tick."""

    def __init__(self, spec: ZoneSpec = Tiny.zones[0], seed: int = 1, game: Tiny | None = None):
        self.game = game or Tiny()
        self.zone: Zone[Purse] = Zone(spec, Tiny.kinds, Tiny.tick_hz, Random(seed), Scratch())
        self.inbox = Inbox()
        self.result = TickResult(0)
        self.laps: list[str] = []
        self.chat = unkept_chat()
        self.chat.attach(self.presence)
        self.routes = routes_of(self.game, [self.chat])
        self.now_ms = 1_000_000

    def player(self, number: int, x: float = 50.0, y: float = 40.0, coins: int = 0, name: str = "") -> Player[Purse]:
        state = self.game.state_type()
        assert isinstance(state, Purse)
        player = Player(PlayerId(number), name or f"P{number}", 0, x, y, state, self.game.scratch_type())
        player._internals.connected = True
        player._internals.actions.start_lineage(f"line{number}")
        if coins:
            player.inventory.add("coin", coins)
        return player

    def enter(self, number: int, x: float = 50.0, y: float = 40.0, coins: int = 0, name: str = "") -> Player[Purse]:
        """A player who is in the zone after one tick."""
        player = self.player(number, x, y, coins, name)
        self.inbox.arrivals.append(player)
        self.tick()
        return player

    def tick(self, *messages: tuple[Player, ClientMessage]) -> TickResult:
        for player, message in messages:
            assert self.inbox.add_input(player, message)
        inbox, self.inbox = self.inbox, Inbox()
        self.now_ms += 50
        self.laps = []
        self.result = step(self.zone, self.game, self.routes, inbox, self.now_ms, self.laps.append)
        return self.result

    def settle(self, outcome: ExchangeResult = "done") -> None:
        """The exchange of the last tick has its outcome, to be told on the next."""
        (exchange,) = self.result.exchanges
        self.inbox.outcomes.append((exchange, outcome))

    def presence(self, name: str) -> tuple[PlayerId, str] | None:
        found = (p for p in self.zone.players.values() if p.name.casefold() == name.casefold() and p.connected)
        return next(((p.player_id, p.name) for p in found), None)


def forget_changes(player: Player) -> None:
    """Clear the player's changes, as if its session had noted them."""
    player.inventory._changed.clear()
    note_kept(player.state)
    player._internals.actions.changed = player._internals.speech.changed = False


def told(verdict: Verdict) -> tuple[int | None, str]:
    """(seq, level or refusal code)."""
    return verdict.seq, str(verdict.refusal.code) if verdict.refusal else str(verdict.level)


def answers(result: TickResult) -> list[tuple[int | None, str]]:
    return [told(verdict) for verdict in result.verdicts]


def heard(result: TickResult, player: Player) -> list[ServerMessage]:
    """Return the player's messages besides frames and answers."""
    return [out.message for out in result.outgoing if out.to is None or out.to == player.player_id]

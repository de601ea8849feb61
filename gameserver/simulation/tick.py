"""One tick of one zone, pure: the zone and what waited for it go in, what is to be shown, kept and asked comes out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.messages import InventoryChanged, StateChanged
from gameserver.simulation.calls import whole
from gameserver.simulation.declared import reason_of
from gameserver.simulation.game import Game
from gameserver.simulation.inbox import Inbox
from gameserver.simulation.inputs import InputApplier, answer
from gameserver.simulation.result import TickResult
from gameserver.simulation.routes import Routes
from gameserver.world.entity import Entity, Player
from gameserver.world.exchange import Exchange
from gameserver.world.grid import Cell
from gameserver.world.view import TickEncoder
from gameserver.world.zone import Outgoing, Zone

Lap = Callable[[str], None]


def step(zone: Zone, game: Game, routes: Routes, inbox: Inbox, now_ms: int, lap: Lap) -> TickResult:
    """Advance ``zone`` by one tick. ``lap`` is called with each step's name when it is done.

    A handler or hook of the game that raises changes nothing and stops nothing: its error is in the result. What comes
    out of here as an exception is a bug of the server.
    """
    zone.tick += 1
    zone.now_ms = now_ms
    result = TickResult(zone.tick)
    settle_exchanges(zone, game, inbox, result)
    admit_and_release(zone, game, inbox, result)
    lap("admit")
    apply_inputs(zone, routes, inbox, result)
    lap("apply")
    whole("on_tick", partial(game.on_tick, zone), zone, None, result)
    lap("advance")
    update_interest(zone, inbox, result)
    lap("interest")
    result.frames = TickEncoder(zone.tick, zone.grid).frames(zone.crossings)
    lap("encode")
    collect(zone, result)
    lap("collect")
    return result


def settle_exchanges(zone: Zone, game: Game, inbox: Inbox, result: TickResult) -> None:
    for exchange, outcome in inbox.outcomes:  # all before the first hook, which may look at any of them
        exchange.settle(outcome)
    for exchange, outcome in inbox.outcomes:
        if outcome == "done":
            whole("on_exchange", partial(game.on_exchange, zone, exchange), zone, exchange.giver, result)
        _answer_exchange(exchange, outcome == "refused", result)


def _answer_exchange(exchange: Exchange, refused: bool, result: TickResult) -> None:
    op = exchange.op
    if op.seq is None or not op.awaits_answer:
        return  # the game's own, or of a client that is gone
    refusal = Refusal(RefusalCode.TRY_LATER, "the exchange could not be made", retry_after_ms=1000)
    answer(op.player, op.seq, refusal if refused else "durable", result)


def admit_and_release(zone: Zone, game: Game, inbox: Inbox, result: TickResult) -> None:
    """Add the new players and remove those who left. A player who is taken over repeatedly within one tick is present
    several times; each instance is removed separately."""
    leaving = dict(inbox.departures)
    for player, reason in leaving.items():
        if zone.has(player):
            _release(zone, game, player, reason, result)
    for player in inbox.arrivals:
        _admit(zone, game, player, result)
        if player in leaving and zone.has(player):
            _release(zone, game, player, leaving[player], result)
    for player_id in inbox.lost:
        if (lost := zone.players.get(player_id)) and lost.connected:
            _disconnect(zone, game, lost, result)
    for player_id in inbox.returns:
        if returned := zone.players.get(player_id):
            _reconnect(zone, game, returned, result)


def _admit(zone: Zone, game: Game, player: Player, result: TickResult) -> None:
    refusals: list[str | None] = []

    def ask() -> None:
        refusals.append(reason_of(game, game.may_join(zone, player)))

    player.note_kept_in({}, zone.journal)  # the player is in no zone yet, and what changes is undone all the same
    if not whole("may_join", ask, zone, player, result):
        player.note_kept_nowhere()
        result.failed_to_join.append(player)
        return
    if refusals[0] is not None:
        player.note_kept_nowhere()
        result.declined.append((player, refusals[0]))
        return
    zone.waiting.pop(player.player_id, None)
    zone.move_to(player, player.x, player.y)
    zone.admit(player)
    if not whole("on_join", partial(game.on_join, zone, player), zone, player, result):
        zone.release(player)
        result.failed_to_join.append(player)
        return
    player.is_new = False
    if player.lost_zone is not None:
        player.lost_zone = None
        result.rehomed.append(player)
    if player.connected:
        result.admitted.append(player)


def _disconnect(zone: Zone, game: Game, player: Player, result: TickResult) -> None:
    player.show_connected(False)
    zone.grid.look(player.player_id, None, player.cell)
    zone.crossings.pop(player.player_id, None)
    whole("on_disconnect", partial(game.on_disconnect, zone, player), zone, player, result)


def _reconnect(zone: Zone, game: Game, player: Player, result: TickResult) -> None:
    """Drop the actions still queued behind an exchange: the client sends them again on the new socket, and each may be
    answered only once."""
    zone.waiting.pop(player.player_id, None)
    player.show_connected(True)
    if player not in result.admitted:  # it may have arrived on this very tick
        whole("on_reconnect", partial(game.on_reconnect, zone, player), zone, player, result)
        result.admitted.append(player)


def _release(zone: Zone, game: Game, player: Player, reason: str, result: TickResult) -> None:
    whole("on_leave", partial(game.on_leave, zone, player, reason), zone, player, result)
    zone.grid.look(player.player_id, None, player.cell)
    zone.release(player)
    if player in result.admitted:  # came on this very tick
        result.admitted.remove(player)
    result.left.append(player)


def apply_inputs(zone: Zone, routes: Routes, inbox: Inbox, result: TickResult) -> None:
    turn = InputApplier(zone, routes, result)
    for player_id in list(zone.waiting):
        turn.apply_waiting(player_id)
    for player, said in inbox.inputs.items():
        if zone.has(player):  # else it said this in a session that is over
            turn.take(player, said)


def update_interest(zone: Zone, inbox: Inbox, result: TickResult) -> None:
    """Bring every changed entity into its cell, and note the viewers that see other cells than before."""
    grid, crossings = zone.grid, zone.crossings
    changed = zone.take_changed()
    result.moved = [entity for entity in changed if isinstance(entity, Player)]
    for entity, before in grid.settle(changed):
        if before is not None and isinstance(entity, Player) and entity.connected:
            grid.look(entity.player_id, entity.cell, before)
            crossings[entity.player_id] = (before, _cell(entity))
    for player in result.admitted:
        if player.connected:
            _show_everything(zone, player)
    for player_id in inbox.resyncs:
        if (viewer := zone.players.get(player_id)) and viewer.connected:
            _show_everything(zone, viewer)


def _show_everything(zone: Zone, player: Player) -> None:
    cell = _cell(player)
    zone.grid.look(player.player_id, cell, None)
    zone.crossings[player.player_id] = (None, cell)


def _cell(entity: Entity) -> Cell:
    assert entity.cell is not None, "an entity of a zone is in a cell once the tick updated interest"
    return entity.cell


def collect(zone: Zone, result: TickResult) -> None:
    """Hand over what the zone gathered, and leave it clean for the next tick."""
    for player in zone.kept.values():
        _collect_kept(player, zone, result)
    zone.kept.clear()
    result.outgoing, zone.outgoing = zone.outgoing, []
    result.notes, zone.notes = zone.notes, []
    result.exchanges, zone.exchanges = zone.exchanges, []
    zone.crossings.clear()
    zone.journal.clear()
    zone.grid.forget_changes()


def _collect_kept(player: Player, zone: Zone, result: TickResult) -> None:
    inventory_changed, state_changed = bool(player.inventory.changed), player.state.was_assigned
    if not (inventory_changed or state_changed or player.actions.changed or player.speech.changed):
        return
    result.kept.append(player)
    if inventory_changed:
        zone.outgoing.append(Outgoing(player.player_id, InventoryChanged(player.inventory.held())))
    if state_changed:
        zone.outgoing.append(Outgoing(player.player_id, StateChanged(player.state.fields())))

"""One tick of one zone, pure: the zone and its inbox go in, a result to show, keep and ask for comes out."""

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
from gameserver.world.entity import Entity, Player, note_kept_in, note_kept_nowhere, show_connected
from gameserver.world.exchange import Exchange, settle
from gameserver.world.grid import Cell
from gameserver.world.state import fields_of, was_assigned
from gameserver.world.view import TickEncoder
from gameserver.world.zone import Zone
from gameserver.world.zone_internals import Outgoing

Lap = Callable[[str], None]


def step(zone: Zone, game: Game, routes: Routes, inbox: Inbox, now_ms: int, lap: Lap) -> TickResult:
    """Advance ``zone`` by one tick. ``lap`` is called with each step's name when it is done.

    A handler or hook of the game that raises changes nothing and stops nothing: its error is in the result. What comes
    out of here as an exception is a bug of the server.
    """
    inside = zone._internals
    inside.tick += 1
    inside.now_ms = now_ms
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
    result.frames = TickEncoder(inside.tick, inside.grid).frames(inside.crossings)
    lap("encode")
    collect(zone, result)
    lap("collect")
    return result


def settle_exchanges(zone: Zone, game: Game, inbox: Inbox, result: TickResult) -> None:
    for exchange, outcome in inbox.outcomes:  # all before the first hook, which may look at any of them
        settle(exchange, outcome)
    for exchange, outcome in inbox.outcomes:
        if outcome == "done":
            whole("on_exchange", partial(game.on_exchange, zone, exchange), zone, exchange.giver, result)
        _answer_exchange(exchange, outcome == "refused", result)


def _answer_exchange(exchange: Exchange, refused: bool, result: TickResult) -> None:
    op = exchange._op
    if op.seq is None or not op.awaits_answer:
        return  # the game's own, or of a client that is gone
    refusal = Refusal(RefusalCode.TRY_LATER, "the exchange could not be made", retry_after_ms=1000)
    answer(op.player, op.seq, refusal if refused else "durable", result)


def admit_and_release(zone: Zone, game: Game, inbox: Inbox, result: TickResult) -> None:
    """Add the new players and remove those who left. A player who is taken over repeatedly within one tick is present
    several times; each instance is removed separately."""
    leaving = dict(inbox.departures)
    for player, reason in leaving.items():
        if zone._internals.has(player):
            _release(zone, game, player, reason, result)
    for player in inbox.arrivals:
        _admit(zone, game, player, result)
        if player in leaving and zone._internals.has(player):
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

    # The player is in no zone yet, and its changes are undone all the same.
    note_kept_in(player, {}, zone._internals.journal)
    if not whole("may_join", ask, zone, player, result):
        note_kept_nowhere(player)
        result.failed_to_join.append(player)
        return
    if refusals[0] is not None:
        note_kept_nowhere(player)
        result.declined.append((player, refusals[0]))
        return
    zone._internals.waiting.pop(player.player_id, None)
    zone.move_to(player, player.x, player.y)
    zone._internals.admit(player)
    if not whole("on_join", partial(game.on_join, zone, player), zone, player, result):
        zone._internals.release(player)
        result.failed_to_join.append(player)
        return
    player._internals.is_new = False
    if player.lost_zone is not None:
        player._internals.lost_zone = None
        result.rehomed.append(player)
    if player.connected:
        result.admitted.append(player)


def _disconnect(zone: Zone, game: Game, player: Player, result: TickResult) -> None:
    show_connected(player, False)
    zone._internals.grid.look(player.player_id, None, player._cell)
    zone._internals.crossings.pop(player.player_id, None)
    whole("on_disconnect", partial(game.on_disconnect, zone, player), zone, player, result)


def _reconnect(zone: Zone, game: Game, player: Player, result: TickResult) -> None:
    """Drop the actions still queued behind an exchange: the client sends them again on the new socket, and each may be
    answered only once."""
    zone._internals.waiting.pop(player.player_id, None)
    show_connected(player, True)
    if player not in result.admitted:  # it may have arrived on this very tick
        whole("on_reconnect", partial(game.on_reconnect, zone, player), zone, player, result)
        result.admitted.append(player)


def _release(zone: Zone, game: Game, player: Player, reason: str, result: TickResult) -> None:
    whole("on_leave", partial(game.on_leave, zone, player, reason), zone, player, result)
    zone._internals.grid.look(player.player_id, None, player._cell)
    zone._internals.release(player)
    if player in result.admitted:  # came on this very tick
        result.admitted.remove(player)
    result.left.append(player)


def apply_inputs(zone: Zone, routes: Routes, inbox: Inbox, result: TickResult) -> None:
    turn = InputApplier(zone, routes, result)
    for player_id in list(zone._internals.waiting):
        turn.apply_waiting(player_id)
    for player, said in inbox.inputs.items():
        if zone._internals.has(player):  # else it said this in a session that is over
            turn.take(player, said)


def update_interest(zone: Zone, inbox: Inbox, result: TickResult) -> None:
    """Bring every changed entity into its cell, and note the viewers that see other cells than before."""
    inside = zone._internals
    grid, crossings = inside.grid, inside.crossings
    changed = inside.take_changed()
    result.moved = [entity for entity in changed if isinstance(entity, Player)]
    for entity, before in grid.settle(changed):
        if before is not None and isinstance(entity, Player) and entity._internals.connected:
            grid.look(entity.player_id, entity._cell, before)
            crossings[entity.player_id] = (before, _cell(entity))
    for player in result.admitted:
        if player.connected:
            _show_everything(zone, player)
    for player_id in inbox.resyncs:
        if (viewer := zone.players.get(player_id)) and viewer.connected:
            _show_everything(zone, viewer)


def _show_everything(zone: Zone, player: Player) -> None:
    cell = _cell(player)
    zone._internals.grid.look(player.player_id, cell, None)
    zone._internals.crossings[player.player_id] = (None, cell)


def _cell(entity: Entity) -> Cell:
    assert entity._cell is not None, "an entity of a zone is in a cell once the tick updated interest"
    return entity._cell


def collect(zone: Zone, result: TickResult) -> None:
    """Move everything that the zone gathered into the result, and leave the zone clean for the next tick."""
    inside = zone._internals
    for player in inside.kept.values():
        _collect_kept(player, inside.outgoing, result)
    inside.kept.clear()
    result.outgoing, inside.outgoing = inside.outgoing, []
    result.notes, inside.notes = inside.notes, []
    result.exchanges, inside.exchanges = inside.exchanges, []
    inside.crossings.clear()
    inside.journal.clear()
    inside.grid.forget_changes()


def _collect_kept(player: Player, outgoing: list[Outgoing], result: TickResult) -> None:
    parts = player._internals
    inventory_changed, state_changed = bool(parts.inventory._changed), was_assigned(player.state)
    if not (inventory_changed or state_changed or parts.actions.changed or parts.speech.changed):
        return
    result.kept.append(player)
    if inventory_changed:
        outgoing.append(Outgoing(player.player_id, InventoryChanged(parts.inventory.held())))
    if state_changed:
        outgoing.append(Outgoing(player.player_id, StateChanged(fields_of(player.state))))

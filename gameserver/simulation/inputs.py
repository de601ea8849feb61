"""A tick's inputs being applied, in the order they came; an action once, however often it comes.

Law: the actions of a player whose inventory is frozen by an exchange wait for its outcome, in order, and not for long.
"""

from __future__ import annotations

from collections import deque
from typing import Final, cast

from gameserver.protocol.constants import ANSWERS_MAX
from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.ids import PlayerId
from gameserver.protocol.messages import Action, ClientMessage
from gameserver.protocol.mistake import GameError, place_of_function
from gameserver.protocol.policy import AckLevel
from gameserver.simulation.calls import check_done
from gameserver.simulation.inbox import Inputs
from gameserver.simulation.result import FailedCall, TickResult, Verdict
from gameserver.simulation.routes import Route, Routes
from gameserver.world.entity import Player
from gameserver.world.exchange import ExchangeOp
from gameserver.world.journal import undo_since
from gameserver.world.zone import Zone
from gameserver.world.zone_internals import WaitingAction

EXCHANGE_PATIENCE_S: Final = 1.0  # an action waits this long behind an exchange of its player's, then it is refused


class InputApplier:
    """The inputs of one tick being applied."""

    def __init__(self, zone: Zone, routes: Routes, result: TickResult):
        self.zone = zone
        self._inside = zone._internals
        self.routes = routes
        self.result = result

    def take(self, player: Player, said: Inputs) -> None:
        if not isinstance(said, list):
            self.take_one(player, said)
            return
        for message in said:
            self.take_one(player, message)

    def take_one(self, player: Player, message: ClientMessage) -> None:
        route = self.routes[type(message)]
        if route.is_action:
            self.take_action(player, cast(Action, message))
        else:
            self.apply_input(player, message, route)

    def apply_input(self, player: Player, message: ClientMessage, route: Route) -> None:
        try:
            self._handle(player, message, route)
        except Refusal as refusal:
            self.result.verdicts.append(Verdict(player, None, refusal=refusal))

    def take_action(self, player: Player, action: Action) -> None:
        """Apply it now, or behind the exchange its player waits for."""
        waiting = self._inside.waiting.get(player.player_id)
        log = player._internals.actions
        is_known = log.status_of(action.seq) != "new"  # then it is never refused, as if it changed nothing
        if is_known or (waiting is None and not player.inventory._frozen):
            self.apply_action(player, action)
            return
        if waiting is None:
            waiting = self._inside.waiting[player.player_id] = deque()
        lineage = log.lineage
        if any(before.action.seq == action.seq and before.lineage == lineage for before in waiting):
            return  # it came again, and has one answer: refused with the first, it must not be applied with the second
        if len(waiting) < ANSWERS_MAX:
            waiting.append(WaitingAction(self.zone.tick, lineage, action))
        else:
            self.result.verdicts.append(Verdict(player, action.seq, refusal=_behind_exchange()))

    def apply_waiting(self, player_id: PlayerId) -> None:
        waiting = self._inside.waiting[player_id]
        player = self._inside.players.get(player_id)
        latest_tick = self.zone.tick - EXCHANGE_PATIENCE_S / self.zone.tick_s
        while player is not None and waiting:
            came_tick, lineage, action = waiting[0]
            if lineage != player._internals.actions.lineage:
                waiting.popleft()  # of a client that is gone; the one after it numbers anew
                continue
            if player.inventory._frozen and came_tick > latest_tick:
                return
            waiting.popleft()
            if player.inventory._frozen:
                self.result.verdicts.append(Verdict(player, action.seq, refusal=_behind_exchange()))
            else:
                self.apply_action(player, action)
        del self._inside.waiting[player_id]

    def apply_action(self, player: Player, action: Action) -> None:
        """Apply it if it was not applied before; else give the answer it had."""
        match player._internals.actions.status_of(action.seq):
            case "new":
                self._apply_new(player, action)
            case "answered":
                self._answer_again(player, action.seq)
            case "forgotten":
                refusal = Refusal(RefusalCode.ALREADY_ANSWERED, "this seq was answered long ago")
                self.result.verdicts.append(Verdict(player, action.seq, refusal=refusal))
            case "pending":
                pass  # its answer is on its way, to whichever connection the player has then

    def _apply_new(self, player: Player, action: Action) -> None:
        inside, log = self._inside, player._internals.actions
        route = self.routes[type(action)]
        log.begin(action.seq)
        asked = len(inside.exchanges)
        inside.current_op = ExchangeOp.of_action(player, action.seq)
        try:
            self._handle(player, action, route)
        except Refusal as refusal:
            answer(player, action.seq, refusal, self.result)
        else:
            if len(inside.exchanges) == asked:  # else the exchange's outcome is the answer
                answer(player, action.seq, route.ack, self.result)
        finally:
            inside.current_op = None

    def _answer_again(self, player: Player, seq: int) -> None:
        before = player._internals.actions.answer_to(seq)
        if isinstance(before, RefusalCode):
            self.result.verdicts.append(Verdict(player, seq, refusal=Refusal(before, "as answered before")))
        else:
            self.result.verdicts.append(Verdict(player, seq, level=before))

    def _handle(self, player: Player, message: ClientMessage, route: Route) -> None:
        """Call the handler. Raises Refusal when it refuses, or has a bug; then all its changes are undone."""
        journal = self._inside.journal
        before = len(journal)
        try:
            returned = route.call(self.zone, player, message)
            if returned is not None:
                check_done(route.call, type(message).__name__, returned)
            if route.is_exchange:
                self._check_asked(message, route)
        except Refusal:
            undo_since(journal, before)
            raise
        except BaseException as error:  # ``calls`` says why
            undo_since(journal, before)
            self.result.errors.append(FailedCall(type(message).__name__, False, player, error))
            raise Refusal(RefusalCode.INTERNAL, "an error on our side") from error

    def _check_asked(self, message: ClientMessage, route: Route) -> None:
        """Raise GameError unless the action being applied asked for an exchange, whose outcome will be its answer."""
        op = self._inside.current_op
        if any(exchange._op is op for exchange in self._inside.exchanges):
            return
        name = type(message).__name__
        problem = f'handles {name}, which is declared with ack="durable", and asked for no exchange'
        remedy = f'call zone.exchange, or refuse, or remove ack="durable" from {name}'
        raise GameError(place_of_function(route.call), problem, remedy)


def _behind_exchange() -> Refusal:
    return Refusal(RefusalCode.TRY_LATER, "an exchange of yours is still under way", retry_after_ms=1000)


def answer(player: Player, seq: int, given: AckLevel | Refusal, result: TickResult) -> None:
    """Log the answer, so that it can be given again, and give it."""
    if isinstance(given, Refusal):
        player._internals.actions.finish(seq, given.code)
        result.verdicts.append(Verdict(player, seq, refusal=given))
    else:
        player._internals.actions.finish(seq, given)
        result.verdicts.append(Verdict(player, seq, level=given))

"""The publisher acts on a tick's result, without waiting: it sends frames over the link, marks changes for Redis, and
starts exchanges, whose outcomes are inputs of a later tick."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import structlog
from msgspec import structs

from gameserver.link.messages import Declined, Deliver, Opened, TickFrames
from gameserver.link.ports import EdgePort
from gameserver.observability import metrics
from gameserver.protocol.codec import encode_text
from gameserver.protocol.errors import RefusalCode
from gameserver.protocol.messages import Ack, Refused, Welcome
from gameserver.protocol.world_frame import LAYOUT
from gameserver.services.service import Service
from gameserver.session.answers import Answers
from gameserver.session.exchanges import ExchangeCarrier
from gameserver.session.game_log import GameLog
from gameserver.session.lifecycle import SessionEvent, SessionState
from gameserver.session.registry import Registry
from gameserver.session.session import Dirty, Session
from gameserver.session.write_behind import WriteBehind
from gameserver.simulation.game import Game
from gameserver.simulation.result import TickResult, Verdict
from gameserver.simulation.zone_runner import ZoneRunner
from gameserver.world.entity import Player
from gameserver.world.exchange import Exchange, ExchangeResult, settle
from gameserver.world.state import fields_of, note_kept, was_assigned
from gameserver.world.zone import Zone
from gameserver.world.zone_internals import Note, Outgoing

JOIN_AGAIN_MS: Final = 2000  # after a bug of the game kept a player out

log = structlog.get_logger(__name__)


class Publisher:
    """``left(player)`` is called for each player who is out of a zone or was not let in. ``turned_away(session)`` is
    called when the game declined the player, and ``waits(session)`` when a bug of the game kept the player out."""

    def __init__(
        self,
        *,
        link: EdgePort,
        registry: Registry,
        write_behind: WriteBehind,
        answers: Answers,
        carrier: ExchangeCarrier,
        services: Sequence[Service],
        game: Game,
        grace_s: float,
        left: Callable[[Player], None],
        turned_away: Callable[[Session], None],
        waits: Callable[[Session], None],
        game_log: GameLog,
    ):
        self._link = link
        self._registry = registry
        self._write_behind = write_behind
        self._answers = answers
        self._carrier = carrier
        self._services = services
        self._game = game
        self._grace_ms = int(grace_s * 1000)
        self._left = left
        self._turned_away = turned_away
        self._waits = waits
        self._game_log = game_log

    def act(self, runner: ZoneRunner, result: TickResult) -> None:
        # Others wait for these, so they come first: if anything below raises, nobody stays frozen or unable to leave.
        for exchange in result.exchanges:
            self._carrier.carry(exchange, _settler(runner))
        for player in (*result.left, *(player for player, _ in result.declined), *result.failed_to_join):
            self._left(player)
        for player in result.admitted:
            self._welcome(runner.zone, player)
        for player, reason in result.declined:
            self._decline(player, reason)
        for player in result.failed_to_join:
            self._put_off(player)
        self._show(runner.zone, result)
        self._mark(result)
        for verdict in result.verdicts:
            self._answer(verdict)
        for note in result.notes:
            self._act_on(runner.zone, note)
        if result.errors:
            self._game_log.note(runner.zone.name, result)

    def _act_on(self, zone: Zone, note: Note) -> None:
        """Let the service act. A bug of one service costs this note alone."""
        try:
            note.service.act(zone, note.player, note.content)
        except Exception:
            log.exception("service_failed", call=f"{type(note.service).__name__}.act")

    # --- showing ---

    def _welcome(self, zone: Zone, player: Player) -> None:
        session = self._registry.session_of(player)
        if session is None or session.connection_id is None or session.state is not SessionState.JOINING:
            return  # gone again before the tick
        session.move(SessionEvent.JOINED)
        self._write_behind.mark(session, Dirty.STATUS)
        welcome = self._welcome_of(zone, session)
        session.guest_token = None
        self._link.to_edge(Opened(session.connection_id, player.player_id, encode_text(welcome)))

    def _welcome_of(self, zone: Zone, session: Session) -> Welcome:
        player = session.player
        welcome = Welcome(
            player_id=player.player_id,
            entity_id=player.id,
            name=player.name,
            resume_token=session.resume_token,
            guest_token=session.guest_token,
            resumed=session.resumed,
            last_seq=player._internals.actions.last_seq,
            tick=zone.tick,
            tick_hz=self._game.tick_hz,
            grace_ms=self._grace_ms,
            zone=zone._internals.describe(),
            kinds=list(self._game.kinds),
            layout=LAYOUT,
            x=player.x,
            y=player.y,
            inventory=player.inventory.held(),
            state=fields_of(player.state),
        )
        for service in self._services:
            welcome = _filled_by(service, welcome, zone, player)
        return welcome

    def _decline(self, player: Player, reason: str) -> None:
        session = self._registry.session_of(player)
        if session is None:
            return
        if (connection_id := self._registry.unbind(session)) is not None:
            self._link.to_edge(Declined(connection_id, RefusalCode.NOT_ALLOWED, reason))
        self._turned_away(session)

    def _put_off(self, player: Player) -> None:
        """The game has a bug in ``may_join`` or ``on_join``. The session waits, as it was, for the next try."""
        session = self._registry.session_of(player)
        if session is None or session.state is not SessionState.JOINING:
            return
        if (connection_id := self._registry.unbind(session)) is not None:
            reason = "an error on our side: you could not be let in"
            self._link.to_edge(Declined(connection_id, RefusalCode.TRY_LATER, reason, JOIN_AGAIN_MS))
        self._waits(session)

    def _show(self, zone: Zone, result: TickResult) -> None:
        audiences = self._registry.connections
        frames = []
        for payload, viewers, full in result.frames:
            if (frame := audiences.frame(payload, viewers, full)) is not None:
                frames.append(frame)
        if frames:
            self._link.to_edge(TickFrames(zone.name, result.tick, audiences.oldest, frames))
        for outgoing in result.outgoing:
            self._tell(zone, outgoing)

    def _tell(self, zone: Zone, outgoing: Outgoing) -> None:
        receivers = list(zone.players) if outgoing.to is None else [outgoing.to]
        if connections := self._registry.connections.connections_of(receivers):
            self._link.to_edge(Deliver(connections, encode_text(outgoing.message)))

    # --- keeping ---

    def _mark(self, result: TickResult) -> None:
        registry, write_behind, tick = self._registry, self._write_behind, result.tick
        for player in result.moved:
            if session := registry.session_of(player):
                session.tick = tick
                write_behind.mark(session, Dirty.PLACE)
        for player in result.rehomed:
            if session := registry.session_of(player):
                write_behind.mark(session, Dirty.STATUS)
        for player in result.kept:
            if session := registry.session_of(player):
                session.tick = tick
                write_behind.mark(session, _take_changes(player, session))

    # --- answering ---

    def _answer(self, verdict: Verdict) -> None:
        session = self._registry.session_of(verdict.player)
        if session is None:
            return  # or the exchange is an older session's: its action comes again, and this session answers
        if (refusal := verdict.refusal) is not None:
            metrics.REFUSALS.labels(refusal.code).inc()
            told = Refused(refusal.code, refusal.reason, verdict.seq, refusal.field, refusal.retry_after_ms)
            self._answers.give(session, verdict.seq, told)
        elif verdict.seq is not None and verdict.level is not None:
            self._ack(session, Ack(verdict.seq, verdict.level))

    def _ack(self, session: Session, ack: Ack) -> None:
        if ack.level == "stored":
            if ack not in session.unstored:  # it came again while Redis is away
                session.unstored += (ack,)
            self._write_behind.mark(session, Dirty.ACTIONS)
        else:
            self._answers.give(session, ack.seq, ack)


def _filled_by(service: Service, welcome: Welcome, zone: Zone, player: Player) -> Welcome:
    """Return the welcome with the fields that the service fills. A bug of the service costs its fields alone."""
    try:
        return structs.replace(welcome, **service.welcome(zone, player))
    except Exception:
        log.exception("service_failed", call=f"{type(service).__name__}.welcome")
        return welcome


def _take_changes(player: Player, session: Session) -> int:
    """Return the player's changes since the last call, as ``Dirty`` bits."""
    dirty = Dirty.NOTHING
    if player.inventory._changed:
        session.dirty_kinds |= player.inventory._changed
        player.inventory._changed.clear()
        dirty |= Dirty.ITEMS
    if was_assigned(player.state):
        note_kept(player.state)
        dirty |= Dirty.STATE
    parts = player._internals
    if parts.actions.changed:
        parts.actions.changed = False
        dirty |= Dirty.ACTIONS
    if parts.speech.changed:
        parts.speech.changed = False
        dirty |= Dirty.SPEECH
    return dirty


def _settler(runner: ZoneRunner) -> Callable[[Exchange, ExchangeResult], None]:
    """Puts an outcome into whichever inbox the runner has when it comes. A zone that has stopped takes none any more:
    there the inventories are settled at once, since their players cannot be saved before."""

    def put(exchange: Exchange, result: ExchangeResult) -> None:
        if runner.stopped:
            settle(exchange, result)
        else:
            runner.inbox.outcomes.append((exchange, result))

    return put

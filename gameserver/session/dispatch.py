"""The dispatcher routes messages from the edge: inputs to the zone's inbox, sign-ins and logouts to background tasks.

Law: it never touches a socket and never waits; it knows connections by their ids only. An accepted action is noted in
``Session.unanswered`` until its connection has the answer, so no connection gets two answers to one action.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

import structlog

from gameserver.clock import Clock
from gameserver.link.messages import Deliver, Join, Leave, PlayerInputs, ResumeSession, Resync, ToHost
from gameserver.link.ports import EdgePort
from gameserver.observability import metrics
from gameserver.protocol.codec import ClientCodec, MessageRaised, encode_text
from gameserver.protocol.constants import ANSWERS_MAX
from gameserver.protocol.errors import Close, Refusal, RefusalCode
from gameserver.protocol.ids import ConnectionId
from gameserver.protocol.messages import Action, ClientMessage, Logout
from gameserver.protocol.refused import refused
from gameserver.session import tokens
from gameserver.session.departures import Departures
from gameserver.session.game_log import GameLog
from gameserver.session.lifecycle import SessionEvent, SessionState
from gameserver.session.reception import Reception
from gameserver.session.registry import Registry
from gameserver.session.session import Dirty, Session
from gameserver.session.write_behind import WriteBehind
from gameserver.simulation.result import FailedCall
from gameserver.simulation.routes import Route, Routes
from gameserver.simulation.zones import Zones
from gameserver.speedups import prefetched
from gameserver.tasks import Tasks

log = structlog.get_logger(__name__)
_ACTIVE: Final = SessionState.ACTIVE  # asked for with every input


class Dispatcher:
    """Receives ToHost messages; in order, one at a time. Attach ``receive`` to the link."""

    def __init__(
        self,
        *,
        link: EdgePort,
        routes: Routes,
        registry: Registry,
        zones: Zones,
        reception: Reception,
        departures: Departures,
        write_behind: WriteBehind,
        sql_is_away: Callable[[], bool],
        tasks: Tasks,
        clock: Clock,
        game_log: GameLog,
    ):
        self._link = link
        self._routes = routes
        self._codec = ClientCodec(routes)
        self._registry = registry
        self._zones = zones
        self._reception = reception
        self._departures = departures
        self._write_behind = write_behind
        self._sql_is_away = sql_is_away
        self._tasks = tasks
        self._clock = clock
        self._game_log = game_log

    def receive(self, message: ToHost) -> None:
        match message:
            case PlayerInputs():
                self._take_inputs(message.connection_ids, message.texts)
            case Join():
                self._reception.expect(message.connection_id)
                self._tasks.start(self._reception.join(message), "join")
            case ResumeSession():
                self._reception.expect(message.connection_id)
                self._tasks.start(self._reception.resume(message), "resume")
            case Leave():
                self._left(message.connection_id)
            case Resync():
                self._resync(message.connection_id)

    def _take_inputs(self, connection_ids: list[ConnectionId], texts: list[bytes]) -> None:
        now_s = self._clock.monotonic_s()
        sessions = [self._registry.by_connection(connection_id) for connection_id in connection_ids]
        for number, session in enumerate(prefetched(sessions)):
            connection_id, text = connection_ids[number], texts[number]
            if session is None:
                continue  # the session ended or moved while this was on its way; the client is being told
            session.last_input_s = now_s
            try:
                self._take_text(session, text)
            except Refusal as refusal:
                self._refuse(connection_id, refusal, text)
            except MessageRaised as raised:
                self._message_raised(session, raised)
                self._refuse(connection_id, Refusal(RefusalCode.INTERNAL, "an error on our side"), text)
            except Exception:
                log.exception("input_failed", connection_id=connection_id)
                self._refuse(connection_id, Refusal(RefusalCode.INTERNAL), text)

    def _message_raised(self, session: Session, raised: MessageRaised) -> None:
        error = raised.__cause__ or raised
        self._game_log.note_one(session.zone, FailedCall(raised.message, False, session.player, error))

    def _take_text(self, session: Session, text: bytes) -> None:
        message = self._codec.decode(text)
        if session.state is _ACTIVE:
            self._take_input(session, message)
        else:
            self._refuse_late(session, message)

    def _take_input(self, session: Session, message: ClientMessage) -> None:
        if len(session.resume_hashes) > 1 and tokens.confirm(session):
            self._write_behind.mark(session, Dirty.STATUS)
        route = self._routes[type(message)]
        if route.is_action:
            self._take_action(session, cast(Action, message), route)
        elif route.is_for_node:
            self._take_own(session, message)
        elif not self._zones[session.zone].inbox.add_input(session.player, message):
            raise _surplus()

    def _take_own(self, session: Session, message: ClientMessage) -> None:
        """Handle a message of the node's own: a logout, or a sign-in, which comes too late here."""
        if not isinstance(message, Logout):
            raise Refusal(RefusalCode.ALREADY_SIGNED_IN, "this connection has signed in")
        self._log_out(session)

    def _take_action(self, session: Session, action: Action, route: Route) -> None:
        if action.seq in session.unanswered:
            return  # this connection sent it before; the answer that is on its way is the answer to both
        if session.is_leaving:
            self._refuse_late(session, action)
        elif (missing := self._missing_for(session, action, route)) is not None:
            raise Refusal(RefusalCode.TRY_LATER, missing, retry_after_ms=1000)
        elif self._zones[session.zone].inbox.add_input(session.player, action):
            session.unanswered.add(action.seq)
        else:
            raise _surplus()

    def _log_out(self, session: Session) -> None:
        if not session.is_leaving:
            session.is_leaving = True
            self._tasks.start(self._departures.log_out(session), "logout")

    def _refuse_late(self, session: Session, message: ClientMessage) -> None:
        """Refuse an action that came after the logout, or after the session began to end."""
        if isinstance(message, Action) and session.player._internals.actions.status_of(message.seq) == "new":
            raise Refusal(RefusalCode.NOT_SIGNED_IN, "this session is ending", retry_after_ms=1000)

    def _missing_for(self, session: Session, action: Action, route: Route) -> str | None:
        """Return the reason if a store that a new action needs is away. An action that was applied before is never
        refused: that would say that it changed nothing."""
        if session.player._internals.actions.status_of(action.seq) != "new":
            return None
        if route.needs_redis and not self._can_store(session):
            return "actions cannot be kept just now"
        if route.needs_sql and self._sql_is_away():
            return "the database does not answer just now"
        return None

    def _can_store(self, session: Session) -> bool:
        if not self._write_behind.can_store:
            return False
        unanswered = len(session.unstored) + self._zones[session.zone].inbox.actions_of(session.player)
        return unanswered < ANSWERS_MAX

    def _refuse(self, connection_id: ConnectionId, refusal: Refusal, text: bytes) -> None:
        metrics.REFUSALS.labels(refusal.code.value).inc()
        self._link.to_edge(Deliver([connection_id], encode_text(refused(refusal, text))))

    def _left(self, connection_id: ConnectionId) -> None:
        """The socket is lost: the session stays for its grace period."""
        self._reception.forget(connection_id)
        session = self._registry.by_connection(connection_id)
        if session is None:
            return
        self._registry.unbind(session)
        if session.is_open:
            self.disconnected(session)

    def disconnected(self, session: Session) -> None:
        """Nobody is at the other end any more: the session waits for its client."""
        session.move(SessionEvent.SOCKET_LOST)
        session.disconnected_at_s = self._clock.monotonic_s()
        self._zones[session.zone].inbox.lose(session.player_id)
        self._write_behind.mark(session, Dirty.STATUS)

    def _resync(self, connection_id: ConnectionId) -> None:
        if session := self._registry.by_connection(connection_id):
            self._zones[session.zone].inbox.resyncs.append(session.player_id)

    def zone_stopped(self, zone: str) -> None:
        """Its game raised: nobody can go on there."""
        for session in self._registry:
            if session.zone == zone:
                self._tasks.start(self._departures.end(session, "zone_stopped", Close.ZONE_STOPPED), "zone stopped")


def _surplus() -> Refusal:
    return Refusal(RefusalCode.TOO_MANY, "too many inputs for one tick", retry_after_ms=1000)

"""Brings connections and sessions together: a sign-in opens a session or takes the running one over, a resume takes
it back. Law: the newest sign-in wins; the connection before is closed, and its client's unanswered actions with it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable

import structlog

from gameserver.clock import Clock
from gameserver.failpoints import Failpoint, reach
from gameserver.link.messages import CloseConnection, Declined, Join, ResumeSession
from gameserver.link.ports import EdgePort
from gameserver.live.sessions import StaleEpoch
from gameserver.protocol.errors import Close, Refusal, RefusalCode
from gameserver.protocol.ids import ConnectionId, PlayerId
from gameserver.session import tokens
from gameserver.session.lifecycle import SessionEvent
from gameserver.session.opening import Opener
from gameserver.session.registry import Registry
from gameserver.session.session import Dirty, Session
from gameserver.session.write_behind import WriteBehind
from gameserver.simulation.zones import Zones
from gameserver.sql.database import ProfilesUnavailable
from gameserver.store.connection import StoreUnavailable
from gameserver.world.entity import show_connected
from gameserver.world.stored_state import StateUnreadable

OPEN_DEADLINE_S = 5.0
STORED_PATIENCE_S = 1.0  # for the new resume token; play begins without it if Redis is away
UNREADABLE = "this version of the game cannot read what is saved of you; nothing of it is lost"

log = structlog.get_logger(__name__)


class Reception:
    """``opened(session)`` is called for each session that was not running here before, as Redis has it.
    ``fenced(session)`` is called for one that another node turns out to have taken over. ``until_gone(player_id)``
    waits for the end of one that was fenced, and raises Refusal if that takes long."""

    def __init__(
        self,
        *,
        link: EdgePort,
        registry: Registry,
        zones: Zones,
        opener: Opener,
        write_behind: WriteBehind,
        clock: Clock,
        opened: Callable[[Session], None],
        fenced: Callable[[Session], None],
        until_gone: Callable[[PlayerId], Awaitable[None]],
    ):
        self._link = link
        self._registry = registry
        self._zones = zones
        self._opener = opener
        self._write_behind = write_behind
        self._clock = clock
        self._opened = opened
        self._fenced = fenced
        self._until_gone = until_gone
        self._expected: set[ConnectionId] = set()  # connections whose session is being opened
        self._is_closed = False
        self._history_is_lost = False

    def expect(self, connection_id: ConnectionId) -> None:
        self._expected.add(connection_id)

    def forget(self, connection_id: ConnectionId) -> None:
        """The connection is gone; if its session is being opened, it waits for a resume like any other."""
        self._expected.discard(connection_id)

    def close(self, history_is_lost: bool = False) -> None:
        """Let nobody in any more, and recover no session."""
        self._is_closed = True
        self._history_is_lost = self._history_is_lost or history_is_lost

    async def join(self, message: Join) -> None:
        """Answers with Opened (on the next tick) or Declined."""

        async def find() -> Session:
            session = await self._running(message.player_id) or await self._open(message.player_id)
            session.guest_token = message.guest_token
            session.player._internals.actions.start_lineage(secrets.token_hex(8))
            session.unstored = ()
            return session

        await self._attempt(message.player_id, message.connection_id, find, used_token=None)

    async def resume(self, message: ResumeSession) -> None:
        """Answers like ``join``; the actions of before are still numbered and answered."""

        async def find() -> Session:
            session = await self._running(player_id)
            if session is None:
                if not await self._opener.token_is_good(player_id, message.token):
                    raise tokens.bad_token()
                session = await self._open(player_id)
            if not tokens.fits(message.token, session.resume_hashes):  # also when Redis lost it a moment ago: what was
                raise tokens.bad_token()  # opened then knows nothing of this client's actions, and must not pass for it
            return session

        try:
            player_id = tokens.player_of_token(message.token)
        except Refusal as refusal:
            self._decline(message.connection_id, refusal)
        else:
            await self._attempt(player_id, message.connection_id, find, used_token=message.token)

    async def recover(self, player_id: PlayerId) -> None:
        """Own the session that a process that died left behind, and let it wait for its player. Raises what opening
        raises, and Refusal while this node ends."""
        async with self._registry.lock(player_id):
            self._check_accepting()
            if self._registry.get(player_id) is None:
                session = await self._open(player_id)
                self._write_behind.mark(session, Dirty.STATUS)  # that it waits: its last owner may be alive after all
                reach(Failpoint.RECOVER_OPENED)
                self._arrive(session)

    async def _attempt(
        self,
        player_id: PlayerId,
        connection_id: ConnectionId,
        find: Callable[[], Awaitable[Session]],
        used_token: str | None,
    ) -> None:
        try:
            async with asyncio.timeout(OPEN_DEADLINE_S) as deadline, self._registry.lock(player_id):
                self._check_accepting()
                session = await find()
                deadline.reschedule(None)  # a session that is given a connection must not stay outside its zone
                await self._attach(session, connection_id, used_token)
        except Refusal as refusal:
            self._decline(connection_id, refusal)
        except (ProfilesUnavailable, StoreUnavailable, StaleEpoch, TimeoutError) as error:
            log.warning("session_not_opened", player_id=player_id, error=str(error) or type(error).__name__)
            reason = "your session cannot be opened just now"
            self._decline(connection_id, Refusal(RefusalCode.TRY_LATER, reason, retry_after_ms=2000))
        except StateUnreadable as error:
            log.error("state_unreadable", player_id=player_id, error=str(error))  # noqa: TRY400  the line says it all
            self._decline(connection_id, Refusal(RefusalCode.INTERNAL, UNREADABLE))
        except Exception:
            log.exception("session_open_failed", player_id=player_id)
            self._decline(connection_id, Refusal(RefusalCode.INTERNAL, "an error on our side"))
        finally:
            self._expected.discard(connection_id)

    def zone_has_stopped(self, zone: str) -> bool:
        return self._zones.has_stopped(zone)

    def _check_accepting(self) -> None:
        if self._history_is_lost:
            raise Refusal(RefusalCode.TRY_LATER, "this server cannot keep anything just now", retry_after_ms=5000)
        if self._is_closed:
            raise Refusal(RefusalCode.TRY_LATER, "the server is restarting", retry_after_ms=2000)

    async def _running(self, player_id: PlayerId) -> Session | None:
        """Return the player's session here. Another node may have taken it over a moment ago, which a later tick would
        notice. A player who goes there and comes straight back must not get a session that nobody owns."""
        session = self._registry.get(player_id)
        if session is None:
            return None
        if await self._opener.is_taken_over(session):
            self._fenced(session)
        return session if session.is_open else None  # it may have been fenced while we asked

    async def _open(self, player_id: PlayerId) -> Session:
        await self._until_gone(player_id)
        session = await self._opener.open(player_id)
        if self._zones[session.zone].stopped:
            raise Refusal(RefusalCode.TRY_LATER, "this zone has stopped", retry_after_ms=5000)
        self._registry.add(session)
        session.move(SessionEvent.SOCKET_LOST)  # until a connection is attached
        session.disconnected_at_s = self._clock.monotonic_s()
        self._opened(session)
        return session

    async def _attach(self, session: Session, connection_id: ConnectionId, used_token: str | None) -> None:
        runner = self._zones[session.zone]
        entered = runner.has(session.player)  # this player: one of an older session may still be about to leave
        if connection_id in self._expected:
            self._bind(session, connection_id, used_token)
            await self._write_behind.stored(session, Dirty.STATUS | Dirty.ACTIONS, STORED_PATIENCE_S)
            reach(Failpoint.OPEN_BEFORE_JOIN)
        if not session.is_open:
            return  # fenced meanwhile, and the client told
        if not entered:
            self._arrive(session)
        elif session.connection_id == connection_id:
            runner.inbox.came_back(session.player)

    def _bind(self, session: Session, connection_id: ConnectionId, used_token: str | None) -> None:
        before = self._registry.bind(session, connection_id)
        if before is not None:
            self._link.to_edge(CloseConnection(before, Close.TAKEN_OVER))
        # Now, and not when the player comes back: a tick may come before, and these seqs are of the connection before.
        self._zones[session.zone].inbox.drop_inputs(session.player)
        session.move(SessionEvent.RETURNED)
        session.resumed = used_token is not None
        session.disconnected_at_s = None
        session.last_input_s = self._clock.monotonic_s()
        tokens.rotate(session, used_token)

    def _arrive(self, session: Session) -> None:
        show_connected(session.player, session.connection_id is not None)
        self._zones[session.zone].inbox.arrivals.append(session.player)

    def _decline(self, connection_id: ConnectionId, refusal: Refusal) -> None:
        self._link.to_edge(Declined(connection_id, refusal.code, refusal.reason, refusal.retry_after_ms))

"""Ends sessions: at logout, when the grace is over, when idle, kicked, fenced or drained.

Law: a session leaves its zone only when no exchange of its player is under way, is saved as it left, and is forgotten
only when the save is committed and the live state removed. Until then a new sign-in of the player waits. A connection
is closed when every action taken from it is answered: as usual, or by the save, or refused because no tick took it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from gameserver.clock import Clock
from gameserver.link.messages import CloseConnection
from gameserver.link.ports import EdgePort
from gameserver.observability import metrics
from gameserver.protocol.errors import Close, Refusal, RefusalCode
from gameserver.protocol.ids import ConnectionId, PlayerId
from gameserver.protocol.messages import Refused
from gameserver.session.answers import Answers
from gameserver.session.ending import Ender, Ending
from gameserver.session.lifecycle import SessionEvent, SessionState
from gameserver.session.refusals import PAUSES
from gameserver.session.registry import Registry
from gameserver.session.session import Session
from gameserver.session.surrender import Surrender, whole
from gameserver.simulation.zones import Zones
from gameserver.tasks import Tasks
from gameserver.world.entity import Player

SWEEP_S = 0.5
POLL_S = 0.02
LOGOUT = "logout"
ANSWERS_PATIENCE_S = 1.0  # actions without an answer by then are answered when the session is saved
FAREWELL_PATIENCE_S = 3.0  # a client that logs out, or waits for an answer, is closed when saved, or after this
LETTING_GO_PATIENCE_S = 3.0  # while a store is away


class Departures:
    """``left`` must be called for each player that a tick took out of its zone or did not let in."""

    def __init__(
        self,
        *,
        link: EdgePort,
        answers: Answers,
        registry: Registry,
        zones: Zones,
        ender: Ender,
        surrender: Surrender,
        tasks: Tasks,
        clock: Clock,
        grace_s: float,
        idle_timeout_s: float,
    ):
        self._link = link
        self._answers = answers
        self._registry = registry
        self._zones = zones
        self._ender = ender
        self._surrender = surrender
        self._tasks = tasks
        self._clock = clock
        self._grace_s = grace_s
        self._idle_timeout_s = idle_timeout_s
        self._leaving: dict[Player, asyncio.Future[None]] = {}
        self._letting_go: dict[PlayerId, asyncio.Task[None]] = {}  # one a player: it is opened again only afterwards

    def left(self, player: Player) -> None:
        if (leaving := self._leaving.pop(player, None)) is not None:
            leaving.set_result(None)

    async def log_out(self, session: Session) -> None:
        """Tell the client ``logged_out`` once its session is saved, or ``not_saved`` when SQL refuses to take it. The
        client is not kept waiting while SQL is away."""
        asked = session.connection_id  # by another connection's sign-in or resume, which is the newer, it is void
        await self._end(session, LOGOUT, Close.LOGGED_OUT, lambda: session.connection_id in (asked, None))

    async def end(self, session: Session, reason: str, close: Close) -> None:
        """Save and remove the session, and close its connection, if there is one: at once, or when all is answered."""
        await self._end(session, reason, close, lambda: True)

    def turn_away(self, session: Session) -> None:
        """End the session of a player whom the game declined. This does not wait."""
        self._tasks.start(self.end(session, "turned_away", Close.KICKED), "turned away")

    def fence(self, session: Session) -> None:
        """A newer epoch owns the player: stop at once, save nothing. Its client is told when it is known what to do."""
        if not session.is_open:
            return  # its end is under way and will find out
        metrics.FENCED.inc()
        fields = whole(session)  # before its player leaves the zone
        task = self._tasks.start(self._let_go(session, self._stop(session), fields), "fenced")
        self._letting_go[session.player_id] = task

    async def hand_over(self) -> None:
        """Stop every session at once and save nothing. They stay in Redis for the process that claims them, and the
        clients may come back to them there."""
        await self.forget_all(self.stop_all(Close.MOVED), Close.MOVED)

    def stop_all(self, reason: Close) -> list[Session]:
        """Stop every session and close its connection. Return the sessions for ``forget_all``."""
        sessions = [session for session in self._registry if session.is_open]
        for session in sessions:
            self._close(self._stop(session), reason)
        return sessions

    async def forget_all(self, sessions: Iterable[Session], reason: Close) -> None:
        """Give the stopped sessions up. They stay in Redis."""
        await asyncio.gather(*(self._forget(session, reason) for session in sessions))

    def _stop(self, session: Session) -> ConnectionId | None:
        """The session is not ours any more. Returns the connection it had."""
        session.move(SessionEvent.FENCED)
        connection_id = self._registry.unbind(session)
        self._zones[session.zone].inbox.departures.append((session.player, "fenced"))
        self._registry.remove(session)
        return connection_id

    async def _let_go(
        self, session: Session, connection_id: ConnectionId | None, fields: Mapping[str, str] | None
    ) -> None:
        """Give the session up, and close its connection. The client may come back if nobody signed in anew: when this
        node was only taken for dead, or when the other sign-in got no further than SQL."""
        keeps: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        keeps.add_done_callback(lambda kept: self._close_fenced(session, connection_id, is_kept=kept.result()))
        try:
            await self._surrender.give_up(session, fields, keeps)
        finally:
            if not keeps.done():
                keeps.set_result(False)
            if self._letting_go.get(session.player_id) is asyncio.current_task():
                del self._letting_go[session.player_id]

    def _close_fenced(self, session: Session, connection_id: ConnectionId | None, *, is_kept: bool) -> None:
        reason = Close.MOVED if is_kept else Close.TAKEN_OVER
        self._close(connection_id, reason)
        self._ender.note_end(session, reason)

    async def _forget(self, session: Session, reason: Close) -> None:
        self._ender.note_end(session, reason)
        await self._surrender.discard(session)

    async def until_gone(self, player_id: PlayerId) -> None:
        """Wait until Redis has all that it is to have of a session of the player that was fenced here. Raises Refusal
        if that takes long."""
        if (task := self._letting_go.get(player_id)) is not None:
            await asyncio.wait((task,), timeout=LETTING_GO_PATIENCE_S)
            if not task.done():
                raise Refusal(RefusalCode.TRY_LATER, "your session cannot be opened just now", retry_after_ms=2000)

    async def sweep(self) -> None:
        """Find players who are away for too long, or idle; until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S)
            for session in self._registry:
                if self._grace_is_over(session):
                    self._start(session, "grace_over", Close.NO_PONG, self._grace_is_over)
                elif self._is_idle(session):
                    self._start(session, "idle", Close.IDLE, self._is_idle)

    async def drain(self, timeout_s: float) -> bool:
        """End every session, also one whose opening is still under way. False when some were not saved in time: they
        stay in Redis, for whoever claims them."""
        until_s = self._clock.monotonic_s() + timeout_s
        ending: dict[Session, asyncio.Task[None]] = {}
        while self._registry.is_busy or any(not _has_ended(ending.get(session)) for session in self._registry):
            if self._clock.monotonic_s() >= until_s:
                return False
            for session in self._registry:
                if session not in ending:
                    ending[session] = self._tasks.start(self.end(session, "drain", Close.DRAINING), "drain")
            await asyncio.sleep(POLL_S)
        return not len(self._registry)

    def _start(self, session: Session, reason: str, close: Close, still: Callable[[Session], bool]) -> None:
        self._tasks.start(self._end(session, reason, close, lambda: still(session)), f"end: {reason}")

    def _grace_is_over(self, session: Session) -> bool:
        lost_at_s = session.disconnected_at_s
        return (
            session.state is SessionState.DISCONNECTED
            and lost_at_s is not None
            and self._clock.monotonic_s() - lost_at_s > max(self._grace_s, PAUSES.after(session.refused_ends))
        )

    def _is_idle(self, session: Session) -> bool:
        idle_s = self._clock.monotonic_s() - session.last_input_s
        return session.state is SessionState.ACTIVE and idle_s > self._idle_timeout_s

    async def _end(self, session: Session, reason: str, close: Close, still: Callable[[], bool]) -> None:
        async with self._registry.lock(session.player_id):
            if not session.is_open or not still():
                return
            if not await self._answer_all(session):
                return  # fenced meanwhile, and the client told
            session.move(SessionEvent.END)
            connection_id = session.connection_id
            finishing = self._tasks.start(self._finish(session, reason), f"finish: {reason}")
            if reason == LOGOUT or session.unanswered:
                await asyncio.wait((finishing,), timeout=FAREWELL_PATIENCE_S)
            self._registry.unbind(session)
            is_unsaved = reason == LOGOUT and _outcome(finishing) in (Ending.REFUSED, Ending.LEFT)
            self._close(connection_id, Close.NOT_SAVED if is_unsaved else close)
            await asyncio.wait((finishing,))
            if _outcome(finishing) is Ending.REFUSED:
                self._ender.keep(session)

    async def _answer_all(self, session: Session) -> bool:
        """Take no more actions of the session, and wait for the answers to those that were taken. Returns whether the
        session is still open."""
        session.is_leaving = True
        until_s = self._clock.monotonic_s() + ANSWERS_PATIENCE_S
        while session.is_open and session.unanswered and self._clock.monotonic_s() < until_s:
            await asyncio.sleep(POLL_S)
        return session.is_open

    async def _finish(self, session: Session, reason: str) -> Ending:
        await self._leave_zone(session, reason)
        self._refuse_untaken(session)
        ending = await self._ender.finish(session, reason)
        if ending is not Ending.REFUSED:
            self._registry.remove(session)
        return ending

    def _refuse_untaken(self, session: Session) -> None:
        """Refuse the actions that no tick will take any more, because its zone stopped or was slow."""
        for seq in sorted(session.unanswered):
            if session.player._internals.actions.status_of(seq) == "new":
                refused = Refused(RefusalCode.TRY_LATER, "this session is ending", seq, retry_after_ms=1000)
                self._answers.give(session, seq, refused)

    async def _leave_zone(self, session: Session, reason: str) -> None:
        while session.player.inventory._frozen:
            await asyncio.sleep(POLL_S)
        runner = self._zones[session.zone]
        if runner.stopped or not runner.has(session.player):
            return
        left = self._leaving[session.player] = asyncio.get_running_loop().create_future()
        runner.inbox.departures.append((session.player, reason))
        while not left.done() and not runner.stopped:  # a zone that stops lets go of everyone at once
            await asyncio.wait((left,), timeout=SWEEP_S)
        self._leaving.pop(session.player, None)

    def _close(self, connection_id: ConnectionId | None, reason: Close) -> None:
        if connection_id is not None:
            self._link.to_edge(CloseConnection(connection_id, reason))


def _outcome(finishing: asyncio.Task[Ending]) -> Ending | None:
    """None while it is under way, and when it failed."""
    is_there = finishing.done() and not finishing.cancelled() and finishing.exception() is None
    return finishing.result() if is_there else None


def _has_ended(ending: asyncio.Task[None] | None) -> bool:
    return ending is not None and ending.done()

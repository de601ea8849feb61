"""The flusher runs the writes of ``WriteBehind``, and is the one part that acts on their results.

A write begins after each phase of ticks, and at once when somebody waits for Redis. Law: the snapshots of sessions for
SQL are taken when a write begins, and are saved only when it has landed.
"""

from __future__ import annotations

from gameserver.failpoints import Failpoint, reach
from gameserver.session.answers import Answers
from gameserver.session.checkpoint import Checkpoints, Snapshot
from gameserver.session.departures import Departures
from gameserver.session.flight import Flight, Written
from gameserver.session.restoring import Restorer
from gameserver.session.write_behind import WriteBehind
from gameserver.tasks import Tasks


class Flusher:
    """Call ``flush`` after each phase of ticks. ``run`` is its one task."""

    def __init__(
        self,
        *,
        write_behind: WriteBehind,
        answers: Answers,
        departures: Departures,
        checkpoints: Checkpoints,
        restorer: Restorer,
        tasks: Tasks,
    ):
        self._write_behind = write_behind
        self._answers = answers
        self._departures = departures
        self._checkpoints = checkpoints
        self._restorer = restorer
        self._tasks = tasks

    def flush(self) -> None:
        """Begin a write, if one is due. Without one, Redis has everything or is away, and SQL is not kept waiting."""
        if (flight := self._write_behind.begin()) is not None:
            snapshots: list[Snapshot] = []
            self._tasks.start(self._write(flight, snapshots), "write-behind")  # it runs when this has returned
            if not flight.is_empty:
                snapshots += self._checkpoints.snapshots()  # of sessions as this write leaves them in Redis
        elif not self._write_behind.is_out:
            self._checkpoints.save(self._checkpoints.snapshots())

    async def run(self) -> None:
        """Begin a write when somebody waits for Redis; until cancelled."""
        wanted = self._write_behind.wanted
        while True:
            await wanted.wait()
            wanted.clear()
            self.flush()

    async def _write(self, flight: Flight, snapshots: list[Snapshot]) -> None:
        written = Written()
        try:
            written = await self._write_behind.write(flight)
        finally:
            if not written.has_landed:
                self._checkpoints.put_off(snapshots)
        self._act(written, snapshots)

    def _act(self, written: Written, snapshots: list[Snapshot]) -> None:
        if written.owner_missing:
            self._restorer.restore_all()
        if not written.has_landed:
            return
        for session, acks in written.acks:
            self._answers.give_acks(session, acks)
        reach(Failpoint.TICK_AFTER_ACKS)
        for session in written.fenced:
            self._departures.fence(session)
        self._checkpoints.save(snapshots)
        if written.looks_again:
            self.flush()

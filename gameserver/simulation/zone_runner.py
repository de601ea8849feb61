"""One zone with its inbox. A zone that stopped is made anew after a pause (``restarts``).

Law: one tick in which ``on_tick`` raises costs that call alone. A zone stops when ``on_tick`` has raised
on every tick for a second, or when something else raises on its tick, which is a bug of the server.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from gameserver.clock import Clock
from gameserver.protocol.mistake import GameError
from gameserver.simulation.calls import check_done
from gameserver.simulation.game import Game
from gameserver.simulation.inbox import Inbox
from gameserver.simulation.restarts import Restarts
from gameserver.simulation.result import TickResult
from gameserver.simulation.routes import Routes
from gameserver.simulation.stopwatch import Stopwatch
from gameserver.simulation.tick import step
from gameserver.world.entity import Player
from gameserver.world.exchange import settle
from gameserver.world.scratch import new_scratch
from gameserver.world.zone import Zone, ZoneSpec


class StartFailed(Exception):  # noqa: N818
    """The game's ``on_start`` raised. The cause is the game's own error."""


class ZoneRunner:
    """Raises StartFailed if the game cannot start the zone."""

    def __init__(self, spec: ZoneSpec, game: Game, routes: Routes, clock: Clock, seed: int):
        self.inbox = Inbox()
        self.stopped = False  # nobody can go on in it
        self.problem = ""  # the reason for the last stop, without the error's text: for the readiness page
        self.failure = ""  # the last error of on_tick
        self.restarts = Restarts()
        self._spec = spec
        self._game = game
        self._routes = routes
        self._clock = clock
        self._seed = seed
        self._failed_ticks = 0  # in a row
        self.zone = self._new_zone()

    def run_tick(self, stopwatch: Stopwatch) -> TickResult:
        inbox, self.inbox = self.inbox, Inbox()
        stopwatch.start()
        result = step(self.zone, self._game, self._routes, inbox, self._clock.wall_ms(), stopwatch.lap)
        self._note_failure(result)
        return result

    def _note_failure(self, result: TickResult) -> None:
        raised = next((it.error for it in result.errors if it.is_hook and it.call == "on_tick"), None)
        self._failed_ticks = self._failed_ticks + 1 if raised is not None else 0
        if raised is not None:
            self.failure = f"on_tick raised {type(raised).__name__} on every tick for a second"

    @property
    def keeps_failing(self) -> bool:
        """Whether ``on_tick`` has raised on every tick for a second."""
        return self._failed_ticks > self._game.tick_hz

    def has(self, player: Player) -> bool:
        """The player is in the zone, or will be with the next tick."""
        return self.zone._internals.has(player) or player in self.inbox.arrivals

    def halt(self, problem: str = "") -> None:
        """Tick no more, until a restart. Exchanges that the zone asked for on a tick that did not end do not happen."""
        self.stopped = True
        self.problem = problem
        self._failed_ticks = 0
        self.restarts.note_stop(self._clock.monotonic_s())
        self.zone._internals.withdraw_exchanges(0)
        for exchange, outcome in self.inbox.outcomes:
            settle(exchange, outcome)
        self.inbox.outcomes.clear()

    def restart(self) -> None:
        """Make the zone anew, empty. Raises StartFailed; the zone then stays stopped."""
        self._seed += 1
        self.zone = self._new_zone()
        self.inbox = Inbox()
        self.stopped = False

    def stop(self) -> None:
        self._game.on_stop(self.zone)

    def _new_zone(self) -> Zone:
        game = self._game
        try:
            scratch = new_scratch(game.zone_scratch_type)
        except GameError as mistake:
            raise StartFailed(str(mistake)) from mistake
        zone = Zone(self._spec, game.kinds, game.tick_hz, Random(self._seed), scratch)
        zone._internals.items = None if game.items is None else frozenset(game.items)
        try:
            on_start: Callable[[Zone], object] = game.on_start
            check_done(on_start, "on_start", on_start(zone))
        except KeyboardInterrupt:
            raise  # of the person who starts the node: no signal is handled yet
        except BaseException as error:  # ``calls`` says why
            raise StartFailed(f"{type(game).__name__}.on_start raised for the zone {zone.name!r}") from error
        return zone

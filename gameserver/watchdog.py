"""Names the call of the game that takes too long or never returns, from a thread of its own.

A game's handler or hook runs on the event loop. While one does not return, the loop can neither tick, nor log, nor hear
SIGTERM; this thread can. Law: it only looks. It ends the process in one case: the operator asked for the end, and the
loop has not gone on for the whole time that a drain may take.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Final

import structlog

from gameserver.clock import Clock
from gameserver.observability.sparing import Sparing
from gameserver.simulation.heartbeat import Heartbeat

LOOK_S: Final = 0.05
SLOW_S: Final = 0.15  # a phase that takes this long is named, once in SPARING_S for each call
STALLED_S: Final = 2.0  # a loop that is so late is told at once, with its stack
SPARING_S: Final = 10.0
EXIT_STALLED: Final = 70

_PACKAGE = Path(__file__).parent
_OTHERS = tuple(f"{os.sep}{name}{os.sep}" for name in ("asyncio", "uvloop", "concurrent", "logging", "structlog"))

log = structlog.get_logger(__name__)


class Watchdog:
    """``start`` it on the thread of the event loop, ``stop`` it at the end. ``patience_s`` is the time to drain."""

    def __init__(self, heartbeat: Heartbeat, clock: Clock, patience_s: float, leave: Callable[[int], None] = os._exit):
        self._heartbeat = heartbeat
        self._clock = clock
        self._patience_s = patience_s
        self._leave = leave
        self._loop_thread = threading.get_ident()
        self._sparing = Sparing(SPARING_S, clock.monotonic_s)
        self._slow_call: tuple[int, str, str] | None = None  # (phase, zone, call) that takes long
        self._stalled_since_s: float | None = None
        self._asked_s: float | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def hear(self, number: signal.Signals) -> None:
        """Note when the signal comes, even if the loop cannot run its handler. Call it after the handler was added."""
        before = signal.getsignal(number)

        def note(signum: int, frame: FrameType | None) -> None:
            if self._asked_s is None:
                self._asked_s = self._clock.monotonic_s()
            if callable(before):
                before(signum, frame)

        signal.signal(number, note)
        signal.siginterrupt(number, False)  # as the loop had it: system calls go on after the signal

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_S):
            try:
                self.look()
            except Exception:
                log.exception("watchdog_failed")

    def look(self) -> None:
        """Compare the heartbeat with the clock, once."""
        now_s, beat = self._clock.monotonic_s(), self._heartbeat
        self._look_for_slowness(now_s, beat)
        late_s = now_s - beat.due_s if beat.due_s else 0.0
        if late_s >= STALLED_S and self._stalled_since_s is None:
            self._stalled_since_s = now_s - late_s
            stack = self._stack()
            log.error(
                "tick_stalled", zone=beat.zone, call=call_in(stack), seconds=round(late_s, 1), stack=_shown(stack)
            )
        elif late_s <= 0.0 and self._stalled_since_s is not None:
            log.warning("tick_goes_on", zone=beat.zone, seconds=round(now_s - self._stalled_since_s, 1))
            self._stalled_since_s = None
        self._end_if_asked(now_s, late_s)

    def _look_for_slowness(self, now_s: float, beat: Heartbeat) -> None:
        began_s = beat.began_s
        if self._slow_call is None:
            if began_s and now_s - began_s >= SLOW_S:
                self._slow_call = beat.phase, beat.zone, game_call(self._stack())
        elif beat.phase != self._slow_call[0] or not began_s:
            _, zone, call = self._slow_call
            self._tell_slow_call(zone, call, beat)
            self._slow_call = None

    def _tell_slow_call(self, zone: str, call: str, beat: Heartbeat) -> None:
        """Log the call. Where no function of the game was running, the machine was slow, and there is none to name."""
        held_back = self._sparing.held_back(f"{zone} {call}") if call else None
        if held_back is not None:
            log.warning("slow_call", zone=zone, call=call, seconds=round(beat.longest_s, 3), held_back=held_back)
        beat.longest_s = 0.0

    def _end_if_asked(self, now_s: float, late_s: float) -> None:
        if self._asked_s is not None and late_s >= STALLED_S and now_s - self._asked_s >= self._patience_s:
            log.critical("exit_forced", zone=self._heartbeat.zone, call=call_in(self._stack()), code=EXIT_STALLED)
            self._leave(EXIT_STALLED)

    def _stack(self) -> list[FrameType]:
        """Return the frames of the loop's thread, the outermost first."""
        frames: list[FrameType] = []
        frame = sys._current_frames().get(self._loop_thread)
        while frame is not None:
            frames.append(frame)
            frame = frame.f_back
        return frames[::-1]


def call_in(stack: list[FrameType]) -> str:
    """Return the qualified name of the game's function in the stack. Where there is none, the innermost function's."""
    return game_call(stack) or (stack[-1].f_code.co_qualname if stack else "")


def game_call(stack: list[FrameType]) -> str:
    """Return the qualified name of the first function behind the server's own frames, or "" where there is none."""
    ours = [at for at, frame in enumerate(stack) if _is_ours(frame)]
    for frame in stack[ours[-1] + 1 :] if ours else ():
        if not any(other in frame.f_code.co_filename for other in _OTHERS):
            return frame.f_code.co_qualname
    return ""


def _is_ours(frame: FrameType) -> bool:
    path = Path(frame.f_code.co_filename)
    return path.is_relative_to(_PACKAGE) and path.name != "demo.py"


def _shown(stack: list[FrameType]) -> str:
    return "".join(traceback.format_stack(stack[-1])) if stack else ""

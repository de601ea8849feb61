"""Notes where the server is, in a run that only looks: every few milliseconds of CPU time the system interrupts the
process (SIGPROF), and the stack it was in is counted.

By CPU time and not by the clock, so that a server that sleeps is not looked at, and what it does while the machine is
busy counts no less. SIGUSR1 begins; the next one ends and writes the stacks, each from the outermost function to the
innermost, with the number of times it was seen.
"""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path
from types import FrameType

EVERY_CPU_S = 0.001  # or as often as the system can

Code = tuple[str, str]  # file, function


class Stacks:
    def __init__(self, into: Path):
        self._into = into
        self._seen: Counter[tuple[Code, ...]] = Counter()
        self._counts = False

    def listen(self) -> None:
        signal.signal(signal.SIGPROF, self._note)
        signal.signal(signal.SIGUSR1, self._turn)

    def _turn(self, _signal: int, _frame: FrameType | None) -> None:
        self._counts = not self._counts
        signal.setitimer(signal.ITIMER_PROF, *([EVERY_CPU_S, EVERY_CPU_S] if self._counts else [0.0, 0.0]))
        if not self._counts:
            self._write()

    def _note(self, _signal: int, frame: FrameType | None) -> None:
        stack = []
        while frame is not None:
            stack.append((frame.f_code.co_filename, frame.f_code.co_name))
            frame = frame.f_back
        self._seen[tuple(reversed(stack))] += 1

    def _write(self) -> None:
        lines = [
            f"{';'.join(f'{function} ({file})' for file, function in stack)} {times}"
            for stack, times in self._seen.items()
        ]
        part = self._into.with_suffix(".part")
        part.write_text("\n".join(lines) + "\n")
        part.replace(self._into)  # whoever waits for it finds it whole

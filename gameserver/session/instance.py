"""One process among all that ever called themselves by a node's name, as the node's lease tells of it.

The text is ``<random>:<ttl in ms>:<machine>:<process id>:<start of the process>``. The last three let a process that
starts see at once that the holder of the lease is dead, if both ran on the same machine. They are empty where the
system does not tell them; then only the end of the renewals shows it.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import NamedTuple, Self

_PROC = Path("/proc")  # Linux only
_STATE, _STARTED = 0, 19  # fields of /proc/<id>/stat behind the program's name, which may hold spaces
_DEAD = ("Z", "X")


class Instance(NamedTuple):
    token: str
    ttl_ms: int  # of its lease; 0 when unknown
    machine: str = ""
    process_id: str = ""
    started: str = ""  # in clock ticks since the machine started: process ids are used again

    @classmethod
    def of_this_process(cls, ttl_ms: int) -> Self:
        process_id = str(os.getpid())
        state = _process(process_id)
        return cls(secrets.token_hex(8), ttl_ms, _machine(), process_id, state[_STARTED] if state else "")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Accepts any text: another version of the program may have written it."""
        token, *rest = text.split(":")
        if len(rest) == 4 and rest[0].isdecimal():
            return cls(token, int(rest[0]), *rest[1:])
        return cls(token, 0)

    def __str__(self) -> str:
        return ":".join(map(str, self))

    def is_dead(self) -> bool:
        """True if the process ran on this machine and has ended; False, too, when nobody can tell."""
        if not (self.machine and self.started) or self.machine != _machine():
            return False
        state = _process(self.process_id)
        return not state or state[_STARTED] != self.started or state[_STATE] in _DEAD


def _machine() -> str:
    """Name this start of this system, and this container: process ids mean something only in there."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _process(process_id: str) -> list[str]:
    """Return the fields of /proc/<id>/stat from the process's state on; empty when there is no such process."""
    try:
        text = (_PROC / process_id / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()

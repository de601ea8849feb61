"""Stages of a player-tick: the one table of functions and stages, and the count of stack samples by it. Pure.

A sample belongs to the innermost function that the table knows; unknown functions work for their caller. A line of the
table is a folder, a file, or a file's function, and the most exact one counts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

STAGES: dict[str, tuple[str, ...]] = {
    "read": (
        "gameserver/edge/pollers.py",
        "gameserver/edge/wire.py:readable",
        "gameserver/edge/wire.py:was_read",
        "gameserver/speedups/plain.py:read_ready",
        "gameserver/speedups/plain.py:_read_each",
        "gameserver/speedups/plain.py:_read",
        "gameserver/edge/sockets.py",
        "gameserver/edge/limits.py",
        "gameserver/edge/server.py:read",
        "gameserver/edge/server.py:_keep_reading",
        "gameserver/edge/server.py:_sweep",
    ),
    "decode": (
        "gameserver/edge/connection.py",
        "gameserver/edge/frames.py:short_frames",
        "gameserver/speedups/plain.py:whole_text",
        "gameserver/edge/door.py",
        "gameserver/protocol/codec.py",
        "websockets/",
    ),
    "apply": (
        "gameserver/session/dispatch.py",
        "gameserver/simulation/inbox.py",
        "gameserver/simulation/inputs.py",
        "gameserver/simulation/tick.py",
        "gameserver/world/",
        "games.py",
    ),
    "interest": (
        "gameserver/world/grid.py",
        "gameserver/simulation/tick.py:update_interest",
        "gameserver/simulation/tick.py:_show_everything",
    ),
    "encode": (
        "gameserver/world/view.py",
        "gameserver/world/entity.py:records",
        "gameserver/protocol/world_frame.py",
        "gameserver/edge/frames.py",
    ),
    "send": (
        "gameserver/edge/fanout.py",
        "gameserver/edge/outbox.py",
        "gameserver/edge/wire.py",
        "gameserver/edge/server.py",
        "gameserver/session/publisher.py",
    ),
    "store": (
        "gameserver/simulation/tick.py:collect",
        "gameserver/simulation/tick.py:_collect_kept",
        "gameserver/session/",
        "gameserver/session/publisher.py:_mark",
        "gameserver/session/publisher.py:_take_changes",
        "gameserver/speedups/plain.py:fill",
        "gameserver/live/",
        "gameserver/store/",
        "gameserver/profiles/",
        "gameserver/sql/",
        "asyncio/streams.py",  # only Redis is spoken to by streams
        "redis/",
        "sqlalchemy/",
        "aiosqlite/",
    ),
    "gc": ("gameserver/garbage.py",),
    "loop": (
        "gameserver/simulation/loop.py",
        "asyncio/runners.py",  # what a compiled event loop does itself, reads and sends of its transports included
        "asyncio/base_events.py",
        "asyncio/events.py",
        "asyncio/selector_events.py",
    ),
    "other": (),
}
_FRAME = re.compile(r"(?P<function>.*) \((?P<file>[^()]*)\)")
_BEFORE_LIBRARY = re.compile(r".*/(?:site-packages|python3\.\d+)/")
_TABLE = {place: stage for stage, places in STAGES.items() for place in places}


@dataclass(slots=True)
class Counted:
    """Samples by stage, and those in no stage by their innermost function."""

    stages: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    def shares(self) -> dict[str, float]:
        total = sum(self.stages.values())
        return {stage: self.stages[stage] / total if total else 0.0 for stage in STAGES}


def count(lines: Iterable[str]) -> Counted:
    """``lines``: each a stack from the outermost frame to the innermost, "function (file)" separated by semicolons, and
    how often it was seen."""
    counted = Counted()
    for line in lines:
        stack, _, samples = line.strip().rpartition(" ")
        frames = [frame for frame in stack.split(";") if frame]
        if not frames:
            continue
        stage = stage_of(frames)
        counted.stages[stage] += int(samples)
        if stage == "other":
            counted.unknown[frames[-1]] += int(samples)
    return counted


def stage_of(frames: list[str]) -> str:
    """The stage of a stack, from the outermost frame to the innermost."""
    for frame in reversed(frames):
        for place in _places(frame):
            if place in _TABLE:
                return _TABLE[place]
    return "other"


def _relative(file: str) -> str:
    """Return the path from the package's or library's own folder on; for any other file, its name."""
    if (at := file.rfind("/gameserver/")) >= 0:
        return file[at + 1 :]
    library = _BEFORE_LIBRARY.sub("", file)
    return library if library != file else file.rpartition("/")[2]


def _places(frame: str) -> Iterator[str]:
    """Yield the names under which the table may know this frame, most exact first: function, file, folders."""
    if not (found := _FRAME.fullmatch(frame)):
        return
    path = _relative(found["file"])
    yield f"{path}:{found['function']}"
    yield path
    while folder := path.rpartition("/")[0]:
        yield f"{folder}/"
        path = folder

"""The tables, in Markdown, as they are printed and put into a document between two marks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from scripts.benchmark.reading import Reading, medians
from scripts.benchmark.scenarios import SCENARIOS
from scripts.benchmark.summary import Summary

BEGIN, END = "<!-- measured -->", "<!-- /measured -->"
WHO = {
    "ours": "this server from its source, every tick in Redis",
    "compiled": "**this server** as it is shipped: compiled",
    "against": "the other checkout",
    "floor": "floor: C, system calls only, drained once per tick",
    "woken": "the same, woken per packet",
    "naive": "naive: `websockets` coroutines, `redis.asyncio`",
    "colyseus": "Colyseus, which keeps nothing",
}
HOW_LOAD = (
    "Load: a client in C (`scripts/benchmark/load_client`) beside Redis on another core, of which it used what is told."
)
HOW_STAGES = (
    "The shares are those of stacks noted every few milliseconds of CPU time in a run of its own, counted by the\n"
    "table in `scripts/benchmark/stages.py`; the sum is the CPU time that was measured without. They are those of the\n"
    "plain server: compiled code leaves no frames."
)
BEHIND = 0.97  # updates a tick; below it a busy server did not keep up, or the machine was not free


def render(summary: Summary) -> str:
    """All of it."""
    parts = [
        *(_scenario(summary, name) for name in summary.readings),
        _stages(summary),
        _rest(summary),
        _notes(summary),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def insert(document: str, tables: str) -> str:
    """The document with the tables between its marks. Raises ValueError where it has none."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"it has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{tables}\n{END}{after}"


def _scenario(summary: Summary, name: str) -> str:
    """One row a contender."""
    found = summary.medians(name)
    whose = [it for it in ("ours", "compiled") if it in found]
    head = ["", "µs CPU", "in kernel", *(f"{it} is" for it in whose), "Redis µs", "core", "updates", "bytes"]
    head += ["p99 ticks", "load"]
    ratios = [summary.ratios(name, it) for it in whose]
    rows = [_row(WHO[who], reading, [_times(of, who) for of in ratios]) for who, reading in found.items()]
    slow = [who for who, reading in found.items() if SCENARIOS[name].is_busy and reading.updates_per_tick < BEHIND]
    behind = f"\n\nDid not keep up with the ticks: {', '.join(slow)}." if slow else ""
    return f"**{SCENARIOS[name].title}** (`{name}`)\n\n{_grid(head, rows)}{behind}"


def _row(who: str, reading: Reading, times: Sequence[str]) -> list[str]:
    return [
        who,
        f"{reading.cpu_us:.1f}",
        f"{reading.kernel_share:.0%}",
        *times,
        f"{reading.redis_us:.1f}",
        f"{reading.core_share:.0%}",
        f"{reading.updates_per_tick:.2f}",
        f"{reading.update_bytes:.0f}",
        f"{reading.p99_ratio:.2f}" if reading.updates_per_tick else "–",
        f"{reading.load_share:.0%}",
    ]


def _times(ratios: dict[str, float], who: str) -> str:
    name = {"floor": "vs_floor", "woken": "vs_floor_woken"}.get(who, f"vs_{who}")
    return f"{ratios[name]:.2f} ×" if name in ratios else ""


def _stages(summary: Summary) -> str:
    if not summary.stages:
        return ""
    names = list(dict.fromkeys(stage for stages in summary.stages.values() for stage in stages))
    rows = [
        [SCENARIOS[scenario].title, *(f"{stages.get(name, 0.0):.1f}" for name in names), f"{sum(stages.values()):.1f}"]
        for scenario, stages in summary.stages.items()
    ]
    return f"**Where our microseconds go**, per player-tick\n\n{_grid(['', *names, 'all'], rows)}\n\n{HOW_STAGES}"


def _rest(summary: Summary) -> str:
    return "\n".join(f"- {line}" for line in _lines(summary))


def _lines(summary: Summary) -> Iterator[str]:
    for whose, how in (("compiled", "compiled"), ("ours", "from source")):
        if (growth := summary.growth(whose)) is not None:
            yield f"A player of a zone of 1,000 costs {growth:.2f} × one of a zone of 500 ({how})."
    if summary.pressure:
        taken, players = medians(summary.pressure), summary.pressure_players
        yield (
            f"At {taken.core_share:.0%} load of the core ({players} players in rooms of 50, from source) "
            f"the 99th percentile of the interval between a player's updates is {taken.p99_ratio:.2f} × the tick."
        )
    if summary.memory:
        held = medians(summary.memory).resident_bytes
        yield (
            f"A connected, idle player holds {held / 1024:.1f} KiB of the server's memory: "
            f"{int(2**30 / max(held, 1)):,} connections a GiB, the kernel's socket buffers not counted."
        )


def _notes(summary: Summary) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in summary.versions.items())
    told = [
        f"Measured on {summary.machine}; {versions}.",
        f"Medians of {summary.repeat} rounds of {summary.seconds:g} s." if summary.repeat > 1 else "One round only.",
        HOW_LOAD,
        *summary.notes,
    ]
    return "\n".join(told)


def _grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: the first column to the left, the others to the right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    texts = ["| " + " | ".join(_aligned(line, widths)) + " |" for line in lines]
    rules = ["-" * (width + 1) + ("-" if at == 0 else ":") for at, width in enumerate(widths)]
    return "\n".join([texts[0], f"|{'|'.join(rules)}|", *texts[1:]])


def _aligned(line: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for column, (cell, width) in enumerate(zip(line, widths, strict=True)):
        yield cell.ljust(width) if column == 0 else cell.rjust(width)

"""Summary of all readings: medians, ratios, and the same as plain values for --json. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from scripts.benchmark.reading import Reading, medians, ratio

RATIOS = {"vs_colyseus": "colyseus", "vs_naive": "naive", "vs_floor": "floor", "vs_floor_woken": "woken"}
MAIN = "rooms"  # the scenario that the ratios are promised for
FEWER, MORE = "zone500", "zone1000"


@dataclass(slots=True)
class Summary:
    """``readings``: scenario -> contender -> one a round."""

    machine: str
    versions: dict[str, str]
    repeat: int
    seconds: float
    readings: dict[str, dict[str, list[Reading]]] = field(default_factory=dict)
    stages: dict[str, dict[str, float]] = field(default_factory=dict)  # scenario -> stage -> µs a player-tick
    unknown: dict[str, float] = field(default_factory=dict)  # functions in no stage -> their share of the samples
    pressure: list[Reading] = field(default_factory=list)
    pressure_players: int = 0
    memory: list[Reading] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, line: str) -> None:
        """Say it beside the tables, once."""
        if line not in self.notes:
            self.notes.append(line)

    def medians(self, scenario: str) -> dict[str, Reading]:
        return {name: medians(taken) for name, taken in self.readings.get(scenario, {}).items() if taken}

    def ratios(self, scenario: str, whose: str = "ours") -> dict[str, float]:
        """``vs_…`` -> our cost over theirs, of the plain server or the ``compiled`` one."""
        found = self.readings.get(scenario, {})
        ours = found.get(whose)
        rivals = RATIOS | {f"vs_{of}": of for of in ("ours", "compiled", "against") if of != whose}
        return {name: ratio(ours, found[of]) for name, of in rivals.items() if ours and found.get(of)}

    def growth(self, whose: str = "ours") -> float | None:
        """A player's cost in a zone of 1,000 over that in one of 500."""
        fewer, more = self.readings.get(FEWER, {}).get(whose), self.readings.get(MORE, {}).get(whose)
        return ratio(more, fewer) if fewer and more else None

    def shipped(self) -> str:
        """Name the contestant of the promised ratios: the compiled server of the image, or the plain one if only that
        was measured.
        """
        return "compiled" if any("compiled" in found for found in self.readings.values()) else "ours"

    def plain(self) -> dict[str, Any]:
        """Return plain values for JSON. The ratios on top are those of ``ratios_of`` in the rooms; null if not
        measured.
        """
        shipped = self.shipped()
        main, ours, compiled = (self.ratios(MAIN, whose) for whose in (shipped, "ours", "compiled"))
        memory, pressure = (medians(it) if it else None for it in (self.memory, self.pressure))
        return {
            **{name: main.get(name) for name in RATIOS},
            "ratios_of": shipped,
            "ours": {name: ours.get(name) for name in (*RATIOS, "vs_compiled")},
            "compiled": {name: compiled.get(name) for name in (*RATIOS, "vs_ours")},
            "zone_1000_vs_500": self.growth(shipped),
            "p99_ticks_at_70_percent": pressure and pressure.p99_ratio,
            "core_share_at_70_percent": pressure and pressure.core_share,
            "players_at_70_percent": self.pressure_players or None,
            "bytes_per_connection": memory and memory.resident_bytes,
            "connections_per_gib": memory and int(2**30 / max(memory.resident_bytes, 1)),
            "stages_us": self.stages,
            "in_no_stage": self.unknown,
            "scenarios": {
                name: {
                    "ratios": self.ratios(name),
                    "compiled_ratios": self.ratios(name, "compiled"),
                    "contenders": {of: asdict(reading) for of, reading in self.medians(name).items()},
                    "rounds": {of: [asdict(one) for one in rounds] for of, rounds in self.readings[name].items()},
                }
                for name in self.readings
            },
            "machine": self.machine,
            "versions": self.versions,
            "repeat": self.repeat,
            "seconds": self.seconds,
            "notes": self.notes,
        }

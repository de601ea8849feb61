"""The page's pure modules, tested by node on what Python's own encoder makes. Skipped where there is no node."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from random import Random

import pytest

from gameserver.protocol.ids import EntityId, PlayerId
from gameserver.protocol.world_frame import FULL, LAYOUT, RECORD, Section, decode_frame, encode_frame, encode_section
from gameserver.world.entity import Entity
from gameserver.world.grid import Cell, Grid
from gameserver.world.view import TickEncoder

UNITS = Path(__file__).parent / "units"
VIEWER = PlayerId(1)
SIDE = 100.0


def frames() -> list[dict[str, object]]:
    """Frames with every kind of section, with what Python reads in them."""
    records = [RECORD.pack(7, 1.5, -2.25, 3, 64, 1), RECORD.pack(2**32 - 1, 1e6, 0.1, 255, 255, 65535)]
    made = [
        encode_frame(0, [], full=True),
        encode_frame(2**32 - 1, [encode_section(Section.SNAPSHOT, (-3, 32_000), records)]),
        encode_frame(
            5,
            [
                encode_section(Section.DELTA, (0, 1), records[:1], [9, 2**32 - 1]),
                encode_section(Section.FORGET, (-32_768, 0), ()),
            ],
        ),
    ]
    return [{"hex": frame.hex(), "read": readable(frame)} for frame in made]


def readable(frame: bytes) -> dict[str, object]:
    tick, sections = decode_frame(frame)
    return {
        "tick": tick,
        "full": bool(frame[1] & FULL),
        "sections": [
            {
                "what": int(section.what),
                "cell": f"{section.cell[0]},{section.cell[1]}",
                "records": [record._asdict() for record in section.records],
                "left": section.left,
            }
            for section in sections
        ],
    }


def walk(seed: int, ticks: int = 120) -> dict[str, object]:
    """A viewer walks among others; each tick's frame as it travels, and what is in view then.

    Now and then ticks are kept from the viewer, and the next frame is a full one, as for a slow client.
    """
    random = Random(seed)
    grid = Grid(SIDE, SIDE, 16.0)
    entities = [place(grid, EntityId(i + 1), random) for i in range(40)]
    looking: Cell | None = None
    viewing_cell_count: Cell | None = None  # None: the viewer needs a full view
    story = []
    for tick in range(1, ticks):
        for entity in entities:
            step(grid, entity, random)
        now = entities[0]._cell
        assert now is not None
        grid.look(VIEWER, now, looking)
        looking = now
        if random.random() < 0.1:
            grid.forget_changes()
            viewing_cell_count = None
            continue
        crossings = {} if now is viewing_cell_count else {VIEWER: (viewing_cell_count, now)}
        sent = TickEncoder(tick, grid).frames(crossings)
        story.append({"tick": tick, "hex": [f.payload.hex() for f in sent], "view": view(now)})
        grid.forget_changes()
        viewing_cell_count = now
    return {"me": entities[0].id, "story": story}


def place(grid: Grid, entity_id: EntityId, random: Random) -> Entity:
    entity = Entity(entity_id % 3, random.uniform(0, SIDE), random.uniform(0, SIDE))
    entity._id = entity_id
    grid.settle([entity])
    grid.forget_changes()
    return entity


def step(grid: Grid, entity: Entity, random: Random) -> None:
    if random.random() < 0.3:
        return
    far = 40.0 if random.random() < 0.02 else 6.0  # some jump
    entity.x = min(max(entity.x + random.uniform(-far, far), 0.0), SIDE)
    entity.y = min(max(entity.y + random.uniform(-far, far), 0.0), SIDE)
    grid.settle([entity])


def view(cell: Cell) -> list[int]:
    return sorted(int(entity_id) for near in cell.view for entity_id in near.entities)


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
@pytest.mark.parametrize("unit", sorted(UNITS.glob("*.test.mjs")), ids=lambda path: path.stem)
def test_the_pages_module_agrees_with_pythons_encoder(unit: Path, tmp_path: Path) -> None:
    vectors = tmp_path / "vectors.json"
    vectors.write_text(json.dumps({"layout": LAYOUT, "frames": frames(), "walks": [walk(seed) for seed in range(8)]}))
    ran = subprocess.run(  # the tests are ours
        ["node", "--test", str(unit)],
        env={"PATH": "/usr/bin:/bin", "VECTORS": str(vectors)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr

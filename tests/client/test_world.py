"""The client's view of the world, fed with the frames the server's own code makes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.client.frames import SHARED_FRAMES_MAX, SharedFrames
from gameserver.client.world import World
from gameserver.protocol.ids import EntityId, PlayerId
from gameserver.protocol.messages import Welcome, ZoneDescription
from gameserver.protocol.world_frame import (
    LAYOUT,
    RECORD,
    Section,
    WorldFrameError,
    decode_frame,
    encode_frame,
    encode_section,
)


def welcome(layout: list[tuple[str, str]] = LAYOUT) -> Welcome:
    return Welcome(
        player_id=PlayerId(1), entity_id=EntityId(1), name="Bo", resume_token="t", resumed=False, last_seq=0, tick=5,
        tick_hz=20, grace_ms=1, zone=ZoneDescription("meadow", 100, 100, 10), kinds=["player", "apple"], layout=layout,
        x=1.0, y=2.0, inventory={}, chat=[], state={},
    )  # fmt: skip


def world_of(*sections: bytes) -> World:
    world = World()
    world.open(welcome())
    world.apply(encode_frame(6, sections))
    return world


def record(entity: int, x: float = 0.0, y: float = 0.0, kind: int = 0) -> bytes:
    return RECORD.pack(entity, x, y, kind, 64, 3)


def section(what: Section, cell: tuple[int, int], ids: list[int], left: list[int] | None = None) -> bytes:
    return encode_section(what, cell, [record(i) for i in ids], left or [])


def test_an_entity_shows_its_fields_by_name() -> None:
    world = world_of(encode_section(Section.SNAPSHOT, (0, 0), [record(7, 1.5, 2.5, 1)]))
    assert world.entities[7] == (7, 1.5, 2.5, "apple", 64, 3)
    assert world.entities[7].facing_radians == pytest.approx(1.5708, abs=1e-4)
    assert world.tick == 6
    assert list(world.entities) == [7]
    with pytest.raises(KeyError):
        world.entities[8]


def test_a_snapshot_replaces_its_cell_and_no_other() -> None:
    world = world_of(section(Section.SNAPSHOT, (0, 0), [1, 2]), section(Section.SNAPSHOT, (1, 0), [3]))
    world.apply(encode_frame(7, [section(Section.SNAPSHOT, (0, 0), [2]), section(Section.DELTA, (1, 0), [])]))
    assert sorted(world.entities) == [2, 3]


def test_a_full_frame_is_all_there_is() -> None:
    world = world_of(section(Section.SNAPSHOT, (0, 0), [1, 2]), section(Section.SNAPSHOT, (1, 0), [3]))
    snapshots = [section(Section.SNAPSHOT, (1, 0), [3]), section(Section.SNAPSHOT, (2, 0), [])]
    world.apply(encode_frame(8, snapshots))
    assert sorted(world.entities) == [1, 2, 3]
    world.apply(encode_frame(9, snapshots, full=True))
    assert list(world.entities) == [3]
    assert world.cells == {(1, 0), (2, 0)}
    world.apply(encode_frame(10, []))
    assert list(world.entities) == [3]


def test_a_delta_adds_changes_and_removes() -> None:
    world = world_of(section(Section.SNAPSHOT, (0, 0), [1, 2]))
    moved = encode_section(Section.DELTA, (0, 0), [record(2, 9.0), record(3)], [1])
    world.apply(encode_frame(7, [moved]))
    assert sorted(world.entities) == [2, 3]
    assert world.entities[2].x == 9.0


@pytest.mark.parametrize("leaves_first", [True, False])
def test_a_walk_between_cells_is_told_in_either_order(leaves_first: bool) -> None:
    world = world_of(section(Section.SNAPSHOT, (0, 0), [1]), section(Section.SNAPSHOT, (1, 0), []))
    steps = [section(Section.DELTA, (0, 0), [], [1]), section(Section.DELTA, (1, 0), [1])]
    world.apply(encode_frame(7, steps if leaves_first else steps[::-1]))
    assert list(world.entities) == [1]


def test_forget_drops_a_cell_with_all_in_it() -> None:
    world = world_of(section(Section.SNAPSHOT, (-1, 2), [1]), section(Section.SNAPSHOT, (1, 0), [3]))
    world.apply(encode_frame(7, [encode_section(Section.FORGET, (-1, 2), [])]))
    assert list(world.entities) == [3]
    assert world.cells == {(1, 0)}


def test_a_new_welcome_begins_with_nothing_in_view() -> None:
    world = world_of(section(Section.SNAPSHOT, (0, 0), [1]))
    world.open(welcome())
    assert len(world.entities) == 0


def test_near_gives_the_nearest_first_and_of_one_kind_only() -> None:
    things = [record(1, 0, 0), record(2, 3, 0, 1), record(3, 1, 0, 1), record(4, 9, 0, 1)]
    world = world_of(encode_section(Section.SNAPSHOT, (0, 0), things))
    assert [entity.id for entity in world.near(0, 0, 3.0, "apple")] == [3, 2]
    assert [entity.id for entity in world.near(0, 0, 3.0)] == [1, 3, 2]
    assert world.near(0, 0, 3.0, "dragon") == []


def test_fields_a_newer_server_adds_are_skipped_over() -> None:
    world = World()
    world.open(welcome([("health", "u16"), *LAYOUT]))
    payload = b"\x05\x00" + record(7, 1.5)
    world.apply(encode_frame(6, [encode_section(Section.SNAPSHOT, (0, 0), [payload])]))
    assert world.entities[7].x == 1.5


def test_a_layout_without_a_field_we_need_is_an_error() -> None:
    with pytest.raises(WorldFrameError, match="facing"):
        World().open(welcome([("id", "u32"), ("x", "f32"), ("y", "f32"), ("kind", "u8"), ("status", "u16")]))


def test_cut_short_frames_are_errors() -> None:
    payload = encode_frame(6, [section(Section.SNAPSHOT, (0, 0), [1, 2])])
    world = world_of()
    for size in range(len(payload)):
        with pytest.raises(WorldFrameError):
            world.apply(payload[:size])


ids = st.lists(st.integers(1, 12), unique=True, max_size=6)
sections = st.builds(section, st.sampled_from(list(Section)), st.tuples(st.integers(0, 2), st.integers(0, 1)), ids, ids)


@given(st.lists(st.tuples(st.lists(sections, max_size=5), st.booleans()), max_size=10))
def test_the_view_agrees_with_the_plain_decoder(frames: list[tuple[list[bytes], bool]]) -> None:
    world = world_of()
    cells: dict[tuple[int, int], set[int]] = {}
    for tick, (frame, full) in enumerate(frames):
        payload = encode_frame(tick, frame, full=full)
        world.apply(payload)
        told_sections = decode_frame(payload)[1]
        if full:
            shown = {told.cell for told in told_sections}
            cells = {cell: known for cell, known in cells.items() if cell in shown}
        for told in told_sections:
            if told.what is Section.FORGET:
                cells.pop(told.cell, None)
                continue
            known = cells.get(told.cell, set()) if told.what is Section.DELTA else set()
            cells[told.cell] = (known | {entity.id for entity in told.records}) - set(told.left)
    assert world.cells == cells.keys()
    assert set(world.entities) == set().union(*cells.values())


@given(st.lists(st.lists(sections, max_size=5), max_size=10))
def test_clients_that_share_decoded_frames_do_not_share_worlds(frames: list[list[bytes]]) -> None:
    shared = SharedFrames()
    worlds = [World(shared), World(shared), World()]
    for world in worlds:
        world.open(welcome())
    for tick, frame in enumerate(frames):
        for world in worlds if tick % 2 else worlds[::-1]:
            world.apply(encode_frame(tick, frame))
        assert dict(worlds[0].entities) == dict(worlds[1].entities) == dict(worlds[2].entities)


def test_shared_frames_are_bounded() -> None:
    shared = SharedFrames()
    world = World(shared)
    world.open(welcome())
    for tick in range(3 * SHARED_FRAMES_MAX):
        world.apply(encode_frame(tick, [section(Section.DELTA, (0, 0), [tick + 1])]))
    assert len(shared._frames) <= 2 * SHARED_FRAMES_MAX
    assert len(world.entities) == 3 * SHARED_FRAMES_MAX

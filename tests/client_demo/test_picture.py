from __future__ import annotations

from client_demo.picture import PLAIN, draw, player_colour
from gameserver.client import World
from gameserver.protocol.world_frame import RECORD, Section, encode_frame, encode_section
from tests.client.test_world import welcome

ME = RECORD.pack(1, 50.0, 50.0, 0, 0, 0)


def picture(*records: bytes, names: dict[int, str] | None = None) -> list[str]:
    world = World()
    world.open(welcome())
    world.apply(encode_frame(1, [encode_section(Section.SNAPSHOT, (5, 5), [ME, *records])]))
    cells = draw(world, world.entities[1], names or {}, 41, 11, PLAIN)
    return ["".join(character for character, _ in row) for row in cells]


def test_the_player_is_in_the_middle_and_units_are_two_columns_or_one_row() -> None:
    rows = picture(RECORD.pack(2, 53.0, 48.0, 1, 0, 0))
    assert {len(row) for row in rows} == {41}
    assert rows[5][20] == "@"
    assert rows[3][26] == "o"


def test_names_stand_over_their_players_and_long_ones_are_cut() -> None:
    other = RECORD.pack(2, 52.0, 50.0, 0, 0, 0)
    assert rows_with("Cy", picture(other, names={2: "Cy"})) == [4]
    assert rows_with("a name of 14 …".strip(), picture(other, names={2: "a name of 14 and more"})) == [4]


def rows_with(text: str, rows: list[str]) -> list[int]:
    return [number for number, row in enumerate(rows) if text in row]


def test_the_ground_stands_still_while_the_player_walks() -> None:
    world = World()
    world.open(welcome())
    grounds = []
    for x in (50.0, 51.0):
        record = RECORD.pack(1, x, 50.0, 0, 0, 0)
        world.apply(encode_frame(1, [encode_section(Section.SNAPSHOT, (5, 5), [record])]))
        rows = draw(world, world.entities[1], {}, 41, 11, PLAIN)
        grounds.append("".join(character for character, _ in rows[0]))
    assert grounds[0][2:] == grounds[1][:-2]


def test_what_is_unknown_or_out_of_the_picture_does_no_harm() -> None:
    rows = picture(RECORD.pack(2, 51.0, 50.0, 99, 0, 0), RECORD.pack(3, 90.0, 90.0, 1, 0, 0))
    assert rows[5][22] == "?"
    assert not any("o" in row for row in rows)


def test_a_name_has_one_colour() -> None:
    assert player_colour("Cy") == player_colour("Cy")

"""Names that look alike have one skeleton."""

from __future__ import annotations

import pytest

from gameserver.protocol.lookalikes import skeleton_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("paypal", "paypaI"),
        ("paypal", "paypa1"),
        ("раура", "paypa"),
        ("PAYPAL", "paypal"),
        ("g00gle", "Google"),
        ("modern", "modem"),
        ("Ѕсоре", "Scope"),
        ("ΑΒΕΖ", "ABEZ"),
    ],
)
def test_names_that_look_alike_have_one_skeleton(one: str, other: str) -> None:
    assert skeleton_key(one) == skeleton_key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("Anna", "Ánna"), ("Ali", "All"), ("an na", "anna"), ("小明", "小朋"), ("a-b", "a_b")]
)
def test_names_that_people_tell_apart_have_two(one: str, other: str) -> None:
    assert skeleton_key(one) != skeleton_key(other)

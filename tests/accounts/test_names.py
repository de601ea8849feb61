"""gameserver.accounts.names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.accounts.names import checked_name, name_key
from gameserver.protocol.errors import Refusal, RefusalCode


@pytest.mark.parametrize("name", ["Al", "Zoë", "Данила", "小明", "अमृता", "ณัฐ", "R2-D2", "a_b.c", "Ann Lee", "x" * 24])
def test_names_of_every_script_are_taken_as_they_are(name: str) -> None:
    assert checked_name(name) == name


def test_a_name_is_shown_in_its_compatible_form() -> None:
    assert checked_name("Ａｎｎａ") == "Anna"
    assert checked_name("Zoe\u0308") == "Zo\u00eb"


@pytest.mark.parametrize(
    "name",
    ["", "a", "-", "--", "x" * 25, "ﷺ" * 2, " anna", "anna ", "an  na", "an\tna", "an\nna", "a\u200bnna", "a\u202enna",
     "<b>anna</b>", "anna🌱", "anna'", "an\u00a0\u00a0na", "\u0301\u0301", "a\u0000b", "\ue000\ue001"],
)  # fmt: skip
def test_other_names_are_refused_with_a_reason(name: str) -> None:
    with pytest.raises(Refusal) as refused:
        checked_name(name)
    assert (refused.value.code, refused.value.field) == (RefusalCode.BAD_NAME, "name")
    assert refused.value.reason


@pytest.mark.parametrize(
    ("one", "other"), [("Straße", "STRASSE"), ("Ａnna", "anna"), ("Zoe\u0308", "ZOË"), ("İo", "i̇O")]
)
def test_forms_of_one_name_have_one_key(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@given(st.text(max_size=24))
def test_what_was_accepted_is_accepted_again_and_its_key_fits_its_column(wish: str) -> None:
    try:
        name = checked_name(wish)
    except Refusal:
        return
    assert checked_name(name) == name
    assert name_key(name) == name_key(wish)
    assert len(name_key(name)) <= 255

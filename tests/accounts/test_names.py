"""gameserver.accounts.names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.accounts.names import NameRules, checked_name, name_key
from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.lookalikes import skeleton_key
from gameserver.protocol.text import is_ignorable


@pytest.mark.parametrize("name", ["Al", "Zoë", "Данила", "小明", "अमृता", "ณัฐ", "R2-D2", "a_b.c", "Ann Lee", "x" * 24])
def test_names_of_every_script_are_taken_as_they_are(name: str) -> None:
    assert checked_name(name) == name


def test_a_name_is_shown_in_its_compatible_form() -> None:
    assert checked_name("Ａｎｎａ") == "Anna"
    assert checked_name("Zoe\u0308") == "Zo\u00eb"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a",
        "-",
        "--",
        "x" * 25,
        "ﷺ" * 2,
        " anna",
        "anna ",
        "an  na",
        "an\tna",
        "an\nna",
        "a\u200bnna",
        "a\u202enna",
        "<b>anna</b>",
        "anna🌱",
        "anna'",
        "an\u00a0\u00a0na",
        "\u0301\u0301",
        "a\u0000b",
        "\ue000\ue001",
    ],
)
def test_other_names_are_refused_with_a_reason(name: str) -> None:
    with pytest.raises(Refusal) as refused:
        checked_name(name)
    assert (refused.value.code, refused.value.field) == (RefusalCode.BAD_NAME, "name")
    assert refused.value.reason


@pytest.mark.parametrize(
    "name",
    [
        "paypal\u3164",
        "\u3164\u3164",
        "\u115f\u1160",
        "an\u00adna",
        "an\u034fna",
        "\uffa0anna",
        "an\ufe0fna",
        "\u2800\u2800",
        "an\U000e0041na",
        "an\u200dna",
        "a\u0300\u0301\u0302\u0303\u0304\u0305na",
        "\u0301anna",
        "ab\u17b4",
    ],
)
def test_what_shows_nothing_is_in_no_name(name: str) -> None:
    with pytest.raises(Refusal):
        checked_name(name)


@pytest.mark.parametrize("name", ["аnna", "annа", "pаypal", "Οscar", "Данiла", "anna٣", "аdmin", "Ꭺnna", "annaא"])
def test_scripts_are_not_mixed(name: str) -> None:
    with pytest.raises(Refusal) as refused:
        checked_name(name)
    assert "script" in refused.value.reason


@pytest.mark.parametrize(
    "name", ["山田ー", "山田たろう", "한글kim", "Tokyo東京", "علی۲", "Bot 12", "ʻOkina", "Nguyễn", "שלום 7"]
)
def test_scripts_that_people_write_together_may_be(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "admin",
        "Admin",
        "ADMIN",
        "adm1n",
        "ADMlN",
        "a d m i n",
        "a.d.m.i.n",
        "admin_2",
        "007 admin",
        "The Admin",
        "M0derator",
        "rnoderator",
        "system",
        "Server",
        "support",
        "Game Master",
        "GM",
        "Staff",
        "ｓｙｓｔｅｍ",
        "ѕуѕtеm",
        "Zorro",
        "z0rr0",
        "Ζorro",
    ],
)
def test_nobody_is_named_like_staff(name: str) -> None:
    with pytest.raises(Refusal):
        NameRules(("Zorro",)).checked(name)


@pytest.mark.parametrize(
    "name", ["Solar System", "Adminton", "Modest", "Dave", "Observer", "Supporter", "Rooted", "Gmork"]
)
def test_names_that_only_begin_alike_are_free(name: str) -> None:
    assert NameRules().checked(name) == name


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
    assert not any(is_ignorable(character) for character in name) and any(character.isalnum() for character in name)
    assert len(skeleton_key(name)) <= 255

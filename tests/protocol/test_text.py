"""gameserver.protocol.text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.text import MARKS_MAX, clean, is_ignorable, marks_in_a_row


@pytest.mark.parametrize(
    "text",
    [
        "good evening",
        "привет",
        "สวัสดีที่นี่",
        "می\u200cخواهم",
        "शान्ति",
        "Tiếng Việt",
        "1\ufe0f\u20e3",
        "\u2764\ufe0f",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "...",
        "<b>",
        "שָׁלוֹם",
        "བསྒྲུབས",
    ],
)
def test_what_people_write_is_left_as_it_is(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "\u3164",
        "\u200b\u200b",
        "\u2800",
        "\u115f\u1160 \uffa0",
        "\u0301",
        "\u200d\ufe0f",
        "\u00ad",
        "\ufeff",
        "\U000e0041",
        "\u034f",
        "\u180e",
        "\U0001d159",
        "\u2003\u00a0",
    ],
)
def test_a_text_without_ink_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        clean(text)
    assert (refused.value.code, refused.value.field) == (RefusalCode.BAD_TEXT, "text")


@pytest.mark.parametrize("text", ["a\u202eb", "a\u2066b", "a\u0000b", "a\nb", "a\u2028b", "a\x1bb", "a\ud800b"])
def test_controls_and_what_reorders_the_text_are_refused(text: str) -> None:
    with pytest.raises(Refusal):
        clean(text)


def test_what_shows_nothing_is_taken_out() -> None:
    assert clean("  pay\u200bp\u2060al\u00ad\u3164 \U000e0068\U000e0069 ") == "paypal"
    assert clean("e\u034f\u0301") == "é"


@pytest.mark.parametrize("marks", [MARKS_MAX + 1, 250])
def test_marks_are_not_piled_up(marks: int) -> None:
    with pytest.raises(Refusal):
        clean("a" + "\u0336" * marks)
    with pytest.raises(Refusal):
        clean("a" + "\u0336\u200d" * marks)
    assert clean("x" + "\u0336" * MARKS_MAX)


@given(st.text(max_size=40))
@example("\u0344\u0344\u0344a")
def test_what_was_let_through_shows_something_and_is_let_through_again(text: str) -> None:
    try:
        shown = clean(text)
    except Refusal:
        return
    assert clean(shown) == shown == unicodedata.normalize("NFC", shown).strip()
    assert marks_in_a_row(shown) <= MARKS_MAX
    assert any(unicodedata.category(character)[0] in "LNPSC" and not is_ignorable(character) for character in shown)


@pytest.mark.parametrize("text", ["", "  \t\n ", "a\x00b", "a\x1b[31mb", "a\x7fb", "a\x85b", "a\nb", "a\u2028b"])
def test_empty_lines_and_control_characters_are_refused(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        clean(text)
    assert (caught.value.code, caught.value.field) == (RefusalCode.BAD_TEXT, "text")


@pytest.mark.parametrize("mark", [*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"])
def test_marks_that_reorder_the_text_around_them_are_refused(mark: str) -> None:
    with pytest.raises(Refusal):
        clean(f"you owe me {mark}01")


def test_writings_and_emoji_are_let_through() -> None:
    for text in ("שלום", "سلام", "नमस्ते", "👩‍🚀 ok", "e\u0301tude"):
        assert clean(text)
    assert clean("e\u0301") == "\u00e9"


@given(st.text())
def test_cleaning_refuses_or_gives_what_stays_as_it_is(text: str) -> None:
    try:
        cleaned = clean(text)
    except Refusal:
        return
    assert cleaned and clean(cleaned) == cleaned and "\n" not in cleaned

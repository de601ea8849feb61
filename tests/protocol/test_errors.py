"""The tables of refusals and closes are whole and fit the wire."""

from __future__ import annotations

from gameserver.protocol.errors import CLOSES, Close, Refusal, RefusalCode


def test_every_close_has_one_row_with_a_code_of_its_own() -> None:
    assert set(CLOSES) == set(Close)
    assert len({row.code for row in CLOSES.values()}) == len(CLOSES)


def test_codes_and_texts_fit_a_close_frame() -> None:
    for row in CLOSES.values():
        assert row.code in (1000, 1002, 1003, 1007, 1009, 1011, 1012) or 4000 <= row.code <= 4999
        assert len(row.text.encode()) <= 123


def test_who_may_come_back_is_told_when_and_who_may_not_is_not() -> None:
    for row in CLOSES.values():
        assert row.may_return or row.retry_after_ms == 0


def test_a_refusal_reads_as_its_code_and_reason() -> None:
    assert str(Refusal(RefusalCode.FULL, "no room")) == "full: no room"

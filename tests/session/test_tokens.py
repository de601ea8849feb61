"""A resume token is good once, and until its successor has arrived."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.session import tokens
from tests.session.standins import session


def test_the_newest_token_fits_and_only_its_hash_is_kept() -> None:
    one = session(7)
    tokens.rotate(one, None)
    assert tokens.player_of_token(one.resume_token) == 7
    assert tokens.fits(one.resume_token, one.resume_hashes)
    assert one.resume_token.partition(".")[2] not in " ".join(one.resume_hashes)


def test_a_used_token_stays_good_until_the_next_one_is_known_to_have_arrived() -> None:
    one = session()
    tokens.rotate(one, None)
    used = one.resume_token
    tokens.rotate(one, used)
    assert tokens.fits(used, one.resume_hashes) and tokens.fits(one.resume_token, one.resume_hashes)
    assert tokens.confirm(one)
    assert not tokens.fits(used, one.resume_hashes) and tokens.fits(one.resume_token, one.resume_hashes)
    assert not tokens.confirm(one)


def test_a_new_sign_in_makes_every_older_token_worthless() -> None:
    one = session()
    tokens.rotate(one, None)
    before = one.resume_token
    tokens.rotate(one, None)
    assert not tokens.fits(before, one.resume_hashes)


def test_a_token_is_never_given_twice() -> None:
    one = session()
    given_out = set()
    for _ in range(50):
        tokens.rotate(one, None)
        given_out.add(one.resume_token)
    assert len(given_out) == 50


def test_one_player_s_token_does_not_fit_another_s_session() -> None:
    one, other = session(1), session(2)
    tokens.rotate(one, None)
    tokens.rotate(other, None)
    assert not tokens.fits(one.resume_token, other.resume_hashes)
    assert not tokens.fits(one.resume_token, ())


@pytest.mark.parametrize("token", ["", ".", "7", "7.", ".x", "-7.x", "x.y", "٧.x", "9" * 20 + ".x", " 7.x"])
def test_what_names_no_player_is_refused(token: str) -> None:
    with pytest.raises(Refusal) as caught:
        tokens.player_of_token(token)
    assert caught.value.code is RefusalCode.BAD_TOKEN


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_is_more_than_refused_or_unfit(token: str) -> None:
    one = session()
    tokens.rotate(one, None)
    assert not tokens.fits(token, one.resume_hashes)

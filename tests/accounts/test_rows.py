"""The rows of accounts on both servers."""

from __future__ import annotations

import asyncio

import pytest

from gameserver.accounts.names import name_key
from gameserver.accounts.rows import Accounts, NameTaken
from gameserver.profiles.records import AccountRow
from gameserver.profiles.repository import Profiles


async def test_an_account_is_found_by_name_and_has_an_empty_profile(accounts: Accounts, profiles: Profiles) -> None:
    player_id = await accounts.create("Zoë 🌱", b"zo\xc3\xab", "$argon2id$x", None, 1)
    assert await accounts.by_name(b"zo\xc3\xab") == AccountRow(player_id, "Zoë 🌱", "$argon2id$x")
    assert await accounts.by_name(b"zoe") is None
    empty = await profiles.current(player_id)
    assert empty is not None
    assert (empty.name, empty.epoch, empty.saved_seq, empty.zone, empty.state) == ("Zoë 🌱", 0, 0, None, b"{}")


async def test_a_guest_is_found_by_the_hash_of_the_token_alone(accounts: Accounts) -> None:
    token_hash = bytes(range(256))[90:122]
    player_id = await accounts.create("Guest-1", b"guest-1", None, token_hash, 1)
    assert await accounts.by_guest_token(token_hash) == AccountRow(player_id, "Guest-1", None)
    assert await accounts.by_guest_token(token_hash[:-1] + b" ") is None
    assert await accounts.by_guest_token(token_hash.upper()) is None


@pytest.mark.parametrize("form", ["ANNA", "anna", "Ａｎｎａ", "ａＮＮＡ"])
async def test_a_name_is_taken_in_every_case_and_width(accounts: Accounts, form: str) -> None:
    await accounts.create("Anna", name_key("Anna"), "hash", None, 1)
    with pytest.raises(NameTaken):
        await accounts.create(form, name_key(form), "another hash", None, 1)


@pytest.mark.parametrize("form", ["Ánna", "Anna.", "An na", "Anne"])
async def test_names_that_only_look_alike_to_a_collation_are_different(accounts: Accounts, form: str) -> None:
    first = await accounts.create("Anna", name_key("Anna"), "hash", None, 1)
    assert await accounts.create(form, name_key(form), "hash", None, 1) > first


@pytest.mark.parametrize(
    ("one", "other"), [("paypal", "paypaI"), ("paypal", "раураl"), ("Google", "g00gle"), ("modem", "modern")]
)
async def test_a_name_that_looks_like_a_taken_one_is_taken(accounts: Accounts, one: str, other: str) -> None:
    await accounts.create(one, name_key(one), "hash", None, 1)
    with pytest.raises(NameTaken):
        await accounts.create(other, name_key(other), "another hash", None, 1)
    assert await accounts.by_name(name_key(other)) is None


async def test_a_guest_who_stayed_away_gives_a_name_to_one_that_looks_like_it(accounts: Accounts) -> None:
    guest = await accounts.create("Gus", b"gus", None, bytes(32), 1)
    assert await accounts.create("GuS", b"gus", "hash", None, 9, 2) > guest
    other = await accounts.create("rnax", b"rnax", None, bytes(31) + b"x", 3)
    assert await accounts.create("max", b"max", "hash", None, 9, 4) > other
    with pytest.raises(NameTaken):
        await accounts.create("rnax", b"rnax", "another hash", None, 9, 9)


async def test_one_of_many_who_want_a_name_at_once_gets_it(accounts: Accounts) -> None:
    wishes = (accounts.create("Anna", b"anna", f"hash {number}", None, 1) for number in range(8))
    outcomes = await asyncio.gather(*wishes, return_exceptions=True)
    assert sum(isinstance(outcome, int) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, NameTaken) for outcome in outcomes) == 7


async def test_a_password_hash_is_replaced(accounts: Accounts) -> None:
    player_id = await accounts.create("Anna", b"anna", "old", None, 1)
    await accounts.update_password_hash(player_id, "new")
    row = await accounts.by_name(b"anna")
    assert row is not None
    assert row.password_hash == "new"

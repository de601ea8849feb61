"""gameserver.accounts.sign_in over real accounts in SQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest
from argon2 import PasswordHasher

from gameserver.accounts.names import name_key
from gameserver.accounts.passwords import Passwords
from gameserver.accounts.rows import Accounts
from gameserver.accounts.sign_in import DAY_MS, SignIn
from gameserver.accounts.throttle import Throttle
from gameserver.observability.metrics import REGISTRY
from gameserver.profiles.records import SessionLogEntry
from gameserver.profiles.repository import Profiles
from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.ids import NodeId, PlayerId
from gameserver.protocol.messages import Guest, Login, Register
from gameserver.sql.database import Database

HOME = "192.0.2.1"
ELSEWHERE = "198.51.100.9"
PASSWORD = "correct horse"


class FakeClock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.wall = 1_700_000_000_000

    def monotonic_s(self) -> float:
        return self.now_s

    def wall_ms(self) -> int:
        return self.wall


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    database = Database(sqlite_url)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def accounts(database: Database) -> Accounts:
    return Accounts(database)


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    passwords = Passwords(workers=1)
    yield passwords
    passwords.close()


@pytest.fixture
def sign_in(accounts: Accounts, passwords: Passwords, clock: FakeClock) -> SignIn:
    numbers = count(1)
    random_bytes = lambda length: next(numbers).to_bytes(length, "little")  # noqa: E731
    return SignIn(accounts, passwords, Throttle(wrong_passwords_per_minute=3), clock, random_bytes)


async def refusal(sign_in: SignIn, message: Register | Login | Guest, address: str = HOME) -> Refusal:
    with pytest.raises(Refusal) as refused:
        await sign_in(message, address)
    return refused.value


async def test_who_registered_can_log_in_by_any_form_of_the_name(sign_in: SignIn) -> None:
    anna = await sign_in(Register("Änna", PASSWORD), HOME)
    assert (anna.name, anna.guest_token) == ("Änna", None)
    assert await sign_in(Login("ÄNNA", PASSWORD), HOME) == anna
    assert await sign_in(Login("A\u0308nna", PASSWORD), HOME) == anna


async def test_a_taken_name_is_refused(sign_in: SignIn) -> None:
    await sign_in(Register("Anna", PASSWORD), HOME)
    refused = await refusal(sign_in, Register("ａｎｎａ", "another password"))
    assert (refused.code, refused.field) == (RefusalCode.NAME_TAKEN, "name")


async def test_of_two_who_register_a_name_at_once_one_is_refused(sign_in: SignIn) -> None:
    both = (sign_in(Register("Anna", PASSWORD), HOME), sign_in(Register("ANNA", PASSWORD), HOME))
    outcomes = await asyncio.gather(*both, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert [each.code for each in refused] == [RefusalCode.NAME_TAKEN]


@pytest.mark.parametrize("password", ["short", "1234567", "Anna Lee", "ANNA LEE", "ａnna lee"])
async def test_a_password_that_is_short_or_the_name_is_refused(sign_in: SignIn, password: str) -> None:
    refused = await refusal(sign_in, Register("Anna Lee", password))
    assert (refused.code, refused.field) == (RefusalCode.BAD_PASSWORD, "password")


async def test_bad_names_are_refused_for_guests_and_players(sign_in: SignIn) -> None:
    assert (await refusal(sign_in, Register("<b>", PASSWORD))).code is RefusalCode.BAD_NAME
    assert (await refusal(sign_in, Guest(name=" x "))).code is RefusalCode.BAD_NAME


async def test_an_unknown_name_a_wrong_password_and_a_guests_name_look_the_same(sign_in: SignIn) -> None:
    await sign_in(Register("Anna", PASSWORD), HOME)
    await sign_in(Guest(name="Gus"), HOME)
    told = [await refusal(sign_in, Login(name, "wrong password")) for name in ("Anna", "Nobody", "Gus", "\u202e<>")]
    assert {(each.code, each.reason, each.field) for each in told} == {
        (RefusalCode.WRONG_CREDENTIALS, "name or password is wrong", None)
    }


async def test_wrong_passwords_run_out_and_come_back_with_time(sign_in: SignIn, clock: FakeClock) -> None:
    await sign_in(Register("Anna", PASSWORD), HOME)
    for _ in range(3):
        wrong = await refusal(sign_in, Login("Anna", "wrong password"), ELSEWHERE)
        assert wrong.code is RefusalCode.WRONG_CREDENTIALS
    refused = await refusal(sign_in, Login("anna", PASSWORD), ELSEWHERE)
    assert refused.code is RefusalCode.TOO_MANY
    clock.now_s += refused.retry_after_ms / 1000
    assert (await sign_in(Login("anna", PASSWORD), ELSEWHERE)).name == "Anna"


async def test_wrong_passwords_from_elsewhere_keep_nobody_out_at_home(sign_in: SignIn) -> None:
    await sign_in(Register("Anna", PASSWORD), HOME)
    for number in range(200):
        await refusal(sign_in, Login("Anna", "wrong password"), f"198.51.100.{number}")
    assert (await refusal(sign_in, Login("Anna", PASSWORD), "203.0.113.1")).code is RefusalCode.TOO_MANY
    assert (await sign_in(Login("Anna", PASSWORD), HOME)).name == "Anna"


async def test_who_logged_in_at_an_address_once_is_at_home_there(sign_in: SignIn) -> None:
    await sign_in(Register("Anna", PASSWORD), HOME)
    await sign_in(Login("Anna", PASSWORD), "2001:db8::1")
    for number in range(200):
        await refusal(sign_in, Login("Anna", "wrong password"), f"198.51.100.{number}")
    assert (await sign_in(Login("Anna", PASSWORD), "2001:db8::2")).name == "Anna"


@pytest.fixture
def profiles(database: Database) -> Profiles:
    return Profiles(database)


async def play(profiles: Profiles, player_id: PlayerId, *, until_ms: int | None) -> None:
    """One session of the player; None: it is still open."""
    claimed = await profiles.claim(player_id, NodeId("n"))
    await profiles.append_session_log([SessionLogEntry(player_id, claimed.epoch, opened_ms=1, ended_ms=until_ms)])


async def test_the_name_of_a_guest_who_stayed_away_goes_to_who_asks_for_it_and_nothing_else_does(
    sign_in: SignIn, profiles: Profiles, clock: FakeClock
) -> None:
    gus = await sign_in(Guest(name="Gus"), HOME)
    await play(profiles, gus.player_id, until_ms=clock.wall_ms())
    clock.wall += 30 * DAY_MS
    assert (await refusal(sign_in, Register("gus", PASSWORD))).code is RefusalCode.NAME_TAKEN
    clock.wall += 1
    other = await sign_in(Register("gus", PASSWORD), HOME)
    assert other.name == "gus" and other.player_id != gus.player_id
    again = await sign_in(Guest(token=gus.guest_token), HOME)
    assert (again.player_id, again.name) == (gus.player_id, f"Guest #{gus.player_id}")
    current = await profiles.current(gus.player_id)
    assert current is not None and current.name == again.name and current.epoch == 1
    assert (await refusal(sign_in, Register("gus", PASSWORD))).code is RefusalCode.NAME_TAKEN


async def test_a_new_guest_may_have_the_name_of_one_who_never_came_back(sign_in: SignIn, clock: FakeClock) -> None:
    first = await sign_in(Guest(name="Gus"), HOME)
    clock.wall += 31 * DAY_MS
    second = await sign_in(Guest(name="Gus"), HOME)
    assert (first.name, second.name) == ("Gus", "Gus") and first.player_id != second.player_id


@pytest.mark.parametrize("is_open", [True, False])
async def test_a_guest_who_plays_or_played_lately_keeps_its_name(
    sign_in: SignIn, profiles: Profiles, clock: FakeClock, is_open: bool
) -> None:
    gus = await sign_in(Guest(name="Gus"), HOME)
    await play(profiles, gus.player_id, until_ms=clock.wall_ms())
    clock.wall += 60 * DAY_MS
    await play(profiles, gus.player_id, until_ms=None if is_open else clock.wall_ms() - DAY_MS)
    assert (await refusal(sign_in, Register("Gus", PASSWORD))).code is RefusalCode.NAME_TAKEN


async def test_who_registered_keeps_its_name_for_ever(sign_in: SignIn, clock: FakeClock) -> None:
    await sign_in(Register("Anna", PASSWORD), HOME)
    clock.wall += 10_000 * DAY_MS
    assert (await refusal(sign_in, Register("Anna", PASSWORD))).code is RefusalCode.NAME_TAKEN
    assert (await sign_in(Guest(name="Anna"), HOME)).name.startswith("Anna-")


async def test_an_account_that_is_older_than_a_rule_of_names_still_signs_in(
    sign_in: SignIn, accounts: Accounts
) -> None:
    old = PasswordHasher().hash(PASSWORD)
    for name in ("Admin", "paypal\u3164", "pаypal"):
        await accounts.create(name, name_key(name), old, None, 1)
        assert (await refusal(sign_in, Register(name, PASSWORD))).code is RefusalCode.BAD_NAME
        assert (await sign_in(Login(name, PASSWORD), HOME)).name == name


async def test_many_wrong_guesses_at_once_do_not_slip_through(sign_in: SignIn) -> None:
    await sign_in(Register("Anna", PASSWORD), HOME)
    tries = (refusal(sign_in, Login("Anna", f"guess {number}"), ELSEWHERE) for number in range(12))
    codes = [each.code for each in await asyncio.gather(*tries)]
    assert codes.count(RefusalCode.WRONG_CREDENTIALS) == 3
    assert codes.count(RefusalCode.TOO_MANY) == 9


async def test_right_passwords_are_never_too_many(sign_in: SignIn) -> None:
    anna = await sign_in(Register("Anna", PASSWORD), HOME)
    for _ in range(5):
        assert await sign_in(Login("Anna", PASSWORD), HOME) == anna


async def test_a_guest_comes_back_by_token_as_the_same_player(sign_in: SignIn) -> None:
    guest = await sign_in(Guest(), HOME)
    assert guest.guest_token is not None
    assert guest.name.startswith("Guest-")
    again = await sign_in(Guest(token=guest.guest_token), HOME)
    assert (again.player_id, again.name, again.guest_token) == (guest.player_id, guest.name, None)


async def test_a_token_nobody_has_is_refused(sign_in: SignIn) -> None:
    guest = await sign_in(Guest(), HOME)
    for token in ("nonsense", str(guest.guest_token).swapcase(), str(guest.guest_token) + " ", "ü"):
        assert (await refusal(sign_in, Guest(token=token))).code is RefusalCode.BAD_TOKEN


async def test_guests_who_wish_for_one_name_all_get_one_of_their_own(sign_in: SignIn) -> None:
    long = "Bartholomew the Elder II"
    guests = await asyncio.gather(*(sign_in(Guest(name=long), HOME) for _ in range(5)))
    names = [guest.name for guest in guests]
    assert len({name_key(name) for name in names}) == 5
    assert names.count(long) == 1
    assert all(name.startswith("Bartholomew the El") and len(name) <= 24 for name in names)


async def test_neither_tokens_nor_passwords_are_kept_as_they_are(sign_in: SignIn, sqlite_url: str) -> None:
    from pathlib import Path

    guest = await sign_in(Guest(), HOME)
    await sign_in(Register("Anna", PASSWORD), HOME)
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    kept = b"".join(part.read_bytes() for part in file.parent.glob(file.name + "*"))
    assert b"Anna" in kept
    assert str(guest.guest_token).encode() not in kept
    assert PASSWORD.encode() not in kept


async def test_an_old_hash_is_renewed_at_the_next_login(sign_in: SignIn, accounts: Accounts) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    await accounts.create("Anna", b"anna", old, None, 1)
    await sign_in(Login("Anna", PASSWORD), HOME)
    row = await accounts.by_name(b"anna")
    assert row is not None
    assert "m=19456" in str(row.password_hash)
    assert (await sign_in(Login("Anna", PASSWORD), HOME)).player_id == row.player_id


async def test_sign_ups_from_one_address_run_out(accounts: Accounts, passwords: Passwords, clock: FakeClock) -> None:
    sign_in = SignIn(accounts, passwords, Throttle(sign_ups_per_minute=2), clock)
    await sign_in(Guest(), HOME)
    await sign_in(Register("Anna", PASSWORD), HOME)
    refused = await refusal(sign_in, Guest())
    assert refused.code is RefusalCode.TOO_MANY
    assert 0 < refused.retry_after_ms <= 30_000
    assert (await sign_in(Guest(), "192.0.2.2")).player_id


async def test_a_full_password_queue_is_told_and_costs_no_guess(accounts: Accounts, clock: FakeClock) -> None:
    passwords = Passwords(workers=1, queue_max=0)
    sign_in = SignIn(accounts, passwords, Throttle(wrong_passwords_per_minute=2), clock)
    try:
        tries = await asyncio.gather(*(refusal(sign_in, Login(f"name {n}", "some password")) for n in range(6)))
        assert {each.code for each in tries} == {RefusalCode.TRY_LATER, RefusalCode.WRONG_CREDENTIALS}
        late = next(n for n, each in enumerate(tries) if each.code is RefusalCode.TRY_LATER)
        for _ in range(2):
            again = await refusal(sign_in, Login(f"name {late}", "some password"))
            assert again.code is RefusalCode.WRONG_CREDENTIALS
    finally:
        passwords.close()


async def test_without_sql_every_way_in_is_told_to_try_later(passwords: Passwords, clock: FakeClock) -> None:
    sign_in = SignIn(Accounts(Database("sqlite:////nowhere/at/all.db")), passwords, Throttle(), clock)
    for message in (Register("Anna", PASSWORD), Login("Anna", PASSWORD), Guest(), Guest(token="t")):
        refused = await refusal(sign_in, message)
        assert refused.code is RefusalCode.TRY_LATER
        assert refused.retry_after_ms > 0


async def test_sign_ins_are_counted_by_way_and_result(sign_in: SignIn) -> None:
    def counted(way: str, result: str) -> float:
        return REGISTRY.get_sample_value("gameserver_sign_ins_total", {"way": way, "result": result}) or 0.0

    before = counted("guest", "ok"), counted("guest", "bad_token")
    await sign_in(Guest(), HOME)
    await refusal(sign_in, Guest(token="nonsense"))
    assert (counted("guest", "ok"), counted("guest", "bad_token")) == (before[0] + 1, before[1] + 1)

"""gameserver.accounts.throttle, on a clock of numbers."""

from __future__ import annotations

import pytest

from gameserver.accounts.throttle import NAMES_MAX, WIDE, Familiar, Throttle, address_key

LOOPBACK = "127.0.0.1"


def guesses_let_through(throttle: Throttle, name: bytes, address: str, now_s: float, tries: int) -> int:
    return sum(throttle.guess(name, address, now_s).wait_ms == 0 for _ in range(tries))


def test_a_name_can_be_guessed_at_ten_times_a_minute_from_one_address() -> None:
    throttle = Throttle(wrong_passwords_per_minute=10)
    assert guesses_let_through(throttle, b"anna", LOOPBACK, 0.0, 30) == 10
    assert guesses_let_through(throttle, b"anna", LOOPBACK, 60.0, 30) == 10


def test_a_name_cannot_be_guessed_at_for_ever_from_ever_new_addresses() -> None:
    throttle = Throttle(wrong_passwords_per_minute=10)
    let_through = sum(guesses_let_through(throttle, b"anna", f"10.0.{n}.1", 0.0, 5) for n in range(200))
    assert let_through == 10 * WIDE


def test_an_address_that_signed_the_name_in_before_is_kept_out_by_no_other() -> None:
    throttle = Throttle(wrong_passwords_per_minute=10)
    throttle.signed_in(b"anna", "2001:db8::1")
    for n in range(1000):
        throttle.guess(b"anna", f"10.0.{n % 250}.{n // 250}", 0.0)
    assert throttle.guess(b"anna", "10.9.9.9", 0.0).wait_ms > 0
    assert throttle.guess(b"anna", "2001:db8::2", 0.0).wait_ms == 0  # the same /64: the same customer


def test_nor_by_guesses_at_other_names_from_its_own_address() -> None:
    throttle = Throttle(wrong_passwords_per_minute=10)
    throttle.signed_in(b"anna", LOOPBACK)
    for n in range(500):
        throttle.guess(f"name {n}".encode(), LOOPBACK, 0.0)
        throttle.wrong_token(LOOPBACK, 0.0)
    assert throttle.guess(b"somebody", LOOPBACK, 0.0).wait_ms > 0
    assert throttle.guess(b"anna", LOOPBACK, 0.0).wait_ms == 0


def test_guesses_from_an_address_that_signed_in_before_are_bounded_too_and_cost_the_name_nothing() -> None:
    throttle = Throttle(wrong_passwords_per_minute=10)
    throttle.signed_in(b"anna", LOOPBACK)
    assert guesses_let_through(throttle, b"anna", LOOPBACK, 0.0, 1000) == 10 * WIDE
    assert throttle.guess(b"anna", "10.0.0.1", 0.0).wait_ms == 0


def test_wrong_tokens_keep_no_password_out() -> None:
    throttle = Throttle(wrong_passwords_per_minute=1)
    for _ in range(100):
        throttle.wrong_token(LOOPBACK, 0.0)
    assert throttle.guess(b"anna", LOOPBACK, 0.0).wait_ms == 0


def test_an_address_cannot_guess_on_by_changing_the_name() -> None:
    throttle = Throttle(wrong_passwords_per_minute=10)
    let_through = [throttle.guess(f"name {number}".encode(), LOOPBACK, 0.0).wait_ms for number in range(500)]
    assert let_through.count(0) == 10 * WIDE
    assert throttle.guess(b"somebody", "10.0.0.1", 0.0).wait_ms == 0


def test_a_refused_guess_costs_neither_the_name_nor_the_address() -> None:
    throttle = Throttle(wrong_passwords_per_minute=2)
    guesses_let_through(throttle, b"anna", LOOPBACK, 0.0, 100)
    assert guesses_let_through(throttle, b"ben", LOOPBACK, 0.0, 100) == 2


@pytest.mark.parametrize("is_familiar", [False, True])
def test_right_guesses_never_run_out(is_familiar: bool) -> None:
    throttle = Throttle(wrong_passwords_per_minute=1)
    if is_familiar:
        throttle.signed_in(b"anna", LOOPBACK)
    for _ in range(50):
        attempt = throttle.guess(b"anna", LOOPBACK, 0.0)
        assert attempt.wait_ms == 0
        throttle.signed_in(b"anna", LOOPBACK)  # meanwhile: given back is what was paid
        throttle.give_back(attempt, 0.0)


def test_what_is_remembered_is_bounded_and_one_address_displaces_only_its_own() -> None:
    familiar = Familiar(pairs_max=1000)
    familiar.note(b"anna", "home")
    for n in range(10_000):
        familiar.note(f"sock puppet {n}".encode(), "10.0.0.1")
    assert familiar.knows(b"anna", "home") and len(familiar) == 1 + NAMES_MAX
    for n in range(10_000):
        familiar.note(b"anna", f"10.{n // 250}.{n % 250}.1")
        familiar.note(b"bea", "home")
        assert len(familiar) <= 1000
    assert familiar.knows(b"anna", "home") and not familiar.knows(b"anna", "10.0.0.1")


def test_who_waits_as_long_as_told_may_try_again() -> None:
    throttle = Throttle(wrong_passwords_per_minute=7)
    guesses_let_through(throttle, b"anna", LOOPBACK, 5.0, 7)
    wait_ms = throttle.guess(b"anna", LOOPBACK, 5.0).wait_ms
    assert wait_ms == pytest.approx(60_000 / 7, abs=1)
    assert throttle.guess(b"anna", LOOPBACK, 5.0 + (wait_ms - 2) / 1000).wait_ms > 0
    assert throttle.guess(b"anna", LOOPBACK, 5.0 + wait_ms / 1000).wait_ms == 0


def test_five_hundred_guests_may_come_from_one_address_at_once() -> None:
    throttle = Throttle()
    assert sum(throttle.sign_up(LOOPBACK, 0.0) == 0 for _ in range(500)) == 500
    assert sum(throttle.sign_up(LOOPBACK, 0.0) == 0 for _ in range(500)) == 100


def test_wrong_tokens_run_out_and_right_ones_do_not() -> None:
    throttle = Throttle(wrong_passwords_per_minute=1)
    for _ in range(WIDE):
        assert throttle.show_token(LOOPBACK, 0.0) == 0
        assert throttle.show_token(LOOPBACK, 0.0) == 0
        throttle.wrong_token(LOOPBACK, 0.0)
    assert throttle.show_token(LOOPBACK, 0.0) > 0


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("x" * 999, "x" * 64),
    ],
)
def test_one_customer_counts_as_one_address(address: str, key: str) -> None:
    assert address_key(address) == key

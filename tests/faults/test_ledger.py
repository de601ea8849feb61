"""The judge is judged: what follows from a log of promises."""

from __future__ import annotations

import time

from tests.faults.ledger import Book, Deed, Ledger, Range


def deed(
    what: str, seq: int, answer: str | None, item: str = "apple", quantity: int = 1, to: int | None = None
) -> Deed:
    answered_s = time.monotonic() if answer else float("inf")
    return Deed(1, {"type": what, "seq": seq}, item, quantity, to, answered_s=answered_s, answer=answer)


def book(*deeds: Deed) -> Book:
    found = Book()
    found.ledgers = {1: Ledger(1, "Ann", deeds=list(deeds)), 2: Ledger(2, "Ben")}
    return found


def test_what_is_acked_is_certain_and_what_is_refused_did_not_happen() -> None:
    log = book(
        deed("pick_up", 1, "stored"), deed("pick_up", 2, "stored"), deed("use", 3, "stored"), deed("drop", 4, "rules")
    )
    assert log.quantities(1)["apple"] == Range(1, 1)
    assert log.made(1, ("pick_up",))["apple"] == Range(2, 2)
    assert log.made(1, ("use", "drop"))["apple"] == Range(1, 1)


def test_what_was_never_answered_may_or_may_not_have_happened() -> None:
    log = book(deed("pick_up", 1, "stored"), deed("pick_up", 2, None), deed("use", 3, "already_answered"))
    assert log.quantities(1)["apple"] == Range(0, 2)


def test_a_gift_leaves_one_and_reaches_the_other() -> None:
    log = book(deed("give", 1, "durable", quantity=3, to=2), deed("give", 2, None, quantity=2, to=2))
    assert log.quantities(1)["apple"] == Range(-5, -3)
    assert log.quantities(2)["apple"] == Range(3, 5)
    assert log.quantities(2, as_of_s=0.0)["apple"] == Range(0, 5), "acked after the receiver was told what it has"


def test_where_stored_may_be_lost_durable_is_not() -> None:
    log = book(deed("pick_up", 1, "stored"), deed("give", 2, "durable", to=2))
    assert log.quantities(1, sure_until_s=0.0)["apple"] == Range(-1, 0)


def test_a_place_is_as_old_as_the_moves_seen_since() -> None:
    ledger = Ledger(1, "Ann")
    for step in range(5):
        ledger.see(step * 0.3, 0.0)
    ledger.see(4 * 0.3, 0.0)
    stale = [ledger.staleness(step * 0.3, 0.0) for step in range(5)]
    assert [found.ticks for found in stale if found] == [4, 3, 2, 1, 0]
    assert ledger.staleness(1.4, 0.0) is not None, "it may have gone on unseen"
    assert ledger.staleness(9.0, 0.0) is None

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from client_demo.ledger import Ledger


def test_what_was_acked_has_to_be_there_exactly() -> None:
    ledger = Ledger({"apple": 2})
    ledger.settle(ledger.begin("apple", -1), was_applied=True)
    ledger.settle(ledger.begin("coin", 1), was_applied=True)
    ledger.settle(ledger.begin("coin", 1), was_applied=False)
    assert ledger.differences({"apple": 1, "coin": 1}) == []
    assert ledger.differences({"apple": 2, "coin": 1}) == ["2 apple instead of 1"]
    assert ledger.differences({"apple": 1}) == ["0 coin instead of 1"]


def test_what_was_never_promised_is_a_difference() -> None:
    assert Ledger({}).differences({"flower": 1}) == ["1 flower instead of 0"]


def test_an_unknown_outcome_allows_either() -> None:
    ledger = Ledger({"apple": 1})
    ledger.begin("apple", -1)
    ledger.begin("apple", 1)
    assert ledger.bounds("apple") == (0, 2)
    assert ledger.sure_of("apple") == 0
    assert ledger.differences({"apple": 3}) == ["3 apple instead of 0 to 2"]


changes = st.lists(st.tuples(st.sampled_from("ab"), st.integers(-3, 3), st.sampled_from([True, False, None])))


@given(changes)
def test_the_truth_is_always_within_the_bounds(told: list[tuple[str, int, bool | None]]) -> None:
    for truth_of_unknown in (True, False):
        ledger, truth = Ledger({"a": 5}), {"a": 5, "b": 0}
        for kind, quantity, outcome in told:
            change = ledger.begin(kind, quantity)
            if outcome is not None:
                ledger.settle(change, outcome)
            if outcome or (outcome is None and truth_of_unknown):
                truth[kind] += quantity
        assert ledger.differences(truth) == []

"""The measurements of a run of bots: percentiles and complaints."""

from __future__ import annotations

from client_demo.measurements import COMPLAINTS_MAX, Complaints, Samples


def test_percentiles_are_of_what_was_added() -> None:
    samples = Samples()
    for ms in range(1, 101):
        samples.add_s(ms / 1000 + 1e-6)
    assert samples.percentile_ms(50) == 50.0
    assert samples.percentile_ms(99) == 99.0
    assert Samples().percentile_ms(99) == 0.0


def test_complaints_are_all_counted_and_some_kept() -> None:
    complaints = Complaints()
    for number in range(100):
        complaints.add(str(number))
    assert complaints.count == 100
    assert len(complaints.texts) == COMPLAINTS_MAX

"""An action is applied exactly once, however often it is sent and wherever the process dies."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from gameserver.protocol.constants import ANSWERS_MAX
from gameserver.protocol.errors import RefusalCode
from gameserver.world.action_log import ActionLog, Answer

ANSWERS: list[Answer] = ["accepted", "stored", "durable", RefusalCode.TOO_FAR, RefusalCode.TRY_LATER]


class Server:
    """Applies what the log says is new. ``store`` is what Redis has: effects and log together, as one write."""

    def __init__(self) -> None:
        self.log = ActionLog("line")
        self.applied: list[int] = []
        self.stored: tuple[str, list[int]] = (self.log.encode(), [])

    def receive(self, seq: int, answer: Answer) -> None:
        if self.log.status_of(seq) == "new":
            self.log.begin(seq)
            self.applied.append(seq)
            self.log.finish(seq, answer)

    def write(self) -> None:
        self.stored = (self.log.encode(), list(self.applied))

    def die(self) -> None:
        self.log, self.applied = ActionLog.decode(self.stored[0]), list(self.stored[1])


@settings(max_examples=200)
@given(st.integers(0, 2**32), st.lists(st.sampled_from(["send", "send", "resend", "write", "die"]), max_size=80))
def test_each_action_is_applied_once_under_any_resends_and_deaths(seed: int, events: list[str]) -> None:
    random, server = Random(seed), Server()
    unacked: list[int] = []  # in order; acked is what was written
    next_seq = 1
    for event in events:
        match event:
            case "send" if len(unacked) < ANSWERS_MAX:
                unacked.append(next_seq)
                server.receive(next_seq, random.choice(ANSWERS))
                next_seq += 1
            case "resend":
                for seq in unacked:
                    server.receive(seq, random.choice(ANSWERS))
            case "write":
                server.write()
                unacked = [seq for seq in unacked if server.log.answer_to(seq) is None]
            case "die":
                server.die()
                for seq in unacked:  # the client comes back and sends, in order, what was not acked
                    server.receive(seq, random.choice(ANSWERS))
        assert sorted(set(server.applied)) == server.applied, "twice, or out of order"
    for seq in unacked:
        server.receive(seq, "stored")
    assert server.applied == list(range(1, next_seq)), "each once"


@given(st.lists(st.tuples(st.integers(1, 200), st.sampled_from(ANSWERS)), max_size=60), st.sets(st.integers(1, 200)))
def test_a_log_is_read_as_it_was_written(answered: list[tuple[int, Answer]], begun: set[int]) -> None:
    log = ActionLog("line")
    for seq, answer in answered:
        log.finish(seq, answer)
    for seq in begun:
        log.begin(seq)
    read = ActionLog.decode(log.encode())
    assert (read.lineage, read.last_seq, read.answers) == (log.lineage, log.last_seq, log.answers)
    assert read.unknown == log.pending and read.encode() == log.encode()


def test_an_empty_text_is_an_empty_log() -> None:
    log = ActionLog.decode("")
    assert (log.last_seq, log.status_of(1)) == (0, "new")
    assert ActionLog.decode(ActionLog().encode()).status_of(1) == "new"


def test_an_action_whose_answer_died_with_the_process_may_be_applied_when_it_comes_again() -> None:
    log = ActionLog("line")
    log.begin(4)
    assert log.status_of(4) == "pending"
    log.finish(5, "stored")
    read = ActionLog.decode(log.encode())
    assert (read.status_of(4), read.status_of(5), read.status_of(3)) == ("new", "answered", "forgotten")
    read.begin(4)
    assert (read.status_of(4), read.last_seq) == ("pending", 5)


def test_only_so_many_answers_are_kept() -> None:
    log = ActionLog("line")
    for seq in range(1, ANSWERS_MAX + 3):
        log.finish(seq, "stored")
    assert (log.status_of(2), log.status_of(3)) == ("forgotten", "answered")


def test_a_new_client_numbers_anew_and_hears_nothing_of_the_one_before() -> None:
    log = ActionLog("one")
    log.finish(7, "stored")
    log.begin(8)
    log.start_lineage("two")
    assert [log.status_of(seq) for seq in (1, 7, 8)] == ["new"] * 3
    assert log.encode() == "two 0" and log.changed


def test_the_stored_text_reads_plainly() -> None:
    log = ActionLog("line")
    log.finish(1, "stored")
    log.finish(2, RefusalCode.TOO_FAR)
    log.begin(3)
    assert log.encode() == "line 3 1:stored 2:too_far 3:?"


def test_an_answer_that_only_another_release_knows_is_stored_again_as_it_is() -> None:
    log = ActionLog.decode("line 2 1:a_code_of_tomorrow 2:stored")
    assert log.answer_to(1) is RefusalCode.INTERNAL
    assert log.encode() == "line 2 1:a_code_of_tomorrow 2:stored"

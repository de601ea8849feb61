"""Many sends in one system call, on real sockets and the kernel's own io_uring.

Not tried: that the rings' counters come round at 2**32. The kernel keeps its own and offers no way to set them, and it
would take hours of sends to get there. The places that they stand for come round in these tests.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import gameserver.edge.ring as ring_module
from gameserver.edge.ring import Ring
from gameserver.edge.senders import RingSender, SocketSender, new_sender
from tests.edge.ends import reset
from tests.edge.scripted import tcp_pair

Pair = tuple[socket.socket, socket.socket]
NewRing = Callable[..., Ring]
FORBIDDEN = Path("/proc/sys/kernel/io_uring_disabled")  # 0: to nobody


@pytest.fixture
def new_ring() -> Iterator[NewRing]:
    with contextlib.ExitStack() as opened:

        def new(**sizes: int) -> Ring:
            try:
                return opened.enter_context(contextlib.closing(Ring(**sizes)))
            except OSError as error:
                pytest.skip(f"no io_uring here: {error}")

        yield new


@pytest.fixture
def new_pair() -> Iterator[Callable[[], Pair]]:
    with contextlib.ExitStack() as opened:

        def new() -> Pair:
            near, far = tcp_pair()
            return opened.enter_context(near), opened.enter_context(far)

        yield new


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record the number of sends of each later system call."""
    counted: list[int] = []
    really = ring_module._system_call

    def count(number: int, *words: int) -> int:
        if number == ring_module._ENTER:
            counted.append(words[1])
        return really(number, *words)

    monkeypatch.setattr(ring_module, "_system_call", count)
    return counted


def results(ring: Ring, burst: list[tuple[int, bytes]]) -> list[int]:
    """Return for each send the bytes that the kernel took, or minus the errno."""
    failed = ring.send([fd for fd, _ in burst], [data for _, data in burst])
    return [failed.get(place, len(data)) for place, (_, data) in enumerate(burst)]


def received(far: socket.socket, count: int) -> bytes:
    """So many bytes; and that no more came."""
    taken = b""
    while len(taken) < count:
        assert select.select([far], [], [], 5)[0], f"only {len(taken)} bytes came"
        taken += far.recv(count - len(taken))
    with pytest.raises(BlockingIOError):
        far.recv(1)
    return taken


def fill(near: socket.socket) -> int:
    """Send until the kernel takes no more, not even when the other side has what it took. Returns how much."""
    sent = 0
    while pushed := push(near):
        sent += pushed
        time.sleep(0.1)
    return sent


def push(near: socket.socket) -> int:
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            sent += near.send(bytes(100_000))
    return sent


def test_io_uring_is_used_where_the_system_allows_it() -> None:
    if not FORBIDDEN.exists() or FORBIDDEN.read_text().strip() != "0":
        pytest.skip("this system has no io_uring, or allows it to none or to few")
    filters = re.search(r"^Seccomp:\t(\d)", Path("/proc/self/status").read_text(), re.MULTILINE)
    if filters and filters[1] != "0":
        pytest.skip("this process's system calls are filtered, as in most containers")
    with contextlib.closing(new_sender()) as sender:
        assert isinstance(sender, RingSender)


def test_each_send_has_its_result_and_each_socket_its_bytes(new_ring: NewRing, new_pair: Callable[[], Pair]) -> None:
    pairs = [new_pair() for _ in range(5)]
    sent = [bytes([65 + n]) * (n + 1) for n in range(5)]
    burst = [(near.fileno(), data) for (near, _), data in zip(pairs, sent, strict=True)]
    assert results(new_ring(), burst) == [1, 2, 3, 4, 5]
    assert [received(far, len(data)) for (_, far), data in zip(pairs, sent, strict=True)] == sent


def test_nothing_to_send_is_no_system_call(new_ring: NewRing, calls: list[int]) -> None:
    ring = new_ring()
    calls.clear()
    assert ring.send([], []) == {} and calls == []


@pytest.mark.plain
def test_more_sends_than_the_ring_has_places_take_more_calls(
    new_ring: NewRing, new_pair: Callable[[], Pair], calls: list[int]
) -> None:
    ring, pairs = new_ring(sends_max=4), [new_pair() for _ in range(11)]
    calls.clear()
    burst = [(near.fileno(), b"x" * (n + 1)) for n, (near, _) in enumerate(pairs)]
    assert results(ring, burst) == list(range(1, 12))
    assert calls == [4, 4, 3]
    assert [len(received(far, n + 1)) for n, (_, far) in enumerate(pairs)] == list(range(1, 12))


def test_the_rings_come_round_many_times(new_ring: NewRing, new_pair: Callable[[], Pair]) -> None:
    """Bursts of 3 or 4 in 4 places for sends and 8 for failures: each burst begins and ends at another place."""
    ring, pairs, (full, _) = new_ring(sends_max=4), [new_pair() for _ in range(4)], new_pair()
    fill(full)
    for turn in range(200):
        some = pairs[: 3 + turn % 2]
        sent = [b"%d of %d" % (turn * 10**n, n) for n in range(len(some))]
        burst = [(near.fileno(), data) for (near, _), data in zip(some, sent, strict=True)]
        assert results(ring, burst) == [len(data) for data in sent]
        assert [received(far, len(data)) for (_, far), data in zip(some, sent, strict=True)] == sent
        assert results(ring, [(full.fileno(), b"x")] * len(some)) == [-errno.EAGAIN] * len(some)


def test_sends_on_one_socket_keep_their_order(new_ring: NewRing, new_pair: Callable[[], Pair]) -> None:
    near, far = new_pair()
    sent = [b"%04d" % n for n in range(500)]
    assert results(new_ring(sends_max=64, arena_bytes=100), [(near.fileno(), data) for data in sent]) == [4] * 500
    assert received(far, 2000) == b"".join(sent)


@pytest.mark.plain
def test_the_same_bytes_are_handed_over_once(new_ring: NewRing, new_pair: Callable[[], Pair], calls: list[int]) -> None:
    ring, pairs = new_ring(arena_bytes=1000), [new_pair() for _ in range(6)]
    calls.clear()
    one, other = b"1" * 500, b"2" * 400
    shared = [one, one, one, one, other, other]
    assert results(ring, [(near.fileno(), data) for (near, _), data in zip(pairs, shared, strict=True)]) == [
        len(data) for data in shared
    ]
    assert calls == [6]
    assert [received(far, len(data)) for (_, far), data in zip(pairs, shared, strict=True)] == shared


@pytest.mark.plain
def test_more_bytes_than_there_is_room_for_take_more_calls(
    new_ring: NewRing, new_pair: Callable[[], Pair], calls: list[int]
) -> None:
    ring, pairs = new_ring(arena_bytes=1000), [new_pair() for _ in range(5)]
    calls.clear()
    sent = [bytes([65 + n]) * 400 for n in range(5)]
    assert results(ring, [(near.fileno(), data) for (near, _), data in zip(pairs, sent, strict=True)]) == [400] * 5
    assert calls == [2, 2, 1]
    assert [received(far, 400) for _, far in pairs] == sent


def test_what_is_longer_than_the_room_for_all_is_taken_in_part(new_ring: NewRing, new_pair: Callable[[], Pair]) -> None:
    ring, pairs = new_ring(arena_bytes=1000), [new_pair() for _ in range(4)]
    long = bytes(range(250)) * 6
    sent = [b"before", long, long, b"after"]
    burst = [(near.fileno(), data) for (near, _), data in zip(pairs, sent, strict=True)]
    assert results(ring, burst) == [6, 1000, 1000, 5]
    assert [received(far, min(len(data), 1000)) for (_, far), data in zip(pairs, sent, strict=True)] == [
        b"before", long[:1000], long[:1000], b"after",
    ]  # fmt: skip


def test_a_full_socket_takes_a_part_and_then_nothing_and_costs_no_other_its_bytes(
    new_ring: NewRing, new_pair: Callable[[], Pair]
) -> None:
    ring, (full, _), (good, far) = new_ring(), new_pair(), new_pair()
    full.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    (taken,) = results(ring, [(full.fileno(), b"x" * 500_000)])
    assert 0 < taken < 500_000
    fill(full)
    assert results(ring, [(full.fileno(), b"x"), (good.fileno(), b"good"), (full.fileno(), b"x")]) == [
        -errno.EAGAIN, 4, -errno.EAGAIN,
    ]  # fmt: skip
    assert received(far, 4) == b"good"


def test_of_a_part_it_is_the_beginning_that_was_sent(new_ring: NewRing, new_pair: Callable[[], Pair]) -> None:
    ring, (near, far) = new_ring(), new_pair()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    data = b"".join(b"%07d " % n for n in range(50_000))
    (taken,) = results(ring, [(near.fileno(), data)])
    assert received(far, taken) == data[:taken]


def test_a_socket_that_broke_is_an_error_of_its_own(new_ring: NewRing, new_pair: Callable[[], Pair]) -> None:
    ring, (broken, peer), (good, far) = new_ring(), new_pair(), new_pair()
    reset(peer)
    select.select([broken], [], [], 5)
    signals: list[int] = []
    before = signal.signal(signal.SIGPIPE, lambda number, frame: signals.append(number))
    try:
        burst = [(broken.fileno(), b"x"), (good.fileno(), b"good"), (broken.fileno(), b"x")]
        assert results(ring, burst) == [-errno.ECONNRESET, 4, -errno.EPIPE]
    finally:
        signal.signal(signal.SIGPIPE, before)
    assert received(far, 4) == b"good" and signals == []


def test_a_descriptor_that_is_closed_is_an_error_of_its_own(new_ring: NewRing, new_pair: Callable[[], Pair]) -> None:
    ring, (gone, _), (good, far) = new_ring(sends_max=2), new_pair(), new_pair()
    closed = gone.fileno()
    gone.close()
    burst = [(closed, b"x"), (good.fileno(), b"go"), (closed, b"x"), (closed, b"x"), (good.fileno(), b"od")]
    assert results(ring, burst) == [-errno.EBADF, 2, -errno.EBADF, -errno.EBADF, 2]
    assert received(far, 4) == b"good"


@pytest.mark.parametrize("at_most", [1, 3])
def test_what_the_system_does_not_begin_with_is_begun_anew(
    new_ring: NewRing, new_pair: Callable[[], Pair], monkeypatch: pytest.MonkeyPatch, at_most: int
) -> None:
    ring, (near, far) = new_ring(sends_max=4), new_pair()
    really = ring_module._system_call
    monkeypatch.setattr(  # the kernel is asked for fewer than lie in the ring, and leaves the others there
        ring_module,
        "_system_call",
        lambda number, fd, count: really(number, fd, min(count, at_most)),
    )
    sent = [b"%d" % 10**n for n in range(11)]
    assert results(ring, [(near.fileno(), data) for data in sent]) == [len(data) for data in sent]
    assert received(far, 66) == b"".join(sent)


@pytest.mark.plain
def test_if_the_system_begins_with_nothing_all_sockets_count_as_full_and_nothing_is_sent_later(
    new_ring: NewRing, new_pair: Callable[[], Pair], monkeypatch: pytest.MonkeyPatch
) -> None:
    ring, (near, far) = new_ring(sends_max=4), new_pair()

    def refuse(*words: int) -> int:
        raise OSError(errno.EAGAIN, "short of memory for requests")

    with monkeypatch.context() as short:
        short.setattr(ring_module, "_system_call", refuse)
        assert results(ring, [(near.fileno(), b"never")] * 6) == [-errno.EAGAIN] * 6
    assert results(ring, [(near.fileno(), b"sent")]) == [4]
    assert received(far, 4) == b"sent"


# --- what it holds, and where it cannot be ---


def descriptors() -> set[int]:
    return {int(name) for name in os.listdir("/proc/self/fd") if Path(f"/proc/self/fd/{name}").is_symlink()}


def mappings() -> int:
    """Count this process's memory mappings of io_urings."""
    return Path("/proc/self/maps").read_text().count("anon_inode:[io_uring]")


@contextlib.contextmanager
def descriptors_left(count: int) -> Iterator[None]:
    """So many more may be opened."""
    taken, limit = descriptors(), 0
    while count or limit in taken:
        count -= limit not in taken
        limit += 1
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_closed_ring_leaves_nothing_behind_and_may_be_closed_again(new_ring: NewRing) -> None:
    new_ring()
    before = descriptors(), mappings()
    ring = new_ring()
    assert mappings() == before[1] + 2
    ring.close()
    assert (descriptors(), mappings()) == before
    with contextlib.ExitStack() as opened:
        for raw in socket.socketpair():  # one of them has the closed ring's number
            opened.enter_context(raw)
        held = descriptors()
        ring.close()
        assert descriptors() == held
    with pytest.raises(ValueError, match=r"closed|released"):
        ring.send([1], [b"x"])


@pytest.mark.parametrize("left", range(5))
def test_a_ring_that_cannot_be_whole_leaves_nothing_behind(new_ring: NewRing, left: int) -> None:
    """It takes five descriptors: its own, one for each of two mappings, and two sockets to prove that it works."""
    new_ring()
    before = descriptors(), mappings()
    with descriptors_left(left), pytest.raises(OSError, match="Too many open files"):
        Ring()
    assert (descriptors(), mappings()) == before


def test_without_room_for_its_bytes_there_is_no_ring_and_nothing_left_behind(new_ring: NewRing) -> None:
    new_ring()
    before = descriptors(), mappings()
    with pytest.raises(OSError, match="Cannot allocate memory"):
        Ring(arena_bytes=1 << 60)
    assert (descriptors(), mappings()) == before


@pytest.mark.plain
def test_a_kernel_that_would_tell_of_every_send_is_too_old(new_ring: NewRing, monkeypatch: pytest.MonkeyPatch) -> None:
    new_ring()
    before = descriptors(), mappings()
    monkeypatch.setattr(ring_module, "_SENDS_ONLY_TELL_FAILURES", 1 << 31)
    with pytest.raises(OSError, match="too old"):
        Ring()
    assert (descriptors(), mappings()) == before


def test_where_no_ring_can_be_had_each_send_goes_by_itself(new_ring: NewRing) -> None:
    new_ring()
    with descriptors_left(0):
        assert isinstance(new_sender(), SocketSender)


@pytest.mark.skipif(sys.platform != "linux" or os.uname().machine != "x86_64", reason="filters Linux's calls on x86-64")
@pytest.mark.parametrize("call", ["_SETUP", "_ENTER"])
def test_where_a_filter_forbids_it_each_send_goes_by_itself(call: str) -> None:
    """A container's filter forbids the call: see seccomp(2). A process of its own has it, since it is there to stay."""
    number = getattr(ring_module, call)
    script = f"""
        import ctypes, struct
        from gameserver.edge.senders import new_sender

        load_number, is_it = (0x20, 0, 0, 0), (0x15, 0, 1, {number})
        forbid, allow = (6, 0, 0, 0x50001), (6, 0, 0, 0x7FFF0000)
        lines = b"".join(struct.pack("<HBBI", *line) for line in (load_number, is_it, forbid, allow))
        program = ctypes.create_string_buffer(lines)
        filters = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", 4, ctypes.addressof(program)))
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
        assert prctl(38, 1, 0, 0, 0) == 0  # no new privileges: whoever gives up rights may filter
        assert prctl(22, 2, ctypes.addressof(filters), 0, 0) == 0, ctypes.get_errno()
        print(type(new_sender()).__name__)
    """
    finished = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=30, check=False
    )
    *logged, which = finished.stdout.splitlines() or [""]
    assert which == "SocketSender" and "sends_one_by_one" in "".join(logged), finished.stdout + finished.stderr

"""Ready sockets as epoll names them, and their bytes: over real connections."""

from __future__ import annotations

import select
import socket
import sys
from collections.abc import Iterator
from errno import EAGAIN, ECONNRESET, ENOTCONN
from pathlib import Path
from types import ModuleType

import pytest

from gameserver.edge import pollers
from gameserver.edge.limits import SHORT_FRAME_BYTES_MAX
from gameserver.speedups import plain
from tests.edge.ends import reset
from tests.edge.scripted import tcp_pair

if sys.platform != "linux":
    pytest.skip("there is no epoll", allow_module_level=True)

IN, PRI, OUT, HUP = select.EPOLLIN, select.EPOLLPRI, select.EPOLLOUT, select.EPOLLHUP


class Net:
    """Connections of which one end is asked about."""

    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.opened: list[socket.socket] = []

    def connect(self, events: int = IN) -> tuple[socket.socket, socket.socket]:
        """The end that is asked about, and the far one."""
        near, far = tcp_pair()
        self.opened += (near, far)
        self.epoll.register(near, events)
        return near, far

    def wait(self) -> None:
        """Until something is ready, for what is sent takes a moment."""
        assert self.epoll.poll(5)

    def close(self) -> None:
        self.epoll.close()
        for opened in self.opened:
            opened.close()


DESCRIPTORS = list(range(1024))  # in the place of wires


def read(twin: ModuleType, asked: object, count_max: int, bytes_max: int) -> list[tuple[int, int, bytes | int | None]]:
    return list(twin.read_ready(asked, DESCRIPTORS, count_max, bytes_max))


@pytest.fixture
def net() -> Iterator[Net]:
    net = Net()
    yield net
    net.close()


def test_nothing_is_ready_where_nothing_came(twin: ModuleType, net: Net) -> None:
    assert read(twin, net.epoll, 1, 100) == []
    net.connect()
    assert read(twin, net.epoll, 1, 100) == []


def test_what_came_is_read_and_with_it_gone(twin: ModuleType, net: Net) -> None:
    near, far = net.connect()
    far.send(b"hel\0lo\xff")
    net.wait()
    assert read(twin, net.epoll, 10, 100) == [(near.fileno(), IN, b"hel\0lo\xff")]
    assert read(twin, net.epoll, 10, 100) == []


@pytest.mark.parametrize("bytes_max", [1, 3, 4])
def test_what_is_more_than_may_be_read_waits_for_the_next_time(twin: ModuleType, net: Net, bytes_max: int) -> None:
    near, far = net.connect()
    far.send(b"abcdefg")
    net.wait()
    ready = [read(twin, net.epoll, 1, bytes_max) for _ in range(7)]
    pieces = [b"abcdefg"[at : at + bytes_max] for at in range(0, 7, bytes_max)]
    assert [came for came in ready if came] == [[(near.fileno(), IN, piece)] for piece in pieces]


def test_each_that_is_ready_is_read_once_and_no_other(twin: ModuleType, net: Net) -> None:
    ends = [net.connect() for _ in range(20)]
    for _, far in ends[::2]:
        far.send(b"%d" % far.fileno())
        assert select.select([ends[0][0]], [], [], 5)[0]
    for near, _ in ends[::2]:
        assert select.select([near], [], [], 5)[0]
    ready = read(twin, net.epoll, 20, 100)
    assert sorted(ready) == sorted((near.fileno(), IN, b"%d" % far.fileno()) for near, far in ends[::2])


def test_each_is_read_when_its_turn_comes_and_not_if_it_does_not_wait_any_more(twin: ModuleType, net: Net) -> None:
    wires: list[socket.socket | None] = [None] * 1024
    ends = [net.connect() for _ in range(4)]
    for near, far in ends:
        wires[near.fileno()] = near
        far.send(b"early")
        assert select.select([near], [], [], 5)[0]
    ready = twin.read_ready(net.epoll, wires, 4, 100)
    first, _, came = next(ready)
    assert came == b"early"
    gone, *others = (near for near, _ in ends if near is not first)
    wires[gone.fileno()] = None
    for _, far in ends:
        far.send(b", late")
    for near in others:
        while near.recv(100, socket.MSG_PEEK) != b"early, late":
            pass
    assert {near: came for near, _, came in ready} == dict.fromkeys(others, b"early, late")
    assert gone.recv(100) == b"early, late"
    del wires[:]
    assert list(twin.read_ready(net.epoll, wires, 4, 100)) == []


def test_no_more_are_read_than_asked_for_and_the_others_wait(twin: ModuleType, net: Net) -> None:
    ends = [net.connect() for _ in range(5)]
    for near, far in ends:
        far.send(b"x")
        assert select.select([near], [], [], 5)[0]
    passes = [read(twin, net.epoll, 2, 100) for _ in range(4)]
    assert [len(ready) for ready in passes] == [2, 2, 1, 0]
    assert sorted(fd for ready in passes for fd, _, _ in ready) == sorted(near.fileno() for near, _ in ends)


def test_an_end_is_read_as_nothing_after_what_came_before_it(twin: ModuleType, net: Net) -> None:
    near, far = net.connect()
    far.send(b"last")
    far.shutdown(socket.SHUT_WR)
    net.wait()
    assert read(twin, net.epoll, 1, 100) == [(near.fileno(), IN, b"last")]
    assert read(twin, net.epoll, 1, 100) == [(near.fileno(), IN, b"")]
    assert read(twin, net.epoll, 1, 100) == [(near.fileno(), IN, b"")]  # still


def test_a_connection_that_broke_is_read_as_its_errno(twin: ModuleType, net: Net) -> None:
    near, far = net.connect()
    reset(far)
    net.wait()
    [(fd, events, came)] = read(twin, net.epoll, 1, 100)
    assert (fd, came) == (near.fileno(), ECONNRESET) and events & IN and events & HUP


def test_a_socket_that_was_never_connected_is_read_as_its_errno(twin: ModuleType, net: Net) -> None:
    alone = socket.socket()
    net.opened.append(alone)
    net.epoll.register(alone, IN)
    [(fd, events, came)] = read(twin, net.epoll, 1, 100)
    assert (fd, came) == (alone.fileno(), ENOTCONN) and events & HUP


def test_what_is_ready_for_something_else_is_read_as_not_now(twin: ModuleType, net: Net) -> None:
    near, far = net.connect(IN | PRI)
    far.send(b"!", socket.MSG_OOB)  # urgent, and so not among what is read
    net.wait()
    assert read(twin, net.epoll, 1, 100) == [(near.fileno(), PRI, EAGAIN)]


def test_who_only_waits_to_write_is_not_read(twin: ModuleType, net: Net) -> None:
    near, far = net.connect(OUT)
    far.send(b"hello")
    select.select([near], [], [], 5)
    assert read(twin, net.epoll, 1, 100) == [(near.fileno(), OUT, None)]
    net.epoll.modify(near, IN | OUT)
    assert read(twin, net.epoll, 1, 100) == [(near.fileno(), IN | OUT, b"hello")]
    assert read(twin, net.epoll, 1, 100) == [(near.fileno(), OUT, None)]


def test_an_epoll_that_was_closed_is_an_error(twin: ModuleType, net: Net) -> None:
    net.epoll.close()
    with pytest.raises(ValueError):
        read(twin, net.epoll, 1, 100)


@pytest.mark.parametrize(("count_max", "bytes_max"), [(0, 1), (-1, 1), (1, 0), (1, -1)])
def test_less_than_one_is_an_error_and_nothing_is_read(
    twin: ModuleType, net: Net, count_max: int, bytes_max: int
) -> None:
    near, far = net.connect()
    far.send(b"hello")
    net.wait()
    with pytest.raises(ValueError):
        read(twin, net.epoll, count_max, bytes_max)
    assert read(twin, net.epoll, 1, 100) == [(near.fileno(), IN, b"hello")]


@pytest.mark.parametrize("no_epoll", [None, "text", object()])
def test_what_has_no_descriptor_is_an_error(in_c: ModuleType, no_epoll: object) -> None:
    with pytest.raises(TypeError):
        read(in_c, no_epoll, 1, 100)


def test_so_is_a_descriptor_of_something_else(in_c: ModuleType, net: Net) -> None:
    near, _ = net.connect()
    with pytest.raises(OSError, match="Invalid argument"):
        read(in_c, near, 1, 100)


def test_what_no_memory_suffices_for_is_an_error(twin: ModuleType, net: Net) -> None:
    near, far = net.connect()
    far.send(b"hello")
    net.wait()
    with pytest.raises((MemoryError, OverflowError)):
        read(twin, net.epoll, 1, sys.maxsize)
    assert read(twin, net.epoll, 1, 100) == [(near.fileno(), IN, b"hello")]


def test_the_numbers_that_the_edge_and_its_twin_in_c_share_are_the_same() -> None:
    in_c = Path("gameserver/speedups/in_c.c").read_text()
    assert plain._SHORT_BYTES_MAX == SHORT_FRAME_BYTES_MAX
    assert f"SHORT_BYTES_MAX = {SHORT_FRAME_BYTES_MAX} " in in_c
    assert plain._WRITES == pollers.WRITES == select.EPOLLOUT
    assert (pollers.READS, pollers._ENDS) == (select.EPOLLIN, select.EPOLLRDHUP)
    assert select.EPOLLET & 0xFFFFFFFF == pollers._EDGE_TRIGGERED

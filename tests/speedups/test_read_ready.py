"""What epoll says is ready, and what could be read of it: over real connections."""

from __future__ import annotations

import select
import socket
import sys
from collections.abc import Iterator
from errno import EAGAIN, ECONNRESET, ENOTCONN
from types import ModuleType

import pytest

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


@pytest.fixture
def net() -> Iterator[Net]:
    net = Net()
    yield net
    net.close()


def test_nothing_is_ready_where_nothing_came(twin: ModuleType, net: Net) -> None:
    assert twin.read_ready(net.epoll, 1, 100) == []
    net.connect()
    assert twin.read_ready(net.epoll, 1, 100) == []


def test_what_came_is_read_and_with_it_gone(twin: ModuleType, net: Net) -> None:
    near, far = net.connect()
    far.send(b"hel\0lo\xff")
    net.wait()
    assert twin.read_ready(net.epoll, 10, 100) == [(near.fileno(), IN, b"hel\0lo\xff")]
    assert twin.read_ready(net.epoll, 10, 100) == []


@pytest.mark.parametrize("bytes_max", [1, 3, 4])
def test_what_is_more_than_may_be_read_waits_for_the_next_time(twin: ModuleType, net: Net, bytes_max: int) -> None:
    near, far = net.connect()
    far.send(b"abcdefg")
    net.wait()
    read = [twin.read_ready(net.epoll, 1, bytes_max) for _ in range(7)]
    pieces = [b"abcdefg"[at : at + bytes_max] for at in range(0, 7, bytes_max)]
    assert [ready for ready in read if ready] == [[(near.fileno(), IN, piece)] for piece in pieces]


def test_each_that_is_ready_is_read_once_and_no_other(twin: ModuleType, net: Net) -> None:
    ends = [net.connect() for _ in range(20)]
    for _, far in ends[::2]:
        far.send(b"%d" % far.fileno())
        assert select.select([ends[0][0]], [], [], 5)[0]
    for near, _ in ends[::2]:
        assert select.select([near], [], [], 5)[0]
    ready = twin.read_ready(net.epoll, 20, 100)
    assert sorted(ready) == sorted((near.fileno(), IN, b"%d" % far.fileno()) for near, far in ends[::2])


def test_no_more_are_read_than_asked_for_and_the_others_wait(twin: ModuleType, net: Net) -> None:
    ends = [net.connect() for _ in range(5)]
    for near, far in ends:
        far.send(b"x")
        assert select.select([near], [], [], 5)[0]
    passes = [twin.read_ready(net.epoll, 2, 100) for _ in range(4)]
    assert [len(ready) for ready in passes] == [2, 2, 1, 0]
    assert sorted(fd for ready in passes for fd, _, _ in ready) == sorted(near.fileno() for near, _ in ends)


def test_an_end_is_read_as_nothing_after_what_came_before_it(twin: ModuleType, net: Net) -> None:
    near, far = net.connect()
    far.send(b"last")
    far.shutdown(socket.SHUT_WR)
    net.wait()
    assert twin.read_ready(net.epoll, 1, 100) == [(near.fileno(), IN, b"last")]
    assert twin.read_ready(net.epoll, 1, 100) == [(near.fileno(), IN, b"")]
    assert twin.read_ready(net.epoll, 1, 100) == [(near.fileno(), IN, b"")]  # still


def test_a_connection_that_broke_is_read_as_its_errno(twin: ModuleType, net: Net) -> None:
    near, far = net.connect()
    reset(far)
    net.wait()
    [(fd, events, read)] = twin.read_ready(net.epoll, 1, 100)
    assert (fd, read) == (near.fileno(), ECONNRESET) and events & IN and events & HUP


def test_a_socket_that_was_never_connected_is_read_as_its_errno(twin: ModuleType, net: Net) -> None:
    alone = socket.socket()
    net.opened.append(alone)
    net.epoll.register(alone, IN)
    [(fd, events, read)] = twin.read_ready(net.epoll, 1, 100)
    assert (fd, read) == (alone.fileno(), ENOTCONN) and events & HUP


def test_what_is_ready_for_something_else_is_read_as_not_now(twin: ModuleType, net: Net) -> None:
    near, far = net.connect(IN | PRI)
    far.send(b"!", socket.MSG_OOB)  # urgent, and so not among what is read
    net.wait()
    assert twin.read_ready(net.epoll, 1, 100) == [(near.fileno(), PRI, EAGAIN)]


def test_who_only_waits_to_write_is_not_read(twin: ModuleType, net: Net) -> None:
    near, far = net.connect(OUT)
    far.send(b"hello")
    select.select([near], [], [], 5)
    assert twin.read_ready(net.epoll, 1, 100) == [(near.fileno(), OUT, None)]
    net.epoll.modify(near, IN | OUT)
    assert twin.read_ready(net.epoll, 1, 100) == [(near.fileno(), IN | OUT, b"hello")]
    assert twin.read_ready(net.epoll, 1, 100) == [(near.fileno(), OUT, None)]


def test_an_epoll_that_was_closed_is_an_error(twin: ModuleType, net: Net) -> None:
    net.epoll.close()
    with pytest.raises(ValueError):
        twin.read_ready(net.epoll, 1, 100)


@pytest.mark.parametrize(("count_max", "bytes_max"), [(0, 1), (-1, 1), (1, 0), (1, -1)])
def test_less_than_one_is_an_error_and_nothing_is_read(
    twin: ModuleType, net: Net, count_max: int, bytes_max: int
) -> None:
    near, far = net.connect()
    far.send(b"hello")
    net.wait()
    with pytest.raises(ValueError):
        twin.read_ready(net.epoll, count_max, bytes_max)
    assert twin.read_ready(net.epoll, 1, 100) == [(near.fileno(), IN, b"hello")]


@pytest.mark.parametrize("no_epoll", [None, "text", object()])
def test_what_has_no_descriptor_is_an_error(in_c: ModuleType, no_epoll: object) -> None:
    with pytest.raises(TypeError):
        in_c.read_ready(no_epoll, 1, 100)


def test_so_is_a_descriptor_of_something_else(in_c: ModuleType, net: Net) -> None:
    near, _ = net.connect()
    with pytest.raises(OSError, match="Invalid argument"):
        in_c.read_ready(near, 1, 100)


def test_what_no_memory_suffices_for_is_an_error(twin: ModuleType, net: Net) -> None:
    near, far = net.connect()
    far.send(b"hello")
    net.wait()
    with pytest.raises((MemoryError, OverflowError)):
        twin.read_ready(net.epoll, 1, sys.maxsize)
    assert twin.read_ready(net.epoll, 1, 100) == [(near.fileno(), IN, b"hello")]

"""The port: who may have it, who is let in, and what happens when the process has no file descriptor left."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvloop
from structlog.testing import CapturingLogger

from gameserver.edge import gate as module
from gameserver.edge.gate import ACCEPTED_AT_ONCE, Gate

LOOPS = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])


class Let:
    """Keeps who was let in."""

    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []
        self.addresses: list[str] = []

    def __call__(self, raw: socket.socket, address: str) -> None:
        assert raw.getblocking() is False
        self.sockets.append(raw)
        self.addresses.append(address)

    async def count(self, wanted: int) -> None:
        async with asyncio.timeout(5):
            while len(self.sockets) < wanted:
                await asyncio.sleep(0.005)

    def close(self) -> None:
        for raw in self.sockets:
            raw.close()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=5)


@contextmanager
def no_file_descriptors() -> Iterator[None]:
    """The process can open nothing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_name_with_several_addresses_is_listened_to_on_one_port() -> None:
    let = Let()
    gate = Gate(let)
    port = await gate.bind("localhost", 0)
    gate.open()
    with connect(port):
        await let.count(1)
    assert let.addresses == ["127.0.0.1"]
    assert {listening.getsockname()[1] for listening in gate._listening} == {port}
    gate.close()
    let.close()


async def test_a_port_that_is_taken_and_an_address_of_another_machine_are_errors() -> None:
    gate = Gate(Let())
    port = await gate.bind("127.0.0.1", 0)
    gate.open()
    with pytest.raises(OSError):
        await Gate(Let()).bind("127.0.0.1", port)
    with pytest.raises(OSError):
        await Gate(Let()).bind("192.0.2.1", 0)
    gate.close()


async def test_nobody_is_let_in_before_it_is_open_or_after_it_is_closed() -> None:
    let = Let()
    gate = Gate(let)
    port = await gate.bind("127.0.0.1", 0)
    with pytest.raises(OSError):
        connect(port)
    gate.open()
    with connect(port):
        await let.count(1)
    gate.close()
    with pytest.raises(OSError):
        connect(port)
    let.close()


async def test_a_crowd_is_let_in_a_few_at_a_time() -> None:
    let = Let()
    gate = Gate(let)
    port = await gate.bind("127.0.0.1", 0)
    gate.open()
    waiting = [connect(port) for _ in range(ACCEPTED_AT_ONCE + 5)]
    gate._accept(gate._listening[0])
    assert len(let.sockets) == ACCEPTED_AT_ONCE
    await let.count(ACCEPTED_AT_ONCE + 5)
    for raw in waiting:
        raw.close()
    gate.close()
    let.close()


@LOOPS
def test_without_a_file_descriptor_it_pauses_instead_of_spinning(
    new_loop: type[asyncio.AbstractEventLoop], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = CapturingLogger()  # however an earlier test of this process has set up the logs
    monkeypatch.setattr(module, "log", log)

    async def scenario() -> None:
        let = Let()
        gate = Gate(let, pause_s=0.4)
        port = await gate.bind("127.0.0.1", 0)
        gate.open()
        client = socket.socket()
        client.setblocking(False)
        with no_file_descriptors():
            client.connect_ex(("127.0.0.1", port))
            used_s = time.process_time()
            await asyncio.sleep(0.3)
            assert time.process_time() - used_s < 0.1
            assert let.sockets == []
        await let.count(1)  # the kernel kept it
        gate.close()
        let.close()
        client.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(scenario())
    assert [call.args for call in log.calls] == [("cannot_accept",)]


async def test_a_gate_that_is_closed_while_it_pauses_stays_closed() -> None:
    gate = Gate(Let(), pause_s=0.02)
    port = await gate.bind("127.0.0.1", 0)
    gate.open()
    gate._pause(OSError("no file descriptor is left"))
    gate.close()
    await asyncio.sleep(0.05)
    with pytest.raises(OSError):
        connect(port)

"""The swarm's command: many bots against one server, a line a second, and a verdict at the end.

The bots of a process are a ``Flock``; with --processes there are several, and this one only adds up.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import multiprocessing
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, TypeVar

import orjson

from client_demo.address import URL, websocket_url
from client_demo.bot import Habits
from client_demo.flock import Flock
from client_demo.measurements import Tally
from client_demo.verdict import Criteria, as_json, judge, passed, report
from client_demo.wander import wander
from gameserver.client import Client, ConnectFailed

EXIT_FAIL, EXIT_NO_SERVER = 1, 2

_DESCRIPTION = """\
Play with many bots at once. Each registers as a guest, says where it walks on every tick, picks up, uses, drops, gives
and chats now and then, and remembers what the server promised. At the end each logs out and in again and compares."""

_EPILOG = """\
PASS when all of these hold; each limit is a flag:
  - every player got in                                        --connected-min
  - no errors, and no refusals but those play brings about     --errors-max
  - no broken promises: back again, each bot stands where it
    was shown last (give or take one tick's walking) and holds
    exactly what was acked; where an outcome is not known, a
    range is allowed                                           --broken-max
  - no lost sockets                                            --reconnects-max
  - tick interval as seen by clients: p99 at most 2 times the
    server's own                                               --tick-p99-max
  - from sending an action to its ack: p99 at most 1000 ms     --ack-p99-max-ms
The figures of ticks and bytes are of the time after all have come in. Refusals that play brings about: too_far,
no_such_thing (someone was quicker), full, and too_many or try_later, which ask for patience.

Exit code: 0 PASS, 1 FAIL, 2 no server at the URL."""


@dataclass
class Progress:
    """One process's line of the moment."""

    phase: str = "start"
    online: int = 0
    received: int = 0  # messages a second
    sent: int = 0
    acks: int = 0
    ack_p99_ms: float = 0.0
    tick_p99_ms: float = 0.0
    errors: int = 0
    broken: int = 0


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="swarm", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    limits = Criteria()
    add = parser.add_argument
    add("--players", type=_positive, default=50, metavar="N", help="bots (default 50)")
    add("--seconds", type=float, default=20.0, metavar="S", help="time of play, after all came in (default 20)")
    add("--url", type=websocket_url, default=URL, metavar="U", help=f"the server, or its page (default {URL})")
    add("--json", type=Path, metavar="FILE", help="write the figures and the verdict here, too")
    add("--processes", type=_positive, default=1, metavar="N", help="spread the bots over N processes (default 1)")
    add("--ramp", type=float, metavar="S", help="come in spread over S seconds (default N/100, at least 2)")
    add("--act-every", type=float, default=4.0, metavar="S", help="a bot acts every S seconds on average (default 4)")
    add("--say-every", type=float, metavar="S", help="a bot speaks every S seconds on average (default N/2, min. 30)")
    add("--seed", type=int, default=1, metavar="N", help="of the bots' choices (default 1)")
    add("--quiet", action="store_true", help="no progress lines")
    add("--connected-min", type=float, default=limits.connected_min_percent, metavar="PERCENT")
    add("--errors-max", type=int, default=limits.errors_max, metavar="N")
    add("--broken-max", type=int, default=limits.broken_promises_max, metavar="N")
    add("--reconnects-max", type=int, default=limits.reconnects_max, metavar="N")
    add("--tick-p99-max", type=float, default=limits.tick_p99_max_intervals, metavar="INTERVALS")
    add("--ack-p99-max-ms", type=float, default=limits.ack_p99_max_ms, metavar="MS")
    add("--forever", action="store_true", help="no test: a few quiet bots that keep the world alive until SIGTERM")
    add("--remember", type=Path, metavar="FILE", help="with --forever: keep the bots' guest tokens here, to come back")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    options = arguments(argv)
    if options.forever:
        return _run(wander(options.url, options.players, options.remember))
    if not _run(_is_answering(options.url)):
        sys.stderr.write(
            f"No server answers at {options.url}.\n"
            "Start one with `scripts/run` or `gameserver run`, or say where it is with --url ws://host:port/ws\n"
        )
        return EXIT_NO_SERVER
    tally = _run(_one_process(options)) if options.processes == 1 else _several_processes(options)
    findings = judge(tally, _criteria(options))
    sys.stdout.write(report(tally, findings) + "\n")
    if options.json is not None:
        options.json.write_bytes(
            orjson.dumps(as_json(tally, findings), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        )
    return 0 if passed(findings) else EXIT_FAIL


async def _is_answering(url: str) -> bool:
    client = Client(url)
    try:
        await client.open()
    except ConnectFailed:
        return False
    finally:
        await client.close()
    return True


def _criteria(options: argparse.Namespace) -> Criteria:
    return Criteria(
        connected_min_percent=options.connected_min,
        errors_max=options.errors_max,
        broken_promises_max=options.broken_max,
        reconnects_max=options.reconnects_max,
        tick_p99_max_intervals=options.tick_p99_max,
        ack_p99_max_ms=options.ack_p99_max_ms,
    )


# --- one process ---


def _flock(options: argparse.Namespace, players: int, number: int) -> Flock:
    ramp_s = options.ramp if options.ramp is not None else max(2.0, options.players / 100)
    say_every_s = options.say_every if options.say_every is not None else max(30.0, options.players / 2)
    habits = Habits(act_every_s=options.act_every, say_every_s=say_every_s)
    return Flock(options.url, players, habits, ramp_s=ramp_s, seed=options.seed * 1_000_000 + number * 100_000)


async def _one_process(options: argparse.Namespace) -> Tally:
    started_s = time.monotonic()

    def show(progress: Progress) -> None:
        if not options.quiet:
            _print_progress(time.monotonic() - started_s, [progress], options.players)

    return await _run_flock(_flock(options, options.players, 0), options.seconds, show)


async def _run_flock(flock: Flock, seconds: float, show: Callable[[Progress], None]) -> Tally:
    """All phases of a flock; ``show`` is called each second. SIGINT and SIGTERM end the playing phase early."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, flock.stop)

    async def show_each_second() -> None:
        before, before_s = flock.traffic(), loop.time()
        while True:
            await asyncio.sleep(1.0)
            now, now_s = flock.traffic(), loop.time()
            seconds = now_s - before_s
            received = round((now.messages_received - before.messages_received) / seconds)
            sent = round((now.messages_sent - before.messages_sent) / seconds)
            show(_progress(flock, received, sent))
            before, before_s = now, now_s

    showing = asyncio.create_task(show_each_second(), name="progress")
    try:
        return await flock.run(seconds)
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)


def _progress(flock: Flock, received: int, sent: int) -> Progress:
    tally = flock.tally
    acks = tally.all_acks
    return Progress(
        phase=flock.phase,
        online=flock.online,
        received=received,
        sent=sent,
        acks=len(acks),
        ack_p99_ms=acks.percentile_ms(99),
        tick_p99_ms=tally.tick_intervals.percentile_ms(99),
        errors=tally.errors.count,
        broken=tally.broken_promises.count,
    )


def _print_progress(seconds: float, parts: list[Progress], players: int) -> None:
    total = {name: sum(getattr(part, name) for part in parts) for name in ("online", "received", "sent", "acks")}
    worst = {name: max(getattr(part, name) for part in parts) for name in ("ack_p99_ms", "tick_p99_ms")}
    sys.stdout.write(
        f"{seconds:4.0f} s  {parts[0].phase:<8}{total['online']:>5}/{players} players  "
        f"{total['received']:>7,}/s in {total['sent']:>7,}/s out  "
        f"tick p99 {worst['tick_p99_ms']:>6.1f} ms  {total['acks']:>6,} acks p99 {worst['ack_p99_ms']:>6.1f} ms  "
        f"{sum(part.errors for part in parts)} errors, {sum(part.broken for part in parts)} broken\n"
    )
    sys.stdout.flush()


# --- several processes ---


def _several_processes(options: argparse.Namespace) -> Tally:
    context = multiprocessing.get_context("spawn")  # a fork would share the parent's event loop and random state
    pipes: dict[Connection, Any] = {}
    for number in range(options.processes):
        players = options.players // options.processes + (number < options.players % options.processes)
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_child, args=(theirs, options, players, number))
        process.start()
        theirs.close()
        pipes[ours] = process
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: [process.terminate() for process in pipes.values() if process.is_alive()])
    tally = _add_up(pipes, options)
    for process in pipes.values():
        process.join()
    return tally


def _add_up(pipes: dict[Connection, Any], options: argparse.Namespace) -> Tally:
    """Read what the children tell until each has told its tally or died."""
    total = Tally()
    latest: dict[Connection, Progress] = {}
    started_s = shown_s = time.monotonic()
    listening = set(pipes)
    while listening:
        for pipe in wait(list(listening), timeout=1.0):
            assert isinstance(pipe, Connection)
            try:
                told = pipe.recv()
            except EOFError:
                total.errors.add("a process of the swarm died")
                told = Tally()
            if isinstance(told, Progress):
                latest[pipe] = told
            else:
                total.merge(told)
                listening.discard(pipe)
        if latest and not options.quiet and time.monotonic() - shown_s >= 1.0:
            shown_s = time.monotonic()
            _print_progress(shown_s - started_s, list(latest.values()), options.players)
    total.players_wanted = options.players
    return total


def _child(pipe: Connection, options: argparse.Namespace, players: int, number: int) -> None:
    flock_runs = _run_child(options, players, number, pipe.send)
    pipe.send(_run(flock_runs))
    pipe.close()


async def _run_child(options: argparse.Namespace, players: int, number: int, show: Callable[[Progress], None]) -> Tally:
    return await _run_flock(_flock(options, players, number), options.seconds, show)


_Result = TypeVar("_Result")


def _run(main_coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """On uvloop where there is one: it halves what a socket costs. What the bots hold is many and long-lived, so the
    collector is called less often: it took an eighth of the time."""
    gc.set_threshold(100_000, 50, 100)
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main_coroutine)
    return uvloop.run(main_coroutine)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


if __name__ == "__main__":
    sys.exit(main())

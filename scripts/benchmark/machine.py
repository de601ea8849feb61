"""This machine: which core serves and which one loads, how processes are started on them and ended, what gcc makes.

Law: whoever starts a process here ends it, by its pid, whatever happens in between; and should this process be killed,
the kernel ends them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SERVED = HERE / "served"
END_S = 15.0
FIRST = -20  # the nice value where we may set it


class MeasuringError(Exception):
    """Something that is needed is missing or failed; the text says what, for a person."""


def cores() -> tuple[int | None, int | None]:
    """The server's core and the load's; None where there is only one, which proves little."""
    free = sorted(os.sched_getaffinity(0))
    return (free[-1], free[0]) if len(free) > 1 else (None, None)


@contextmanager
def started(
    command: Sequence[str | Path],
    core: int | None,
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    stderr: IO[bytes] | int | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process on that core, with its output to be read. Ended with SIGTERM, and with SIGKILL when that is slow."""
    everywhere, usual = os.sched_getaffinity(0), os.getpriority(os.PRIO_PROCESS, 0)
    # Both are inherited, so that no thread of it ever runs elsewhere, or behind what else runs on this machine.
    if core is not None:
        os.sched_setaffinity(0, {core})
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, FIRST)
    try:
        process = subprocess.Popen(
            [*_tied(), *(str(word) for word in command)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment,
            cwd=folder,
            start_new_session=True,  # Ctrl-C reaches this process only, which ends the others in order
        )
    finally:
        os.sched_setaffinity(0, everywhere)
        os.setpriority(os.PRIO_PROCESS, 0, usual)
    with contextlib.suppress(OSError):  # where a session's processes compete as a group, the group has a value, too
        Path(f"/proc/{process.pid}/autogroup").write_text(str(FIRST))
    try:
        yield process
    finally:
        _end(process)


def _tied() -> list[str]:
    """Has the process end when this one does, however that is; the process stays the same."""
    return ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()


def first_number(process: subprocess.Popen[bytes], what: str) -> int:
    """The port that a server of ours prints once it listens."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip().isdigit():
            return int(line)
    raise MeasuringError(f"{what} ended before it listened")


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two runs at once take turns, measurement by measurement: they would be after the same cores."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def cache_folder() -> Path:
    """$XDG_CACHE_HOME/gameserver-bench: what outlives a run."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gameserver-bench"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def compiled(sources: Sequence[Path], into: Path) -> Path:
    """The program that the C files make."""
    command = ["gcc", "-O2", "-D_GNU_SOURCE", "-o", str(into), *map(str, sources), "-lm"]
    try:
        made = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise MeasuringError("gcc is missing: apt-get install gcc libc6-dev") from None
    if made.returncode:
        raise MeasuringError(f"gcc failed:\n{made.stderr}")
    return into


def resident_bytes(pid: int) -> int:
    """Return the process's resident memory (RSS) in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def waited_s(pid: int) -> float:
    """Return the seconds in which the process's main thread was ready to run but the core was another's, since its
    start.
    """
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def ticks_used(pid: int) -> tuple[int, int]:
    """CPU time of the process outside of the kernel and in it, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]), int(fields[12])


def description() -> str:
    """Describe the machine of the measurements in one line, for the table."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    return f"{model}, {len(os.sched_getaffinity(0))} cores, Linux {platform.release()}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text(errors="replace").splitlines()

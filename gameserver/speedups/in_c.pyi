from collections.abc import Iterator
from mmap import mmap

from gameserver.speedups.plain import EpollLike, T

def read_ready(
    asked: EpollLike, wires: list[T | None], count_max: int, bytes_max: int, /
) -> Iterator[tuple[T, int, bytes | int | None]]: ...
def prefetched(objects: list[T], /) -> Iterator[T]: ...
def whole_text(frame: bytes, /) -> bytes | None: ...

# Unlike the one in Python: OverflowError for an int beyond 64 bits.
def fill(
    room: bytearray, at: int, picture: bytes, key: bytes, seq: int, tick: int, x: float, y: float, facing: int, /
) -> int: ...
def lay_out(
    table: mmap | bytearray,
    arena: mmap | bytearray,
    arena_address: int,
    first: int,
    descriptors: list[int],
    parts: list[bytes],
    begin: int,
    /,
) -> tuple[int, int]: ...

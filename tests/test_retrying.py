"""The retry loop repeats a call after the errors it is for, and the pauses grow as far as they say."""

from __future__ import annotations

import asyncio

import pytest

from gameserver.retrying import Pauses, retry

NONE = Pauses(0.0, 0.0)


class Call:
    """Raises the given errors in turn, then returns 7."""

    def __init__(self, *errors: Exception):
        self.errors = list(errors)
        self.at_s: list[float] = []

    async def __call__(self) -> int:
        self.at_s.append(asyncio.get_running_loop().time())
        if self.errors:
            raise self.errors.pop(0)
        return 7


async def test_a_call_is_repeated_until_it_succeeds() -> None:
    call = Call(OSError("away"), ValueError("odd"), OSError("away"))
    assert await retry(call, after=(OSError, ValueError), pauses=NONE) == 7
    assert len(call.at_s) == 4


async def test_a_call_that_succeeds_is_made_once() -> None:
    call = Call()
    assert await retry(call, after=OSError, pauses=Pauses(60, 60)) == 7
    assert len(call.at_s) == 1


async def test_any_other_error_is_raised_at_once() -> None:
    call = Call(OSError("away"), KeyError("a bug"), OSError("away"))
    with pytest.raises(KeyError):
        await retry(call, after=OSError, pauses=NONE)
    assert len(call.at_s) == 2


async def test_the_loop_waits_between_tries_and_can_be_cancelled_there() -> None:
    call = Call(*(OSError("away") for _ in range(99)))
    trying = asyncio.ensure_future(retry(call, after=OSError, pauses=Pauses(0.02, 0.04)))
    await asyncio.sleep(0.3)
    trying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trying
    waits_s = [later - before for before, later in zip(call.at_s, call.at_s[1:], strict=False)]
    assert 2 <= len(waits_s) <= 8
    assert waits_s[0] >= 0.019 and min(waits_s[1:]) >= 0.039


def test_pauses_double_up_to_the_longest() -> None:
    pauses = Pauses(0.25, 5.0)
    assert [pauses.after(failures) for failures in range(8)] == [0, 0.25, 0.5, 1, 2, 4, 5, 5]
    assert pauses.after(10**6) == 5.0

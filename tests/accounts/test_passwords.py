"""gameserver.accounts.passwords."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from gameserver.accounts.passwords import LANES, MEMORY_KIB, PASSES, Passwords
from gameserver.observability.metrics import REGISTRY
from gameserver.protocol.errors import Refusal, RefusalCode


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    passwords = Passwords(workers=1, queue_max=3)
    yield passwords
    passwords.close()


def queued() -> float | None:
    return REGISTRY.get_sample_value("gameserver_password_queue_jobs")


async def hold(passwords: Passwords, release: threading.Event) -> asyncio.Task[bool]:
    """Occupy the only worker until released."""
    begun = threading.Event()

    def occupy() -> bool:
        begun.set()
        return release.wait(10)

    task = asyncio.create_task(passwords._run(occupy))
    await asyncio.to_thread(begun.wait, 10)
    return task


async def test_a_password_verifies_against_its_own_hash_only(passwords: Passwords) -> None:
    hashed = await passwords.hash("correct horse")
    assert await passwords.verify(hashed, "correct horse")
    assert not await passwords.verify(hashed, "Correct horse")
    assert not await passwords.verify("not a hash", "correct horse")
    assert hashed != await passwords.hash("correct horse")


async def test_a_password_is_the_same_from_every_keyboard(passwords: Passwords) -> None:
    assert await passwords.verify(await passwords.hash("Zo\u00eb's key"), "Zoe\u0308's key")


async def test_hashes_carry_the_parameters_we_chose(passwords: Passwords) -> None:
    hashed = await passwords.hash("correct horse")
    assert hashed.startswith(f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$")
    assert not passwords.is_outdated(hashed)
    assert passwords.is_outdated(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("correct horse"))


async def test_an_unknown_account_costs_one_verification_of_the_same_parameters(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []

    def verify(_hasher: PasswordHasher, hashed: str, _password: str) -> bool:
        checked.append(hashed)
        return True

    monkeypatch.setattr(PasswordHasher, "verify", verify)
    assert not await passwords.verify(None, "whatever")
    assert len(checked) == 1
    assert not passwords.is_outdated(checked[0])


async def test_hashing_never_happens_on_the_loops_thread(passwords: Passwords) -> None:
    assert await passwords._run(threading.get_ident) != threading.get_ident()


async def test_a_full_queue_refuses_at_once_and_works_again_when_it_is_not(passwords: Passwords) -> None:
    release = threading.Event()
    running = await hold(passwords, release)
    waiting = [asyncio.create_task(passwords.hash("correct horse")) for _ in range(3)]
    await asyncio.sleep(0)
    assert queued() == 4
    with pytest.raises(Refusal) as refused:
        await passwords.hash("one too many")
    assert refused.value.code is RefusalCode.TRY_LATER
    assert refused.value.retry_after_ms > 0
    release.set()
    await asyncio.gather(running, *waiting)
    assert await passwords.verify(await passwords.hash("correct horse"), "correct horse")


async def test_one_who_gives_up_waiting_frees_the_place(passwords: Passwords) -> None:
    release = threading.Event()
    running = await hold(passwords, release)
    waiting = [asyncio.create_task(passwords.hash("correct horse")) for _ in range(3)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    assert queued() == 1
    again = asyncio.create_task(passwords.hash("correct horse"))
    release.set()
    assert (await asyncio.gather(running, again))[1].startswith("$argon2id$")

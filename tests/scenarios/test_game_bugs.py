"""A game with bugs on a real server: each bug costs its own call, a zone that cannot go on comes back by itself, and
everything acknowledged is kept."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.raw import Raw
from tests.servers.game import RunningGame, running_game

BUGGY = """
import asyncio
import time
from pathlib import Path

from gameserver import Action, Game, Player, PlayerState, Scratch, Zone, ZoneSpec, handles

BUGS = set()  # of the whole process; "zone: bug"
NO_EXCEPTIONS = {"exit": SystemExit, "cancel": asyncio.CancelledError, "interrupt": KeyboardInterrupt}


class Score(PlayerState):
    score: int = 0


class Condition(Scratch):
    is_fine: bool = False


class Mint(Action, tag="mint", frozen=True):
    n: int
    then: str = ""


class Bug(Action, tag="bug", frozen=True):
    name: str


class Picky(Action, tag="picky", frozen=True):
    raises: str

    def __post_init__(self) -> None:
        if self.raises in NO_EXCEPTIONS:
            raise NO_EXCEPTIONS[self.raises]
        {}[self.raises]


class Sleep(Action, tag="sleep", frozen=True):
    seconds: float


class Pocket(Scratch):
    def __post_init__(self) -> None:
        if "pocket" in BUGS:
            raise SystemExit


class Buggy(Game[Score, Pocket, Condition]):
    tick_hz = 20
    zones = (ZoneSpec("north"), ZoneSpec("south"))

    def choose_zone(self, player: Player[Score]) -> str:
        if "Quit" in player.name:
            player.inventory.add("coin", 7)
            raise SystemExit
        return "nowhere" if "Lost" in player.name else "south" if "South" in player.name else "north"

    def on_start(self, zone: Zone[Score, Scratch, Condition]) -> None:
        if f"{zone.name}: start" in BUGS:
            raise RuntimeError("a bug in on_start")
        zone.scratch.is_fine = True

    def on_stop(self, zone: Zone[Score, Scratch, Condition]) -> None:
        if f"{zone.name}: stop" in BUGS:
            raise SystemExit
        Path(f"{zone.name} has stopped").touch()

    def on_join(self, zone: Zone[Score, Scratch, Condition], player: Player[Score]) -> None:
        player.inventory.add("welcome_gift")
        if f"{zone.name}: join" in BUGS:
            raise RuntimeError("a bug in on_join")

    def on_leave(self, zone: Zone[Score, Scratch, Condition], player: Player[Score], reason: str) -> None:
        if f"{zone.name}: leave" in BUGS:
            player.state.score = -1
            raise RuntimeError("a bug in on_leave")

    def on_tick(self, zone: Zone[Score, Scratch, Condition]) -> None:
        if not zone.scratch.is_fine or f"{zone.name}: tick" in BUGS:
            raise ZeroDivisionError("a bug in on_tick")

    @handles(Mint)
    def mint(self, zone: Zone[Score, Scratch, Condition], player: Player[Score], message: Mint) -> None:
        player.inventory.add("coin", message.n)
        player.state.score += message.n
        if message.then == "raise":
            raise RuntimeError("a bug behind an add")
        if message.then in NO_EXCEPTIONS:
            raise NO_EXCEPTIONS[message.then]
        if message.then == "refuse":
            player.inventory.remove("gold")

    @handles(Bug)
    def bug(self, zone: Zone[Score, Scratch, Condition], player: Player[Score], message: Bug) -> None:
        if message.name == "scratch":
            zone.scratch.is_fine = False
        elif message.name.startswith("not "):
            BUGS.discard(message.name[4:])
        else:
            BUGS.add(message.name)

    @handles(Picky)
    def picky(self, zone: Zone, player: Player, message: Picky) -> None: ...

    @handles(Sleep)
    def sleep(self, zone: Zone[Score, Scratch, Condition], player: Player[Score], message: Sleep) -> None:
        until = time.monotonic() + message.seconds
        while time.monotonic() < until:
            pass
"""


@pytest.fixture
def buggy(mariadb_url: str, tmp_path: Path) -> Iterator[RunningGame]:
    (tmp_path / "buggy.py").write_text(BUGGY)
    with running_game(tmp_path, mariadb_url, game="buggy:Buggy", grace_s="20", drain_s="4", sql_timeout_s="2") as game:
        yield game


def logged(game: RunningGame, event: str) -> list[dict[str, Any]]:
    """The log lines of this event."""
    lines = [json.loads(line) for line in game.log.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


async def readiness(game: RunningGame) -> tuple[int, dict[str, Any]]:
    status, body = await asyncio.to_thread(game.get, "/readyz")
    return status, json.loads(body)


async def until_ready(game: RunningGame, patience_s: float) -> None:
    async with asyncio.timeout(patience_s):
        while (await readiness(game))[0] != 200:
            await asyncio.sleep(0.1)


async def test_a_handler_that_fails_changes_nothing_and_is_answered_once(buggy: RunningGame) -> None:
    async with Raw(buggy.ws_url) as player:
        await player.guest()
        assert (await player.act("mint", n=5))["level"] == "stored"
        for then, code in (("raise", "internal"), ("refuse", "not_enough")):
            assert (await player.act("mint", n=7, then=then))["code"] == code
            await player.send("mint", seq=player.seq, n=7)  # sent again
            assert (await player.answer_to(player.seq))["code"] == code
        await player.send("logout")
        await player.closed()
        (raised,) = logged(buggy, "handler_raised")
        assert (raised["zone"], raised["call"]) == ("north", "Mint") and "a bug behind an add" in raised["exception"]


async def test_a_handler_that_ends_the_process_or_cancels_itself_fails_like_any_other(buggy: RunningGame) -> None:
    async with Raw(buggy.ws_url) as player, Raw(buggy.ws_url) as elsewhere:
        token = (await player.guest())["resume_token"]
        await elsewhere.sign_in("register", name="South1", password="a long password")
        assert (await player.act("mint", n=5))["level"] == "stored"
        for then in ("exit", "cancel", "interrupt"):
            assert (await player.act("mint", n=7, then=then))["code"] == "internal"
            assert (await elsewhere.act("mint", n=1))["level"] == "stored"
        assert (await readiness(buggy))[0] == 200
        buggy.kill()
    assert len(logged(buggy, "handler_raised")) == 3
    buggy.start()
    async with Raw(buggy.ws_url) as player:
        assert (await player.sign_in("resume", token=token))["inventory"]["coin"] == 5


async def test_a_message_that_raises_while_it_is_read_costs_itself_alone(buggy: RunningGame) -> None:
    async with Raw(buggy.ws_url) as player, Raw(buggy.ws_url) as elsewhere:
        await player.guest()
        await elsewhere.sign_in("register", name="South1", password="a long password")
        for raises in ("exit", "cancel", "interrupt", "apple", "apple"):
            assert (await player.act("picky", raises=raises))["code"] == "internal"
            assert (await elsewhere.act("mint", n=1))["level"] == "stored"
        assert (await player.act("mint", n=5))["level"] == "stored"
        assert (await readiness(buggy))[0] == 200
    raised = logged(buggy, "handler_raised")
    assert [line["call"] for line in raised] == ["Picky"] * 4  # the second KeyError is held back
    assert "__post_init__" in raised[-1]["exception"] and raised[-1]["player_id"]


async def test_a_scratch_that_cannot_be_made_costs_that_sign_in_alone(buggy: RunningGame) -> None:
    async with Raw(buggy.ws_url) as player, Raw(buggy.ws_url) as newcomer:
        await player.guest()
        await player.act("bug", name="pocket")
        await newcomer.send("guest")
        assert (await newcomer.receive("welcome", "refused"))["code"] == "internal"
        assert (await player.act("mint", n=1))["level"] == "stored"
        await player.act("bug", name="not pocket")
        await newcomer.guest()
    (failed,) = logged(buggy, "session_open_failed")
    assert "Pocket: cannot be made: SystemExit" in failed["exception"]


async def test_a_choose_zone_that_raises_leaves_its_player_as_before(buggy: RunningGame) -> None:
    async with Raw(buggy.ws_url) as player:
        welcome = await player.sign_in("register", name="Quit", password="a long password")
        assert welcome["zone"]["name"] == "north" and welcome["inventory"] == {"welcome_gift": 1}
    assert [line["level"] for line in logged(buggy, "choose_zone_failed")] == ["error"]


async def test_an_on_stop_that_raises_keeps_no_other_zone_from_stopping(buggy: RunningGame) -> None:
    async with Raw(buggy.ws_url) as player:
        await player.guest()
        await player.act("bug", name="north: stop")
    assert await asyncio.to_thread(buggy.terminate) == 0
    assert [line["zone"] for line in logged(buggy, "on_stop_failed")] == ["north"]
    assert [path.name for path in buggy.folder.glob("* has stopped")] == ["south has stopped"]


async def test_what_a_failing_handler_did_is_in_no_store(buggy: RunningGame) -> None:
    async with Raw(buggy.ws_url) as player:
        token = (await player.guest())["resume_token"]
        await player.act("mint", n=5)
        await player.act("mint", n=7, then="raise")
        await player.act("mint", n=7, then="refuse")
        buggy.kill()
    buggy.start()
    async with Raw(buggy.ws_url) as player:
        again = await player.sign_in("resume", token=token)
        assert again["inventory"] == {"coin": 5, "welcome_gift": 2} and again["state"] == {"score": 5}


async def test_an_on_join_that_raises_keeps_a_player_out_unharmed_until_it_is_mended(buggy: RunningGame) -> None:
    async with Raw(buggy.ws_url) as other, Raw(buggy.ws_url) as player:
        await other.guest()
        token = (await player.guest())["resume_token"]
        await player.act("mint", n=5)
        await player.send("logout")
        await player.closed()
        await other.act("bug", name="north: join")
        async with Raw(buggy.ws_url) as newcomer:
            await newcomer.send("guest")
            answer = await newcomer.receive("welcome", "refused")
            assert answer["code"] == "try_later" and answer["retry_after_ms"] > 0
        assert (await readiness(buggy))[0] == 200
        assert (await other.act("mint", n=1))["level"] == "stored"  # the zone plays on
        await other.act("bug", name="not north: join")
        async with Raw(buggy.ws_url) as newcomer:
            assert (await newcomer.guest())["inventory"] == {"welcome_gift": 1}
    del token


async def test_a_resume_that_on_join_kept_out_succeeds_once_it_is_mended(buggy: RunningGame) -> None:
    async with Raw(buggy.ws_url) as other:
        await other.sign_in("register", name="South1", password="a long password")
        async with Raw(buggy.ws_url) as player:
            token = (await player.guest())["resume_token"]
            await player.act("mint", n=5)
            buggy.kill()
    buggy.start()
    async with Raw(buggy.ws_url) as other, Raw(buggy.ws_url) as player:
        await other.sign_in("login", name="South1", password="a long password")
        await other.act("bug", name="north: join")
        await asyncio.sleep(2.5)  # the session is recovered meanwhile, or is not: both have to do
        await player.send("resume", token=token)
        answer = await player.receive("welcome", "refused")
        if answer["type"] == "refused":
            assert answer["code"] == "try_later"
        await other.act("bug", name="not north: join")
        async with Raw(buggy.ws_url) as again:
            welcome = await again.sign_in("resume", token=token)
            assert welcome["inventory"]["coin"] == 5 and welcome["resumed"]


async def test_a_player_leaves_and_is_saved_though_on_leave_raises(buggy: RunningGame) -> None:
    async with Raw(buggy.ws_url) as player:
        await player.sign_in("register", name="Ann", password="a long password")
        await player.act("mint", n=5)
        await player.act("bug", name="north: leave")
        await player.send("logout")
        assert await player.closed() == 1000
    async with Raw(buggy.ws_url) as player:
        welcome = await player.sign_in("login", name="Ann", password="a long password")
        assert welcome["state"] == {"score": 5} and welcome["inventory"]["coin"] == 5
    assert [line["call"] for line in logged(buggy, "hook_raised")] == ["on_leave"]


async def test_a_zone_that_cannot_tick_any_more_comes_back_by_itself(buggy: RunningGame) -> None:
    async with Raw(buggy.ws_url) as player, Raw(buggy.ws_url) as elsewhere:
        await player.sign_in("register", name="Ann", password="a long password")
        await elsewhere.sign_in("register", name="South1", password="a long password")
        await player.act("mint", n=5)
        await player.send("bug", seq=2, name="scratch")
        assert await player.closed() == 4007  # zone_stopped: may come back
        status, told = await readiness(buggy)
        assert status == 503 and told["zones"] is False and "on_tick" in told["stopped_zones"]["north"]
        assert "ZeroDivisionError" in told["stopped_zones"]["north"]
        async with Raw(buggy.ws_url) as early:
            await early.send("login", name="Ann", password="a long password")
            refused = await early.receive("welcome", "refused")
            assert refused["code"] == "try_later" and refused["retry_after_ms"] > 0
        assert (await elsewhere.act("mint", n=1))["level"] == "stored"
        await until_ready(buggy, 20)
        async with Raw(buggy.ws_url) as again:
            welcome = await again.sign_in("login", name="Ann", password="a long password")
            assert welcome["inventory"]["coin"] == 5 and welcome["state"] == {"score": 5}
            assert (await again.act("mint", n=2))["level"] == "stored"
        assert (await elsewhere.act("mint", n=1))["level"] == "stored"
    assert buggy.get("/healthz")[0] == 200
    assert [line["zone"] for line in logged(buggy, "zone_restarted")] == ["north"]
    assert len(logged(buggy, "hook_raised")) <= 2  # and not one for each tick


@pytest.mark.long  # four pauses, of 30 s. Every run has the pauses in simulation/test_restarts, and one restart above
async def test_a_zone_that_keeps_failing_is_given_up_and_its_players_are_kept(buggy: RunningGame) -> None:
    async with Raw(buggy.ws_url) as player:
        await player.sign_in("register", name="Ann", password="a long password")
        await player.act("mint", n=5)
        await player.act("bug", name="north: start")
        await player.send("bug", seq=3, name="scratch")
        assert await player.closed() == 4007
    async with asyncio.timeout(60):
        while not logged(buggy, "zone_given_up"):
            await asyncio.sleep(0.5)
    status, told = await readiness(buggy)
    assert status == 503 and "given up" in told["stopped_zones"]["north"]
    buggy.forget_log()
    for _ in range(2):
        async with Raw(buggy.ws_url) as early:
            await early.send("login", name="Ann", password="a long password")
            refused = await early.receive("welcome", "refused")
            assert refused["code"] == "try_later" and "start" not in refused["reason"]
    async with Raw(buggy.ws_url) as elsewhere:
        await elsewhere.sign_in("register", name="South1", password="a long password")
    await asyncio.sleep(5)  # two looks of the reaper
    assert logged(buggy, "session_reaping_delayed") == [] and logged(buggy, "sessions_reaped") == []
    assert buggy.terminate() == 0
    buggy.start()
    async with Raw(buggy.ws_url) as again:
        welcome = await again.sign_in("login", name="Ann", password="a long password")
        assert welcome["inventory"]["coin"] == 5


async def test_a_zone_that_the_game_does_not_have_is_named_and_the_first_one_taken(buggy: RunningGame) -> None:
    async with Raw(buggy.ws_url) as player:
        welcome = await player.sign_in("register", name="Lost", password="a long password")
        assert welcome["zone"]["name"] == "north"
    (line, *_) = logged(buggy, "zone_unknown")
    assert line["level"] == "error" and line["zone"] == "north"
    assert "Buggy.choose_zone" in line["error"] and "nowhere" in line["error"]


def test_a_node_whose_game_raises_at_the_start_says_so_and_does_not_start(mariadb_url: str, tmp_path: Path) -> None:
    broken = BUGGY.replace('if f"{zone.name}: start" in BUGS', 'if zone.name == "south"')
    (tmp_path / "buggy.py").write_text(broken)
    with (
        pytest.raises(AssertionError, match="the server ended"),
        running_game(tmp_path, mariadb_url, game="buggy:Buggy"),
    ):
        pass
    log = (tmp_path / "server.log").read_text()
    assert "Buggy.on_start raised for the zone 'south'" in log and "a bug in on_start" in log


# --- what takes too long ---


async def test_a_slow_handler_is_named_with_its_time(buggy: RunningGame) -> None:
    async with Raw(buggy.ws_url) as player:
        await player.guest()
        assert (await player.act("sleep", seconds=0.2))["level"] == "stored"
    (slow,) = logged(buggy, "slow_call")
    assert (slow["zone"], slow["call"]) == ("north", "Buggy.sleep")
    assert 0.2 <= slow["seconds"] < 5


async def test_a_handler_that_never_returns_is_named_and_sigterm_still_ends_the_process(buggy: RunningGame) -> None:
    async with Raw(buggy.ws_url) as player:
        token = (await player.guest())["resume_token"]
        await player.act("mint", n=5)
        await player.send("sleep", seq=2, seconds=1e9)
        async with asyncio.timeout(30):
            while not logged(buggy, "tick_stalled"):
                await asyncio.sleep(0.2)
        stalled = logged(buggy, "tick_stalled")[0]
        assert stalled["zone"] == "north" and stalled["call"] == "Buggy.sleep" and stalled["seconds"] >= 2
        assert "while time.monotonic() < until" in stalled["stack"]
        began_s = time.monotonic()
        assert await asyncio.to_thread(buggy.terminate) not in (0, -15, -9)
        assert time.monotonic() - began_s < 12
        assert logged(buggy, "exit_forced")
    buggy.start()
    async with Raw(buggy.ws_url) as player:
        again = await player.sign_in("resume", token=token)
        assert again["inventory"]["coin"] == 5


async def test_a_pause_that_ends_is_told_and_nothing_else_happens(buggy: RunningGame) -> None:
    async with Raw(buggy.ws_url) as player:
        await player.guest()
        await player.act_only("sleep", seconds=4.0)
        await player.answer_to(player.seq)
        assert (await player.act("mint", n=5))["level"] == "stored"
    assert len(logged(buggy, "tick_stalled")) == 1
    (ended,) = logged(buggy, "tick_goes_on")
    assert ended["seconds"] >= 3.5
    assert buggy.terminate() == 0

"""Findings about Redis, on real servers with wrong settings, and for users without rights."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from gameserver.check.redis import check_redis, findings
from gameserver.live.examination import RedisFacts
from tests.servers.ports import free_port
from tests.servers.redis import RunningRedis

Start = Callable[..., RunningRedis]


@pytest.fixture
def start() -> Iterator[Start]:
    servers: list[RunningRedis] = []

    def start_one(*options: str) -> RunningRedis:
        servers.append(RunningRedis("redis7", *options))
        return servers[-1].start()

    yield start_one
    for server in servers:
        server.remove()


async def told_of(url: str) -> list[str]:
    return [f"{finding.severity}: {finding}" for finding in await check_redis(url, 1.0)]


async def test_of_a_redis_that_is_well_there_is_nothing_to_say_and_nothing_is_left_in_it(redis_url: str) -> None:
    assert await told_of(redis_url) == []


async def test_nothing_is_left_in_it(redis_server: RunningRedis) -> None:
    assert await told_of(redis_server.url) == []
    assert redis_server.command("DBSIZE") == b":0\r\n"


@pytest.mark.parametrize(
    ("options", "severity", "problem", "remedy"),
    [
        (["--appendonly", "no"], "warning", "appendonly is no", "appendonly yes"),
        (["--appendfsync", "no"], "warning", "appendfsync is no", "appendfsync everysec"),
        (["--maxmemory-policy", "allkeys-lru"], "warning", "allkeys-lru: it deletes live sessions", "noeviction"),
        (["--maxmemory-policy", "volatile-ttl"], "warning", "volatile-ttl: it deletes the nodes' leases", "noeviction"),
        (["--maxmemory", "1"], "error", "refuses to write: ", "memory"),
        (["--cluster-enabled", "yes", "--cluster-port", "free"], "error", "node of a cluster", "redis+cluster://"),
    ],
)
async def test_a_setting_that_breaks_a_promise(
    start: Start, options: list[str], severity: str, problem: str, remedy: str
) -> None:
    told = await told_of(start(*(str(free_port()) if option == "free" else option for option in options)).url)
    begins = f"{severity}: redis_url: "
    assert any(line.startswith(begins) and problem in line and remedy in line for line in told), told


async def test_a_replica_is_refused(start: Start) -> None:
    replica = start("--replicaof", "127.0.0.1", str(start().port))
    told = await told_of(replica.url)
    assert any(line.startswith("error: ") and "replica" in line and "primary" in line for line in told), told


@pytest.mark.parametrize(
    ("rules", "missing"),
    [
        (["~*", "+@all", "-@scripting"], ["eval", "evalsha"]),
        (["~*", "+@all", "-client|kill"], ["client|kill"]),
        (["~*", "+@read", "+@connection", "+info"], ["hset", "eval", "sadd", "rename"]),
        (["~*", "+@all", "-info"], ["info"]),
        (["~session:*", "~owner:*", "+@all"], ["~node:*", "~nodes", "~history:*"]),
        (["~cache:*", "+@all"], ["~session:*", "~owner:*", "~node:*"]),
        (["%R~*", "+@all"], ["~session:*"]),
    ],
)
async def test_a_user_without_the_rights_it_needs(start: Start, rules: list[str], missing: list[str]) -> None:
    redis = start()
    assert redis.command("ACL", "SETUSER", "player", "on", ">geheim", *rules) == b"+OK\r\n"
    told = await told_of(f"redis://player:geheim@127.0.0.1:{redis.port}/0")
    (line,) = [line for line in told if "may not use" in line]
    assert line.startswith("error: redis_url: ") and "ACL SETUSER" in line and "geheim" not in line
    assert [word for word in missing if word not in line] == [], line


async def test_a_user_that_may_not_even_ask_whether_the_server_is_there(start: Start) -> None:
    redis = start()
    assert redis.command("ACL", "SETUSER", "player", "on", ">x", "~*", "+@all", "-ping") == b"+OK\r\n"
    (line,) = await told_of(f"redis://player:x@127.0.0.1:{redis.port}/0")
    assert line.startswith("error: redis_url: cannot be used: ") and "ping" in line and "ACL SETUSER" in line


async def test_the_rights_that_we_name_are_enough(start: Start) -> None:
    redis = start()
    rules = ["~*", "+@all", "-@dangerous", "+info", "+client"]
    assert redis.command("ACL", "SETUSER", "player", "on", ">x", *rules) == b"+OK\r\n"
    assert await told_of(f"redis://player:x@127.0.0.1:{redis.port}/0") == []


async def test_a_wrong_password_a_wrong_database_and_a_wrong_kind_of_server(start: Start) -> None:
    redis = start()
    assert redis.command("CONFIG", "SET", "requirepass", "right") == b"+OK\r\n"
    for url, problem in (
        (f"redis://:geheim@127.0.0.1:{redis.port}/0", "password"),
        (f"redis://127.0.0.1:{redis.port}/0", "Authentication required"),
        (f"redis://:right@127.0.0.1:{redis.port}/99", "DB index"),
        (f"redis+cluster://:right@127.0.0.1:{redis.port}", "cluster support disabled"),
        (f"redis+sentinel://:right@127.0.0.1:{redis.port}/service", "no sentinel"),
        (f"rediss://:right@127.0.0.1:{redis.port}/0", "cannot be used"),
        (f"redis://127.0.0.1:{free_port()}/0", "Connect call failed"),
        ("redis://nowhere.invalid/0", "nowhere.invalid"),
    ):
        (line,) = await told_of(url)
        assert line.startswith("error: redis_url: ") and "GAMESERVER_REDIS_URL" in line, line
        assert problem.lower() in line.lower() or "Connection refused" in line, (problem, line)
        assert "geheim" not in line


async def test_one_that_does_not_answer_is_waited_for_no_longer_than_a_call_takes(own_redis: RunningRedis) -> None:
    own_redis.pause()
    (line,) = await told_of(own_redis.url)
    own_redis.go_on()
    assert line.startswith("error: redis_url: cannot be used: the deadline passed")


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"redis_version": "6.2.14"}, ["error: its version is 6.2.14"]),
        ({"redis_version": "7.0.0"}, []),
        ({"redis_version": "7.2.4", "valkey_version": "9.1.0"}, []),
        ({"redis_mode": "sentinel"}, ["error: this is a sentinel"]),
        ({"used_memory": 95, "maxmemory": 100}, ["warning: 95 % of its maxmemory"]),
    ],
)
def test_what_no_server_here_can_be(about: dict[str, object], said: list[str]) -> None:
    found = list(findings(RedisFacts(abouts=[dict(about)]), is_cluster=False))
    assert len(found) == len(said)
    for finding, start_of_it in zip(found, said, strict=True):
        assert f"{finding.severity}: {finding.problem}".startswith(start_of_it)


@pytest.mark.parametrize(("ahead_s", "lines"), [(1.0, 0), (-1.0, 0), (3.0, 1), (-90.0, 1)])
def test_a_clock_that_is_elsewhere(ahead_s: float, lines: int) -> None:
    assert len(list(findings(RedisFacts(ahead_s=ahead_s), is_cluster=False))) == lines

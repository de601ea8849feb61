"""All faults, and how much of each is played: in scripts/test, and for the table in docs/reliability.md."""

from __future__ import annotations

from gameserver.failpoints import Failpoint
from tests.faults.breakages.failpoints import failpoint
from tests.faults.breakages.players import crowd_of_logins, cut_sockets, hoard_the_unsavable, trades_while_killing
from tests.faults.breakages.redis import (
    empty_redis,
    empty_redis_and_kill_server,
    evict_sessions,
    fail_over,
    kill_redis,
)
from tests.faults.breakages.servers import (
    kill_both,
    kill_server,
    sigterm,
    start_beside,
    stop_and_continue,
    wake_without_redis,
)
from tests.faults.breakages.sql import cut_commit, refuse_one_session, restore_older_sql, stop_sql
from tests.faults.breakages.versions import TakeTurns
from tests.faults.scene import Fault


def _fault_of(point: Failpoint) -> Fault:
    nodes = 2 if point.startswith("discard.") else 1
    return Fault(f"failpoint:{point}", failpoint(point), suite=1, docs=3, nodes=nodes, bots=6)


_turns = TakeTurns()

FAULTS = {
    fault.name: fault
    for fault in (
        Fault("kill-server", kill_server, suite=5, docs=200),
        *(_fault_of(point) for point in Failpoint),
        Fault("kill-redis", kill_redis, suite=3, docs=100),
        Fault("kill-both", kill_both, suite=3, docs=50),
        Fault("empty-redis", empty_redis, suite=2, docs=30),
        Fault("empty-redis-and-kill-server", empty_redis_and_kill_server, suite=2, docs=30),
        Fault("evict-sessions", evict_sessions, suite=2, docs=30),
        Fault("sentinel-failover", fail_over, suite=1, docs=20, sentinels=True),
        Fault("stop-sql", stop_sql, suite=1, docs=5),
        Fault("cut-commit", cut_commit, suite=5, docs=100, trade_share=0.8),
        Fault("unsavable-session", refuse_one_session, suite=1, docs=30),
        Fault("restore-older-sql", restore_older_sql, suite=2, docs=30, trade_share=0.5),
        Fault("two-versions", _turns.strike, suite=1, docs=30, afterwards=_turns.check),
        Fault("stop-and-continue", stop_and_continue, suite=1, docs=30, nodes=2, bots=10),
        Fault("wake-without-redis", wake_without_redis, suite=1, docs=30, nodes=2, bots=10),
        Fault("start-beside", start_beside, suite=2, docs=30, bots=12, trade_share=0.9),
        Fault("sigterm", sigterm, suite=2, docs=20, bots=24, alone=True),
        Fault("crowd-of-logins", crowd_of_logins, suite=3, docs=200, nodes=2, bots=4, alone=True),
        Fault(
            "trades-while-killing",
            trades_while_killing,
            suite=500,
            docs=50_000,
            unit="trades",
            bots=24,
            trade_share=0.9,
        ),
        Fault("hoard-the-unsavable", hoard_the_unsavable, suite=2, docs=30, bots=4),
        Fault("cut-sockets", cut_sockets, suite=1, docs=20),
    )
}

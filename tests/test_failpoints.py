from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from gameserver import failpoints
from gameserver.failpoints import Failpoint, Guard, arm, is_off, reach


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    arm({})


def test_nothing_happens_unless_armed() -> None:
    arm({})
    for point in Failpoint:
        reach(point)
    assert not any(is_off(guard) for guard in Guard)


def test_a_process_dies_the_named_time_it_gets_there() -> None:
    program = (
        "from gameserver.failpoints import *; from gameserver.failpoints import arm; import os; arm(os.environ)\n"
        "for time in range(1, 5):\n"
        "    reach(Failpoint.REMOVE_AFTER)\n"
        "    reach(Failpoint.SAVE_AFTER_SQL)\n"
        "    print(time, flush=True)\n"
    )
    environment = {**os.environ, "GAMESERVER_FAILPOINT": "save.after_sql:3"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()[-2:]) == (-signal.SIGKILL, ["1", "2"])


def test_a_guard_is_taken_away_only_with_the_permission() -> None:
    with pytest.raises(ValueError, match="GAMESERVER_ALLOW_SABOTAGE=1"):
        arm({"GAMESERVER_SABOTAGE": "save_guard"})
    assert not is_off(Guard.SAVE_GUARD)
    arm({"GAMESERVER_SABOTAGE": "save_guard", failpoints.PERMISSION: "1"})
    assert is_off(Guard.SAVE_GUARD)
    assert not is_off(Guard.KEY_FENCE)


@pytest.mark.parametrize("variable", ["GAMESERVER_FAILPOINT", "GAMESERVER_SABOTAGE"])
def test_a_name_that_is_none_is_refused(variable: str) -> None:
    with pytest.raises(ValueError, match="no_such_name"):
        arm({variable: "no_such_name", failpoints.PERMISSION: "1"})

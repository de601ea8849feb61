"""Fixtures every test may use. The servers are real ones, started once a run, each in a folder of its own."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from gameserver.edge import wire

ROOT = Path(__file__).parents[1]
# What the tests start is of this tree, too, and not of the one that is installed: scripts/test --compiled has a copy.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))

# A shell that runs the tests in the background lets them ignore SIGINT, and what they start would ignore it, too.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is no failure: how long an example takes is not what these tests are about.
settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("calm")

pytest_plugins = [
    "tests.servers.mariadb",
    "tests.servers.redis",
    "tests.servers.sentinel",
    "tests.servers.cluster",
    "tests.servers.game",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if wire.__file__.endswith(".py"):
        return
    for item in items:
        if item.get_closest_marker("plain"):
            item.add_marker(pytest.mark.skip(reason="this copy is compiled, and the test is about plain code"))

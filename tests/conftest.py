"""Fixtures every test may use. The servers are real ones, started once a run, each in a folder of its own."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

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

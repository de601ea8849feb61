"""Fixtures every test may use. The servers are real ones, started once a run, each in a folder of its own."""

from __future__ import annotations

pytest_plugins = ["tests.servers.mariadb", "tests.servers.redis", "tests.servers.game"]

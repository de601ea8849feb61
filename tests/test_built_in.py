"""The services that "gameserver check" looks at are those that a node is given."""

from __future__ import annotations

from pathlib import Path

from gameserver.built_in import SERVICES, built_in_services
from gameserver.config import Settings
from gameserver.sql.database import Database


def test_a_node_has_one_of_each_service(tmp_path: Path) -> None:
    services = built_in_services(Settings(), Database(f"sqlite:///{tmp_path}/unopened.db", pool_size=1, timeout_s=1.0))
    assert tuple(type(service) for service in services) == SERVICES

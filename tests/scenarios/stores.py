"""Looks into the real stores past the server, as an operator or a checker would."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import pymysql
import redis

Found = TypeVar("Found")


class Stores:
    """Redis and MariaDB of one running server."""

    def __init__(self, redis_url: str, sql_url: str):
        self.redis = redis.Redis.from_url(redis_url, decode_responses=True)
        rest = sql_url.split("://", 1)[1]
        user_at, _, place = rest.rpartition("@")
        user, _, password = user_at.partition(":")
        host_port, _, name = place.partition("/")
        host, _, port = host_port.partition(":")
        self._sql = pymysql.connect(
            host=host,
            port=int(port or 3306),
            user=user,
            password=password,
            database=name.partition("?")[0],
            autocommit=True,
        )

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._sql.cursor() as cursor:
            cursor.execute(query, values)
            return list(cursor.fetchall())

    def profile(self, player_id: int) -> dict[str, Any]:
        columns = "epoch, saved_seq, inventory_seq, zone, x, y"
        row = self.rows(f"SELECT {columns} FROM profile WHERE player_id = %s", player_id)[0]
        return dict(zip(columns.split(", "), row, strict=True))

    def inventory(self, player_id: int) -> dict[str, int]:
        found = self.rows("SELECT item, quantity FROM inventory WHERE player_id = %s AND quantity > 0", player_id)
        return {item.decode() if isinstance(item, bytes) else item: quantity for item, quantity in found}

    def owner(self, player_id: int) -> dict[str, str]:
        found: dict[str, str] = self.redis.hgetall(f"owner:{{{player_id}}}")  # type: ignore[assignment]
        return found

    def session(self, player_id: int) -> dict[str, str]:
        """The live session's hash; empty when there is none."""
        epoch = self.owner(player_id).get("epoch")
        found: dict[str, str] = self.redis.hgetall(f"session:{{{player_id}}}:{epoch}") if epoch else {}  # type: ignore[assignment]
        return found

    def close(self) -> None:
        self.redis.close()
        self._sql.close()


def eventually(look: Callable[[], Found], patience_s: float = 10.0) -> Found:
    """Call ``look`` until its result is truthy, and return that. Blocks: for the server's own background work."""
    until = time.monotonic() + patience_s
    while not (found := look()):
        assert time.monotonic() < until, f"not within {patience_s} s"
        time.sleep(0.05)
    return found

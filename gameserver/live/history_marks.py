"""Each node's progress in a history of the SQL database, as Redis was told after the commits.

Law: Redis is told of a commit only after it, so a mark here that is above SQL's proves that SQL was set back.
"""

from __future__ import annotations

from gameserver.live import keys
from gameserver.live.key_types import command_on
from gameserver.protocol.ids import NodeId
from gameserver.store.connection import Store

_COMMITS, _BEATS = "commits", "beats"


class HistoryMarks:
    """Every method raises StoreUnavailable and may then be called again."""

    def __init__(self, store: Store):
        self._store = store

    async def read(self, history: str) -> dict[NodeId, tuple[int, int]]:
        """Return the commits and the beats of each node."""
        fields: dict[str, str] = await command_on(self._store, "read_marks", "HGETALL", keys.history(history))
        found: dict[NodeId, dict[str, int]] = {}
        for field, value in fields.items():
            node, _, what = field.rpartition(":")
            found.setdefault(NodeId(node), {})[what] = keys.number(value) or 0
        return {node: (marks.get(_COMMITS, 0), marks.get(_BEATS, 0)) for node, marks in found.items()}

    async def tell(self, history: str, node: NodeId, commits: int, beats: int) -> None:
        """Set the node's own marks; the caller knows that both are committed."""
        fields = (f"{node}:{_COMMITS}", commits, f"{node}:{_BEATS}", beats)
        await command_on(self._store, "tell_marks", "HSET", keys.history(history), *fields)

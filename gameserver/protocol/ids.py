"""Distinct types for the identifiers of the system, so that a player is never passed where an entity is meant."""

from __future__ import annotations

from typing import NewType

PlayerId = NewType("PlayerId", int)
"""An account's row id; the same for ever."""

EntityId = NewType("EntityId", int)
"""Something in a zone, u32 on the wire; unique within the zone while the node runs."""

ConnectionId = NewType("ConnectionId", int)
"""One socket: the edge process (24 random bits) << 40 | a counter. Fits 64 bits, and is never used twice."""

Epoch = NewType("Epoch", int)
"""Rises with every claim of a player's profile; issued by SQL."""

NodeId = NewType("NodeId", str)
"""One server process; the same after a restart."""

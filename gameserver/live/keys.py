"""Every key of the store is spelled here and nowhere else. The doubled braces below are one brace in the key: all keys
of a player share the hash tag ``{<player>}``, so a script over them stays in one slot of a Redis Cluster.

key                         type     what
session:{<player>}:<epoch>  hash     the live session; the name is the fence: an older epoch writes where nobody reads
owner:{<player>}            hash     epoch, node, zone, history: which session of the player is the live one
foreign:{<player>}:<history>:<epoch>  hash  a session of another history of SQL, set aside; nobody reads it
history:<history>           hash     <node>:commits, <node>:beats: how far each node has come in this history of SQL
node:<node>                 string   the node's lease, holds the instance; the only key that expires
node:<node>:sessions        set      <player>:<epoch> of each session the node owns
nodes                       set      ids of the nodes ever seen
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from gameserver.protocol.ids import Epoch, NodeId, PlayerId

NODES = "nodes"
DIGITS_MAX: Final = 15  # Lua counts in doubles, which are exact up to there

SCRIPTS: Final = Path(__file__).with_name("scripts")
"""The folder of the Lua scripts over these keys."""


def session(player: PlayerId, epoch: Epoch) -> str:
    return f"session:{{{player}}}:{epoch}"


def owner(player: PlayerId) -> str:
    return f"owner:{{{player}}}"


def foreign(player: PlayerId, history: str, epoch: Epoch) -> str:
    """Return the key under which a session of another history of SQL is set aside, for people to look at."""
    return f"foreign:{{{player}}}:{history or 'unknown'}:{epoch}"


def history(name: str) -> str:
    return f"history:{name}"


def node(node: NodeId) -> str:
    return f"node:{node}"


def node_sessions(node: NodeId) -> str:
    return f"node:{node}:sessions"


def node_session(player: PlayerId, epoch: Epoch) -> str:
    """A member of ``node:<node>:sessions``. It names the epoch, so that the end of an old session, however late, never
    takes the player's newer session off the list of the same node."""
    return f"{player}:{epoch}"


def epoch_of(member: str) -> Epoch:
    """The epoch of a member of ``node:<node>:sessions``."""
    return Epoch(int(member.partition(":")[2]))


def player_of(member: str) -> PlayerId:
    """The player of a member of ``node:<node>:sessions``."""
    return PlayerId(int(member.partition(":")[0]))


def is_node_session(member: str) -> bool:
    """Return whether somebody of ours put the member on the list."""
    return all(number(part) is not None for part in member.split(":", 1)) and ":" in member


def number(text: str | bytes) -> int | None:
    """Return the number in a field; None for whatever no node has written. The scripts see the same."""
    is_ours = text.isdigit() and text.isascii() and len(text) <= DIGITS_MAX
    return int(text) if is_ours else None

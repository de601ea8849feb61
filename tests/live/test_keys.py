"""Keys are spelled as the design's table spells them, and scripts find a player's keys in one slot."""

from __future__ import annotations

from gameserver.live import keys
from gameserver.protocol.ids import Epoch, NodeId, PlayerId

PLAYER, EPOCH, NODE = PlayerId(5), Epoch(7), NodeId("a")


def test_keys_are_spelled_as_documented() -> None:
    assert keys.session(PLAYER, EPOCH) == "session:{5}:7"
    assert keys.owner(PLAYER) == "owner:{5}"
    assert keys.node(NODE) == "node:a"
    assert keys.node_sessions(NODE) == "node:a:sessions"


def test_the_keys_of_a_player_share_a_hash_tag() -> None:
    tags = {key[key.index("{") : key.index("}") + 1] for key in (keys.session(PLAYER, EPOCH), keys.owner(PLAYER))}
    assert tags == {"{5}"}


def test_the_player_of_a_list_entry_is_read_back() -> None:
    assert keys.player_of(keys.node_session(PLAYER, EPOCH)) == PLAYER

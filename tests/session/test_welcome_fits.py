"""A welcome fits what may wait for one client, however much a game keeps: who is let in can be told so."""

from __future__ import annotations

from typing import Any

import msgspec

from gameserver.chat.history import LINES_BYTES_MAX, ChatHistory
from gameserver.config import Settings
from gameserver.edge.limits import limits_of
from gameserver.protocol.codec import encode_text
from gameserver.protocol.constants import CHAT_LENGTH_MAX
from gameserver.protocol.ids import EntityId, PlayerId
from gameserver.protocol.label import LABEL_LENGTH_MAX
from gameserver.protocol.messages import ChatLine, Welcome, ZoneDescription
from gameserver.protocol.world_frame import LAYOUT
from gameserver.simulation.declared import KINDS_MAX as ENTITY_KINDS_MAX
from gameserver.world.inventory import KIND_NAMES_BYTES_MAX, KINDS_MAX, QUANTITY_MAX
from gameserver.world.state_rules import STATE_BYTES_MAX

WIDE = "\U0001f409"  # four bytes


def fullest() -> Welcome:
    """Make the largest possible welcome, with as much chat as one welcome takes."""
    long_name = WIDE * LABEL_LENGTH_MAX
    kind_bytes = KIND_NAMES_BYTES_MAX // KINDS_MAX
    history: Any = ChatHistory.__new__(ChatHistory)
    history._zones = {"yard": [ChatLine("zone", long_name, WIDE * CHAT_LENGTH_MAX, 2**42)] * 200}
    return Welcome(
        player_id=PlayerId(2**53),
        entity_id=EntityId(2**32 - 1),
        name=long_name,
        resume_token="x" * 256,
        guest_token="x" * 256,
        resumed=True,
        last_seq=2**53,
        tick=2**53,
        tick_hz=120,
        grace_ms=10**9,
        zone=ZoneDescription(long_name, 1e6, 1e6, 1e6),
        kinds=[long_name] * ENTITY_KINDS_MAX,
        layout=LAYOUT,
        x=1 / 3 * 1e6,
        y=1 / 3 * 1e6,
        inventory={f"{number:0{kind_bytes}}": QUANTITY_MAX for number in range(KINDS_MAX)},
        chat=history.last("yard"),
        state={"text": "x" * STATE_BYTES_MAX},
    )


def test_the_fullest_welcome_fits() -> None:
    welcome = fullest()
    assert len(welcome.chat) == LINES_BYTES_MAX // len(msgspec.json.encode(welcome.chat[0]))
    assert len(encode_text(welcome)) < limits_of(Settings()).outbox_bytes_max

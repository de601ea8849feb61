"""Numbers and names of the wire that both ends must agree on, each in one place. Pure."""

from __future__ import annotations

from typing import Final

SUBPROTOCOL: Final = "gameserver.v1"
SEQ_MAX: Final = 2**53 - 1  # the largest whole number that every JSON reader keeps exact
ANSWERS_MAX: Final = 32  # actions without an answer at once; the server remembers as many answers for a resend
CHAT_LENGTH_MAX: Final = 300  # characters
DESCRIBE_MAX: Final = 64  # ids in one ``describe``

"""A refusal as the message that tells the client. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from gameserver.protocol.constants import SEQ_MAX
from gameserver.protocol.errors import Refusal
from gameserver.protocol.messages import Refused


class _Numbered(msgspec.Struct):
    seq: Any = None


_decoder = msgspec.json.Decoder(_Numbered)


def refused(refusal: Refusal, text: bytes = b"") -> Refused:
    """``text`` is the message refused; its seq is named, if one can be read, so that the client knows which it was."""
    return Refused(refusal.code.value, refusal.reason, seq_in(text), refusal.field, refusal.retry_after_ms)


def seq_in(text: bytes) -> int | None:
    try:
        seq = _decoder.decode(text).seq
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return seq if type(seq) is int and 1 <= seq <= SEQ_MAX else None

"""Every number that bounds a client at the edge.

Law: before its sign-in no client holds more memory, or costs more time, than these limits allow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gameserver.config import Settings

HEAD_BYTES_MAX: Final = 16 * 1024
SHORT_FRAME_BYTES_MAX: Final = 125  # the longest payload whose length fits a WebSocket frame's second byte


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeLimits:
    """The limits, each with what happens beyond it. A limit that is a setting has its name, and no default here."""

    connections_max: int  # WebSockets; beyond: HTTP 503
    messages_per_s: float  # frames of any kind, on average; beyond: refused, too_many
    message_burst: int  # saved up while quiet
    message_bytes_max: int  # a message, fragments added up; beyond: closed, too_big
    sign_in_timeout_s: float  # until the first message; beyond: closed, no_login
    ping_interval_s: float
    pong_timeout_s: float  # since the last pong; beyond: closed, no_pong
    waiting_sockets_max: int = 256  # sockets that are no WebSocket (yet), beyond connections_max; beyond: 503, closed
    sign_ins_max: int = 256  # sign-ins under way; beyond: refused, try_later
    head_bytes_max: int = HEAD_BYTES_MAX  # an HTTP request; beyond: 431
    too_many_per_s: float = 10.0  # refusals for too many messages, on average; beyond: closed, flood
    too_many_burst: int = 200
    sign_in_attempts_max: int = 10  # refused sign-ins of one connection; the last one: closed, too_many_attempts
    handshake_s: float = 5.0  # until a whole HTTP request; beyond: 408
    another_attempt_s: float = 60.0  # after a sign-in was refused, for the person to type; beyond: closed, no_login
    sign_in_s: float = 10.0  # accounts may take; beyond: refused, try_later
    opening_s: float = 15.0  # the host may take; beyond: closed, internal
    closing_s: float = 2.0  # for the peer to answer our close frame; beyond: aborted
    response_s: float = 10.0  # for the peer to read an HTTP response; beyond: aborted
    read_bytes: int = 16 * 1024  # read of a client at once, once a tick; beyond: waits in the kernel
    read_within_s: float = 0.05  # how long players wait to be read if no tick asks for it
    discarded_bytes_max: int = 256 * 1024  # read and dropped while closing; beyond: not read any more
    send_buffer_bytes: int = 64 * 1024  # the kernel's, so that it does not hide a slow client (Linux doubles it)
    high_water_bytes: int = 64 * 1024  # waiting in the process for the kernel; beyond: world frames are skipped
    low_water_bytes: int = 16 * 1024  # below: one full view is asked for
    outbox_bytes_max: int = 256 * 1024  # waiting in the process; beyond: closed, slow_client
    sweep_every_s: float = 0.25  # how often deadlines are looked at

    def __post_init__(self) -> None:
        if self.message_bytes_max < SHORT_FRAME_BYTES_MAX:
            raise ValueError(f"message_bytes_max must be at least {SHORT_FRAME_BYTES_MAX}")
        if not self.low_water_bytes < self.high_water_bytes <= self.outbox_bytes_max:
            raise ValueError("low_water_bytes < high_water_bytes <= outbox_bytes_max must hold")


def limits_of(settings: Settings) -> EdgeLimits:
    """Return the limits with what the operator set."""
    return EdgeLimits(
        connections_max=settings.connections_max,
        messages_per_s=settings.messages_per_s,
        message_burst=settings.message_burst,
        message_bytes_max=settings.message_bytes_max,
        sign_in_timeout_s=settings.sign_in_timeout_s,
        ping_interval_s=settings.ping_interval_s,
        pong_timeout_s=settings.pong_timeout_s,
    )

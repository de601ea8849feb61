"""The parts of a player's tick that handle single bytes or make a system call for each socket: in C where the server is
compiled (see setup.py), else in Python. Both do the same, and a test compares them."""

from __future__ import annotations

from gameserver.speedups.plain import SEND_BYTES

try:
    from gameserver.speedups.in_c import fill, lay_out, prefetched, read_ready, whole_text
except ImportError:
    from gameserver.speedups.plain import fill, lay_out, prefetched, read_ready, whole_text

__all__ = ["SEND_BYTES", "fill", "lay_out", "prefetched", "read_ready", "whole_text"]

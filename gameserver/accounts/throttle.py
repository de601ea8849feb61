"""How often one may try: token buckets per name and per address. Pure: the time is an argument.

Laws: memory is bounded, the least recently used bucket goes first; a guess is paid for before it is checked, so that
many at once cannot slip through, and given back if it was right.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from typing import NamedTuple

ADDRESS_SHARE = 10  # an address may guess this many times as often as a name is guessed at: many people share one
KEYS_MAX = 10_000  # buckets of each sort; about 2 MB


class Bucket(NamedTuple):
    tokens: float
    at_s: float  # when it held them


class Buckets:
    """One bucket per key, of ``per_minute`` tokens, refilled evenly over a minute; full when first seen."""

    def __init__(self, per_minute: int, keys_max: int = KEYS_MAX):
        self._size = float(per_minute)
        self._per_s = per_minute / 60
        self._keys_max = keys_max
        self._buckets: OrderedDict[str | bytes, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait_ms(self, key: str | bytes, now_s: float) -> int:
        """Milliseconds until a token is there; 0 if one is."""
        tokens = self._tokens(key, now_s)
        return 0 if tokens >= 1 else max(1, math.ceil((1 - tokens) / self._per_s * 1000))

    def take(self, key: str | bytes, now_s: float) -> None:
        """Take one token; the bucket does not go below empty."""
        self._set(key, max(0.0, self._tokens(key, now_s) - 1), now_s)

    def give_back(self, key: str | bytes, now_s: float) -> None:
        self._set(key, min(self._size, self._tokens(key, now_s) + 1), now_s)

    def _tokens(self, key: str | bytes, now_s: float) -> float:
        bucket = self._buckets.get(key)
        if bucket is None:
            return self._size
        return min(self._size, bucket.tokens + (now_s - bucket.at_s) * self._per_s)

    def _set(self, key: str | bytes, tokens: float, now_s: float) -> None:
        self._buckets[key] = Bucket(tokens, now_s)
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._keys_max:
            self._buckets.popitem(last=False)


class Throttle:
    """The rules of signing in. Each question answers 0 (yes), or the milliseconds to wait."""

    def __init__(
        self, *, wrong_passwords_per_minute: int = 10, sign_ups_per_minute: int = 600, keys_max: int = KEYS_MAX
    ):
        self._guesses_at = Buckets(wrong_passwords_per_minute, keys_max)
        self._guesses_from = Buckets(wrong_passwords_per_minute * ADDRESS_SHARE, keys_max)
        self._sign_ups_from = Buckets(sign_ups_per_minute, keys_max)

    def guess(self, name_key: bytes, address: str, now_s: float) -> int:
        """May this password be checked? If so it is paid for; give it back unless it was wrong."""
        origin = address_key(address)
        wait_ms = max(self._guesses_at.wait_ms(name_key, now_s), self._guesses_from.wait_ms(origin, now_s))
        if not wait_ms:
            self._guesses_at.take(name_key, now_s)
            self._guesses_from.take(origin, now_s)
        return wait_ms

    def give_back(self, name_key: bytes, address: str, now_s: float) -> None:
        """The guess was right, or never checked."""
        self._guesses_at.give_back(name_key, now_s)
        self._guesses_from.give_back(address_key(address), now_s)

    def show_token(self, address: str, now_s: float) -> int:
        """May this address show a guest token? Costs nothing: tokens cannot be guessed, only wrong ones count."""
        return self._guesses_from.wait_ms(address_key(address), now_s)

    def wrong_token(self, address: str, now_s: float) -> None:
        self._guesses_from.take(address_key(address), now_s)

    def sign_up(self, address: str, now_s: float) -> int:
        """May this address make another account or guest? If so it is paid for."""
        origin = address_key(address)
        wait_ms = self._sign_ups_from.wait_ms(origin, now_s)
        if not wait_ms:
            self._sign_ups_from.take(origin, now_s)
        return wait_ms


def address_key(address: str) -> str:
    """Who counts as one: an IPv4 address, or the /64 that one IPv6 customer gets whole."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((int(ip) >> 64 << 64, 64)))

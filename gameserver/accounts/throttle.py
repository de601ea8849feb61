"""Limits on attempts to sign in, kept as token buckets. Pure: the time is an argument.

Laws: memory is bounded, the least recently used bucket goes first. A guess is paid for before it is checked, so that
many at once cannot slip through, and given back if it was right. Nobody can keep a name from signing in at an address
that signed it in before: such an address spends from a budget of its own, and no other budget counts there.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

WIDE = 10  # a name from all addresses, and an address at all names, may be wrong this many times as often as a pair
KEYS_MAX = 10_000  # buckets of each sort; about 2 MB
PAIRS_MAX = 50_000  # names and the addresses that signed them in; about 10 MB
NAMES_MAX = 32  # of them with one address

Key = str | bytes | tuple[bytes, str]


class Bucket(NamedTuple):
    tokens: float
    at_s: float  # when it held them


class Buckets:
    """One bucket per key, of ``per_minute`` tokens, refilled evenly over a minute; full when first seen."""

    def __init__(self, per_minute: int, keys_max: int = KEYS_MAX):
        self._size = float(per_minute)
        self._per_s = per_minute / 60
        self._keys_max = keys_max
        self._buckets: OrderedDict[Key, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait_ms(self, key: Key, now_s: float) -> int:
        """Milliseconds until a token is there; 0 if one is."""
        tokens = self._tokens(key, now_s)
        return 0 if tokens >= 1 else max(1, math.ceil((1 - tokens) / self._per_s * 1000))

    def take(self, key: Key, now_s: float) -> None:
        """Take one token; the bucket does not go below empty."""
        self._set(key, max(0.0, self._tokens(key, now_s) - 1), now_s)

    def give_back(self, key: Key, now_s: float) -> None:
        self._set(key, min(self._size, self._tokens(key, now_s) + 1), now_s)

    def _tokens(self, key: Key, now_s: float) -> float:
        bucket = self._buckets.get(key)
        if bucket is None:
            return self._size
        return min(self._size, bucket.tokens + (now_s - bucket.at_s) * self._per_s)

    def _set(self, key: Key, tokens: float, now_s: float) -> None:
        self._buckets[key] = Bucket(tokens, now_s)
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._keys_max:
            self._buckets.popitem(last=False)


class Familiar:
    """The names that each address has signed in before. Kept in memory only: a restart forgets them.

    Bounds: ``pairs_max`` in all; the address that signed in longest ago goes first, with its names. NAMES_MAX for each
    address, so that one with many accounts displaces its own."""

    def __init__(self, pairs_max: int = PAIRS_MAX):
        self._pairs_max = pairs_max
        self._names: OrderedDict[str, OrderedDict[bytes, None]] = OrderedDict()
        self._pairs = 0

    def __len__(self) -> int:
        return self._pairs

    def knows(self, name_key: bytes, origin: str) -> bool:
        return name_key in self._names.get(origin, ())

    def note(self, name_key: bytes, origin: str) -> None:
        names = self._names.setdefault(origin, OrderedDict())
        self._names.move_to_end(origin)
        if name_key not in names:
            names[name_key] = None
            self._pairs += 1
        names.move_to_end(name_key)
        if len(names) > NAMES_MAX:
            names.popitem(last=False)
            self._pairs -= 1
        while self._pairs > self._pairs_max:
            self._pairs -= len(self._names.popitem(last=False)[1])


class Attempt(NamedTuple):
    """A sign-in that may go on when ``wait_ms`` is 0, and the buckets that it was paid from."""

    wait_ms: int
    paid: Sequence[tuple[Buckets, Key]] = ()


class Throttle:
    """The rules of signing in. Each question answers 0 (yes), or the milliseconds to wait."""

    def __init__(
        self, *, wrong_passwords_per_minute: int = 10, sign_ups_per_minute: int = 600, keys_max: int = KEYS_MAX
    ):
        strict, wide = wrong_passwords_per_minute, wrong_passwords_per_minute * WIDE
        self._guesses_by_pair = Buckets(strict, keys_max)
        self._guesses_at = Buckets(wide, keys_max)
        self._guesses_from = Buckets(wide, keys_max)
        self._guesses_by_familiar = Buckets(wide, keys_max)
        self._tokens_from = Buckets(wide, keys_max)
        self._sign_ups_from = Buckets(sign_ups_per_minute, keys_max)
        self._familiar = Familiar()

    def guess(self, name_key: bytes, address: str, now_s: float) -> Attempt:
        """May this password be checked? If so it is paid for; give it back unless it was wrong."""
        origin = address_key(address)
        pair = (name_key, origin)
        if self._familiar.knows(name_key, origin):  # what others do must not keep it out
            return _pay(now_s, (self._guesses_by_familiar, pair))
        return _pay(now_s, (self._guesses_by_pair, pair), (self._guesses_at, name_key), (self._guesses_from, origin))

    def give_back(self, attempt: Attempt, now_s: float) -> None:
        """The guess was right, or never checked."""
        for buckets, key in attempt.paid:
            buckets.give_back(key, now_s)

    def signed_in(self, name_key: bytes, address: str) -> None:
        """The name's owner uses this address."""
        self._familiar.note(name_key, address_key(address))

    def show_token(self, address: str, now_s: float) -> int:
        """May this address show a guest token? Costs nothing: tokens cannot be guessed, only wrong ones count."""
        return self._tokens_from.wait_ms(address_key(address), now_s)

    def wrong_token(self, address: str, now_s: float) -> None:
        self._tokens_from.take(address_key(address), now_s)

    def sign_up(self, address: str, now_s: float) -> int:
        """May this address make another account or guest? If so it is paid for."""
        return _pay(now_s, (self._sign_ups_from, address_key(address))).wait_ms


def _pay(now_s: float, *costs: tuple[Buckets, Key]) -> Attempt:
    """Take one token from each, or none if one of them is empty."""
    wait_ms = max(buckets.wait_ms(key, now_s) for buckets, key in costs)
    if wait_ms:
        return Attempt(wait_ms)
    for buckets, key in costs:
        buckets.take(key, now_s)
    return Attempt(0, costs)


def address_key(address: str) -> str:
    """Return the address that is throttled as one client: an IPv4 address, or the /64 network of an IPv6 customer."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((int(ip) >> 64 << 64, 64)))

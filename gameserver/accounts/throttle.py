"""Limits on attempts to sign in, kept as token buckets. Pure: the time is an argument.

Laws: memory is bounded, the least recently used bucket goes first. A guess is paid for before it is checked, so that
many at once cannot slip through, and given back if it was right. Nobody can keep a name from signing in at an address
that signed it in before: such an address spends from a budget of its own, and no other budget counts there.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from gameserver.rate_limit import KEYS_MAX, TokenBuckets

WIDE = 10  # a name from all addresses, and an address at all names, may be wrong this many times as often as a pair
PAIRS_MAX = 50_000  # names and the addresses that signed them in; about 10 MB
NAMES_MAX = 32  # of them with one address

Key = str | bytes | tuple[bytes, str]


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
    paid: Sequence[tuple[TokenBuckets, Key]] = ()


class Throttle:
    """The rules of signing in. Each question answers 0 (yes), or the milliseconds to wait."""

    def __init__(
        self, *, wrong_passwords_per_minute: int = 10, sign_ups_per_minute: int = 600, keys_max: int = KEYS_MAX
    ):
        strict, wide = wrong_passwords_per_minute, wrong_passwords_per_minute * WIDE
        self._guesses_by_pair = _per_minute(strict, keys_max)
        self._guesses_at = _per_minute(wide, keys_max)
        self._guesses_from = _per_minute(wide, keys_max)
        self._guesses_by_familiar = _per_minute(wide, keys_max)
        self._tokens_from = _per_minute(wide, keys_max)
        self._sign_ups_from = _per_minute(sign_ups_per_minute, keys_max)
        self._familiar = Familiar()

    def guess(self, name_key: bytes, address: str, now_s: float) -> Attempt:
        """May this password be checked? If so it is paid for; give it back unless it was wrong."""
        origin = address_key(address)
        pair = (name_key, origin)
        if self._familiar.knows(name_key, origin):  # others must not keep it out
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


def _per_minute(tokens: int, keys_max: int) -> TokenBuckets:
    """Return buckets of so many tokens, each refilled within a minute."""
    return TokenBuckets(tokens / 60, tokens, keys_max)


def _pay(now_s: float, *costs: tuple[TokenBuckets, Key]) -> Attempt:
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

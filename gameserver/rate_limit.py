"""The one rate limit of the server: a bucket of tokens, alone or one for each key. Pure: the time is an argument.

A bucket holds ``burst`` tokens and gains ``rate_per_s`` of them a second, up to ``burst``. It starts full. It is stored
as one number: the time at which it will be full again (known as the generic cell rate algorithm). Times are seconds of
any clock. A clock that was set back fills the bucket, so that nobody waits for the clock to catch up.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

_ROUNDING_S: Final = 1e-6  # adding up seconds may be wrong by this much
KEYS_MAX: Final = 10_000  # buckets of one TokenBuckets; about 2 MB


class TokenBucket:
    """A budget of ``burst`` tokens, refilled evenly."""

    __slots__ = ("_full_at_s", "_missing_max_s", "_token_s")

    def __init__(self, rate_per_s: float, burst: int):
        self._token_s = 1.0 / rate_per_s  # seconds until a token is refilled
        self._missing_max_s = burst * self._token_s + _ROUNDING_S  # an empty bucket is full again in this time
        self._full_at_s = -math.inf

    def take(self, now_s: float) -> bool:
        """Take one token if there is one."""
        missing_s = self._missing_s(now_s) + self._token_s
        if missing_s > self._missing_max_s:
            return False
        self._full_at_s = now_s + missing_s
        return True

    def give_back(self, now_s: float) -> None:
        """Return one token that was taken."""
        self._full_at_s = now_s + self._missing_s(now_s) - self._token_s

    def wait_ms(self, now_s: float) -> int:
        """Return the milliseconds until there is a token; 0 if there is one."""
        late_s = self._missing_s(now_s) + self._token_s - self._missing_max_s
        return max(1, math.ceil(late_s * 1000)) if late_s > 0.0 else 0

    def _missing_s(self, now_s: float) -> float:
        """Return how long the bucket needs to be full."""
        missing_s = self._full_at_s - now_s
        if missing_s <= 0.0 or missing_s > self._missing_max_s + self._token_s:  # full, or the clock was set back
            return 0.0
        return missing_s


class TokenBuckets:
    """One bucket for each key. Bound: ``keys_max`` buckets; the least recently used one is forgotten, and is then full
    again."""

    def __init__(self, rate_per_s: float, burst: int, keys_max: int = KEYS_MAX):
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._keys_max = keys_max
        self._buckets: OrderedDict[Hashable, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: Hashable, now_s: float) -> bool:
        """Take one token of the key's bucket if there is one."""
        return self._bucket(key).take(now_s)

    def give_back(self, key: Hashable, now_s: float) -> None:
        """Return one token that was taken."""
        self._bucket(key).give_back(now_s)

    def wait_ms(self, key: Hashable, now_s: float) -> int:
        """Return the milliseconds until the key has a token; 0 if it has one."""
        bucket = self._buckets.get(key)
        return bucket.wait_ms(now_s) if bucket is not None else 0

    def _bucket(self, key: Hashable) -> TokenBucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(self._rate_per_s, self._burst)
            if len(self._buckets) > self._keys_max:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return bucket

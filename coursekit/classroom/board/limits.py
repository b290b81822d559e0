"""How much one learner, one address and one guesser may ask for: buckets that fill again at a steady rate."""

from __future__ import annotations

import math
from collections.abc import Hashable

MOST_KEYS = 10_000  # buckets kept at once


class Buckets:
    """One bucket a key: `burst` at once, then `rate` a second.

    >>> buckets = Buckets(rate=2, burst=1)
    >>> buckets.take("ada", now=0), buckets.take("ada", now=0), buckets.take("bo", now=0), buckets.take("ada", now=1)
    (0, 1, 0, 0)
    """

    def __init__(self, rate: float, burst: int):
        self.rate, self.burst = rate, burst
        self._left: dict[Hashable, tuple[float, float]] = {}

    def take(self, key: Hashable, now: float, count: int = 1) -> int:
        """0: taken. Else the whole seconds to wait. `count=0` only asks."""
        left, last = self._left.get(key, (self.burst, now))
        left = min(self.burst, left + (now - last) * self.rate)
        if left < max(count, 1):
            return math.ceil((1 - left) / self.rate)
        if key not in self._left and len(self._left) >= MOST_KEYS:
            self._drop_full(now)
        self._left[key] = (left - count, now)
        return 0

    def _drop_full(self, now: float) -> None:
        """Forget the keys whose bucket is full again; all of them, where none is."""
        kept = {k: v for k, v in self._left.items() if v[0] + (now - v[1]) * self.rate < self.burst}
        self._left = kept if len(kept) < MOST_KEYS else {}

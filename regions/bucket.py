"""A token bucket: so much a second, and so much at once."""

from math import ceil
from typing import Final

DEBT_MAX: Final = 4
WHOLE: Final = 1 - 1e-9  # a token, but for what rounding takes away


class Bucket:
    """Full at `now_ms`; gains `per_second` tokens a second up to `burst`."""

    __slots__ = ("_at_ms", "_tokens", "burst", "per_second")

    def __init__(self, per_second: int, burst: int, now_ms: int) -> None:
        self.per_second, self.burst = per_second, burst
        self._tokens, self._at_ms = float(burst), now_ms

    def take(self, now_ms: int) -> bool:
        """Take a token; False when there is none."""
        self._gain(now_ms)
        if self._tokens < WHOLE:
            return False
        self._tokens -= 1
        return True

    def owe(self, now_ms: int, tokens: int) -> None:
        """Take tokens whether they are there or not; what is owed is at most DEBT_MAX times `burst`."""
        self._gain(now_ms)
        self._tokens = max(self._tokens - tokens, -DEBT_MAX * float(self.burst))

    def is_full(self, now_ms: int) -> bool:
        """Whether it stands as if it had never been used."""
        self._gain(now_ms)
        return self._tokens >= self.burst * WHOLE

    def next_ms(self, now_ms: int) -> int:
        """When there will be a token."""
        self._gain(now_ms)
        missing = WHOLE - self._tokens
        return now_ms + max(ceil(missing * 1000 / self.per_second), 0)

    def _gain(self, now_ms: int) -> None:
        passed_ms = now_ms - self._at_ms
        if passed_ms > 0:
            tokens = self._tokens + passed_ms * self.per_second / 1000
            self._tokens = tokens if tokens < self.burst else float(self.burst)
        self._at_ms = now_ms

"""A token bucket: so much a second, and so much at once."""


class Bucket:
    """Full at `now_ms`; gains `per_second` tokens a second up to `burst`."""

    def __init__(self, per_second: int, burst: int, now_ms: int) -> None:
        self.per_second, self.burst = per_second, burst
        self._tokens, self._at_ms = float(burst), now_ms

    def take(self, now_ms: int) -> bool:
        """Take a token; False when there is none."""
        gained = max(now_ms - self._at_ms, 0) * self.per_second / 1000
        self._tokens, self._at_ms = min(self._tokens + gained, float(self.burst)), now_ms
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

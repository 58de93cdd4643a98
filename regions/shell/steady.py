"""A process's clock: wall time that never jumps.

An operator, or a time daemon, may set the wall clock back or forth by any amount. Timers, letters' freshness and the
beat of ticks hang on the time that a core is given, so a core must not see that: the clock starts at the wall's time,
goes with the clock of the time since boot, and walks after the wall by at most one part in a thousand. A machine that
was asleep has been away: that clock goes on meanwhile, as the monotonic one does not.
"""

import time
from collections.abc import Callable
from typing import Final

SLEW: Final = 1_000  # one millisecond of correction in so many


def since_boot_ns() -> int:
    """Nanoseconds since the machine began, those that it slept included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class SteadyClock:
    """Milliseconds since 1970, never going back while the process lives. Both clocks give nanoseconds."""

    def __init__(self, wall: Callable[[], int] = time.time_ns, monotonic: Callable[[], int] = since_boot_ns) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._last = monotonic()
        self._now = wall()

    def now_ms(self) -> int:
        """What a core is told."""
        return self._now_ns() // 1_000_000

    def seconds_until(self, at_ms: int) -> float:
        """How long to wait for a time; 0 when it is past."""
        return max(0.0, (at_ms * 1_000_000 - self._now_ns()) / 1e9)

    def _now_ns(self) -> int:
        last, self._last = self._last, self._monotonic()
        passed = self._last - last
        walk = passed // SLEW
        self._now += passed
        self._now += min(max(self._wall() - self._now, -walk), walk)
        return self._now

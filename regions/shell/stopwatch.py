"""Measures where an owner's time goes, from outside its core: the core names what it begins, the clock is read here.

A mark costs about a tenth of a microsecond; a tick makes some forty. Not here: what the figures are shown as.
"""

import time
from collections.abc import Callable
from typing import Final

from regions.spent import PHASES, Spent
from world.phases import Phase

SPENT_EVERY_NS: Final = 500_000_000


class Stopwatch:
    """Sums wall time by phase, tick by tick. `clock` and `cpu` give nanoseconds."""

    def __init__(
        self, clock: Callable[[], int] = time.perf_counter_ns, cpu: Callable[[], int] = time.process_time_ns
    ) -> None:
        self._clock, self._cpu = clock, cpu
        self._phase = -1  # of the work under way; below 0: none is
        self._since = 0
        self._tick = [0] * PHASES  # of the tick under way: from one record's end to the next one's
        self._appended = 0  # when the append under way began; 0: none is
        self._begin()

    def _begin(self) -> None:
        self._from, self._cpu_from = self._clock(), self._cpu()
        self._work, self._busiest = [0] * PHASES, [0] * PHASES
        self._ticks = self._appends = self._append = self._append_max = self._late_ms = 0

    def mark(self, phase: Phase) -> None:
        """From here on this is worked on."""
        now = self._clock()
        if self._phase >= 0:
            self._tick[self._phase] += now - self._since
        self._phase, self._since = phase, now

    def rest(self) -> None:
        """From here on nothing is worked on."""
        if self._phase >= 0:
            self._tick[self._phase] += self._clock() - self._since
        self._phase = -1

    def append_begins(self) -> None:
        """A record goes to the log; one that goes again has waited since the first time."""
        self._appended = self._appended or self._clock()

    def append_ends(self) -> None:
        """The log has settled it."""
        if self._appended:
            took, self._appended = self._clock() - self._appended, 0
            self._appends += 1
            self._append += took
            self._append_max = max(self._append_max, took)

    def tick_ends(self, ticks: int, late_ms: int) -> None:
        """All that a record caused is done; it stood for so many ticks, and began so late."""
        if sum(self._tick) > sum(self._busiest):
            self._busiest = self._tick
        self._work = [sum(both) for both in zip(self._work, self._tick, strict=True)]
        self._tick = [0] * PHASES
        self._ticks += ticks
        self._late_ms = max(self._late_ms, late_ms)

    @property
    def due(self) -> bool:
        """Whether it is time to tell."""
        return self._clock() - self._from >= SPENT_EVERY_NS

    def told(self, region: int, era: int, n: int, archived: int) -> Spent:
        """What was measured since it was told last; measures anew."""
        now = self._clock()
        spent = Spent(
            region=region,
            era=era,
            n=n,
            archived=archived,
            over=(now - self._from) // 1000,
            cpu=(self._cpu() - self._cpu_from) // 1000,
            ticks=self._ticks,
            work=tuple(one // 1000 for one in self._work),
            busiest=tuple(one // 1000 for one in self._busiest),
            appends=self._appends,
            append=self._append // 1000,
            append_max=self._append_max // 1000,
            append_waits=(now - self._appended) // 1000 if self._appended else 0,
            late_ms=self._late_ms,
        )
        self._begin()
        return spent

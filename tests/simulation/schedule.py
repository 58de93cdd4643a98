"""The one clock of a simulation: what happens when, in an order that depends on nothing but what was asked for."""

import heapq
from collections.abc import Callable
from typing import Any


class Schedule:
    """Virtual time in microseconds; calls at one time happen in the order in which they were asked for."""

    def __init__(self) -> None:
        self.now_us = 0
        self._heap: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = 0

    def at(self, us: int, call: Callable[..., None], *args: Any) -> None:
        """Call at a time, or at once if it has passed."""
        self._order += 1
        heapq.heappush(self._heap, (us if us > self.now_us else self.now_us, self._order, call, args))

    def after(self, us: int, call: Callable[..., None], *args: Any) -> None:
        """Call so much later."""
        self._order += 1
        heapq.heappush(self._heap, (self.now_us + us, self._order, call, args))

    def run(self, until_us: int) -> None:
        """Let time pass up to `until_us`."""
        heap, pop = self._heap, heapq.heappop
        while heap and heap[0][0] <= until_us:
            self.now_us, _, call, args = pop(heap)
            call(*args)
        self.now_us = until_us

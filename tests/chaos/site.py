"""A fault, with what was seen of it; and what faults work on."""

import asyncio
import time
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from tests.chaos.crowds import Crowds
from tests.chaos.ground import Ground
from tests.chaos.wire import Wire

PRESENT_S_MAX: Final = 20.0


@dataclass
class Fault:
    """One fault, with what was seen of it. Times are on the monotonic clock."""

    number: int
    kind: str
    target: str = ""
    detail: str = ""
    began: float = 0.0
    ended: float = 0.0
    owners: frozenset[int] = frozenset()  # regions whose owner died, or could not work
    log: bool = False  # the log died, for everybody
    line: str = ""  # whose way in was touched: "all", or a crowd's name
    seen: dict[str, Any] = field(default_factory=dict)


@dataclass
class Site:
    """What faults work on."""

    ground: Ground
    doors: Wire
    logs: Wire
    crowds: Crowds
    draw: Random
    turns: dict[str, int] = field(default_factory=dict)

    def turn(self, what: str, values: tuple[Any, ...]) -> Any:
        """The next of some values, in turn, so that all of them come."""
        place = self.turns.get(what, self.draw.randrange(len(values)))
        self.turns[what] = place + 1
        return values[place % len(values)]

    async def pid(self, name: str) -> int:
        """A process's pid, waiting for one that is being started."""
        ends = time.monotonic() + PRESENT_S_MAX
        while time.monotonic() < ends:
            if pid := self.ground.pids().get(name):
                return pid
            await asyncio.sleep(0.1)
        raise LookupError(f"no {name} within {PRESENT_S_MAX} s")

    def any_region(self) -> str:
        """One of the regions with land."""
        columns, rows = self.ground.shape
        return f"region {self.draw.randint(1, columns * rows)}"

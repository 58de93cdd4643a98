"""Who hears whom: messages between hosts take time, and may be lost, doubled, overtaken or held up by what is broken.

Hosts are named: the machines, `LOG`, `STORE` and `PLAYERS`. Messages are values nobody changes; they are not copied.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from tests.simulation.schedule import Schedule

LOG: Final = "log"
STORE: Final = "store"
PLAYERS: Final = "players"
LATENCY_US: Final = 400


@dataclass
class Trouble:
    """Something wrong with the links from `sources` to `targets` (both ways if `both`). `share` of what passes meets
    it; `met` counts."""

    kind: str
    sources: frozenset[str]
    targets: frozenset[str]
    both: bool = True
    share: float = 1.0
    delay_us: int = 0
    met: Callable[[], None] = field(default=lambda: None)

    def on(self, source: str, target: str) -> bool:
        """Whether the link is one of them."""
        if source in self.sources and target in self.targets:
            return True
        return self.both and target in self.sources and source in self.targets


class Network:
    """Links between all hosts."""

    def __init__(self, schedule: Schedule, random: Random) -> None:
        self.schedule = schedule
        self.random = random
        self.troubles: list[Trouble] = []

    def send(self, source: str, target: str, deliver: Callable[..., None], *args: Any) -> None:
        """A datagram: at most once in good times, anything in bad ones."""
        if not self.troubles or source == target:
            self.schedule.after(LATENCY_US, deliver, *args)
            return
        delays = [LATENCY_US]
        for trouble in self.troubles:
            if not trouble.on(source, target) or (trouble.share < 1 and self.random.random() >= trouble.share):
                continue
            trouble.met()
            if trouble.kind in ("partition", "one way", "loss"):
                return
            if trouble.kind == "doubled":
                delays.append(LATENCY_US + self.random.randrange(trouble.delay_us))
            else:
                late_us = self.random.randrange(trouble.delay_us) if trouble.kind == "reordered" else trouble.delay_us
                delays = [delay + late_us for delay in delays]
        for delay in delays:
            self.schedule.after(delay, deliver, *args)

    def cut(self, source: str, target: str) -> bool:
        """Whether nothing passes from one host to the other just now."""
        for trouble in self.troubles:
            if trouble.kind in ("partition", "one way") and trouble.on(source, target):
                trouble.met()
                return True
        return False

    def slowness_us(self, source: str, target: str) -> int:
        """How long a stream between two hosts takes; it loses and swaps nothing."""
        slow = LATENCY_US
        for trouble in self.troubles:
            if trouble.kind == "slow" and trouble.on(source, target):
                trouble.met()
                slow += trouble.delay_us
        return slow

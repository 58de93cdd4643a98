"""How long players waited for their next view frame, joined to the faults: apart for those whose region's owner died,
whose log died, whose own way in was touched, and those that none of this happened to.

Reads what the bots noted (`tests.chaos.players`). Only gaps above a tenth of a second are noted; the rest is 0.1.
"""

import json
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.chaos.site import Fault

AFTER_S: Final = 2.0  # a wait that begins this long after a fault's end is still its own
SMALL_S: Final = 0.1
ON_ITS_WAY_S: Final = 0.2
CLASSES: Final = ("owner", "log", "way in", "neither")


@dataclass
class Player:
    """One bot's waits, over all its starts."""

    homes: list[tuple[float, int]] = field(default_factory=list)
    gaps: list[tuple[float, float]] = field(default_factory=list)  # from, to
    ins: list[float] = field(default_factory=list)
    over: list[str] = field(default_factory=list)

    def home_at(self, when: float) -> int:
        """The region it lived in; -1: not known."""
        place = bisect_right(self.homes, (when, 1 << 30))
        return self.homes[place - 1][1] if place else -1

    def longest(self, since: float, until: float) -> float:
        """The longest gap that touches this time."""
        found = (end - begin for begin, end in self.gaps if end >= since and begin <= until)
        return max([SMALL_S, *found])

    def next_frame(self, when: float) -> float:
        """How long after this moment the next frame came; one that was on its way already is not that frame."""
        return max([SMALL_S, *(end - when for begin, end in self.gaps if begin <= when + ON_ITS_WAY_S and when < end)])


def read(folder: Path) -> dict[int, Player]:
    """Every bot's waits."""
    players: dict[int, Player] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            try:
                when, bot, word, *more = json.loads(line)
            except ValueError:
                continue  # torn by a kill
            player = players.setdefault(bot, Player())
            if word == "gap":
                player.gaps.append((when - more[1] / 1000, when))
            elif word == "home":
                player.homes.append((when, more[0]))
            elif word == "in":
                player.ins.append(when)
            elif word == "out" and more[0]:
                player.over.append(str(more[0]))
    for player in players.values():
        player.homes.sort()
        player.gaps.sort()
    return players


def judge(fault: Fault, players: dict[int, Player], crowd_of: dict[int, str]) -> dict[str, list[float]]:
    """What a fault cost the players, in seconds, by class. Bots whose own process died are left out."""
    found: dict[str, list[float]] = {}
    for bot, player in players.items():
        home = player.home_at(fault.began)
        if home < 0 or fault.line == crowd_of[bot]:
            continue
        if fault.log:
            name = "log"
        elif home in fault.owners:
            name = "owner"
        else:
            name = "way in" if fault.line == "all" else "neither"
        wait = player.next_frame(fault.began) if fault.kind == "kill region" and name == "owner" else None
        found.setdefault(name, []).append(
            wait if wait is not None else player.longest(fault.began, fault.ended + AFTER_S)
        )
    return found


def spread(values: Iterable[float]) -> dict[str, float | int]:
    """How many, the median, the 99th percentile, the longest."""
    ordered = sorted(values)
    if not ordered:
        return {"players": 0}

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 2)

    return {"players": len(ordered), "p50": at(0.5), "p99": at(0.99), "max": round(ordered[-1], 2)}

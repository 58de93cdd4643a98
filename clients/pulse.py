"""What a running world says of itself on its bus, put together: for `everloom top` and the metrics of `everloom up`.

Figures of a region are means over the last SMOOTHED_S seconds; totals are sums since listening began. Not here: how
they look (`clients.top_view`, `clients.metrics`).
"""

import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from regions import messages, spent
from regions.errors import RecordError
from regions.messages import Beat
from regions.shell.nats import Bus, Outside, connect
from regions.spent import PHASES, Running, Spent
from world.phases import Phase
from world.units import TICK_MS

SMOOTHED_S: Final = 3.0
REGIONS_MAX: Final = 1_024
SILENT_S: Final = 3.0  # who says nothing for so long is not there


@dataclass
class Owner:
    """The process that owns a region: what it said last, and sums of what it spent (microseconds)."""

    beat: Beat | None = None
    heard_s: float = 0.0
    spent: deque[tuple[float, Spent]] = field(default_factory=deque)
    ticks: int = 0
    work: list[int] = field(default_factory=lambda: [0] * PHASES)
    appends: int = 0
    append: int = 0

    def hear(self, now_s: float, said: Spent) -> None:
        """Half a second's worth."""
        self.heard_s = now_s
        self.spent.append((now_s, said))
        while self.spent[0][0] < now_s - SMOOTHED_S:
            self.spent.popleft()
        self.ticks += said.ticks
        self.appends += said.appends
        self.append += said.append
        self.work = [sum(both) for both in zip(self.work, said.work, strict=True)]

    def figures(self, now_s: float) -> dict[str, Any]:
        """As `everloom top --json` prints them: milliseconds a tick by phase, and the rest."""
        recent = [said for _, said in self.spent]
        beat, last = self.beat, recent[-1] if recent else None
        ticks, appends = sum(one.ticks for one in recent), sum(one.appends for one in recent)
        over = sum(one.over for one in recent)
        busiest = max((one.busiest for one in recent), key=sum, default=(0,) * PHASES)
        silent = now_s - self.heard_s > SILENT_S
        return {
            "state": "silent" if silent else beat.state if beat is not None else "serving",
            "tick": beat.tick if beat is not None else 0,
            "record": last.n if last is not None else beat.n if beat is not None else 0,
            "entities": beat.entities if beat is not None else 0,
            "moving": beat.moving if beat is not None else 0,
            "players": beat.players if beat is not None else 0,
            "handovers": beat.handovers if beat is not None else 0,
            "ticks_late": beat.ticks_late if beat is not None else 0,
            "work_ms": {
                phase.name.lower(): round(sum(one.work[phase] for one in recent) / 1000 / max(ticks, 1), 3)
                for phase in Phase
            },
            "work_ms_sum": round(sum(sum(one.work) for one in recent) / 1000 / max(ticks, 1), 3),
            "work_ms_max": round(sum(busiest) / 1000, 3),
            "append_ms": round(sum(one.append for one in recent) / 1000 / max(appends, 1), 2),
            "append_ms_max": round(max((one.append_max for one in recent), default=0) / 1000, 2),
            "log_lag_ms": round(last.append_waits / 1000, 1) if last is not None else 0,
            "archive_lag_records": max(last.n - last.archived, 0) if last is not None else 0,
            "late_ms_max": max((one.late_ms for one in recent), default=0),
            "ticks_per_s": round(ticks / (over / 1e6), 2) if over else 0.0,
            "speed": round(min(ticks * TICK_MS * 1000 / over, 1.0), 3) if over and not silent else 0.0,
            "cpu_ms_per_tick": round(sum(one.cpu for one in recent) / 1000 / max(ticks, 1), 3),
        }


class Pulse:
    """Everything heard of one world."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.owners: dict[int, Owner] = {}
        self.running: deque[Running] = deque(maxlen=4)
        self._running_s = 0.0
        self._clock = clock

    async def listen(self, outside: Outside, short: str) -> None:
        """Hear a world, by what its bus subjects begin with (`*`: whichever is there)."""
        await Bus(outside).subscribe(f"{short}.beat.*", self.hear_beat)
        await Bus(outside).subscribe(f"{short}.spent.*", self.hear)
        await Bus(outside).subscribe(f"{short}.running", self.hear)

    def hear_beat(self, subject: str, data: bytes) -> None:
        """What an owner says twice a second."""
        try:
            beat = messages.decode(data)
        except RecordError:
            return
        if isinstance(beat, Beat) and beat.region < REGIONS_MAX:
            owner = self.owners.setdefault(beat.region, Owner())
            owner.beat, owner.heard_s = beat, self._clock()

    def hear(self, subject: str, data: bytes) -> None:
        """What a process says of its own work."""
        try:
            said = spent.decode(data)
        except RecordError:
            return
        if isinstance(said, Running):
            if self.running and said.at < self.running[-1].at:
                self.running.clear()  # another machine, or it was started again
            self.running.append(said)
            self._running_s = self._clock()
        elif said.region < REGIONS_MAX:
            self.owners.setdefault(said.region, Owner()).hear(self._clock(), said)

    @property
    def complete(self) -> bool:
        """Whether everyone who speaks has been heard twice."""
        return len(self.running) > 1 and bool(self.owners) and all(one.spent for one in self.owners.values())

    def processes(self) -> Iterator[dict[str, Any]]:
        """Each process: percent of a core over the last seconds, MB, seconds of CPU since it began."""
        if not self.running:
            return
        first, last = self.running[0], self.running[-1]
        before = {one.name: one.cpu for one in first.processes}
        wall = max(last.at - first.at, 1)
        for one in last.processes:
            share = (one.cpu - before.get(one.name, one.cpu)) / wall if len(self.running) > 1 else 0.0
            yield {
                "name": one.name,
                "cpu_percent": round(100 * max(share, 0.0), 1),
                "memory_mb": round(one.memory / 1024, 1),
                "cpu_s": round(one.cpu / 1e6, 2),
            }

    def door(self) -> dict[str, float]:
        """What the gateway counts: how many are there now, and what happens a second."""
        if not self.running:
            return {}
        first, last = self.running[0], self.running[-1]
        seconds = max((last.at - first.at) / 1e6, 1e-6)
        now = {name: last.door[name] for name in ("players", "strangers") if name in last.door}
        passing = {
            f"{name}_per_s": round(max(count - first.door.get(name, count), 0) / seconds, 1)
            for name, count in last.door.items()
            if name not in now
        }
        return now | passing

    def sample(self) -> dict[str, Any]:
        """All of it, as `everloom top --json` prints it."""
        now_s = self._clock()
        last = self.running[-1] if self.running else None
        regions = [{"region": index} | owner.figures(now_s) for index, owner in sorted(self.owners.items())]
        landed = [one for one in regions if one["region"]]
        return {
            "era": max((owner.beat.era for owner in self.owners.values() if owner.beat is not None), default=0),
            "players": sum(one["players"] for one in landed),
            "entities": sum(one["entities"] for one in landed),
            "moving": sum(one["moving"] for one in landed),
            "speed": min((one["speed"] for one in landed), default=0.0),
            "checkpoint": last.checkpoint if last is not None else 0,
            "archive_lag_ms": last.lag_ms if last is not None else 0,
            "restarts": last.restarts if last is not None else 0,
            "regions": regions,
            "processes": list(self.processes()),
            "gateway": self.door(),
            "words": list(last.words) if last is not None else [],
        }


async def connect_to(home: Path) -> Outside:
    """A connection to the bus of the world in a directory on this machine. OSError when it does not run."""
    try:
        config, token = (home / "log" / "nats.conf").read_text(), (home / "keys" / "nats-token").read_text().strip()
    except OSError as error:
        raise OSError(f"no world runs in {home}: {error.strerror} ({error.filename})") from None
    port = re.search(r"^port: (\d+)$", config, re.MULTILINE)
    if port is None:
        raise OSError(f"{home}: its nats.conf names no port")
    try:
        return await connect(f"nats://127.0.0.1:{port[1]}", token, "top", connect_s_max=2.0)
    except ConnectionError as error:
        raise OSError(f"the world in {home} does not run: {error}") from None

"""Listens to a world's regions while a benchmark runs: how fast they tick, and how many ticks are late."""

import asyncio
import re
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from regions import messages
from regions.messages import Beat
from regions.shell.nats import Bus, Outside, connect

HEARD_S: Final = 1.2  # regions beat twice a second


@dataclass
class Ticks:
    """The newest beat of each region with land."""

    outside: Outside
    beats: dict[int, Beat] = field(default_factory=dict)

    @classmethod
    async def listen(cls, home: Path) -> "Ticks":
        """Hear the beats of the world in a directory."""
        config, token = (home / "log" / "nats.conf").read_text(), (home / "keys" / "nats-token").read_text().strip()
        port = re.search(r"^port: (\d+)$", config, re.MULTILINE)
        if port is None:
            raise OSError(f"{home}: no port in nats.conf")
        ticks = cls(await connect(f"nats://127.0.0.1:{port[1]}", token, "bench"))
        await Bus(ticks.outside).subscribe("*.beat.*", ticks._hear)
        return ticks

    def _hear(self, subject: str, data: bytes) -> None:
        beat = messages.decode(data)
        if isinstance(beat, Beat) and beat.region:
            self.beats[beat.region] = beat

    async def during(self, work: Awaitable[float]) -> tuple[float, int, list[float]]:
        """Do some work that returns its seconds: those, the ticks late meanwhile, and each region's ticks a second."""
        await asyncio.sleep(HEARD_S)
        before = dict(self.beats)
        seconds = await work
        late = sum(beat.ticks_late - before[index].ticks_late for index, beat in self.beats.items())
        rates = [round((self.beats[index].tick - before[index].tick) / seconds, 1) for index in sorted(before)]
        return seconds, late, rates

    async def close(self) -> None:
        """Hear no more."""
        await self.outside.close()

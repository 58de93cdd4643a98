"""Players who look at their own clock: bots in a process of their own that note when each frame of their region came.

Reads its orders as one line of JSON (`url`, `count`, `file`, and `bus`, `token`, `short` to hear the regions
themselves), prints "in" once all bots are let in, and when its standard input ends writes the file, an array [n, 3] of
float64: seconds of the monotonic clock when a frame came; milliseconds since the one before it, the bot's frame gap;
and milliseconds since the region's own message of that tick was heard on the bus, which is what the door cost. A bot
that is cut or taken out of play shows as one long gap.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from clients.bots.behaviours import BEHAVIOURS
from clients.bots.crowd import JOIN_EVERY_S, Bot
from clients.bots.report import Figures
from clients.seen import Frame, warm
from regions import messages
from regions.messages import Delta
from regions.shell.nats import connect

NAMES = ("wander", "border-runner")


class Clock:
    """All that was noted; `heard` is when a tick of a region was heard on the bus, by (region, tick)."""

    def __init__(self) -> None:
        self.heard: dict[tuple[int, int], float] = {}
        self.frames: list[tuple[float, float, int, int]] = []

    def hear(self, subject: str, data: bytes) -> None:
        """A region published."""
        message = messages.decode(data)
        if isinstance(message, Delta):
            self.heard[message.region, message.tick & 0xFFFFFFFF] = time.monotonic()

    def watch(self, bot: Bot) -> None:
        """Note the frames of a bot's own region."""
        shown, last = bot.connection._shown, 0.0

        def note(frame: Frame, size: int) -> None:
            nonlocal last
            if frame.region == bot._home or bot._home < 0:
                now = time.monotonic()
                if last:
                    self.frames.append((now, (now - last) * 1000, frame.region, frame.tick))
                last = now
            shown(frame, size)

        bot.connection._shown = note

    def table(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """See the module's docstring; frames whose tick was not heard have NaN for the last column."""
        rows = [
            (at, gap, (at - self.heard.get((region, tick), np.nan)) * 1000) for at, gap, region, tick in self.frames
        ]
        return np.array(rows, np.float64).reshape(-1, 3)


async def _run(orders: dict[str, Any]) -> None:
    warm()
    clock, figures = Clock(), Figures()
    outside = await connect(orders["bus"], orders["token"], "onlookers")
    await outside.bus.subscribe(f"{orders['short']}.delta.*", clock.hear)
    bots = [
        Bot(orders["url"], BEHAVIOURS[NAMES[i % 2]](Random(i)), Random(i), figures, None)
        for i in range(orders["count"])
    ]
    tasks = []
    for bot in bots:
        clock.watch(bot)
        tasks.append(asyncio.create_task(bot.connection.run()))
        await asyncio.sleep(JOIN_EVERY_S)
    while not all(bot.joined and bot._home >= 0 for bot in bots):
        await asyncio.sleep(0.05)
    print("in", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    np.save(Path(orders["file"]), clock.table())
    print(sum(bot.connection.reconnects for bot in bots), flush=True)
    for bot in bots:
        await bot.connection.stop()
    for task in tasks:
        task.cancel()
    await outside.close()


if __name__ == "__main__":
    asyncio.run(_run(json.loads(sys.stdin.readline())))

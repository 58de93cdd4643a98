"""A real gateway shell on a real port before a little world that runs in real time, all in this process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from regions.gateway import Gateway
from regions.gateway_verbs import Timer
from regions.shell.gateway import Shell
from regions.strangers import Limits
from regions.wishes import Door
from tests.regions.little_world import LittleWorld

SHORT = "w"


class LittleBus:
    """`regions.shell.nats.Bus` as far as a gateway uses it."""

    def __init__(self, world: LittleWorld) -> None:
        self.world = world

    async def publish(self, subject: str, data: bytes) -> None:
        """Bring a message into the world."""
        self.world.publish(subject.removeprefix(f"{SHORT}."), data)


@contextlib.asynccontextmanager
async def door(world: LittleWorld, pace: float = 1.0, limits: Limits | None = None) -> AsyncIterator[tuple[str, Shell]]:
    """Let clients in: the URL, and the shell. The world's clock goes `pace` times as fast as the real one."""
    bus: Any = LittleBus(world)
    limits = limits or Limits()
    core = Gateway(Door(world.world, "g1", world.tiles, world.rectangles, limits.login_ms))
    shell = Shell(core, bus, SHORT, limits)
    for subject in ("delta", "beat", "answer", "answer.g1"):
        world.listen(subject, lambda raw: shell.heard("", raw))

    async def live() -> None:
        loop = asyncio.get_running_loop()
        began, start_ms = loop.time(), world.now_ms
        while True:
            world.advance(start_ms + int((loop.time() - began) * 1000 * pace))
            await asyncio.sleep(0.004)

    world.advance(world.now_ms + 200)
    tasks = [asyncio.create_task(live()), asyncio.create_task(shell.publish())]
    port = shell.lines.listen("127.0.0.1", 0)
    shell.step(Timer())
    try:
        yield f"ws://127.0.0.1:{port}", shell
    finally:
        shell.lines.close(1001, "over")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(done: Any, seconds: float = 10.0) -> None:
    """Wait until `done()` holds; TimeoutError when it does not."""
    async with asyncio.timeout(seconds):
        while not done():
            await asyncio.sleep(0.01)

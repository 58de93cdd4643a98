"""`everloom top`: where the time of a running world goes, by region and phase, live."""

import asyncio
import json
import signal
import time
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.live import Live

from clients.pulse import Pulse, connect_to
from clients.top_view import view

HEARD_S: Final = 3.5  # after so long without an answer there is nothing more to wait for
REFRESH_S: Final = 0.5


def run(world: Path, seconds: float | None, as_json: bool) -> int:
    """Show it until Ctrl-C, or for some seconds; one sample as JSON. The exit status."""
    return asyncio.run(_run(world, seconds, as_json))


async def _run(world: Path, seconds: float | None, as_json: bool) -> int:
    outside = await connect_to(world)
    pulse = Pulse()
    try:
        await pulse.listen(outside, "*")
        console = Console()
        if as_json or not console.is_terminal:
            sample = await _sample(pulse, seconds)
            if as_json:
                print(json.dumps({"world": str(world)} | sample))
            else:
                console.print(view(sample, _title(world), console.width, 1000))
            return 0 if sample["regions"] else 1
        await _watch(pulse, console, world, seconds)
        return 0
    finally:
        await outside.close()


async def _sample(pulse: Pulse, seconds: float | None) -> dict[str, Any]:
    """One sample, once enough has been heard."""
    ends = time.monotonic() + (seconds or HEARD_S)
    while time.monotonic() < ends and (seconds is not None or not pulse.complete):
        await asyncio.sleep(0.1)
    return pulse.sample()


async def _watch(pulse: Pulse, console: Console, world: Path, seconds: float | None) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    ends = time.monotonic() + seconds if seconds is not None else float("inf")
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while not ended.is_set() and time.monotonic() < ends:
            live.update(view(pulse.sample(), _title(world), console.width, console.height), refresh=True)
            try:
                await asyncio.wait_for(ended.wait(), REFRESH_S)
            except TimeoutError:
                continue


def _title(world: Path) -> str:
    return f"everloom top  {world}"

"""`everloom bots`: a crowd from the command line."""

import asyncio
import json
import signal
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from setproctitle import setproctitle

from clients.bots.crowd import Crowd
from clients.bots.crowd import run as run_crowd
from clients.bots.report import Figures, table


def run(
    url: str,
    count: int,
    behaviours: tuple[str, ...],
    walks: Path | None,
    seconds: float | None,
    seed: int,
    ledger: Path | None,
    as_json: bool,
) -> int:
    """Let `count` bots in until Ctrl-C, SIGTERM or for some seconds, and report; the exit status."""
    setproctitle("everloom: bots")
    console = Console(stderr=as_json)
    try:
        summary = asyncio.run(_run(Crowd(url, count, behaviours, walks, seed, ledger), seconds, console))
    except (ValueError, OSError) as error:
        console.print(f"[bold red]{error}[/]", highlight=False)
        return 2
    if as_json:
        print(json.dumps(summary), flush=True)
    else:
        console.print(table(summary))
    return 0 if summary["connected"] else 1


async def _run(crowd: Crowd, seconds: float | None, console: Console) -> dict[str, object]:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    figures = Figures()
    watching = asyncio.create_task(_watch(figures, crowd, seconds, console)) if console.is_terminal else None
    try:
        return await run_crowd(crowd, ended, seconds, figures)
    finally:
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


async def _watch(figures: Figures, crowd: Crowd, seconds: float | None, console: Console) -> None:
    """A line that says how it goes, twice a second."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=seconds)
        began, acked = time.monotonic(), 0
        while True:
            await asyncio.sleep(0.5)
            rate, acked = (figures.actions_acked - acked) * 2, figures.actions_acked
            words = f"{figures.connected} of {crowd.count} bots in, {acked:,} actions acknowledged, {rate}/s"
            progress.update(task, description=words, completed=time.monotonic() - began)

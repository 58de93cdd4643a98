"""`everloom bots`: a crowd from the command line."""

import asyncio
import json
import signal
from pathlib import Path

from rich.console import Console
from setproctitle import setproctitle

from clients.bots.crowd import Crowd
from clients.bots.crowd import run as run_crowd
from clients.bots.report import table


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
        summary = asyncio.run(_run(Crowd(url, count, behaviours, walks, seed, ledger), seconds))
    except (ValueError, OSError) as error:
        console.print(f"[bold red]{error}[/]", highlight=False)
        return 2
    if as_json:
        print(json.dumps(summary), flush=True)
    else:
        console.print(table(summary))
    return 0 if summary["connected"] else 1


async def _run(crowd: Crowd, seconds: float | None) -> dict[str, object]:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    return await run_crowd(crowd, ended, seconds)

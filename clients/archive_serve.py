"""`everloom archive serve`: a local store over HTTP, read as Arweave's gateways are (`regions.ao.gateway`)."""

import asyncio
import signal
import socket
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from starlette.applications import Starlette

from archive.errors import Missing
from archive.library import Library
from archive.stores.disk import DiskStore
from archive.stores.local_weave import LocalWeave
from regions.ao.gateway import Endpoints
from regions.shell.ao import serve


def open_library(store: Path, console: Console) -> tuple[Library, LocalWeave]:
    """A store's weave, extended over every bundle there is, ready to be read."""
    if not (store / "bundles").is_dir():
        raise Missing(str(store), "no store is here; --store names the folder `store` of a world, or a copy of it")
    disk = DiskStore(store)
    local = LocalWeave(disk)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("blocks")
        local.extend(lambda done, total: bar.update(task, completed=done, total=total))
    library = Library(local.weave, disk)
    library.lookup.grow()
    return library, local


def run(store: Path, host: str, port: int) -> int:
    """Serve until a signal comes; the exit status."""
    console = Console(stderr=True, soft_wrap=True)
    library, local = open_library(store, console)
    application = Endpoints(library, local.extend).application()
    listening = socket.create_server((host, port), backlog=128)
    host, port = listening.getsockname()[:2]
    weave = library.weave
    console.print(f"serving {store} at [bold]http://{host}:{port}[/]", highlight=False)
    told = f"{len(weave.headers)} blocks, {len(library.lookup.entries)} items and transactions, {weave.size} bytes"
    console.print(told, highlight=False)
    sys.stderr.flush()
    asyncio.run(_serve(application, listening))
    return 0


async def _serve(application: Starlette, listening: socket.socket) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await serve(application, listening, ended)

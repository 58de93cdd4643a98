"""`everloom archive serve`: a local store over HTTP, read as Arweave's gateways are (`regions.ao.gateway`)."""

import socket
import sys
from pathlib import Path
from typing import Final

import uvicorn
from rich.console import Console
from rich.progress import Progress

from archive.errors import Missing
from archive.library import Library
from archive.stores.disk import DiskStore
from archive.stores.local_weave import LocalWeave
from regions.ao.gateway import Endpoints

CONNECTIONS_MAX: Final = 256


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
    config = uvicorn.Config(
        application,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=16 << 10,
    )
    uvicorn.Server(config).run(sockets=[listening])
    return 0

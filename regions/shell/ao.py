"""The AO door's process: HTTP around `regions.ao`, its index fed from the archive and the logs; started by the agent.

It reads its settings as one line of JSON from standard input, writes {"listening": port} when clients may come, then
{"alive": true} twice a second, and ends when standard input brings another line or ends, or on SIGTERM. The settings:
bus, token, short as a gateway's; world_dir; host, port; name, to which the regions' answers come.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import uvicorn
from setproctitle import setproctitle
from starlette.types import ASGIApp

from archive.data_item import parse_item, sign_item
from archive.errors import ArchiveError
from archive.keys import address
from archive.library import Library
from archive.stores.local_weave import LocalWeave
from regions.ao.door import door
from regions.ao.gateway import Endpoints
from regions.ao.index import Index
from regions.ao.units import World
from regions.assignments import VARIANT
from regions.charter import Charter
from regions.config import NICENESS
from regions.errors import ConfigError, RecordError
from regions.shell.ao_feed import Feed
from regions.shell.ao_regions import Regions
from regions.shell.files import WorldDir
from regions.shell.log import LogError
from regions.shell.nats import connect

ALIVE_S: Final = 0.5
CONNECTIONS_MAX: Final = 2_048
KEEP_ALIVE_S: Final = 30
LOCATION_MS: Final = 60_000  # for how long a client may believe where the scheduler is


def announce(directory: WorldDir, charter: Charter, url: str) -> None:
    """Have the store say where this world's scheduler is, as AO clients look for it, unless it says so already.

    Signed with the scheduler's key; a node without it announces nothing.
    """
    try:
        key = directory.key("scheduler")
    except ConfigError:
        return
    store = directory.store()
    wanted = {"Data-Protocol": "ao", "Type": "Scheduler-Location"}
    newest = store.query(wanted, address(key.public), limit=1)
    if newest and parse_item(store.get(newest[0])).tag("Url") == url:
        return
    tags = [
        *wanted.items(),
        ("Variant", VARIANT),
        ("Url", url),
        ("Time-To-Live", str(LOCATION_MS)),
        ("World", charter.world),
    ]
    store.put(sign_item(key, b"everloom", tags).raw)


def tell(words: dict[str, Any]) -> None:
    """One JSON line to whoever started this process."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def index_of(directory: WorldDir, era: int) -> Index:
    """The era's index file; those of other eras go, as what they hold may have been undone."""
    for old in directory.path.glob("ao-*.sqlite*"):
        if not old.name.startswith(f"ao-{era}.sqlite"):
            old.unlink(missing_ok=True)
    return Index(directory.path / f"ao-{era}.sqlite")


class Server(uvicorn.Server):
    """Leaves the signals to this process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def serve(app: ASGIApp, listening: socket.socket, ended: asyncio.Event) -> None:
    """Serve HTTP until `ended`."""
    config = uvicorn.Config(
        app,
        http="httptools",  # a third of what the other one costs, in Python
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        lifespan="off",
        timeout_keep_alive=KEEP_ALIVE_S,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_graceful_shutdown=2,
        ws="none",
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve([listening]))
    await ended.wait()
    server.should_exit = True
    await serving


async def run(settings: dict[str, Any], ended: asyncio.Event) -> None:
    """Serve until `ended`."""
    directory = WorldDir(Path(settings["world_dir"]))
    store = directory.store()
    charter, _, _ = directory.charter(store)
    index = index_of(directory, charter.era)
    outside = await connect(str(settings["bus"]), str(settings["token"]), "ao")
    tasks: list[asyncio.Task[None]] = []
    try:
        regions = Regions(outside.bus, charter.short, str(settings["name"]), charter.era)
        await outside.bus.subscribe(f"{charter.short}.answer.{regions.name}", regions.hear)
        feed = Feed(directory, charter, index, outside, lambda text: tell({"warning": text}))
        await feed.begin(store)
        listening = socket.create_server((str(settings["host"]), int(settings["port"])), backlog=1_024)
        host, port = listening.getsockname()[:2]
        await asyncio.to_thread(announce, directory, charter, f"http://{host}:{port}/scheduler")
        local = LocalWeave(store)
        await asyncio.to_thread(local.extend)
        read = Endpoints(Library(local.weave, store), local.extend)
        app = door(World(charter, index, regions), read.routes())
        tasks = [asyncio.create_task(feed.follow(number, store)) for number in feed.views]
        tasks.append(asyncio.create_task(_tell_alive()))
        tell({"listening": port})
        for task in tasks:
            task.add_done_callback(_done)
        await serve(app, listening, ended)
    finally:
        for task in tasks:
            task.cancel()
        await outside.close()
        index.close()


def _done(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and task.exception() is not None:
        tell({"alarm": True, "reason": f"{type(task.exception()).__name__}: {task.exception()}"})
        os._exit(1)  # a bad program stops; its successor goes on from the index


async def _tell_alive() -> None:
    while True:
        tell({"alive": True})
        await asyncio.sleep(ALIVE_S)


async def _main() -> int:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    settings = json.loads(await reader.readline())

    async def watch() -> None:
        await reader.read(1)
        ended.set()

    watching = asyncio.create_task(watch())
    try:
        await run(settings, ended)
    except (ConfigError, ArchiveError, RecordError, LogError, OSError, ValueError, KeyError) as error:
        tell({"alarm": True, "reason": f"the AO door cannot begin: {error}"})
        return 2
    finally:
        watching.cancel()
    return 0


def main() -> None:
    """Read the settings, open the doors."""
    setproctitle("everloom: ao")
    os.nice(NICENESS)
    sys.exit(asyncio.run(_main()))


if __name__ == "__main__":
    main()

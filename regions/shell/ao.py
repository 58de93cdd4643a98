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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import uvicorn
from setproctitle import setproctitle
from starlette.types import ASGIApp

from archive import history, segment
from archive.data_item import parse_item, sign_item
from archive.errors import ArchiveError, Missing
from archive.keys import address, unb64
from archive.library import Library
from archive.restore import fetch
from archive.stores import Store
from archive.stores.local_weave import LocalWeave
from regions import messages
from regions.ao.door import door
from regions.ao.gateway import Endpoints
from regions.ao.index import Index
from regions.ao.units import Refused, World
from regions.ao.view import PROCESS, Assigned, Shown, View
from regions.assignments import VARIANT
from regions.charter import Charter
from regions.config import BATCH_MS, RESEND_AFTER_MS
from regions.errors import ConfigError, RecordError
from regions.messages import Answer, Answers, Batch, Question, Told
from regions.record import Outside as OutsideItem
from regions.revive import opening_of
from regions.shell.files import WorldDir, log_name
from regions.shell.log import LogError, LogGap
from regions.shell.nats import Bus, Outside, connect
from regions.shell.nats_log import Log

ANSWER_S: Final = 6.0
WAITING_MAX: Final = 8_192
BATCH_ITEMS: Final = 64
BATCH_BYTES: Final = 256 * 1024
READ_AT_ONCE: Final = 256  # records between two writes of the index, while it catches up
ALIVE_S: Final = 0.5
CONNECTIONS_MAX: Final = 2_048
KEEP_ALIVE_S: Final = 30
AGAIN_S: Final = 1.0
LOCATION_MS: Final = 60_000  # for how long a client may believe where the scheduler is


@dataclass
class Waiting:
    """An item on its way: its bytes, and who waits for the answer."""

    region: int
    raw: bytes
    answer: "asyncio.Future[Answer]"


@dataclass
class Regions:
    """`regions.ao.units.Regions` over the bus: said again until answered."""

    bus: Bus
    short: str
    name: str
    era: int
    waiting: dict[bytes, Waiting] = field(default_factory=dict)
    questions: "dict[bytes, asyncio.Future[bytes]]" = field(default_factory=dict)
    _fresh: list[bytes] = field(default_factory=list)
    _flushing: "asyncio.Task[None] | None" = None

    def hear(self, subject: str, data: bytes) -> None:
        """A message of a region's."""
        try:
            message = messages.decode(data)
        except RecordError:
            return
        if isinstance(message, Answers) and message.era == self.era:
            for answer in message.answers:
                waits = self.waiting.get(answer.chain)
                if waits is not None and waits.region == message.region and not waits.answer.done():
                    waits.answer.set_result(answer)
        elif isinstance(message, Told):
            future = self.questions.get(message.reference)
            if future is not None and not future.done():
                future.set_result(message.reply)

    async def submit(self, index: int, raw: bytes, item_id: bytes) -> Answer:
        """Have an item recorded; of two that bring the same one at once, both get its answer."""
        waits = self.waiting.get(item_id)
        if waits is None:
            if len(self.waiting) >= WAITING_MAX:
                raise Refused(429, f"{WAITING_MAX} items wait for their records; send it again in a moment")
            waits = self.waiting[item_id] = Waiting(index, raw, asyncio.get_running_loop().create_future())
            self._fresh.append(item_id)
            if self._flushing is None or self._flushing.done():
                self._flushing = asyncio.create_task(self._flush())
        try:
            async with asyncio.timeout(ANSWER_S):
                while not waits.answer.done():
                    done, _ = await asyncio.wait({waits.answer}, timeout=RESEND_AFTER_MS / 1000)
                    if not done:
                        await self._send(index, [waits])
            return waits.answer.result()
        except TimeoutError:
            raise Refused(503, f"region {index} did not answer within {ANSWER_S:.0f} s: send it again") from None
        finally:
            self.waiting.pop(item_id, None)

    async def _flush(self) -> None:
        """What came within a few milliseconds goes together."""
        await asyncio.sleep(BATCH_MS / 1000)
        fresh, self._fresh = self._fresh, []
        by_region: dict[int, list[Waiting]] = {}
        for item_id in fresh:
            if item_id in self.waiting:
                by_region.setdefault(self.waiting[item_id].region, []).append(self.waiting[item_id])
        for index, items in by_region.items():
            await self._send(index, items)

    async def _send(self, index: int, items: list[Waiting]) -> None:
        while items:
            count = size = 0
            while count < min(len(items), BATCH_ITEMS) and (not count or size + len(items[count].raw) <= BATCH_BYTES):
                size += len(items[count].raw)
                count += 1
            batch = Batch(self.name, tuple(OutsideItem(one.raw, 0, 0) for one in items[:count]), self.era)
            await self.bus.publish(f"{self.short}.in.{index}", messages.encode(batch))
            items = items[count:]

    async def ask(self, index: int, kind: str, asker: bytes, tags: tuple[tuple[str, str], ...]) -> bytes:
        """The reply to a question."""
        reference = os.urandom(16)
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.questions[reference] = future
        raw = messages.encode(Question(self.name, reference, kind, asker, tags))
        try:
            async with asyncio.timeout(ANSWER_S):
                while not future.done():
                    await self.bus.publish(f"{self.short}.in.{index}", raw)
                    await asyncio.wait({future}, timeout=RESEND_AFTER_MS / 1000)
            return future.result()
        except TimeoutError:
            raise Refused(503, f"region {index} did not answer within {ANSWER_S:.0f} s: ask again") from None
        finally:
            del self.questions[reference]


class Feed:
    """Fills the index: from the archive what the logs hold no more, then from the logs, for ever."""

    def __init__(self, directory: WorldDir, charter: Charter, index: Index, outside: Outside) -> None:
        self.dir, self.charter, self.index, self.outside = directory, charter, index, outside
        self.views: dict[int, View] = {}

    async def begin(self, store: Store) -> None:
        """Go on from where the index stands; a new one begins at the world's founding."""
        charter, processes = self.charter, self.charter.processes()
        for number, seat in enumerate(charter.seats):
            module, key, first = unb64(charter.module), unb64(charter.scheduler), unb64(seat.assignment)
            view = View.begin(processes[number], module, key, processes, first)
            place = self.index.place(number)
            if place is None:
                kept = self.dir.store()
                process, assignment = (parse_item(self.dir.item(kept, one)) for one in (seat.process, seat.assignment))
                shown = Shown(process.id, PROCESS, 0, 0, process.raw, "{}")
                time_ms = int(assignment.tag("Timestamp") or 0)
                self.index.add(number, [shown], [Assigned(0, first, b"", 0, time_ms, assignment.raw)], view.place)
            else:
                view.place = place
            self.views[number] = view
        await self._from_archive(store)

    async def _from_archive(self, store: Store) -> None:
        """Read what the store's segments have beyond the index."""
        try:
            found = await asyncio.to_thread(history.History.read, store, opening_of, self.charter.world)
        except Missing:
            return  # no checkpoint yet: the logs have everything
        for _, manifest in found.chain:
            for end in manifest.regions:
                number = next(i for i, seat in enumerate(self.charter.seats) if seat.process == end.process)
                for run in end.segments:
                    if run.last > self.views[number].place.n:
                        item = await asyncio.to_thread(fetch, store, run.id, found.opening(manifest).nodes)
                        await self._read(number, list(segment.decode(item.data).records), run.first, end.end)

    async def _read(self, number: int, records: list[bytes], first: int, last: int) -> None:
        view = self.views[number]
        wanted = records[max(0, view.place.n + 1 - first) : max(0, last + 1 - first)]
        for at in range(0, len(wanted), READ_AT_ONCE):
            self._take(number, wanted[at : at + READ_AT_ONCE])
            await asyncio.sleep(0)

    def _take(self, number: int, raws: list[bytes]) -> None:
        view = self.views[number]
        shown: list[Shown] = []
        assigned: list[Assigned] = []
        for raw in raws:
            more, numbered = view.follow(raw)
            shown += more
            assigned += numbered
        self.index.add(number, shown, assigned, view.place)

    async def follow(self, number: int, store: Store) -> None:
        """Read a log as it grows."""
        while True:
            log = Log(self.outside, log_name(self.charter, number))
            try:
                async for _, raw in log.follow(self.views[number].place.n + 1):
                    self._take(number, [raw])
            except LogGap:
                await self._from_archive(store)  # it was cut as the archive has it
            except LogError as error:
                tell({"warning": f"the AO door waits for a log: {error}"})
            await asyncio.sleep(AGAIN_S)


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
        log_level="error",
        access_log=False,
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
        feed = Feed(directory, charter, index, outside)
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
    sys.exit(asyncio.run(_main()))


if __name__ == "__main__":
    main()

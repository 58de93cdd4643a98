"""asyncio around the archivist's core: `python -m regions.shell.archivist`.

Standard input brings one JSON line: world_dir, bus, token, interval_ms; later `{"final": true}` (order the last
checkpoint) and `{"stop": {index: record}}` (make it, there); its end ends the process. Standard output tells, a JSON
line each: every five seconds how far the archive is, `ordered`, and at the end `checkpoint`, `manifest`, `state_hash`.
"""

import asyncio
import contextlib
import json
import os
import random
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from setproctitle import setproctitle

from archive.data_item import DataItem
from archive.errors import ArchiveError
from archive.keys import b64
from archive.restore import fetch
from archive.stores import Store
from regions import messages
from regions.archivist import ArchivistCore
from regions.archivist_verbs import (
    Effect,
    End,
    Event,
    Failed,
    FinalOrder,
    Follow,
    Publish,
    ReadSnapshots,
    Records,
    SnapshotFiles,
    Spool,
    Spooled,
    Stop,
    Superseded,
    Tell,
    Timer,
    Unspool,
    Unspooled,
    Upload,
    Uploaded,
    Wake,
)
from regions.beginning import lacking, usable
from regions.config import NICENESS
from regions.errors import ConfigError, RecordError
from regions.resuming import Resumed, resume
from regions.revive import opening_of
from regions.shell.far import Far
from regions.shell.files import WorldDir, log_name
from regions.shell.log import LogError
from regions.shell.nats import Bus, connect
from regions.shell.nats_log import Log
from regions.shell.remote import Remote
from regions.shell.spool import SpoolDir
from regions.shell.steady import SteadyClock
from regions.shell.stores import Stores
from world.tick import warm

SNAPSHOT_BYTES_MAX: Final = 64 << 20
WAIT_S: Final = 0.1


def tell(words: Mapping[str, object]) -> None:
    """One JSON line to whoever started this process."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


class Shell:
    """Carries out the core's effects, in order, and brings it events."""

    def __init__(self, orders: dict[str, Any]) -> None:
        self.dir = WorldDir(Path(orders["world_dir"]))
        self.store: Store = self.dir.store()
        self.charter, charter_id, self.owner = self.dir.charter(self.dir.store())
        self.opening = opening_of(fetch(self.store, b64(charter_id)).raw)
        self.url, self.token = str(orders["bus"]), str(orders["token"])
        self.spool = SpoolDir(self.dir.path / "spool")
        disk, remote = self.dir.store(), Remote.of(self.dir.path)
        far = Far(remote, self.dir.path, disk) if remote is not None else None
        self.stores = Stores(disk, far, self.spool, self.charter, self.opening)
        resumed = self._resume()
        local = self._local()
        for index, n, raw in lacking(
            self.charter, charter_id, self.dir.kit(self.dir.store()), resumed.place, local, self.store
        ):
            self.dir.write_snapshot(index, n, raw)
        local = self._local()
        self.core = ArchivistCore(
            key=self.dir.key("node"),
            charter=self.charter,
            charter_id=b64(charter_id),
            kit=self.dir.kit(self.dir.store()),
            place=resumed.place,
            queued=resumed.queued,
            local=local,
            draw=random.SystemRandom().random,
            maker=os.urandom(16),
            interval_ms=int(orders["interval_ms"]),
            spool_bytes=self.spool.bytes(),
        )
        self.events: asyncio.Queue[Event] = asyncio.Queue(maxsize=4_096)
        self.timer: asyncio.TimerHandle | None = None
        self.tasks: set[asyncio.Task[None]] = set()
        self.clock = SteadyClock()

    def _local(self) -> dict[int, list[int]]:
        seats = range(len(self.charter.seats))
        return {index: usable(self.charter.era, self.dir.snapshot_files(index)) for index in seats}

    def _resume(self) -> Resumed:
        """How far the archive has come, the spool included; what is of no use there is dropped."""
        era = self.charter.era
        spooled = [(number, self._spooled(number)) for number in self.spool.waiting(era)]
        resumed = resume(self.store, self.opening, spooled, several=self.stores.far is not None)
        for number, why in resumed.useless:
            tell({"warning": f"passed over in the spool: {why}"})
            self.spool.drop(era, number)
        return resumed

    def _spooled(self, number: int) -> list[DataItem] | str:
        try:
            return self.spool.read(self.charter.era, number)
        except ArchiveError as error:
            return str(error)

    async def run(self) -> int:
        """Serve until the core ends. Returns the exit status."""
        self.outside = await connect(self.url, self.token, "archivist")
        self.bus = Bus(self.outside)
        try:
            status = await self._carry_out(self.core.begin(self.clock.now_ms()))
            while status is None:
                event = await self.events.get()
                status = await self._carry_out(self.core.step(self.clock.now_ms(), event))
            return status
        finally:
            self.stores.close()
            for task in self.tasks:
                task.cancel()
            await self.outside.close()

    def hear(self, event: Event) -> None:
        """An event from elsewhere in this process."""
        self._spawn(self.events.put(event))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            tell({"alarm": True, "reason": f"{type(task.exception()).__name__}: {task.exception()}"})
            os._exit(1)  # a bad program stops; its successor finds its place in the store and the spool

    async def _carry_out(self, effects: list[Effect]) -> int | None:
        for effect in effects:
            if isinstance(effect, End):
                return effect.status
            if isinstance(effect, Tell):
                tell(effect.words)
            elif isinstance(effect, Follow):
                self._spawn(self._follow(effect))
            elif isinstance(effect, Publish):
                await self.bus.publish(f"{self.charter.short}.{effect.subject}", messages.encode(effect.message))
            elif isinstance(effect, Wake):
                self._wake(effect.at_ms)
            elif isinstance(effect, ReadSnapshots):
                self._spawn(self._read_snapshots(effect))
            elif isinstance(effect, Spool):
                self._spawn(self._write_spool(effect))
            elif isinstance(effect, Upload):
                self._spawn(self._upload(effect.number))
            elif isinstance(effect, Unspool):
                self._spawn(self._unspool(effect.number))
        return None

    def _wake(self, at_ms: int) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.timer = asyncio.get_running_loop().call_later(self.clock.seconds_until(at_ms), self.hear, Timer())

    async def _follow(self, effect: Follow) -> None:
        log = Log(self.outside, log_name(self.charter, effect.index))
        async for n, raw in log.follow(effect.first):
            await self.events.put(Records(effect.index, ((n, raw),)))
            while self.core.full(effect.index):
                await asyncio.sleep(WAIT_S)

    async def _read_snapshots(self, effect: ReadSnapshots) -> None:
        def read() -> dict[int, bytes]:
            return {index: self._newest(index, limit) for index, limit in effect.up_to.items()}

        await self.events.put(SnapshotFiles(await asyncio.to_thread(read)))

    def _newest(self, index: int, limit: int | None) -> bytes:
        for path in self.dir.snapshots(index):
            if limit is not None and int(path.stem) > limit:
                continue
            try:
                with path.open("rb") as file:
                    return file.read(SNAPSHOT_BYTES_MAX)
            except OSError:
                continue  # pruned a moment ago: the owner keeps only the newest
        return b""

    async def _write_spool(self, effect: Spool) -> None:
        try:
            await asyncio.to_thread(self.spool.write, self.charter.era, effect.number, effect.bundles)
        except OSError as error:
            await self.events.put(Failed(effect.number, f"the spool cannot be written: {error.strerror}"))
            return
        await self.events.put(Spooled(effect.number, self.spool.bytes()))

    async def _upload(self, number: int) -> None:
        try:
            await asyncio.to_thread(self.spool.read, self.charter.era, number)
        except ArchiveError as error:
            await self.events.put(Failed(number, str(error), spoilt=True))
            return
        try:
            later = await asyncio.to_thread(self._put_all, number)
        except (ArchiveError, OSError) as error:
            await self.events.put(Failed(number, str(error)))
            return
        finally:
            if self.stores.far is not None:
                tell({"stores": self.stores.figures()})
        await self.events.put(Superseded(later) if later else Uploaded(number))

    def _put_all(self, number: int) -> int:
        return self.stores.put_all(number, self.core.storing.queue[0].manifest.previous)

    async def log_ends(self, told: dict[int, int]) -> dict[int, int]:
        """Where the logs end, now that nobody appends. Who was told of an end may not have heard of the last records
        of a process that was killed, or stopped before it served."""
        ends: dict[int, int] = {}
        for index, n in told.items():
            ends[index] = n
            with contextlib.suppress(LogError):
                ends[index] = max(n, (await Log(self.outside, log_name(self.charter, index)).info()).last)
        return ends

    async def _unspool(self, number: int) -> None:
        await asyncio.to_thread(self.spool.drop, self.charter.era, number)
        await self.events.put(Unspooled(self.spool.bytes()))


async def _commands(shell: Shell, reader: asyncio.StreamReader) -> None:
    while True:
        line = await reader.readline()
        if not line:
            os._exit(0)  # whoever started this process is gone; the spool holds what is not stored
        words = json.loads(line)
        if words.get("final"):
            shell.hear(FinalOrder())
        if isinstance(words.get("stop"), dict):
            shell.hear(Stop(await shell.log_ends({int(index): int(n) for index, n in words["stop"].items()})))


async def _main() -> int:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    line = await reader.readline()
    if not line:
        return 0
    try:
        shell = Shell(json.loads(line))
        commands = loop.create_task(_commands(shell, reader))
        try:
            return await shell.run()
        finally:
            commands.cancel()
    except (ConfigError, ArchiveError, RecordError, LogError, OSError, ValueError, KeyError) as error:
        tell({"alarm": True, "reason": f"the archivist cannot begin: {error}"})
        return 2


def main() -> None:
    """Read the orders, follow the logs, file checkpoints."""
    setproctitle("everloom: archivist")
    os.nice(NICENESS)
    warm()
    sys.exit(asyncio.run(_main()))


if __name__ == "__main__":
    main()

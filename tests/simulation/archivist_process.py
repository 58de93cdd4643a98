"""An archivist's process of a simulation, as regions.shell.archivist is around the same core."""

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from archive.bundle import unpack
from archive.data_item import DataItem
from archive.errors import ArchiveError
from archive.keys import b64
from archive.restore import openings, search
from archive.upload import put_and_check
from regions import archivist_verbs, messages
from regions.archivist import ArchivistCore
from regions.beginning import lacking, usable
from regions.errors import RecordError
from regions.resuming import resume
from regions.revive import opening_of
from regions.shell.log import LogGap, LogInfo
from regions.shell.memory_log import MemoryLogs
from tests.simulation.process import DISK_US, Process

if TYPE_CHECKING:
    from tests.simulation.machine import Machine

FOLLOW_US: Final = 60_000
FOLLOW_RECORDS: Final = 64
STORE_US: Final = 4_000
INTERVAL_MS: Final = 5_000  # between checkpoints


class ArchivistProcess(Process):
    """The way to the archive, on the machine of the world's process."""

    role = "archivist"

    def __init__(self, machine: "Machine", child: int) -> None:
        super().__init__(machine, child)
        self.core: ArchivistCore | None = None
        self.era = machine.era
        self.words: dict[str, Any] = {}
        self.sim.schedule.after(DISK_US, self.call, self._begin)

    def _begin(self) -> None:
        era, disk = self.era, self.machine.disk
        try:
            spooled = [(number, self._spooled(number)) for number in disk.numbers("spool", era.number)]
            resumed = resume(self.sim.store, era.opening, spooled)
        except ArchiveError as error:
            self.kill(f"the archivist cannot begin: {error}")
            return
        for number, _ in resumed.useless:
            disk.drop("spool", era.number, number)
        local = {index: usable(era.number, self._files(index)) for index in era.processes}
        try:
            for index, n, raw in lacking(
                era.charter, era.charter_id, self.machine.kit, resumed.place, local, self.sim.store
            ):
                disk.write("snapshot", index, n, raw)
        except (ArchiveError, RecordError, OSError) as error:
            self.kill(f"the archivist cannot begin: {error}")
            return
        local = {index: usable(era.number, self._files(index)) for index in era.processes}
        draw = random.Random(f"{self.sim.seed}/archivist/{self.machine.place}/{self.child}").random
        try:
            self.core = ArchivistCore(
                self.machine.key,
                era.charter,
                b64(era.charter_id),
                self.machine.kit,
                resumed.place,
                resumed.queued,
                local,
                draw,
                self.sim.randbytes(16),
                INTERVAL_MS,
                disk.bytes("spool"),
            )
            self._do(self.core.begin(self.now_ms()))
        except Exception as error:
            self.sim.checker.raised("archivist", error)
            self.kill(f"{type(error).__name__}: {error}")

    def _files(self, index: int) -> Iterator[tuple[int, bytes]]:
        disk = self.machine.disk
        return ((n, disk.read("snapshot", index, n)) for n in disk.numbers("snapshot", index))

    def _spooled(self, number: int) -> list[DataItem] | str:
        try:
            return [
                item
                for part in _parts(self.machine.disk.read("spool", self.era.number, number))
                for item in unpack(part)
            ]
        except (ArchiveError, ValueError, OSError) as error:
            return str(error)

    def final_order(self) -> None:
        """A planned stop has begun."""
        self._hear(archivist_verbs.FinalOrder())

    def stop(self, ends: dict[int, int]) -> None:
        """Every region has ended."""
        self._hear(archivist_verbs.Stop(ends))

    def _hear(self, event: archivist_verbs.Event) -> None:
        if self.core is None:
            return
        try:
            effects = self.core.step(self.now_ms(), event)
        except Exception as error:
            self.sim.checker.raised("archivist", error)
            self.kill(f"{type(error).__name__}: {error}")
            return
        self._do(effects)

    def _do(self, effects: list[archivist_verbs.Effect]) -> None:
        sim, disk, era = self.sim, self.machine.disk, self.era.number
        for effect in effects:
            match effect:
                case archivist_verbs.Follow(index, first):
                    self._follow(index, first)
                case archivist_verbs.ReadSnapshots(up_to):
                    files = {index: self._newest(index, limit) for index, limit in up_to.items()}
                    sim.schedule.after(DISK_US, self.call, self._hear, archivist_verbs.SnapshotFiles(files))
                case archivist_verbs.Spool(number, bundles):
                    sim.schedule.after(DISK_US, self.call, self._spool, number, bundles)
                case archivist_verbs.Upload(number):
                    sim.schedule.after(STORE_US, self.call, self._upload, number)
                case archivist_verbs.Unspool(number):
                    disk.drop("spool", era, number)
                    sim.schedule.after(DISK_US, self.call, self._hear, archivist_verbs.Unspooled(disk.bytes("spool")))
                case archivist_verbs.Publish(subject, message):
                    sim.bus.publish(self.host, subject, messages.encode(message))
                case archivist_verbs.Tell(words):
                    self.words |= words
                    if "ordered" in words:
                        self.machine.call(self.machine.ordered)
                case archivist_verbs.Wake(at_ms):
                    self.wake_at(at_ms, self._timer)
                case archivist_verbs.End(status):
                    self.alive = False
                    superseded = int(self.words.get("superseded", 0))
                    alarm = "manifest" not in self.words and status != 0
                    sim.checker.archivist_ended(self.era.number, self.words)
                    self.machine.gone(self, str(self.words.get("reason", "")), alarm, superseded=superseded)
            if not self.alive or self.spent():
                return

    def _timer(self) -> None:
        self._hear(archivist_verbs.Timer())

    def _follow(self, index: int, first: int) -> None:
        """Read on from a record whenever there is more; a log that does not answer is asked again."""
        name = self.era.log(index)
        place = [first]

        def read() -> None:
            if not self.alive:
                return
            if self.core is not None and not self.core.full(index):
                wanted = place[0]
                self.sim.log.ask(self.host, lambda logs: _after(logs, name, wanted), heard)
            self.sim.schedule.after(FOLLOW_US, read)

        def heard(found: Any) -> None:
            if isinstance(found, LogGap):
                self.call(self.kill, str(found))
            elif isinstance(found, list) and found and found[0][0] == place[0]:
                place[0] += len(found)
                self.call(self._hear, archivist_verbs.Records(index, tuple(found)))

        read()

    def _newest(self, index: int, limit: int | None) -> bytes:
        disk = self.machine.disk
        for n in reversed(disk.numbers("snapshot", index)):
            if limit is None or n <= limit:
                return disk.read("snapshot", index, n)
        return b""

    def _spool(self, number: int, bundles: tuple[bytes, ...]) -> None:
        try:
            raw = b"".join(len(part).to_bytes(4, "little") + part for part in bundles)
            self.machine.disk.write("spool", self.era.number, number, raw)
        except OSError as error:
            self._hear(archivist_verbs.Failed(number, f"the spool cannot be written: {error.strerror}"))
            return
        self._hear(archivist_verbs.Spooled(number, self.machine.disk.bytes("spool")))

    def _upload(self, number: int) -> None:
        store, era = self.sim.store, self.era
        spooled = self._spooled(number)
        if isinstance(spooled, str):
            self._hear(archivist_verbs.Failed(number, spooled, spoilt=True))
            return
        tags = {"Type": "Everloom-Era", "World": era.charter.world, "Era": str(era.number + 1)}
        try:
            if any(True for _ in search(store, tags)):
                found = openings(store, opening_of, era.charter.world, era.owner)
                if found and found[0].era > era.number:
                    self._hear(archivist_verbs.Superseded(found[0].era))
                    return
            for part in _parts(self.machine.disk.read("spool", era.number, number)):
                put_and_check([store], part)
        except (ArchiveError, OSError) as error:
            self._hear(archivist_verbs.Failed(number, str(error)))
            return
        self._hear(archivist_verbs.Uploaded(number))


def _after(logs: MemoryLogs, name: str, position: int) -> list[tuple[int, bytes]]:
    info: LogInfo = logs.info(name)
    return logs.read(name, position, FOLLOW_RECORDS) if position != info.last + 1 else []


def _parts(raw: bytes) -> list[bytes]:
    parts: list[bytes] = []
    while raw:
        size = int.from_bytes(raw[:4], "little")
        parts.append(raw[4 : 4 + size])
        raw = raw[4 + size :]
    return parts

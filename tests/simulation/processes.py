"""The shells of a simulation: each carries out one production core's effects, in order, as the real ones do.

A process can be killed between any two effects, or be paused and wake up later with all it missed waiting for it.
"""

import random
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from archive import snapshot
from archive.bundle import unpack
from archive.data_item import DataItem
from archive.errors import ArchiveError
from archive.keys import b64
from archive.restore import openings, search
from archive.upload import put_and_check
from regions import archivist_verbs, gateway_verbs, messages, verbs
from regions.archivist import ArchivistCore
from regions.beginning import WITNESS_RECORDS, filed_witnesses, heard_by, lacking, newest_state, usable
from regions.config import SNAPSHOTS_KEPT
from regions.errors import RecordError
from regions.gateway import Gateway
from regions.process import RegionCore
from regions.region_state import Region
from regions.resuming import resume
from regions.revive import opening_of
from regions.seat import Seat, Witness
from regions.shell.log import LogError, LogGap, LogInfo
from regions.shell.memory_log import MemoryLogs
from regions.show import Show
from regions.wishes import Door
from world.units import CHUNK_TILES

if TYPE_CHECKING:
    from tests.simulation.machine import Machine

BACKLOG_MAX: Final = 65_536
READ_AGAIN_US: Final = 50_000
LOAD_MS_MAX: Final = 5_000
FOLLOW_US: Final = 60_000
FOLLOW_RECORDS: Final = 64
DISK_US: Final = 3_000
STORE_US: Final = 4_000
INTERVAL_MS: Final = 5_000  # between checkpoints
SPOOL_BYTES_MAX: Final = 3 << 20


class Process:
    """One operating-system process of a machine: its clock, its backlog while it is paused, how it ends."""

    role = ""

    def __init__(self, machine: "Machine", child: int) -> None:
        self.machine, self.child = machine, child
        self.sim = machine.sim
        self.host = machine.host
        self.alive = True
        self.paused = False
        self.life = machine.lives
        self.fate = 0  # how many effects it may still carry out before it is killed; 0: it lives
        self.backlog: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._skew_us = machine.clock_off_us
        self._wake = 0

    def now_ms(self) -> int:
        """Its machine's clock as it was when the process began, and the time that has passed since."""
        return (self.sim.schedule.now_us + self._skew_us) // 1000

    def call(self, method: Callable[..., None], *args: Any) -> None:
        """Let something happen in this process: never if it is dead, later if it is paused."""
        if not self.alive:
            return
        if self.paused:
            self.sim.met("pause")
            if len(self.backlog) < BACKLOG_MAX:
                self.backlog.append((method, args))
            return
        method(*args)

    def wake_at(self, at_ms: int, method: Callable[..., None]) -> None:
        """The process's one timer."""
        self._wake += 1
        self.sim.schedule.at(at_ms * 1000 - self._skew_us, self._ring, self._wake, method)

    def _ring(self, wake: int, method: Callable[..., None]) -> None:
        if wake == self._wake:
            self.call(method)

    def spent(self) -> bool:
        """One more effect is carried out; whether the process was killed after it."""
        if not self.fate:
            return False
        self.fate -= 1
        if not self.fate:
            self.sim.met("crash")
            self.kill()
        return not self.alive

    def kill(self, reason: str = "") -> None:
        """The process is gone, without a word of its own."""
        if self.alive:
            self.alive = False
            self.machine.gone(self, reason)

    def resume(self) -> None:
        """A paused process goes on, with all that waits for it."""
        self.paused = False
        backlog, self.backlog = self.backlog, []
        for method, args in backlog:
            self.call(method, *args)
        if self.machine.dead or self.machine.lives != self.life:
            self.kill()  # whoever started it is gone


class RegionProcess(Process):
    """A spare until it sits; then one region's owner."""

    role = "region"

    def __init__(self, machine: "Machine", child: int) -> None:
        super().__init__(machine, child)
        self.index = -1
        self.era = machine.era
        self.core: RegionCore | None = None
        self._first = 0
        self._last_words: dict[str, Any] = {}

    def sit(self, index: int, deaths: int, offset_ms: int) -> None:
        """Take a seat."""
        era = self.era
        self.index = index
        seat = Seat(
            world=era.world,
            index=index,
            region=era.processes[index],
            processes=era.processes,
            node=self.machine.key,
            scheduler=era.scheduler,
            deaths=deaths,
            tick_offset_ms=offset_ms,
        )
        show = Show(index) if index and self.sim.full_rules else None
        self.core = RegionCore(seat, self.sim.randbytes, show)
        for subject in (f"in.{index}", f"letter.{index}", "where", *(("world",) if index == 0 else ())):
            self.sim.bus.subscribe(subject, self)
        self.call(self._load)

    def receive(self, message: Any) -> None:
        """A message of the bus."""
        if isinstance(message, bytes):
            message = messages.decode(message)
        self._hear(verbs.Received(message))

    def stop(self) -> None:
        """A planned stop."""
        if self.core is not None:
            self._hear(verbs.Stop())

    def _hear(self, event: verbs.Event) -> None:
        core = self.core
        assert core is not None
        served = core.phase == "serving"
        try:
            effects = core.step(self.now_ms(), event)
        except Exception as error:
            self.sim.checker.raised(f"region {self.index}", error)
            self.kill(f"{type(error).__name__}: {error}")
            return
        for effect in effects:
            self._carry_out(core, effect)
            if not self.alive or self.spent():
                return
        if not served and core.phase == "serving" and core.region is not None:
            self.machine.call(self.machine.serving, self.index, core.region.state.n)

    def _carry_out(self, core: RegionCore, effect: verbs.Effect) -> None:
        sim, name = self.sim, self.era.log(self.index)
        match effect:
            case verbs.Publish(subject, message):
                sim.checker.said(self.era.number, self.index, message)
                sim.bus.publish(
                    self.host, f"{subject}.{self.index}" if subject in ("delta", "beat") else subject, message
                )
            case verbs.Wake(at_ms):
                self.wake_at(at_ms, self._timer)
            case verbs.Append(position, raw):
                sim.log.append(self.host, name, position, raw, self._first, self._settled)
            case verbs.Snapshot():
                sim.checker.snapshot(self.era.number, self.index, effect.n, effect.head)
                sim.schedule.after(DISK_US, self.call, self._keep, effect)
            case verbs.ReadAt(position):
                self._read_back(position)
            case verbs.Load():
                self._load()
            case verbs.Trim(n):
                sim.checker.trimmed(self.era.number, self.index, n)
                sim.log.ask(self.host, lambda logs: logs.trim(name, n), lambda found: None)
            case verbs.End():
                self.alive = False
                n = core.region.state.n if core.region is not None else 0
                self.machine.gone(self, effect.reason, effect.alarm, n, effect.fenced)

    def _timer(self) -> None:
        self._hear(verbs.Timer())

    def _settled(self, word: str, position: int, reason: str) -> None:
        self.call(self._hear, verbs.Settled(word, position, reason))

    def _read_back(self, position: int) -> None:
        name, answered = self.era.log(self.index), [False]

        def reply(found: Any) -> None:
            if not answered[0] and not isinstance(found, LogError) and found:
                answered[0] = True
                self.call(self._hear, verbs.ReadBack(position, found[0][1]))

        def again() -> None:
            if not answered[0] and self.alive:
                self.sim.log.ask(self.host, lambda logs: logs.read(name, position, 1), reply)
                self.sim.schedule.after(READ_AGAIN_US, again)

        again()

    def _keep(self, effect: verbs.Snapshot) -> None:
        raw = snapshot.encode(snapshot.Snapshot(effect.era, effect.n, effect.head, effect.raw))
        for machine in self.machine.cluster():
            self.sim.network.send(self.host, machine.host, machine.keep_snapshot, self.index, effect.n, raw)

    # Loading.

    def _load(self) -> None:
        era, sim, name = self.era, self.sim, self.era.log(self.index)
        try:
            region, _ = newest_state(
                era.charter, era.charter_id, self.machine.kit, self.index, self._files(), sim.store
            )
        except (ArchiveError, RecordError) as error:
            self.kill(f"nothing to begin from: {error}")
            return
        first = region.state.n + 1
        others = [(other, era.log(other)) for other in era.charter.neighbours(self.index)]

        def read(logs: MemoryLogs) -> Any:
            heard: list[Witness] = []
            for other, log in others:
                info = logs.info(log)
                begin = max(info.first, info.last - WITNESS_RECORDS + 1)
                if info.last >= begin and info.last:
                    heard += heard_by(other, self.index, logs.read(log, begin, WITNESS_RECORDS))
            return logs.first_sequence(name), whole(logs, name, first), heard

        answered = [False]

        def reply(found: Any) -> None:
            if not answered[0]:
                answered[0] = True
                self.call(self._read, region, found)

        sim.log.ask(self.host, read, reply)
        sim.schedule.after(LOAD_MS_MAX * 1000, lambda: answered[0] or self.kill("the log does not answer"))

    def _files(self) -> Iterator[tuple[str, bytes]]:
        disk = self.machine.disk
        for n in reversed(disk.numbers("snapshot", self.index)):
            yield f"{n}.snap", disk.read("snapshot", self.index, n)

    def _read(self, region: Region, found: Any) -> None:
        if isinstance(found, LogGap):
            self.alive = False
            self.machine.gone(self, f"a snapshot has seen record {region.state.n}, and {found}", True)
            return
        if isinstance(found, LogError):
            self.kill(str(found))
            return
        self._first, records, witnesses = found
        witnesses += filed_witnesses(self.sim.store, self.era.opening, self.index)
        self._hear(verbs.Loaded(region, records, tuple(witnesses)))


def whole(logs: MemoryLogs, name: str, position: int) -> list[bytes]:
    """Every record from a position to the end. Raises LogError."""
    raws: list[bytes] = []
    while True:
        found = logs.read(name, position + len(raws), 512)
        raws += [raw for _, raw in found]
        if not found:
            return raws


class GatewayProcess(Process):
    """A players' door."""

    role = "gateway"

    def __init__(self, machine: "Machine", child: int) -> None:
        super().__init__(machine, child)
        era = machine.era
        self.name = f"g{machine.place}x{machine.lives}x{child}"
        rectangles = tuple(
            (x0 // CHUNK_TILES, y0 // CHUNK_TILES, x1 // CHUNK_TILES, y1 // CHUNK_TILES)
            for x0, y0, x1, y1 in (seat.land for seat in era.charter.seats)
        )
        self.core = Gateway(Door(era.world, self.name, era.charter.map_tiles, rectangles))
        self.clients: dict[int, Any] = {}
        for subject in (f"answer.{self.name}", "answer", "delta", "beat"):
            self.sim.bus.subscribe(subject, self)
        self.sim.doors.append(self)
        self.hear(gateway_verbs.Timer())

    def kill(self, reason: str = "") -> None:
        """Its clients' connections break."""
        if self.alive:
            super().kill(reason)
            for client in list(self.clients.values()):
                client.broken()

    def receive(self, message: Any) -> None:
        """A message of the bus."""
        self.hear(gateway_verbs.Heard(message if isinstance(message, bytes) else messages.encode(message)))

    def hear(self, event: gateway_verbs.Event) -> None:
        """An event, and all that follows."""
        try:
            effects = self.core.step(self.now_ms(), event)
        except Exception as error:
            self.sim.checker.raised("gateway", error)
            self.kill(f"{type(error).__name__}: {error}")
            return
        for effect in effects:
            match effect:
                case gateway_verbs.Publish(subject, data):
                    self.sim.bus.publish(self.host, subject, data)
                case gateway_verbs.Send(peer, frame):
                    if peer in self.clients:
                        self.clients[peer].to_player(frame)
                case gateway_verbs.Close(peer, _, reason, _):
                    if peer in self.clients:
                        self.clients.pop(peer).closed(reason)
            if not self.alive or self.spent():
                return
        self.wake_at(self.core.due_ms, self._timer)

    def _timer(self) -> None:
        self.hear(gateway_verbs.Timer())


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
                    sim.checker.archivist_ended(self.words, status)
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


def kept(numbers: list[int]) -> list[int]:
    """The local snapshots of a region that go when a new one is written."""
    return numbers[:-SNAPSHOTS_KEPT]

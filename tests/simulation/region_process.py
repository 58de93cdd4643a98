"""A region's process of a simulation: carries out the core's effects, in order, as regions.shell.region does."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from archive import snapshot
from archive.errors import ArchiveError
from regions import messages, verbs
from regions.beginning import filed_witnesses, heard_by, newest_state, standing, windows
from regions.config import SNAPSHOTS_KEPT
from regions.errors import RecordError
from regions.process import RegionCore
from regions.region_state import Region
from regions.seat import Seat, Witness
from regions.shell.log import LogError, LogGap
from regions.shell.memory_log import MemoryLogs
from regions.show import Show
from tests.simulation.process import DISK_US, Process

if TYPE_CHECKING:
    from tests.simulation.era import Era
    from tests.simulation.machine import Machine

READ_AGAIN_US: Final = 50_000
LOAD_MS_MAX: Final = 5_000


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
            case verbs.Seek(position):
                self._seek(position)
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
        raw = snapshot.encode_file(snapshot.Snapshot(effect.era, effect.n, effect.head, effect.raw))
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

        def read(logs: MemoryLogs) -> Any:
            info = logs.info(name)
            own = logs.read(name, first - 1, 1) if info.first < first <= info.last + 1 else []
            witnesses = (*standing(era.number, own), *heard(era, self.index, logs))
            return logs.first_sequence(name), whole(logs, name, first), witnesses

        answered = [False]

        def reply(found: Any) -> None:
            if not answered[0]:
                answered[0] = True
                self.call(self._read, region, found)

        sim.log.ask(self.host, read, reply)
        sim.schedule.after(LOAD_MS_MAX * 1000, lambda: answered[0] or self.kill("the log does not answer"))

    def _seek(self, position: int) -> None:
        answered = [False]

        def reply(found: Any) -> None:
            if not answered[0] and not isinstance(found, LogError):
                answered[0] = True
                self.call(self._hear, verbs.Witnessed(position, (*found, *self._filed())))

        def again() -> None:
            if not answered[0] and self.alive:
                self.sim.log.ask(self.host, lambda logs: heard(self.era, self.index, logs), reply)
                self.sim.schedule.after(READ_AGAIN_US, again)

        again()

    def _filed(self) -> list[Witness]:
        return filed_witnesses(self.sim.store, self.era.opening, self.index)

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
        self._hear(verbs.Loaded(region, records, (*witnesses, *self._filed())))


def heard(era: "Era", index: int, logs: MemoryLogs) -> list[Witness]:
    """What neighbours' logs have seen of a region's."""
    witnesses: list[Witness] = []
    for other in era.charter.neighbours(index):
        log = era.log(other)
        info = logs.info(log)
        for begin, count in windows(info.first, info.last):
            if found := heard_by(other, index, logs.read(log, begin, count)):
                witnesses += found
                break
    return witnesses


def whole(logs: MemoryLogs, name: str, position: int) -> list[bytes]:
    """Every record from a position to the end. Raises LogError."""
    raws: list[bytes] = []
    while True:
        found = logs.read(name, position + len(raws), 512)
        raws += [raw for _, raw in found]
        if not found:
            return raws


def kept(numbers: list[int]) -> list[int]:
    """The local snapshots of a region that go when a new one is written."""
    return numbers[:-SNAPSHOTS_KEPT]

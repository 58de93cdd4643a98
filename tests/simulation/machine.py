"""One machine of a simulation: the agent's core with its children, a disk, a clock."""

from typing import TYPE_CHECKING, Any, Final

from archive.keys import Ed25519Key
from regions import agent_verbs as verbs
from regions.agent import AgentCore
from regions.holdings import Kit
from regions.messages import Beat
from tests.simulation.archivist_process import ArchivistProcess
from tests.simulation.disk import Disk
from tests.simulation.era import REGIONS, Era, kit
from tests.simulation.gateway_process import GatewayProcess
from tests.simulation.process import Process
from tests.simulation.region_process import RegionProcess, kept

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

SPAWN_US: Final = 150_000
LOOK_US: Final = 100_000
ROLES: Final = {"region": RegionProcess, "gateway": GatewayProcess, "archivist": ArchivistProcess}


class Machine:
    """A node of the roster. `homes` are the seats it takes when it begins; `era` the one it serves."""

    def __init__(self, sim: "Simulation", place: int, key: Ed25519Key, homes: frozenset[int] | None, era: Era) -> None:
        self.sim, self.place, self.key, self.homes, self.era = sim, place, key, homes, era
        self.host = f"machine {place}"
        self.kit: Kit = kit(sim.full_rules)
        self.disk = Disk(sim.stream(f"disk {place}"))
        self.disk.met = sim.met
        self.clock_off_us = 0  # how wrong its clock is
        self.lives = 0
        self.dead = True
        self.retired = False  # switched off for good
        self.paused = False
        self.module = era.charter.module  # what is installed here
        self.core = AgentCore(REGIONS, homes, place)
        self.children: dict[int, Process] = {}
        self.said: list[str] = []
        self.backlog: list[verbs.Event] = []
        self.status: int | None = None
        sim.bus.subscribe("beat", self)

    def begin(self) -> None:
        """Start the agent, if it does not run, on what the disk has; under another Module it refuses to."""
        if not self.dead or self.retired:
            return
        if self.module != self.era.charter.module:
            self.sim.met("other module")
            return
        self.lives += 1
        self.dead = self.paused = False
        self.status = None
        self.core = AgentCore(REGIONS, self.homes, self.place)
        self.children, self.backlog = {}, []
        self.sim.schedule.after(1_000 * self.place, self._look, self.lives)
        self.hear(verbs.Begin())

    def kill(self) -> None:
        """The agent is gone; its children see that and end, but for those that are paused."""
        self.dead = True
        for child in list(self.children.values()):
            if not child.paused:
                child.kill()

    def retire(self) -> None:
        """Switch the machine off for good, with all that runs on it."""
        self.retired = True
        self.kill()
        for child in list(self.children.values()):
            child.kill()

    def now_ms(self) -> int:
        """The monotonic clock."""
        return self.sim.schedule.now_us // 1000

    def call(self, method: Any, *args: Any) -> None:
        """A word of a child's."""
        method(*args)

    def cluster(self) -> list["Machine"]:
        """Machines of the same era: each keeps the local snapshots of all."""
        return [one for one in self.sim.machines if one.era is self.era]

    def keep_snapshot(self, index: int, n: int, raw: bytes) -> None:
        """Keep a local snapshot, and no more than are needed."""
        try:
            self.disk.write("snapshot", index, n, raw)
        except OSError:
            return
        for old in kept(self.disk.numbers("snapshot", index)):
            self.disk.drop("snapshot", index, old)

    # What the core hears.

    def hear(self, event: verbs.Event) -> None:
        """An event, and all that follows."""
        if self.dead:
            return
        if self.paused:
            self.sim.met("pause")
            self.backlog.append(event)
            return
        try:
            effects = self.core.step(self.now_ms(), event)
        except Exception as error:
            self.sim.checker.raised(f"agent {self.place}", error)
            self.kill()
            return
        for effect in effects:
            self._carry_out(effect)
            if self.dead:
                return

    def resume(self) -> None:
        """The agent goes on after a pause."""
        self.paused = False
        backlog, self.backlog = self.backlog, []
        for event in backlog:
            self.hear(event)

    def serving(self, index: int, n: int) -> None:
        """A child serves its seat."""
        self.hear(verbs.Serving(index, n))

    def ordered(self) -> None:
        """The archivist's final order stands in the log."""
        self.hear(verbs.Ordered())

    def receive(self, beat: Any) -> None:
        """A beat heard on the bus."""
        if beat.era == self.era.number and beat.region <= REGIONS:
            self.hear(verbs.Beaten(beat.region, beat.n))

    def gone(
        self, child: Process, reason: str, alarm: bool = False, n: int = 0, fenced: bool = False, superseded: int = 0
    ) -> None:
        """A child has ended."""
        self.sim.bus.leave(child)
        if self.children.get(child.child) is child:
            del self.children[child.child]
            event = verbs.Ended(child.child, reason, alarm, n, fenced, superseded)
            self.sim.schedule.after(2_000, self._gone, self.lives, event)
        if alarm:
            self.sim.alarm(f"machine {self.place}: {reason}")

    def _gone(self, life: int, event: verbs.Ended) -> None:
        if life == self.lives:
            self.hear(event)

    def _look(self, life: int) -> None:
        if life != self.lives or self.dead:
            return
        era = self.era

        def found(infos: Any) -> None:
            if life == self.lives and isinstance(infos, dict):
                for index, last in infos.items():
                    if not self.core.seats[index].mine:  # what it serves itself it need not look at
                        self.hear(verbs.Looked(index, last))
                for number, child in list(self.children.items()):
                    if not child.paused and child.role != "region":
                        self.hear(verbs.Heard(number))
                self.hear(verbs.Answered())

        if not self.paused:
            self.sim.log.ask(self.host, lambda logs: {i: logs.info(era.log(i)).last for i in era.processes}, found)
        self.sim.schedule.after(LOOK_US, self._look, life)

    # What the core wants.

    def _carry_out(self, effect: verbs.Effect) -> None:
        match effect:
            case verbs.Start(child, role):
                self.sim.schedule.after(SPAWN_US, self._start, self.lives, child, role)
            case verbs.Assign(child, index, deaths, offset_ms):
                process = self.children.get(child)
                if isinstance(process, RegionProcess):
                    process.sit(index, deaths, offset_ms)
            case verbs.Tell(child, words):
                self._tell(self.children.get(child), words)
            case verbs.Dismiss(child):
                process = self.children.get(child)
                if process is not None:
                    process.call(process.kill)
            case verbs.Kill(child):
                process = self.children.get(child)
                if process is not None:
                    process.kill("killed by its agent")
            case verbs.Announce(index, n):
                beat = Beat(index, 0, n, 0, "loading", 0, 0, 0, 0, 0, 0, self.era.number)
                self.sim.bus.publish(self.host, f"beat.{index}", beat)
            case verbs.Wake(at_ms):
                self.sim.schedule.at(at_ms * 1000, self._timer, self.lives)
            case verbs.Say(text, alarm):
                self.said.append(text)
                if alarm:
                    self.sim.alarm(f"machine {self.place}: {text}")
            case verbs.Over(status):
                self.status = status
                self.kill()

    def _timer(self, life: int) -> None:
        if life == self.lives:
            self.hear(verbs.Timer())

    def _start(self, life: int, child: int, role: str) -> None:
        if life != self.lives or self.dead or child not in self.core.children.roles:
            return
        process = self.children[child] = ROLES[role](self, child)
        if role == "region" and process.alive:
            self.hear(verbs.Warm(child))

    def _tell(self, process: Process | None, words: dict[str, object]) -> None:
        if isinstance(process, RegionProcess) and words.get("stop"):
            process.call(process.stop)
        if isinstance(process, ArchivistProcess) and words.get("final"):
            process.call(process.final_order)
        ends = words.get("stop")
        if isinstance(process, ArchivistProcess) and isinstance(ends, dict):
            process.call(process.stop, {int(index): int(n) for index, n in ends.items()})

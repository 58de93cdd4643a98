"""A whole cluster in one thread: three machines, a log server, a store, players; everything from one seed.

The cores are the production ones. Around them are the shells of `tests.simulation.process`, a network, disks and
clocks that break as `tests.simulation.faults` says, and a checker that watches.
"""

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from archive.bundle import pack
from archive.errors import ArchiveError
from archive.keys import Ed25519Key
from archive.upload import put_and_check
from regions import agent_verbs, revive
from regions.shell.memory_log import MemoryLogs
from tests.simulation import limits
from tests.simulation.bus import Bus
from tests.simulation.checker import Checker, Violated
from tests.simulation.era import NODES, OWNER, SCHEDULER, START_MS, Era, founded, kit
from tests.simulation.faults import Faults
from tests.simulation.gateway_process import GatewayProcess
from tests.simulation.log_host import LogHost
from tests.simulation.lying_store import LyingStore
from tests.simulation.machine import Machine
from tests.simulation.network import Network
from tests.simulation.outside_wallet import AoDoor
from tests.simulation.player import Player
from tests.simulation.region_process import RegionProcess
from tests.simulation.schedule import Schedule
from tests.wallets import EthereumKey

SECOND: Final = 1_000_000
PLAYERS: Final = 8
HOMES: Final = (frozenset({0, 1}), frozenset({2, 3}), frozenset({4}))
ALONE_EVERY: Final = 5  # one seed in so many has a single machine, and ends with a planned stop
SETTLE_US: Final = 60 * SECOND  # for all to go on after the last fault
QUIET_US: Final = 1 * SECOND
LOOKS_AGAIN_US: Final = 3 * SECOND  # after a log was put back its operator looks again whether all serve
FAULTS_US: Final = (15 * SECOND, 40 * SECOND)


@dataclass
class Outcome:
    """What one run showed. `law` is empty when every law held."""

    seed: int
    law: str = ""
    words: str = ""
    at_ms: int = 0
    virtual_ms: int = 0
    records: int = 0
    acks: int = 0
    checkpoints: int = 0
    eras: int = 1
    effective: dict[str, int] = field(default_factory=dict)
    trace: str = ""


class Simulation:
    """One run. `full_rules`: the world's real rules instead of the small ones; `calm`: no faults."""

    def __init__(self, seed: int, full_rules: bool = False, calm: bool = False) -> None:
        limits.shrink()
        self.seed, self.full_rules = seed, full_rules
        self.random = self.stream("cluster")
        self._secrets = self.stream("secrets")
        self.schedule = Schedule()
        self.schedule.now_us = START_MS * 1000
        self.network = Network(self.schedule, self.stream("network"))
        self.bus = Bus(self.network)
        self.log = LogHost(self.schedule, self.network, self.stream("log"), self._durable)
        self.log.met = self.met
        self.store = LyingStore(self.stream("store"))
        self.store.met = self.met
        made, _ = founded(full_rules)
        self.era = Era(made.charter, made.charter_item, full_rules)
        self.checker = Checker(self, self.era)
        self.doors: list[GatewayProcess] = []
        self.entities: dict[bytes, int] = {}
        self.poison = self.flocking = False
        self.tampered: set[int] = set()  # eras of which a log was set back
        self.alarms: list[str] = []
        self._clients = 0
        self.faults = Faults(self, calm)
        self.store.kept.put_bundle(pack(made.items))
        self._make_logs(self.era)
        self.alone = seed % ALONE_EVERY == 0
        self.homes: tuple[frozenset[int] | None, ...] = (None,) if self.alone else HOMES
        self.machines = self._new_machines()
        wallets = [Ed25519Key(self.stream(f"wallet {number}").randbytes(32)) for number in range(PLAYERS)]
        self.players = [Player(self, wallet, str(number)) for number, wallet in enumerate(wallets)]
        secrets = [self.stream(f"outside key {number}").randbytes(32) for number in range(2)]
        # Two wallets that players do not have, and two that come in by both doors.
        self.ao = AoDoor(self, "ao", [Ed25519Key(secrets[0]), EthereumKey(secrets[1]), *wallets[:2]])

    # What everything here needs.

    def stream(self, label: str) -> Random:
        """Random numbers of their own, so that a draw more in one place changes nothing elsewhere."""
        return Random(f"{self.seed}/{label}")

    def randbytes(self, count: int) -> bytes:
        """Unpredictable bytes, as far as the cores can tell."""
        return self._secrets.randbytes(count)

    def next_client(self) -> int:
        """A connection's number."""
        self._clients += 1
        return self._clients

    def met(self, kind: str) -> None:
        """A fault showed: it changed what happened."""
        self.faults.met(kind)

    def alarm(self, words: str) -> None:
        """An operator is called."""
        self.alarms.append(words)

    def owners(self, index: int) -> list[RegionProcess]:
        """The processes of this era that serve a region."""
        return [
            child
            for machine in self.machines
            if machine.era is self.era
            for child in machine.children.values()
            if isinstance(child, RegionProcess) and child.index == index and child.alive and not child.paused
            if child.core is not None and child.core.phase == "serving"
        ]

    def _durable(self, name: str, n: int, raw: bytes) -> None:
        self.checker.durable(name, n, raw)

    def _make_logs(self, era: Era) -> None:
        for index in era.processes:
            first = era.charter.cut[index].n + 1 if era.charter.cut is not None else 1
            self.log.create(era.log(index), first)

    def _new_machines(self) -> list[Machine]:
        return [Machine(self, place, NODES[place], homes, self.era) for place, homes in enumerate(self.homes)]

    # An operator's doings.

    def restore(self, zombies: bool) -> bool:
        """The owner opens a new era from the archive; machines of the old one are gone, or some go on unaware."""
        made_of = kit(self.full_rules)
        store = self.store.kept
        mood, self.store.mood = self.store.mood, ""
        try:
            found = revive.find(store, self.era.charter.world)
            regions = revive.load(store, found, made_of)
            owner: Any = OWNER
            nodes = [key.public for key in NODES[1:]]
            now_ms = self.schedule.now_us // 1000
            made = revive.revive(store, found, regions, owner, NODES[0], SCHEDULER, now_ms, lambda seed: seed, nodes)
            put_and_check([store], pack(made.items))
        except ArchiveError as error:
            if self.checker.checkpoints:
                self.checker.fail("archive", f"a restore fails although a checkpoint is confirmed: {error}")
            return False
        finally:
            self.store.mood = mood
        old = self.era
        self.era = Era(made.charter, made.charter_item, self.full_rules)
        self.checker.restored(self.era, made, old.number)
        self._make_logs(self.era)
        for machine in self.machines:
            if machine.era is old and not (zombies and machine.place == 2):
                machine.retire()
        new = self._new_machines()
        for index, (n, raw) in made.snapshots.items():
            new[0].disk.write("snapshot", index, n, raw)
        self.machines = [one for one in self.machines if not one.dead] + new
        for machine in new:
            machine.begin()
        return True

    def repair(self) -> None:
        """Put back what a log lost, from another copy, and start again what had given up."""
        audit = self.checker.eras[self.era.number]
        logs: MemoryLogs = self.log.logs
        for index, course in audit.courses.items():
            name = self.era.log(index)
            info = logs.info(name)
            while (
                info.last >= info.first and logs.read(name, info.last, 1)[0][1] != course.raws[info.last - course.first]
            ):
                logs.lose_tail(name, 1)  # what somebody added to a log that was set back
                info = logs.info(name)
            for n in range(info.last + 1, course.last + 1):
                logs.append(name, n, course.raws[n - course.first])
        self.tampered.discard(self.era.number)
        self.start_again()
        self.schedule.after(LOOKS_AGAIN_US, self.start_again)  # an answer from before may come after

    def start_again(self) -> None:
        """Begin anew on every machine with a seat that was given up."""
        for machine in self.machines:
            if machine.era is self.era and any(seat.ended for seat in machine.core.seats.values()):
                machine.kill()
                machine.begin()

    # A run.

    def run(self) -> Outcome:
        """Start all, break things, mend them, and wait until all goes on."""
        started_us = self.schedule.now_us
        outcome = Outcome(self.seed)
        gc.disable()
        try:
            for machine in self.machines:
                machine.begin()
            self._run(2 * SECOND)
            self._run(self.faults.begin())
            self.faults.end()
            self._settle()
            self.checker.archive_alone()
            if self.alone:
                self._stop_in_order()
        except Violated as violated:
            outcome.law, outcome.words = violated.law, violated.words
        finally:
            gc.enable()
        outcome.at_ms = outcome.virtual_ms = (self.schedule.now_us - started_us) // 1000
        outcome.records, outcome.acks = self.checker.records, self.checker.acks
        outcome.checkpoints, outcome.eras = self.checker.checkpoints, len(self.checker.eras)
        outcome.effective = self.faults.effective()
        outcome.trace = self.checker.trace.hexdigest()
        return outcome

    def _run(self, us: int) -> None:
        self.schedule.run(self.schedule.now_us + us)

    def _settle(self) -> None:
        """Nobody acts any more; everything that was begun must come to its end."""
        deadline_us = self.schedule.now_us + SETTLE_US
        self.checker.calm()
        self._run(3 * SECOND)
        for player in self.players:
            player.acting = False
        self.ao.act(False)
        quiet_us = 0
        while quiet_us < QUIET_US:
            self._run(SECOND // 4)
            unsettled = self.checker.unsettled()
            quiet_us = 0 if unsettled else quiet_us + SECOND // 4
            if unsettled and self.schedule.now_us > deadline_us:
                self.checker.fail("live", f"{unsettled}; alarms: {self.alarms[-3:]}")

    def _stop_in_order(self) -> None:
        """A planned stop: the last checkpoint is at the logs' ends. Then the world goes on where it was."""
        machine = next(one for one in self.machines if one.era is self.era)
        machine.hear(agent_verbs.Stop())
        self._until(lambda: machine.status is not None, "a planned stop is not over")
        self.checker.stopped(machine.status)
        for player in self.players:
            player.acting = not player.over
        self.ao.act(True)
        machine.begin()
        self._run(2 * SECOND)
        self._settle()

    def _until(self, holds: Callable[[], bool], words: str) -> None:
        deadline_us = self.schedule.now_us + SETTLE_US
        while not holds():
            self._run(SECOND // 4)
            if self.schedule.now_us > deadline_us:
                self.checker.fail("live", f"{words} after {SETTLE_US // SECOND} s; alarms: {self.alarms[-3:]}")


def simulate(seed: int, full_rules: bool = False, calm: bool = False) -> Outcome:
    """One run from its seed."""
    gc.collect()
    if not gc.get_freeze_count():
        gc.freeze()  # what lives before the first run lives on: no later one has to look through it
    return Simulation(seed, full_rules, calm).run()

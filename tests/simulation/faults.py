"""What breaks, when, and for how long: drawn from the seed. Each seed has some kinds only, so that pairs of them meet.

`KINDS` is the whole list. A fault counts as effective when it changed what happened: a message it swallowed, a process
that was alive when it was killed, a read that came back short.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

from tests.simulation.era import NODES
from tests.simulation.network import LOG, PLAYERS, Trouble
from tests.simulation.player import Player
from tests.simulation.region_process import heard

if TYPE_CHECKING:
    from tests.simulation.machine import Machine
    from tests.simulation.process import Process
    from tests.simulation.simulation import Simulation

SECOND: Final = 1_000_000
LASTS_US: Final = (8 * SECOND, 20 * SECOND)
MEAN_US: Final = 5 * SECOND  # between two faults of one kind
KINDS_PER_SEED: Final = (3, 12)


@dataclass(frozen=True)
class Kind:
    """`begin` breaks something and returns what mends it, or None if there is nothing to mend; `late_us` is how long
    after the beginning the first one may come; `rare` ones come once in a run."""

    begin: Callable[["Faults"], Callable[[], None] | None]
    lasts_us: tuple[int, int] = (0, 0)
    rare: bool = False
    full_rules: bool = True


def drawn(random: Random) -> list[str]:
    """The kinds of a run, the first thing that is drawn from its stream "faults"."""
    return random.sample(sorted(KINDS), random.randint(*KINDS_PER_SEED))


class Faults:
    """The faults of one run."""

    def __init__(self, sim: "Simulation", calm: bool) -> None:
        self.sim = sim
        self.random = sim.stream("faults")
        self.kinds = drawn(self.random)
        if calm:
            self.kinds = []
        self.seen: Counter[str] = Counter()
        self.open: list[tuple[str, Callable[[], None]]] = []
        self.over = False
        self._current: Counter[str] = Counter()

    def met(self, kind: str) -> None:
        """A fault showed."""
        self.seen[SHOWN.get(kind, kind)] += 1

    def effective(self) -> dict[str, int]:
        """How often each kind changed an outcome."""
        return {kind: self.seen[kind] for kind in sorted(KINDS) if self.seen[kind]}

    def begin(self) -> int:
        """Arrange everything; how long it will go on."""
        lasts_us = self.random.randrange(*LASTS_US)
        end_us = self.sim.schedule.now_us + lasts_us
        for name in self.kinds:
            if KINDS[name].rare:
                at_us = self.sim.schedule.now_us + self.random.randrange(lasts_us // 3, lasts_us)
                self.sim.schedule.at(at_us, self._break, name, end_us)
            else:
                self._next(name, end_us)
        return lasts_us

    def _next(self, name: str, end_us: int) -> None:
        at_us = self.sim.schedule.now_us + int(self.random.expovariate(1 / MEAN_US))
        if at_us < end_us:
            self.sim.schedule.at(at_us, self._break, name, end_us)

    def _break(self, name: str, end_us: int) -> None:
        if self.over:
            return
        kind = KINDS[name]
        mend = kind.begin(self)
        if mend is not None:
            entry = (name, mend)
            self.open.append(entry)
            self.sim.schedule.after(self.random.randrange(*kind.lasts_us), self._mend, entry)
        elif kind.rare and kind.lasts_us[1] and self.sim.schedule.now_us < end_us:
            self.sim.schedule.after(SECOND, self._break, name, end_us)  # it could not yet happen
        if not kind.rare:
            self._next(name, end_us)

    def _mend(self, entry: tuple[str, Callable[[], None]]) -> None:
        if entry in self.open:
            self.open.remove(entry)
            entry[1]()

    def end(self) -> None:
        """Mend all that is still broken, and break nothing any more."""
        self.over = True
        while self.open:
            self.open.pop()[1]()
        if self.sim.era.number in self.sim.tampered:
            self.sim.repair()

    # Whom it hits.

    def machines(self) -> list["Machine"]:
        """Machines whose agent runs."""
        return [one for one in self.sim.machines if not one.dead]

    def processes(self, *roles: str) -> list["Process"]:
        """Processes that run."""
        found = [child for machine in self.machines() for child in machine.children.values()]
        return [one for one in found if one.alive and not one.paused and (not roles or one.role in roles)]

    def pick(self, *roles: str) -> "Process | None":
        """One of them; spares seldom."""
        found = self.processes(*roles)
        busy = [one for one in found if getattr(one, "index", 0) >= 0]
        found = busy or found
        return self.random.choice(found) if found else None

    def hosts(self) -> list[str]:
        """All that hang on the network."""
        return [*sorted({machine.host for machine in self.sim.machines}), LOG]

    def trouble(self, kind: str, name: str, both: bool, share: float, delay_us: int, players: bool = False) -> Trouble:
        """Trouble between two random sides."""
        hosts = self.hosts() + ([PLAYERS] if players else [])
        sources = frozenset(self.random.sample(hosts, self.random.randint(1, len(hosts) - 1)))
        targets = frozenset(hosts) - sources
        made = Trouble(kind, sources, targets, both, share, delay_us, lambda: self.met(name))
        self.sim.network.troubles.append(made)
        return made

    def mended(self, trouble: Trouble) -> Callable[[], None]:
        """What takes trouble away."""
        return lambda: self.sim.network.troubles.remove(trouble)


# The kinds.


def _crash(faults: Faults) -> None:
    process = faults.pick("region", "archivist")
    if process is not None:
        process.fate = faults.random.randint(1, 12)


def _kill_all(faults: Faults) -> None:
    for machine in faults.machines():
        faults.met("kill all")
        machine.kill()
        faults.sim.schedule.after(faults.random.randrange(SECOND // 5, 2 * SECOND), machine.begin)


def _kill_agent(faults: Faults) -> None:
    machines = faults.machines()
    if machines:
        machine = faults.random.choice(machines)
        faults.met("kill agent")
        machine.kill()
        faults.sim.schedule.after(faults.random.randrange(SECOND // 5, 6 * SECOND), machine.begin)


def _pause(faults: Faults) -> Callable[[], None] | None:
    machines = [one for one in faults.machines() if not one.paused]
    process = faults.pick()
    if machines and faults.random.random() < 0.15:
        machine = faults.random.choice(machines)
        machine.paused = True
        return lambda: machine.resume() if machine.paused else None
    if process is None:
        return None
    process.paused = True
    return lambda: process.resume() if process.paused else None


def _partition(faults: Faults) -> Callable[[], None]:
    return faults.mended(faults.trouble("partition", "partition", True, 1, 0, players=True))


def _one_way(faults: Faults) -> Callable[[], None]:
    return faults.mended(faults.trouble("one way", "partition one way", False, 1, 0, players=True))


def _loss(faults: Faults) -> Callable[[], None]:
    return faults.mended(faults.trouble("loss", "loss", True, faults.random.choice((0.02, 0.1, 0.4)), 0))


def _doubled(faults: Faults) -> Callable[[], None]:
    return faults.mended(faults.trouble("doubled", "duplication", True, 0.3, 800_000))


def _reordered(faults: Faults) -> Callable[[], None]:
    return faults.mended(faults.trouble("reordered", "reordering", True, 0.5, faults.random.choice((5_000, 300_000))))


def _slow(faults: Faults) -> Callable[[], None]:
    return faults.mended(faults.trouble("slow", "slow link", True, 1, faults.random.choice((20_000, 150_000)), True))


def _deaf(kind: str) -> Callable[[Faults], Callable[[], None]]:
    def begin(faults: Faults) -> Callable[[], None]:
        faults.sim.log.deaf = kind, faults.random.choice((0.05, 0.5))

        def mend() -> None:
            faults.sim.log.deaf = None

        return mend

    return begin


def _log_full(faults: Faults) -> Callable[[], None]:
    faults.sim.log.full = True

    def mend() -> None:
        faults.sim.log.full = False

    return mend


def _leaderless(faults: Faults) -> Callable[[], None]:
    faults.sim.log.leaderless = True

    def mend() -> None:
        faults.sim.log.leaderless = False

    return mend


def _log_crash(faults: Faults) -> Callable[[], None]:
    log = faults.sim.log
    slow_us, log.sync_us = log.sync_us, faults.random.choice((900, 30_000))
    log.crash()

    def mend() -> None:
        log.down = False
        log.sync_us = slow_us

    return mend


def _slow_sync(faults: Faults) -> Callable[[], None]:
    log = faults.sim.log
    log.sync_us = faults.random.choice((20_000, 80_000, 300_000))
    faults.met("slow disk")

    def mend() -> None:
        log.sync_us = 900

    return mend


def _set_back(faults: Faults) -> Callable[[], None] | None:
    """One region's log comes back as it was a while ago; a neighbour's log has seen more of it."""
    sim, era = faults.sim, faults.sim.era
    index = faults.random.choice(sorted(era.processes))
    info = sim.log.logs.info(era.log(index))
    seen = max((one.n for one in heard(era, index, sim.log.logs) if one.era == era.number), default=0)
    count = faults.random.randint(3, 150)
    if info.last - count < info.first or seen <= info.last - count:
        return None
    sim.tampered.add(era.number)
    sim.log.logs.lose_tail(era.log(index), count)
    faults.met("log set back")
    _try_again(faults, era.number)
    return lambda: _put_right(faults, era.number)


def _made_anew(faults: Faults) -> Callable[[], None] | None:
    """One region's log is deleted and made again, empty."""
    sim, era = faults.sim, faults.sim.era
    index = faults.random.choice(sorted(era.processes))
    name = era.log(index)
    info, first = sim.log.logs.info(name), sim.log.logs.first_sequence(name)
    if info.last < info.first + 40:
        return None
    sim.tampered.add(era.number)
    sim.log.logs.delete(name)
    sim.log.create(name, first)
    faults.met("log made anew")
    _try_again(faults, era.number)
    return lambda: _put_right(faults, era.number)


def _try_again(faults: Faults, era: int) -> None:
    """Somebody starts again what gave up, or all on new machines, before the log is put right: its neighbours have gone
    on meanwhile."""
    sim = faults.sim
    random = sim.stream(f"tries again at {sim.schedule.now_us}")

    def begin() -> None:
        if sim.era.number != era or era not in sim.tampered:
            return
        if random.random() < 0.5:
            sim.start_again()
            return
        for machine in sim.machines:
            if machine.era is sim.era:
                machine.disk.files.clear()
                machine.kill()
                machine.begin()

    sim.schedule.after(random.randint(5 * SECOND // 2, LONG[0]), begin)


def _put_right(faults: Faults, era: int) -> None:
    """Another copy of the log is found; or nobody has one, and the owner opens a new era."""
    sim = faults.sim
    if sim.era.number != era or era not in sim.tampered:
        return
    if faults.random.random() < 0.3 and sim.restore(zombies=False):
        faults.met("restore")
        return
    sim.repair()


def _store(mood: str) -> Callable[[Faults], Callable[[], None]]:
    def begin(faults: Faults) -> Callable[[], None]:
        faults.sim.store.begin(mood)
        return lambda: faults.sim.store.begin("")

    return begin


def _flip(faults: Faults) -> None:
    """Bits flip in a machine's files; now and then its agent dies of it, and all begins from what is there."""
    machine = faults.random.choice(faults.sim.machines)
    for _ in range(faults.random.choice((1, 6))):
        if machine.disk.flip():
            faults.met("bit flip")
    if faults.random.random() < 0.3 and not machine.dead:
        machine.kill()
        faults.sim.schedule.after(SECOND // 5, machine.begin)


def _torn(faults: Faults) -> None:
    faults.random.choice(faults.sim.machines).disk.torn = True


def _disk_full(faults: Faults) -> Callable[[], None]:
    disk = faults.random.choice(faults.sim.machines).disk
    disk.full = True

    def mend() -> None:
        disk.full = False

    return mend


def _disk_lost(faults: Faults) -> None:
    machine = faults.random.choice(faults.sim.machines)
    machine.disk.files.clear()
    faults.met("disk lost")
    if not machine.dead:
        machine.kill()
        faults.sim.schedule.after(SECOND, machine.begin)


def _skew(faults: Faults) -> None:
    """A machine's clock is wrong from the next process on that begins there."""
    machine = faults.random.choice(faults.sim.machines)
    machine.clock_off_us = faults.random.choice((-3600, -30, -2, 2, 30, 3600)) * SECOND
    faults.met("clock skew")


def _jump(faults: Faults) -> None:
    """All clocks of a machine jump while its processes run: they go by the time that passes."""
    machine = faults.random.choice(faults.sim.machines)
    machine.clock_off_us += faults.random.choice((-600, -1, 1, 600)) * SECOND
    process = faults.pick("region")
    if process is not None:
        process.fate = 1  # its successor begins with another clock
        faults.met("clock jump")


def _slow_player(faults: Faults) -> Callable[[], None]:
    player = faults.random.choice(faults.sim.players)
    player.slow_us = faults.random.choice((300_000, 2_000_000))

    def mend() -> None:
        player.slow_us = 0

    return mend


def _player_dies(faults: Faults) -> None:
    faults.met("player dies")
    player = faults.random.choice(faults.sim.players)
    player.kill()
    player.away_until_us = faults.sim.schedule.now_us + faults.random.choice((0, 0, 9)) * SECOND


def _gateway_lost(faults: Faults) -> None:
    process = faults.pick("gateway")
    if process is not None:
        faults.met("gateway lost")
        process.kill()


def _same_key(faults: Faults) -> Callable[[], None]:
    """A second machine begins with the key, and the seats, of another."""
    from tests.simulation.machine import Machine

    sim = faults.sim
    twin = faults.random.choice([one for one in sim.machines if one.place < len(NODES)])
    machine = Machine(sim, twin.place + 10, twin.key, twin.homes, sim.era)
    machine.core.place = twin.place
    sim.machines.append(machine)
    machine.begin()
    faults.met("two agents with one key")

    def mend() -> None:
        machine.retire()
        if machine in sim.machines:
            sim.machines.remove(machine)

    return mend


def _other_module(faults: Faults) -> Callable[[], None]:
    machine = faults.random.choice(faults.sim.machines)
    machine.module = "A" * 43
    machine.kill()
    faults.sim.schedule.after(SECOND // 2, machine.begin)

    def mend() -> None:
        machine.module = machine.era.charter.module
        machine.begin()

    return mend


def _flock(faults: Faults) -> Callable[[], None]:
    """All players walk the same way, long enough to come to the last region."""
    way = faults.random.choice((-1, 1))
    faults.sim.flocking = True
    for player in faults.sim.players:
        player.flock = way

    def mend() -> None:
        faults.sim.flocking = False
        for player in faults.sim.players:
            player.flock = 0

    return mend


def _poison(faults: Faults) -> Callable[[], None]:
    faults.sim.poison = True

    def mend() -> None:
        faults.sim.poison = False

    return mend


def _second_session(faults: Faults) -> None:
    """A player logs in a second time, from elsewhere; the first client comes back, if its connection broke then."""
    sim = faults.sim
    first = faults.random.choice(sim.players)
    if faults.random.random() < 0.5 and first.connection is not None:
        first.connection.lost()
    second = Player(sim, first.wallet, f"{first.name}'")
    sim.players.append(second)
    faults.met("second session")


def _restore(faults: Faults) -> None:
    if faults.sim.restore(zombies=faults.random.random() < 0.4):
        faults.met("restore")


MOMENT, WHILE, LONG = (SECOND // 20, SECOND), (SECOND // 2, 4 * SECOND), (4 * SECOND, 9 * SECOND)

KINDS: Final = {
    "crash": Kind(_crash),
    "kill all": Kind(_kill_all, rare=True),
    "kill agent": Kind(_kill_agent),
    "pause": Kind(_pause, (SECOND // 10, 6 * SECOND)),
    "partition": Kind(_partition, WHILE),
    "partition one way": Kind(_one_way, WHILE),
    "loss": Kind(_loss, LONG),
    "duplication": Kind(_doubled, LONG),
    "reordering": Kind(_reordered, LONG),
    "slow link": Kind(_slow, LONG),
    "append lost": Kind(_deaf("append lost"), WHILE),
    "answer lost": Kind(_deaf("answer lost"), WHILE),
    "append late": Kind(_deaf("append late"), WHILE),
    "log full": Kind(_log_full, WHILE),
    "leaderless": Kind(_leaderless, LONG),
    "log crash": Kind(_log_crash, MOMENT),
    "slow disk": Kind(_slow_sync, WHILE),
    "log set back": Kind(_set_back, WHILE, rare=True),
    "log made anew": Kind(_made_anew, WHILE, rare=True),
    "store away": Kind(_store("store away"), LONG),
    "store forgets": Kind(_store("store forgets"), LONG),
    "store truncates": Kind(_store("store truncates"), LONG),
    "store is old": Kind(_store("store is old"), LONG),
    "bit flip": Kind(_flip),
    "torn write": Kind(_torn),
    "disk full": Kind(_disk_full, LONG),
    "disk lost": Kind(_disk_lost, rare=True),
    "clock skew": Kind(_skew),
    "clock jump": Kind(_jump),
    "slow player": Kind(_slow_player, LONG),
    "player dies": Kind(_player_dies),
    "gateway lost": Kind(_gateway_lost),
    "two agents with one key": Kind(_same_key, LONG, rare=True),
    "other module": Kind(_other_module, LONG, rare=True),
    "full neighbour": Kind(_flock, (12 * SECOND, 24 * SECOND)),
    "poison": Kind(_poison, WHILE),
    "second session": Kind(_second_session, rare=True),
    "restore": Kind(_restore, rare=True),
}
SHOWN: Final = {"unsynced lost": "log crash"}

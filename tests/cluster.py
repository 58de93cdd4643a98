"""A whole world in one thread: real region cores, logs in memory, a bus of lists, a clock that only tests move.

The world is founded as `everloom up` founds one. Everything that happens goes through one queue, first in, first out,
so a run depends on nothing but its seed. What may go wrong is ordered by the test: a lost message (`lost`), an append
that does not answer (`held`), the faults of `regions.shell.memory_log`, a process killed between two effects (`kill`).
"""

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from archive.keys import Ed25519Key
from regions import founding, region_state
from regions.compute import apply
from regions.founding import Founded
from regions.messages import Answer, Answers, Batch, Here, Message, Where, decode, encode
from regions.process import RegionCore
from regions.record import (
    Acted,
    Birth,
    Head,
    Input,
    Login,
    Record,
    first_chain,
    login_body,
    login_message,
    player_chain,
    player_head_message,
)
from regions.record import decode as decode_record
from regions.region_state import Region, Rules
from regions.seat import Seat, Witness
from regions.shell.memory_log import MemoryLogs
from regions.show import Show
from regions.verbs import (
    Append,
    Effect,
    End,
    Event,
    Load,
    Loaded,
    Publish,
    ReadAt,
    ReadBack,
    Received,
    Seek,
    Settled,
    Snapshot,
    Stop,
    Timer,
    Trim,
    Wake,
    Witnessed,
)
from tests.regions.little_world import meadow
from world.actions import Action, encode_action
from world.state import State
from world.tilemap import TileMap

START_MS = 1_700_000_000_000
LOG_BYTES = 1 << 30
OWNER, SCHEDULER, NODE = (Ed25519Key(bytes([number]) * 32) for number in (1, 2, 3))
OUTCOMES = {"Durable": "durable", "Taken": "taken", "Behind": "behind", "Full": "full", "Impossible": "impossible"}


Land = Callable[[int, int], TileMap]


def grass(width: int, height: int) -> TileMap:
    """A meadow; whoever is born in its western half begins six tiles west of the middle."""
    return meadow(width, height, (width // 2 - 6, height // 2))


@lru_cache(maxsize=8)
def founded(
    tiles: tuple[int, int], shape: tuple[int, int], population: tuple[int, int, int], land: Land
) -> tuple[Founded, TileMap]:
    """A world. Its owner's key is an Ed25519 one: an RSA key takes seconds to make, and no rule of the world knows the
    difference."""
    world_map = land(*tiles)
    owner: Any = OWNER
    return founding.found(owner, SCHEDULER, NODE, world_map, shape, population, START_MS, lambda seed: seed), world_map


class Cluster:
    """The world's process (index 0) and the regions of `shape` = (columns, rows).

    `rules(index)` replaces the rules of a region with land; if they have a method `fresh(index)`, that gives their
    first state. `scheduler=False`: no node has the world's AO scheduler key.
    """

    def __init__(
        self,
        shape: tuple[int, int] = (2, 1),
        tiles: tuple[int, int] = (128, 64),
        population: tuple[int, int, int] = (0, 0, 0),
        rules: Callable[[int], Rules] | None = None,
        scheduler: bool = True,
        seed: int = 1,
        start: bool = True,
        land: Land = grass,
    ) -> None:
        self.founded, self.map = founded(tiles, shape, population, land)
        self.charter = self.founded.charter
        self.processes = self.charter.processes()
        self.world = self.processes[0]
        self.rules = rules
        self.scheduler = SCHEDULER if scheduler else None
        self.random = random.Random(seed)
        self.now_ms = START_MS
        self.logs = MemoryLogs()
        self.cores: dict[int, RegionCore] = {}
        self.ended: dict[int, End] = {}
        self.snapshots: dict[int, Snapshot] = {}
        self.trims: dict[int, int] = {}
        self.deaths: dict[int, int] = {}
        self.lost: Callable[[int, str, Message], bool] = lambda sender, subject, message: False
        self.watch: Callable[[int, Effect], None] = lambda index, effect: None
        self.settled: Callable[[int], None] = lambda index: None
        self.held: set[int] = set()  # regions whose appends wait for `settle`
        self.seen: dict[int, tuple[Witness, ...]] = {}  # who has seen a region's log, for an owner that was away
        self.waiting: dict[int, Append] = {}
        self.gateways: dict[str, Callable[[Message], None]] = {}
        self._queue: deque[tuple[int, Event]] = deque()
        self._wakes: list[tuple[int, int, int]] = []
        self._wanted: dict[int, int] = {}
        self._order = itertools.count()
        self._fates: dict[int, int] = {}  # how many effects a process may still carry out
        for index in self.processes:
            self.logs.create(self.log(index), 1, LOG_BYTES)
        if start:
            for index in self.processes:
                self.start(index)
            self.run(100)

    # Processes.

    def log(self, index: int) -> str:
        """The name of a region's log."""
        return f"log-{index}"

    def genesis(self, index: int) -> Region:
        """A region before its first record."""
        charter_id, owner = self.founded.charter_item.id, region_owner()
        region = founding.genesis(self.charter, charter_id, owner, index, self.map)
        if index and self.rules is not None:
            region.rules = self.rules(index)
            fresh = getattr(region.rules, "fresh", None)
            region.bodies = fresh(index) if fresh else region.bodies
        return region

    def start(
        self, index: int, snapshot: bool = False, witnesses: tuple[Witness, ...] = (), queue: bool = True
    ) -> None:
        """Begin a region's process: from its first record, or from its newest snapshot."""
        seat = Seat(
            world=self.world,
            index=index,
            region=self.processes[index],
            processes=self.processes,
            node=NODE,
            scheduler=self.scheduler,
            deaths=self.deaths.get(index, 0),
            tick_offset_ms=7 * index,
        )
        loaded = self.loaded(index, snapshot, witnesses)
        show = Show(index) if isinstance(loaded.region.bodies, State) else None
        self.cores[index] = RegionCore(seat, self.random.randbytes, show)
        self.ended.pop(index, None)
        self.give(index, loaded, run=queue)

    def loaded(self, index: int, snapshot: bool = False, witnesses: tuple[Witness, ...] = ()) -> Loaded:
        """What a shell loads: a snapshot or the genesis, and the log after it."""
        region = self.genesis(index)
        if snapshot and index in self.snapshots:
            file = self.snapshots[index]
            region = region_state.decode(file.raw, region.rules, file.head)
        return Loaded(region, self.raws(index)[region.state.n :], witnesses)

    def kill(self, index: int, after: int = 0) -> None:
        """End a region's process without a word, after it has carried out so many more effects."""
        if after:
            self._fates[index] = after
            return
        self.cores.pop(index, None)
        self.waiting.pop(index, None)
        self._wanted.pop(index, None)
        self._fates.pop(index, None)
        self._queue = deque((one, event) for one, event in self._queue if one != index)

    def stop(self, index: int) -> None:
        """Ask a region to stop as planned."""
        self.give(index, Stop())

    # Time and messages.

    def run(self, ms: int) -> None:
        """Let time pass."""
        until_ms = self.now_ms + ms
        self.drain()
        while self._wakes and self._wakes[0][0] <= until_ms:
            at_ms, _, index = heapq.heappop(self._wakes)
            if self._wanted.get(index) == at_ms:
                del self._wanted[index]
                self.now_ms = max(self.now_ms, at_ms)
                self.give(index, Timer())
        self.now_ms = until_ms

    def ticks(self, count: int) -> None:
        """Let so many ticks pass."""
        self.run(50 * count)

    def give(self, index: int, event: Event, run: bool = True) -> None:
        """An event for a region's process; then all that follows from it, now."""
        self._queue.append((index, event))
        if run:
            self.drain()

    def drain(self) -> None:
        """Carry out everything that is due at this moment."""
        while self._queue:
            index, event = self._queue.popleft()
            if index not in self.cores:
                continue
            for effect in self.cores[index].step(self.now_ms, event):
                self._carry_out(index, effect)
                if index in self._fates:
                    self._fates[index] -= 1
                    if not self._fates[index]:
                        self.kill(index)
                        break
            if isinstance(event, Settled) and event.outcome == "durable":
                self.settled(index)

    def send(self, index: int, *inputs: Input, gateway: str = "test") -> None:
        """A gateway's batch for a region."""
        message: Any = Batch(gateway, tuple(inputs))  # type: ignore[arg-type]
        self.give(index, Received(decode(encode(message))))

    def say(self, index: int, message: Message) -> None:
        """A message of the bus for a region."""
        self.give(index, Received(decode(encode(message))))

    def settle(self, index: int, outcome: str = "", store: bool = True) -> None:
        """Let a held append through: what the log says to it, or the outcome given (stored all the same or not)."""
        append = self.waiting.pop(index)
        if store:
            said = OUTCOMES.get(
                type(self.logs.append(self.log(index), append.position, append.raw)).__name__, "unknown"
            )
            outcome = outcome or said
        self.give(index, Settled(outcome, append.position))

    def _carry_out(self, index: int, effect: Effect) -> None:
        self.watch(index, effect)
        match effect:
            case Append():
                if index in self.held:
                    self.waiting[index] = effect
                    return
                outcome = self.logs.append(self.log(index), effect.position, effect.raw)
                word = OUTCOMES.get(type(outcome).__name__, "unknown")
                self._queue.append((index, Settled(word, effect.position, str(getattr(outcome, "reason", "")))))
            case Publish(subject, message):
                self._publish(index, subject, message)
            case Wake(at_ms):
                self._wanted[index] = at_ms
                heapq.heappush(self._wakes, (at_ms, next(self._order), index))
            case ReadAt(position):
                ((_, raw),) = self.logs.read(self.log(index), position, 1)
                self._queue.append((index, ReadBack(position, raw)))
            case Seek(position):
                self._queue.append((index, Witnessed(position, self.seen.get(index, ()))))
            case Load():
                self._queue.append((index, self.loaded(index, snapshot=True)))
            case Snapshot():
                self.snapshots[index] = effect
            case Trim(n):
                self.trims[index] = n
            case End():
                self.ended[index] = effect

    def _publish(self, sender: int, subject: str, message: Message) -> None:
        message = decode(encode(message))
        if self.lost(sender, subject, message):
            return
        if subject.startswith("letter."):
            self._queue.append((int(subject.removeprefix("letter.")), Received(message)))
        elif subject.startswith("answer.") and subject[7:] in self.gateways:
            self.gateways[subject[7:]](message)

    # What stands in the logs.

    def raws(self, index: int) -> list[bytes]:
        """A region's log, as bytes."""
        name = self.log(index)
        last, raws = self.logs.info(name).last, list[bytes]()
        while len(raws) < last:
            raws += [raw for _, raw in self.logs.read(name, len(raws) + 1, last)]
        return raws

    def records(self, index: int) -> list[Record]:
        """A region's log."""
        return [decode_record(raw) for raw in self.raws(index)]

    def replay(self, index: int, upto: int | None = None) -> Region:
        """A region folded anew from its genesis and its log."""
        region = self.genesis(index)
        for raw in self.raws(index)[:upto]:
            apply(region, raw)
        return region

    def region(self, index: int) -> Region:
        """A region as its process holds it."""
        region = self.cores[index].region
        assert region is not None
        return region


def region_owner() -> bytes:
    """The address of the world's owner."""
    from hashlib import sha256

    return sha256(OWNER.public).digest()


class Player:
    """A wallet with a gateway of its own, that says what the test tells it to say; it re-sends nothing by itself."""

    def __init__(self, cluster: Cluster, name: str = "p", seed: int = 77) -> None:
        self.cluster = cluster
        self.name = f"g-{name}"
        self.wallet = Ed25519Key(random.Random(f"{name}{seed}").randbytes(32))
        self.key = Ed25519Key(random.Random(f"{name}{seed}s").randbytes(32))
        self.entity = self.number = self.session = self.region = self.hop = 0
        self.chain = b""
        self.answers: list[Answer] = []
        self.told: list[Message] = []
        self._here: list[Here] = []
        cluster.gateways[self.name] = self._hear

    def _hear(self, message: Message) -> None:
        self.told.append(message)
        if isinstance(message, Here):
            self._here.append(message)
        elif isinstance(message, Answers):
            self.answers += [answer for answer in message.answers if answer.entity == self.entity]
            for entity, region, hop in message.left:
                if entity == self.entity and hop > self.hop:
                    self.region, self.hop = region, hop

    def where(self) -> Here | None:
        """Ask every region; the answer with the highest hop, and of those the one that has the body itself."""
        self._here.clear()
        for index in list(self.cluster.cores):
            self.cluster.say(index, Where(self.name, self.wallet.public))
        return max(self._here, key=lambda here: (here.hop, not here.leaving), default=None)

    def certificate(self, key: Ed25519Key | None = None) -> Birth:
        """A session key certified by the wallet."""
        nonce, expires_ms = self.cluster.random.randbytes(16), self.cluster.now_ms + 86_400_000
        session = (key or self.key).public
        birth = Birth(self.wallet.public, session, nonce, expires_ms, bytes(64))
        signature = self.wallet.sign(login_message(self.cluster.world, birth))
        return Birth(self.wallet.public, session, nonce, expires_ms, signature)

    def be_born(self, region: int = 0) -> None:
        """Ask for a body and wait until a region has it. Bodies are given to regions in turn; others are born first
        until it is the turn of `region`."""
        cluster, regions = self.cluster, len(self.cluster.processes) - 1
        while region and (cluster.region(0).bodies.born + 1) % regions != region - 1:
            Player(cluster, f"other-{cluster.region(0).bodies.born}").be_born()
        cluster.send(0, self.certificate(), gateway=self.name)
        cluster.ticks(4)
        here = self.where()
        assert here is not None
        self.entity, self.region, self.chain = here.entity, here.region, first_chain(here.entity)

    def login(self, key: Ed25519Key | None = None) -> Login:
        """The next action of the body, as far as this player knows: a login. Sent, not waited for."""
        said = self.login_as(self.number + 1, key)
        self.number, self.session, self.key = said.number, said.number, key or self.key
        self.chain = player_chain(self.chain, said.number, login_body(said))
        self.send(said)
        return said

    def login_as(self, number: int, key: Ed25519Key | None = None) -> Login:
        """A login with this number; not sent."""
        one = self.certificate(key)
        return Login(self.entity, number, one.wallet, one.session_key, one.nonce, one.expires_ms, one.signature)

    def enter(self, region: int = 0) -> "Player":
        """Be born, log in, sign, and stand in the world."""
        self.be_born(region)
        self.login()
        self.cluster.ticks(2)
        self.send(self.head())
        self.cluster.ticks(2)
        return self

    def act(self, action: Action, covered: bool = False) -> Acted:
        """The next action; `covered`: with a head that covers it before it. Sent, not waited for."""
        return self.act_raw(encode_action(action), covered)

    def act_raw(self, body: bytes, covered: bool = False) -> Acted:
        """The next action, of any bytes."""
        said = Acted(self.entity, self.number + 1, self.session, body)
        self.number, self.chain = said.number, player_chain(self.chain, said.number, body)
        self.send(*((self.head(), said) if covered else (said,)))
        return said

    def head(self, number: int | None = None, chain: bytes | None = None, key: Ed25519Key | None = None) -> Head:
        """A signed head; over the newest action unless told otherwise."""
        number, chain = number or self.number, chain or self.chain
        message = player_head_message(self.cluster.world, 1, self.entity, number, chain, b"")
        return Head(self.entity, number, chain, b"", (key or self.key).sign(message))

    def send(self, *inputs: Input, region: int | None = None) -> None:
        """Send inputs to where this player believes its body to be."""
        self.cluster.send(self.region if region is None else region, *inputs, gateway=self.name)

    def heard(self) -> list[Answer]:
        """The answers since the last time."""
        answers, self.answers = self.answers, []
        return answers

    def statuses(self) -> list[tuple[int, int]]:
        """(status, number) of the answers since the last time."""
        return [(answer.status, answer.number) for answer in self.heard()]

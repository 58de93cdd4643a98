"""A world in one process on a clock of its own: real region cores, a log that always works, a bus without loss.

For tests of what stands around the regions. The simulated cluster with its faults is `tests/simulation`.
"""

import hashlib
import heapq
import itertools
import random
from collections.abc import Callable

import numpy as np
from msgspec.structs import replace

from archive.keys import Ed25519Key, b64
from regions import messages
from regions.charter import Charter, Seats, partition
from regions.compute import apply, open_era
from regions.founding import genesis
from regions.messages import Message
from regions.process import RegionCore
from regions.record import Record, decode
from regions.region_state import Region
from regions.seat import Seat
from regions.show import Show
from regions.verbs import Append, Event, Loaded, Publish, Received, Settled, Wake
from regions.verbs import Timer as RegionTimer
from world.tilemap import TileMap, make_map

START_MS = 1_700_000_000_000


def meadow(width: int, height: int, spawn: tuple[int, int]) -> TileMap:
    """Grass, with one place where players begin."""
    empty = np.zeros((height, width), np.uint8)
    return make_map(
        empty,
        empty.copy(),
        homes=[spawn],
        fields=[spawn],
        player_spawns=[spawn],
        deer_spawns=[spawn],
        wolf_spawns=[spawn],
    )


class LittleWorld:
    """`regions` of the shape (columns, rows) over one meadow; nobody lives there at first."""

    def __init__(self, tiles: tuple[int, int] = (128, 64), shape: tuple[int, int] = (2, 1), seed: int = 1) -> None:
        self.now_ms = START_MS
        self.random = random.Random(seed)
        self.tiles = tiles
        lands = [(0, 0, 0, 0), *partition(*tiles, *shape)]
        ids = [hashlib.sha256(bytes([index])).digest() for index in range(len(lands))]
        self.node = Ed25519Key(bytes(31) + b"\1")
        self.charter = Charter(
            format=1,
            era=1,
            world=b64(ids[0]),
            module=b64(bytes(32)),
            map=b64(bytes(32)),
            map_tiles=tiles,
            scheduler=b64(bytes(32)),
            nodes=[b64(self.node.public)],
            roster=1,
            partition=1,
            seats=[Seats(b64(one), land, b64(bytes(32))) for one, land in zip(ids, lands, strict=True)],
            population=(0, 0, 0),
        )
        self.world = ids[0]
        self.ids = ids
        self.rectangles = tuple((land[0] // 16, land[1] // 16, land[2] // 16, land[3] // 16) for land in lands)
        self.map = meadow(*tiles, (tiles[0] // 2 - 6, tiles[1] // 2))
        self.logs: dict[int, list[bytes]] = {index: [] for index in range(len(lands))}
        self.cores: dict[int, RegionCore] = {}
        self.lost: Callable[[str, Message], bool] = lambda subject, message: False
        self.listeners: list[tuple[str, Callable[[bytes], None]]] = []
        self._wakes: list[tuple[int, int, int]] = []
        self._order = itertools.count()
        self._wanted: dict[int, int] = {}
        for index in self.logs:
            self.start(index)

    def start(self, index: int) -> None:
        """Begin a region's process, or replace it: from its first record, as after a kill without snapshots."""
        self._take_seat(index, self._genesis(index), list(self.logs[index]))

    def _take_seat(self, index: int, region: Region, records: list[bytes]) -> None:
        seat = Seat(
            self.world,
            index,
            self.ids[index],
            dict(enumerate(self.ids)),
            self.node,
            None,
            tick_offset_ms=7 * index,
        )
        core = RegionCore(seat, self.random.randbytes, Show(index) if index else None)
        self.cores[index] = core
        self._give(index, Loaded(region, records))

    def kill(self, index: int) -> None:
        """End a region's process at once."""
        del self.cores[index]

    def restore(self, cut: dict[int, int]) -> None:
        """All processes die; the world goes on in the next era from these records of its logs."""
        era = self.charter.era + 1
        self.charter = replace(self.charter, era=era)
        for index, n in cut.items():
            self.cores.pop(index, None)
            region = self._genesis(index)
            for raw in self.logs[index][:n]:
                apply(region, raw)
            open_era(region, era, bytes([era]) * 32, region.state.roster, region.state.nodes, region.state.module)
            self.logs[index] = self.logs[index][:n]
            self._take_seat(index, region, [])

    def publish(self, subject: str, data: bytes) -> None:
        """What a gateway says, subject without the world's short name."""
        message = messages.decode(data)
        if self.lost(subject, message):
            return
        if subject == "where":
            for index in list(self.cores):
                self._give(index, Received(message))
            return
        index = 0 if subject == "world" else int(subject.removeprefix("in."))
        self._give(index, Received(message))

    def listen(self, subject: str, hear: Callable[[bytes], None]) -> None:
        """Call `hear` with every message of a subject; "delta" stands for those of all regions."""
        self.listeners.append((subject, hear))

    def advance(self, until_ms: int) -> None:
        """Let time pass."""
        while self._wakes and self._wakes[0][0] <= until_ms:
            at_ms, _, index = heapq.heappop(self._wakes)
            if self._wanted.get(index) == at_ms:
                self.now_ms = max(self.now_ms, at_ms)
                self._give(index, RegionTimer())
        self.now_ms = max(self.now_ms, until_ms)

    @property
    def due_ms(self) -> int:
        """When the next region wants to be woken."""
        return self._wakes[0][0] if self._wakes else self.now_ms + 1000

    def records(self, index: int) -> list[Record]:
        """A region's log."""
        return [decode(raw) for raw in self.logs[index]]

    def _genesis(self, index: int) -> Region:
        return genesis(self.charter, bytes(32), bytes(32), index, self.map)

    def _give(self, index: int, event: Event) -> None:
        queue = [event]
        while queue and index in self.cores:
            for effect in self.cores[index].step(self.now_ms, queue.pop(0)):
                match effect:
                    case Append(position, raw):
                        assert position == len(self.logs[index]) + 1
                        self.logs[index].append(raw)
                        queue.append(Settled("durable", position))
                    case Wake(at_ms):
                        self._wanted[index] = at_ms
                        heapq.heappush(self._wakes, (at_ms, next(self._order), index))
                    case Publish(subject, message):
                        self._deliver(index, subject, message)

    def _deliver(self, index: int, subject: str, message: Message) -> None:
        if self.lost(subject, message):
            return
        if subject.startswith("letter."):
            self._give(int(subject.removeprefix("letter.")), Received(message))
            return
        raw = messages.encode(message)
        for wanted, hear in self.listeners:
            if wanted == subject:
                hear(raw)

"""What a client has been shown: view frames read into one copy per region. The frames: `regions.protocol`."""

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit

from regions.errors import RecordError
from regions.protocol import FLAG_ANEW, FLAG_SLOWED, RATE_SHIFT, VIEW, rate_step
from world.delta import key_bytes
from world.events import Event
from world.mirror import Mirror
from world.shown import BODY_COLUMNS, BODY_FACING, BODY_HOP, LOOK, LOOK_LEAVING, STEP_X, STEP_Y, X, Y
from world.state import Bytes2, Int32s
from world.units import CHUNK_TILES

_header = struct.Struct("<BBBBIII4B")
_HEADER_BYTES: Final = 20
NOTHING: Final = (0, 0, 0, 0)
REGIONS_NAMED: Final = 256  # by one byte


@dataclass(frozen=True, slots=True)
class Body:
    """A body as its region shows it: wire units, 64 to a tile; the step is that of the newest tick."""

    region: int
    x: int
    y: int
    step_x: int
    step_y: int
    hop: int
    look: int
    facing: int


@dataclass(frozen=True, slots=True)
class Frame:
    """What one view frame said. `not_archived` is how many records of the region no confirmed checkpoint holds yet."""

    region: int
    tick: int
    n: int
    not_archived: int
    late_ms: int
    anew: bool
    slowed: bool
    rate_step: int  # for the crowd in view, frames come 2 ** rate_step at a time
    keys: int
    events: tuple[tuple[int, Event], ...]


class SeenRegion:
    """One region's chunks in view, as of `tick`."""

    def __init__(self, chunks: tuple[int, int, int, int]) -> None:
        x0, y0, x1, y1 = (side * CHUNK_TILES for side in chunks)
        self.land = (x0, y0, x1, y1)
        self.wide, self.high = chunks[2] - chunks[0], chunks[3] - chunks[1]
        self.mirror = Mirror(self.land)
        self.rect: tuple[int, int, int, int] = NOTHING
        self.tick = self.n = -1


class Seen:
    """All regions of a world as far as one client sees them; `regions` are the Welcome's rectangles in chunks."""

    def __init__(self, regions: tuple[tuple[int, int, int, int], ...]) -> None:
        """Raises RecordError for rectangles that no world has, and for more than a view frame can name."""
        if len(regions) > REGIONS_NAMED:
            raise RecordError(f"{len(regions)} regions; a view frame can name {REGIONS_NAMED}")
        try:
            self.regions = {
                index: SeenRegion(chunks)
                for index, chunks in enumerate(regions)
                if chunks[0] < chunks[2] and chunks[1] < chunks[3]
            }
        except ValueError as error:
            raise RecordError(f"the regions of a world: {error}") from None

    def take(self, raw: bytes) -> Frame:
        """Read a view frame. Raises RecordError for any bytes that do not follow what was shown before."""
        if len(raw) < _header.size or raw[0] != VIEW:
            raise RecordError(f"a view frame of {len(raw)} bytes; the least is {_header.size}")
        _, index, flags, late, tick, n, lag, x0, y0, width, height = _header.unpack_from(raw)
        region = self.regions.get(index)
        if region is None:
            raise RecordError(f"a view of region {index}; there are {sorted(self.regions)}")
        if (
            x0 + width > region.wide
            or y0 + height > region.high
            or flags & ~(FLAG_ANEW | FLAG_SLOWED | 3 << RATE_SHIFT)
        ):
            raise RecordError(f"a rectangle {x0, y0, width, height} of region {index}, flags {flags}")
        rect = (x0, y0, width, height)
        chunks, data, keys = _pieces(raw, rect, region.wide)
        try:
            if flags & FLAG_ANEW or rect == NOTHING:
                region.mirror = Mirror(region.land)
            elif rect != region.rect:
                region.mirror.keep(_every(rect, region.wide))
            events = region.mirror.apply(chunks, data)
        except ValueError as error:
            raise RecordError(f"region {index}, tick {tick}: {error}") from None
        region.rect, region.tick, region.n = rect, tick, n
        anew, slowed = bool(flags & FLAG_ANEW), bool(flags & FLAG_SLOWED)
        return Frame(index, tick, n, lag, late * 4, anew, slowed, rate_step(flags), keys, tuple(events))

    def find(self, entity: int) -> Body | None:
        """Where a body is shown; of two images the one with the higher hop, of equals the one that is not leaving."""
        best = -1
        found = None
        for index, region in self.regions.items():
            for at in np.flatnonzero(region.mirror.ids == entity):
                row = region.mirror.cols[at].tolist()
                rank = 2 * row[BODY_HOP] + (not row[LOOK] & LOOK_LEAVING)
                if rank > best:
                    best = rank
                    steps = row[STEP_X], row[STEP_Y]
                    found = Body(index, row[X], row[Y], *steps, row[BODY_HOP], row[LOOK], row[BODY_FACING])
        return found

    def tile(self, x: int, y: int) -> int:
        """Terrain + 16 * feature of a tile in view; -1 out of view."""
        for region in self.regions.values():
            left, top, right, bottom = region.land
            if left <= x < right and top <= y < bottom:
                chunk = (y - top) // CHUNK_TILES * region.wide + (x - left) // CHUNK_TILES
                tiles = region.mirror.tiles.get(chunk)
                return -1 if tiles is None else int(tiles[y % CHUNK_TILES * CHUNK_TILES + x % CHUNK_TILES])
        return -1


def _every(rect: tuple[int, int, int, int], wide: int) -> list[int]:
    x0, y0, width, height = rect
    return [y * wide + x for y in range(y0, y0 + height) for x in range(x0, x0 + width)]


def _pieces(raw: bytes, rect: tuple[int, int, int, int], wide: int) -> tuple[Int32s, bytes, int]:
    """The chunks that a frame has something about, their bytes one after another, and how many are keyframes."""
    cells = rect[2] * rect[3]
    chunks, data = np.empty(cells, np.int32), np.empty(len(raw), np.uint8)
    count, size, keys, fault = _cut(np.frombuffer(raw, np.uint8), *rect, wide, chunks, data)
    if fault:
        raise RecordError(f"a view frame of {len(raw)} bytes {_FAULTS[fault]}")
    return chunks[:count], data[:size].tobytes(), keys


_FAULTS: Final = (
    "",
    "ends within its mask",
    "marks chunks outside its rectangle",
    "ends within a length",
    "ends within a chunk",
    "has too many bytes",
)


@njit(cache=True)
def _cut(
    raw: Bytes2, x0: int, y0: int, width: int, height: int, wide: int, chunks: Int32s, data: Bytes2
) -> tuple[int, int, int, int]:
    """Copy a frame's pieces one behind another: how many, how many bytes, how many keyframes, and a fault or 0."""
    cells = width * height
    mask, at = _HEADER_BYTES, _HEADER_BYTES + (cells + 7) // 8
    if at > len(raw):
        return 0, 0, 0, 1
    if cells & 7 and raw[at - 1] >> (cells & 7):
        return 0, 0, 0, 2
    count, size, keys = 0, 0, 0
    for i in range(cells):
        if not raw[mask + (i >> 3)] >> (i & 7) & 1:
            continue
        length, shift = 0, 0
        while True:
            if at >= len(raw) or shift > 28:
                return 0, 0, 0, 3
            more = raw[at] >= 128
            length |= (int(raw[at]) & 127) << shift
            at += 1
            shift += 7
            if not more:
                break
        keys += length & 1
        length >>= 1
        if at + length > len(raw):
            return 0, 0, 0, 4
        data[size : size + length] = raw[at : at + length]
        chunks[count] = (y0 + i // width) * wide + x0 + i % width
        count, size, at = count + 1, size + length, at + length
    return count, size, keys, 5 if at != len(raw) else 0


@njit(cache=True)
def moving(cols: Int32s) -> int:
    """How many of these bodies (`Mirror.cols`) moved in their newest tick."""
    count = 0
    for row in range(len(cols)):
        count += cols[row, STEP_X] != 0 or cols[row, STEP_Y] != 0
    return count


def warm() -> None:
    """Compile or load what reads frames, before the first one comes."""
    seen = Seen(((0, 0, 1, 1),))
    tiles = np.zeros(CHUNK_TILES * CHUNK_TILES, np.uint8)
    ids, cols = np.ones(1, np.int64), np.ones((1, BODY_COLUMNS), np.int32)
    key = key_bytes(ids, cols, tiles, 0, 0)
    head = _header.pack(VIEW, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1) + b"\1"
    seen.take(head + bytes((len(key) << 1 & 127 | 129, len(key) >> 6)) + key)
    seen.take(head + bytes((2, 0)))
    moving(seen.regions[0].mirror.cols)

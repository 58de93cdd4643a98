"""What a region sees of the bodies across its borders, and shows of its own.

A **ghost record** is 32 bytes, little-endian:

    i64 id · i32 x · i32 y · i32 vx · i32 vy · i32 hop · u8 kind · u8 facing · u8 down (0 or 1) · u8 0

Ghosts are packed one after the other in the order of rows; none is b"".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit

from world.collision import GHOST_KIND, GHOST_X, GHOST_Y
from world.kinds import KIND_MAX, MISSILE, PILE, PLAYER
from world.state import DOWN_TICKS, FACING, HOP, KIND, VX, VY, Bytes, Int32s, Int64s, State, X, Y
from world.units import GHOST_TILES, GHOSTS_PER_NEIGHBOUR, TILE, WORLD_TILES_MAX

GHOST_WORDS: Final = 8
GHOST_BYTES: Final = 4 * GHOST_WORDS
GHOST_NEIGHBOUR: Final = 3
GHOST_DOWN: Final = 4
GHOST_COLUMNS: Final = 5

_GHOST: Final = np.dtype(
    [
        ("id", "<i8"),
        ("x", "<i4"),
        ("y", "<i4"),
        ("vx", "<i4"),
        ("vy", "<i4"),
        ("hop", "<i4"),
        ("kind", "u1"),
        ("facing", "u1"),
        ("down", "u1"),
        ("zero", "u1"),
    ]
)


@dataclass(frozen=True)
class Ghosts:
    """The bodies across all borders. `table` is int64[n, GHOST_COLUMNS]; `index` leads from an id to its line."""

    ids: Int64s
    table: Int64s
    index: dict[int, int]


NO_GHOSTS: Final = Ghosts(np.zeros(0, np.int64), np.zeros((0, GHOST_COLUMNS), np.int64), {})


def read_ghosts(state: State, packed: Sequence[bytes]) -> Ghosts:
    """What the neighbours show, one packed array each. An id that lives here is left out; of two the higher hop wins.

    Raises ValueError for more arrays than neighbours and for an array that is not one.
    """
    if len(packed) > len(state.borders):
        raise ValueError(f"ghosts of {len(packed)} neighbours, there are {len(state.borders)}")
    if not any(packed):
        return NO_GHOSTS
    (left, top), (height, width) = state.window, state.terrain.shape
    found = [unpack_ghosts(data) for data in packed]
    sizes = np.array([len(one) for one in found], np.int64)
    words = np.concatenate(found).view("<i4").astype(np.int32, copy=False).reshape(-1, GHOST_WORDS)
    ids, table, hops, off = _laid_out(words, sizes, left, top, width, height)
    newest: dict[int, int] = {}
    index: dict[int, int] = {}
    for line, (entity, hop, is_off) in enumerate(zip(ids.tolist(), hops.tolist(), off.tolist())):
        if entity in state.index or newest.get(entity, -1) >= hop:
            continue
        if is_off:
            x, y = (int(place) >> 16 for place in table[line, :2])
            raise ValueError(f"ghost {entity} stands at tile ({x}, {y}), off the window at {left}, {top}")
        newest[entity] = hop
        index[entity] = line
    if not index:
        return NO_GHOSTS
    if len(index) < len(ids):
        lines = list(index.values())
        ids, table = ids[lines], table[lines]
        index = {entity: line for line, entity in enumerate(index)}
    return Ghosts(ids, table, index)


@njit(cache=True)
def _laid_out(
    words: Int32s, sizes: Int64s, left: int, top: int, width: int, height: int
) -> tuple[Int64s, Int64s, Int64s, Bytes]:
    """Of each record, int32[n, GHOST_WORDS]: its id, its line of a `Ghosts.table`, its hop, 1 if off this window.

    `sizes` says how many there are of each neighbour.
    """
    count = words.shape[0]
    ids = np.empty(count, np.int64)
    table = np.empty((count, GHOST_COLUMNS), np.int64)
    hops = np.empty(count, np.int64)
    off = np.empty(count, np.uint8)
    neighbour = 0
    last = sizes[0]
    for i in range(count):
        while i >= last:
            neighbour += 1
            last += sizes[neighbour]
        x = words[i, 2]
        y = words[i, 3]
        ids[i] = (np.int64(words[i, 1]) << 32) | (np.int64(words[i, 0]) & 0xFFFFFFFF)
        hops[i] = words[i, 6]
        table[i, GHOST_X] = x
        table[i, GHOST_Y] = y
        table[i, GHOST_KIND] = words[i, 7] & 255
        table[i, GHOST_NEIGHBOUR] = neighbour
        table[i, GHOST_DOWN] = words[i, 7] >> 16 & 255
        tile_x = (x >> 16) - left
        tile_y = (y >> 16) - top
        off[i] = not (0 <= tile_x < width and 0 <= tile_y < height)
    return ids, table, hops, off


def unpack_ghosts(data: bytes) -> np.ndarray:
    """The records of one packed array, fields named as in the module's docstring. ValueError unless it is one."""
    count, rest = divmod(len(data), GHOST_BYTES)
    if rest or count > GHOSTS_PER_NEIGHBOUR:
        raise ValueError(f"ghosts of {len(data)} bytes: expected up to {GHOSTS_PER_NEIGHBOUR} x {GHOST_BYTES}")
    ghosts = np.frombuffer(data, _GHOST)
    if count and (bad := _first_bad(ghosts)) >= 0:
        raise ValueError(f"ghost {bad} of {count} is out of range")
    return ghosts


@njit(cache=True)
def _first_bad(ghosts: np.ndarray) -> int:
    """The first record with a field out of its range, or -1. A kernel: every fold of every tick looks at them all."""
    edge = WORLD_TILES_MAX * TILE
    for i in range(len(ghosts)):
        one = ghosts[i]
        if one.id <= 0 or one.hop < 0 or one.kind < PLAYER or one.kind > KIND_MAX:
            return i
        if one.x < 0 or one.x >= edge or one.y < 0 or one.y >= edge:
            return i
        if one.facing >= 8 or one.down > 1 or one.zero != 0:
            return i
    return -1


@njit(cache=True)
def _shown(rows: Int32s, ids: Int64s, used: int, borders: Int64s, counts: Int64s) -> Int32s:
    """int32[n, GHOST_WORDS]: the ghosts for one neighbour after the other; `counts` receives how many."""
    words = np.empty((64, GHOST_WORDS), np.int32)
    found = 0
    near = GHOST_TILES * TILE
    for k in range(borders.shape[0]):
        x0 = (borders[k, 0] << 16) - near
        y0 = (borders[k, 1] << 16) - near
        x1 = (borders[k, 2] << 16) + near
        y1 = (borders[k, 3] << 16) + near
        before = found
        for i in range(used):
            x = rows[X, i]
            y = rows[Y, i]
            if x < x0 or x >= x1 or y < y0 or y >= y1 or rows[KIND, i] == 0:
                continue
            if found == words.shape[0]:
                longer = np.empty((2 * found, GHOST_WORDS), np.int32)
                longer[:found] = words
                words = longer
            words[found, 0] = ids[i] & 0xFFFFFFFF
            words[found, 1] = ids[i] >> 32
            words[found, 2] = x
            words[found, 3] = y
            words[found, 4] = rows[VX, i]
            words[found, 5] = rows[VY, i]
            words[found, 6] = rows[HOP, i]
            down = 1 if rows[DOWN_TICKS, i] > 0 else 0
            words[found, 7] = rows[KIND, i] | rows[FACING, i] << 8 | down << 16
            found += 1
        counts[k] = found - before
    return words[:found]


def show(state: State) -> list[bytes]:
    """The packed ghosts for each neighbour: every body within GHOST_TILES of its rectangle, piles included."""
    if not state.borders:
        return []
    counts = np.zeros(len(state.borders), np.int64)
    words = _shown(state.rows, state.ids, state.used, state.border_boxes, counts)
    packed = words.astype("<i4", copy=False).tobytes()
    ghosts, at = [], 0
    for count in counts.tolist():
        ghosts.append(packed[at : at + GHOST_BYTES * count])
        at += GHOST_BYTES * count
    return ghosts


def solid_ghosts(ghosts: Ghosts) -> Int64s:
    """The ghosts that push: int64[n, GHOST_COLUMNS] without piles and what flies."""
    return _solid(ghosts.table) if ghosts.index else ghosts.table


@njit(cache=True)
def _solid(table: Int64s) -> Int64s:
    solid = np.empty_like(table)
    found = 0
    for i in range(table.shape[0]):
        if table[i, GHOST_KIND] not in (PILE, MISSILE):
            solid[found] = table[i]
            found += 1
    return solid[:found]


def ghost_at(ghosts: Ghosts, entity: int) -> tuple[int, int, int, int] | None:
    """(x, y, kind, neighbour) of a ghost, or None."""
    line = ghosts.index.get(entity)
    if line is None:
        return None
    return tuple(ghosts.table[line, [GHOST_X, GHOST_Y, GHOST_KIND, GHOST_NEIGHBOUR]].tolist())

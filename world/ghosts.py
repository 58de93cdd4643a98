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
from world.state import (
    DOWN_TICKS,
    FACING,
    HOP,
    KIND,
    KIND_MAX,
    MISSILE,
    PILE,
    PLAYER,
    VX,
    VY,
    Int32s,
    Int64s,
    State,
    X,
    Y,
)
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
    left, top = state.window
    height, width = state.terrain.shape
    hops: dict[int, int] = {}
    lines: dict[int, tuple[int, int, int, int, int]] = {}
    for neighbour, data in enumerate(packed):
        for entity, x, y, _, _, hop, kind, _, down, _ in unpack_ghosts(data).tolist():
            if entity in state.index or hops.get(entity, -1) >= hop:
                continue
            if not (0 <= (x >> 16) - left < width and 0 <= (y >> 16) - top < height):
                raise ValueError(
                    f"ghost {entity} stands at tile ({x >> 16}, {y >> 16}), off the window at {left}, {top}"
                )
            hops[entity] = hop
            lines[entity] = (x, y, kind, neighbour, down)
    if not lines:
        return NO_GHOSTS
    ids = np.fromiter(lines, np.int64, len(lines))
    table = np.array(list(lines.values()), np.int64).reshape(len(lines), GHOST_COLUMNS)
    return Ghosts(ids, table, {entity: line for line, entity in enumerate(lines)})


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
    if not ghosts.index:
        return ghosts.table
    kinds = ghosts.table[:, GHOST_KIND]
    return np.ascontiguousarray(ghosts.table[(kinds != PILE) & (kinds != MISSILE)])


def ghost_at(ghosts: Ghosts, entity: int) -> tuple[int, int, int, int] | None:
    """(x, y, kind, neighbour) of a ghost, or None."""
    line = ghosts.index.get(entity)
    if line is None:
        return None
    return tuple(ghosts.table[line, [GHOST_X, GHOST_Y, GHOST_KIND, GHOST_NEIGHBOUR]].tolist())

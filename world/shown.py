"""What a region shows of itself at one tick: every body and tile in wire units, sorted by chunk.

Not here: the bytes in which the change between two such pictures travels (`world.delta`) and who receives them
(`regions.gateway`). Nothing here flows back into the rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit

from world.borders import read_image
from world.items import BOW, COAT, SWORD
from world.kinds import MISSILE, PILE
from world.species import HEALTH_OF
from world.state import (
    ARMOUR,
    COINS,
    COLUMNS,
    DOWN_TICKS,
    FACING,
    GOODS,
    GOODS_0,
    HEALTH,
    HOP,
    HURT_TICKS,
    KIND,
    WEAPON,
    Bytes2,
    Int32s,
    Int64s,
    State,
)
from world.state import X as STATE_X
from world.state import Y as STATE_Y
from world.units import CHUNK_TILES, WINDOW_TILES, WIRE_STEP

PER_TILE: Final = 64  # wire units to a tile
CHUNK_UNITS: Final = CHUNK_TILES * PER_TILE

# Columns of `WireRows.cols`, and of what a receiver holds.
X: Final = 0  # absolute, in wire units
Y: Final = 1
STEP_X: Final = 2  # what X changed by since the tick before, as far as the region knows; see `step`
STEP_Y: Final = 3
BODY_KIND: Final = 4
BODY_FACING: Final = 5
LOOK: Final = 6
BODY_HOP: Final = 7
BODY_COLUMNS: Final = 8

# LOOK: the low four bits, then one bit each; the low eight bits may change without the body being shown anew.
LOOK_LEVEL: Final = 15  # health in sixteenths, rounded up and at most 15; of a pile or missile the good it has most of
LOOK_HURT: Final = 16
LOOK_DOWN: Final = 32
LOOK_CARRYING: Final = 64
LOOK_LEAVING: Final = 128  # in flight to a neighbour: of two images with one hop the other is true
GEAR: Final = 8  # from this bit on its gear: in hand in two bits, then a bit for what is worn over the clothes
GEAR_IN_HAND: Final = 3
GEAR_BOW: Final = 1
GEAR_SWORD: Final = 2
GEAR_COAT: Final = 4
GEAR_MAX: Final = GEAR_COAT | GEAR_SWORD


@dataclass(frozen=True, eq=False)
class WireRows:
    """All bodies and tiles of a region's land at one tick.

    `ids` int64[n] and `cols` int32[n, BODY_COLUMNS] are sorted by chunk, inside a chunk by id; chunk c has the rows
    `starts[c]` to `starts[c + 1]`. Chunks are numbered row by row over the land. `by_id` int32[n] lists the rows by
    ascending id. `tiles` uint8[height, width] of the land is terrain + 16 * feature.
    """

    land: tuple[int, int, int, int]
    ids: Int64s
    cols: Int32s
    starts: Int32s
    by_id: Int32s
    tiles: Bytes2

    @property
    def chunks_wide(self) -> int:
        return (self.land[2] - self.land[0]) // CHUNK_TILES


@njit(cache=True)
def step(distance: int) -> int:
    """The step a body is expected to repeat: the distance of its last tick, or 0 if that needs more than an int8."""
    return distance if -128 <= distance <= 127 else 0


def chunk_of_tile(land: tuple[int, int, int, int], x: int, y: int) -> int:
    """The number of the chunk that holds a tile, or of the nearest chunk of the land."""
    x = min(max(x, land[0]), land[2] - 1)
    y = min(max(y, land[1]), land[3] - 1)
    wide = (land[2] - land[0]) // CHUNK_TILES
    return (y - land[1]) // CHUNK_TILES * wide + (x - land[0]) // CHUNK_TILES


def wire_rows(state: State, in_flight: Sequence[bytes] = (), before: WireRows | None = None) -> WireRows:
    """What is to be shown of a state.

    `in_flight` are the images (`world.borders`) of departed bodies that no neighbour has consumed: shown where they
    left, unless the id lives here again. `before` is what was shown the tick before, from which the steps follow.
    ValueError for bytes that are no image.
    """
    images = [read_image(image) for image in in_flight]
    absent = {image.entity: image.columns for image in images if image.entity not in state.index}
    size = state.used + len(absent)
    ids, cols, chunk = np.empty(size, np.int64), np.empty((size, BODY_COLUMNS), np.int32), np.empty(size, np.int32)
    land = state.land
    n = int(_collect(state.rows, state.ids, state.used, land, state.species[HEALTH_OF], 0, ids, cols, chunk))
    if absent:
        rows = np.ascontiguousarray(np.array(list(absent.values()), np.int32).reshape(-1, COLUMNS).T)
        first, n = (
            n,
            int(
                _collect(
                    rows,
                    np.array(list(absent), np.int64),
                    len(absent),
                    land,
                    state.species[HEALTH_OF],
                    n,
                    ids,
                    cols,
                    chunk,
                )
            ),
        )
        cols[first:n, LOOK] |= LOOK_LEAVING
    order = np.argsort(ids[:n], kind="stable").astype(np.int32)
    chunks = (land[2] - land[0]) // CHUNK_TILES * ((land[3] - land[1]) // CHUNK_TILES)
    if before is None:
        before = WireRows(land, _NO_IDS, _NO_COLS, _NO_ROWS, _NO_ROWS, _NO_TILES)
    ids, cols, starts, by_id = _arrange(ids, cols, chunk, order, chunks, before.ids, before.cols, before.by_id)
    left, top = land[0] - state.window[0], land[1] - state.window[1]
    window = np.s_[top : top + land[3] - land[1], left : left + land[2] - land[0]]
    tiles: Bytes2 = np.bitwise_or(state.terrain[window], state.feature[window] << 4, dtype=np.uint8)
    if np.array_equal(before.tiles, tiles):
        tiles = before.tiles  # so that an unchanged map is seen to be unchanged without comparing again
    return WireRows(land, ids, cols, starts, by_id, tiles)


_NO_IDS: Final = np.empty(0, np.int64)
_NO_COLS: Final = np.empty((0, BODY_COLUMNS), np.int32)
_NO_ROWS: Final = np.empty(0, np.int32)
_NO_TILES: Final = np.empty((0, 0), np.uint8)


@njit(cache=True)
def _look(rows: Int32s, row: int, full: int) -> int:
    best, most, total = 0, 0, 0
    for good in range(GOODS):
        count = rows[GOODS_0 + good, row]
        total += count
        if count > most:
            best, most = good, count
    look = LOOK_CARRYING if total > 0 else 0
    if rows[KIND, row] == PILE or rows[KIND, row] == MISSILE:
        return look | (best if total > 0 or rows[COINS, row] == 0 else LOOK_LEVEL)
    look |= min(max((rows[HEALTH, row] * 16 + full - 1) // max(full, 1), 0), LOOK_LEVEL)
    if rows[HURT_TICKS, row] > 0:
        look |= LOOK_HURT
    if rows[DOWN_TICKS, row] > 0:
        look |= LOOK_DOWN
    return int(look)


@njit(cache=True)
def _gear(rows: Int32s, row: int) -> int:
    weapon = rows[WEAPON, row]
    gear = GEAR_SWORD if weapon == 1 + SWORD else GEAR_BOW if weapon == 1 + BOW else 0
    return gear | GEAR_COAT if rows[ARMOUR, row] == 1 + COAT else gear


@njit(cache=True)
def _collect(
    rows: Int32s,
    ids: Int64s,
    used: int,
    land: tuple[int, int, int, int],
    health_max: Int64s,
    n: int,
    out_ids: Int64s,
    out_cols: Int32s,
    out_chunk: Int32s,
) -> int:
    """Append every body of `rows` to the outputs from n on; how many stand there then."""
    wide, high = (land[2] - land[0]) // CHUNK_TILES, (land[3] - land[1]) // CHUNK_TILES
    for row in range(used):
        if ids[row] == 0:
            continue
        x, y = rows[STATE_X, row] // WIRE_STEP, rows[STATE_Y, row] // WIRE_STEP
        x = min(max(x, (land[0] - WINDOW_TILES) * PER_TILE), (land[2] + WINDOW_TILES) * PER_TILE - 1)
        y = min(max(y, (land[1] - WINDOW_TILES) * PER_TILE), (land[3] + WINDOW_TILES) * PER_TILE - 1)
        out_ids[n] = ids[row]
        out_cols[n, X], out_cols[n, Y] = x, y
        out_cols[n, BODY_KIND] = rows[KIND, row]
        out_cols[n, BODY_FACING] = rows[FACING, row] & 7
        out_cols[n, LOOK] = _look(rows, row, health_max[rows[KIND, row]]) | _gear(rows, row) << GEAR
        out_cols[n, BODY_HOP] = rows[HOP, row]
        column = min(max((x - land[0] * PER_TILE) // CHUNK_UNITS, 0), wide - 1)
        line = min(max((y - land[1] * PER_TILE) // CHUNK_UNITS, 0), high - 1)
        out_chunk[n] = line * wide + column
        n += 1
    return n


@njit(cache=True)
def _arrange(
    ids: Int64s,
    cols: Int32s,
    chunk: Int32s,
    order: Int32s,
    chunks: int,
    old_ids: Int64s,
    old_cols: Int32s,
    old_by_id: Int32s,
) -> tuple[Int64s, Int32s, Int32s, Int32s]:
    """Sort by chunk a list that `order` sorts by id, and fill in the steps since the old rows."""
    n = len(order)
    starts = np.zeros(chunks + 1, np.int32)
    for row in range(n):
        starts[chunk[row] + 1] += 1
    for c in range(chunks):
        starts[c + 1] += starts[c]
    free = starts[:-1].copy()
    new_ids, new_cols, by_id = np.empty(n, np.int64), np.empty((n, BODY_COLUMNS), np.int32), np.empty(n, np.int32)
    old = 0
    for k in range(n):
        row = order[k]
        to = free[chunk[row]]
        free[chunk[row]] += 1
        new_ids[to] = ids[row]
        by_id[k] = to
        for column in range(BODY_COLUMNS):
            new_cols[to, column] = cols[row, column]
        while old < len(old_by_id) and old_ids[old_by_id[old]] < ids[row]:
            old += 1
        new_cols[to, STEP_X], new_cols[to, STEP_Y] = 0, 0
        if old < len(old_by_id) and old_ids[old_by_id[old]] == ids[row]:
            new_cols[to, STEP_X] = step(cols[row, X] - old_cols[old_by_id[old], X])
            new_cols[to, STEP_Y] = step(cols[row, Y] - old_cols[old_by_id[old], Y])
    return new_ids, new_cols, starts, by_id

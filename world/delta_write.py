"""The kernels that write deltas and keyframes; the format stands in `world.delta`."""

from typing import Final

import numpy as np
from numba import njit

from world.shown import BODY_FACING, BODY_HOP, BODY_KIND, CHUNK_UNITS, GEAR, LOOK, STEP_X, STEP_Y, X, Y
from world.state import Bytes2, Int32s, Int64s
from world.units import CHUNK_TILES

TILES: Final = CHUNK_TILES * CHUNK_TILES
KEY, REMOVED, MOVED, FACED, LOOKED, ADDED, CHANGED_TILES, EVENTS = 0x80, 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40
ENTRY_MIN: Final = 17
ENTRY_MAX: Final = 22


@njit(cache=True)
def _varint(out: Bytes2, at: int, value: int) -> int:
    while value >= 128:
        out[at] = value & 127 | 128
        value >>= 7
        at += 1
    out[at] = value
    return at + 1


@njit(cache=True)
def _int16(out: Bytes2, at: int, value: int) -> int:
    out[at] = value & 255
    out[at + 1] = value >> 8 & 255
    return at + 2


@njit(cache=True)
def _entry(ids: Int64s, cols: Int32s, row: int, corner_x: int, corner_y: int, out: Bytes2, at: int) -> int:
    for byte in range(8):
        out[at + byte] = ids[row] >> 8 * byte & 255
    if cols[row, LOOK] >> GEAR:
        out[at + 8] = cols[row, LOOK] >> GEAR
        at += 1
    out[at + 8] = cols[row, BODY_KIND] << 3 | cols[row, BODY_FACING]
    out[at + 9] = cols[row, LOOK] & 255
    at = _int16(out, at + 10, cols[row, X] - corner_x)
    at = _int16(out, at, cols[row, Y] - corner_y)
    out[at] = cols[row, STEP_X] & 255
    out[at + 1] = cols[row, STEP_Y] & 255
    return int(_varint(out, at + 2, cols[row, BODY_HOP]))


@njit(cache=True)
def _marks(marked: Bytes2, n: int, out: Bytes2, at: int) -> int:
    """Write the mask of the first n of `marked`."""
    for first in range(0, n, 8):
        bits = 0
        for i in range(first, min(first + 8, n)):
            bits |= marked[i] << (i - first)
        out[at] = bits
        at += 1
    return at


@njit(cache=True)
def _move_code(ex: int, ey: int, out: Bytes2, at: int) -> int:
    if -7 <= ex <= 7 and -7 <= ey <= 7:
        out[at] = (ex + 8) << 4 | (ey + 8)
        return at + 1
    if -128 <= ex <= 127 and -128 <= ey <= 127:
        out[at] = 0
        out[at + 1] = ex & 255
        out[at + 2] = ey & 255
        return at + 3
    out[at] = 1
    return int(_int16(out, _int16(out, at + 1, ex), ey))


@njit(cache=True)
def _split(
    old_ids: Int64s,
    old: Int32s,
    ids: Int64s,
    new: Int32s,
    old_rows: tuple[int, int],
    rows: tuple[int, int],
    gone: Bytes2,
    kept_old: Int32s,
    kept: Int32s,
    added: Int32s,
) -> tuple[int, int, int]:
    """Merge a chunk's two lists by id: marks who is gone, lists who is kept (both rows) and who is added; how many."""
    n_gone, n_kept, n_added = 0, 0, 0
    i, j = old_rows[0], rows[0]
    while i < old_rows[1] or j < rows[1]:
        first_old = i < old_rows[1] and (j == rows[1] or old_ids[i] <= ids[j])
        first_new = j < rows[1] and (i == old_rows[1] or ids[j] <= old_ids[i])
        if first_old and first_new:
            same = old[i, BODY_KIND] == new[j, BODY_KIND] and old[i, BODY_HOP] == new[j, BODY_HOP]
            same = same and old[i, LOOK] >> GEAR == new[j, LOOK] >> GEAR
            if same:
                kept_old[n_kept], kept[n_kept] = i, j
                n_kept += 1
                gone[i - old_rows[0]] = 0
                i += 1
                j += 1
                continue
        if first_old:
            gone[i - old_rows[0]] = 1
            n_gone += 1
            i += 1
        if first_new:
            added[n_added] = j
            n_added += 1
            j += 1
    return n_gone, n_kept, n_added


@njit(cache=True)
def _encode_kept(
    old: Int32s, new: Int32s, kept_old: Int32s, kept: Int32s, n: int, marked: Bytes2, out: Bytes2, at: int
) -> tuple[int, int, bool]:
    """The sections of those that stay: which flags, where the bytes end, and whether any of them has a step."""
    flags, stepping, any_marked = 0, False, False
    for k in range(n):
        i, j = kept_old[k], kept[k]
        ex, ey = new[j, X] - old[i, X] - old[i, STEP_X], new[j, Y] - old[i, Y] - old[i, STEP_Y]
        stepping = stepping or old[i, STEP_X] != 0 or old[i, STEP_Y] != 0
        marked[k] = 1 if ex != 0 or ey != 0 else 0
        any_marked = any_marked or marked[k] == 1
    if any_marked:
        flags |= MOVED
        at = _marks(marked, n, out, at)
        for k in range(n):
            if marked[k]:
                i, j = kept_old[k], kept[k]
                ex, ey = new[j, X] - old[i, X] - old[i, STEP_X], new[j, Y] - old[i, Y] - old[i, STEP_Y]
                at = _move_code(ex, ey, out, at)
    for column, flag in ((BODY_FACING, FACED), (LOOK, LOOKED)):
        any_marked = False
        for k in range(n):
            marked[k] = 1 if new[kept[k], column] != old[kept_old[k], column] else 0
            any_marked = any_marked or marked[k] == 1
        if not any_marked:
            continue
        flags |= flag
        at = _marks(marked, n, out, at)
        half = 0
        for k in range(n):
            if not marked[k]:
                continue
            if flag == LOOKED:
                out[at] = new[kept[k], column] & 255
                at += 1
            elif half == 0:
                out[at] = new[kept[k], column]
                half = 1
            else:
                out[at] |= new[kept[k], column] << 4
                half = 0
                at += 1
        at += half
    return flags, at, stepping


@njit(cache=True)
def write_chunks(
    old_ids: Int64s,
    old: Int32s,
    old_starts: Int32s,
    ids: Int64s,
    new: Int32s,
    starts: Int32s,
    wide: int,
    left: int,
    top: int,
    tile_chunk: Int32s,
    tile_at: Int32s,
    tile_value: Bytes2,
    event_starts: Int32s,
    event_bytes: Bytes2,
    index: Int32s,
    out: Bytes2,
) -> tuple[int, int]:
    """Every changed chunk's bytes one after another: how many chunks changed, how many bytes."""
    most = max(len(old_ids), len(ids))
    gone, marked = np.empty(most, np.uint8), np.empty(most, np.uint8)
    kept_old, kept, added = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.int32)
    at, count, tile = 0, 0, 0
    for chunk in range(len(starts) - 1):
        begin = at
        old_rows, rows = (old_starts[chunk], old_starts[chunk + 1]), (starts[chunk], starts[chunk + 1])
        n_gone, n_kept, n_added = _split(old_ids, old, ids, new, old_rows, rows, gone, kept_old, kept, added)
        at, flags = at + 1, 0
        if n_gone:
            flags |= REMOVED
            at = _marks(gone, old_rows[1] - old_rows[0], out, at)
        more, at, stepping = _encode_kept(old, new, kept_old, kept, n_kept, marked, out, at)
        flags |= more
        if n_added:
            flags |= ADDED
            at = _varint(out, at, n_added)
            corner_x, corner_y = left + chunk % wide * CHUNK_UNITS, top + chunk // wide * CHUNK_UNITS
            for k in range(n_added):
                at = _entry(ids, new, added[k], corner_x, corner_y, out, at)
        first_tile = tile
        while tile < len(tile_chunk) and tile_chunk[tile] == chunk:
            tile += 1
        if tile > first_tile:
            flags |= CHANGED_TILES
            at = _varint(out, at, tile - first_tile)
            for k in range(first_tile, tile):
                out[at], out[at + 1] = tile_at[k], tile_value[k]
                at += 2
        size = event_starts[chunk + 1] - event_starts[chunk]
        if size:
            flags |= EVENTS
            at = _varint(out, at, size)
            out[at : at + size] = event_bytes[event_starts[chunk] : event_starts[chunk + 1]]
            at += size
        if flags == 0 and not stepping:
            at = begin
            continue
        out[begin] = flags
        index[count, 0], index[count, 1], index[count, 2] = chunk, begin, at - begin
        count += 1
    return count, at


@njit(cache=True)
def write_key(ids: Int64s, cols: Int32s, tiles: Bytes2, corner_x: int, corner_y: int, out: Bytes2) -> int:
    out[0] = KEY
    at = _varint(out, 1, len(ids))
    for row in range(len(ids)):
        at = _entry(ids, cols, row, corner_x, corner_y, out, at)
    i = 0
    while i < TILES:
        run = 1
        while i + run < TILES and run < 129 and tiles[i + run] == tiles[i]:
            run += 1
        if run >= 2:
            out[at], out[at + 1] = run + 126, tiles[i]
            at += 2
            i += run
            continue
        n = 1
        while i + n < TILES and n < 128 and (i + n + 1 == TILES or tiles[i + n] != tiles[i + n + 1]):
            n += 1
        out[at] = n - 1
        for k in range(n):
            out[at + 1 + k] = tiles[i + k]
        at += 1 + n
        i += n
    return at

"""The kernels that read deltas and keyframes strictly; the format stands in `world.delta`."""

from typing import Final

import numpy as np
from numba import njit

from world.delta import EVENT_BYTES_MAX
from world.delta_write import ADDED, CHANGED_TILES, ENTRY_MIN, EVENTS, FACED, KEY, LOOKED, MOVED, REMOVED, TILES
from world.shown import (
    BODY_FACING,
    BODY_HOP,
    BODY_KIND,
    CHUNK_UNITS,
    GEAR,
    GEAR_IN_HAND,
    GEAR_MAX,
    LOOK,
    STEP_X,
    STEP_Y,
    X,
    Y,
    step,
)
from world.state import Bytes2, Int32s, Int64s

FAULTS: Final = (
    "",
    "ends too early",
    "names chunks out of order or outside the land",
    "has bits set beyond the end of a mask",
    "changes a chunk that is not held",
    "has a number that is too large",
    "has ids out of order or twice",
    "has a body of no kind or no id",
    "moves a body too far from its chunk",
    "has a movement code that means nothing",
    "mixes a keyframe with other flags",
    "has more or fewer than 256 tiles",
    "has bytes left over",
    "has a body that bears what nobody can",
)
(
    FINE,
    _SHORT,
    _CHUNKS,
    _PADDING,
    _NOT_HELD,
    _LARGE,
    _ORDER,
    _BODY,
    _FAR,
    _CODE,
    _MIXED,
    _TILE_COUNT,
    _LEFT_OVER,
    _GEAR,
) = range(14)

# Columns of what `read_chunks` notes of each chunk.
IS_KEY, TILE_CHANGES, TILES_AT, EVENT_SIZE, EVENTS_AT = range(5)


@njit(cache=True)
def _mask(data: Bytes2, at: int, n: int, marked: Bytes2) -> tuple[int, int]:
    """Read a mask over n into `marked`: (fault, where it ends)."""
    end = at + (n + 7) // 8
    if end > len(data):
        return _SHORT, at
    for i in range(n):
        marked[i] = data[at + (i >> 3)] >> (i & 7) & 1
    if n & 7 and data[end - 1] >> (n & 7):
        return _PADDING, end - 1
    return FINE, end


@njit(cache=True)
def _varint(data: Bytes2, at: int) -> tuple[int, int, int]:
    """(fault, value up to 2**31 - 1, where it ends)."""
    value = 0
    for k in range(5):
        if at >= len(data):
            return _SHORT, 0, at
        value |= int(np.int64(data[at] & 127)) << 7 * k
        at += 1
        if data[at - 1] < 128:
            return (FINE if value < 2**31 else _LARGE), value, at
    return _LARGE, 0, at


@njit(cache=True)
def _int8(data: Bytes2, at: int) -> int:
    value = int(np.int64(data[at]))
    return value - 256 if value >= 128 else value


@njit(cache=True)
def _int16(data: Bytes2, at: int) -> int:
    value = int(np.int64(data[at])) | int(np.int64(data[at + 1])) << 8
    return value - 65536 if value >= 32768 else value


@njit(cache=True)
def _entry(data: Bytes2, at: int, corner_x: int, corner_y: int, ids: Int64s, cols: Int32s, n: int) -> tuple[int, int]:
    if at + ENTRY_MIN > len(data):
        return _SHORT, at
    entity = np.int64(0)
    for byte in range(8):
        entity |= np.int64(data[at + byte]) << 8 * byte
    gear = int(np.int64(data[at + 8]))
    if 0 < gear < 8:
        if gear > GEAR_MAX or gear & GEAR_IN_HAND == GEAR_IN_HAND:
            return _GEAR, at
        at += 1
        if at + ENTRY_MIN > len(data):
            return _SHORT, at
    else:
        gear = 0
    kind = data[at + 8] >> 3
    if entity <= 0 or kind == 0:
        return _BODY, at
    ids[n] = entity
    cols[n, BODY_KIND], cols[n, BODY_FACING] = kind, data[at + 8] & 7
    cols[n, LOOK] = data[at + 9] | gear << GEAR
    cols[n, X], cols[n, Y] = corner_x + _int16(data, at + 10), corner_y + _int16(data, at + 12)
    cols[n, STEP_X], cols[n, STEP_Y] = _int8(data, at + 14), _int8(data, at + 15)
    fault, hop, at = _varint(data, at + 16)
    if fault:
        return fault, at
    cols[n, BODY_HOP] = hop
    return FINE, at


@njit(cache=True)
def _moves(
    data: Bytes2, at: int, marked: Bytes2, corner_x: int, corner_y: int, cols: Int32s, first: int, n: int
) -> tuple[int, int]:
    """Move the kept bodies (rows first .. first + n): each by its step, the marked ones by their codes besides."""
    for k in range(n):
        row = first + k
        dx, dy = int(np.int64(cols[row, STEP_X])), int(np.int64(cols[row, STEP_Y]))
        if marked[k]:
            if at >= len(data):
                return _SHORT, at
            code = data[at]
            at += 1
            if code >= 16:
                if code & 15 == 0:
                    return _CODE, at
                dx += int(np.int64(code >> 4)) - 8
                dy += int(np.int64(code & 15)) - 8
            elif code == 0:
                if at + 2 > len(data):
                    return _SHORT, at
                dx += _int8(data, at)
                dy += _int8(data, at + 1)
                at += 2
            elif code == 1:
                if at + 4 > len(data):
                    return _SHORT, at
                dx += _int16(data, at)
                dy += _int16(data, at + 2)
                at += 4
            else:
                return _CODE, at
        x, y = cols[row, X] + dx, cols[row, Y] + dy
        if not (-32768 <= x - corner_x <= 32767 and -32768 <= y - corner_y <= 32767):
            return _FAR, at
        cols[row, X], cols[row, Y] = x, y
        cols[row, STEP_X], cols[row, STEP_Y] = step(dx), step(dy)
    return FINE, at


@njit(cache=True)
def _appearances(
    data: Bytes2, at: int, flags: int, marked: Bytes2, cols: Int32s, first: int, n: int
) -> tuple[int, int]:
    """The columns of facings and looks."""
    if flags & FACED:
        fault, at = _mask(data, at, n, marked)
        if fault:
            return fault, at
        half = 0
        for k in range(n):
            if not marked[k]:
                continue
            if at >= len(data):
                return _SHORT, at
            facing = data[at] >> 4 if half else data[at] & 15
            if facing > 7:
                return _LARGE, at
            cols[first + k, BODY_FACING] = facing
            at += half
            half = 1 - half
        if half:
            if data[at] >> 4:
                return _PADDING, at
            at += 1
    if flags & LOOKED:
        fault, at = _mask(data, at, n, marked)
        if fault:
            return fault, at
        for k in range(n):
            if marked[k]:
                if at >= len(data):
                    return _SHORT, at
                cols[first + k, LOOK] = cols[first + k, LOOK] >> GEAR << GEAR | data[at]
                at += 1
    return FINE, at


@njit(cache=True)
def _entries(
    data: Bytes2, at: int, corner_x: int, corner_y: int, ids: Int64s, cols: Int32s, first: int, kept: int
) -> tuple[int, int, int]:
    """Read added bodies behind the kept ones and merge them in by id: (fault, where they end, rows of the chunk)."""
    fault, count, at = _varint(data, at)
    if fault:
        return fault, at, 0
    if count > (len(data) - at) // ENTRY_MIN:
        return _SHORT, at, 0
    last = np.int64(0)
    for k in range(count):
        row = first + kept + k
        fault, at = _entry(data, at, corner_x, corner_y, ids, cols, row)
        if fault:
            return fault, at, 0
        if ids[row] <= last:
            return _ORDER, at, 0
        last = ids[row]
    if kept and count and ids[first + kept] <= ids[first + kept - 1]:
        order = np.argsort(ids[first : first + kept + count], kind="mergesort")
        ids[first : first + kept + count] = ids[first : first + kept + count][order]
        cols[first : first + kept + count] = cols[first : first + kept + count][order]
        for row in range(first + 1, first + kept + count):
            if ids[row] == ids[row - 1]:
                return _ORDER, at, 0
    return FINE, at, kept + count


@njit(cache=True)
def _unpack(data: Bytes2, at: int, tiles: Bytes2) -> tuple[int, int]:
    n = 0
    while n < TILES:
        if at + 1 >= len(data):
            return _SHORT, at
        control = int(np.int64(data[at]))
        size = control - 126 if control >= 128 else control + 1
        if n + size > TILES:
            return _TILE_COUNT, at
        at += 1
        if control >= 128:
            tiles[n : n + size] = data[at]
            at += 1
        else:
            if at + size > len(data):
                return _SHORT, at
            tiles[n : n + size] = data[at : at + size]
            at += size
        n += size
    return FINE, at


@njit(cache=True)
def _sections(data: Bytes2, at: int, flags: int, part: Int32s) -> tuple[int, int]:
    """Note where changed tiles and events lie."""
    if flags & CHANGED_TILES:
        fault, count, at = _varint(data, at)
        if fault:
            return fault, at
        if not 1 <= count <= TILES:
            return _TILE_COUNT, at
        part[TILE_CHANGES], part[TILES_AT] = count, at
        at += 2 * count
        if at > len(data):
            return _SHORT, at
    if flags & EVENTS:
        fault, size, at = _varint(data, at)
        if fault:
            return fault, at
        if not 1 <= size <= EVENT_BYTES_MAX:
            return _LARGE, at
        part[EVENT_SIZE], part[EVENTS_AT] = size, at
        at += size
        if at > len(data):
            return _SHORT, at
    return FINE, at


@njit(cache=True)
def _chunk(
    data: Bytes2,
    at: int,
    corner_x: int,
    corner_y: int,
    old_ids: Int64s,
    old_cols: Int32s,
    old_rows: tuple[int, int],
    ids: Int64s,
    cols: Int32s,
    first: int,
    marked: Bytes2,
    part: Int32s,
    tiles: Bytes2,
) -> tuple[int, int, int]:
    """Read one chunk's bytes into the rows from `first` on: (fault, where they end, how many rows). Old rows (-1, -1):
    the chunk was not held."""
    if at >= len(data):
        return _SHORT, at, 0
    flags = data[at]
    at += 1
    if flags & KEY:
        if flags != KEY:
            return _MIXED, at, 0
        fault, at, n = _entries(data, at, corner_x, corner_y, ids, cols, first, 0)
        if fault == FINE:
            fault, at = _unpack(data, at, tiles)
        part[IS_KEY] = 1
        return fault, at, n
    if old_rows[0] < 0:
        return _NOT_HELD, at, 0
    n_old = old_rows[1] - old_rows[0]
    marked[:n_old] = 0
    if flags & REMOVED:
        fault, at = _mask(data, at, n_old, marked)
        if fault:
            return fault, at, 0
    n = 0
    for k in range(n_old):
        if not marked[k]:
            ids[first + n] = old_ids[old_rows[0] + k]
            cols[first + n] = old_cols[old_rows[0] + k]
            n += 1
    marked[:n] = 0
    if flags & MOVED:
        fault, at = _mask(data, at, n, marked)
        if fault:
            return fault, at, 0
    fault, at = _moves(data, at, marked, corner_x, corner_y, cols, first, n)
    if fault == FINE:
        fault, at = _appearances(data, at, flags, marked, cols, first, n)
    if fault == FINE and flags & ADDED:
        fault, at, n = _entries(data, at, corner_x, corner_y, ids, cols, first, n)
    if fault == FINE:
        fault, at = _sections(data, at, flags, part)
    return fault, at, n


@njit(cache=True)
def read_chunks(
    data: Bytes2,
    chunks: Int32s,
    chunks_all: int,
    wide: int,
    left: int,
    top: int,
    old_held: Int32s,
    old_starts: Int32s,
    old_ids: Int64s,
    old_cols: Int32s,
    held: Int32s,
    starts: Int32s,
    ids: Int64s,
    cols: Int32s,
    parts: Int32s,
    tiles: Bytes2,
) -> tuple[int, int, int, int]:
    """Merge what is held with the chunks given into new arrays: (fault, at which byte, chunks held, bodies)."""
    marked = np.empty(len(old_ids), np.uint8)
    at, n, n_held, i, last = 0, 0, 0, 0, -1
    for k in range(len(chunks) + 1):
        chunk = chunks[k] if k < len(chunks) else chunks_all
        if k < len(chunks) and not last < chunk < chunks_all:
            return _CHUNKS, at, 0, 0
        last = chunk
        while i < len(old_held) and old_held[i] < chunk:
            size = old_starts[i + 1] - old_starts[i]
            held[n_held], starts[n_held] = old_held[i], n
            ids[n : n + size] = old_ids[old_starts[i] : old_starts[i + 1]]
            cols[n : n + size] = old_cols[old_starts[i] : old_starts[i + 1]]
            n += size
            n_held += 1
            i += 1
        if k == len(chunks):
            break
        old_rows = (-1, -1)
        if i < len(old_held) and old_held[i] == chunk:
            old_rows = (int(old_starts[i]), int(old_starts[i + 1]))
            i += 1
        held[n_held], starts[n_held] = chunk, n
        corner_x, corner_y = left + chunk % wide * CHUNK_UNITS, top + chunk // wide * CHUNK_UNITS
        fault, at, size = _chunk(
            data, at, corner_x, corner_y, old_ids, old_cols, old_rows, ids, cols, n, marked, parts[k], tiles[k]
        )
        if fault:
            return fault, at, 0, 0
        n += size
        n_held += 1
    starts[n_held] = n
    if at != len(data):
        return _LEFT_OVER, at, 0, 0
    return FINE, at, n_held, n

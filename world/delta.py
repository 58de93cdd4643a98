"""A chunk's change between two ticks as bytes: encoded once per region and tick, shared by all who see the chunk.

A permanent wire format. The receiver (`world.mirror`) holds, per chunk, its 256 tiles and its bodies by ascending id.
All integers are little-endian; *varint* is LEB128 (seven bits a byte, low first, at most five bytes); a *mask* over n
things is ceil(n / 8) bytes, thing i in bit i % 8 of byte i // 8, the bits beyond n zero. Positions are in wire units
(64 to a tile). The first byte is flags; what they name follows in this order:

    0x80 KEY      the whole chunk, nothing else follows and no other flag is set: varint count, then that many
                  entries; then the 256 tiles row by row (terrain + 16 * feature) in PackBits: a byte c < 128 is
                  followed by c + 1 tiles, c >= 128 by one tile that stands c - 126 times; ends at 256 tiles
    0x01 REMOVED  mask over the bodies held: these are no longer in the chunk. Those left, in order, are the kept
    0x02 MOVED    mask over the kept, then per marked one a code. A kept body is expected to repeat its last step;
                  the code says how far it came out elsewhere (ex, ey). Each in -7..7: one byte 16 * (ex + 8) + ey + 8.
                  Else 0x00 and int8 ex, int8 ey; else 0x01 and int16 ex, int16 ey. Its step is then how far it really
                  went, each axis as `world.shown.step` says
    0x04 FACED    mask over the kept, then the facings (0..7) of those marked, two to a byte, the first in the low half
    0x08 LOOKED   mask over the kept, then a byte per marked: the new look (`world.shown`)
    0x10 ADDED    varint count, then that many entries, ids ascending
    0x20 TILES    varint count (1..256), then per changed tile its number in the chunk and its new value, a byte each
    0x40 EVENTS   varint length (1..4096), then a MessagePack array of events [kind, a, b, c, d, text]

An *entry* is uint64 id, uint8 kind * 8 + facing, uint8 look, int16 x, int16 y (from the chunk's corner; a body a little
past the land's edge belongs to the nearest chunk), int8 and int8 the last step, varint hop. A body whose hop or kind
changed is removed and added. A chunk that is not mentioned in a tick did not change at all: one in which a body's step
is not zero is always mentioned.
"""

from collections.abc import Iterable
from typing import Final

import msgspec
import numpy as np
from numba import njit

from world.events import Event, Kind
from world.shown import (
    BODY_FACING,
    BODY_HOP,
    BODY_KIND,
    CHUNK_UNITS,
    LOOK,
    PER_TILE,
    STEP_X,
    STEP_Y,
    WireRows,
    X,
    Y,
    chunk_of_tile,
)
from world.state import Bytes2, Int32s, Int64s
from world.units import CHUNK_TILES

TILES: Final = CHUNK_TILES * CHUNK_TILES
KEY, REMOVED, MOVED, FACED, LOOKED, ADDED, CHANGED_TILES, EVENTS = 0x80, 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40
ENTRY_MIN: Final = 17
ENTRY_MAX: Final = 21
EVENT_BYTES_MAX: Final = 4096  # of one chunk and tick; what does not fit is not shown

_events = msgspec.msgpack.Encoder()


def encode_tick(before: WireRows, now: WireRows, events: Iterable[Event] = ()) -> tuple[Int32s, bytes]:
    """The change between two ticks: index int32[n, 3] of (chunk, offset, length), ascending, and the bytes.

    `now` must have been made with `before`. ValueError when they are not of one land.
    """
    if before.land != now.land:
        raise ValueError(f"before is of the land {before.land}, now of {now.land}")
    chunks = len(now.starts) - 1
    tile_chunk, tile_at, tile_value = _tile_changes(before, now)
    event_starts, event_bytes = _place_events(events, before, now)
    room = 32 * chunks + 8 * len(before.ids) + (ENTRY_MAX + 1) * len(now.ids) + 2 * len(tile_at) + len(event_bytes)
    out, index = np.empty(room, np.uint8), np.empty((chunks, 3), np.int32)
    count, size = _encode(
        before.ids,
        before.cols,
        before.starts,
        now.ids,
        now.cols,
        now.starts,
        now.chunks_wide,
        now.land[0] * PER_TILE,
        now.land[1] * PER_TILE,
        tile_chunk,
        tile_at,
        tile_value,
        event_starts,
        event_bytes,
        index,
        out,
    )
    return index[:count], out[:size].tobytes()


def encode_key(now: WireRows, chunk: int) -> bytes:
    """The keyframe of one chunk: its bodies and tiles, readable with nothing before. IndexError for no such chunk."""
    if not 0 <= chunk < len(now.starts) - 1:
        raise IndexError(f"chunk {chunk} of a land with {len(now.starts) - 1}")
    line, column = divmod(chunk, now.chunks_wide)
    top, left = line * CHUNK_TILES, column * CHUNK_TILES
    tiles = now.tiles[top : top + CHUNK_TILES, left : left + CHUNK_TILES].reshape(TILES)
    rows = slice(now.starts[chunk], now.starts[chunk + 1])
    corner_x, corner_y = (now.land[0] + left) * PER_TILE, (now.land[1] + top) * PER_TILE
    return key_bytes(now.ids[rows], now.cols[rows], tiles, corner_x, corner_y)


def key_bytes(ids: Int64s, cols: Int32s, tiles: Bytes2, corner_x: int, corner_y: int) -> bytes:
    """A keyframe of these bodies (ids ascending) and 256 tiles; the corner is the chunk's, in wire units."""
    out = np.empty(8 + ENTRY_MAX * len(ids) + 2 * TILES, np.uint8)
    return out[: _encode_key(ids, cols, tiles, corner_x, corner_y, out)].tobytes()


def _tile_changes(before: WireRows, now: WireRows) -> tuple[Int32s, Int32s, Bytes2]:
    """Per changed tile its chunk (ascending), its number in the chunk and its value."""
    if before.tiles is now.tiles:
        return _NONE, _NONE, _NO_BYTES
    y, x = np.nonzero(before.tiles != now.tiles)
    chunk = y // CHUNK_TILES * now.chunks_wide + x // CHUNK_TILES
    order = np.argsort(chunk, kind="stable")
    at = (y % CHUNK_TILES * CHUNK_TILES + x % CHUNK_TILES)[order].astype(np.int32)
    return chunk[order].astype(np.int32), at, now.tiles[y, x][order]


_NONE: Final = np.empty(0, np.int32)
_NO_BYTES: Final = np.empty(0, np.uint8)


def _place_events(events: Iterable[Event], before: WireRows, now: WireRows) -> tuple[Int32s, Bytes2]:
    """The events that are shown, as MessagePack per chunk: where each chunk's bytes begin, and the bytes."""
    by_chunk: dict[int, list[Event]] = {}
    for event in events:
        chunk = _seen_in(event, before, now)
        if chunk >= 0:
            by_chunk.setdefault(chunk, []).append(event)
    chunks = len(now.starts) - 1
    if not by_chunk:
        return np.zeros(chunks + 1, np.int32), _NO_BYTES
    starts, parts, size = np.zeros(chunks + 1, np.int32), [], 0
    for chunk in range(chunks):
        if chunk in by_chunk:
            parts.append(_fit(by_chunk[chunk]))
            size += len(parts[-1])
        starts[chunk + 1] = size
    return starts, np.frombuffer(b"".join(parts), np.uint8)


def _fit(events: list[Event]) -> bytes:
    """As many of the events, from the first, as fit in EVENT_BYTES_MAX."""
    size = 3
    for count, event in enumerate(events):
        size += len(_events.encode(event))
        if size > EVENT_BYTES_MAX:
            return _events.encode(events[:count])
    return _events.encode(events)


def _seen_in(event: Event, before: WireRows, now: WireRows) -> int:
    """The chunk in which an event is seen, -1 if it is not shown or those it names are not here."""
    match event.kind:
        case Kind.BUILT | Kind.DUG:
            return chunk_of_tile(now.land, event.b, event.c)
        case Kind.DIED:
            return chunk_of_tile(now.land, event.c, event.d)
        case Kind.HIT:
            bodies = [event.b, event.a]
        case Kind.MINTED:
            bodies = [event.b]
        case Kind.GAVE | Kind.SPOKE:
            bodies = [event.a]
        case _:
            return -1
    for body in bodies:
        for rows in (now, before):
            at = int(np.searchsorted(rows.ids, body, sorter=rows.by_id))
            if at < len(rows.ids) and rows.ids[rows.by_id[at]] == body:
                return int(np.searchsorted(rows.starts, rows.by_id[at], side="right")) - 1
    return -1


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
    out[at + 8] = cols[row, BODY_KIND] << 3 | cols[row, BODY_FACING]
    out[at + 9] = cols[row, LOOK]
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
                out[at] = new[kept[k], column]
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
def _encode(
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
def _encode_key(ids: Int64s, cols: Int32s, tiles: Bytes2, corner_x: int, corner_y: int, out: Bytes2) -> int:
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

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
past the land's edge belongs to the nearest chunk), int8 and int8 the last step, varint hop. Of a body that bears
something the byte after the id is its gear (`world.shown`; 1..7, which no kind's byte is), and the kind's follows. A
body whose hop, kind or gear changed is removed and added. A chunk that is not mentioned in a tick did not change at
all: one in which a body's step is not zero is always mentioned.
"""

from collections.abc import Iterable
from typing import Final

import msgspec
import numpy as np

from world.delta_write import ENTRY_MAX, TILES, write_chunks, write_key
from world.events import Event, Kind
from world.shown import (
    PER_TILE,
    WireRows,
    chunk_of_tile,
)
from world.state import Bytes2, Int32s, Int64s
from world.units import CHUNK_TILES

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
    count, size = write_chunks(
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
    return out[: write_key(ids, cols, tiles, corner_x, corner_y, out)].tobytes()


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
        case Kind.BUILT | Kind.DUG | Kind.DOOR_USED:
            return chunk_of_tile(now.land, event.b, event.c)
        case Kind.DIED | Kind.BROKEN:
            return chunk_of_tile(now.land, event.c, event.d)
        case Kind.HIT:
            bodies = [event.b, event.a]
        case Kind.MINTED:
            bodies = [event.b]
        case Kind.GAVE | Kind.SPOKE | Kind.BOUGHT | Kind.SOLD | Kind.QUOTED:
            bodies = [event.a]
        case Kind.SHOT | Kind.CRAFTED | Kind.EQUIPPED | Kind.ATE | Kind.WORE_OUT:
            bodies = [event.a]
        case Kind.ROBBED | Kind.OFFERED | Kind.TRADED | Kind.OFFER_ENDED:
            bodies = [event.b]
        case _:
            return -1
    for body in bodies:
        for rows in (now, before):
            at = int(np.searchsorted(rows.ids, body, sorter=rows.by_id))
            if at < len(rows.ids) and rows.ids[rows.by_id[at]] == body:
                return int(np.searchsorted(rows.starts, rows.by_id[at], side="right")) - 1
    return -1

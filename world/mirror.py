"""What a receiver of deltas holds of one region: the chunks it was given, their bodies and tiles.

Gateways and clients both use it. Any bytes either apply or raise ValueError and change nothing; the format stands in
`world.delta`. Not here: how frames are numbered, and who is sent which chunk.
"""

from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from world.delta import key_bytes
from world.delta_read import EVENT_SIZE, EVENTS_AT, FAULTS, FINE, IS_KEY, TILE_CHANGES, TILES_AT, read_chunks
from world.delta_write import ENTRY_MIN, TILES
from world.events import Event
from world.shown import BODY_COLUMNS, CHUNK_UNITS, PER_TILE
from world.state import Bytes2, Int32s, Int64s
from world.units import CHUNK_TILES, REGION_ROWS, SPEECH_MAX, WORLD_TILES_MAX

BODIES_MAX: Final = 2 * REGION_ROWS  # of one region, those in flight included
FRAME_BYTES_MAX: Final = 4 << 20  # of all chunks given at once

_events = msgspec.msgpack.Decoder(list[Event])


class Mirror:
    """The chunks of one region that were received, and their bodies.

    `held` int32[h] are their numbers, ascending; the bodies of `held[k]` are the rows `starts[k]` to `starts[k + 1]`
    of `ids` int64[n] and `cols` int32[n, BODY_COLUMNS] (columns: `world.shown`). These arrays are never changed in
    place: each `apply` makes new ones, so the ones before may be kept to draw between. `tiles[chunk]` is uint8[256];
    `repainted` lists the chunks whose tiles the last `apply` changed.
    """

    def __init__(self, land: tuple[int, int, int, int]) -> None:
        """Of a region's land in tiles (x0, y0, x1, y1); ValueError if that is no rectangle of whole chunks."""
        whole = all(0 <= side <= WORLD_TILES_MAX and side % CHUNK_TILES == 0 for side in land)
        if not whole or land[0] >= land[2] or land[1] >= land[3]:
            raise ValueError(f"{land} is no rectangle of whole chunks of {CHUNK_TILES} tiles within {WORLD_TILES_MAX}")
        self.land = land
        self.chunks_wide = (land[2] - land[0]) // CHUNK_TILES
        self.chunks = self.chunks_wide * (land[3] - land[1]) // CHUNK_TILES
        self.held: Int32s = np.empty(0, np.int32)
        self.starts: Int32s = np.zeros(1, np.int32)
        self.ids: Int64s = np.empty(0, np.int64)
        self.cols: Int32s = np.empty((0, BODY_COLUMNS), np.int32)
        self.tiles: dict[int, Bytes2] = {}
        self.repainted: list[int] = []

    def apply(self, chunks: npt.ArrayLike, data: bytes) -> list[tuple[int, Event]]:
        """Apply the bytes of these chunks (numbers ascending), one after another; the events seen, with their chunk.

        Raises ValueError, with nothing changed, for anything but what `world.delta` makes from what is held.
        """
        if len(data) > FRAME_BYTES_MAX:
            raise ValueError(f"{len(data)} bytes for one tick; the limit is {FRAME_BYTES_MAX}")
        try:
            numbers = np.ascontiguousarray(chunks, np.int32)
        except OverflowError as error:
            raise ValueError(f"a chunk's number: {error}") from None
        if numbers.ndim != 1 or len(numbers) > self.chunks:
            raise ValueError(f"a list of chunks of shape {numbers.shape}; the land has {self.chunks}")
        room = len(self.ids) + len(data) // ENTRY_MIN
        ids, cols = np.empty(room, np.int64), np.empty((room, BODY_COLUMNS), np.int32)
        held = np.empty(len(self.held) + len(numbers), np.int32)
        starts = np.empty(len(held) + 1, np.int32)
        parts = np.zeros((len(numbers), 5), np.int32)
        tiles = np.empty((len(numbers), TILES), np.uint8)
        raw = np.frombuffer(data, np.uint8)
        fault, at, n_held, n = read_chunks(
            raw, numbers, self.chunks, self.chunks_wide, self.land[0] * PER_TILE, self.land[1] * PER_TILE,
            self.held, self.starts, self.ids, self.cols, held, starts, ids, cols, parts, tiles,
        )  # fmt: skip
        if fault != FINE:
            raise ValueError(f"a delta of {len(data)} bytes {FAULTS[fault]} (at byte {at})")
        if n > BODIES_MAX:
            raise ValueError(f"{n} bodies in one region; the limit is {BODIES_MAX}")
        seen = self._events(numbers, parts, data) if parts[:, EVENT_SIZE].any() else []
        self.held, self.starts, self.ids, self.cols = held[:n_held], starts[: n_held + 1], ids[:n], cols[:n]
        self.repainted = []
        for k in np.flatnonzero(parts[:, IS_KEY] + parts[:, TILE_CHANGES]):
            chunk = int(numbers[k])
            self.repainted.append(chunk)
            if parts[k, IS_KEY]:
                self.tiles[chunk] = tiles[k].copy()
            else:
                begin, size = parts[k, TILES_AT], 2 * parts[k, TILE_CHANGES]
                self.tiles[chunk][raw[begin : begin + size : 2]] = raw[begin + 1 : begin + size : 2]
        return seen

    def key(self, chunk: int) -> bytes:
        """The keyframe of a held chunk, as `world.delta.encode_key` made it at this tick; KeyError if not held."""
        tiles = self.tiles[chunk]
        k = int(np.searchsorted(self.held, chunk))
        rows = slice(self.starts[k], self.starts[k + 1])
        line, column = divmod(chunk, self.chunks_wide)
        corner_x = self.land[0] * PER_TILE + column * CHUNK_UNITS
        corner_y = self.land[1] * PER_TILE + line * CHUNK_UNITS
        return key_bytes(self.ids[rows], self.cols[rows], tiles, corner_x, corner_y)

    def keep(self, chunks: npt.ArrayLike) -> None:
        """Forget every chunk but these."""
        stays = np.isin(self.held, np.asarray(chunks, np.int32))
        if stays.all():
            return
        sizes = np.diff(self.starts)
        rows = np.repeat(stays, sizes)
        for chunk in self.held[~stays]:
            del self.tiles[int(chunk)]
        self.held, self.ids, self.cols = self.held[stays], self.ids[rows], self.cols[rows]
        self.starts = np.concatenate([[0], np.cumsum(sizes[stays])]).astype(np.int32)

    def _events(self, chunks: Int32s, parts: Int32s, data: bytes) -> list[tuple[int, Event]]:
        seen = []
        for k in np.flatnonzero(parts[:, EVENT_SIZE]):
            begin = int(parts[k, EVENTS_AT])
            try:
                events = _events.decode(data[begin : begin + int(parts[k, EVENT_SIZE])])
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
                raise ValueError(f"the events of chunk {chunks[k]} are none: {error}") from None
            for event in events:
                if len(event.text) > SPEECH_MAX:
                    raise ValueError(f"an utterance of {len(event.text)} characters; the limit is {SPEECH_MAX}")
                seen.append((int(chunks[k]), event))
        return seen

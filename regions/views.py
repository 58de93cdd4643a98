"""What a gateway holds of each region, and the view frames that it makes from it (regions.protocol, byte 2).

A region's delta is cut into pieces once a tick; a frame is a header, a mask and those pieces, and clients who look at
the same chunks get the same bytes. Not here: who looks where, and who is too slow (`regions.gateway`).
"""

import struct
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from regions.config import CROWD_BODIES, CROWD_LOOK_TICKS, VIEW_TILES
from regions.messages import Delta, Keys
from regions.protocol import FLAG_ANEW, FLAG_SLOWED, RATE_SHIFT, VIEW
from world.mirror import Mirror
from world.shown import BODY_HOP, LOOK, LOOK_LEAVING, PER_TILE, X, Y
from world.state import Int64s
from world.units import CHUNK_TILES

PENDING_MAX: Final = 128  # deltas kept while keys are on their way
ASK_AGAIN_MS: Final = 250
PARTS_MAX: Final = 64
HALF: Final = CHUNK_TILES // 2  # a view moves in steps of half a chunk, so that it is always whole chunks
THINNED: Final = 0.8  # a crowd must shrink to this share of a limit before its rate rises again
SLACK: Final = 1  # tiles that a body may leave its half chunk by before its view moves

Rect = tuple[int, int, int, int]
"""x0, y0, width, height: chunks counted from the region's corner."""
NOTHING: Final[Rect] = (0, 0, 0, 0)

_header = struct.Struct("<BBBBIII4B")


def varint(value: int) -> bytes:
    """Seven bits a byte, low bits first."""
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def anchor(now: tuple[int, int], x: int, y: int) -> tuple[int, int]:
    """The half chunk that a view hangs on, for a body at x, y (wire units); `now` holds as long as it nearly fits."""

    low_x, low_y, high_x, high_y = keeping(now)
    return (
        now[0] if low_x <= x < high_x else x // (HALF * PER_TILE),
        now[1] if low_y <= y < high_y else y // (HALF * PER_TILE),
    )


def keeping(hung: tuple[int, int]) -> tuple[int, int, int, int]:
    """Where a body may stand while its view hangs on this half chunk: low x, low y, high x, high y (wire units)."""
    low_x, low_y = ((at * HALF - SLACK) * PER_TILE for at in hung)
    wide = (HALF + 2 * SLACK) * PER_TILE
    return low_x, low_y, low_x + wide, low_y + wide


def rectangle(hung: tuple[int, int], region: tuple[int, int, int, int]) -> Rect:
    """The chunks of a region (its rectangle in chunks: x0, y0, x1, y1) within VIEW_TILES of a half chunk."""
    reach = VIEW_TILES // HALF
    x0, x1 = max((hung[0] - reach) >> 1, region[0]), min(((hung[0] + reach) >> 1) + 1, region[2])
    y0, y1 = max((hung[1] - reach) >> 1, region[1]), min(((hung[1] + reach) >> 1) + 1, region[3])
    return (x0 - region[0], y0 - region[1], x1 - x0, y1 - y0) if x0 < x1 and y0 < y1 else NOTHING


@dataclass(slots=True)
class Ticked:
    """A region stands at a new tick. `anew`: it did not come there by a delta from the tick before."""

    anew: bool


@dataclass(slots=True)
class RegionView:
    """A gateway's copy of one region, and the pieces of its newest tick."""

    index: int
    chunks: tuple[int, int, int, int]  # the region's rectangle
    era: int = 0
    term: int = 0
    tick: int = -1
    n: int = 0
    archived: int = 0
    late_ms: int = 0
    heard_ms: int = 0  # when a delta came last
    keys_wanted: bool = True
    ask_at_ms: int = 0
    mirror: Mirror = field(init=False)
    wide: int = field(init=False)
    _pending: list[Delta] = field(default_factory=list)
    _parts: dict[int, Keys] = field(default_factory=dict)
    _pieces: dict[int, bytes] = field(default_factory=dict)
    _keys: dict[int, bytes] = field(default_factory=dict)
    _frames: dict[Rect, tuple[bytes, bool, int]] = field(default_factory=dict)
    _lists: dict[Rect, tuple[int, ...]] = field(default_factory=dict)
    _crowds: list[int] = field(default_factory=list)  # bodies by chunk, counted when wanted
    _steps: dict[Rect, int] = field(default_factory=dict)
    _steps_before: dict[Rect, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.wide = self.chunks[2] - self.chunks[0]
        self._forget()

    def _forget(self) -> None:
        x0, y0, x1, y1 = (side * CHUNK_TILES for side in self.chunks)
        self.mirror = Mirror((x0, y0, x1, y1))
        self._clear()

    def _clear(self) -> None:
        self._pieces, self._keys, self._frames, self._crowds = {}, {}, {}, []

    def wants_keys(self, now_ms: int) -> bool:
        """Whether to ask the region for keys now; asked, it waits a while before it asks again."""
        if not self.keys_wanted or now_ms < self.ask_at_ms:
            return False
        self.ask_at_ms = now_ms + ASK_AGAIN_MS
        return True

    def delta(self, now_ms: int, delta: Delta) -> Ticked | None:
        """Take a delta; None: it is old, or waits for keys. ValueError when its bytes are not what a region makes."""
        if (delta.era, delta.term) < (self.era, self.term):
            return None
        self.heard_ms = now_ms
        if delta.era > self.era:
            self._lose_place()
            self.era, self.tick = delta.era, -1
        if delta.term > self.term or delta.era > self.era:
            self._lose_place()
        self.era, self.term = delta.era, delta.term
        if delta.tick <= self.tick and not self.keys_wanted:
            return None
        if not self.keys_wanted and delta.tick != self.tick + 1:
            self._lose_place()
        if self.keys_wanted:
            if len(self._pending) >= PENDING_MAX:
                self._pending.clear()
            self._pending.append(delta)
            return None
        self._step(delta)
        return Ticked(anew=False)

    def keys(self, keys: Keys) -> Ticked | None:
        """Take a part of the keys asked for; ValueError for bytes that are not keyframes."""
        if (
            not self.keys_wanted
            or (keys.era, keys.term) != (self.era, self.term)
            or not 0 <= keys.part < keys.parts <= PARTS_MAX
        ):
            return None
        if any(part.tick != keys.tick or part.parts != keys.parts for part in self._parts.values()):
            self._parts.clear()
        self._parts[keys.part] = keys
        if len(self._parts) < keys.parts:
            return None
        parts, self._parts = [self._parts[place] for place in range(keys.parts)], {}
        later = sorted((delta for delta in self._pending if delta.tick > keys.tick), key=lambda delta: delta.tick)
        if later and later[0].tick != keys.tick + 1:
            return None
        self._forget()
        for part in parts:
            self.mirror.apply(part.chunks, _checked(part.chunks, part.offsets, part.data))
        if len(self.mirror.held) != self.mirror.chunks:
            raise ValueError(f"keys of {len(self.mirror.held)} chunks; region {self.index} has {self.mirror.chunks}")
        self.tick, self.keys_wanted = keys.tick, False
        self._pending.clear()
        for delta in later:
            if delta.tick == self.tick + 1:
                self._step(delta)
        return Ticked(anew=True)

    def _lose_place(self) -> None:
        if not self.keys_wanted:
            self.ask_at_ms = 0
        self.keys_wanted = True

    def _step(self, delta: Delta) -> None:
        data = _checked(delta.chunks, delta.offsets, delta.data)
        try:
            self.mirror.apply(delta.chunks, data)
        except ValueError:
            self._lose_place()
            raise
        self.tick, self.n, self.archived, self.late_ms = delta.tick, delta.n, delta.archived, delta.late_ms
        self._clear()
        if self.tick % CROWD_LOOK_TICKS == 0:
            self._steps, self._steps_before = {}, self._steps
        for place, chunk in enumerate(delta.chunks):
            piece = data[delta.offsets[place] : delta.offsets[place + 1]]
            self._pieces[chunk] = varint(len(piece) << 1) + piece

    def bodies(self, entities: Int64s) -> dict[int, tuple[int, int, int]]:
        """Where those of `entities` (ascending) that are truly here stand: x, y in wire units, and hop."""
        ids = self.mirror.ids
        if not len(entities) or not len(ids):
            return {}
        asked = entities[np.minimum(np.searchsorted(entities, ids), len(entities) - 1)] == ids
        rows = np.flatnonzero(asked & (self.mirror.cols[:, LOOK] & LOOK_LEAVING == 0))
        cols = self.mirror.cols[rows]
        places = zip(cols[:, X].tolist(), cols[:, Y].tolist(), cols[:, BODY_HOP].tolist())
        return dict(zip(ids[rows].tolist(), places))

    def chunk_list(self, rect: Rect) -> tuple[int, ...]:
        """The numbers of a rectangle's chunks, in mask order."""
        known = self._lists.get(rect)
        if known is None:
            x0, y0, width, height = rect
            known = tuple((y0 + i // width) * self.wide + x0 + i % width for i in range(width * height))
            if len(self._lists) > 4 * 4096:
                self._lists.clear()
            self._lists[rect] = known
        return known

    def rate_step(self, rect: Rect) -> int:
        """Who sees this rectangle is updated every 2 ** step ticks, by the bodies in it; it must thin out for more."""
        step = self._steps.get(rect)
        if step is None:
            bodies = sum(map(self._crowd, self.chunk_list(rect)))
            before = self._steps_before.get(rect, 0)
            step = sum(bodies > most * (1 if place >= before else THINNED) for place, most in enumerate(CROWD_BODIES))
            self._steps[rect] = step
        return step

    def _crowd(self, chunk: int) -> int:
        """How many bodies are in a chunk."""
        if not self._crowds:
            crowds = np.zeros(self.mirror.chunks, np.int32)
            crowds[self.mirror.held] = np.diff(self.mirror.starts)
            self._crowds = crowds.tolist()
        return self._crowds[chunk]

    def frame(self, rect: Rect) -> tuple[bytes, bool, int]:
        """This tick's frame for a client who holds this rectangle as of the tick before; whether it says anything; the
        rate step."""
        made = self._frames.get(rect)
        if made is None:
            chunks, pieces = self.chunk_list(rect), self._pieces
            parts = [pieces[chunk] for chunk in chunks if chunk in pieces]
            mask = (1 << len(chunks)) - 1  # where many play something moves in every chunk
            if len(parts) < len(chunks):
                mask = sum(1 << i for i, chunk in enumerate(chunks) if chunk in pieces)
            made = self._frames[rect] = self._join(rect, 0, mask, parts), bool(parts), self.rate_step(rect)
        return made

    def key_frame(self, rect: Rect, held: frozenset[int], anew: bool, slowed: bool = False) -> bytes:
        """The frame for a client who holds of these chunks only `held`; `anew`: who is to forget all others; `slowed`:
        who missed frames, as it does not keep up.
        """
        mask, parts = 0, []
        for i, chunk in enumerate(self.chunk_list(rect)):
            piece = self._pieces.get(chunk) if chunk in held else self._key(chunk)
            if piece is not None:
                mask |= 1 << i
                parts.append(piece)
        return self._join(rect, (FLAG_ANEW if anew else 0) | (FLAG_SLOWED if slowed else 0), mask, parts)

    def _key(self, chunk: int) -> bytes:
        made = self._keys.get(chunk)
        if made is None:
            key = self.mirror.key(chunk)
            made = self._keys[chunk] = varint(len(key) << 1 | 1) + key
        return made

    def _join(self, rect: Rect, flags: int, mask: int, parts: list[bytes]) -> bytes:
        header = _header.pack(
            VIEW,
            self.index,
            flags | self.rate_step(rect) << RATE_SHIFT if rect != NOTHING else flags,
            min(self.late_ms // 4, 255),
            self.tick & 0xFFFFFFFF,
            self.n & 0xFFFFFFFF,
            min(max(self.n - self.archived, 0), 0xFFFFFFFF),
            *rect,
        )
        return b"".join((header, mask.to_bytes((rect[2] * rect[3] + 7) // 8, "little"), *parts))


def _checked(chunks: tuple[int, ...], offsets: tuple[int, ...], data: bytes) -> bytes:
    """The data; ValueError unless the offsets cut it into one piece per chunk."""
    ends = offsets[1:]
    whole = len(offsets) == len(chunks) + 1 and offsets[0] == 0 and offsets[-1] == len(data)
    if not whole or any(begin >= end for begin, end in zip(offsets, ends)):
        raise ValueError(f"{len(offsets)} offsets for {len(chunks)} chunks in {len(data)} bytes")
    return data

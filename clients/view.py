"""The client's picture of the world at any moment between ticks: bodies, tiles, what was said and what happened.

Others are drawn one tick behind, between the places where they were shown; the own body is walked ahead
(`clients.own_body`). Floats serve drawing only. Times are milliseconds of one clock, given as arguments. Not here:
reading frames (`clients.seen`), pixels (`clients.draw`).
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from clients.look_files import LOOKS
from clients.own_body import OwnBody
from regions.looks import Look
from world.events import Event, Kind
from world.mirror import Mirror
from world.shown import (
    BODY_FACING,
    BODY_HOP,
    BODY_KIND,
    LOOK,
    LOOK_DOWN,
    LOOK_LEAVING,
    LOOK_LEVEL,
    PER_TILE,
    STEP_X,
    STEP_Y,
    X,
    Y,
)
from world.species import NAMES
from world.state import Bytes2, Int32s, Int64s
from world.tilemap import solid
from world.units import CHUNK_TILES, TICK_MS

UNKNOWN: Final = 255  # a tile never seen
FRAMES_KEPT: Final = 8  # ticks of a region kept to draw between
BEHIND_TICKS: Final = 1.0
AHEAD_TICKS: Final = 1.0  # how far a body is drawn on by its last step when frames are late
CLOCK_SHARE: Final = 0.1  # of a frame's lateness that moves the estimate of the server's clock
STEP_MAX: Final = 2 * PER_TILE // 3  # of a body that came over from another region: about three ticks of walking
SPEECH_MS: Final = 5_000
FLASH_MS: Final = 350
SPEECHES_MAX: Final = 64
HAPPENINGS_MAX: Final = 200

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bodies:
    """What to draw, sorted from the back (small y) to the front. Places are in tiles; `step` int32[n, 2] tells who
    walks; `own` is the row of the own body, or -1."""

    ids: Int64s
    x: Floats
    y: Floats
    kind: Int32s
    facing: Int32s
    look: Int32s
    step: Int32s
    own: int


@dataclass(frozen=True)
class Happening:
    """An event and when it was seen."""

    at_ms: float
    event: Event


@dataclass(frozen=True)
class _Frame:
    tick: int
    ids: Int64s
    cols: Int32s


class _Shown:
    """The last ticks of one region and an estimate of its clock."""

    def __init__(self) -> None:
        self.frames: deque[_Frame] = deque(maxlen=FRAMES_KEPT)
        self.zero_ms = 0.0  # when tick 0 would have been seen
        self.behind = BEHIND_TICKS

    def add(self, frame: _Frame, now_ms: float) -> None:
        zero = now_ms - frame.tick * TICK_MS
        if not self.frames or abs(zero - self.zero_ms) > 10 * TICK_MS:
            self.zero_ms = zero
        else:
            self.zero_ms += (zero - self.zero_ms) * CLOCK_SHARE
        self.frames.append(frame)

    def between(self, now_ms: float) -> tuple[_Frame, float]:
        """The frame to draw, and how many of its steps to go back (or, if negative, on) from it."""
        tick = (now_ms - self.zero_ms) / TICK_MS - self.behind
        before = self.frames[0]
        for frame in self.frames:
            if frame.tick >= tick:
                if frame.tick - tick <= 1 or frame is before:
                    return frame, min(frame.tick - tick, 1.0)
                break
            before = frame
        return before, max(before.tick - tick, -AHEAD_TICKS)


class View:
    """A world of `world_tiles` (width, height) as the player `entity` has seen it; 0 is a watcher without a body.

    `terrain` and `feature` are uint8[height, width], UNKNOWN where nothing was seen yet; `painted` int32[chunk rows,
    chunk columns] counts the changes of each chunk of the world, those next to it included.
    """

    def __init__(self, world_tiles: tuple[int, int], entity: int = 0) -> None:
        width, height = world_tiles
        self.entity = entity
        self.own = OwnBody()
        self.terrain: Bytes2 = np.full((height, width), UNKNOWN, np.uint8)
        self.feature: Bytes2 = np.zeros((height, width), np.uint8)
        self.blocked: Bytes2 = np.zeros((height, width), np.uint8)
        self.painted: Int32s = np.zeros((-(-height // CHUNK_TILES), -(-width // CHUNK_TILES)), np.int32)
        self.tick = 0
        self.look = 0  # of the own body, as shown last
        self.looks: dict[int, Look] = dict(LOOKS)  # of each kind, as the world has it
        self.speech: OrderedDict[int, tuple[str, float]] = OrderedDict()  # id -> text, until when
        self.happenings: deque[Happening] = deque(maxlen=HAPPENINGS_MAX)
        self.flashes: OrderedDict[int, float] = OrderedDict()  # id -> until when
        self._regions: dict[int, _Shown] = {}

    def show(
        self,
        now_ms: float,
        region: int,
        tick: int,
        mirror: Mirror,
        events: Iterable[tuple[int, Event]] = (),
        *,
        anew: bool = False,
        lead: float = 0.0,
        at_once: int = 1,
    ) -> None:
        """A frame was applied to a region's mirror. `anew`: it does not follow the one before. `lead`: by how many
        ticks the own body is walked ahead of what the server shows (the measured time from sending to seeing).
        `at_once`: how many frames come at a time, as they do in a crowd."""
        if anew or region not in self._regions:
            self._regions[region] = _Shown()
        shown = self._regions[region]
        if not shown.frames or tick > shown.frames[-1].tick:
            cols = self._come_over(shown.frames[-1], mirror) if shown.frames else mirror.cols
            shown.add(_Frame(tick, mirror.ids, cols), now_ms)
        shown.behind = BEHIND_TICKS + (at_once - 1) / 2
        self.tick = max(self.tick, tick)
        for chunk in mirror.repainted:
            self._paint(mirror, chunk)
        for _, event in events:
            self._happened(event, now_ms)
        self._see_own(now_ms, region, lead)

    def called(self, kind: int) -> str:
        """What a kind of body is called in this world."""
        return self.looks[kind].name if kind in self.looks else NAMES[kind] or "strange beast"

    def forget_bodies(self) -> None:
        """The world was restored or the connection lost its place: keep the tiles and wait for frames."""
        self._regions.clear()
        self.own.forget()

    def advance(self, now_ms: float) -> None:
        """Walk the own body up to now and forget what was said long ago; call once per picture."""
        self.own.advance(now_ms, self.terrain, self.blocked)
        while self.speech and next(iter(self.speech.values()))[1] <= now_ms:
            self.speech.popitem(last=False)
        while self.flashes and next(iter(self.flashes.values())) <= now_ms:
            self.flashes.popitem(last=False)

    def bodies(self, now_ms: float) -> Bodies:
        """Every body in view at this moment; of two images of one id the true one (higher hop, not leaving)."""
        parts = [shown.between(now_ms) for shown in self._regions.values() if shown.frames]
        if not parts:
            return _NOBODY
        ids = np.concatenate([frame.ids for frame, _ in parts])
        cols = np.concatenate([frame.cols for frame, _ in parts])
        back = np.repeat([part for _, part in parts], [len(frame.ids) for frame, _ in parts])
        true = _true_images(ids, cols)
        ids, cols, back = ids[true], cols[true], back[true]
        x = (cols[:, X] - cols[:, STEP_X] * back) / PER_TILE
        y = (cols[:, Y] - cols[:, STEP_Y] * back) / PER_TILE
        facing, step = cols[:, BODY_FACING].copy(), cols[:, [STEP_X, STEP_Y]]
        own = np.flatnonzero(ids == self.entity)
        if len(own) and self.own.known:
            x[own[0]], y[own[0]] = self.own.at(now_ms)
            facing[own[0]] = self.own.facing
            step[own[0]] = (1, 0) if self.own.moving else (0, 0)
        order = np.argsort(y, kind="stable")
        row = int(np.flatnonzero(order == own[0])[0]) if len(own) else -1
        return Bodies(
            ids[order], x[order], y[order], cols[order, BODY_KIND], facing[order], cols[order, LOOK], step[order], row
        )

    def _come_over(self, before: _Frame, mirror: Mirror) -> Int32s:
        """The columns of a new frame, in which bodies that came from another region have the step they came by: their
        new region knows no place of theirs before, and shows them as if they stood."""
        cols = mirror.cols
        still = (cols[:, STEP_X] == 0) & (cols[:, STEP_Y] == 0)
        new = np.flatnonzero(still & ~np.isin(mirror.ids, before.ids))
        for at in new.tolist():
            row = self._newest(int(mirror.ids[at]))[1]
            if row is None or not 0 <= cols[at, BODY_HOP] - row[BODY_HOP] <= 1:
                continue
            step = cols[at, [X, Y]] - row[[X, Y]]
            if np.abs(step).max() <= STEP_MAX:
                cols = cols.copy() if cols is mirror.cols else cols
                cols[at, [STEP_X, STEP_Y]] = step
        return cols

    def find(self, entity: int) -> tuple[int, int, int] | None:
        """The newest true place of a body (x, y in wire units) and its kind, or None."""
        row = self._newest(entity)[1]
        return None if row is None else (int(row[X]), int(row[Y]), int(row[BODY_KIND]))

    def _newest(self, entity: int) -> tuple[int, Int32s | None]:
        """The region that shows a body truly, and its row."""
        best, found, where = -1, None, -1
        for region, shown in self._regions.items():
            for at in np.flatnonzero(shown.frames[-1].ids == entity):
                row = shown.frames[-1].cols[at]
                rank = 2 * int(row[BODY_HOP]) + (not row[LOOK] & LOOK_LEAVING)
                if rank > best:
                    best, found, where = rank, row, region
        return where, found

    def _see_own(self, now_ms: float, region: int, lead: float) -> None:
        where, row = self._newest(self.entity) if self.entity else (-1, None)
        if row is None or where != region:
            return
        self.look = int(row[LOOK])
        self.own.wounded(self.look & LOOK_LEVEL)
        if self.look & LOOK_DOWN:
            self.own.walk(0, 0)
        place, step = (int(row[X]), int(row[Y])), (int(row[STEP_X]), int(row[STEP_Y]))
        tick = self._regions[region].frames[-1].tick
        self.own.seen(now_ms, region, tick, place, step, lead, self.terrain, self.blocked)

    def _paint(self, mirror: Mirror, chunk: int) -> None:
        line, column = divmod(chunk, mirror.chunks_wide)
        left, top = mirror.land[0] + column * CHUNK_TILES, mirror.land[1] + line * CHUNK_TILES
        area = np.s_[top : top + CHUNK_TILES, left : left + CHUNK_TILES]
        height, width = self.terrain[area].shape
        tiles = mirror.tiles[chunk].reshape(CHUNK_TILES, CHUNK_TILES)[:height, :width]
        terrain, feature = (tiles & 15).astype(np.uint8), (tiles >> 4).astype(np.uint8)
        if np.array_equal(self.terrain[area], terrain) and np.array_equal(self.feature[area], feature):
            return
        self.terrain[area], self.feature[area] = terrain, feature
        self.blocked[area] = solid(terrain, feature)
        row, place = top // CHUNK_TILES, left // CHUNK_TILES
        self.painted[max(row - 1, 0) : row + 2, max(place - 1, 0) : place + 2] += 1

    def _happened(self, event: Event, now_ms: float) -> None:
        self.happenings.append(Happening(now_ms, event))
        if event.kind == Kind.SPOKE:
            _put(self.speech, event.a, (printable(event.text), now_ms + SPEECH_MS))
        elif event.kind == Kind.HIT:
            _put(self.flashes, event.b, now_ms + FLASH_MS)


def printable(text: str) -> str:
    """A stranger's text without what cannot be drawn or would turn the line around."""
    return "".join(sign for sign in text if sign.isprintable())


_Value = TypeVar("_Value")


def _put(table: OrderedDict[int, _Value], key: int, value: _Value) -> None:
    """Put at the end; the oldest falls out above SPEECHES_MAX."""
    table.pop(key, None)
    table[key] = value
    if len(table) > SPEECHES_MAX:
        table.popitem(last=False)


def _true_images(ids: Int64s, cols: Int32s) -> npt.NDArray[np.bool_]:
    """Which rows to draw: one per id, with the highest hop, and of equals one that is not leaving."""
    rank = 2 * cols[:, BODY_HOP].astype(np.int64) + ((cols[:, LOOK] & LOOK_LEAVING) == 0)
    order = np.lexsort((rank, ids))
    true = np.ones(len(ids), bool)
    true[order[:-1]] = ids[order[:-1]] != ids[order[1:]]
    return true


_NONE: Final = np.empty(0, np.int32)
_NOBODY: Final = Bodies(
    np.empty(0, np.int64), np.empty(0), np.empty(0), _NONE, _NONE, _NONE, np.empty((0, 2), np.int32), -1
)


def short_name(entity: int) -> str:
    """A name that can be said, the same for everyone: three syllables from an id."""
    mixed = entity * 0x9E3779B97F4A7C15 & 2**64 - 1
    syllables = []
    for _ in range(3):
        mixed, at = divmod(mixed, 80)
        syllables.append(_CONSONANTS[at % 16] + "aeiou"[at // 16])
    return "".join(syllables).capitalize()


_CONSONANTS: Final[Sequence[str]] = ("b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "y")

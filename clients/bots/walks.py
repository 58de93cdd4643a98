"""Recorded walks of real people, read from files, and the behaviour that walks them again.

Two kinds of file are read. Rows `id frame x y z`, blank-separated, lines beginning with # being comments: a comment
`framerate: N` gives the frames a second (else 16), and a file whose coordinates span more than 100 is in centimetres,
else in metres. And the spline files of the UCY data (`annotation.vsp`): 25 frames a second, pixels, turned into metres
by the homography in the file `H.txt` beside it. One metre becomes one tile.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
import numpy.typing as npt

from clients.bots.behaviours import Sight, steer
from world.actions import Action, Move
from world.kinds import PLAYER
from world.species import SPEED
from world.tilemap import ROCK, TREE, WALL, WATER
from world.units import TICKS_PER_SECOND, TILE

FILE_BYTES_MAX: Final = 64 * 1024 * 1024
WALKS_MAX: Final = 10_000
FRAMES_A_SECOND: Final = 16.0
SPLINE_FRAMES_A_SECOND: Final = 25.0
CENTIMETRES_FROM: Final = 100.0
SHORTEST_S: Final = 2.0
NUMBER_MAX: Final = 1e9  # of a frame, a coordinate, a rate
HOMOGRAPHY_BYTES_MAX: Final = 4096
LEAD_S: Final = 0.15  # how far ahead of the clock a walker aims: about the time until its step is seen
PULL: Final = 1.5  # how fast, per second, a walker makes up for where it is not
TOP_SPEED: Final = int(SPEED[PLAYER]) * TICKS_PER_SECOND / TILE  # tiles a second

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Walk:
    """One person's way: `times` float64[n] in seconds from 0, ascending; `points` float64[n, 2], metres from (0, 0)."""

    times: Floats
    points: Floats

    @property
    def seconds(self) -> float:
        return float(self.times[-1])

    def at(self, seconds: float) -> tuple[float, float]:
        """Where the person was; before the beginning and after the end, where that was."""
        x = np.interp(seconds, self.times, self.points[:, 0])
        y = np.interp(seconds, self.times, self.points[:, 1])
        return float(x), float(y)


def read_walks(path: Path) -> list[Walk]:
    """The walks in a file that are longer than SHORTEST_S, by the person's number. ValueError for other files."""
    if path.stat().st_size > FILE_BYTES_MAX:
        raise ValueError(f"{path} has {path.stat().st_size} bytes; the limit is {FILE_BYTES_MAX}")
    text = path.read_text(errors="replace")
    walks = _splines(path, text) if path.suffix == ".vsp" else _rows(path, text)
    long = [walk for walk in walks if walk.seconds >= SHORTEST_S]
    if not long:
        raise ValueError(f"{path} has no walk of {SHORTEST_S} s or more among its {len(walks)}")
    return long[:WALKS_MAX]


def _rows(path: Path, text: str) -> list[Walk]:
    people: dict[int, list[tuple[float, float, float]]] = {}
    rate = FRAMES_A_SECOND
    for place, line in enumerate(text.splitlines(), 1):
        try:
            if line.startswith("#"):
                name, _, value = line[1:].partition(":")
                rate = _number(value) if name.strip() == "framerate" else rate
            elif line.strip():
                person, frame, x, y = (_number(word) for word in line.split()[:4])
                people.setdefault(int(person), []).append((frame, x, y))
        except ValueError:
            raise ValueError(f"{path}, line {place}: expected `id frame x y z`, found {line[:60]!r}") from None
    if not people:
        raise ValueError(f"{path} has no rows `id frame x y z`")
    if rate < 1 / NUMBER_MAX:
        raise ValueError(f"{path} says it has {rate} frames a second")
    every = np.array([row for rows in people.values() for row in rows])
    span = float(np.ptp(every[:, 1:], axis=0).max())
    scale = 0.01 if span > CENTIMETRES_FROM else 1.0
    return [_walk(people[person], rate, scale) for person in sorted(people)]


def _splines(path: Path, text: str) -> list[Walk]:
    homography = _homography(path.with_name("H.txt"))
    lines = [line.split(" - ")[0].split() for line in text.splitlines()]
    walks = []
    try:
        at = 1
        for _ in range(int(lines[0][0])):
            count = int(lines[at][0])
            points = [[_number(word) for word in line[:3]] for line in lines[at + 1 : at + 1 + count]]
            at += 1 + count
            if len(points) != count:
                raise IndexError
            if count < 2:
                continue
            rows = []
            for x, y, frame in points:
                across, down, depth = (homography @ np.array([x, y, 1.0])).tolist()
                if abs(depth) < 1 / NUMBER_MAX:
                    raise ValueError(f"({x}, {y}) lies on the horizon")
                rows.append((frame, across / depth, down / depth))
            walks.append(_walk(rows, SPLINE_FRAMES_A_SECOND, 1.0))
    except (ValueError, IndexError):
        raise ValueError(
            f"{path}, about line {at + 1}: not a spline file: count, then `x y frame gaze` lines"
        ) from None
    return walks


def _number(word: str) -> float:
    """A number such as these files have; ValueError for others, infinite ones and none among them."""
    value = float(word)
    if not abs(value) <= NUMBER_MAX:
        raise ValueError(f"{value} is beyond {NUMBER_MAX}")
    return value


def _homography(path: Path) -> Floats:
    """float64[3, 3] in a file of nine numbers. ValueError when there is none."""
    try:
        with path.open("rb") as file:
            words = file.read(HOMOGRAPHY_BYTES_MAX).decode(errors="replace").split()
    except OSError as error:
        raise ValueError(f"{path} is needed beside a spline file: {error.strerror}") from None
    if len(words) != 9:
        raise ValueError(f"{path} has {len(words)} numbers, expected 9")
    return np.array([_number(word) for word in words]).reshape(3, 3)


def _walk(rows: list[tuple[float, float, float]], rate: float, scale: float) -> Walk:
    frames = np.array(sorted(rows))
    return Walk((frames[:, 0] - frames[0, 0]) / rate, (frames[:, 1:] - frames[0, 1:]) * scale)


@dataclass(slots=True)
class Follow:
    """Walks a recorded way from where the bot stands; at its end, the way back. Counts how far off it is.

    Unlike other behaviours it is asked ten times a second, with the time.
    """

    random: Random
    walk: Walk
    off_sum: float = 0.0
    off_count: int = 0
    origin: tuple[float, float] | None = None
    began_s: float = 0.0
    turn: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 1.0)
    back: bool = False
    blocked: int = field(default=0)

    def at(self, seconds: float) -> tuple[float, float]:
        """Where the walk is, in tiles, `seconds` after it began."""
        assert self.origin is not None
        x, y = self.walk.at(self.walk.seconds - seconds if self.back else seconds)
        a, b, c, d = self.turn
        return self.origin[0] + a * x + b * y, self.origin[1] + c * x + d * y

    def decide(self, sight: Sight, now_s: float) -> Action:
        """The next step."""
        if self.origin is None:
            self._begin(sight, now_s)
        seconds = now_s - self.began_s
        if seconds > self.walk.seconds:
            self.began_s, self.back, seconds = now_s, not self.back, 0.0
        x, y = self.at(seconds)
        off = math.dist((x, y), (sight.x, sight.y))
        self.off_sum += off
        self.off_count += 1
        self.blocked = self.blocked + 1 if off > 4.0 else 0
        if self.blocked > 20:  # something stands in the way for good: begin again from here
            self._begin(sight, now_s)
            return Move(0, 0)
        ahead = self.at(seconds + LEAD_S)
        later = self.at(seconds + LEAD_S + 0.2)
        vx = (later[0] - ahead[0]) / 0.2 + PULL * (x - sight.x)
        vy = (later[1] - ahead[1]) / 0.2 + PULL * (y - sight.y)
        return steer(sight, vx, vy, math.hypot(vx, vy) / TOP_SPEED)

    def _begin(self, sight: Sight, now_s: float) -> None:
        """Lay the way over the ground so that as little of it as possible is known to be blocked."""
        self.began_s, self.back, self.blocked = now_s, False, 0
        here = (sight.x, sight.y)
        turns = [(a, 0.0, 0.0, d) for a in (1.0, -1.0) for d in (1.0, -1.0)]
        turns += [(0.0, b, c, 0.0) for b in (1.0, -1.0) for c in (1.0, -1.0)]
        self.random.shuffle(turns)
        best = None
        for turn in turns:
            self.origin, self.turn = here, turn
            cost = sum(_solid(sight, *self.at(seconds)) for seconds in np.arange(0, self.walk.seconds, 0.4))
            if best is None or cost < best[0]:
                best = (cost, turn)
        assert best is not None
        self.turn = best[1]


def _solid(sight: Sight, x: float, y: float) -> int:
    tile = sight.seen.tile(int(x), int(y))
    return int(tile >= 0 and (tile & 15 in (WATER, WALL) or tile >> 4 in (TREE, ROCK)))

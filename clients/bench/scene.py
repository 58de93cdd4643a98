"""The scene that physics kernels are measured on, for every engine the same: circles that press on walls and circles.

N circles of radius 0.4, one to 4 square units, on a map of which 20 % of the tiles are blocked at random. Each body
gets a new goal every 64 ticks, up to 16 units away on both axes, often behind a wall; it walks at 3 units a second and
is at full speed in 5 ticks. Everything is drawn by integer hashes. Lengths are Q16.
"""

from dataclasses import dataclass
from math import isqrt, sqrt
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from world.land import hashed
from world.units import TICKS_PER_SECOND, TILE

RADIUS: Final = TILE * 4 // 10
SPEED: Final = 3 * TILE // TICKS_PER_SECOND
GRIP: Final = SPEED // 5
GOAL_TICKS: Final = 64
GOAL_TILES: Final = 16
BLOCKED_PERCENT: Final = 20
TILES_PER_BODY: Final = 4

Int64s = npt.NDArray[np.int64]
Whole = npt.NDArray[np.signedinteger[Any]]
Bytes2 = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Scene:
    """uint8[side, side] of blocked tiles, and where each of the bodies begins (int64[n], Q16)."""

    blocked: Bytes2
    xs: Int64s
    ys: Int64s

    @property
    def bodies(self) -> int:
        return len(self.xs)

    @property
    def side(self) -> int:
        return len(self.blocked)


def make_scene(bodies: int, side: int = 0) -> Scene:
    """So many bodies, each in the middle of an open tile of its own. The rim of the map is blocked.

    `side` is the map's in tiles; by default there are TILES_PER_BODY for each.
    """
    side = side or isqrt(TILES_PER_BODY * bodies)
    ys, xs = np.mgrid[0:side, 0:side]
    blocked = (hashed(1, 1, xs, ys) < 65536 * BLOCKED_PERCENT // 100).astype(np.uint8)
    blocked[0] = blocked[-1] = blocked[:, 0] = blocked[:, -1] = 1
    open_tiles = np.flatnonzero(blocked == 0)
    order = np.argsort(hashed(1, 2, open_tiles, 0), kind="stable")
    chosen = open_tiles[order[:bodies]]
    return Scene(blocked, (chosen % side * TILE + TILE // 2), (chosen // side * TILE + TILE // 2))


class Goals:
    """Where each body wants to go now."""

    def __init__(self, scene: Scene) -> None:
        self._bodies, self._limit = np.arange(scene.bodies), (scene.side << 16) - 1
        self.xs, self.ys = scene.xs.copy(), scene.ys.copy()
        for turn in range(GOAL_TICKS):
            self.renew(turn, scene.xs, scene.ys)

    def renew(self, tick: int, xs: Int64s, ys: Int64s) -> None:
        """New goals for the 64th of the bodies whose turn it is; `xs`, `ys` are where all stand (Q16)."""
        mine = self._bodies[tick % GOAL_TICKS :: GOAL_TICKS]
        for goals, places, salt in ((self.xs, xs, 3), (self.ys, ys, 4)):
            away = (hashed(1, salt, mine, tick) - 32768) * (2 * GOAL_TILES)
            goals[mine] = np.clip(places[mine] + away, 0, self._limit)


@njit(cache=True, error_model="numpy")
def steer(xs: Whole, ys: Whole, vx: Whole, vy: Whole, goal_x: Whole, goal_y: Whole) -> None:
    """Velocities (Q16 a tick) after one tick of walking to the goals, in place. Made to be compiled to vectors."""
    for k in range(xs.shape[0]):
        to_x = float(goal_x[k] - xs[k])
        to_y = float(goal_y[k] - ys[k])
        pace = min(1.0, SPEED / sqrt(to_x * to_x + to_y * to_y + 1.0))
        dx = to_x * pace - vx[k]
        dy = to_y * pace - vy[k]
        grip = min(1.0, GRIP / sqrt(dx * dx + dy * dy + 1.0))
        vx[k] += int(dx * grip)
        vy[k] += int(dy * grip)


class Overlaps(NamedTuple):
    """Pairs of circles that overlap, how deep (in tiles) they do on average and at worst, and how many by over 10 %."""

    pairs: int
    mean: float
    worst: float
    deep: int


def overlaps(xs: Int64s, ys: Int64s, side: int) -> Overlaps:
    """Measured apart from every engine: all pairs of circles of the scene's radius, in float64."""
    pairs, total, worst, deep = _overlaps(xs / TILE, ys / TILE, side, 2 * RADIUS / TILE)
    return Overlaps(int(pairs), total / max(1, pairs), worst, int(deep))


@njit(cache=True)
def _overlaps(
    xs: npt.NDArray[np.float64], ys: npt.NDArray[np.float64], side: int, diameter: float
) -> tuple[int, float, float, int]:
    first = np.full((side + 2) * (side + 2), -1, np.int64)
    after = np.full(xs.shape[0], -1, np.int64)
    pairs, total, worst, deep = 0, 0.0, 0.0, 0
    for k in range(xs.shape[0]):
        x, y = int(xs[k]) + 1, int(ys[k]) + 1
        for ty in range(y - 1, y + 2):
            for tx in range(x - 1, x + 2):
                other = first[ty * (side + 2) + tx]
                while other >= 0:
                    depth = diameter - sqrt((xs[k] - xs[other]) ** 2 + (ys[k] - ys[other]) ** 2)
                    if depth > 0.0:
                        pairs += 1
                        total += depth
                        worst = max(worst, depth)
                        deep += depth > diameter / 10
                    other = after[other]
        after[k] = first[y * (side + 2) + x]
        first[y * (side + 2) + x] = k
    return pairs, total, worst, deep

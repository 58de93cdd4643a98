"""What an NPC perceives: the nearest threat, the nearest prey, its own kind around it.

Sight ends at walls, trees and rocks; water is seen across. A wolf also smells prey that is near, walls or not.

Not here: what an NPC makes of it (`world.npc`), what players are shown (`world.delta`).
"""

from typing import Final

import numpy as np
from numba import njit

from world.collision import CELL_SHIFT, CELLS, GHOST_KIND, GHOST_X, GHOST_Y
from world.ghosts import GHOST_DOWN
from world.kinds import PLAYER, lives
from world.line_of_sight import line_of_sight
from world.state import DOWN_TICKS, KIND, MODE, MODE_TICKS, VX, VY, Bytes2, Int32s, Int64s, X, Y
from world.units import TILE

FIGHTING: Final = 1
"""The MODE of a player who struck lately: deer shy from it while MODE_TICKS last."""

# Lines of the points that all NPCs of a tick look at: int64[POINT_LINES, n], rows first, then ghosts.
POINT_X: Final = 0
POINT_Y: Final = 1
POINT_KIND: Final = 2
POINT_ROW: Final = 3  # -1 - n for ghost n
POINT_FIERCE: Final = 4  # 1 for what some species fears, 2 for players who struck lately
POINT_DOWN: Final = 5
POINT_LINES: Final = 6

# What `sense_herd` writes.
HERD: Final = 0  # how many of its kind it minds
HERD_X: Final = 1  # their mean place relative to it, and mean velocity
HERD_Y: Final = 2
HERD_VX: Final = 3
HERD_VY: Final = 4
CROWD_X: Final = 5  # away from those too near
CROWD_Y: Final = 6
HERD_LINES: Final = 7

HERD_TILES: Final = 5
HERD_MAX: Final = 6
CROWD_DISTANCE: Final = TILE + TILE // 4


@njit(cache=True)
def gather_points(rows: Int32s, used: int, ghosts: Int64s, feared: int) -> Int64s:
    """The bodies that an NPC may mind: int64[POINT_LINES, n], in the order of rows, ghosts last.

    `feared` has the bits of the kinds that any species fears.
    """
    points = np.empty((POINT_LINES, used + ghosts.shape[0]), np.int64)
    count = 0
    for i in range(used):
        kind = rows[KIND, i]
        if not lives(kind):
            continue
        points[POINT_X, count] = rows[X, i]
        points[POINT_Y, count] = rows[Y, i]
        points[POINT_KIND, count] = kind
        points[POINT_ROW, count] = i
        fights = kind == PLAYER and rows[MODE, i] == FIGHTING and rows[MODE_TICKS, i] > 0
        points[POINT_FIERCE, count] = 2 if fights else feared >> kind & 1
        points[POINT_DOWN, count] = 1 if rows[DOWN_TICKS, i] > 0 else 0
        count += 1
    for g in range(ghosts.shape[0]):
        kind = ghosts[g, GHOST_KIND]
        if not lives(kind):
            continue
        points[POINT_X, count] = ghosts[g, GHOST_X]
        points[POINT_Y, count] = ghosts[g, GHOST_Y]
        points[POINT_KIND, count] = kind
        points[POINT_ROW, count] = -1 - g
        points[POINT_FIERCE, count] = feared >> kind & 1
        points[POINT_DOWN, count] = ghosts[g, GHOST_DOWN]
        count += 1
    return points[:, :count].copy()


@njit(cache=True)
def fierce_among(points: Int64s) -> Int64s:
    """The points that are fierce, int64[POINT_LINES + 1, n]; the last line is their index among all points."""
    fierce = np.empty((POINT_LINES + 1, points.shape[1]), np.int64)
    count = 0
    for k in range(points.shape[1]):
        if points[POINT_FIERCE, k] > 0:
            for line in range(POINT_LINES):
                fierce[line, count] = points[line, k]
            fierce[POINT_LINES, count] = k
            count += 1
    return fierce[:, :count].copy()


@njit(cache=True)
def sense(
    perceive: int,
    me: int,
    points: Int64s,
    others: Int64s,
    start: Int32s,
    items: Int32s,
    opaque: Bytes2,
    window_x: int,
    window_y: int,
    far: int,
    far_tiles: int,
    near: int,
    near_tiles: int,
    smell_tiles: int,
    hunts: bool,
) -> tuple[int, bool]:
    """The nearest of `others` that matters to the NPC that is point `me`, and whether it is seen.

    `far` has the bits of the kinds that matter within `far_tiles`, `near` of those that do within `near_tiles`; bit 0
    of `far` stands for players who struck lately. A hunter (`hunts`) leaves the fallen alone. What is within
    `smell_tiles` needs not be seen.

    The answer is an index into `others`, or -1; nothing is perceived when `perceive` is 0. `start` and `items` are the
    grid of `others` (`world.collision.make_grid`). Of equally near ones the first by rows of cells, then by points,
    counts.
    """
    x = points[POINT_X, me]
    y = points[POINT_Y, me]
    far_square = far_tiles * TILE * far_tiles * TILE
    near_square = near_tiles * TILE * near_tiles * TILE
    smell_square = smell_tiles * TILE * smell_tiles * TILE
    reach = max(far_tiles if far != 0 else 0, near_tiles if near != 0 else 0) * TILE
    best = reach * reach + 1
    found = -1
    found_seen = False
    if perceive == 0:
        return found, found_seen
    left = window_x << 16
    top = window_y << 16
    for cy in range((y - reach) >> CELL_SHIFT, ((y + reach) >> CELL_SHIFT) + 1):
        for cx in range((x - reach) >> CELL_SHIFT, ((x + reach) >> CELL_SHIFT) + 1):
            cell = (cy & (CELLS - 1)) * CELLS + (cx & (CELLS - 1))
            for at in range(start[cell], start[cell + 1]):
                other = items[at]
                dx = others[POINT_X, other] - x
                dy = others[POINT_Y, other] - y
                square = dx * dx + dy * dy
                if square >= best:
                    continue
                its = others[POINT_KIND, other]
                matters = (far >> its & 1 != 0 and square <= far_square) or (
                    near >> its & 1 != 0 and square <= near_square
                )
                if far & 1 != 0 and others[POINT_FIERCE, other] == 2:
                    matters = True
                if not matters or (hunts and others[POINT_DOWN, other] == 1):
                    continue
                seen = line_of_sight(opaque, x - left, y - top, x + dx - left, y + dy - top)
                if seen or square <= smell_square:
                    best = square
                    found = other
                    found_seen = seen
    return found, found_seen


@njit(cache=True)
def sense_herd(
    perceive: int,
    me: int,
    rows: Int32s,
    points: Int64s,
    start: Int32s,
    items: Int32s,
    opaque: Bytes2,
    window_x: int,
    window_y: int,
    herd: Int64s,
) -> None:
    """Fill `herd` (int64[HERD_LINES]) with what the NPC that is point `me` sees of its own kind; zeros when nothing."""
    herd[:] = 0
    if perceive == 0:
        return
    x = points[POINT_X, me]
    y = points[POINT_Y, me]
    reach = HERD_TILES * TILE
    left = window_x << 16
    top = window_y << 16
    for cy in range((y - reach) >> CELL_SHIFT, ((y + reach) >> CELL_SHIFT) + 1):
        for cx in range((x - reach) >> CELL_SHIFT, ((x + reach) >> CELL_SHIFT) + 1):
            cell = (cy & (CELLS - 1)) * CELLS + (cx & (CELLS - 1))
            for at in range(start[cell], start[cell + 1]):
                other = items[at]
                if other == me or points[POINT_KIND, other] != points[POINT_KIND, me]:
                    continue
                dx = points[POINT_X, other] - x
                dy = points[POINT_Y, other] - y
                far = dx * dx + dy * dy
                if far < CROWD_DISTANCE * CROWD_DISTANCE:
                    herd[CROWD_X] -= dx
                    herd[CROWD_Y] -= dy
                if herd[HERD] == HERD_MAX or far > reach * reach:
                    continue
                if not line_of_sight(opaque, x - left, y - top, x + dx - left, y + dy - top):
                    continue
                herd[HERD] += 1
                herd[HERD_X] += dx
                herd[HERD_Y] += dy
                row = points[POINT_ROW, other]
                if row >= 0:
                    herd[HERD_VX] += rows[VX, row]
                    herd[HERD_VY] += rows[VY, row]
    if herd[HERD] > 0:
        for line in (HERD_X, HERD_Y, HERD_VX, HERD_VY):
            herd[line] //= herd[HERD]

"""What an NPC perceives: the nearest threat, the nearest prey, its own kind around it.

Sight ends at walls, trees and rocks; water is seen across. A wolf also smells prey that is near, walls or not.

Not here: what an NPC makes of it (`world.npc`), what players are shown (`world.delta`).
"""

from typing import Final

import numpy as np
from numba import njit

from world.collision import CELL_SHIFT, CELLS, GHOST_KIND, GHOST_X, GHOST_Y
from world.ghosts import GHOST_DOWN
from world.pathfinding import line_of_sight
from world.state import (
    DEER,
    DOWN_TICKS,
    KIND,
    MODE,
    MODE_TICKS,
    PLAYER,
    VILLAGER,
    VX,
    VY,
    WOLF,
    Bytes2,
    Int32s,
    Int64s,
    X,
    Y,
)
from world.units import SIGHT_TILES, TILE

FIGHTING: Final = 1
"""The MODE of a player who struck lately: deer shy from it while MODE_TICKS last."""

# Lines of the points that all NPCs of a tick look at: int64[POINT_LINES, n], rows first, then ghosts.
POINT_X: Final = 0
POINT_Y: Final = 1
POINT_KIND: Final = 2
POINT_ROW: Final = 3  # -1 - n for ghost n
POINT_FIERCE: Final = 4  # 1 for wolves and for players who struck lately
POINT_DOWN: Final = 5
POINT_LINES: Final = 6

# What `sense` writes.
THREAT: Final = 0  # a point, or -1
PREY: Final = 1
PREY_SEEN: Final = 2  # 1 when the prey is in the line of sight, not only smelled
HERD: Final = 3  # how many of its kind it minds
HERD_X: Final = 4  # their mean place relative to it, and mean velocity
HERD_Y: Final = 5
HERD_VX: Final = 6
HERD_VY: Final = 7
CROWD_X: Final = 8  # away from those too near
CROWD_Y: Final = 9
SENSES: Final = 10

SMELL_TILES: Final = 6
WARY_TILES: Final = 9  # deer see a threat from here
ALARM_TILES: Final = 6  # villagers
BRAVE_TILES: Final = 6  # wolves take on players and villagers from here
HERD_TILES: Final = 5
HERD_MAX: Final = 6
CROWD_DISTANCE: Final = TILE + TILE // 4


@njit(cache=True)
def gather_points(rows: Int32s, used: int, ghosts: Int64s) -> Int64s:
    """The bodies that an NPC may mind: int64[POINT_LINES, n], in the order of rows, ghosts last."""
    points = np.empty((POINT_LINES, used + ghosts.shape[0]), np.int64)
    count = 0
    for i in range(used):
        kind = rows[KIND, i]
        if kind < PLAYER or kind > WOLF:
            continue
        points[POINT_X, count] = rows[X, i]
        points[POINT_Y, count] = rows[Y, i]
        points[POINT_KIND, count] = kind
        points[POINT_ROW, count] = i
        fights = kind == PLAYER and rows[MODE, i] == FIGHTING and rows[MODE_TICKS, i] > 0
        points[POINT_FIERCE, count] = 1 if fights or kind == WOLF else 0
        points[POINT_DOWN, count] = 1 if rows[DOWN_TICKS, i] > 0 else 0
        count += 1
    for g in range(ghosts.shape[0]):
        kind = ghosts[g, GHOST_KIND]
        if kind < PLAYER or kind > WOLF:
            continue
        points[POINT_X, count] = ghosts[g, GHOST_X]
        points[POINT_Y, count] = ghosts[g, GHOST_Y]
        points[POINT_KIND, count] = kind
        points[POINT_ROW, count] = -1 - g
        points[POINT_FIERCE, count] = 1 if kind == WOLF else 0
        points[POINT_DOWN, count] = ghosts[g, GHOST_DOWN]
        count += 1
    return points[:, :count].copy()


@njit(cache=True)
def sense(
    perceive: int,
    me: int,
    rows: Int32s,
    points: Int64s,
    start: Int32s,
    items: Int32s,
    opaque: Bytes2,
    window_x: int,
    window_y: int,
    senses: Int64s,
) -> None:
    """Fill `senses` for the NPC that is point `me`; nothing is perceived when `perceive` is 0.

    `start` and `items` are the grid of the points (`world.collision.make_grid`). Of equally near ones the one met first
    counts: by rows of cells, then by points.
    """
    senses[:] = 0
    senses[THREAT] = -1
    senses[PREY] = -1
    if perceive == 0:
        return
    x = points[POINT_X, me]
    y = points[POINT_Y, me]
    kind = points[POINT_KIND, me]
    tiles = SIGHT_TILES if kind == WOLF else WARY_TILES if kind == DEER else ALARM_TILES
    reach = tiles * TILE
    threat_best = reach * reach + 1
    prey_best = reach * reach + 1
    left = window_x << 16
    top = window_y << 16
    for cy in range((y - reach) >> CELL_SHIFT, ((y + reach) >> CELL_SHIFT) + 1):
        for cx in range((x - reach) >> CELL_SHIFT, ((x + reach) >> CELL_SHIFT) + 1):
            cell = (cy & (CELLS - 1)) * CELLS + (cx & (CELLS - 1))
            for at in range(start[cell], start[cell + 1]):
                other = items[at]
                if other == me:
                    continue
                dx = points[POINT_X, other] - x
                dy = points[POINT_Y, other] - y
                far = dx * dx + dy * dy
                if far > reach * reach:
                    continue
                its = points[POINT_KIND, other]
                if its == kind and kind != VILLAGER:
                    _mind_herd(rows, points, other, dx, dy, far, opaque, x - left, y - top, senses)
                if kind == WOLF:
                    bold = its == DEER or (its in (VILLAGER, PLAYER) and far <= (BRAVE_TILES * TILE) ** 2)
                    if bold and far < prey_best and points[POINT_DOWN, other] == 0:
                        seen = line_of_sight(opaque, x - left, y - top, x + dx - left, y + dy - top)
                        if seen or far <= (SMELL_TILES * TILE) ** 2:
                            prey_best = far
                            senses[PREY] = other
                            senses[PREY_SEEN] = 1 if seen else 0
                    continue
                feared = points[POINT_FIERCE, other] == 1 and (kind == DEER or its == WOLF)
                if not feared or far >= threat_best:
                    continue
                if line_of_sight(opaque, x - left, y - top, x + dx - left, y + dy - top):
                    threat_best = far
                    senses[THREAT] = other
    if senses[HERD] > 0:
        for line in (HERD_X, HERD_Y, HERD_VX, HERD_VY):
            senses[line] //= senses[HERD]


@njit(cache=True)
def _mind_herd(
    rows: Int32s,
    points: Int64s,
    other: int,
    dx: int,
    dy: int,
    far: int,
    opaque: Bytes2,
    x: int,
    y: int,
    senses: Int64s,
) -> None:
    """Add one of its own kind, if in sight and not too many: its place, its velocity, and whether it crowds."""
    if far < CROWD_DISTANCE * CROWD_DISTANCE:
        senses[CROWD_X] -= dx
        senses[CROWD_Y] -= dy
    if senses[HERD] == HERD_MAX or far > (HERD_TILES * TILE) ** 2:
        return
    if not line_of_sight(opaque, x, y, x + dx, y + dy):
        return
    senses[HERD] += 1
    senses[HERD_X] += dx
    senses[HERD_Y] += dy
    row = points[POINT_ROW, other]
    if row >= 0:
        senses[HERD_VX] += rows[VX, row]
        senses[HERD_VY] += rows[VY, row]

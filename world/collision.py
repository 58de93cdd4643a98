"""Bodies are circles: they are moved, kept off walls and closed borders, and pushed apart.

`settle` moves every body by its velocity, then relaxes the overlapping pairs a few times in a fixed order
(`world.crowd`), lighter bodies giving way more; after each relaxation whoever moved is put back off the walls. Nothing
moves further between two such clamps than its radius, so nothing passes a wall. Ghosts are walls with a round shape.
Afterwards a body's velocity is the way it really went. The technique is position-based relaxation over a grid filled by
a counting sort (M. Müller et al., Position Based Dynamics, 2007), in integers.

Not here: speeds (`world.movement`), who leaves for a neighbour (`world.borders`).
"""

from typing import Final, NamedTuple

import numpy as np
from numba import njit

from world.crowd import CIRCLE, Circles, Places, near_pairs, relax
from world.kinds import pushes
from world.species import MASS_OF, RADIUS_OF
from world.state import KIND, VX, VY, Bytes2, Int32s, Int64s, X, Y
from world.units import BORDER_MARGIN, PUSH_MAX
from world.walls import is_blocked, off_walls, rescued

ITERATIONS: Final = 4
CELL_SHIFT: Final = 17  # the grid that NPCs look at has cells of two tiles
CELLS: Final = 64  # it is a torus of so many cells a side: distant bodies may share a cell, and are told apart

# Columns of the ghosts that `world.borders` hands to kernels.
GHOST_X: Final = 0
GHOST_Y: Final = 1
GHOST_KIND: Final = 2


class Ground(NamedTuple):
    """What bodies stand on and are kept within.

    `blocked` and `walls` (world.walls) are uint8[h, w] windows whose corner is the tile (`window_x`, `window_y`);
    `land` int64[4] and `borders` int64[n, 4] rectangles in tiles; `room` int64[n] says how many bodies each neighbour
    takes (at 0 its border is solid).
    """

    blocked: Bytes2
    walls: Bytes2
    window_x: int
    window_y: int
    land: Int64s
    borders: Int64s
    room: Int64s


@njit(cache=True)
def cell_of(x: int, y: int) -> int:
    return ((y >> CELL_SHIFT) & (CELLS - 1)) * CELLS + ((x >> CELL_SHIFT) & (CELLS - 1))


@njit(cache=True)
def make_grid(xs: Int64s, ys: Int64s, count: int) -> tuple[Int32s, Int32s]:
    """A counting sort of points into cells, stable: cell c holds items[start[c] : start[c + 1]], in rising order."""
    start = np.zeros(CELLS * CELLS + 1, np.int32)
    cells = np.empty(count, np.int32)
    for k in range(count):
        cells[k] = cell_of(xs[k], ys[k])
        start[cells[k] + 1] += 1
    for c in range(CELLS * CELLS):
        start[c + 1] += start[c]
    items = np.empty(count, np.int32)
    for k in range(count - 1, -1, -1):
        # Filling each cell from its end keeps the order of rows; `start[c + 1]` ends as the start of cell c.
        start[cells[k] + 1] -= 1
        items[start[cells[k] + 1]] = k
    for c in range(CELLS * CELLS):
        start[c] = start[c + 1]
    start[CELLS * CELLS] = count
    return start, items


@njit(cache=True)
def past_border(land: Int64s, x: int, y: int) -> int:
    """How far a point lies outside the land, along the axis where it is further; at most 0 inside."""
    return int(max((land[0] << 16) - x, x - (land[2] << 16) + 1, (land[1] << 16) - y, y - (land[3] << 16) + 1))


@njit(cache=True)
def neighbour_at(borders: Int64s, tile_x: int, tile_y: int) -> int:
    """The index of the neighbour whose rectangle holds a tile, or -1."""
    for k in range(borders.shape[0]):
        if borders[k, 0] <= tile_x < borders[k, 2] and borders[k, 1] <= tile_y < borders[k, 3]:
            return k
    return -1


@njit(cache=True)
def inside_borders(land: Int64s, borders: Int64s, room: Int64s, x: int, y: int) -> tuple[int, int]:
    """The place, or the nearest one that a closed border allows: less than BORDER_MARGIN past it."""
    past = past_border(land, x, y)
    if past <= 0:
        return x, y
    neighbour = neighbour_at(borders, x >> 16, y >> 16)
    allowed = 0
    if neighbour >= 0:
        if past < BORDER_MARGIN or room[neighbour] > 0:
            return x, y
        allowed = BORDER_MARGIN - 1
    x = min(max(x, (land[0] << 16) - allowed), (land[2] << 16) - 1 + allowed)
    y = min(max(y, (land[1] << 16) - allowed), (land[3] << 16) - 1 + allowed)
    return x, y


@njit(cache=True)
def _off_land(ground: Ground, x: int, y: int) -> tuple[int, int, int]:
    """`inside_borders` of a place off the land, and the walls around it."""
    x, y = inside_borders(ground.land, ground.borders, ground.room, x, y)
    walls = ground.walls
    tx = min(max((x >> 16) - ground.window_x, 0), walls.shape[1] - 1)
    ty = min(max((y >> 16) - ground.window_y, 0), walls.shape[0] - 1)
    return x, y, walls[ty, tx]


@njit(cache=True)
def settle(rows: Int32s, used: int, ghosts: Int64s, ground: Ground, species: Int64s) -> None:
    """Move all bodies of `rows` by their velocities and push them apart; VX, VY become the way they went.

    `ghosts` is int64[n, 3] of x, y, kind.
    """
    settle_circles(rows, used, species[RADIUS_OF], species[MASS_OF], ghosts, ground)


@njit(cache=True)
def settle_circles(rows: Int32s, used: int, radius: Int64s, mass: Int64s, ghosts: Int64s, ground: Ground) -> None:
    """`settle` for other circles: `radius` (below half a tile, Q16) and `mass` are int64 by kind."""
    given = np.empty(used + ghosts.shape[0], CIRCLE)
    bodies = _moved(rows, used, radius, mass, ground, given)
    count = bodies + ghosts.shape[0]
    for g in range(ghosts.shape[0]):
        ghost = given[bodies + g]
        ghost.x = ghosts[g, GHOST_X]
        ghost.y = ghosts[g, GHOST_Y]
        ghost.radius = radius[ghosts[g, GHOST_KIND]]
        ghost.mass = 0
        ghost.number = bodies + g
        ghost.moved = 1

    circles, places, first, second = near_pairs(given[:count], bodies)
    movers = np.empty(count + 1, np.uint32)
    for _ in range(ITERATIONS):
        moving = relax(first, second, circles, movers)
        if moving == 0:
            break
        _put_back(circles, movers[:moving], ground)
    _written(rows, used, circles, places, ground)


@njit(cache=True, error_model="numpy")
def _moved(rows: Int32s, used: int, radius: Int64s, mass: Int64s, ground: Ground, circles: Circles) -> int:
    """The circles of all bodies that push, in order of rows, moved by their velocities; their number."""
    blocked, walls, land = ground.blocked, ground.walls, ground.land
    window_x, window_y = ground.window_x, ground.window_y
    left, top, right, bottom = land[0] << 16, land[1] << 16, land[2] << 16, land[3] << 16
    count = 0
    for i in range(used):
        kind = rows[KIND, i]
        if not pushes(kind):
            continue
        x = int(rows[X, i])
        y = int(rows[Y, i])
        if blocked[(y >> 16) - window_y, (x >> 16) - window_x] != 0:
            x, y = rescued(blocked, window_x, window_y, x, y)
            rows[X, i] = x
            rows[Y, i] = y
            rows[VX, i] = 0
            rows[VY, i] = 0
        x += rows[VX, i]
        y += rows[VY, i]
        if x < left or y < top or x >= right or y >= bottom:
            x, y, around = _off_land(ground, x, y)
        else:
            # Unsigned, as a signed index is first looked at for being negative: the land lies in the window.
            around = walls[np.uint64((y >> 16) - window_y), np.uint64((x >> 16) - window_x)]
        x, y = off_walls(around, x, y, int(radius[kind]))
        one = circles[count]
        one.x = x
        one.y = y
        one.from_x = x
        one.from_y = y
        one.radius = radius[kind]
        one.mass = mass[kind]
        one.number = count
        one.moved = 0
        count += 1
    return count


@njit(cache=True, error_model="numpy")
def _put_back(circles: Circles, movers: Places, ground: Ground) -> None:
    """Let no circle have moved further than PUSH_MAX, nor out of a closed border or into a wall."""
    walls, window_x, window_y, land = ground.walls, ground.window_x, ground.window_y, ground.land
    left, top, right, bottom = land[0] << 16, land[1] << 16, land[2] << 16, land[3] << 16
    for mover in range(movers.shape[0]):
        one = circles[movers[mover]]
        x = min(max(int(one.x), one.from_x - PUSH_MAX), one.from_x + PUSH_MAX)
        y = min(max(int(one.y), one.from_y - PUSH_MAX), one.from_y + PUSH_MAX)
        if x < left or y < top or x >= right or y >= bottom:
            x, y, around = _off_land(ground, x, y)
        else:
            around = walls[np.uint64((y >> 16) - window_y), np.uint64((x >> 16) - window_x)]
        x, y = off_walls(around, x, y, int(one.radius))
        one.x = x
        one.y = y
        one.from_x = x
        one.from_y = y
        one.moved = 0


@njit(cache=True)
def _written(rows: Int32s, used: int, circles: Circles, places: Places, ground: Ground) -> None:
    """Write where the bodies are and the way they went; `places` says where each is among the circles."""
    number = 0
    for i in range(used):
        if not pushes(rows[KIND, i]):
            continue
        one = circles[places[number]]
        number += 1
        x = int(one.x)
        y = int(one.y)
        if is_blocked(ground.blocked, ground.window_x, ground.window_y, x >> 16, y >> 16):
            # Only a body that no open ground could be found for.
            x = int(rows[X, i])
            y = int(rows[Y, i])
        rows[VX, i] = x - rows[X, i]
        rows[VY, i] = y - rows[Y, i]
        rows[X, i] = x
        rows[Y, i] = y

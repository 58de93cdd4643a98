"""What keeps a circle on open ground: which tiles are blocked, which lie around each, and where a body is put back."""

from math import sqrt
from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

from world.pathfinding import STEP_X, STEP_Y
from world.units import TILE

Bytes2 = npt.NDArray[np.uint8]

RESCUE_TILES: Final = 8
EAST: Final = 1  # bits of `walls_around`
SOUTH_EAST: Final = 2
SOUTH: Final = 4
SOUTH_WEST: Final = 8
WEST: Final = 16
NORTH_WEST: Final = 32
NORTH: Final = 64
NORTH_EAST: Final = 128


def walls_around(blocked: Bytes2) -> Bytes2:
    """uint8[h, w]: which of the eight tiles around each tile are blocked, bit d for direction d (0 = east, clockwise).

    Tiles beyond the array count as blocked.
    """
    height, width = blocked.shape
    padded = np.pad(blocked, 1, constant_values=1)
    walls = np.zeros((height, width), np.uint8)
    for direction in range(8):
        dx, dy = int(STEP_X[direction]), int(STEP_Y[direction])
        walls |= (padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width] != 0).astype(np.uint8) << direction
    return walls


def update_walls(blocked: Bytes2, walls: Bytes2, x: int, y: int) -> None:
    """Let `walls` follow a change of `blocked` at array place (x, y)."""
    left, top = max(0, x - 2), max(0, y - 2)
    fresh = walls_around(blocked[top : y + 3, left : x + 3])
    first_x, first_y = max(0, x - 1), max(0, y - 1)
    last_x, last_y = min(blocked.shape[1], x + 2), min(blocked.shape[0], y + 2)
    walls[first_y:last_y, first_x:last_x] = fresh[first_y - top : last_y - top, first_x - left : last_x - left]


@njit(cache=True, error_model="numpy", inline="always")
def off_walls(around: int, x: int, y: int, radius: int) -> tuple[int, int]:
    """The nearest place to (x, y) on its tile where a circle of less than half a tile touches no blocked tile.

    `around` is the tile's entry of `walls_around`; the tile itself is open.
    """
    # Arithmetic where one might branch: which corner of the tile is nearest, and which walls are there, is a toss-up
    # for the processor. `east` and `south` are 1 for an eastern and a southern corner.
    east = ((x & 0xFFFF) + 0x7FFF) >> 16
    south = ((y & 0xFFFF) + 0x7FFF) >> 16
    corner_x = (x + 0x7FFF) & -TILE
    corner_y = (y + 0x7FFF) & -TILE
    dx = abs(x - corner_x)
    dy = abs(y - corner_y)
    wall_x = around >> (4 - 4 * east) & 1
    wall_y = around >> (6 - 4 * south) & 1
    wall_xy = around >> (5 + 2 * east - 2 * south - 4 * (east & south)) & 1
    if dx * dx + dy * dy < radius * radius * (wall_xy & ~(wall_x | wall_y)):
        dx, dy = _off_corner(dx, dy, radius)
    dx += max(radius * wall_x - dx, 0)
    dy += max(radius * wall_y - dy, 0)
    return corner_x + dx - 2 * dx * east, corner_y + dy - 2 * dy * south


@njit(cache=True, error_model="numpy")
def _off_corner(dx: int, dy: int, radius: int) -> tuple[int, int]:
    """How far from a blocked tile's corner, in the same direction, a circle touches it no more."""
    size = max(int(sqrt(float(dx * dx + dy * dy))), 1)
    if dx == 0 and dy == 0:
        dx = 1
    dx = min(int(float(dx * radius) / float(size)) + 1, radius)
    return dx, min(int(float(dy * radius) / float(size)) + 1, radius)


@njit(cache=True)
def is_blocked(blocked: Bytes2, window_x: int, window_y: int, tile_x: int, tile_y: int) -> bool:
    """Whether no body can be on a tile; so it is beyond the window, which ends where the world does."""
    tx = tile_x - window_x
    ty = tile_y - window_y
    return tx < 0 or ty < 0 or ty >= blocked.shape[0] or tx >= blocked.shape[1] or blocked[ty, tx] != 0


@njit(cache=True)
def rescued(blocked: Bytes2, window_x: int, window_y: int, x: int, y: int) -> tuple[int, int]:
    """The middle of an open tile near a body on a blocked one: the nearest ring, in it the first by rows."""
    for ring in range(1, RESCUE_TILES + 1):
        for ty in range((y >> 16) - ring, (y >> 16) + ring + 1):
            for tx in range((x >> 16) - ring, (x >> 16) + ring + 1):
                edge = max(abs(tx - (x >> 16)), abs(ty - (y >> 16))) == ring
                if edge and not is_blocked(blocked, window_x, window_y, tx, ty):
                    return (tx << 16) + TILE // 2, (ty << 16) + TILE // 2
    return x, y

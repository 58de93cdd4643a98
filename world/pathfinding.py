"""Ways over the map for one walker: bounded A*.

Integers throughout and every tie decided by a stated rule, so that all machines walk the same way. Not here: who asks
for a path and when (`world.npc`), ways that many share (`world.flow_fields`), and what is solid (`world.tilemap`).

A step goes to one of the eight neighbours; a diagonal one needs both tiles beside it open (no cutting of corners).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

STRAIGHT_COST = 1000
DIAGONAL_COST = 1414
"""What the game pays A* for a step; the ratio must lie between 1 and 2."""

BOUND_MAX = 4096
_ORDER_BITS = 24
_ORDER_MASK = 2**_ORDER_BITS - 1
_COST_END = 2**39

# Clockwise from east, y pointing down: even is straight, odd is diagonal, +1 is the next one clockwise.
STEP_X = np.array([1, 1, 0, -1, -1, -1, 0, 1], dtype=np.int64)
STEP_Y = np.array([0, 1, 1, 1, 0, -1, -1, -1], dtype=np.int64)
_START = 8


class Scratch(NamedTuple):
    """Memory one caller of `find_path` uses again and again; never shared between threads."""

    stamp: npt.NDArray[np.int64]
    """int64[cells of the window]: 2 * search when seen, + 1 when settled, so nothing is cleared between searches."""
    cost: npt.NDArray[np.int64]
    came: npt.NDArray[np.uint8]
    """uint8[cells]: the direction of the step that reached the cell."""
    heap: npt.NDArray[np.int64]
    pushed: npt.NDArray[np.int32]
    """int32[pushes]: the cell of each push, y << 16 | x within the window."""
    searches: npt.NDArray[np.int64]
    """int64[1]: searches made so far."""


def make_scratch(bound: int) -> Scratch:
    """Memory for `find_path` with any bound up to this one; about 110 bytes per cell of (2 * bound + 1) squared.

    The system hands out its pages when they are first touched. Raises ValueError beyond `BOUND_MAX`.
    """
    if not 1 <= bound <= BOUND_MAX:
        raise ValueError(f"path bound is {bound} tiles: expected 1 to {BOUND_MAX}")
    cells = (2 * bound + 1) ** 2
    pushes = min(8 * cells, _ORDER_MASK)
    return Scratch(
        stamp=np.zeros(cells, np.int64),
        cost=np.empty(cells, np.int64),
        came=np.empty(cells, np.uint8),
        heap=np.empty(pushes, np.int64),
        pushed=np.empty(pushes, np.int32),
        searches=np.zeros(1, np.int64),
    )


@njit(cache=True)
def _heap_push(heap: npt.NDArray[np.int64], size: int, key: int) -> None:
    at = size
    while at > 0:
        above = (at - 1) >> 1
        if heap[above] <= key:
            break
        heap[at] = heap[above]
        at = above
    heap[at] = key


@njit(cache=True)
def _heap_pop(heap: npt.NDArray[np.int64], size: int) -> int:
    """Removes and returns the least key of `size` keys."""
    least = heap[0]
    size -= 1
    key = heap[size]
    at = 0
    below = 1
    while below < size:
        if below + 1 < size and heap[below + 1] < heap[below]:
            below += 1
        if heap[below] >= key:
            break
        heap[at] = heap[below]
        at = below
        below = 2 * at + 1
    heap[at] = key
    return least  # type: ignore[no-any-return]


@njit(cache=True)
def _directions(block: npt.NDArray[np.uint8], x: int, y: int, came: int, x0: int, y0: int, x1: int, y1: int) -> int:
    """Bits of the directions worth trying from a cell reached by a step in direction `came`.

    Everything else is reached at least as cheaply without passing through this cell ("canonical" successors: N.
    Sturtevant and S. Rabin, Canonical Orderings on Grids, IJCAI 2016, here for diagonals that may not cut corners): a
    diagonal step goes on or turns half right or half left; a straight step goes on, and turns to a side only
    where the tile beside the cell it came from is blocked.
    """
    if came == _START:
        return 255
    bits = 1 << came
    if came & 1:
        return bits | 1 << (came - 1) | 1 << ((came + 1) & 7)
    for turn in (1, -1):
        back = (came + 3 * turn) & 7
        bx = x + STEP_X[back]
        by = y + STEP_Y[back]
        if bx < x0 or by < y0 or bx > x1 or by > y1 or block[by, bx] != 0:
            bits |= 1 << ((came + turn) & 7) | 1 << ((came + 2 * turn) & 7)
    return bits


@njit(cache=True)
def _trace(
    came: npt.NDArray[np.uint8], side: int, left: int, top: int, gx: int, gy: int, out_path: npt.NDArray[np.int32]
) -> int:
    n = 1
    x = gx
    y = gy
    while came[(y - top) * side + x - left] != _START:
        direction = came[(y - top) * side + x - left]
        x -= STEP_X[direction]
        y -= STEP_Y[direction]
        n += 1
    x = gx
    y = gy
    for k in range(n - 1, -1, -1):
        if k < out_path.shape[0]:
            out_path[k, 0] = x
            out_path[k, 1] = y
        if k > 0:
            direction = came[(y - top) * side + x - left]
            x -= STEP_X[direction]
            y -= STEP_Y[direction]
    return n


@njit(cache=True)
def find_path(
    solid: npt.NDArray[np.uint8],
    width: int,
    height: int,
    sx: int,
    sy: int,
    gx: int,
    gy: int,
    bound: int,
    max_expansions: int,
    straight_cost: int,
    diagonal_cost: int,
    scratch: Scratch,
    out_path: npt.NDArray[np.int32],
) -> int:
    """A cheapest way from tile (sx, sy) to tile (gx, gy) by A* with the octile distance; the number of its cells.

    `solid` is uint8[height, width], non-zero where nobody walks. Only tiles within `bound` of the start, counted the
    way a king walks, are entered, and at most `max_expansions` cells are expanded. The answer is 0 when that finds no
    way, when the goal is solid, or when an end lies off the map; the start itself may be solid. `out_path` is
    int32[n, 2] and receives (x, y) from the start to the goal, both included; a longer path's last cells are left out,
    while the answer still counts them. `scratch` comes from make_scratch(bound) or of a larger bound.

    Among equal estimates (cost so far + octile distance) the cell pushed last is expanded first, and a cell
    keeps the first of two equally cheap predecessors; directions are tried clockwise from east. Costs: 0 <
    straight_cost <= diagonal_cost <= 2 * straight_cost, both below 2**23.
    """
    x0 = max(0, sx - bound)
    y0 = max(0, sy - bound)
    x1 = min(width - 1, sx + bound)
    y1 = min(height - 1, sy + bound)
    if sx < 0 or sy < 0 or sx >= width or sy >= height or gx < x0 or gy < y0 or gx > x1 or gy > y1:
        return 0
    if solid[gy, gx] != 0 and (gx != sx or gy != sy):
        return 0
    stamp = scratch.stamp
    cost = scratch.cost
    came = scratch.came
    heap = scratch.heap
    pushed = scratch.pushed
    side = 2 * bound + 1
    if side * side > stamp.shape[0]:
        return 0
    scratch.searches[0] += 1
    seen = 2 * scratch.searches[0]
    settled = seen + 1
    extra = diagonal_cost - straight_cost
    left = sx - bound
    top = sy - bound

    cell = bound * side + bound
    stamp[cell] = seen
    cost[cell] = 0
    came[cell] = _START
    pushed[0] = bound << 16 | bound
    heap[0] = _ORDER_MASK
    size = 1
    pushes = 1
    expansions = 0
    while size > 0 and expansions < max_expansions:
        key = _heap_pop(heap, size)
        size -= 1
        place = int(pushed[_ORDER_MASK - (key & _ORDER_MASK)])
        wx = place & 0xFFFF
        wy = place >> 16
        cell = wy * side + wx
        if stamp[cell] == settled:
            continue
        stamp[cell] = settled
        x = wx + left
        y = wy + top
        if x == gx and y == gy:
            return _trace(came, side, left, top, gx, gy, out_path)
        expansions += 1
        so_far = cost[cell]
        bits = _directions(solid, x, y, int(came[cell]), x0, y0, x1, y1)
        for direction in range(8):
            if not bits >> direction & 1:
                continue
            nx = x + STEP_X[direction]
            ny = y + STEP_Y[direction]
            if nx < x0 or ny < y0 or nx > x1 or ny > y1 or solid[ny, nx] != 0:
                continue
            if direction & 1:
                if solid[y, nx] != 0 or solid[ny, x] != 0:
                    continue
                new_cost = so_far + diagonal_cost
            else:
                new_cost = so_far + straight_cost
            there = cell + STEP_Y[direction] * side + STEP_X[direction]
            if stamp[there] >= seen and cost[there] <= new_cost:
                continue
            dx = abs(nx - gx)
            dy = abs(ny - gy)
            estimate = new_cost + straight_cost * max(dx, dy) + extra * min(dx, dy)
            if pushes >= pushed.shape[0] or estimate >= _COST_END:
                return 0
            stamp[there] = seen
            cost[there] = new_cost
            came[there] = direction
            pushed[pushes] = (ny - top) << 16 | (nx - left)
            _heap_push(heap, size, estimate << _ORDER_BITS | (_ORDER_MASK - pushes))
            size += 1
            pushes += 1
    return 0

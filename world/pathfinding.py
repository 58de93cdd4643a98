"""Ways over the map: bounded A*, flow fields for goals that many share, and lines of sight.

Integers throughout and every tie decided by a stated rule, so that all machines walk the same way. Not here: who asks
for a path and when (`world.npc`), and what is solid (`world.tilemap`).

A step goes to one of the eight neighbours; a diagonal one needs both tiles beside it open (no cutting of corners).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

STRAIGHT_COST = 1000
DIAGONAL_COST = 1414
"""What the game pays A* for a step; the ratio must lie between 1 and 2."""

FLOW_STRAIGHT = 10
FLOW_DIAGONAL = 14
UNREACHED = 2**31 - 1
"""In a flow field: no way from here to any goal."""

NO_WAY = 255
BOUND_MAX = 4096
_ORDER_BITS = 24
_ORDER_MASK = 2**_ORDER_BITS - 1
_COST_END = 2**39

# Clockwise from east, y pointing down: even is straight, odd is diagonal, +1 is the next one clockwise.
_DX = np.array([1, 1, 0, -1, -1, -1, 0, 1], dtype=np.int64)
_DY = np.array([0, 1, 1, 1, 0, -1, -1, -1], dtype=np.int64)
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
        bx = x + _DX[back]
        by = y + _DY[back]
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
        x -= _DX[direction]
        y -= _DY[direction]
        n += 1
    x = gx
    y = gy
    for k in range(n - 1, -1, -1):
        if k < out_path.shape[0]:
            out_path[k, 0] = x
            out_path[k, 1] = y
        if k > 0:
            direction = came[(y - top) * side + x - left]
            x -= _DX[direction]
            y -= _DY[direction]
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
            nx = x + _DX[direction]
            ny = y + _DY[direction]
            if nx < x0 or ny < y0 or nx > x1 or ny > y1 or solid[ny, nx] != 0:
                continue
            if direction & 1:
                if solid[y, nx] != 0 or solid[ny, x] != 0:
                    continue
                new_cost = so_far + diagonal_cost
            else:
                new_cost = so_far + straight_cost
            there = cell + _DY[direction] * side + _DX[direction]
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


@njit(cache=True)
def flow_field(solid: npt.NDArray[np.uint8], goals: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """int32[h, w]: what the way from each tile to the nearest of the goals costs, at 10 and 14 a step.

    `solid` is uint8[h, w]; `goals` is int32[n, 2] of (x, y), where goals that are solid or off the map count for
    nothing. `UNREACHED` where there is no way. The costs do not depend on the order of the goals.
    """
    return spread(solid, goals, np.zeros(goals.shape[0], np.int32))


@njit(cache=True)
def spread(
    solid: npt.NDArray[np.uint8], goals: npt.NDArray[np.int32], costs: npt.NDArray[np.int32]
) -> npt.NDArray[np.int32]:
    """`flow_field` with goals that themselves cost something, int32[n]; they must stand in the order of rising costs.

    Two queues (and the goals, a third) are enough for two costs of a step: cells leave in rising order of cost, so what
    a queue receives (cost + 10, or cost + 14) rises too, and the next cell is the lowest of the heads. Of what a queue
    receives for one cell only the first can be an improvement, so neither outgrows the map.
    """
    height, width = solid.shape
    stride = width + 2
    field = np.full((height + 2) * stride, -1, np.int32)
    for y in range(height):
        row = (y + 1) * stride + 1
        for x in range(width):
            if solid[y, x] == 0:
                field[row + x] = UNREACHED
    steps = (1, stride, -1, -stride)
    turns = (stride, -1, -stride, 1)
    straight = np.empty(height * width, np.int32)
    diagonal = np.empty(height * width, np.int32)
    straight_cost = np.empty(height * width, np.int32)
    diagonal_cost = np.empty(height * width, np.int32)
    straight_end = 0
    diagonal_end = 0
    s = 0
    d = 0
    g = 0
    while s < straight_end or d < diagonal_end or g < goals.shape[0]:
        if (
            g < goals.shape[0]
            and (s >= straight_end or costs[g] <= straight_cost[s])
            and (d >= diagonal_end or costs[g] <= diagonal_cost[d])
        ):
            gx = goals[g, 0]
            gy = goals[g, 1]
            cost = costs[g]
            g += 1
            if gx < 0 or gy < 0 or gx >= width or gy >= height:
                continue
            cell = (gy + 1) * stride + gx + 1
            if field[cell] <= cost:
                continue
            field[cell] = cost
        elif d >= diagonal_end or (s < straight_end and straight_cost[s] <= diagonal_cost[d]):
            cell = straight[s]
            cost = straight_cost[s]
            s += 1
        else:
            cell = diagonal[d]
            cost = diagonal_cost[d]
            d += 1
        if field[cell] != cost:
            continue
        for k in range(4):
            step = steps[k]
            beside = field[cell + step]
            if beside < 0:
                continue
            if beside > cost + FLOW_STRAIGHT:
                field[cell + step] = cost + FLOW_STRAIGHT
                straight[straight_end] = cell + step
                straight_cost[straight_end] = cost + FLOW_STRAIGHT
                straight_end += 1
            turn = turns[k]
            if field[cell + turn] >= 0 and field[cell + step + turn] > cost + FLOW_DIAGONAL:
                field[cell + step + turn] = cost + FLOW_DIAGONAL
                diagonal[diagonal_end] = cell + step + turn
                diagonal_cost[diagonal_end] = cost + FLOW_DIAGONAL
                diagonal_end += 1
    result = np.empty((height, width), np.int32)
    for y in range(height):
        row = (y + 1) * stride + 1
        for x in range(width):
            result[y, x] = field[row + x] if field[row + x] >= 0 else UNREACHED
    return result


@njit(cache=True)
def flow_step(solid: npt.NDArray[np.uint8], field: npt.NDArray[np.int32], x: int, y: int) -> int:
    """The direction (0 to 7, clockwise from east) of the next step down a flow field from tile (x, y); -1 at a goal.

    The step whose cost and remaining way are least wins, of equal ones the first clockwise from east. -1 also
    where no neighbour leads to a goal. `STEP_X[direction]`, `STEP_Y[direction]` is the step.
    """
    height, width = solid.shape
    best = int(field[y, x])
    if best == 0:
        return -1
    best = UNREACHED
    chosen = -1
    for direction in range(8):
        nx = x + _DX[direction]
        ny = y + _DY[direction]
        if nx < 0 or ny < 0 or nx >= width or ny >= height or solid[ny, nx] != 0 or field[ny, nx] == UNREACHED:
            continue
        cost = int(field[ny, nx])
        if direction & 1:
            if solid[y, nx] != 0 or solid[ny, x] != 0:
                continue
            cost += FLOW_DIAGONAL
        else:
            cost += FLOW_STRAIGHT
        if cost < best:
            best = cost
            chosen = direction
    return chosen


@njit(cache=True)
def ways_down(solid: npt.NDArray[np.uint8], field: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    """uint8[h, w]: `flow_step` of every tile; NO_WAY where it is -1 or the tile is solid."""
    height, width = solid.shape
    ways = np.full((height, width), NO_WAY, np.uint8)
    for y in range(height):
        for x in range(width):
            if solid[y, x] == 0 and field[y, x] != UNREACHED:
                step = flow_step(solid, field, x, y)
                if step >= 0:
                    ways[y, x] = step
    return ways


STEP_X = _DX
STEP_Y = _DY


@njit(cache=True)
def line_of_sight(opaque: npt.NDArray[np.uint8], x0: int, y0: int, x1: int, y1: int) -> bool:
    """Whether two points, in 1/65536 tile, see each other: no opaque tile lies between; the same both ways.

    `opaque` is uint8[h, w]; both points lie on the map. Every tile that the segment passes through counts, except
    the tiles of the two ends (one sees a body that stands in a doorway or at a tree). A segment through the very
    corner of four tiles passes unless both tiles beside it are opaque. Exact: crossings of tile edges are compared by
    cross-multiplication, which stays below 2**57 on the largest map.
    """
    if y1 < y0 or (y1 == y0 and x1 < x0):
        x0, y0, x1, y1 = x1, y1, x0, y0
    tx = x0 >> 16
    ty = y0 >> 16
    end_x = x1 >> 16
    end_y = y1 >> 16
    dx = abs(x1 - x0)
    dy = y1 - y0
    step = 1 if x1 >= x0 else -1
    to_x = ((tx + 1) << 16) - x0 if step > 0 else x0 - (tx << 16)
    to_y = ((ty + 1) << 16) - y0
    first = True
    while tx != end_x or ty != end_y:
        if not first and opaque[ty, tx] != 0:
            return False
        first = False
        across = to_x * dy
        down = to_y * dx
        if ty == end_y or (tx != end_x and across < down):
            tx += step
            to_x += 65536
        elif tx == end_x or down < across:
            ty += 1
            to_y += 65536
        else:
            if opaque[ty, tx + step] != 0 and opaque[ty + 1, tx] != 0:
                return False
            tx += step
            ty += 1
            to_x += 65536
            to_y += 65536
    return True

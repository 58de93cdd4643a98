"""Ways over the map to goals that many share, as what the rest of the way costs from each tile.

Integers throughout and every tie decided by a stated rule, as in `world.pathfinding`, whose steps these are. Not here:
which goals have a field (`world.routes`).
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from world.pathfinding import STEP_X, STEP_Y

FLOW_STRAIGHT = 10
FLOW_DIAGONAL = 14
UNREACHED = 2**31 - 1
"""No way from here to any goal."""

NO_WAY = 255


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
        nx = x + STEP_X[direction]
        ny = y + STEP_Y[direction]
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

"""How an NPC gets where its mind wants to be: towards a place, away from one, along a path, round what is in the way.

Everything here ends in the intent columns, which are what a player's `Move` sets too. Not here: what it wants
(`world.npc`), the search for a path itself (`world.pathfinding`).
"""

from typing import Final

from numba import njit

from world.pathfinding import STEP_X, STEP_Y, Scratch, find_path
from world.state import (
    GOAL_X,
    GOAL_Y,
    INTENT_X,
    INTENT_Y,
    NEXT_X,
    NEXT_Y,
    PATH_0,
    PATH_STEPS,
    VX,
    VY,
    Bytes2,
    Int32s,
    X,
    Y,
)
from world.units import PATH_RADIUS, PATH_STEPS_MAX, TILE, WORLD_TILES_MAX
from world.vectors import length, shortened, turned
from world.walls import is_blocked

STRAIGHT_COST: Final = 1000
DIAGONAL_COST: Final = 1414
FEELER: Final = TILE * 3 // 4
"""So far ahead an NPC feels for walls."""
ARRIVED: Final = TILE * 3 // 10
LOST_TILES: Final = 3
STUCK_SPEED: Final = 700
PROXY_TILES: Final = 3


@njit(cache=True)
def aim(rows: Int32s, i: int, dx: int, dy: int, pace: int) -> None:
    """Set the intent along (dx, dy) with this length (0..127); a zero vector stands."""
    size = length(dx >> 4, dy >> 4)
    if size == 0:
        rows[INTENT_X, i] = 0
        rows[INTENT_Y, i] = 0
        return
    rows[INTENT_X, i] = int(float((dx >> 4) * pace) / float(size))
    rows[INTENT_Y, i] = int(float((dy >> 4) * pace) / float(size))


@njit(cache=True)
def feel_walls(rows: Int32s, i: int, blocked: Bytes2, window_x: int, window_y: int, handed: int) -> None:
    """Turn the intent away from a wall just ahead: by the smallest turn that is free, to its own side (0, 1) first."""
    x = int(rows[INTENT_X, i])
    y = int(rows[INTENT_Y, i])
    if x == 0 and y == 0:
        return
    size = max(length(x, y), 1)
    for turn in range(8):
        side = (turn + 1) >> 1
        eighths = side if (turn + handed) & 1 else 8 - side
        tx, ty = turned(x, y, eighths)
        to_x = (rows[X, i] + int(float(tx * FEELER) / float(size))) >> 16
        to_y = (rows[Y, i] + int(float(ty * FEELER) / float(size))) >> 16
        if not is_blocked(blocked, window_x, window_y, to_x, to_y):
            rows[INTENT_X, i], rows[INTENT_Y, i] = shortened(tx, ty, 127)
            return


@njit(cache=True)
def sidestep(rows: Int32s, i: int, handed: int) -> None:
    """Turn the intent of whoever is stuck against others by an eighth."""
    if abs(rows[VX, i]) + abs(rows[VY, i]) < STUCK_SPEED:
        x, y = turned(int(rows[INTENT_X, i]), int(rows[INTENT_Y, i]), 1 if handed else 7)
        rows[INTENT_X, i], rows[INTENT_Y, i] = shortened(x, y, 127)


@njit(cache=True)
def forget_path(rows: Int32s, i: int) -> None:
    """Drop the path: the next tile is the one it stands on."""
    rows[PATH_STEPS, i] = 0
    rows[NEXT_X, i] = rows[X, i] >> 16
    rows[NEXT_Y, i] = rows[Y, i] >> 16


@njit(cache=True)
def follow_path(rows: Int32s, i: int, pace: int) -> bool:
    """Walk to the next tile of the path, taking steps off it; False when the path is at its end or lost."""
    while True:
        dx = (rows[NEXT_X, i] << 16) + TILE // 2 - rows[X, i]
        dy = (rows[NEXT_Y, i] << 16) + TILE // 2 - rows[Y, i]
        if abs(dx) > LOST_TILES * TILE or abs(dy) > LOST_TILES * TILE:
            forget_path(rows, i)
            return False
        if abs(dx) > ARRIVED or abs(dy) > ARRIVED:
            aim(rows, i, dx, dy, pace)
            return True
        if rows[PATH_STEPS, i] == 0:
            return False
        direction = rows[PATH_0, i] & 7
        for column in range(PATH_0, PATH_0 + 3):
            rows[column, i] = (rows[column, i] >> 4 & 0x0FFFFFFF) | (rows[column + 1, i] & 15) << 28
        rows[PATH_0 + 3, i] = rows[PATH_0 + 3, i] >> 4 & 0x0FFFFFFF
        rows[PATH_STEPS, i] -= 1
        # A path that came with a body from elsewhere may be any numbers.
        rows[NEXT_X, i] = min(max(rows[NEXT_X, i] + STEP_X[direction], 0), WORLD_TILES_MAX - 1)
        rows[NEXT_Y, i] = min(max(rows[NEXT_Y, i] + STEP_Y[direction], 0), WORLD_TILES_MAX - 1)


@njit(cache=True)
def way_to_goal(rows: Int32s, i: int, goals: Int32s) -> int:
    """The number of the shared way that leads to the goal, or -1."""
    for k in range(goals.shape[0]):
        if goals[k, 0] == rows[GOAL_X, i] and goals[k, 1] == rows[GOAL_Y, i]:
            return k
    return -1


@njit(cache=True)
def follow_way(rows: Int32s, i: int, way: Bytes2, window_x: int, window_y: int, pace: int) -> bool:
    """Walk towards the next tile of a shared way (`world.routes`); False where there is none."""
    x = rows[X, i] >> 16
    y = rows[Y, i] >> 16
    direction = way[y - window_y, x - window_x]
    if direction > 7:
        return False
    dx = ((x + STEP_X[direction]) << 16) + TILE // 2 - rows[X, i]
    dy = ((y + STEP_Y[direction]) << 16) + TILE // 2 - rows[Y, i]
    aim(rows, i, dx, dy, pace)
    return True


@njit(cache=True)
def plan_path(
    rows: Int32s,
    i: int,
    expansions: int,
    blocked: Bytes2,
    window_x: int,
    window_y: int,
    scratch: Scratch,
    cells: Int32s,
) -> bool:
    """Search a path to the goal, or as near to it as the window and PATH_RADIUS allow; keep its first steps.

    `cells` is int32[PATH_STEPS_MAX + 1, 2] of scratch memory. False when there is none.
    """
    height, width = blocked.shape
    x = (rows[X, i] >> 16) - window_x
    y = (rows[Y, i] >> 16) - window_y
    to_x = min(max(rows[GOAL_X, i] - window_x, x - PATH_RADIUS + PROXY_TILES), x + PATH_RADIUS - PROXY_TILES)
    to_y = min(max(rows[GOAL_Y, i] - window_y, y - PATH_RADIUS + PROXY_TILES), y + PATH_RADIUS - PROXY_TILES)
    to_x = min(max(to_x, 0), width - 1)
    to_y = min(max(to_y, 0), height - 1)
    if blocked[to_y, to_x] != 0:
        to_x, to_y = _open_near(blocked, to_x, to_y)
    found = find_path(
        blocked,
        width,
        height,
        x,
        y,
        to_x,
        to_y,
        PATH_RADIUS,
        expansions,
        STRAIGHT_COST,
        DIAGONAL_COST,
        scratch,
        cells,
    )
    forget_path(rows, i)
    if found == 0:
        return False
    for column in range(PATH_0, PATH_0 + 4):
        rows[column, i] = 0
    steps = min(found - 1, PATH_STEPS_MAX)
    for step in range(steps):
        dx = cells[step + 1, 0] - cells[step, 0]
        dy = cells[step + 1, 1] - cells[step, 1]
        direction = 0
        while STEP_X[direction] != dx or STEP_Y[direction] != dy:
            direction += 1
        rows[PATH_0 + (step >> 3), i] |= direction << (4 * (step & 7))
    rows[PATH_STEPS, i] = steps
    return True


@njit(cache=True)
def _open_near(blocked: Bytes2, at_x: int, at_y: int) -> tuple[int, int]:
    """The nearest open tile by rings, then rows; the tile itself when none is near."""
    height, width = blocked.shape
    for ring in range(1, PROXY_TILES + 1):
        for y in range(max(0, at_y - ring), min(height, at_y + ring + 1)):
            for x in range(max(0, at_x - ring), min(width, at_x + ring + 1)):
                if max(abs(x - at_x), abs(y - at_y)) == ring and blocked[y, x] == 0:
                    return x, y
    return at_x, at_y


@njit(cache=True)
def near_goal(rows: Int32s, i: int, distance: int) -> bool:
    dx = abs((rows[GOAL_X, i] << 16) + TILE // 2 - rows[X, i])
    dy = abs((rows[GOAL_Y, i] << 16) + TILE // 2 - rows[Y, i])
    return bool(max(dx, dy) <= distance)


@njit(cache=True)
def towards_goal(rows: Int32s, i: int, pace: int) -> None:
    dx = (rows[GOAL_X, i] << 16) + TILE // 2 - rows[X, i]
    dy = (rows[GOAL_Y, i] << 16) + TILE // 2 - rows[Y, i]
    aim(rows, i, dx, dy, pace)


@njit(cache=True)
def stroll(rows: Int32s, i: int, chance: int, pace: int, stands: int) -> None:
    """A new direction by chance; once in `stands` times it stands."""
    if (chance >> 20) % stands == 0:
        rows[INTENT_X, i] = 0
        rows[INTENT_Y, i] = 0
    else:
        aim(rows, i, ((chance >> 30 & 255) - 128) << 10, ((chance >> 40 & 255) - 128) << 10, pace)

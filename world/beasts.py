"""The minds of deer and wolves: grazing and roaming in herds, and the hunt, which remembers where the prey was."""

from numba import njit

from world.habits import GRAZE, HUNT, HUNT_TICKS, ROAM, SATED, STIRRED, TIRED_TICKS
from world.line_of_sight import line_of_sight
from world.sight import CROWD_X, CROWD_Y, HERD, HERD_VX, HERD_VY, HERD_X, HERD_Y, POINT_X, POINT_Y
from world.state import (
    COOLDOWN,
    GOAL_X,
    GOAL_Y,
    HOME_X,
    HOME_Y,
    INTENT_X,
    INTENT_Y,
    MODE,
    MODE_TICKS,
    PATH_STEPS,
    WORK_X,
    WORK_Y,
    Bytes2,
    Int32s,
    Int64s,
    X,
    Y,
)
from world.steering import aim, follow_path, forget_path, near_goal, stroll, towards_goal
from world.units import TILE


@njit(cache=True)
def wander(rows: Int32s, i: int, chance: int, herd: Int64s, pace: int, range_tiles: int, hunter: bool) -> None:
    """Stroll in a herd: with its motion, towards its middle, not too near to any; and not too far from home."""
    if hunter:
        if rows[MODE, i] != SATED or rows[MODE_TICKS, i] == 0:
            rows[MODE, i] = ROAM
    else:
        rows[MODE, i] = GRAZE
    if chance & 3 == 0:
        stroll(rows, i, chance, pace, 6)
    x = rows[INTENT_X, i] * 96
    y = rows[INTENT_Y, i] * 96
    if herd[HERD] > 0:
        x += herd[HERD_VX]
        y += herd[HERD_VY]
        if abs(herd[HERD_X]) + abs(herd[HERD_Y]) > 2 * TILE:
            x += herd[HERD_X] >> 6
            y += herd[HERD_Y] >> 6
    x += herd[CROWD_X] >> 4
    y += herd[CROWD_Y] >> 4
    home_x = (rows[HOME_X, i] << 16) - rows[X, i]
    home_y = (rows[HOME_Y, i] << 16) - rows[Y, i]
    if abs(home_x) > range_tiles * TILE or abs(home_y) > range_tiles * TILE:
        x += home_x >> 10
        y += home_y >> 10
    if abs(x) + abs(y) > STIRRED:
        aim(rows, i, x, y, pace)


@njit(cache=True)
def hunts(rows: Int32s, i: int, points: Int64s, prey: int, seen: bool, reach: int) -> bool:
    """A hunter's decision about the prey it perceives (-1: none); whether it strikes it now, within `reach`."""
    mode = rows[MODE, i]
    if mode == SATED and rows[MODE_TICKS, i] > 0:
        return False
    if mode == HUNT and (rows[MODE_TICKS, i] == 0 or (prey < 0 and near_goal(rows, i, TILE))):
        tire(rows, i)
        return False
    if prey < 0:
        return False
    if mode != HUNT:
        rows[MODE, i] = HUNT
        rows[MODE_TICKS, i] = HUNT_TICKS
        forget_path(rows, i)
    rows[GOAL_X, i] = points[POINT_X, prey] >> 16
    rows[GOAL_Y, i] = points[POINT_Y, prey] >> 16
    dx = points[POINT_X, prey] - rows[X, i]
    dy = points[POINT_Y, prey] - rows[Y, i]
    return bool(seen and rows[COOLDOWN, i] == 0 and dx * dx + dy * dy <= reach * reach)


@njit(cache=True)
def chase(rows: Int32s, i: int) -> None:
    """Along the path while there is one, then straight at the place where the prey is or was."""
    if rows[PATH_STEPS, i] == 0 or not follow_path(rows, i, 127):
        towards_goal(rows, i, 127)


@njit(cache=True)
def needs_way(rows: Int32s, i: int, blocked: Bytes2, window_x: int, window_y: int) -> bool:
    """Whether a hunter must search: its goal is behind something, and no path leads near to it yet."""
    height, width = blocked.shape
    x = rows[X, i] - (window_x << 16)
    y = rows[Y, i] - (window_y << 16)
    goal_x = min(max(rows[GOAL_X, i] - window_x, 0), width - 1)
    goal_y = min(max(rows[GOAL_Y, i] - window_y, 0), height - 1)
    if line_of_sight(blocked, x, y, (goal_x << 16) + TILE // 2, (goal_y << 16) + TILE // 2):
        forget_path(rows, i)
        return False
    moved = max(abs(rows[GOAL_X, i] - rows[WORK_X, i]), abs(rows[GOAL_Y, i] - rows[WORK_Y, i]))
    if rows[PATH_STEPS, i] > 0 and moved <= 2:
        return False
    # A hunter has no work: these columns keep where its path leads.
    rows[WORK_X, i] = rows[GOAL_X, i]
    rows[WORK_Y, i] = rows[GOAL_Y, i]
    return True


@njit(cache=True)
def tire(rows: Int32s, i: int) -> None:
    """Give up the hunt, and rest."""
    rows[MODE, i] = SATED
    rows[MODE_TICKS, i] = TIRED_TICKS

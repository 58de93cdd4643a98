"""The minds of villagers, deer and wolves: each tick every NPC gets an intent, some a new plan, some bite.

Villagers go between home and field and potter about at both; deer graze in herds and flee what is fierce; wolves roam,
hunt what they see or smell, remember where it was, and rest when they have eaten or given up. Each perceives only every
few ticks, staggered by id, and at most PATHS_PER_TICK paths are searched a tick, in the order of rows.

Not here: perceiving (`world.sight`), getting there (`world.steering`), what a bite does (`world.combat`).
"""

from typing import Final

import numpy as np
from numba import njit

from world.collision import make_grid
from world.draws import DIRECTION, draw
from world.items import GRAIN
from world.pathfinding import Scratch, line_of_sight
from world.sight import (
    CROWD_X,
    CROWD_Y,
    HERD,
    HERD_VX,
    HERD_VY,
    HERD_X,
    HERD_Y,
    POINT_ROW,
    POINT_X,
    POINT_Y,
    PREY,
    PREY_SEEN,
    SENSES,
    THREAT,
    gather_points,
    sense,
)
from world.state import (
    COOLDOWN,
    DEER,
    GOAL_X,
    GOAL_Y,
    GOODS_0,
    HOME_X,
    HOME_Y,
    INTENT_X,
    INTENT_Y,
    KIND,
    MODE,
    MODE_TICKS,
    NEXT_X,
    NEXT_Y,
    PATH_STEPS,
    VILLAGER,
    WORK_X,
    WORK_Y,
    Bytes2,
    Int32s,
    Int64s,
    X,
    Y,
)
from world.steering import aim, feel_walls, follow_path, forget_path, plan_path, sidestep
from world.tilemap import FIELD
from world.units import PATH_EXPANSIONS, PATH_STEPS_MAX, PATHS_PER_TICK, STRIKE_REACH, TILE

# Modes: what an NPC is doing. Villagers are at home, on the way to work, at work, on the way home; deer graze; wolves
# roam. The numbers stand in snapshots.
AT_HOME: Final = 0
TO_WORK: Final = 1
AT_WORK: Final = 2
TO_HOME: Final = 3
FLEE: Final = 4
GRAZE: Final = 5
ROAM: Final = 6
HUNT: Final = 7
SATED: Final = 8

HOME_TICKS: Final = 600  # and up to as many more
WORK_TICKS: Final = 900
TRAVEL_TICKS: Final = 1_500  # who has not arrived by then stays where it is
FLEE_TICKS: Final = 60
HUNT_TICKS: Final = 400
FED_TICKS: Final = 1_600
TIRED_TICKS: Final = 160
STROLL_TICKS: Final = 24
POTTER_TILES: Final = 3
HARVEST_TICKS: Final = 256
GRAIN_MAX: Final = 20
RANGE_TILES: Final = 30  # deer and wolves turn back beyond this distance from home
HUNT_EXPANSIONS: Final = 700
GRAZE_PACE: Final = 34
ROAM_PACE: Final = 45
POTTER_PACE: Final = 50
TRAVEL_PACE: Final = 100
BITES_MAX: Final = 256


@njit(cache=True)
def think(
    perceive: int,
    tick: int,
    seed_0: int,
    seed_1: int,
    rows: Int32s,
    ids: Int64s,
    used: int,
    ghosts: Int64s,
    blocked: Bytes2,
    opaque: Bytes2,
    feature: Bytes2,
    stock: Bytes2,
    window_x: int,
    window_y: int,
    land: Int64s,
    scratch: Scratch,
) -> Int64s:
    """One tick of all minds. Returns the bites, int64[n, 2]: row of the biter, row of the bitten (-1 - n: ghost n).

    `perceive` is 1; 0 takes away all perception, which the control tests of behaviour do.
    """
    points = gather_points(rows, used, ghosts)
    start, items = make_grid(points[POINT_X], points[POINT_Y], points.shape[1])
    senses = np.zeros(SENSES, np.int64)
    cells = np.empty((PATH_STEPS_MAX + 1, 2), np.int32)
    bites = np.empty((BITES_MAX, 2), np.int64)
    bitten = 0
    quota = PATHS_PER_TICK
    for me in range(points.shape[1]):
        i = points[POINT_ROW, me]
        if i < 0:
            break
        kind = rows[KIND, i]
        if kind < VILLAGER:
            continue
        if rows[MODE_TICKS, i] > 0:
            rows[MODE_TICKS, i] -= 1
        turn = ids[i] + tick
        chance = draw(seed_0, seed_1, ids[i], DIRECTION)
        if kind == VILLAGER:
            if turn & 7 == 0:
                sense(perceive, me, rows, points, start, items, opaque, window_x, window_y, senses)
                if senses[THREAT] >= 0:
                    _flee(rows, i, points, senses)
            if _wants_path(rows, i) and quota > 0:
                quota -= 1
                goal_x = int(rows[GOAL_X, i])
                goal_y = int(rows[GOAL_Y, i])
                if not plan_path(rows, i, goal_x, goal_y, PATH_EXPANSIONS, blocked, window_x, window_y, scratch, cells):
                    _stay(rows, i)
            _villager(rows, i, turn, chance, blocked, window_x, window_y)
            if turn % HARVEST_TICKS == 0 and rows[MODE, i] == AT_WORK:
                _harvest(rows, i, feature, stock, window_x, window_y, land)
            continue
        if turn & 3 == 0:
            sense(perceive, me, rows, points, start, items, opaque, window_x, window_y, senses)
            if kind == DEER:
                _deer(rows, i, chance, points, senses)
            else:
                prey = _wolf(rows, i, chance, points, senses)
                if prey >= 0 and bitten < BITES_MAX:
                    bites[bitten, 0] = i
                    bites[bitten, 1] = points[POINT_ROW, prey]
                    bitten += 1
                if rows[MODE, i] == HUNT and _needs_way(rows, i, blocked, window_x, window_y) and quota > 0:
                    quota -= 1
                    rows[WORK_X, i] = rows[GOAL_X, i]
                    rows[WORK_Y, i] = rows[GOAL_Y, i]
                    goal_x = int(rows[GOAL_X, i])
                    goal_y = int(rows[GOAL_Y, i])
                    if not plan_path(
                        rows, i, goal_x, goal_y, HUNT_EXPANSIONS, blocked, window_x, window_y, scratch, cells
                    ):
                        rows[MODE, i] = SATED
                        rows[MODE_TICKS, i] = TIRED_TICKS
        if rows[MODE, i] == HUNT:
            if not follow_path(rows, i, 127):
                dx = (rows[GOAL_X, i] << 16) + TILE // 2 - rows[X, i]
                dy = (rows[GOAL_Y, i] << 16) + TILE // 2 - rows[Y, i]
                aim(rows, i, dx, dy, 127)
        else:
            feel_walls(rows, i, blocked, window_x, window_y, ids[i] & 1)
    return bites[:bitten]


@njit(cache=True)
def _wants_path(rows: Int32s, i: int) -> bool:
    """Whether a villager on its way has walked all its path and is not there yet."""
    mode = rows[MODE, i]
    if mode not in (TO_WORK, TO_HOME):
        return False
    if rows[PATH_STEPS, i] > 0 or _near_goal(rows, i, TILE * 3 // 2):
        return False
    dx = (rows[NEXT_X, i] << 16) + TILE // 2 - rows[X, i]
    dy = (rows[NEXT_Y, i] << 16) + TILE // 2 - rows[Y, i]
    return bool(abs(dx) < TILE and abs(dy) < TILE)


@njit(cache=True)
def _near_goal(rows: Int32s, i: int, distance: int) -> bool:
    dx = abs((rows[GOAL_X, i] << 16) + TILE // 2 - rows[X, i])
    dy = abs((rows[GOAL_Y, i] << 16) + TILE // 2 - rows[Y, i])
    return bool(max(dx, dy) <= distance)


@njit(cache=True)
def _stay(rows: Int32s, i: int) -> None:
    """Give up the way: potter here for a while, then try the other end."""
    rows[MODE, i] = AT_HOME if rows[MODE, i] == TO_HOME else AT_WORK
    rows[MODE_TICKS, i] = HOME_TICKS
    rows[GOAL_X, i] = rows[X, i] >> 16
    rows[GOAL_Y, i] = rows[Y, i] >> 16


@njit(cache=True)
def _flee(rows: Int32s, i: int, points: Int64s, senses: Int64s) -> None:
    threat = senses[THREAT]
    rows[MODE, i] = FLEE
    rows[MODE_TICKS, i] = FLEE_TICKS
    aim(rows, i, rows[X, i] - points[POINT_X, threat], rows[Y, i] - points[POINT_Y, threat], 127)


@njit(cache=True)
def _villager(rows: Int32s, i: int, turn: int, chance: int, blocked: Bytes2, window_x: int, window_y: int) -> None:
    """A villager's tick: the next mode when its time is over, then its steps in this one."""
    mode = rows[MODE, i]
    if mode in (TO_WORK, TO_HOME):
        if _near_goal(rows, i, TILE * 3 // 2):
            rows[MODE, i] = AT_WORK if mode == TO_WORK else AT_HOME
            rows[MODE_TICKS, i] = WORK_TICKS + chance % WORK_TICKS
            if mode == TO_HOME:
                rows[GOODS_0 + GRAIN, i] = 0
        elif rows[MODE_TICKS, i] == 0:
            _stay(rows, i)
        elif not follow_path(rows, i, TRAVEL_PACE):
            rows[INTENT_X, i] = 0
            rows[INTENT_Y, i] = 0
        elif turn & 16:
            sidestep(rows, i, turn & 32)
        return
    if rows[MODE_TICKS, i] == 0:
        forget_path(rows, i)
        outward = mode == AT_HOME
        rows[MODE, i] = TO_WORK if outward else TO_HOME
        rows[MODE_TICKS, i] = TRAVEL_TICKS
        rows[GOAL_X, i] = rows[WORK_X, i] if outward else rows[HOME_X, i]
        rows[GOAL_Y, i] = rows[WORK_Y, i] if outward else rows[HOME_Y, i]
        return
    if mode != FLEE and turn & 15 == 0:
        if not _near_goal(rows, i, POTTER_TILES * TILE // 2):
            dx = (rows[GOAL_X, i] << 16) + TILE // 2 - rows[X, i]
            dy = (rows[GOAL_Y, i] << 16) + TILE // 2 - rows[Y, i]
            aim(rows, i, dx, dy, POTTER_PACE)
        else:
            _stroll(rows, i, chance, POTTER_PACE, 4)
    feel_walls(rows, i, blocked, window_x, window_y, turn >> 8 & 1)


@njit(cache=True)
def _stroll(rows: Int32s, i: int, chance: int, pace: int, stands: int) -> None:
    """A new direction by chance; once in `stands` times it stands."""
    if (chance >> 20) % stands == 0:
        rows[INTENT_X, i] = 0
        rows[INTENT_Y, i] = 0
    else:
        aim(rows, i, ((chance >> 30 & 255) - 128) << 10, ((chance >> 40 & 255) - 128) << 10, pace)


@njit(cache=True)
def _harvest(rows: Int32s, i: int, feature: Bytes2, stock: Bytes2, window_x: int, window_y: int, land: Int64s) -> None:
    """Take a grain from the field under one's feet, if it is this region's."""
    x = rows[X, i] >> 16
    y = rows[Y, i] >> 16
    if x < land[0] or y < land[1] or x >= land[2] or y >= land[3] or rows[GOODS_0 + GRAIN, i] >= GRAIN_MAX:
        return
    if feature[y - window_y, x - window_x] == FIELD and stock[y - window_y, x - window_x] > 0:
        stock[y - window_y, x - window_x] -= 1
        rows[GOODS_0 + GRAIN, i] += 1


@njit(cache=True)
def _wander(rows: Int32s, i: int, chance: int, pace: int, senses: Int64s) -> None:
    """Stroll in a herd: with its motion, towards its middle, not too near to any; and not too far from home."""
    if rows[MODE_TICKS, i] == 0:
        rows[MODE_TICKS, i] = STROLL_TICKS + (chance & 63)
        _stroll(rows, i, chance, pace, 6)
    x = rows[INTENT_X, i] * 96
    y = rows[INTENT_Y, i] * 96
    if senses[HERD] > 0:
        x += senses[HERD_VX]
        y += senses[HERD_VY]
        if abs(senses[HERD_X]) + abs(senses[HERD_Y]) > 2 * TILE:
            x += senses[HERD_X] >> 6
            y += senses[HERD_Y] >> 6
    x += senses[CROWD_X] >> 4
    y += senses[CROWD_Y] >> 4
    home_x = (rows[HOME_X, i] << 16) - rows[X, i]
    home_y = (rows[HOME_Y, i] << 16) - rows[Y, i]
    if abs(home_x) > RANGE_TILES * TILE or abs(home_y) > RANGE_TILES * TILE:
        x += home_x >> 10
        y += home_y >> 10
    if abs(x) + abs(y) > 1_200:
        aim(rows, i, x, y, pace)


@njit(cache=True)
def _deer(rows: Int32s, i: int, chance: int, points: Int64s, senses: Int64s) -> None:
    if senses[THREAT] >= 0:
        _flee(rows, i, points, senses)
    elif rows[MODE, i] != FLEE or rows[MODE_TICKS, i] == 0:
        rows[MODE, i] = GRAZE
        _wander(rows, i, chance, GRAZE_PACE, senses)


@njit(cache=True)
def _wolf(rows: Int32s, i: int, chance: int, points: Int64s, senses: Int64s) -> int:
    """A wolf's decision; the point it bites now, or -1."""
    mode = rows[MODE, i]
    if mode == SATED and rows[MODE_TICKS, i] > 0:
        _rest(rows, i, chance, senses)
        return -1
    prey = senses[PREY]
    if mode != HUNT:
        if prey < 0:
            rows[MODE, i] = ROAM
            _wander(rows, i, chance, ROAM_PACE, senses)
            return -1
        rows[MODE, i] = HUNT
        rows[MODE_TICKS, i] = HUNT_TICKS
        forget_path(rows, i)
    elif rows[MODE_TICKS, i] == 0 or (prey < 0 and _near_goal(rows, i, TILE)):
        rows[MODE, i] = SATED
        rows[MODE_TICKS, i] = TIRED_TICKS
        return -1
    if prey < 0:
        return -1
    rows[GOAL_X, i] = points[POINT_X, prey] >> 16
    rows[GOAL_Y, i] = points[POINT_Y, prey] >> 16
    dx = points[POINT_X, prey] - rows[X, i]
    dy = points[POINT_Y, prey] - rows[Y, i]
    if senses[PREY_SEEN] == 1 and rows[COOLDOWN, i] == 0 and dx * dx + dy * dy <= STRIKE_REACH * STRIKE_REACH:
        return int(prey)
    return -1


@njit(cache=True)
def _rest(rows: Int32s, i: int, chance: int, senses: Int64s) -> None:
    """A full or tired wolf moves little: it ambles on with its pack."""
    left = rows[MODE_TICKS, i]
    if chance & 15 == 0:
        _stroll(rows, i, chance, ROAM_PACE, 3)
    elif senses[HERD] > 0 and chance & 15 == 1:
        aim(rows, i, senses[HERD_X], senses[HERD_Y], ROAM_PACE)
    rows[MODE_TICKS, i] = left


@njit(cache=True)
def _needs_way(rows: Int32s, i: int, blocked: Bytes2, window_x: int, window_y: int) -> bool:
    """Whether a hunter must search a path: its goal is behind something, and no path leads near to it yet."""
    height, width = blocked.shape
    x = rows[X, i] - (window_x << 16)
    y = rows[Y, i] - (window_y << 16)
    goal_x = min(max(rows[GOAL_X, i] - window_x, 0), width - 1)
    goal_y = min(max(rows[GOAL_Y, i] - window_y, 0), height - 1)
    if line_of_sight(blocked, x, y, (goal_x << 16) + TILE // 2, (goal_y << 16) + TILE // 2):
        forget_path(rows, i)
        return False
    moved = max(abs(rows[GOAL_X, i] - rows[WORK_X, i]), abs(rows[GOAL_Y, i] - rows[WORK_Y, i]))
    return bool(rows[PATH_STEPS, i] == 0 or moved > 2)

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
from world.draws import DIRECTION, DURATION, draw
from world.items import GRAIN
from world.pathfinding import Scratch, line_of_sight
from world.sight import (
    CROWD_X,
    CROWD_Y,
    HERD,
    HERD_LINES,
    HERD_VX,
    HERD_VY,
    HERD_X,
    HERD_Y,
    POINT_ROW,
    POINT_X,
    POINT_Y,
    fierce_among,
    gather_points,
    sense,
    sense_herd,
)
from world.state import (
    COOLDOWN,
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
    WOLF,
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

WORK_TICKS: Final = 900  # at either end of the way, and up to as many more
TRAVEL_TICKS: Final = 1_500  # who has not arrived by then stays where it is
FLEE_TICKS: Final = 60
HUNT_TICKS: Final = 400
FED_TICKS: Final = 2_400
TIRED_TICKS: Final = 160
STAY_TICKS: Final = 300
POTTER_DISTANCE: Final = TILE * 3 // 2
ARRIVED_DISTANCE: Final = TILE * 3 // 2
STIRRED: Final = 1_200  # below this sum of urges a standing animal stays
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
    fierce = fierce_among(points)
    fierce_start, fierce_items = make_grid(fierce[POINT_X], fierce[POINT_Y], fierce.shape[1])
    herd = np.zeros(HERD_LINES, np.int64)
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
        if kind != WOLF and turn & (7 if kind == VILLAGER else 3) == 0:
            threat, _ = sense(perceive, me, points, fierce, fierce_start, fierce_items, opaque, window_x, window_y)
            if threat >= 0:
                _flee(rows, i, rows[X, i] - fierce[POINT_X, threat], rows[Y, i] - fierce[POINT_Y, threat])
        elif kind == WOLF and turn & 3 == 0:
            prey, seen = sense(perceive, me, points, points, start, items, opaque, window_x, window_y)
            if _hunts(rows, i, points, prey, seen) and bitten < BITES_MAX:
                bites[bitten, 0] = i
                bites[bitten, 1] = points[POINT_ROW, prey]
                bitten += 1
        if quota > 0 and _wants_path(rows, i, turn, blocked, window_x, window_y):
            quota -= 1
            expansions = PATH_EXPANSIONS if kind == VILLAGER else HUNT_EXPANSIONS
            if not plan_path(rows, i, expansions, blocked, window_x, window_y, scratch, cells):
                _stay(rows, i)
        if kind == VILLAGER:
            if turn % HARVEST_TICKS == 0 and rows[MODE, i] == AT_WORK:
                _harvest(rows, i, feature, stock, window_x, window_y, land)
            roams = _villager(rows, i, turn, seed_0, seed_1, ids[i])
        else:
            roams = rows[MODE, i] != HUNT
            if not roams:
                _chase(rows, i)
            elif turn & 15 == 0 and (rows[MODE, i] != FLEE or rows[MODE_TICKS, i] == 0):
                sense_herd(perceive, me, rows, points, start, items, opaque, window_x, window_y, herd)
                _wander(rows, i, draw(seed_0, seed_1, ids[i], DIRECTION), herd)
        if roams and turn & 1:
            feel_walls(rows, i, blocked, window_x, window_y, turn >> 9 & 1)
    return bites[:bitten]


@njit(cache=True)
def _wants_path(rows: Int32s, i: int, turn: int, blocked: Bytes2, window_x: int, window_y: int) -> bool:
    """Whether a villager on its way has walked all its path and is not there, or a hunter needs one round something."""
    mode = rows[MODE, i]
    if mode == HUNT:
        return turn & 3 == 0 and _needs_way(rows, i, blocked, window_x, window_y)
    if mode not in (TO_WORK, TO_HOME) or rows[PATH_STEPS, i] > 0 or _near_goal(rows, i, ARRIVED_DISTANCE):
        return False
    dx = (rows[NEXT_X, i] << 16) + TILE // 2 - rows[X, i]
    dy = (rows[NEXT_Y, i] << 16) + TILE // 2 - rows[Y, i]
    return bool(abs(dx) < TILE and abs(dy) < TILE)


@njit(cache=True)
def _needs_way(rows: Int32s, i: int, blocked: Bytes2, window_x: int, window_y: int) -> bool:
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
def _near_goal(rows: Int32s, i: int, distance: int) -> bool:
    dx = abs((rows[GOAL_X, i] << 16) + TILE // 2 - rows[X, i])
    dy = abs((rows[GOAL_Y, i] << 16) + TILE // 2 - rows[Y, i])
    return bool(max(dx, dy) <= distance)


@njit(cache=True)
def _towards_goal(rows: Int32s, i: int, pace: int) -> None:
    dx = (rows[GOAL_X, i] << 16) + TILE // 2 - rows[X, i]
    dy = (rows[GOAL_Y, i] << 16) + TILE // 2 - rows[Y, i]
    aim(rows, i, dx, dy, pace)


@njit(cache=True)
def _stay(rows: Int32s, i: int) -> None:
    """Give up the way: a hunter rests; a villager potters here for a while, then tries the other end."""
    if rows[MODE, i] == HUNT:
        rows[MODE, i] = SATED
        rows[MODE_TICKS, i] = TIRED_TICKS
        return
    rows[MODE, i] = AT_HOME if rows[MODE, i] == TO_HOME else AT_WORK
    rows[MODE_TICKS, i] = STAY_TICKS
    rows[GOAL_X, i] = rows[X, i] >> 16
    rows[GOAL_Y, i] = rows[Y, i] >> 16


@njit(cache=True)
def _flee(rows: Int32s, i: int, away_x: int, away_y: int) -> None:
    rows[MODE, i] = FLEE
    rows[MODE_TICKS, i] = FLEE_TICKS
    aim(rows, i, away_x, away_y, 127)


@njit(cache=True)
def _villager(rows: Int32s, i: int, turn: int, seed_0: int, seed_1: int, entity: int) -> bool:
    """A villager's tick: the next mode when its time is over, then its steps; whether it walks without a path."""
    mode = rows[MODE, i]
    if mode in (TO_WORK, TO_HOME):
        if _near_goal(rows, i, ARRIVED_DISTANCE):
            rows[MODE, i] = AT_WORK if mode == TO_WORK else AT_HOME
            rows[MODE_TICKS, i] = WORK_TICKS + draw(seed_0, seed_1, entity, DURATION) % WORK_TICKS
            if mode == TO_HOME:
                rows[GOODS_0 + GRAIN, i] = 0
        elif rows[MODE_TICKS, i] == 0:
            _stay(rows, i)
        elif not follow_path(rows, i, TRAVEL_PACE):
            rows[INTENT_X, i] = 0
            rows[INTENT_Y, i] = 0
        elif turn & 16:
            sidestep(rows, i, turn & 32)
        return False
    if rows[MODE_TICKS, i] == 0:
        outward = mode == AT_HOME
        forget_path(rows, i)
        rows[MODE, i] = TO_WORK if outward else TO_HOME
        rows[MODE_TICKS, i] = TRAVEL_TICKS
        rows[GOAL_X, i] = rows[WORK_X, i] if outward else rows[HOME_X, i]
        rows[GOAL_Y, i] = rows[WORK_Y, i] if outward else rows[HOME_Y, i]
        return False
    if mode != FLEE and turn & 15 == 0:
        if _near_goal(rows, i, POTTER_DISTANCE):
            _stroll(rows, i, draw(seed_0, seed_1, entity, DIRECTION), POTTER_PACE, 4)
        else:
            _towards_goal(rows, i, POTTER_PACE)
    return True


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
def _wander(rows: Int32s, i: int, chance: int, herd: Int64s) -> None:
    """Stroll in a herd: with its motion, towards its middle, not too near to any; and not too far from home."""
    pace = GRAZE_PACE
    if rows[KIND, i] == WOLF:
        pace = ROAM_PACE
        if rows[MODE, i] != SATED or rows[MODE_TICKS, i] == 0:
            rows[MODE, i] = ROAM
    else:
        rows[MODE, i] = GRAZE
    if chance & 3 == 0:
        _stroll(rows, i, chance, pace, 6)
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
    if abs(home_x) > RANGE_TILES * TILE or abs(home_y) > RANGE_TILES * TILE:
        x += home_x >> 10
        y += home_y >> 10
    if abs(x) + abs(y) > STIRRED:
        aim(rows, i, x, y, pace)


@njit(cache=True)
def _hunts(rows: Int32s, i: int, points: Int64s, prey: int, seen: bool) -> bool:
    """A wolf's decision about the prey it perceives (-1: none); whether it bites it now."""
    mode = rows[MODE, i]
    if mode == SATED and rows[MODE_TICKS, i] > 0:
        return False
    if mode == HUNT and (rows[MODE_TICKS, i] == 0 or (prey < 0 and _near_goal(rows, i, TILE))):
        rows[MODE, i] = SATED
        rows[MODE_TICKS, i] = TIRED_TICKS
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
    return bool(seen and rows[COOLDOWN, i] == 0 and dx * dx + dy * dy <= STRIKE_REACH * STRIKE_REACH)


@njit(cache=True)
def _chase(rows: Int32s, i: int) -> None:
    """Along the path while there is one, then straight at the place where the prey is or was."""
    if rows[PATH_STEPS, i] == 0 or not follow_path(rows, i, 127):
        _towards_goal(rows, i, 127)

"""The minds of all NPCs in one kernel: each tick every NPC gets an intent, some a new plan, some bite.

Each perceives only every few ticks, staggered by id, and at most PATHS_PER_TICK paths are searched a tick, in the order
of rows. What each kind makes of it: `world.villagers`, `world.beasts`; its modes and measures: `world.habits`.

Not here: perceiving (`world.sight`), getting there (`world.steering`), what a bite does (`world.combat`).
"""

import numpy as np
from numba import njit

from world.beasts import chase, hunts, needs_way, tire, wander
from world.collision import make_grid
from world.draws import DIRECTION, draw
from world.habits import (
    ARRIVED_DISTANCE,
    AT_WORK,
    BITES_MAX,
    FLEE,
    FLEE_TICKS,
    HARVEST_TICKS,
    HUNT,
    HUNT_EXPANSIONS,
    TO_HOME,
    TO_WORK,
)
from world.pathfinding import Scratch
from world.sight import HERD_LINES, POINT_ROW, POINT_X, POINT_Y, fierce_among, gather_points, sense, sense_herd
from world.state import (
    KIND,
    MODE,
    MODE_TICKS,
    NEXT_X,
    NEXT_Y,
    PATH_STEPS,
    VILLAGER,
    WOLF,
    Bytes2,
    Int32s,
    Int64s,
    X,
    Y,
)
from world.steering import aim, feel_walls, near_goal, plan_path
from world.units import PATH_EXPANSIONS, PATH_STEPS_MAX, PATHS_PER_TICK, TILE
from world.villagers import harvest, live, stay


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
            if hunts(rows, i, points, prey, seen) and bitten < BITES_MAX:
                bites[bitten, 0] = i
                bites[bitten, 1] = points[POINT_ROW, prey]
                bitten += 1
        if quota > 0 and _wants_path(rows, i, turn, blocked, window_x, window_y):
            quota -= 1
            expansions = PATH_EXPANSIONS if kind == VILLAGER else HUNT_EXPANSIONS
            if not plan_path(rows, i, expansions, blocked, window_x, window_y, scratch, cells):
                if kind == VILLAGER:
                    stay(rows, i)
                else:
                    tire(rows, i)
        if kind == VILLAGER:
            if turn % HARVEST_TICKS == 0 and rows[MODE, i] == AT_WORK:
                harvest(rows, i, feature, stock, window_x, window_y, land)
            roams = live(rows, i, turn, seed_0, seed_1, ids[i])
        else:
            roams = rows[MODE, i] != HUNT
            if not roams:
                chase(rows, i)
            elif turn & 15 == 0 and (rows[MODE, i] != FLEE or rows[MODE_TICKS, i] == 0):
                sense_herd(perceive, me, rows, points, start, items, opaque, window_x, window_y, herd)
                wander(rows, i, draw(seed_0, seed_1, ids[i], DIRECTION), herd)
        if roams and turn & 1:
            feel_walls(rows, i, blocked, window_x, window_y, turn >> 9 & 1)
    return bites[:bitten]


@njit(cache=True)
def _wants_path(rows: Int32s, i: int, turn: int, blocked: Bytes2, window_x: int, window_y: int) -> bool:
    """Whether a villager on its way has walked all its path and is not there, or a hunter needs one round something."""
    mode = rows[MODE, i]
    if mode == HUNT:
        return turn & 3 == 0 and needs_way(rows, i, blocked, window_x, window_y)
    if mode not in (TO_WORK, TO_HOME) or rows[PATH_STEPS, i] > 0 or near_goal(rows, i, ARRIVED_DISTANCE):
        return False
    dx = (rows[NEXT_X, i] << 16) + TILE // 2 - rows[X, i]
    dy = (rows[NEXT_Y, i] << 16) + TILE // 2 - rows[Y, i]
    return bool(abs(dx) < TILE and abs(dy) < TILE)


@njit(cache=True)
def _flee(rows: Int32s, i: int, away_x: int, away_y: int) -> None:
    rows[MODE, i] = FLEE
    rows[MODE_TICKS, i] = FLEE_TICKS
    aim(rows, i, away_x, away_y, 127)

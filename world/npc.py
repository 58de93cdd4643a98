"""The minds of all NPCs in one kernel: each tick every NPC gets an intent, some a new plan, some strike.

What an NPC is like stands in the table of species (`world.species`), so one kernel serves them all. Each perceives only
every few ticks, staggered by id, and at most PATHS_PER_TICK paths are searched a tick, in the order of rows. What it
makes of it: `world.villagers` for those with a routine, `world.beasts` for those that roam and hunt.

Not here: perceiving (`world.sight`), getting there (`world.steering`), what a blow does (`world.combat`).
"""

import numpy as np
from numba import njit

from world.beasts import chase, hunts, needs_way, tire, wander
from world.collision import make_grid
from world.draws import DIRECTION, draw
from world.faucets import Flow
from world.habits import (
    ARRIVED_DISTANCE,
    AT_HOME,
    AT_WORK,
    BITES_MAX,
    FLEE,
    FLEE_TICKS,
    HARVEST_TICKS,
    HUNT,
    HUNT_EXPANSIONS,
    TO_HOME,
    TO_MARKET,
    TO_WORK,
)
from world.kinds import PLAYER
from world.pathfinding import Scratch
from world.sight import HERD_LINES, POINT_ROW, POINT_X, POINT_Y, fierce_among, gather_points, sense, sense_herd
from world.species import (
    ACTIVE_OF,
    ALWAYS,
    BY_NIGHT,
    FEAR_TILES_OF,
    FEARS_FIGHTERS_OF,
    FEARS_OF,
    HERD,
    HERDS_OF,
    HUNT_TILES_OF,
    HUNTS_NEAR_OF,
    HUNTS_OF,
    KINDS,
    NEAR_TILES_OF,
    PACE_OF,
    RADIUS_OF,
    RAID,
    RANGE_OF,
    ROUTINE_OF,
    SMELL_TILES_OF,
    WORK,
)
from world.state import (
    COINS,
    HOME_X,
    HOME_Y,
    KIND,
    MODE,
    MODE_TICKS,
    NEXT_X,
    NEXT_Y,
    PATH_STEPS,
    Bytes2,
    Bytes3,
    Counter,
    Int32s,
    Int64s,
    X,
    Y,
)
from world.steering import aim, feel_walls, near_goal, plan_path, way_to_goal
from world.things import COIN_THING
from world.units import PATH_EXPANSIONS, PATH_STEPS_MAX, PATHS_PER_TICK, STRIKE_REACH, TILE
from world.villagers import harvest, is_night, live, stay

CAROUSED = int(Flow.CAROUSED)
COINS_BURNED = int(Counter.COINS_BURNED)


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
    species: Int64s,
    flows: Int64s,
    counters: Int64s,
    goals: Int32s,
    ways: Bytes3,
) -> Int64s:
    """One tick of all minds. Returns the bites, int64[n, 2]: row of the biter, row of the bitten (-1 - n: ghost n).

    `perceive` is 1; 0 takes away all perception, which the control tests of behaviour do. `flows`, `counters` and
    `stock` change with what is harvested, eaten at home and spent in the camps.
    """
    feared = 0
    for kind in range(KINDS):
        feared |= species[FEARS_OF, kind]
    points = gather_points(rows, used, ghosts, feared)
    start, items = make_grid(points[POINT_X], points[POINT_Y], points.shape[1])
    fierce = fierce_among(points)
    fierce_start, fierce_items = make_grid(fierce[POINT_X], fierce[POINT_Y], fierce.shape[1])
    herd = np.zeros(HERD_LINES, np.int64)
    cells = np.empty((PATH_STEPS_MAX + 1, 2), np.int32)
    bites = np.empty((BITES_MAX, 2), np.int64)
    bitten = 0
    quota = PATHS_PER_TICK
    night = is_night(tick)
    for me in range(points.shape[1]):
        i = points[POINT_ROW, me]
        if i < 0:
            break
        kind = rows[KIND, i]
        if kind == PLAYER:
            continue
        if rows[MODE_TICKS, i] > 0:
            rows[MODE_TICKS, i] -= 1
        turn = ids[i] + tick
        routine = species[ROUTINE_OF, kind]
        far = species[HUNTS_OF, kind]
        near = species[HUNTS_NEAR_OF, kind]
        hunter = (far | near) != 0
        fears = species[FEARS_OF, kind] | species[FEARS_FIGHTERS_OF, kind]
        if fears != 0 and turn & (3 if routine == HERD else 7) == 0:
            threat, _ = sense(
                perceive, me, points, fierce, fierce_start, fierce_items, opaque, window_x, window_y,
                fears, species[FEAR_TILES_OF, kind], 0, 0, 0, False,
            )  # fmt: skip
            if threat >= 0:
                _flee(rows, i, rows[X, i] - fierce[POINT_X, threat], rows[Y, i] - fierce[POINT_Y, threat])
        if hunter and turn & 3 == 0:
            prey = -1
            seen = False
            active = species[ACTIVE_OF, kind]
            if (active == ALWAYS or (active == BY_NIGHT) == night) and not _strayed(rows, i, species):
                prey, seen = sense(
                    perceive, me, points, points, start, items, opaque, window_x, window_y,
                    far, species[HUNT_TILES_OF, kind], near, species[NEAR_TILES_OF, kind],
                    species[SMELL_TILES_OF, kind], True,
                )  # fmt: skip
            reach = max(STRIKE_REACH, species[RADIUS_OF, kind] + TILE)
            if hunts(rows, i, points, prey, seen, reach) and bitten < BITES_MAX:
                bites[bitten, 0] = i
                bites[bitten, 1] = points[POINT_ROW, prey]
                bitten += 1
        if quota > 0 and _wants_path(rows, i, turn, blocked, window_x, window_y, goals):
            quota -= 1
            expansions = HUNT_EXPANSIONS if rows[MODE, i] == HUNT else PATH_EXPANSIONS
            if not plan_path(rows, i, expansions, blocked, window_x, window_y, scratch, cells):
                if rows[MODE, i] == HUNT:
                    tire(rows, i)
                else:
                    stay(rows, i)
        if rows[MODE, i] == HUNT:
            chase(rows, i)
            roams = False
        elif routine == HERD:
            roams = True
            if turn & 15 == 0 and (rows[MODE, i] != FLEE or rows[MODE_TICKS, i] == 0):
                herd[:] = 0
                if species[HERDS_OF, kind] != 0:
                    sense_herd(perceive, me, rows, points, start, items, opaque, window_x, window_y, herd)
                chance = draw(seed_0, seed_1, ids[i], DIRECTION)
                wander(rows, i, chance, herd, species[PACE_OF, kind], species[RANGE_OF, kind], hunter)
        else:
            if turn % HARVEST_TICKS == 0:
                if routine == WORK and rows[MODE, i] == AT_WORK:
                    harvest(rows, i, feature, stock, window_x, window_y, land, flows)
                elif routine == RAID and rows[MODE, i] == AT_HOME and rows[COINS, i] > 0:
                    rows[COINS, i] -= 1
                    flows[CAROUSED, COIN_THING] += 1
                    counters[COINS_BURNED] += 1
            roams = live(
                rows, i, turn, tick, seed_0, seed_1, ids[i], species, flows, goals, ways, window_x, window_y
            )  # fmt: skip
        if roams and turn & 1:
            feel_walls(rows, i, blocked, window_x, window_y, turn >> 9 & 1)
    return bites[:bitten]


@njit(cache=True)
def _strayed(rows: Int32s, i: int, species: Int64s) -> bool:
    """Whether a hunter with a home is too far from it to go on hunting; raiders and beasts go where the prey goes."""
    routine = species[ROUTINE_OF, rows[KIND, i]]
    if routine in (HERD, RAID):
        return False
    far = species[RANGE_OF, rows[KIND, i]]
    return bool(abs((rows[X, i] >> 16) - rows[HOME_X, i]) > far or abs((rows[Y, i] >> 16) - rows[HOME_Y, i]) > far)


@njit(cache=True)
def _wants_path(rows: Int32s, i: int, turn: int, blocked: Bytes2, window_x: int, window_y: int, goals: Int32s) -> bool:
    """Whether one on its way has walked all its path and is not there, or a hunter needs one round something."""
    mode = rows[MODE, i]
    if mode == HUNT:
        return turn & 3 == 0 and needs_way(rows, i, blocked, window_x, window_y)
    if mode not in (TO_WORK, TO_HOME, TO_MARKET) or rows[PATH_STEPS, i] > 0:
        return False
    if near_goal(rows, i, ARRIVED_DISTANCE) or way_to_goal(rows, i, goals) >= 0:
        return False
    dx = (rows[NEXT_X, i] << 16) + TILE // 2 - rows[X, i]
    dy = (rows[NEXT_Y, i] << 16) + TILE // 2 - rows[Y, i]
    return bool(abs(dx) < TILE and abs(dy) < TILE)


@njit(cache=True)
def _flee(rows: Int32s, i: int, away_x: int, away_y: int) -> None:
    rows[MODE, i] = FLEE
    rows[MODE_TICKS, i] = FLEE_TICKS
    aim(rows, i, away_x, away_y, 127)

"""A villager's mind: between home and field, by a path, pottering about at both; what it harvests it eats at home."""

from numba import njit

from world.draws import DIRECTION, DURATION, draw
from world.habits import (
    ARRIVED_DISTANCE,
    AT_HOME,
    AT_WORK,
    FLEE,
    GRAIN_MAX,
    POTTER_DISTANCE,
    POTTER_PACE,
    STAY_TICKS,
    TO_HOME,
    TO_WORK,
    TRAVEL_PACE,
    TRAVEL_TICKS,
    WORK_TICKS,
)
from world.items import GRAIN
from world.state import (
    GOAL_X,
    GOAL_Y,
    GOODS_0,
    HOME_X,
    HOME_Y,
    INTENT_X,
    INTENT_Y,
    MODE,
    MODE_TICKS,
    WORK_X,
    WORK_Y,
    Bytes2,
    Int32s,
    Int64s,
    X,
    Y,
)
from world.steering import follow_path, forget_path, near_goal, sidestep, stroll, towards_goal
from world.tilemap import FIELD


@njit(cache=True)
def live(rows: Int32s, i: int, turn: int, seed_0: int, seed_1: int, entity: int) -> bool:
    """A villager's tick: the next mode when its time is over, then its steps; whether it walks without a path."""
    mode = rows[MODE, i]
    if mode in (TO_WORK, TO_HOME):
        if near_goal(rows, i, ARRIVED_DISTANCE):
            rows[MODE, i] = AT_WORK if mode == TO_WORK else AT_HOME
            rows[MODE_TICKS, i] = WORK_TICKS + draw(seed_0, seed_1, entity, DURATION) % WORK_TICKS
            if mode == TO_HOME:
                rows[GOODS_0 + GRAIN, i] = 0
        elif rows[MODE_TICKS, i] == 0:
            stay(rows, i)
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
        if near_goal(rows, i, POTTER_DISTANCE):
            stroll(rows, i, draw(seed_0, seed_1, entity, DIRECTION), POTTER_PACE, 4)
        else:
            towards_goal(rows, i, POTTER_PACE)
    return True


@njit(cache=True)
def harvest(rows: Int32s, i: int, feature: Bytes2, stock: Bytes2, window_x: int, window_y: int, land: Int64s) -> None:
    """Take a grain from the field under one's feet, if it is this region's."""
    x = rows[X, i] >> 16
    y = rows[Y, i] >> 16
    if x < land[0] or y < land[1] or x >= land[2] or y >= land[3] or rows[GOODS_0 + GRAIN, i] >= GRAIN_MAX:
        return
    if feature[y - window_y, x - window_x] == FIELD and stock[y - window_y, x - window_x] > 0:
        stock[y - window_y, x - window_x] -= 1
        rows[GOODS_0 + GRAIN, i] += 1


@njit(cache=True)
def stay(rows: Int32s, i: int) -> None:
    """Give up the way: potter here for a while, then try the other end."""
    rows[MODE, i] = AT_HOME if rows[MODE, i] == TO_HOME else AT_WORK
    rows[MODE_TICKS, i] = STAY_TICKS
    rows[GOAL_X, i] = rows[X, i] >> 16
    rows[GOAL_Y, i] = rows[Y, i] >> 16

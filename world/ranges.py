"""What each column of a body may hold; wherever a body's numbers come in from outside, they are held against this."""

from typing import Final

import numpy as np
from numba import njit

from world.kinds import KIND_MAX, PLAYER
from world.species import DOWN_TICKS_PLAYER, HURT_TICKS_SHOWN
from world.state import (
    ARMOUR,
    COINS,
    COLUMNS,
    COOLDOWN,
    DOWN_TICKS,
    FACING,
    GOAL_X,
    GOAL_Y,
    GOODS,
    GOODS_0,
    HEALTH,
    HOME_X,
    HOME_Y,
    HOP,
    HURT_TICKS,
    INTENT_X,
    INTENT_Y,
    KIND,
    MODE,
    MODE_TICKS,
    NEXT_X,
    NEXT_Y,
    PATH_0,
    PATH_STEPS,
    SKIN_0,
    SKIN_1,
    VX,
    VY,
    WEAPON,
    WORK_X,
    WORK_Y,
    Int32s,
    Int64s,
    X,
    Y,
)
from world.units import COINS_MAX, GOODS_MAX, PATH_STEPS_MAX, TILE, WORLD_TILES_MAX

TICKS_MAX: Final = 1 << 20  # no timer runs longer
SPAN_MAX: Final = 2 * TILE  # no body moves further in a tick


def _ranges() -> tuple[Int64s, Int64s]:
    low, high = np.zeros(COLUMNS, np.int64), np.zeros(COLUMNS, np.int64)
    low[PATH_0 : PATH_0 + 4], high[PATH_0 : PATH_0 + 4] = -(2**31), 2**31 - 1
    for column in (VX, VY):
        low[column], high[column] = -SPAN_MAX, SPAN_MAX
    for column in (INTENT_X, INTENT_Y):
        low[column], high[column] = -127, 127
    for column in (HOME_X, HOME_Y, WORK_X, WORK_Y, GOAL_X, GOAL_Y, NEXT_X, NEXT_Y):
        high[column] = WORLD_TILES_MAX - 1
    low[KIND], high[KIND] = PLAYER, KIND_MAX
    high[X] = high[Y] = WORLD_TILES_MAX * TILE - 1
    high[FACING], high[MODE], high[HEALTH], high[HOP] = 7, 15, 1_000, 2**31 - 1
    high[COOLDOWN], high[MODE_TICKS] = 1_000, TICKS_MAX
    high[PATH_STEPS], high[DOWN_TICKS], high[HURT_TICKS] = PATH_STEPS_MAX, DOWN_TICKS_PLAYER, HURT_TICKS_SHOWN
    high[COINS], high[GOODS_0 : GOODS_0 + GOODS] = COINS_MAX, GOODS_MAX
    high[WEAPON] = high[ARMOUR] = GOODS
    low[SKIN_0], low[SKIN_1], high[SKIN_0], high[SKIN_1] = -(2**31), 0, 2**31 - 1, 2**31 - 1
    return low, high


_LOW, _HIGH = _ranges()


def columns_problem(columns: Int32s) -> str:
    """What is out of range in int32[COLUMNS, n] of taken rows, or "" when nothing is."""
    column, at = _first_bad(np.ascontiguousarray(columns), _LOW, _HIGH)
    if column < 0:
        return ""
    low, high = int(_LOW[column]), int(_HIGH[column])
    return f"column {column} of body {at} is {int(columns[column, at])}, expected {low} to {high}"


@njit(cache=True)
def _first_bad(columns: Int32s, low: Int64s, high: Int64s) -> tuple[int, int]:
    """(column, body) of the first number out of range, column by column; (-1, -1) when there is none."""
    for column in range(columns.shape[0]):
        for at in range(columns.shape[1]):
            if columns[column, at] < low[column] or columns[column, at] > high[column]:
                return column, at
    return -1, -1

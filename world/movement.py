"""How a body's speed follows its intent and the ground, and what a tick takes off its timers.

Everyone walks by the intent columns, players and NPCs alike. Not here: what stands in the way (`world.collision`).
"""

from typing import Final

import numpy as np
from numba import njit

from world.kinds import CRATE, PILE, PLAYER, lives
from world.species import HEALTH_OF, SPEED_OF
from world.state import (
    COOLDOWN,
    DOWN_TICKS,
    FACING,
    HEALTH,
    HURT_TICKS,
    INTENT_X,
    INTENT_Y,
    KIND,
    MODE_TICKS,
    VX,
    VY,
    Bytes2,
    Int32s,
    Int64s,
    X,
    Y,
)
from world.tilemap import MUD, TERRAINS
from world.units import SPEED_MAX
from world.vectors import shortened

INTENT_MAX: Final = 127
WOUNDED: Final = 5
"""Sixteenths of health; who watches a body sees them (`world.shown`), so that a client can predict its pace."""
WOUNDED_PACE: Final = 160
HEAL_TICKS: Final = 60
"""A body on its way gains one health each so many ticks."""
REST_TICKS: Final = 15
"""One that rests, each so many."""

PACE: Final = np.full(len(TERRAINS), 256, np.int64)
"""Per terrain: speed on it in 1/256 of full speed."""
PACE[MUD] = 128
GRIP: Final = np.full(len(TERRAINS), 4_400, np.int64)
"""Per terrain: friction, the most that a velocity changes in a tick (Q16 a tick)."""
GRIP[MUD] = 2_600

# [0 diagonal, 1 mostly across, 2 mostly down or up][towards east + 2 * towards south]
_OCTANTS: Final = np.array([[5, 7, 3, 1], [4, 0, 4, 0], [6, 6, 2, 2]], np.int64)


@njit(cache=True)
def velocity(vx: int, vy: int, intent_x: int, intent_y: int, speed: int, terrain: int) -> tuple[int, int]:
    """The velocity after one tick of walking by an intent on a terrain: towards the wanted one by at most its grip.

    Whoever predicts a body (a client) calls this and `world.walls.off_walls` with what it knows.
    """
    intent_x, intent_y = shortened(intent_x, intent_y, INTENT_MAX)
    full = speed * PACE[terrain]
    dx = intent_x * full // (INTENT_MAX * 256) - vx
    dy = intent_y * full // (INTENT_MAX * 256) - vy
    dx, dy = shortened(dx, dy, GRIP[terrain])
    return shortened(vx + dx, vy + dy, SPEED_MAX)


@njit(cache=True)
def pace(speed: int, health: int, full: int) -> int:
    """The speed that is left to a body: WOUNDED_PACE of it once its health shows WOUNDED sixteenths or less."""
    return speed * WOUNDED_PACE // 256 if health * 16 <= full * WOUNDED else speed


@njit(cache=True)
def facing(intent_x: int, intent_y: int, before: int) -> int:
    """0..7 clockwise from east for an intent; the facing before it when there is none."""
    wide = abs(intent_x)
    tall = abs(intent_y)
    if wide + tall == 0:
        return before
    # Branches on a direction are a toss-up for the processor; a table is not.
    return int(_OCTANTS[(tall * 5 < wide * 2) + 2 * (wide * 5 < tall * 2), (intent_x > 0) + 2 * (intent_y > 0)])


@njit(cache=True)
def walk(rows: Int32s, used: int, terrain: Bytes2, window_x: int, window_y: int, tick: int, species: Int64s) -> Int64s:
    """One tick of timers and velocities for all rows; positions stay. Returns the rows of piles whose time is over."""
    over = np.empty(16, np.int64)
    found = 0
    for i in range(used):
        kind = rows[KIND, i]
        if kind == PILE:
            if rows[MODE_TICKS, i] > 0:
                rows[MODE_TICKS, i] -= 1
            if rows[MODE_TICKS, i] == 0 and found < over.shape[0]:
                over[found] = i
                found += 1
        if kind == CRATE:
            rows[HURT_TICKS, i] = max(rows[HURT_TICKS, i] - 1, 0)
            ground = terrain[(rows[Y, i] >> 16) - window_y, (rows[X, i] >> 16) - window_x]
            vx, vy = velocity(int(rows[VX, i]), int(rows[VY, i]), 0, 0, 0, ground)
            rows[VX, i] = vx
            rows[VY, i] = vy
            continue
        if not lives(kind):
            continue
        if rows[COOLDOWN, i] > 0:
            rows[COOLDOWN, i] -= 1
        if rows[HURT_TICKS, i] > 0:
            rows[HURT_TICKS, i] -= 1
        if kind == PLAYER and rows[MODE_TICKS, i] > 0:
            rows[MODE_TICKS, i] -= 1
        if rows[DOWN_TICKS, i] > 0:
            rows[DOWN_TICKS, i] -= 1
            if rows[DOWN_TICKS, i] == 0:
                rows[HEALTH, i] = species[HEALTH_OF, kind]
            intent_x = 0
            intent_y = 0
        else:
            intent_x = int(rows[INTENT_X, i])
            intent_y = int(rows[INTENT_Y, i])
            heals = REST_TICKS if intent_x == 0 and intent_y == 0 else HEAL_TICKS
            if (tick + i) % heals == 0 and rows[HEALTH, i] < species[HEALTH_OF, kind]:
                rows[HEALTH, i] += 1
        rows[FACING, i] = facing(intent_x, intent_y, int(rows[FACING, i]))
        ground = terrain[(rows[Y, i] >> 16) - window_y, (rows[X, i] >> 16) - window_x]
        vx, vy = velocity(
            int(rows[VX, i]),
            int(rows[VY, i]),
            intent_x,
            intent_y,
            pace(species[SPEED_OF, kind], rows[HEALTH, i], species[HEALTH_OF, kind]),
            ground,
        )
        rows[VX, i] = vx
        rows[VY, i] = vy
    return over[:found]

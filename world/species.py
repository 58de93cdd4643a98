"""What lives here, as data: one entry per kind of body, indexed by the kinds of `world.state`."""

from typing import Final

import numpy as np

from world.state import DEER, GHOST, PILE, PLAYER, VILLAGER, WOLF, Int64s
from world.units import RADIUS_MIN, SPEED_MAX, TILE

KINDS: Final = GHOST + 1
NAMES: Final = ("free", "player", "villager", "deer", "wolf", "pile", "ghost")


def _by_kind(**values: int) -> Int64s:
    table = np.zeros(KINDS, np.int64)
    for name, value in values.items():
        table[NAMES.index(name)] = value
    table.setflags(write=False)
    return table


RADIUS: Final = _by_kind(
    player=TILE * 35 // 100, villager=TILE * 35 // 100, deer=TILE * 36 // 100, wolf=TILE * 35 // 100, pile=TILE // 5
)
MASS: Final = _by_kind(player=70, villager=65, deer=60, wolf=45)
SPEED: Final = _by_kind(player=13_107, villager=7_200, deer=14_300, wolf=14_700)
"""Q16 a tick at an intent of length 127; a player's is 4 tiles a second."""
HEALTH_MAX: Final = _by_kind(player=100, villager=60, deer=30, wolf=50, pile=1)
DAMAGE: Final = _by_kind(player=10, villager=0, deer=0, wolf=7)
STRIKE_TICKS: Final = _by_kind(player=10, villager=20, deer=20, wolf=20)
"""Ticks before the next strike."""
MEAT: Final = _by_kind(deer=3, wolf=1)
"""Meat that a dead body leaves."""
NPC_KINDS: Final = (VILLAGER, DEER, WOLF)
POPULATION: Final = (900, 900, 200)
"""Villagers, deer and wolves of a world."""

PILE_TICKS: Final = 3_000
"""A pile lies this long; then its goods rot and its coins are lost (burned)."""
DOWN_TICKS_PLAYER: Final = 100
HURT_TICKS_SHOWN: Final = 8
HEAL_TICKS: Final = 40
"""A body on its feet gains one health each so many ticks."""
RESPAWN_TICKS: Final = 400
VILLAGER_COINS: Final = 20

for _kind in (PLAYER, VILLAGER, DEER, WOLF):
    if not (RADIUS_MIN <= RADIUS[_kind] < TILE // 2 and SPEED[_kind] <= SPEED_MAX and MASS[_kind] > 0):
        raise ValueError(f"{NAMES[_kind]}: radius {RADIUS[_kind]}, speed {SPEED[_kind]}, mass {MASS[_kind]} do not fit")
if RADIUS[PILE] >= TILE // 2:
    raise ValueError(f"a pile's radius {RADIUS[PILE]} is half a tile or more")

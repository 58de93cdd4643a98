"""Goods, recipes and rare finds, as data: what features hold, what building costs, what a find may be."""

from typing import Final

import numpy as np

from world.state import GOODS, Int64s
from world.tilemap import BUSH, DOOR, FEATURES, FIELD, FLOOR, GROUND, MUD, ROCK, TREE, WALL, WATER

WOOD: Final = 0
BERRY: Final = 1
STONE: Final = 2
GRAIN: Final = 3
MEAT: Final = 4
HIDE: Final = 5
BREAD: Final = 6
ARROW: Final = 7
BOW: Final = 8
SWORD: Final = 9
COAT: Final = 10
ITEMS: Final = ("wood", "berry", "stone", "grain", "meat", "hide", "bread", "arrow", "bow", "sword", "coat")

# Kinds of asset. The numbers stand in snapshots and in permanent metadata.
FIND: Final = 1
MASTERPIECE: Final = 2
SKIN: Final = 3
PROP: Final = 4
ASSET_KINDS: Final = ("none", "find", "masterpiece", "skin", "prop")

YIELD: Final = {TREE: WOOD, BUSH: BERRY, ROCK: STONE, FIELD: GRAIN}
"""What gathering from a feature gives."""


def _by_feature(tree: int, bush: int, rock: int, field: int) -> Int64s:
    table = np.zeros(len(FEATURES), np.int64)
    table[TREE], table[BUSH], table[ROCK], table[FIELD] = tree, bush, rock, field
    table.setflags(write=False)
    return table


STOCK_MAX: Final = _by_feature(tree=20, bush=6, rock=30, field=12)
REGROW_TICKS: Final = 600
"""Each feature tile regains one piece of stock in so many ticks."""

GATHER_TICKS: Final = 20
BUILD_TICKS: Final = 10
DROP_TICKS: Final = 4

BUILD_ITEM: Final = {WALL: STONE, FLOOR: WOOD, DOOR: WOOD}
BUILD_COST: Final = 2
BUILD_ON: Final = {WALL: (GROUND, MUD, FLOOR), FLOOR: (MUD, WATER), DOOR: (GROUND, MUD, FLOOR)}
BUILD_COINS: Final = 1
"""The builder's fee, burned; who has no coin builds for nothing."""
DIG_GIVES: Final = 1
"""Pieces of what it was made of that a wall, floor or rock leaves when dug away."""

COIN_ODDS: Final = 8
"""One stone in so many hides a coin (minted)."""
COINS_PER_HEAD: Final = 40
"""Stones hide no coin while those who live here have more than so many each: the mint rests when money is plenty."""
FIND_ODDS: Final = 64
"""One gathering in so many is a rare find, while the hour's budget lasts."""
RARITIES: Final = ("common", "uncommon", "rare", "legendary")


def rarity(traits: int) -> int:
    """0..3 from the top byte of the 63 trait bits: 65 % common, 25 % uncommon, 8 % rare, 2 % legendary."""
    top = traits >> 55 & 0xFF
    return 3 if top >= 251 else 2 if top >= 231 else 1 if top >= 167 else 0


if len(ITEMS) != GOODS:
    raise ValueError(f"{len(ITEMS)} items, but a row has {GOODS} columns of goods")

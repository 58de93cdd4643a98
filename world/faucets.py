"""Every way by which goods, coins and assets come into the world and leave it: one table, and who keeps the sums.

Law 12 for everything: what all bodies of a region hold has changed, between any two ticks, by the faucets less the
sinks counted in `State.flows`, and by what crossed its borders. A rule that makes or takes away a thing names its flow
here and calls `flow` (a kernel adds to the array itself). What lies in a tree, rock or field (stock) is no thing yet.
"""

from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from world.state import ARMOUR, COINS, GOODS, GOODS_0, WEAPON, State
from world.things import ASSET_THING, COIN_THING, FLOWS_MAX, THINGS


class Flow(IntEnum):
    """Lines of `State.flows`. The numbers stand in snapshots: never reuse one, add at the end, up to FLOWS_MAX."""

    GATHERED = 0
    HARVESTED = 1
    COIN_IN_STONE = 2
    FOUND = 3
    DUG_UP = 4
    CARCASS = 5
    SETTLED = 6
    CRAFTED = 7
    USED_UP = 8
    BUILT_IN = 9
    BUILDERS_FEE = 10
    ROTTED = 11
    NO_ROOM_TO_LIE = 12
    EATEN = 13
    EATEN_AT_HOME = 14
    WORN_OUT = 15
    SHATTERED = 16
    MADE_AN_ASSET = 17
    BROKEN_UP = 18
    GUILD_CREDIT = 19
    MARKET_DUES = 20
    CAROUSED = 21


class Line(NamedTuple):
    """A faucet (sign 1) or a sink (sign -1): what it is called, what flows, and the rule it belongs to."""

    flow: Flow
    sign: int
    name: str
    what: str
    rule: str


TABLE: Final = (
    Line(Flow.GATHERED, 1, "gathered", "goods from trees, bushes, rocks and fields", "world.economy.gather"),
    Line(Flow.HARVESTED, 1, "harvested", "grain, by villagers at work", "world.villagers.harvest"),
    Line(Flow.COIN_IN_STONE, 1, "coins in stones", "coins", "world.economy.gather"),
    Line(Flow.FOUND, 1, "rare finds", "assets, within the hour's budget", "world.economy.gather"),
    Line(Flow.DUG_UP, 1, "dug up", "stone and wood of walls, floors, doors and rocks", "world.building.dig"),
    Line(Flow.CARCASS, 1, "carcasses", "meat and hide of the dead", "world.combat"),
    Line(Flow.SETTLED, 1, "settlers' purses", "coins and goods of the newborn", "world.genesis, world.births"),
    Line(Flow.CRAFTED, 1, "crafted", "goods made by recipes", "world.crafting"),
    Line(Flow.MADE_AN_ASSET, 1, "masterpieces", "assets made by recipes, within the hour's budget", "world.crafting"),
    Line(Flow.BROKEN_UP, 1, "broken up", "wood of broken crates", "world.crates"),
    Line(Flow.GUILD_CREDIT, 1, "guild's credit", "coins, to traders who have almost none", "world.markets"),
    Line(Flow.MARKET_DUES, -1, "market dues", "coins, of villagers and traders who have many", "world.markets"),
    Line(Flow.CAROUSED, -1, "caroused", "coins that bandits spend in their camps by day", "world.npc"),
    Line(Flow.USED_UP, -1, "used up", "goods that went into what was crafted", "world.crafting"),
    Line(Flow.BUILT_IN, -1, "built in", "stone and wood of walls, floors and doors", "world.building.build"),
    Line(Flow.BUILDERS_FEE, -1, "builders' fees", "coins", "world.building.build"),
    Line(Flow.ROTTED, -1, "rotted", "goods and coins in piles that lay too long", "world.piles.rot"),
    Line(Flow.NO_ROOM_TO_LIE, -1, "lost", "goods and coins of the fallen where no pile had room", "world.combat"),
    Line(Flow.EATEN, -1, "eaten", "food, by players", "world.wounds.eat"),
    Line(Flow.EATEN_AT_HOME, -1, "eaten at home", "grain, by villagers", "world.villagers.live"),
    Line(Flow.WORN_OUT, -1, "worn out", "weapons and armour that broke", "world.equipment"),
    Line(Flow.SHATTERED, -1, "shattered", "arrows and stones that broke where they struck", "world.missiles"),
)
SIGNS: Final = np.zeros(FLOWS_MAX, np.int64)
for _line in TABLE:
    SIGNS[_line.flow] = _line.sign
SIGNS.setflags(write=False)

if len({line.flow for line in TABLE}) != len(TABLE) or len(TABLE) != len(Flow):
    raise ValueError(f"{len(Flow)} flows, but {len(TABLE)} lines in the table of faucets and sinks")


def flow(state: State, line: Flow, thing: int, count: int) -> None:
    """Note that `count` (0 or more) of a thing came in or went by this faucet or sink; things as `world.things`."""
    state.flows[line, thing] += count


def net(flows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """int64[THINGS]: faucets less sinks."""
    totals: npt.NDArray[np.int64] = (SIGNS[:, None] * flows).sum(axis=0)
    return totals


def held_by(bodies: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """int64[THINGS]: what int32[COLUMNS, n] bodies hold, what they have in use included; assets are not in columns."""
    held = np.zeros(THINGS, np.int64)
    held[:GOODS] = bodies[GOODS_0 : GOODS_0 + GOODS].sum(axis=1, dtype=np.int64)
    held[COIN_THING] = bodies[COINS].sum(dtype=np.int64)
    for column in (WEAPON, ARMOUR):
        held[:GOODS] += np.bincount(bodies[column], minlength=GOODS + 1)[1 : GOODS + 1]
    return held


def holdings(state: State) -> npt.NDArray[np.int64]:
    """int64[THINGS]: what all bodies of a region hold, piles, crates and missiles included."""
    held = held_by(state.rows[:, : state.used])
    held[ASSET_THING] = state.assets_used
    return held

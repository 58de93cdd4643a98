"""Goods and coins on the ground: a pile is a body that pushes nothing, is picked up whole, and rots in time."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from world.borders import room_for_births
from world.faucets import Flow, flow
from world.kinds import PILE
from world.species import HEALTH_MAX, PILE_TICKS
from world.state import COINS, GOODS, GOODS_0, HEALTH, KIND, MODE_TICKS, Counter, Int64s, State, X, Y
from world.things import COIN_THING
from world.units import COINS_MAX, GOODS_MAX, TILE

MERGE_DISTANCE: Final = TILE // 2
"""What is laid this near to a pile joins it."""


def lay(state: State, x: int, y: int, goods: Sequence[int], coins: int) -> int:
    """Lay goods and coins at a place (Q16), on a pile there or on a new one; its id, or 0 when there is no room."""
    for row in _piles_near(state, x, y):
        sums = state.rows[GOODS_0 : GOODS_0 + GOODS, row] + np.array(goods, np.int64)
        if sums.max() <= GOODS_MAX and int(state.rows[COINS, row]) + coins <= COINS_MAX:
            state.rows[GOODS_0 : GOODS_0 + GOODS, row] = sums
            state.rows[COINS, row] += coins
            state.rows[MODE_TICKS, row] = PILE_TICKS
            return int(state.ids[row])
    if room_for_births(state) == 0:
        return 0
    pile = state.new_id()
    row = state.take_row(pile)
    state.rows[KIND, row], state.rows[HEALTH, row] = PILE, HEALTH_MAX[PILE]
    state.rows[X, row], state.rows[Y, row] = x, y
    state.rows[MODE_TICKS, row] = PILE_TICKS
    state.rows[GOODS_0 : GOODS_0 + GOODS, row] = goods
    state.rows[COINS, row] = coins
    return pile


def _piles_near(state: State, x: int, y: int) -> list[int]:
    rows = state.rows[:, : state.used]
    near = (rows[KIND] == PILE) & (abs(rows[X] - x) < MERGE_DISTANCE) & (abs(rows[Y] - y) < MERGE_DISTANCE)
    return [int(row) for row in np.flatnonzero(near)]


def lost(state: State, goods: list[int], coins: int) -> None:
    """Goods and coins that no pile had room for are gone."""
    state.counters[Counter.COINS_BURNED] += coins
    flow(state, Flow.NO_ROOM_TO_LIE, COIN_THING, coins)
    for item, count in enumerate(goods):
        flow(state, Flow.NO_ROOM_TO_LIE, item, count)


def rot(state: State, over: Int64s) -> None:
    """Take away the piles of these rows; the coins in them are burned."""
    for row in over.tolist():
        coins = int(state.rows[COINS, row])
        state.counters[Counter.COINS_BURNED] += coins
        state.flows[Flow.ROTTED, COIN_THING] += coins
        state.flows[Flow.ROTTED, :GOODS] += state.rows[GOODS_0 : GOODS_0 + GOODS, row]
        state.free_row(int(state.ids[row]))

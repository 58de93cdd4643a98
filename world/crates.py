"""Crates: bodies that stand where they are put, are pushed (heavier than anyone), hold goods, and can be broken.

Goods are put into a crate by giving them to it; they come out when it is broken, as a pile with some of its wood.
"""

from typing import Final

from world import piles
from world.births import stand_near
from world.events import Event, Kind
from world.faucets import Flow, flow
from world.items import WOOD
from world.kinds import CRATE
from world.species import HEALTH_MAX
from world.state import COINS, GOODS, GOODS_0, HEALTH, KIND, X, Y
from world.turn import Turn
from world.units import GOODS_MAX, TILE

CRATE_WOOD: Final = 3
"""Wood that a broken crate leaves: half of what it took."""


def stand(turn: Turn, row: int) -> int:
    """Put a new crate on the nearest free tile beside a body; its id, or 0 when there is no room for it."""
    state = turn.state
    place = stand_near(state, int(state.rows[X, row]) // TILE, int(state.rows[Y, row]) // TILE)
    if place is None:
        return 0
    crate = state.new_id()
    at = state.take_row(crate)
    state.rows[KIND, at], state.rows[HEALTH, at] = CRATE, HEALTH_MAX[CRATE]
    state.rows[X, at], state.rows[Y, at] = (tile * TILE + TILE // 2 for tile in place)
    return crate


def broken(turn: Turn, row: int, breaker: int) -> None:
    """A crate falls to pieces: what it held, and some of its wood, lies there."""
    state, rows = turn.state, turn.state.rows
    crate, x, y = int(state.ids[row]), int(rows[X, row]), int(rows[Y, row])
    goods, coins = [int(count) for count in rows[GOODS_0 : GOODS_0 + GOODS, row]], int(rows[COINS, row])
    wood = min(CRATE_WOOD, GOODS_MAX - goods[WOOD])
    goods[WOOD] += wood
    state.free_row(crate)
    flow(state, Flow.BROKEN_UP, WOOD, wood)
    turn.events.append(Event(Kind.BROKEN, crate, breaker, x // TILE, y // TILE))
    if not piles.lay(state, x, y, goods, coins):
        piles.lost(state, goods, coins)

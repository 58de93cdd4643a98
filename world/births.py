"""Where a new body appears, and with what: players on their first login, NPCs at genesis and in place of the dead."""

from typing import Final

import numpy as np
from numba import njit

from world.borders import room_for_births
from world.draws import DURATION, below
from world.events import Event, Kind
from world.faucets import Flow, flow
from world.kinds import PLAYER, pushes
from world.prices import TRADED
from world.routes import MARKET
from world.species import COINS_OF, GOODS_OF, HEALTH_OF, RESPAWN_TICKS, ROUTINE_OF, TRADE
from world.state import (
    COINS,
    FACING,
    GOAL_X,
    GOAL_Y,
    GOODS_0,
    HEALTH,
    HOME_X,
    HOME_Y,
    KIND,
    MODE_TICKS,
    NEXT_X,
    NEXT_Y,
    OWED_HOME_X,
    OWED_HOME_Y,
    OWED_KIND,
    OWED_TICKS,
    OWED_WORK_X,
    OWED_WORK_Y,
    WORK_X,
    WORK_Y,
    Bytes2,
    Counter,
    Int32s,
    Int64s,
    State,
    X,
    Y,
)
from world.things import COIN_THING
from world.units import OWED_MAX, TILE
from world.walls import is_blocked

SEARCH_TILES: Final = 12
FIRST_MODE_TICKS: Final = 600
"""A newborn NPC changes what it does after up to so many ticks, so that not all do it at once."""


@njit(cache=True)
def _free_tile(
    rows: Int32s, used: int, blocked: Bytes2, window_x: int, window_y: int, land: Int64s, at_x: int, at_y: int
) -> tuple[int, int]:
    """The nearest tile of the land (by rings, then rows) that is open and holds no body; else the nearest open one."""
    open_x = at_x
    open_y = at_y
    any_open = False
    for ring in range(SEARCH_TILES + 1):
        for ty in range(at_y - ring, at_y + ring + 1):
            for tx in range(at_x - ring, at_x + ring + 1):
                if max(abs(tx - at_x), abs(ty - at_y)) != ring or is_blocked(blocked, window_x, window_y, tx, ty):
                    continue
                if tx < land[0] or ty < land[1] or tx >= land[2] or ty >= land[3]:
                    continue
                if not any_open:
                    any_open = True
                    open_x = tx
                    open_y = ty
                x = (tx << 16) + TILE // 2
                y = (ty << 16) + TILE // 2
                taken = False
                for i in range(used):
                    if (
                        pushes(rows[KIND, i])
                        and abs(rows[X, i] - x) < TILE * 3 // 4
                        and abs(rows[Y, i] - y) < TILE * 3 // 4
                    ):
                        taken = True
                        break
                if not taken:
                    return tx, ty
    return open_x, open_y


def stand_near(state: State, x: int, y: int) -> tuple[int, int] | None:
    """The nearest open tile of the land with nobody on it for something to stand on, or None: no tile, or no row."""
    if room_for_births(state) == 0:
        return None
    left, top = state.window
    at_x, at_y = _free_tile(state.rows, state.used, state.blocked, left, top, state.land_box, x, y)
    if is_blocked(state.blocked, left, top, at_x, at_y) or not state.has_tile(at_x, at_y):
        return None
    return at_x, at_y


def born(state: State, entity: int, kind: int, home: tuple[int, int], work: tuple[int, int]) -> tuple[int, int]:
    """Give a new body a row near its home (tiles); the tile where it stands. OverflowError when the region is full."""
    left, top = state.window
    x, y = _free_tile(state.rows, state.used, state.blocked, left, top, state.land_box, home[0], home[1])
    rows, row = state.rows, state.take_row(entity)
    rows[KIND, row] = kind
    rows[X, row], rows[Y, row] = x * TILE + TILE // 2, y * TILE + TILE // 2
    rows[HEALTH, row] = state.species[HEALTH_OF, kind]
    rows[HOME_X, row], rows[HOME_Y, row] = home
    rows[WORK_X, row], rows[WORK_Y, row] = work
    rows[GOAL_X, row], rows[GOAL_Y, row] = x, y
    rows[NEXT_X, row], rows[NEXT_Y, row] = x, y
    if kind != PLAYER:
        rows[FACING, row] = below(entity, 0, entity, DURATION, 8)
        rows[MODE_TICKS, row] = 1 + below(0, entity, entity, DURATION, FIRST_MODE_TICKS)
        _fit_out(state, row, kind)
    return x, y


def _fit_out(state: State, row: int, kind: int) -> None:
    """A newborn's purse, and for a trader the two markets that are his."""
    coins, goods = int(state.species[COINS_OF, kind]), int(state.species[GOODS_OF, kind])
    if coins:
        state.rows[COINS, row] = coins
        state.counters[Counter.COINS_MINTED] += coins
        flow(state, Flow.SETTLED, COIN_THING, coins)
    if goods:
        for item in TRADED:
            state.rows[GOODS_0 + item, row] = goods
            flow(state, Flow.SETTLED, item, goods)
    markets = state.goals[state.goals[:, 2] == MARKET, :2].astype(np.int64) if len(state.goals) else state.goals
    if state.species[ROUTINE_OF, kind] == TRADE and len(markets) > 1:
        home, work = state.rows[[HOME_X, HOME_Y], row], state.rows[[WORK_X, WORK_Y], row]
        near = np.argsort(((markets - home) ** 2).sum(axis=1), kind="stable")
        state.rows[[HOME_X, HOME_Y], row] = markets[near[0]]
        if (work == home).all() or not (markets == work).all(axis=1).any():
            state.rows[[WORK_X, WORK_Y], row] = markets[near[1]]


def player_born(state: State, entity: int, spawn: int) -> Event:
    """A new player at the region's spawn of that number, counted round. OverflowError when births have no room left."""
    if room_for_births(state) == 0:
        raise OverflowError(f"no room for player {entity} among {len(state.index)} bodies")
    if len(state.spawns):
        place = int(state.spawns[spawn % len(state.spawns), 0]), int(state.spawns[spawn % len(state.spawns), 1])
    else:
        place = (state.land[0] + state.land[2]) // 2, (state.land[1] + state.land[3]) // 2
    x, y = born(state, entity, PLAYER, place, place)
    return Event(Kind.BORN, entity, PLAYER, x, y)


def owe(state: State, kind: int, home: tuple[int, int], work: tuple[int, int]) -> None:
    """Note that an NPC died, so that another is born in time; beyond OWED_MAX it is not replaced."""
    if len(state.owed) < OWED_MAX:
        waiting = int(state.owed[:, OWED_TICKS].sum())
        line = np.array([[kind, *home, *work, max(0, RESPAWN_TICKS - waiting)]], np.int32)
        state.owed = np.concatenate([state.owed, line])


def pay_births(state: State) -> list[Event]:
    """One tick of waiting; at most one, the oldest that is due, is born if there is room."""
    owed = state.owed
    if not len(owed):
        return []
    if owed[0, OWED_TICKS] > 0:
        owed[0, OWED_TICKS] -= 1
        return []
    if room_for_births(state) == 0:
        return []
    line = [int(v) for v in owed[0]]
    state.owed = owed[1:].copy()
    kind, entity = line[OWED_KIND], state.new_id()
    x, y = born(state, entity, kind, (line[OWED_HOME_X], line[OWED_HOME_Y]), (line[OWED_WORK_X], line[OWED_WORK_Y]))
    return [Event(Kind.BORN, entity, kind, x, y)]

"""Ways that many share: one flow field for each market and camp of the world, in every region's window.

A field is a function of the region's map and of what the way costs from the window's edge on, which was found on the
whole map when the world began. The map that the fields are made of follows the real one in steps, one field at a time,
so that no tick pays for all of them: `State.routes` keeps, for each tile, whether it is solid in the map of the step
that is ending (bit 0) and of the one that is coming (bit 1); which of the two a field is made of follows from the tick.
So a restored state has the same fields. Doors open and close, and the fields follow.

Not here: who walks where (`world.npc`), the fields themselves (`world.flow_fields`).
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

from world.flow_fields import UNREACHED, flow_field, spread, ways_down
from world.state import Bytes2, Counter, Int32s, State
from world.tilemap import TileMap, solid
from world.units import ROUTE_CELLS_MAX, ROUTE_STEP_TICKS, ROUTES_MAX

MARKET: Final = 0
CAMP: Final = 1
ENDING: Final = 1
COMING: Final = 2


def shared_goals(tilemap: TileMap) -> Int32s:
    """int32[n, 3] of x, y, MARKET or CAMP: the tiles that have a field each, as many as the limits allow."""
    kinds = np.repeat((MARKET, CAMP), (len(tilemap.markets), len(tilemap.camps)))
    goals = np.concatenate([tilemap.markets, tilemap.camps]).reshape(-1, 2)
    goals = np.concatenate([goals, kinds[:, None]], axis=1).astype(np.int32)
    return goals[: min(ROUTES_MAX, max(2, ROUTE_CELLS_MAX // tilemap.terrain.size))]


def way_costs(tilemap: TileMap, goals: Int32s, window: tuple[int, int], shape: tuple[int, int]) -> Int32s:
    """int32[goals, edge tiles]: what the way to each goal costs from each tile of a window's edge, on the whole map."""
    walkable = solid(tilemap.terrain, tilemap.feature)
    xs, ys = edge_tiles(shape)
    costs = np.full((len(goals), len(xs)), UNREACHED, np.int32)
    for k in range(len(goals)):
        costs[k] = flow_field(walkable, goals[k : k + 1, :2])[ys + window[1], xs + window[0]]
    return costs


def edge_tiles(shape: tuple[int, int]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """x and y of a window's edge: its first row, its last row, then the two ends of every other row."""
    height, width = shape
    across, down = np.arange(width), np.arange(1, max(height - 1, 1))
    xs = np.concatenate([across, across, np.zeros(len(down), np.int64), np.full(len(down), width - 1)])
    ys = np.concatenate([np.zeros(width, np.int64), np.full(width, height - 1), down, down])
    return xs, ys


def begin(state: State) -> None:
    """The first fields of a new state."""
    state.routes = state.blocked * np.uint8(ENDING | COMING)
    rebuild(state)


def rebuild(state: State) -> None:
    """All fields, from what the state keeps: after decoding."""
    height, width = state.terrain.shape
    state.ways = np.zeros((len(state.goals), height, width), np.uint8)
    last = int(state.counters[Counter.TICK] - 1) % ROUTE_STEP_TICKS
    for k in range(len(state.goals)):
        state.ways[k] = _field(state, k, COMING if last >= _slot(k) else ENDING)


def routes_problem(state: State) -> str:
    """What is wrong with goals, edges or routes that came from outside, or ""."""
    width, height = state.world_size
    for x, y, kind in state.goals.tolist():
        if not (0 <= x < width and 0 <= y < height and kind in (MARKET, CAMP)):
            return f"a shared goal of kind {kind} at ({x}, {y}) in a world of {width} x {height}"
    if state.edges.size and int(state.edges.min()) < 0:
        return f"a way that costs {int(state.edges.min())}"
    if int(state.routes.max()) > (ENDING | COMING):
        return f"a tile of the ways is {int(state.routes.max())}"
    return ""


def refresh(state: State) -> None:
    """One tick: at a step's end take the map as it is now; in between make at most one field anew."""
    if not len(state.goals):
        return
    at = int(state.counters[Counter.TICK]) % ROUTE_STEP_TICKS
    if at == 0:
        state.routes = np.asarray((state.routes >> 1 & ENDING) | state.blocked * np.uint8(COMING), np.uint8)
    elif at % 2 == 0 and at // 2 - 1 < len(state.goals) and _changing(state.routes):
        k = at // 2 - 1
        state.ways[k] = _field(state, k, COMING)


def _slot(k: int) -> int:
    """The tick of a step at which field k is made anew."""
    return 2 * (k + 1)


@njit(cache=True)
def _changing(routes: Bytes2) -> bool:
    """Whether the map of the step that is coming differs from that of the one that is ending."""
    changed = np.uint8(0)
    for y in range(routes.shape[0]):
        for x in range(routes.shape[1]):
            changed |= routes[y, x] >> 1 ^ routes[y, x]
    return bool(changed & 1)


def _field(state: State, k: int, which: int) -> Bytes2:
    walkable = (state.routes & which != 0).astype(np.uint8)
    xs, ys = edge_tiles(state.terrain.shape)
    goal = state.goals[k, :2] - np.array(state.window, np.int32)
    costs = np.concatenate([np.zeros(1, np.int32), state.edges[k]])
    places = np.concatenate([goal[None, :], np.stack([xs, ys], axis=1)]).astype(np.int32)
    known = costs != UNREACHED
    costs, places = costs[known], places[known]
    order = np.argsort(costs, kind="stable")
    field = spread(walkable, np.ascontiguousarray(places[order]), np.ascontiguousarray(costs[order]))
    return ways_down(walkable, field)

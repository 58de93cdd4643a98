"""The first state of a region: its cut of the map, and those who live on it."""

from collections.abc import Iterable, Sequence

import numpy as np

from world.births import born
from world.borders import rows_reserved
from world.items import STOCK_MAX
from world.kinds import DEER, VILLAGER, WOLF
from world.routes import begin, shared_goals, way_costs
from world.species import (
    BUILT_IN,
    CAMPS,
    COUNT_OF,
    HOMES,
    LIVES_OF,
    MARKETS,
    MEADOWS,
    POPULATION,
    ROUTINE_OF,
    TRADE,
    WOODS,
    WORK,
    npc_kinds,
    species_problem,
)
from world.state import Counter, Int64s, State
from world.tilemap import Points, TileMap
from world.units import FINDS_PER_HOUR, HOUR_TICKS, WINDOW_TILES

Rectangle = tuple[int, int, int, int]


def genesis(
    tilemap: TileMap,
    land: Rectangle,
    borders: Sequence[Rectangle],
    region_index: int,
    regions: int,
    npcs: tuple[int, int, int] | None = None,
) -> State:
    """The region `land` of a new world at tick 0 of era 1.

    `borders` are the neighbours' rectangles in the order of the partition, `regions` how many regions share the world.
    `npcs` are the villagers, deer and wolves of the whole world (`species.POPULATION` by default); each lives in the
    region whose land holds its spawn. ValueError when more of them live here than a region has rows for.
    """
    x0, y0, x1, y1 = land
    if not (0 <= x0 < x1 <= tilemap.width and 0 <= y0 < y1 <= tilemap.height):
        raise ValueError(f"land {land} is empty or leaves the map of {tilemap.width} x {tilemap.height}")
    left, top = max(0, x0 - WINDOW_TILES), max(0, y0 - WINDOW_TILES)
    right, bottom = min(tilemap.width, x1 + WINDOW_TILES), min(tilemap.height, y1 + WINDOW_TILES)
    feature = tilemap.feature[top:bottom, left:right].copy()
    state = State(
        land=land,
        world_size=(tilemap.width, tilemap.height),
        borders=tuple(borders),
        window=(left, top),
        terrain=tilemap.terrain[top:bottom, left:right].copy(),
        feature=feature,
        stock=STOCK_MAX[feature].astype(np.uint8),
        spawns=_within(tilemap.player_spawns, land),
    )
    budget = FINDS_PER_HOUR // regions + (FINDS_PER_HOUR % regions if region_index == 0 else 0)
    counters = state.counters
    counters[Counter.ERA], counters[Counter.REGION] = 1, region_index
    counters[Counter.FINDS_BUDGET] = counters[Counter.FINDS_LEFT] = budget
    counters[Counter.FINDS_TICKS_LEFT] = HOUR_TICKS
    # A copy, writable as a decoded one is: kernels are compiled for either sort of array anew.
    state.species = (tilemap.species if tilemap.species.size else BUILT_IN).copy()
    if problem := species_problem(state.species):
        raise ValueError(problem)
    state.goals = shared_goals(tilemap)
    state.edges = way_costs(tilemap, state.goals, state.window, state.terrain.shape)
    begin(state)
    counts = dict(zip((VILLAGER, DEER, WOLF), POPULATION if npcs is None else npcs, strict=True))
    for kind in npc_kinds(state.species):
        others = int(state.species[COUNT_OF, kind]) * sum(counts.values()) // sum(POPULATION)
        _settle(state, kind, _places(tilemap, state.species, kind, counts.get(kind, others)))
    return state


def _places(tilemap: TileMap, species: Int64s, kind: int, count: int) -> Iterable[tuple[Points, Points]]:
    """(home, work) of each of a species, in order, wherever on the map."""
    lists = {HOMES: tilemap.homes, MEADOWS: tilemap.deer_spawns, WOODS: tilemap.wolf_spawns}
    homes = (lists | {MARKETS: tilemap.markets, CAMPS: tilemap.camps})[int(species[LIVES_OF, kind])]
    routine, markets = int(species[ROUTINE_OF, kind]), tilemap.markets
    for i in range(count if len(homes) else 0):
        home = homes[i % len(homes)]
        if routine == WORK and len(tilemap.fields):
            yield home, tilemap.fields[i % len(tilemap.fields)]
        elif routine == TRADE and len(markets) > 1:
            near = np.argsort(((markets.astype(np.int64) - home) ** 2).sum(axis=1), kind="stable")
            yield home, markets[near[1 + i // len(homes) % min(3, len(markets) - 1)]]
        else:
            yield home, home


def _within(points: Points, land: Rectangle) -> Points:
    x0, y0, x1, y1 = land
    inside = (points[:, 0] >= x0) & (points[:, 0] < x1) & (points[:, 1] >= y0) & (points[:, 1] < y1)
    return np.ascontiguousarray(points[inside])


def _settle(state: State, kind: int, places: Iterable[tuple[Points, Points]]) -> None:
    """Give each (home, work) in the land a body of this kind, in order."""
    for home, work in places:
        home_x, home_y = int(home[0]), int(home[1])
        if not state.has_tile(home_x, home_y):
            continue
        if state.free_rows() <= rows_reserved(state):
            raise ValueError(f"more than {len(state.index)} NPCs live on {state.land}: a region has no rows for them")
        entity = state.new_id()
        born(state, entity, kind, (home_x, home_y), (int(work[0]), int(work[1])))

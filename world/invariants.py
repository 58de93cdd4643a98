"""What must hold after every tick; raises, so that `python -O` cannot switch it off. And what a region holds.

`check` is for tests, for `decode` and for whoever wants to know at once; a tick does not need it.
"""

import numpy as np

from world.borders import read_image
from world.kinds import CRATE, GHOST, MISSILE, PILE, PLAYER
from world.ranges import TICKS_MAX, columns_problem
from world.species import KINDS
from world.state import (
    ASSET_HOLDER,
    ASSET_ID,
    ASSET_KIND,
    ASSET_TRAITS,
    COINS,
    DOWN_TICKS,
    HEALTH,
    KIND,
    OWED_HOME_X,
    OWED_HOME_Y,
    OWED_KIND,
    OWED_TICKS,
    Counter,
    State,
    X,
    Y,
)
from world.tilemap import FEATURES, TERRAINS
from world.units import BORDER_MARGIN, OWED_MAX, TILE, WORLD_TILES_MAX


class InvariantError(Exception):
    """A state that no rule may leave behind; the message names the row and the numbers."""


def check(state: State) -> None:
    """Raise InvariantError, with the numbers, unless the state is one that the rules can leave behind."""
    _check_rows(state)
    _check_assets(state)
    _check_land(state)


def _fail(unless: bool, problem: str) -> None:
    if not unless:
        raise InvariantError(problem)


def _check_rows(state: State) -> None:
    ids = state.ids
    taken = np.flatnonzero(ids)
    _fail(bool((ids >= 0).all()), f"a negative id, {int(ids.min())}")
    _fail(len(np.unique(ids[taken])) == len(taken), f"an id twice among {len(taken)} bodies")
    last = int(taken[-1]) + 1 if len(taken) else 0
    _fail(last == state.used, f"used is {state.used}, expected {last}")
    index = {int(ids[row]): int(row) for row in taken}
    _fail(index == state.index, f"index has {len(state.index)} entries that do not match {len(index)} ids")
    free = np.flatnonzero(ids == 0)
    _fail(not state.rows[:, free].any(), "a free row is not all zero")
    bodies = state.rows[:, taken]
    problem = columns_problem(bodies)
    _fail(not problem, problem)
    _fail(bool((bodies[KIND] < KINDS).all()), "an unknown kind of body")
    x0, y0, x1, y1 = (v * TILE for v in state.land)
    x, y = bodies[X], bodies[Y]
    out = (x < x0 - BORDER_MARGIN) | (x >= x1 + BORDER_MARGIN) | (y < y0 - BORDER_MARGIN) | (y >= y1 + BORDER_MARGIN)
    if out.any():
        at = int(np.flatnonzero(out)[0])
        raise InvariantError(f"body {int(ids[taken[at]])} at ({int(x[at])}, {int(y[at])}) is off the land {state.land}")
    dead = (bodies[HEALTH] == 0) & (bodies[DOWN_TICKS] == 0)
    _fail(not dead.any(), f"{int(dead.sum())} bodies without health stand")


def _check_assets(state: State) -> None:
    assets = state.assets[:, : state.assets_used]
    _fail(not state.assets[:, state.assets_used :].any(), "an asset beyond assets_used")
    _fail(bool((assets[ASSET_ID] > 0).all()), "an asset without id")
    _fail(len(np.unique(assets[ASSET_ID])) == assets.shape[1], f"an asset twice among {assets.shape[1]}")
    _fail(bool((assets[ASSET_TRAITS] >= 0).all()), "an asset with negative traits")
    _fail(bool(((assets[ASSET_KIND] >= 1) & (assets[ASSET_KIND] <= 15)).all()), "an asset of unknown kind")
    for holder in np.unique(assets[ASSET_HOLDER]):
        row = state.row(int(holder))
        _fail(row >= 0, f"holder {int(holder)} of an asset is not here")
        _fail(int(state.rows[KIND, row]) == PLAYER, f"holder {int(holder)} of an asset is no player")


def _check_land(state: State) -> None:
    shape = state.terrain.shape
    _fail(state.feature.shape == shape and state.stock.shape == shape, "the layers of the window differ in shape")
    _fail(int(state.terrain.max()) < len(TERRAINS), f"terrain code {int(state.terrain.max())}")
    _fail(int(state.feature.max()) < len(FEATURES), f"feature code {int(state.feature.max())}")
    _fail(bool((state.counters >= 0).all()), f"a negative counter: {state.counters.tolist()}")
    budget, left = int(state.counters[Counter.FINDS_BUDGET]), int(state.counters[Counter.FINDS_LEFT])
    _fail(left <= budget, f"{left} finds left of a budget of {budget}")
    _fail(len(state.owed) <= OWED_MAX, f"{len(state.owed)} births owed, the limit is {OWED_MAX}")
    if len(state.owed):
        owed = state.owed
        places_fit = bool((owed >= 0).all() and (owed[:, 1:OWED_TICKS] < WORLD_TILES_MAX).all())
        _fail(places_fit and bool((owed[:, OWED_TICKS] <= TICKS_MAX).all()), "an owed birth is out of range")
        homes = owed[:, [OWED_HOME_X, OWED_HOME_Y]]
        here = bool((homes >= state.land[:2]).all() and (homes < state.land[2:]).all())
        _fail(here, "a birth is owed at a home off the land")
        _fail(
            bool(
                (
                    (owed[:, OWED_KIND] > PLAYER)
                    & ~np.isin(owed[:, OWED_KIND], (PILE, GHOST, CRATE, MISSILE))
                    & (owed[:, OWED_KIND] < KINDS)
                ).all()
            ),
            "an owed birth of no NPC",
        )


def holdings(state: State) -> tuple[int, list[int]]:
    """(coins in all rows, ids of all assets in rising order): what the law of conservation counts."""
    coins = int(state.rows[COINS, : state.used].sum(dtype=np.int64))
    return coins, sorted(int(v) for v in state.assets[ASSET_ID, : state.assets_used])


def holdings_of(image: bytes) -> tuple[int, list[int]]:
    """(coins, asset ids) in the image of a body on its way; ValueError for any bytes that are not one."""
    read = read_image(image)
    return int(read.columns[COINS]), [asset for asset, _, _ in read.assets]

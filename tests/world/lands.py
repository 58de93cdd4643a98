"""Small regions for tests: a flat land with walls where one wants them, and bodies put at a place."""

from collections.abc import Iterable

import numpy as np

from world.births import born
from world.genesis import genesis
from world.state import HOME_X, HOME_Y, KIND, State, X, Y
from world.tick import Inputs, Outputs, advance
from world.tilemap import GROUND, NONE, TileMap, make_map
from world.units import TILE

Rectangle = tuple[int, int, int, int]


def key(number: int) -> bytes:
    """A key of draws for a tick of a test."""
    return number.to_bytes(32, "big")


def flat_map(width: int, height: int) -> TileMap:
    return make_map(
        np.full((height, width), GROUND, np.uint8),
        np.full((height, width), NONE, np.uint8),
        player_spawns=[(width // 2, height // 2)],
    )


def flat(width: int = 64, height: int = 64, land: Rectangle | None = None, borders: Iterable[Rectangle] = ()) -> State:
    """A region of open ground without anybody."""
    return genesis(flat_map(width, height), land or (0, 0, width, height), list(borders), 0, 1)


def two_halves() -> tuple[State, State]:
    """Two regions of 32 x 32 tiles, side by side: west is x < 32."""
    tiles = flat_map(64, 32)
    west, east = (0, 0, 32, 32), (32, 0, 64, 32)
    return genesis(tiles, west, [east], 0, 2), genesis(tiles, east, [west], 1, 2)


def put(state: State, kind: int, x: float, y: float, **columns: int) -> int:
    """A new body at (x, y) in tiles, e.g. 3.5; other columns by name as `world.state` has them, in lower case."""
    import world.state as names

    entity = state.new_id()
    born(state, entity, kind, (int(x), int(y)), (int(x), int(y)))
    row = state.row(entity)
    state.rows[X, row], state.rows[Y, row] = round(x * TILE), round(y * TILE)
    for name, value in columns.items():
        state.rows[getattr(names, name.upper()), row] = value
    return entity


def place(state: State, entity: int) -> tuple[float, float]:
    """Where a body stands, in tiles."""
    row = state.index[entity]
    return int(state.rows[X, row]) / TILE, int(state.rows[Y, row]) / TILE


def column(state: State, entity: int, at: int) -> int:
    return int(state.rows[at, state.index[entity]])


def run(state: State, ticks: int, first: int = 0, **inputs: object) -> list[Outputs]:
    """Advance with the same inputs (but for the key) each tick."""
    return [advance(state, Inputs(key(first + n), **inputs)) for n in range(ticks)]  # type: ignore[arg-type]


def count(state: State, kind: int) -> int:
    return int((state.rows[KIND, : state.used] == kind).sum())


def home(state: State, entity: int) -> tuple[int, int]:
    return column(state, entity, HOME_X), column(state, entity, HOME_Y)

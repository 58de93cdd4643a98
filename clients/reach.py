"""What the own body can act on from where it stands: who is near, what can be gathered, which tile is within reach.

A convenience for the one who plays: the region judges every action by its own places. Distances are in tiles.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import numpy as np

from clients.draw.camera import Camera
from clients.view import UNKNOWN, Bodies, View
from world.items import ITEMS, YIELD
from world.kinds import CRATE, DEER, FIRST_SPECIES, PILE, PLAYER, VILLAGER, WOLF
from world.shown import LOOK_DOWN
from world.species import KINDS, NAMES
from world.tilemap import DOOR, DOORWAY, FEATURES
from world.units import REACH, STRIKE_REACH, TILE

REACH_TILES: Final = REACH / TILE
STRIKE_TILES: Final = STRIKE_REACH / TILE
BEASTS: Final = (WOLF, DEER, *(kind for kind in range(FIRST_SPECIES, KINDS) if NAMES[kind] not in ("trader", "guard")))
PEOPLE: Final = (PLAYER, VILLAGER)
POINTED_TILES: Final = 0.8  # a pointer this near to a body's middle means it


@dataclass(frozen=True)
class Body:
    """A body near the own one."""

    entity: int
    kind: int
    far: float


@dataclass(frozen=True)
class Work:
    """A tile to gather from, and what it gives (`world.items`)."""

    x: int
    y: int
    item: int

    @property
    def words(self) -> str:
        return ITEMS[self.item]


def own_place(bodies: Bodies) -> tuple[float, float] | None:
    """Where the own body is drawn, in tiles; None while it is not shown."""
    return None if bodies.own < 0 else (float(bodies.x[bodies.own]), float(bodies.y[bodies.own]))


def nearest_body(bodies: Bodies, kinds: tuple[int, ...], reach: float) -> Body | None:
    """The nearest other body of these kinds within reach; who lies on the ground does not count."""
    place = own_place(bodies)
    if place is None:
        return None
    far = np.hypot(bodies.x - place[0], bodies.y - place[1])
    down = (bodies.kind != PILE) & ((bodies.look & LOOK_DOWN) != 0)
    wanted = np.isin(bodies.kind, kinds) & ~down & (far <= reach)
    wanted[bodies.own] = False
    rows = np.flatnonzero(wanted)
    if not len(rows):
        return None
    row = int(rows[np.argmin(far[rows])])
    return Body(int(bodies.ids[row]), int(bodies.kind[row]), float(far[row]))


def to_strike(bodies: Bodies) -> Body | None:
    """Whom a blow would hit: beasts before people, people before crates, the nearest first."""
    near = nearest_body(bodies, BEASTS, STRIKE_TILES) or nearest_body(bodies, PEOPLE, STRIKE_TILES)
    return near or nearest_body(bodies, (CRATE,), STRIKE_TILES)


def to_gather(view: View, bodies: Bodies, without: Collection[tuple[int, int]] = ()) -> Work | None:
    """The nearest tile within reach that gives something and is not one of those without."""
    place = own_place(bodies)
    if place is None:
        return None
    best: tuple[float, Work] | None = None
    height, width = view.feature.shape
    for y in range(max(int(place[1] - REACH_TILES), 0), min(int(place[1] + REACH_TILES) + 1, height)):
        for x in range(max(int(place[0] - REACH_TILES), 0), min(int(place[0] + REACH_TILES) + 1, width)):
            work, far = work_at(view, x, y), tile_far(place, x, y)
            if work is None or far > REACH_TILES or (x, y) in without:
                continue
            if best is None or far < best[0]:
                best = far, work
    return best[1] if best is not None else None


def nearest_door(view: View, bodies: Bodies) -> tuple[int, int, bool] | None:
    """The nearest door within reach: its tile, and whether it is shut."""
    place = own_place(bodies)
    if place is None:
        return None
    y0, x0 = max(int(place[1] - REACH_TILES), 0), max(int(place[0] - REACH_TILES), 0)
    near = view.terrain[y0 : int(place[1] + REACH_TILES) + 1, x0 : int(place[0] + REACH_TILES) + 1]
    doors = [(x + x0, y + y0) for y, x in np.argwhere((near == DOOR) | (near == DOORWAY)).tolist()]
    doors = [door for door in doors if tile_far(place, *door) <= REACH_TILES]
    if not doors:
        return None
    x, y = min(doors, key=lambda door: tile_far(place, *door))
    return x, y, bool(view.terrain[y, x] == DOOR)


def work_at(view: View, x: int, y: int) -> Work | None:
    """What a tile gives, if it gives something."""
    height, width = view.feature.shape
    if not (0 <= x < width and 0 <= y < height) or view.terrain[y, x] == UNKNOWN:
        return None
    item = YIELD.get(int(view.feature[y, x]) % len(FEATURES))
    return None if item is None else Work(x, y, item)


def tile_far(place: tuple[float, float], x: int, y: int) -> float:
    """How far the middle of a tile is."""
    return math.hypot(x + 0.5 - place[0], y + 0.5 - place[1])


def on_map(view: View, x: int, y: int) -> bool:
    """Whether the world has such a tile."""
    height, width = view.terrain.shape
    return 0 <= x < int(width) and 0 <= y < int(height)


def pointed_at(bodies: Bodies, camera: Camera, pixel: tuple[int, int]) -> Body | None:
    """The body under the pointer, but not the own one; its distance is that from the pointer."""
    if not len(bodies.ids):
        return None
    x, y = (pixel[0] + camera.left) / camera.tile, (pixel[1] + camera.top) / camera.tile
    far = np.hypot(bodies.x - x, bodies.y - 0.4 - y)  # a sprite stands on its place
    if bodies.own >= 0:
        far[bodies.own] = np.inf
    row = int(np.argmin(far))
    if far[row] > POINTED_TILES:
        return None
    return Body(int(bodies.ids[row]), int(bodies.kind[row]), float(far[row]))

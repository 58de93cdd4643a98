"""Every body as one row of fixed-width integer columns; create, copy and free a row.

`rows[COLUMN, i]` is int32, `ids[i]` int64 (0: the row is free and all its columns are 0). Only the first `used` rows
may be taken. A body's goods, coins and columns travel with it in a handover; assets name their holder by id and travel
too. No column holds a tick number or a row number: neither means anything in another region.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from world.pathfinding import Scratch, make_scratch
from world.species import BUILT_IN
from world.things import FLOWS_MAX, GOODS_KINDS, THINGS
from world.tilemap import opaque, solid
from world.units import ASSETS_PER_REGION, PATH_RADIUS, REGION_ROWS
from world.walls import update_walls, walls_around

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Bytes2 = npt.NDArray[np.uint8]
Bytes3 = npt.NDArray[np.uint8]

# Columns.
KIND: Final = 0
X: Final = 1
Y: Final = 2
VX: Final = 3
VY: Final = 4
INTENT_X: Final = 5  # -127..127: where a player wants to go
INTENT_Y: Final = 6
FACING: Final = 7  # 0..7, 0 = east, clockwise (y grows downwards)
HEALTH: Final = 8
COOLDOWN: Final = 9  # ticks left before the next strike, gathering, building
HOP: Final = 10  # handovers so far: of two images of one id the higher is true
MODE: Final = 11  # what an NPC is doing (world.habits)
MODE_TICKS: Final = 12  # ticks left in it
HOME_X: Final = 13  # tile
HOME_Y: Final = 14
WORK_X: Final = 15
WORK_Y: Final = 16
GOAL_X: Final = 17
GOAL_Y: Final = 18
PATH_STEPS: Final = 19  # steps left of the path, 0..32
PATH_0: Final = 20  # steps as nibbles 0..7 (directions as FACING), the next one in the low nibble of PATH_0
PATH_1: Final = 21
PATH_2: Final = 22
PATH_3: Final = 23
NEXT_X: Final = 24  # the tile of the path it walks to now; the steps left lead on from there
NEXT_Y: Final = 25
DOWN_TICKS: Final = 26  # ticks left before a fallen body stands again
HURT_TICKS: Final = 27  # ticks left in which it shows a wound
COINS: Final = 28
GOODS_0: Final = 29  # the first of world.items.ITEMS; one column each
GOODS: Final = GOODS_KINDS
WEAPON: Final = GOODS_0 + GOODS  # 1 + the item in hand, which is not in the purse; 0: none
ARMOUR: Final = WEAPON + 1  # 1 + the item worn
SKIN_0: Final = WEAPON + 2  # the id of the skin worn, an asset: low and high half; 0: none
SKIN_1: Final = WEAPON + 3
COLUMNS: Final = WEAPON + 4

# Columns of a door.
DOOR_X: Final = 0
DOOR_Y: Final = 1
DOOR_OWNER: Final = 2  # who built it and may lock it: entity id, 0 nobody
DOOR_LOCKED: Final = 3
DOOR_COLUMNS: Final = 4

# Columns of an offer: what its maker gives for what the other gives. An item is its number + 1, 0 none.
OFFER_ID: Final = 0
OFFER_FROM: Final = 1
OFFER_TO: Final = 2
OFFER_TICKS_LEFT: Final = 3
GIVES_COINS: Final = 4
GIVES_ITEM: Final = 5
GIVES_COUNT: Final = 6
GIVES_ASSET: Final = 7
WANTS_COINS: Final = 8
WANTS_ITEM: Final = 9
WANTS_COUNT: Final = 10
WANTS_ASSET: Final = 11
OFFER_COLUMNS: Final = 12

# Columns of a birth owed for a dead NPC: where it will live, and when.
OWED_KIND: Final = 0
OWED_HOME_X: Final = 1
OWED_HOME_Y: Final = 2
OWED_WORK_X: Final = 3
OWED_WORK_Y: Final = 4
OWED_TICKS: Final = 5  # ticks to wait after the birth owed before it
OWED_COLUMNS: Final = 6

# Asset columns.
ASSET_ID: Final = 0
ASSET_HOLDER: Final = 1  # entity id
ASSET_KIND: Final = 2
ASSET_TRAITS: Final = 3  # 63 bits from which traits and picture are drawn
ASSET_COLUMNS: Final = 4


class Counter(IntEnum):
    """Indices into `State.counters`."""

    TICK = 0
    NEXT_ID = 1  # ids made here so far in this era
    ERA = 2
    REGION = 3  # index in the partition, in every id made here
    COINS_MINTED = 4
    COINS_BURNED = 5
    ASSETS_MINTED = 6
    FINDS_LEFT = 7  # of this hour's budget
    FINDS_TICKS_LEFT = 8  # until the budget is filled again
    FINDS_BUDGET = 9  # this region's share of FINDS_PER_HOUR
    COUNT = 10


def make_id(era: int, region: int, number: int) -> int:
    """An entity or asset id: era in bits 48..62, region index in 36..47, number in 0..35. Never reused, in any era."""
    if not (1 <= era < 1 << 15 and 0 <= region < 1 << 12 and 1 <= number < 1 << 36):
        raise OverflowError(f"no id for era {era}, region {region}, number {number}")
    return era << 48 | region << 36 | number


@dataclass
class State:
    """One region as arrays.

    `land` is the region's rectangle in tiles (x0, y0, x1, y1), half open. `terrain`, `feature` and `stock` (goods left
    in a feature) are uint8[h, w] windows whose corner is `window` = (x, y): the land and up to WINDOW_TILES around it.
    `borders` are the neighbours' rectangles, in the order of the partition; events, ghosts and departures name a
    neighbour by its index in it. `spawns` are the tiles where new players appear, int32[n, 2]; `owed` the births that
    replace dead NPCs, int32[n, OWED_COLUMNS], the oldest first; `doors` int64[n, DOOR_COLUMNS] those of the land, as
    they were built; `flows` int64[FLOWS_MAX, THINGS] the sums of every faucet and sink (world.faucets);
    `species` int64[SPECIES_LINES, KINDS] who lives here (world.species); `goals` int32[n, 3] the markets and camps,
    `edges` int32[n, edge tiles] and `routes` uint8[h, w] what their flow fields are made of (world.routes); `offers`
    int64[n, OFFER_COLUMNS] the open offers of trade. What follows `index` is derived and never encoded.
    """

    land: tuple[int, int, int, int]
    world_size: tuple[int, int]
    borders: tuple[tuple[int, int, int, int], ...]
    window: tuple[int, int]
    terrain: Bytes2
    feature: Bytes2
    stock: Bytes2
    rows: Int32s = field(default_factory=lambda: np.zeros((COLUMNS, REGION_ROWS), np.int32))
    ids: Int64s = field(default_factory=lambda: np.zeros(REGION_ROWS, np.int64))
    used: int = 0
    assets: Int64s = field(default_factory=lambda: np.zeros((ASSET_COLUMNS, ASSETS_PER_REGION), np.int64))
    assets_used: int = 0
    counters: Int64s = field(default_factory=lambda: np.zeros(Counter.COUNT, np.int64))
    spawns: Int32s = field(default_factory=lambda: np.zeros((0, 2), np.int32))
    owed: Int32s = field(default_factory=lambda: np.zeros((0, OWED_COLUMNS), np.int32))
    doors: Int64s = field(default_factory=lambda: np.zeros((0, DOOR_COLUMNS), np.int64))
    flows: Int64s = field(default_factory=lambda: np.zeros((FLOWS_MAX, THINGS), np.int64))
    species: Int64s = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    goals: Int32s = field(default_factory=lambda: np.zeros((0, 3), np.int32))
    edges: Int32s = field(default_factory=lambda: np.zeros((0, 0), np.int32))
    routes: Bytes2 = field(default_factory=lambda: np.zeros((0, 0), np.uint8))
    offers: Int64s = field(default_factory=lambda: np.zeros((0, OFFER_COLUMNS), np.int64))
    index: dict[int, int] = field(default_factory=dict)  # id -> row
    blocked: Bytes2 = field(init=False)  # 1 where no body can be
    opaque: Bytes2 = field(init=False)  # 1 where nobody sees through
    walls: Bytes2 = field(init=False)  # which tiles around each are blocked
    land_box: Int64s = field(init=False)  # `land` and `borders` as the kernels take them
    border_boxes: Int64s = field(init=False)
    paths: Scratch = field(init=False)
    ways: Bytes3 = field(init=False)  # the flow fields of `goals` as directions (world.routes)

    def __post_init__(self) -> None:
        self.blocked = solid(self.terrain, self.feature)
        self.opaque = opaque(self.terrain, self.feature)
        self.walls = walls_around(self.blocked)
        self.land_box = np.array(self.land, np.int64)
        self.border_boxes = np.array(self.borders, np.int64).reshape(len(self.borders), 4)
        self.paths = make_scratch(PATH_RADIUS)
        self.ways = np.zeros((0, *self.terrain.shape), np.uint8)
        if not self.species.size:
            self.species = BUILT_IN.copy()
        if not self.routes.size:
            self.routes = np.zeros(self.terrain.shape, np.uint8)

    def has_tile(self, x: int, y: int) -> bool:
        """Whether a tile of the world lies in this region's land."""
        return self.land[0] <= x < self.land[2] and self.land[1] <= y < self.land[3]

    def set_tile(self, x: int, y: int, terrain: int, feature: int, stock: int) -> None:
        """Change a tile of the window, given by its place in the world; `blocked`, `opaque` and `walls` follow."""
        tx, ty = x - self.window[0], y - self.window[1]
        at = slice(ty, ty + 1), slice(tx, tx + 1)
        self.terrain[at], self.feature[at], self.stock[at] = terrain, feature, stock
        self.blocked[at] = solid(self.terrain[at], self.feature[at])
        self.opaque[at] = opaque(self.terrain[at], self.feature[at])
        update_walls(self.blocked, self.walls, tx, ty)

    def row(self, entity: int) -> int:
        """The row of an entity, or -1."""
        return self.index.get(entity, -1)

    def free_rows(self) -> int:
        """How many rows are free."""
        return len(self.ids) - len(self.index)

    def new_id(self) -> int:
        """The next id of this region and era."""
        self.counters[Counter.NEXT_ID] += 1
        c = self.counters
        return make_id(int(c[Counter.ERA]), int(c[Counter.REGION]), int(c[Counter.NEXT_ID]))

    def take_row(self, entity: int) -> int:
        """Give the lowest free row to an entity. OverflowError when the region is full, ValueError if it is here."""
        if entity in self.index:
            raise ValueError(f"entity {entity} is here already, in row {self.index[entity]}")
        if len(self.index) == self.used:
            if self.used == len(self.ids):
                raise OverflowError(f"all {self.used} rows are taken")
            row = self.used
            self.used += 1
        else:
            row = int(np.argmin(self.ids[: self.used] != 0))
        self.ids[row] = entity
        self.index[entity] = row
        return row

    def free_row(self, entity: int) -> None:
        """Free an entity's row; its columns become 0. Raises KeyError when it is not here."""
        row = self.index.pop(entity)
        self.ids[row] = 0
        self.rows[:, row] = 0
        while self.used and self.ids[self.used - 1] == 0:
            self.used -= 1

    def reindex(self) -> None:
        """Rebuild `index` from `ids`, as after decoding."""
        self.index = {int(self.ids[row]): int(row) for row in np.flatnonzero(self.ids[: self.used])}

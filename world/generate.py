"""The built-in world, grown from a seed: lakes, a river, woods and crags; then villages, roads and fields.

Integers only, by an own hash, so that a seed gives the same bytes on every machine and under every numpy. Every open
tile of the finished map can be reached from every other. Not here: what lives on the map (`world.tick`).
"""

import numpy as np
import numpy.typing as npt

from world.flow_fields import UNREACHED, flow_field, flow_step
from world.land import Grid, Land, Mask, Tiles, Village, grown, hashed, lowest, noise
from world.pathfinding import STEP_X, STEP_Y
from world.tilemap import BRIDGE, BUSH, FIELD, GROUND, MUD, NONE, ROCK, TREE, WALL, WATER, TileMap, make_map, solid
from world.villages import found_villages, lay_fields, lay_roads, pave

SIDE_MIN = 96
SIDE_MAX = 1024
"""Larger worlds are drawn, not generated: beyond this the roads would take too long."""
DEER_PER_MILLION_TILES = 13_740
WOLVES_PER_MILLION_TILES = 3_060
"""900 deer and 200 wolves on 256 x 256 tiles."""
SPAWNS_PER_VILLAGE = 32
POCKET_MIN = 30
"""An enclosed piece of at least so many tiles is opened, a smaller one planted over."""


def generate(seed: int, width: int = 256, height: int = 256) -> TileMap:
    """The world of this seed. Raises ValueError for a side below `SIDE_MIN` or above `SIDE_MAX`.

    `homes` and `fields` go round the villages in turn, and both lengths are multiples of the number of villages:
    so homes[i % len(homes)] and fields[i % len(fields)] belong to one village. Deer stand in herds of 15,
    wolves in packs of 5; player spawns go round the villages, which lie in every quarter of the map.
    """
    for name, side in (("width", width), ("height", height)):
        if not SIDE_MIN <= side <= SIDE_MAX:
            raise ValueError(f"world {name} is {side} tiles: expected {SIDE_MIN} to {SIDE_MAX}")
    land = Land(seed, width, height)
    _lay_water(land)
    _grow_woods(land)
    found_villages(land)
    lay_roads(land)
    lay_fields(land)
    _soften_shores(land)
    _close_pockets(land)
    return _finish(land)


def _lay_water(land: Land) -> None:
    """Lakes in the hollows, a river from the north to the south edge, and a tributary from one side."""
    land.terrain[lowest(noise(land.seed, 1, land.xs, land.ys, (64, 32, 16, 8)), 6)] = WATER
    bend = noise(land.seed, 2, np.zeros(1, np.int64), np.arange(land.height), (96, 40, 18)) - 32768
    wide = noise(land.seed, 3, np.zeros(1, np.int64), np.arange(land.height), (24,))
    land.course = land.width * (42 + land.seed % 17) // 100 + bend * land.width // 110_000
    before = int(land.course[0])
    for y in range(land.height):
        after = int(land.course[y])
        for x in range(min(before, after), max(before, after) + 1):
            _flood(land, x, y, 5 + int(wide[y]) * 8 // 65536)
        before = after
    _tributary(land)


def _tributary(land: Land) -> None:
    bend = noise(land.seed, 4, np.arange(land.width), np.zeros(1, np.int64), (64, 28, 14)) - 32768
    rows = np.clip(land.height * (30 + land.seed // 7 % 40) // 100 + bend * land.height // 130_000, 0, land.height - 1)
    side = range(land.width) if land.seed & 1 else range(land.width - 1, -1, -1)
    before = int(rows[side[0]])
    for x in side:
        after = int(rows[x])
        if (x > land.course[after]) == bool(land.seed & 1):
            return
        for y in range(min(before, after), max(before, after) + 1):
            _flood(land, x, y, 3)
        before = after


def _flood(land: Land, x: int, y: int, area: int) -> None:
    """Water on what lies within the square root of `area` around (x, y)."""
    reach = 0
    while (reach + 1) ** 2 <= area:
        reach += 1
    x0, x1 = max(0, x - reach), min(land.width, x + reach + 1)
    y0, y1 = max(0, y - reach), min(land.height, y + reach + 1)
    if x0 < x1 and y0 < y1:
        near = (land.xs[y0:y1, x0:x1] - x) ** 2 + (land.ys[y0:y1, x0:x1] - y) ** 2 <= area
        land.terrain[y0:y1, x0:x1][near] = WATER


def _grow_woods(land: Land) -> None:
    """Woods in clumps with ways between them and clearings; crags with rubble; a rim of rock round the map."""
    seed, xs, ys = land.seed, land.xs, land.ys
    moist = noise(seed, 5, xs, ys, (48, 24, 12))
    clump = noise(seed, 6, xs, ys, (6, 3))
    chance = hashed(seed, 7, xs, ys)
    clearing = lowest(noise(seed, 23, xs, ys, (20, 9)), 15)
    core, wood, fringe = (lowest(-moist, percent) & ~clearing for percent in (18, 32, 42))
    dense = 5_000 + fringe * 9_000 + wood * 10_000 + core * 6_000
    sparse = fringe * 2_000 + wood * 6_000 + core * 4_000
    land.feature[(clump + chance // 4 < dense) | (chance < sparse)] = TREE
    shrubs = (clump > 45_000) & (chance > 58_000) | (fringe & (chance > 63_000)) | (chance > 65_200)
    land.feature[shrubs & (land.feature == NONE)] = BUSH
    edge = np.minimum(np.minimum(xs, land.width - 1 - xs), np.minimum(ys, land.height - 1 - ys))
    rim = noise(seed, 8, xs, ys, (12, 6)) >> 14
    crags = lowest(-noise(seed, 9, xs, ys, (40, 12, 6)), 3)
    rubble = grown(grown(crags)) & (chance % 7 < 2)
    land.feature[crags | rubble | (edge <= rim) | (chance % 1500 == 77)] = ROCK
    land.feature[land.terrain == WATER] = NONE


def _soften_shores(land: Land) -> None:
    """Fords of mud across the river where no bridge is near, and mud along the water."""
    for stretch in range(20, land.height - 20, 45):
        y = stretch + int(hashed(land.seed, 14, stretch, 0)) % 20
        x = int(land.course[y])
        columns = slice(max(0, x - 14), max(0, x + 15))
        if not (land.terrain[y - 6 : y + 7, columns] == BRIDGE).any():
            ford = (land.terrain[y - 2 : y + 3, columns] == WATER) & ~land.town[y - 2 : y + 3, columns]
            land.terrain[y - 2 : y + 3, columns][ford] = MUD
    shore = noise(land.seed, 15, land.xs, land.ys, (10, 5))
    near = (land.terrain == WATER) & ~land.town
    for reach in range(3):
        near = grown(near)
        bare = (land.terrain == GROUND) & (land.feature != FIELD) & ~land.town
        land.terrain[near & bare & (shore > 20_000 + 9_000 * reach)] = MUD


def _close_pockets(land: Land) -> None:
    """Plants trees in the nooks that nobody could get to, having opened a way into the larger ones.

    A village that stands alone is first given a straight road.
    """
    first, reach = land.villages[0], _reach(land)
    for village in land.villages[1:]:
        if reach[village.y, village.x + 2] == UNREACHED:
            pave(land, first.x, first.y, first.x, village.y)
            pave(land, first.x, village.y, village.x, village.y)
            reach = _reach(land)
    firm = ((land.terrain == WATER) | (land.terrain == WALL)).astype(np.uint8)
    way_out = flow_field(firm, np.ascontiguousarray(np.argwhere(reach != UNREACHED)[:, ::-1], np.int32))
    for pocket in _pockets((reach == UNREACHED) & (solid(land.terrain, land.feature) == 0)):
        _, y, x = min((int(way_out[y, x]), y, x) for x, y in pocket)
        while len(pocket) >= POCKET_MIN and (step := flow_step(firm, way_out, x, y)) >= 0:
            x, y = x + int(STEP_X[step]), y + int(STEP_Y[step])
            land.feature[y : y + 2, x : x + 2][firm[y : y + 2, x : x + 2] == 0] = NONE
    land.feature[(_reach(land) == UNREACHED) & (solid(land.terrain, land.feature) == 0)] = TREE


def _pockets(lost: Mask) -> list[Tiles]:
    """The connected pieces of a mask. Straight steps suffice: a diagonal one needs both tiles beside it open."""
    left = dict.fromkeys((int(x), int(y)) for y, x in np.argwhere(lost))
    pieces = []
    while left:
        piece = [left.popitem()[0]]
        for x, y in piece:
            for tile in ((x + 1, y), (x, y + 1), (x - 1, y), (x, y - 1)):
                if tile in left:
                    del left[tile]
                    piece.append(tile)
        pieces.append(piece)
    return pieces


def _reach(land: Land) -> npt.NDArray[np.int32]:
    first = land.villages[0]
    return flow_field(solid(land.terrain, land.feature), np.array([[first.x + 2, first.y]], np.int32))


def _finish(land: Land) -> TileMap:
    open_tiles = solid(land.terrain, land.feature) == 0
    wild = open_tiles & (land.terrain == GROUND) & (land.feature != FIELD)
    woods = wild & grown(grown(land.feature == TREE))
    area = land.width * land.height
    gates = [_outside(land, village, open_tiles) for village in land.villages]
    homes = [_kept(land, 16, tiles, open_tiles) for tiles in land.homes]
    fields = [_kept(land, 17, tiles, open_tiles) or gate for tiles, gate in zip(land.fields, gates, strict=True)]
    rounds = max(map(len, gates))
    return make_map(
        land.terrain,
        land.feature,
        homes=_in_turn(homes),
        fields=_in_turn(fields),
        player_spawns=list(dict.fromkeys(gate[k] for k in range(rounds) for gate in gates if k < len(gate))),
        deer_spawns=_away(land, wild, (12, 3), 15, 19, area * DEER_PER_MILLION_TILES // 10**6),
        wolf_spawns=_away(land, woods, (25, 3), 5, 20, area * WOLVES_PER_MILLION_TILES // 10**6),
        markets=[(village.x + 2, village.y) for village in land.villages],
        camps=_away(land, woods, (20, 6), 1, 25, max(2, len(land.villages) // 2)),
    )


def _outside(land: Land, village: Village, open_tiles: Mask) -> Tiles:
    """Open tiles before a village's gates."""
    part = land.around(village, village.radius + 5)
    across, down = abs(land.xs[part] - village.x), abs(land.ys[part] - village.y)
    gate = (np.minimum(across, down) <= 3) & (np.maximum(across, down) > village.radius + 1)
    ys, xs = np.nonzero(gate & open_tiles[part])
    return _shuffled(land, 24, xs + part[1].start, ys + part[0].start)[:SPAWNS_PER_VILLAGE]


def _shuffled(land: Land, salt: int, xs: Grid, ys: Grid) -> Tiles:
    order = np.lexsort((xs, ys, hashed(land.seed, salt, xs, ys)))
    return [(int(x), int(y)) for x, y in zip(xs[order], ys[order], strict=True)]


def _kept(land: Land, salt: int, tiles: Tiles, open_tiles: Mask) -> Tiles:
    kept = np.array([(x, y) for x, y in tiles if open_tiles[y, x]], np.int64).reshape(-1, 2)
    return _shuffled(land, salt, kept[:, 0], kept[:, 1])


def _in_turn(lists: list[Tiles]) -> Tiles:
    """One list that goes round the villages; who has fewer tiles than another begins again."""
    return [tiles[k % len(tiles)] for k in range(max(map(len, lists))) for tiles in lists]


def _away(land: Land, where: Mask, margins: tuple[int, int], size: int, salt: int, wanted: int) -> Tiles:
    """Groups at the first margin round the villages, or on a crowded little map at the second."""
    found: Tiles = []
    for margin in margins:
        free = where.copy()
        for village in land.villages:
            free[land.around(village, village.radius + margin)] = False
        found = found or _groups(land, free, size, salt, wanted)
    return found


def _groups(land: Land, where: Mask, size: int, salt: int, wanted: int) -> Tiles:
    """Distinct tiles, `size` near each other and then as many elsewhere, until there are as many as wanted.

    Only squares of 16 x 16 tiles with ample room get any, so a herd never stands in a row along a border.
    """
    ys, xs = np.nonzero(where)
    block = (ys // 16) * (land.width // 16 + 1) + xs // 16
    roomy = np.bincount(block, minlength=1)[block] >= 4 * size
    ys, xs, block = ys[roomy], xs[roomy], block[roomy]
    order = np.lexsort((xs, ys, hashed(land.seed, salt, xs, ys), block))
    ys, xs, block = ys[order], xs[order], block[order]
    first = np.r_[0, np.flatnonzero(np.diff(block)) + 1] if len(block) else np.zeros(0, np.int64)
    rank = np.arange(len(block)) - np.repeat(first, np.diff(np.r_[first, len(block)]))
    order = np.lexsort((rank, hashed(land.seed, salt + 100, block, rank // size), rank // size))[:wanted]
    return [(int(x), int(y)) for x, y in zip(xs[order], ys[order], strict=True)]

"""Where people live on a grown map: walled villages, their houses, the roads that join them, their fields."""

import heapq
from itertools import pairwise

import numpy as np

from world.land import Grid, Land, Mask, Tiles, Village, grown, hashed
from world.tilemap import BRIDGE, BUSH, FIELD, FLOOR, GROUND, NONE, ROCK, TREE, WALL, WATER

SECTOR = 80
"""One village to about this many tiles each way, and at least two rows and columns of villages."""

Ends = dict[int, tuple[int, int]]
"""The coarse squares where a road may end, and the tile before the gate that each stands for."""

_ROAD_GRID = 4


def found_villages(land: Land) -> None:
    """One village in each sector, on its best site."""
    columns, rows = max(2, land.width // SECTOR), max(2, land.height // SECTOR)
    small = min(land.width // columns, land.height // rows) < 56
    radius = 12 if small else 17
    bad = (land.terrain == WATER).astype(np.int64) * 8 + (land.feature == ROCK) * 3 + (land.feature == TREE)
    sums = np.pad(bad.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    for row in range(rows):
        for column in range(columns):
            x0, x1 = land.width * column // columns, land.width * (column + 1) // columns
            y0, y1 = land.height * row // rows, land.height * (row + 1) // rows
            land.villages.append(_best_site(land, sums, x0, y0, x1, y1, radius))
    for number, village in enumerate(land.villages):
        _build_village(land, number, village)


def _best_site(land: Land, sums: Grid, x0: int, y0: int, x1: int, y1: int, radius: int) -> Village:
    """The driest, most open site in a sector, of equal ones the first by rows."""
    wide, tall = min(radius + 9, (x1 - x0) // 2), min(radius + 3, (y1 - y0) // 2)
    ys = np.arange(y0 + tall, max(y1 - tall, y0 + tall + 1))[:, None]
    xs = np.arange(x0 + wide, max(x1 - wide, x0 + wide + 1))[None, :]
    inside = sums[ys + tall, xs + wide] - sums[ys - tall, xs + wide]
    cost = inside - sums[ys + tall, xs - wide] + sums[ys - tall, xs - wide]
    at = int(np.argmin(cost * 65536 + hashed(land.seed, 10, xs, ys)))
    return Village(int(xs[0, at % xs.shape[1]]), int(ys[at // xs.shape[1], 0]), radius)


def _build_village(land: Land, number: int, village: Village) -> None:
    """A wall with four gates, streets, a plaza with a well, and as many houses as find room."""
    radius, part = village.radius, land.around(village, village.radius + 3)
    across, down = abs(land.xs[part] - village.x), abs(land.ys[part] - village.y)
    shape = int(hashed(land.seed, 22, number, 0)) % 3 if radius > 12 else 2
    far = _far(across, down, shape)
    terrain, feature = land.terrain[part], land.feature[part]
    land.town[part] |= far <= radius + 2
    land.inside[part] |= far <= radius + 1
    feature[far <= radius + 2] = NONE
    terrain[far <= radius + 1] = GROUND
    terrain[(far <= radius) & (far > radius - 1)] = WALL
    street = (far <= radius + 1) & ((across <= 1) | (down <= 1))
    terrain[street | (across**2 + down**2 <= 11 + number % 3 * 4)] = FLOOR
    land.terrain[village.y, village.x] = WATER
    land.homes.append([])
    free = np.zeros_like(land.town)
    free[part] = (far <= radius - 1) & (terrain == GROUND)
    for quarter in range(4):
        _build_quarter(land, village, free, number * 4 + quarter)
    garden = hashed(land.seed, 21, land.xs[part], land.ys[part])
    feature[free[part] & (garden < 9000)] = BUSH
    lawn = ~grown(~free[part] | (feature == BUSH))
    feature[lawn & (garden > 30_000)] = TREE


def _far(across: Grid, down: Grid, shape: int) -> Grid:
    """How far tiles are from a village's middle, rounded up: by circles (a little wider), octagons, or
    squares with cut corners."""
    if shape == 0:
        squares = np.arange(int(across.max()) + int(down.max()) + 1, dtype=np.int64) ** 2
        return np.asarray(np.searchsorted(squares, (across**2 + down**2) * 15 // 17), dtype=np.int64)
    cut = (across + down) * (181, 152)[shape - 1] // 256
    return np.asarray(np.maximum(np.maximum(across, down), cut))


def _build_quarter(land: Land, village: Village, free: Mask, quarter: int) -> None:
    """Houses of different sizes between two streets, the ones near the plaza first, an alley round each."""
    east, south = (1, 1, -1, -1)[quarter % 4], (1, -1, 1, -1)[quarter % 4]
    corners = [(dx, dy) for dx in range(3, village.radius - 4) for dy in range(3, village.radius - 4)]
    draws = hashed(land.seed, 11, quarter, np.arange(len(corners))).tolist()
    order = sorted((dx + dy + draw % 3, draw >> 2, dx, dy) for (dx, dy), draw in zip(corners, draws, strict=True))
    for _, draw, dx, dy in order:
        x0, x1 = sorted((village.x + east * dx, village.x + east * (dx + 4 + draw % 3)))
        y0, y1 = sorted((village.y + south * dy, village.y + south * (dy + 4 + draw // 4 % 2)))
        if free[y0 - 1 : y1 + 2, x0 - 1 : x1 + 2].all():
            _build_house(land, x0, y0, x1, y1, (east, 0) if dx <= dy else (0, south))
            free[y0 : y1 + 1, x0 : x1 + 1] = False


def _build_house(land: Land, x0: int, y0: int, x1: int, y1: int, facing: tuple[int, int]) -> None:
    """Walls around a floor, with a doorway of two tiles on the side of the street: `facing` points away from it."""
    land.terrain[y0 : y1 + 1, x0 : x1 + 1] = WALL
    land.terrain[y0 + 1 : y1, x0 + 1 : x1] = FLOOR
    middle_x, middle_y = (x0 + x1) // 2, (y0 + y1) // 2
    if facing[0]:
        land.terrain[middle_y : middle_y + 2, x0 if facing[0] > 0 else x1] = FLOOR
    else:
        land.terrain[y0 if facing[1] > 0 else y1, middle_x : middle_x + 2] = FLOOR
    land.homes[-1] += [(x, y) for y in range(y0 + 1, y1) for x in range(x0 + 1, x1)]


def lay_roads(land: Land) -> None:
    """Joins the villages, nearest first, into one network, then adds the short links that close rings."""
    joined = [0]
    links: list[tuple[int, int]] = []
    while len(joined) < len(land.villages):
        rest = [v for v in range(len(land.villages)) if v not in joined]
        _, a, b = min((_apart(land, a, b), a, b) for a in joined for b in rest)
        links.append((a, b))
        joined.append(b)
    for a in range(len(land.villages)):
        near = sorted((_apart(land, a, b), b) for b in range(len(land.villages)) if b != a)[:3]
        links += [(a, b) for _, b in near if (a, b) not in links and (b, a) not in links]
    for a, b in links:
        _road(land, land.villages[a], land.villages[b])


def _apart(land: Land, a: int, b: int) -> int:
    return (land.villages[a].x - land.villages[b].x) ** 2 + (land.villages[a].y - land.villages[b].y) ** 2


def _road(land: Land, a: Village, b: Village) -> None:
    """The cheapest way on a coarse grid from any gate to any gate, rounded off and drawn two tiles wide."""
    step = _ROAD_GRID
    rows, columns = land.height // step, land.width // step
    cost = _road_costs(land)
    ends = {(gy // step * columns + gx // step): (gx, gy) for gx, gy in _gates(land, b)}
    starts = {(gy // step * columns + gx // step): (gx, gy) for gx, gy in _gates(land, a)}
    came = dict.fromkeys(starts, -1)
    queue = [(0, node) for node in sorted(starts)]
    paid = dict.fromkeys(starts, 0)
    while queue:
        so_far, node = heapq.heappop(queue)
        if so_far > paid[node]:
            continue
        if node in ends:
            _draw_road(land, (starts, ends), came, node, a, b)
            return
        row, column = divmod(node, columns)
        for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
            y, x = row + dy, column + dx
            if not (0 <= y < rows and 0 <= x < columns):
                continue
            there = y * columns + x
            if cost[y, x] < 0 and there not in ends:
                continue
            total = so_far + abs(int(cost[y, x])) * (14 if dx and dy else 10)
            if total < paid.get(there, 1 << 60):
                paid[there], came[there] = total, node
                heapq.heappush(queue, (total, there))


def _road_costs(land: Land) -> Grid:
    """What a coarse square costs a road: bridges much, crags something, an old road little; -1 in towns."""
    step = _ROAD_GRID
    rows, columns = land.height // step, land.width // step
    tile = 4 + (land.terrain == WATER) * 9 + (land.feature == ROCK) * 4 + (land.feature == TREE)
    tile = np.where(land.terrain == FLOOR, 1, tile).astype(np.int64)
    squares = (rows, step, columns, step)
    cost = tile[: rows * step, : columns * step].reshape(squares).sum(axis=(1, 3))
    ys, xs = np.mgrid[0:rows, 0:columns].astype(np.int64)
    cost += hashed(land.seed, 12, xs, ys) * 40 >> 16
    town = land.town[: rows * step, : columns * step].reshape(squares).any(axis=(1, 3))
    return np.asarray(np.where(town, -1, cost))


def _gates(land: Land, village: Village) -> list[tuple[int, int]]:
    """Where roads may end: a few tiles outside each gate that is not too near the edge of the map."""
    out = village.radius + 5
    ends = [(village.x + dx * out, village.y + dy * out) for dx, dy in ((1, 0), (0, 1), (-1, 0), (0, -1))]
    return [(x, y) for x, y in ends if 4 <= x < land.width - 4 and 4 <= y < land.height - 4]


def _draw_road(land: Land, ends: tuple[Ends, Ends], came: dict[int, int], node: int, a: Village, b: Village) -> None:
    columns = land.width // _ROAD_GRID
    end, middle = ends[1][node], []
    while came[node] != -1:
        node = came[node]
        middle.append((node % columns * _ROAD_GRID + 2, node // columns * _ROAD_GRID + 2))
    start = ends[0][node]
    bend = [(x * 16, y * 16) for x, y in [end, *middle[:-1], start]]
    for _ in range(2):
        cut = [bend[0]]
        for (px, py), (qx, qy) in pairwise(bend):
            cut += [((3 * px + qx) // 4, (3 * py + qy) // 4), ((px + 3 * qx) // 4, (py + 3 * qy) // 4)]
        bend = [*cut, bend[-1]]
    points = [(b.x, b.y), end, *((x // 16, y // 16) for x, y in bend), start, (a.x, a.y)]
    for (px, py), (qx, qy) in pairwise(points):
        pave(land, px, py, qx, qy)


def pave(land: Land, px: int, py: int, qx: int, qy: int) -> None:
    """A straight piece of road; over water it is a bridge, and inside a town wall the streets are already there."""
    length = max(abs(qx - px), abs(qy - py), 1)
    for k in range(length + 1):
        x, y = px + (qx - px) * k // length, py + (qy - py) * k // length
        part = (slice(max(0, y), y + 2), slice(max(0, x), x + 2))
        free = ~land.inside[part]
        land.terrain[part][free] = BRIDGE
        land.feature[part][free] = NONE


def lay_fields(land: Land) -> None:
    """About five plots beside the gates of each village, in rows with a furrow to walk in."""
    for number, village in enumerate(land.villages):
        tiles: Tiles = []
        for plot in range(8):
            if hashed(land.seed, 13, number, plot) % 8 < 5:
                tiles += _sow(land, village, plot)
        land.fields.append(tiles)


def _sow(land: Land, village: Village, plot: int) -> Tiles:
    out = village.radius + 4
    sx, sy = (1, 1, -1, -1)[plot % 4], (1, -1, 1, -1)[plot % 4]
    tiles: Tiles = []
    for along in range(9):
        for beside in range(8):
            dx, dy = (out + along, 3 + beside) if plot < 4 else (3 + beside, out + along)
            x, y = village.x + sx * dx, village.y + sy * dy
            if not (4 <= x < land.width - 4 and 4 <= y < land.height - 4) or land.town[y, x]:
                continue
            if land.terrain[y, x] == GROUND:
                furrow = along % 3 == 2
                land.feature[y, x] = NONE if furrow else FIELD
                tiles += [] if furrow else [(x, y)]
    return tiles

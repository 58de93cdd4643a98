"""Map files from disk: any orthogonal Tiled map (.tmx), and the Moving AI benchmarks' .map and .scen.

Tiled: a tile says what it is by its own properties, set once in the tileset: `terrain` (ground, water, mud, wall, floor
or bridge), `feature` (none, tree, bush, rock, field), and the booleans `solid` or `collides`; or by such a word as its
class. Layers are laid on each other in file order, hidden ones included: a tile with a terrain replaces what
lies below it, one with a feature alone stands on it, a solid one is a wall, one expressly not solid is a floor. Other
tiles change nothing, and what no tile marks is ground. Objects whose class or name is home, field, player, deer, wolf,
market or camp are places to begin; a rectangle or ellipse stands for all tiles it covers. Layer offsets are not
applied.

Files are read with the limits of `clients.tiled`; `MapError` says what cannot be used and why.
"""

import re
import xml.etree.ElementTree as etree
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from clients.tiled import GID, MapError, RawLayer, integer, layers_of, raw_layers, read_file, read_xml
from clients.tiled_marks import KEEP, Marks, Place, spawn_places, tile_marks
from world.flow_fields import UNREACHED, flow_field
from world.generate import DEER_PER_MILLION_TILES, WOLVES_PER_MILLION_TILES
from world.land import hashed
from world.tilemap import (
    FIELD,
    GROUND,
    LISTS,
    MUD,
    NONE,
    POINTS_MAX,
    TREE,
    WALL,
    WATER,
    Bytes2D,
    TileMap,
    make_map,
    solid,
)
from world.units import WORLD_TILES_MAX

__all__ = ["Loaded", "MapError", "Scenario", "load_map", "load_scen", "raw_layers", "read_map"]

_NEAR = 16
"""Tiles around a point in something solid that are searched for an open one."""
SPAWN_TILES_MAX = 2**20
"""Most tiles that the spawn objects of one map may cover together."""
_PLENTY = {"homes": 256, "fields": 256, "player_spawns": 64, "markets": 2, "camps": 2}
"""How many places are chosen where a map names none."""
_MOVING_AI = {".": GROUND, "G": GROUND, "S": MUD, "W": WATER, "T": GROUND, "@": WALL, "O": WALL}

Mask = npt.NDArray[np.bool_]


@dataclass
class Loaded:
    """A map and what is worth knowing of how it came about."""

    tilemap: TileMap
    width: int
    height: int
    """Tiles, before the map was padded to whole chunks."""
    left: int = 0
    top: int = 0
    """What the file calls the map's first tile; not (0, 0) in infinite maps alone."""
    layers: list[dict[str, object]] = field(default_factory=list)
    empty: int = 0
    """Tiles on which no layer has anything: ground."""
    unmarked: int = 0
    """Tiles of the layers whose tileset says nothing of them."""
    chosen: list[str] = field(default_factory=list)
    """Lists of places that the file does not name, so that open tiles were chosen."""
    missing: list[str] = field(default_factory=list)


class Scenario(NamedTuple):
    """One line of a .scen file; `optimum` is the length of a shortest path with diagonals of sqrt(2)."""

    bucket: int
    map_name: str
    width: int
    height: int
    start_x: int
    start_y: int
    goal_x: int
    goal_y: int
    optimum: float


def load_map(path: Path) -> TileMap:
    """The map in a .tmx or .map file. Raises MapError."""
    return read_map(path).tilemap


def read_map(path: Path) -> Loaded:
    """`load_map` with an account of what was found and chosen. Raises MapError."""
    if path.suffix.lower() == ".tmx":
        return _read_tiled(path)
    if path.suffix.lower() == ".map":
        return _read_moving_ai(path)
    raise MapError(path, f"ends in {path.suffix!r}, not in .tmx or .map", "save a Tiled map as .tmx")


def load_scen(path: Path) -> list[Scenario]:
    """The scenarios of a Moving AI .scen file: a `version 1` line, then nine fields a line. Raises MapError."""
    lines = _text(path).splitlines()
    if not lines or not re.fullmatch(r"version\s+1(\.0)?", lines[0].strip()):
        found = lines[0][:40] if lines else ""
        raise MapError(path, f"begins with {found!r}, not with `version 1`", "name a Moving AI .scen file")
    scenarios = []
    for number, line in enumerate(lines[1:], 2):
        fields = line.split("\t") if "\t" in line else line.split()
        if not line.strip():
            continue
        try:
            bucket, width, height, sx, sy, gx, gy = (int(value) for value in (fields[0], *fields[2:8]))
            optimum = float(fields[8])
            if len(fields) != 9 or min(bucket, width, height, sx, sy, gx, gy) < 0 or not 0 <= optimum < 2**40:
                raise ValueError(f"{len(fields)} fields, or one of them out of range")
        except (ValueError, IndexError) as error:
            what = f"line {number} is not nine fields of a scenario ({error})"
            raise MapError(path, what, "take the file from movingai.com again") from error
        scenarios.append(Scenario(bucket, fields[1], width, height, sx, sy, gx, gy, optimum))
    return scenarios


def _text(path: Path) -> str:
    try:
        return read_file(path).decode("ascii")
    except UnicodeDecodeError as error:
        raise MapError(path, f"is not plain text ({error})", "name a Moving AI benchmark file") from error


def _read_moving_ai(path: Path) -> Loaded:
    rows = _text(path).splitlines()
    header = [
        re.fullmatch(pattern, row)
        for pattern, row in zip((r"type octile", r"height (\d{1,5})", r"width (\d{1,5})", r"map"), rows, strict=False)
    ]
    if len(header) != 4 or not all(header):
        at = next((k for k, found in enumerate(header) if not found), len(header))
        what = f"line {at + 1} is {(rows[at] if at < len(rows) else '')[:40]!r}"
        raise MapError(path, what, "the first four lines must be: type octile, height H, width W, map")
    height, width = (int(match[1]) for match in header[1:3] if match)
    if not (1 <= height <= WORLD_TILES_MAX and 1 <= width <= WORLD_TILES_MAX):
        raise MapError(path, f"is {width} x {height} tiles", f"a map has 1 to {WORLD_TILES_MAX} tiles each way")
    rows = rows[4:]
    if len(rows) != height:
        raise MapError(path, f"has {len(rows)} rows, its header says {height}", "take the file again")
    for number, row in enumerate(rows):
        if len(row) != width or not set(row) <= set(_MOVING_AI):
            strange = sorted(set(row) - set(_MOVING_AI))
            what = f"row {number} has {len(row)} characters of {width}, and these that mean nothing: {strange}"
            raise MapError(path, what, f"use only {' '.join(_MOVING_AI)}")
    letters = np.frombuffer("".join(rows).encode(), np.uint8).reshape(height, width)
    terrain = np.zeros((height, width), np.uint8)
    for letter, code in _MOVING_AI.items():
        terrain[letters == ord(letter)] = code
    feature = np.where(letters == ord("T"), TREE, NONE).astype(np.uint8)
    layer: dict[str, object] = {"kind": "tilelayer", "name": "map", "nonempty": width * height}
    loaded = _finish(path, terrain, feature, [], 0, 0, [])
    loaded.layers = [layer | {"bounds": [0, 0, width - 1, height - 1]}]
    return loaded


def _read_tiled(path: Path) -> Loaded:
    root = read_xml(path, "map")
    layers = layers_of(root, path)
    tiled = [layer for layer in layers if layer.kind == "tilelayer"]
    orientation = root.get("orientation", "orthogonal")
    if orientation != "orthogonal":
        to_do = "set the orientation to orthogonal in Tiled (Map > Map Properties) and draw it again"
        raise MapError(path, f"is a map of {orientation} orientation, and only orthogonal ones can be walked", to_do)
    if not tiled:
        what = f"has no tile layer, only {len(layers)} object layers: there is no ground to stand on"
        raise MapError(path, what, "draw the ground on a tile layer in Tiled")
    left, top, width, height = _extent(root, tiled, path)
    marks = tile_marks(root, path)
    terrain = np.full((height, width), GROUND, np.uint8)
    feature = np.full((height, width), NONE, np.uint8)
    filled = np.zeros((height, width), bool)
    unmarked, unknown = 0, 0
    for layer in tiled:
        xs, ys, gids = layer.cells()
        inside = (xs >= left) & (xs < left + width) & (ys >= top) & (ys < top + height)
        xs, ys, gids = xs[inside] - left, ys[inside] - top, gids[inside] & np.uint32(GID)
        filled[ys, xs] = True
        bare, lost = _lay(terrain, feature, xs, ys, gids, marks)
        unmarked, unknown = unmarked + bare, unknown + lost
    tile_width, tile_height = (integer(root, name, path, 1, 65536) for name in ("tilewidth", "tileheight"))
    places = spawn_places(layers, path, tile_width, tile_height)
    missing = list(marks.strange[:20])
    if unmarked:
        missing.append(f"{unmarked} tiles have no terrain, feature, solid or collides property: taken as they lie")
    if unknown:
        missing.append(f"{unknown} tiles are in no tileset of the map")
    loaded = _finish(path, terrain, feature, places, left, top, missing)
    loaded.layers = [layer.summary() for layer in layers]
    loaded.empty, loaded.unmarked = int((~filled).sum()), unmarked
    return loaded


def _extent(root: etree.Element, tiled: list[RawLayer], path: Path) -> tuple[int, int, int, int]:
    """Left, top, width and height: the map's own, or of an infinite map what its tiles take up."""
    left, top = 0, 0
    if root.get("infinite", "0") == "0":
        width, height = (integer(root, name, path, 1, 2**31) for name in ("width", "height"))
    else:
        cells = [layer.cells()[:2] for layer in tiled]
        xs, ys = (np.concatenate(axis) for axis in zip(*cells, strict=True))
        if not len(xs):
            raise MapError(path, "is an infinite map without a single tile", "draw some ground in Tiled")
        left, top = int(xs.min()), int(ys.min())
        width, height = int(xs.max()) + 1 - left, int(ys.max()) + 1 - top
    if max(width, height) > WORLD_TILES_MAX:
        raise MapError(path, f"is {width} x {height} tiles", f"a map has at most {WORLD_TILES_MAX} each way: cut it")
    return left, top, width, height


def _lay(
    terrain: Bytes2D,
    feature: Bytes2D,
    xs: npt.NDArray[np.int64],
    ys: npt.NDArray[np.int64],
    gids: npt.NDArray[np.uint32],
    marks: Marks,
) -> tuple[int, int]:
    """Lays one layer's tiles on what is there; how many of them were not marked, and how many not known at all."""
    kinds, which = np.unique(gids, return_inverse=True)
    codes = np.array([marks.codes.get(int(gid), (KEEP, KEEP)) for gid in kinds], np.uint8).reshape(-1, 2)[which]
    sets_terrain, sets_feature = codes[:, 0] != KEEP, codes[:, 1] != KEEP
    terrain[ys[sets_terrain], xs[sets_terrain]] = codes[sets_terrain, 0]
    feature[ys[sets_feature], xs[sets_feature]] = codes[sets_feature, 1]
    lost = np.array([not marks.known(int(gid)) for gid in kinds], bool)[which]
    return int((~sets_terrain & ~sets_feature & ~lost).sum()), int(lost.sum())


def _finish(
    path: Path, terrain: Bytes2D, feature: Bytes2D, places: list[Place], left: int, top: int, missing: list[str]
) -> Loaded:
    """The map with its places: those of the file where it has any, else open tiles chosen by their coordinates."""
    blocked = solid(terrain, feature)
    if blocked.all():
        raise MapError(path, f"has no open tile among {blocked.size}", "leave some ground that is not solid")
    height, width = terrain.shape
    lists: dict[str, list[tuple[int, int]]] = {name: [] for name in LISTS}
    off, covered = 0, 0
    for place in places:
        covered += (min(place.x1 - place.x0, width) + 1) * (min(place.y1 - place.y0, height) + 1)
        if covered > SPAWN_TILES_MAX:
            raise MapError(path, f"has spawn areas of more than {SPAWN_TILES_MAX} tiles together", "draw smaller ones")
        found = _open_tiles(blocked, place, left, top)
        off += not found
        lists[place.list_name] += found
    if off:
        missing.append(f"{off} spawn objects lie off the map or in the midst of something solid: left out")
    lists["fields"] = lists["fields"] or [(int(x), int(y)) for y, x in np.argwhere((feature == FIELD) & (blocked == 0))]
    piece = _main_piece(blocked, lists["player_spawns"])
    apart = sum(not piece[y, x] for points in lists.values() for x, y in points)
    if apart:
        missing.append(f"{apart} of the places to begin cannot be reached from the others")
    chosen = [name for name in LISTS if not lists[name]]
    for name in chosen:
        lists[name] = _choose(piece, name)
        missing.append(f"{name}: none in the file, so {len(lists[name])} open tiles were chosen")
    for name, points in lists.items():
        lists[name] = list(dict.fromkeys(points))[:POINTS_MAX]
    return Loaded(make_map(terrain, feature, **lists), width, height, left, top, chosen=chosen, missing=missing)


def _open_tiles(blocked: Bytes2D, place: Place, left: int, top: int) -> list[tuple[int, int]]:
    """The open tiles a place covers; of one in something solid, the nearest open tile, of equally near the first."""
    height, width = blocked.shape
    x0, y0 = max(0, place.x0 - left), max(0, place.y0 - top)
    x1, y1 = min(width - 1, place.x1 - left), min(height - 1, place.y1 - top)
    if x0 > x1 or y0 > y1:
        return []
    found = np.argwhere(blocked[y0 : y1 + 1, x0 : x1 + 1] == 0) + np.array([y0, x0])
    if not len(found):
        top_row, first = max(0, y0 - _NEAR), max(0, x0 - _NEAR)
        near = np.argwhere(blocked[top_row : y1 + _NEAR + 1, first : x1 + _NEAR + 1] == 0) + np.array([top_row, first])
        found = near[np.argsort(((near - (y0, x0)) ** 2).sum(axis=1), kind="stable")[:1]]
    return [(int(x), int(y)) for y, x in found[:POINTS_MAX]]


def _main_piece(blocked: Bytes2D, starts: list[tuple[int, int]]) -> Mask:
    """The tiles that can be walked to from the first start; without one, from the best of 16 scattered tiles."""
    ys, xs = np.nonzero(blocked == 0)
    scattered = np.argsort(hashed(0, 1, xs, ys), kind="stable")[:16]
    tries = starts[:1] or [(int(xs[k]), int(ys[k])) for k in scattered]
    best = np.zeros(blocked.shape, bool)
    for x, y in tries:
        if not best[y, x]:
            piece = flow_field(blocked, np.array([[x, y]], np.int32)) != UNREACHED
            best = piece if piece.sum() > best.sum() else best
    return best


def _choose(piece: Mask, name: str) -> list[tuple[int, int]]:
    ys, xs = np.nonzero(piece)
    per_million = {"deer_spawns": DEER_PER_MILLION_TILES, "wolf_spawns": WOLVES_PER_MILLION_TILES}
    wanted = _PLENTY[name] if name in _PLENTY else 1 + len(xs) * per_million[name] // 10**6
    order = np.argsort(hashed(0, 2 + LISTS.index(name), xs, ys), kind="stable")[:wanted]
    return [(int(x), int(y)) for x, y in zip(xs[order], ys[order], strict=True)]

"""The map as arrays: what the ground is, what stands on it, where things begin; and its canonical bytes.

Not here: reading files (`clients.map_files`), making the built-in world (`world.generate`), borders between regions.
"""

from dataclasses import dataclass
from typing import TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from world.units import CHUNK_TILES, WORLD_TILES_MAX

Bytes2D = npt.NDArray[np.uint8]
"""uint8[height, width], row major, (0, 0) at the top left."""
Points = npt.NDArray[np.int32]
"""int32[n, 2] of (x, y) in whole tiles."""
Species = npt.NDArray[np.int64]

GROUND, WATER, MUD, WALL, FLOOR = 0, 1, 2, 3, 4
BRIDGE = FLOOR
"""A bridge is a floor over water: one code, walked like a floor."""
DOOR, DOORWAY = 5, 6
"""A door that is shut, and the same door open; who owns it: `State.doors`."""
TERRAINS = ("ground", "water", "mud", "wall", "floor", "door", "doorway")

NONE, TREE, BUSH, ROCK, FIELD = 0, 1, 2, 3, 4
FEATURES = ("none", "tree", "bush", "rock", "field")

SPECIES_SIDE_MAX = 64
"""Most lines and columns of a table of species."""
POINTS_MAX = 65_536
"""Most entries in one list of spawn points."""

LISTS = ("homes", "fields", "player_spawns", "deer_spawns", "wolf_spawns", "markets", "camps")
LISTS_1 = LISTS[:5]
"""Those of version 1, which is read but no longer written."""

_MAGIC = "everloom-map"
_VERSION = 2
_HEADER_MAX = 64

_Array = TypeVar("_Array", npt.NDArray[np.uint8], npt.NDArray[np.int32], npt.NDArray[np.int64])
_BUILT_IN = np.zeros((0, 0), np.int64)


@dataclass(frozen=True, eq=False)
class TileMap:
    """One world's map; make it with `make_map`, which checks and pads.

    `terrain` and `feature` are uint8[height, width]; the lists are int32[n, 2] of (x, y) in tiles. `homes` and `fields`
    are where villagers sleep and work: villager number i belongs to homes[i % n] and fields[i % m]. The arrays
    are read-only, because a map is shared by everything that was built from it: copy before building or digging.
    """

    terrain: Bytes2D
    feature: Bytes2D
    homes: Points
    fields: Points
    player_spawns: Points
    deer_spawns: Points
    wolf_spawns: Points
    markets: Points
    """The square of each village, where traders and guards live."""
    camps: Points
    """Where bandits live."""
    species: Species
    """int64: a world maker's own table of species (`world.species`), or empty: the built-in one."""

    @property
    def width(self) -> int:
        return int(self.terrain.shape[1])

    @property
    def height(self) -> int:
        return int(self.terrain.shape[0])


def make_map(
    terrain: Bytes2D,
    feature: Bytes2D,
    *,
    homes: npt.ArrayLike = (),
    fields: npt.ArrayLike = (),
    player_spawns: npt.ArrayLike = (),
    deer_spawns: npt.ArrayLike = (),
    wolf_spawns: npt.ArrayLike = (),
    markets: npt.ArrayLike = (),
    camps: npt.ArrayLike = (),
    species: npt.ArrayLike = _BUILT_IN,
) -> TileMap:
    """A checked map, padded at the right and the bottom with wall to whole chunks.

    Raises ValueError, with the numbers, for unequal shapes, a side of 0 or above `WORLD_TILES_MAX`, an unknown code,
    a list longer than `POINTS_MAX` or a point off the map.
    """
    if terrain.ndim != 2 or terrain.shape != feature.shape:
        raise ValueError(f"terrain is {terrain.shape}, feature is {feature.shape}: expected two equal [height, width]")
    height, width = terrain.shape
    if not (1 <= height <= WORLD_TILES_MAX and 1 <= width <= WORLD_TILES_MAX):
        raise ValueError(f"map is {width} x {height} tiles: expected 1 to {WORLD_TILES_MAX} each way")
    _check_codes("terrain", terrain, len(TERRAINS))
    _check_codes("feature", feature, len(FEATURES))
    padding = ((0, -height % CHUNK_TILES), (0, -width % CHUNK_TILES))
    return TileMap(
        terrain=_frozen(np.pad(terrain, padding, constant_values=WALL).astype(np.uint8)),
        feature=_frozen(np.pad(feature, padding, constant_values=NONE).astype(np.uint8)),
        homes=_points("homes", homes, width, height),
        fields=_points("fields", fields, width, height),
        player_spawns=_points("player_spawns", player_spawns, width, height),
        deer_spawns=_points("deer_spawns", deer_spawns, width, height),
        wolf_spawns=_points("wolf_spawns", wolf_spawns, width, height),
        markets=_points("markets", markets, width, height),
        camps=_points("camps", camps, width, height),
        species=_frozen(np.array(species, np.int64)),
    )


def solid(terrain: Bytes2D, feature: Bytes2D) -> Bytes2D:
    """uint8[h, w], 1 where no body can be: wall, shut door, water (nobody swims), tree, rock; others are walked on."""
    blocked = (terrain == WALL) | (terrain == WATER) | (terrain == DOOR) | (feature == TREE) | (feature == ROCK)
    return np.asarray(blocked, dtype=np.uint8)


def opaque(terrain: Bytes2D, feature: Bytes2D) -> Bytes2D:
    """uint8[h, w], 1 where nobody sees through: wall, shut door, tree, rock; one sees across water."""
    blocked = (terrain == WALL) | (terrain == DOOR) | (feature == TREE) | (feature == ROCK)
    return np.asarray(blocked, dtype=np.uint8)


def encode(tilemap: TileMap) -> bytes:
    """The one byte string of this map, which `decode` reads.

    One byte n, then n bytes of MessagePack: ["everloom-map", 2, width, height, [points in each list, lines and columns
    of the table of species]], the lists in the order of `LISTS`; then terrain and feature, each height * width bytes
    row by row; then each list as little-endian int32 pairs x, y; then the table as little-endian int64. Nothing
    follows.
    Version 1 had the first five lists and no table.
    """
    lists = [getattr(tilemap, name) for name in LISTS]
    counts = [*(len(points) for points in lists), *tilemap.species.shape]
    header = _header(tilemap.width, tilemap.height, counts)
    parts = [bytes([len(header)]), header, tilemap.terrain.tobytes(), tilemap.feature.tobytes()]
    parts += [points.astype("<i4").tobytes() for points in lists]
    parts.append(tilemap.species.astype("<i8").tobytes())
    return b"".join(parts)


def decode(data: bytes) -> TileMap:
    """The map in bytes made by `encode`; any other bytes raise ValueError saying what was expected and found."""
    width, height, counts, at = _read_header(data)
    names, (lines, kinds) = (LISTS, counts[-2:]) if len(counts) > len(LISTS) else (LISTS_1, (0, 0))
    expected = at + 2 * width * height + 8 * sum(counts[: len(names)]) + 8 * lines * kinds
    if len(data) != expected:
        raise ValueError(f"map of {width} x {height} tiles needs {expected} bytes, has {len(data)}")
    layers = []
    for _ in range(2):
        layers.append(np.frombuffer(data, np.uint8, width * height, at).reshape(height, width))
        at += width * height
    lists = {}
    for name, count in zip(names, counts, strict=False):
        lists[name] = np.frombuffer(data, "<i4", 2 * count, at).reshape(count, 2)
        at += 8 * count
    species = np.frombuffer(data, "<i8", lines * kinds, at).reshape(lines, kinds)
    return make_map(layers[0], layers[1], species=species, **lists)


def _header(width: int, height: int, counts: list[int], version: int = _VERSION) -> bytes:
    return msgspec.msgpack.encode((_MAGIC, version, width, height, counts))


def _read_header(data: bytes) -> tuple[int, int, list[int], int]:
    at = 1 + data[0] if data else 0
    if not 2 <= at <= min(_HEADER_MAX, len(data)):
        raise ValueError(f"map header ends at byte {at} of {len(data)}: expected 2 to {_HEADER_MAX}")
    try:
        magic, version, width, height, counts = msgspec.msgpack.decode(
            data[1:at], type=tuple[str, int, int, int, list[int]]
        )
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"map header of {at - 1} bytes is not a map's: {error}") from error
    if magic != _MAGIC or version not in (1, _VERSION):
        raise ValueError(f"expected {_MAGIC} version {_VERSION}, found {magic!r} version {version}")
    for name, side in (("width", width), ("height", height)):
        if not CHUNK_TILES <= side <= WORLD_TILES_MAX or side % CHUNK_TILES:
            raise ValueError(
                f"map {name} is {side}: expected a multiple of {CHUNK_TILES}, {CHUNK_TILES} to {WORLD_TILES_MAX}"
            )
    numbers = len(LISTS_1) if version == 1 else len(LISTS) + 2
    if len(counts) != numbers or not all(0 <= count <= POINTS_MAX for count in counts):
        raise ValueError(f"map lists have {counts} points: expected {numbers} counts of 0 to {POINTS_MAX}")
    if version > 1 and (max(counts[-2:]) > SPECIES_SIDE_MAX or (counts[-2] == 0) != (counts[-1] == 0)):
        raise ValueError(f"map has a table of species of {counts[-2:]}, at most {SPECIES_SIDE_MAX} each way")
    if data[1:at] != _header(width, height, counts, version):
        raise ValueError(f"map header of {at - 1} bytes is not written the canonical way")
    return width, height, counts, at


def _check_codes(name: str, layer: Bytes2D, codes: int) -> None:
    if layer.dtype != np.uint8:
        raise ValueError(f"{name} is {layer.dtype}: expected uint8")
    if int(layer.max()) >= codes:
        y, x = (int(v) for v in np.argwhere(layer >= codes)[0])
        raise ValueError(f"{name} code {layer[y, x]} at ({x}, {y}): expected below {codes}")


def _points(name: str, values: npt.ArrayLike, width: int, height: int) -> Points:
    wide = np.asarray(values, dtype=np.int64).reshape(-1, 2)
    if len(wide) > POINTS_MAX:
        raise ValueError(f"{name} has {len(wide)} points: at most {POINTS_MAX}")
    outside = ((wide < 0) | (wide >= (width, height))).any(axis=1)
    if outside.any():
        x, y = (int(v) for v in wide[outside][0])
        raise ValueError(f"{name} has a point at ({x}, {y}), off the map of {width} x {height} tiles")
    return _frozen(wide.astype(np.int32))


def _frozen(array: _Array) -> _Array:
    array.setflags(write=False)
    return array

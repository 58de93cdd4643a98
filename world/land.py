"""The land while a world is grown on it, and the randomness it is grown with: integer hashes and value noise."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from world.tilemap import GROUND, NONE, Bytes2D

Grid = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Tiles = list[tuple[int, int]]

MASK64 = 2**64 - 1


class Village(NamedTuple):
    x: int
    y: int
    radius: int


@dataclass
class Land:
    """An unfinished map: every layer of `world.generate` and `world.villages` changes it in place."""

    seed: int
    width: int
    height: int
    ys: Grid = field(init=False)
    xs: Grid = field(init=False)
    terrain: Bytes2D = field(init=False)
    feature: Bytes2D = field(init=False)
    town: Mask = field(init=False)
    """Within a village's wall and two tiles beyond."""
    inside: Mask = field(init=False)
    """Within a village's wall and one tile beyond."""
    course: Grid = field(init=False)
    """int64[height]: the river's x in each row."""
    villages: list[Village] = field(default_factory=list)
    homes: list[Tiles] = field(default_factory=list)
    """For each village the floors of its houses."""
    fields: list[Tiles] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.seed &= MASK64
        shape = self.height, self.width
        self.ys, self.xs = np.mgrid[0 : self.height, 0 : self.width].astype(np.int64)
        self.terrain = np.full(shape, GROUND, np.uint8)
        self.feature = np.full(shape, NONE, np.uint8)
        self.town = np.zeros(shape, bool)
        self.inside = np.zeros(shape, bool)
        self.course = np.zeros(self.height, np.int64)

    def around(self, village: Village, reach: int) -> tuple[slice, slice]:
        """The part of each layer within `reach` tiles of a village's middle, a square cut off at the map's edges."""
        y0, x0 = max(0, village.y - reach), max(0, village.x - reach)
        return slice(y0, village.y + reach + 1), slice(x0, village.x + reach + 1)


def hashed(seed: int, salt: int, x: npt.ArrayLike, y: npt.ArrayLike) -> Grid:
    """16 random bits for each (x, y): the finaliser of splitmix64 over a sum with odd multipliers."""
    start = (seed * 0x9E3779B97F4A7C15 + salt * 0xD1B54A32D192ED03 + 0x8CB92BA72F3D8DD7) & MASK64
    with np.errstate(over="ignore"):
        mixed = np.asarray(x).astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
        mixed = mixed + np.asarray(y).astype(np.uint64) * np.uint64(0x165667B19E3779F9) + np.uint64(start)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (mixed >> np.uint64(48)).astype(np.int64)


def noise(seed: int, salt: int, xs: Grid, ys: Grid, cells: tuple[int, ...]) -> Grid:
    """Value noise of 0 to 65535 at points (xs, ys); each octave counts half as much as the one before it."""
    total = np.zeros(np.broadcast(xs, ys).shape, np.int64)
    for octave, cell in enumerate(cells):
        gx, gy = xs // cell, ys // cell
        fx, fy = (xs % cell) * 256 // cell, (ys % cell) * 256 // cell
        sx, sy = (fx * fx * (768 - 2 * fx)) >> 16, (fy * fy * (768 - 2 * fy)) >> 16
        at = salt * 16 + octave
        top, next_top = hashed(seed, at, gx, gy), hashed(seed, at, gx + 1, gy)
        low, next_low = hashed(seed, at, gx, gy + 1), hashed(seed, at, gx + 1, gy + 1)
        upper = top + (((next_top - top) * sx) >> 8)
        lower = low + (((next_low - low) * sx) >> 8)
        total += (upper + (((lower - upper) * sy) >> 8)) >> (octave + 1)
    return np.asarray(total * 2 ** len(cells) // (2 ** len(cells) - 1))


def lowest(values: Grid, percent: int) -> Mask:
    """The lowest `percent` of a layer, whatever its distribution."""
    ranked = np.sort(values, axis=None)
    return np.asarray(values < ranked[ranked.size * percent // 100])


def grown(mask: Mask) -> Mask:
    """The mask and its eight neighbours."""
    padded = np.pad(mask, 1)
    height, width = mask.shape
    grown = np.zeros_like(mask)
    for dy in range(3):
        for dx in range(3):
            grown |= padded[dy : dy + height, dx : dx + width]
    return grown

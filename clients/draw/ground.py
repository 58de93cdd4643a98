"""One chunk of ground as pixels: grass, water and mud flow into one another, walls and floors keep to their tiles.

The borders between soft grounds follow the tiles' bilinear blend, ruffled by noise, so a lake made of squares has a
shore. Floats are fine here: nothing of it goes back into the rules.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from clients.draw.pictures import TEXELS, Pixels
from clients.view import UNKNOWN
from world.state import Bytes2
from world.tilemap import DOOR, DOORWAY, FIELD, FLOOR, GROUND, MUD, WALL, WATER
from world.units import CHUNK_TILES

MARGIN: Final = 8  # tiles around the chunk that its pixels depend on
ROOM: Final = 7  # tiles across which a wall is looked for, to tell a room from a road
SIDE: Final = CHUNK_TILES * TEXELS
MIST: Final = (52, 60, 66)
PATH: Final = 16  # among soft grounds only: a road
FACE_TEXELS: Final = 9  # of a wall's southern tile show its face

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def _weights(width: float) -> Floats:
    """float32[SIDE, tiles]: how much each tile counts for each texel; a hat of `width` tiles half base."""
    texel = MARGIN + (np.arange(SIDE) + 0.5) / TEXELS
    tile = np.arange(CHUNK_TILES + 2 * MARGIN) + 0.5
    hat = np.maximum(0, 1 - np.abs(texel[:, None] - tile[None, :]) / width)
    weights: Floats = (hat / hat.sum(axis=1, keepdims=True)).astype(np.float32)
    return weights


_NEAR: Final = _weights(1.0)
_WIDE: Final = _weights(2.8)


def neighbourhood(layer: Bytes2, column: int, row: int, beyond: int) -> Bytes2:
    """The tiles of chunk (column, row) of the world and MARGIN around it; `beyond` where the world ends."""
    made = np.full((CHUNK_TILES + 2 * MARGIN,) * 2, beyond, np.uint8)
    top, left = row * CHUNK_TILES - MARGIN, column * CHUNK_TILES - MARGIN
    y0, x0 = max(top, 0), max(left, 0)
    part = layer[y0 : top + len(made), x0 : left + len(made)]
    made[y0 - top : y0 - top + part.shape[0], x0 - left : x0 - left + part.shape[1]] = part
    return made


def paint(terrain: Bytes2, feature: Bytes2, textures: dict[str, Pixels], far: Floats) -> Pixels:
    """uint8[SIDE, SIDE, 3] of a chunk from its `neighbourhood`s. `far` float32[SIDE, SIDE] is slow noise around 0."""
    doors = (terrain == DOOR) | (terrain == DOORWAY)
    planks = _planks(np.where(doors, np.uint8(WALL), terrain)) | doors  # a door ends a room as a wall does
    terrain = np.where(doors, np.uint8(FLOOR), terrain)
    tiled = {name: np.tile(texture, (SIDE // len(texture),) * 2 + (1,)) for name, texture in textures.items()}
    ruffle: Floats = (tiled["ruffle"][:, :, 0].astype(np.float32) - 128) / np.float32(400)
    soft = _soft_grounds(terrain, planks)
    grass = tiled["grass"].astype(np.float32)
    grass *= 1 + far[:, :, None] * np.array((0.10, 0.05, 0.09), np.float32)
    wet = _wavering(soft == WATER, ruffle)
    made: Floats = grass
    _cover(made, _wavering(soft == MUD, ruffle) > 0.5, tiled["mud"])
    _lay_path(made, _wavering(soft == PATH, ruffle), tiled)
    _cover(made, _wavering(feature == FIELD, ruffle * np.float32(0.5)) > 0.5, tiled["soil"])
    _shore(made, wet, tiled)
    depth = _WIDE @ (soft == WATER).astype(np.float32) @ _WIDE.T
    _cover(made, (wet > 0.5) & (depth + ruffle * 0.4 > 0.80), tiled["deep"])
    _built(made, terrain, planks, tiled)
    unknown = _wavering(terrain == UNKNOWN, ruffle)
    _cover(made, unknown > 0.5, np.array(MIST, np.float32) + ruffle[:, :, None] * np.float32(14))
    near_mist = (unknown > 0.15) & (unknown <= 0.5)
    made[near_mist] = made[near_mist] * 0.72 + np.array(MIST, np.float32) * 0.28
    return np.clip(made, 0, 255).astype(np.uint8)


def _planks(terrain: Bytes2) -> Mask:
    """Which floors are of wood: bridges, and rooms (walls on three sides at least); the others are roads."""
    floor, wall, water = terrain == FLOOR, terrain == WALL, terrain == WATER
    near_water = water.copy()
    for _ in range(2):
        near_water |= _moved(near_water, 1, 0) | _moved(near_water, -1, 0)
        near_water |= _moved(near_water, 0, 1) | _moved(near_water, 0, -1)
    sides = np.zeros(terrain.shape, np.int32)
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        ends = wall.copy()  # whether a walk over floor in this direction ends at a wall
        for _ in range(ROOM):
            ends |= floor & _moved(ends, dx, dy)
        sides += ends & floor
    planks: Mask = floor & (near_water | (sides >= 3))
    return planks


def _soft_grounds(terrain: Bytes2, planks: Mask) -> Bytes2:
    """What lies under walls and wood: water under a bridge, else grass; a road is PATH."""
    soft = terrain.copy()
    wet = terrain == WATER
    wet |= planks & (_moved(wet, 1, 0) | _moved(wet, -1, 0) | _moved(wet, 0, 1) | _moved(wet, 0, -1))
    soft[(terrain == WALL) | (terrain == UNKNOWN) | planks] = GROUND
    soft[wet] = WATER
    soft[(terrain == FLOOR) & ~planks] = PATH
    return soft


def _wavering(tiles: Mask, ruffle: Floats) -> Floats:
    """How much of these tiles there is at each texel, 0..1, ruffled where it is neither none nor all."""
    part: Floats = _NEAR @ tiles.astype(np.float32) @ _NEAR.T
    part += ruffle * np.minimum(np.minimum(part, 1 - part) * 6, 1)
    return part


def _cover(made: Floats, where: Mask, texture: Pixels | Floats) -> None:
    made[where] = texture[where]


def _lay_path(made: Floats, part: Floats, tiled: dict[str, Pixels]) -> None:
    """A road, its edges trodden and dark."""
    _cover(made, part > 0.5, tiled["path"])
    made[(part > 0.5) & (part <= 0.6)] *= 0.93
    made[(part > 0.38) & (part <= 0.5)] *= 0.93


def _shore(made: Floats, wet: Floats, tiled: dict[str, Pixels]) -> None:
    """Sand, a damp line, a line of foam, then water."""
    _cover(made, (wet > 0.24) & (wet <= 0.5), tiled["sand"])
    made[(wet > 0.43) & (wet <= 0.5)] *= 0.86
    rim = (wet > 0.24) & (wet <= 0.27)
    made[rim] = made[rim] * 0.9
    _cover(made, wet > 0.5, tiled["water"])
    shallow = (wet > 0.5) & (wet <= 0.72)
    made[shallow] = made[shallow] * 0.84 + np.array((176, 204, 190), np.float32) * 0.16
    foam = (wet > 0.5) & (wet <= 0.545)
    made[foam] = made[foam] * 0.35 + np.array((214, 228, 218), np.float32) * 0.65


def _texels(tiles: Mask) -> Mask:
    """The chunk's own tiles, each as a square of texels."""
    inner = tiles[MARGIN:-MARGIN, MARGIN:-MARGIN]
    return np.repeat(np.repeat(inner, TEXELS, axis=0), TEXELS, axis=1)


def _moved(tiles: Mask, dx: int, dy: int) -> Mask:
    """For each tile whether the one at (x + dx, y + dy) is marked."""
    return np.roll(tiles, (-dy, -dx), axis=(0, 1))


def _built(made: Floats, terrain: Bytes2, planks: Mask, tiled: dict[str, Pixels]) -> None:
    line, column = np.mgrid[0:SIDE, 0:SIDE] % TEXELS
    floor, wall, water = planks, terrain == WALL, terrain == WATER
    _cover(made, _texels(floor), tiled["floor"])
    for dx, dy, near in (
        (0, -1, line < 2),
        (0, 1, line >= TEXELS - 2),
        (-1, 0, column < 2),
        (1, 0, column >= TEXELS - 2),
    ):
        made[_texels(floor & _moved(water, dx, dy)) & near] *= 0.66
        made[_texels(floor & ~_moved(floor | wall | water, dx, dy)) & near] *= 0.88
    south, east = ~wall & _moved(wall, 0, -1), ~wall & _moved(wall, -1, 0)
    made[_texels(south) & (line < 5)] *= 0.78
    made[_texels(east) & (column < 4)] *= 0.86
    _cover(made, _texels(wall), tiled["wall"])
    face = wall & ~_moved(wall, 0, 1)
    _cover(made, _texels(face) & (line >= TEXELS - FACE_TEXELS), tiled["face"])
    made[_texels(face) & (line == TEXELS - FACE_TEXELS)] *= 0.78
    made[_texels(wall & ~_moved(wall, 0, -1)) & (line < 2)] *= 1.12
    made[_texels(wall & ~_moved(wall, -1, 0)) & (column < 1)] *= 1.08
    made[_texels(wall & ~_moved(wall, 1, 0)) & (column >= TEXELS - 1)] *= 0.8

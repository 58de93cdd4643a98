"""The ground under the window, chunk by chunk from a cache, and what stands on it as sprites to be sorted."""

from collections import OrderedDict
from typing import Final

import numpy as np
import pygame

from clients.draw.camera import Camera
from clients.draw.ground import MIST, SIDE, Floats, neighbourhood, paint
from clients.draw.pictures import TEXELS, Pictures
from clients.view import UNKNOWN, View
from world.tilemap import BUSH, DOOR, DOORWAY, FIELD, NONE, ROCK, TREE, WATER
from world.units import CHUNK_TILES

CHUNKS_KEPT: Final = 48
REPAINTS_PER_PICTURE: Final = 2  # of chunks that are shown already, if a little old
FAR_TEXELS: Final = 512  # slow noise repeats after so many texels

Sprite = tuple[float, pygame.Surface, tuple[int, int]]
"""How far in front (y of its foot, in tiles), picture, where its upper left goes."""

_STANDING: Final = {TREE: "tree", BUSH: "bush", ROCK: "rock", FIELD: "grain"}
_SHADOWS: Final = {TREE: 17, BUSH: 15, ROCK: 16}


class Tiles:
    """The ground at one zoom. It keeps CHUNKS_KEPT painted chunks."""

    def __init__(self, pictures: Pictures) -> None:
        self.pictures = pictures
        self._kept: OrderedDict[tuple[int, int], tuple[int, pygame.Surface]] = OrderedDict()
        self._far = _slow_noise(pictures)

    def draw_ground(self, surface: pygame.Surface, view: View, camera: Camera) -> None:
        """Paint the window with the ground."""
        surface.fill(MIST)
        side = CHUNK_TILES * camera.tile
        rows, columns = view.painted.shape
        budget = REPAINTS_PER_PICTURE
        for row in range(max(camera.top // side, 0), min((camera.top + camera.height) // side + 1, rows)):
            for column in range(max(camera.left // side, 0), min((camera.left + camera.width) // side + 1, columns)):
                version = int(view.painted[row, column])
                kept = self._kept.get((column, row))
                if kept is None or (kept[0] != version and budget > 0):
                    budget -= kept is not None
                    kept = version, self._paint(view, column, row)
                    self._kept[column, row] = kept
                self._kept.move_to_end((column, row))
                surface.blit(kept[1], (column * side - camera.left, row * side - camera.top))
        while len(self._kept) > CHUNKS_KEPT:
            self._kept.popitem(last=False)

    def draw_glints(self, surface: pygame.Surface, view: View, camera: Camera, now_ms: float) -> None:
        """A few lights that come and go on open water."""
        x0, y0, x1, y1 = _within(view, camera.tiles_seen(0))
        beat = int(now_ms) // 260
        for y, x in np.argwhere(view.terrain[y0:y1, x0:x1] == WATER).tolist():
            mixed = _hash(x + x0, y + y0)
            phase = (beat + mixed) % 23
            if phase > 3 or mixed & 64:
                continue
            left, top = camera.on_screen(x + x0 + (mixed >> 8) % 10 / 16, y + y0 + (mixed >> 14) % 12 / 16)
            wide = (2, 4, 4, 2)[phase] * camera.zoom
            pygame.draw.rect(surface, (132, 176, 186), (left, top, wide, camera.zoom))

    def standing(self, surface: pygame.Surface, view: View, camera: Camera) -> list[Sprite]:
        """Draw the shadows of trees, bushes and rocks; their sprites, and those of grain and doors, to be sorted."""
        x0, y0, x1, y1 = _within(view, camera.tiles_seen(3))
        part = view.feature[y0:y1, x0:x1]
        zoom = camera.zoom
        sprites: list[Sprite] = []
        shadows = []
        for y, x in np.argwhere((part != NONE) & (view.terrain[y0:y1, x0:x1] != UNKNOWN)).tolist():
            feature = int(part[y, x])
            if feature not in _STANDING:
                continue
            mixed = _hash(x + x0, y + y0)
            variants = self.pictures.strips[_STANDING[feature]]
            picture = variants[_variant(mixed, x + x0, y + y0, len(variants), feature)]
            foot = y + y0 + 1
            left, bottom = camera.on_screen(x + x0 + 0.5, foot)
            if feature in (TREE, ROCK, BUSH):
                left += ((mixed >> 12) % 5 - 2) * zoom
                bottom += ((mixed >> 16) % 5 - 3) * zoom
                shadow = self.pictures.shadow(_SHADOWS[feature])
                shadows.append((shadow, (left - shadow.get_width() // 2, bottom - shadow.get_height() * 3 // 4)))
            sprites.append((foot - 0.1, picture, (left - picture.get_width() // 2, bottom - picture.get_height())))
        surface.blits(shadows, doreturn=False)
        land = view.terrain[y0:y1, x0:x1]
        for y, x in np.argwhere((land == DOOR) | (land == DOORWAY)).tolist():
            picture = self.pictures.strips["door"][int(land[y, x] == DOORWAY)]
            foot = y + y0 + 1
            left, bottom = camera.on_screen(x + x0 + 0.5, foot)
            sprites.append(
                (foot - 0.3, picture, (left - picture.get_width() // 2, bottom - picture.get_height() + zoom))
            )
        return sprites

    def _paint(self, view: View, column: int, row: int) -> pygame.Surface:
        terrain = neighbourhood(view.terrain, column, row, UNKNOWN)
        feature = neighbourhood(view.feature, column, row, NONE)
        top, left = row * SIDE % FAR_TEXELS, column * SIDE % FAR_TEXELS
        pixels = paint(terrain, feature, self.pictures.textures, self._far[top : top + SIDE, left : left + SIDE])
        small = pygame.surfarray.make_surface(pixels.swapaxes(0, 1))
        side = CHUNK_TILES * TEXELS * self.pictures.zoom
        made = pygame.transform.scale(small, (side, side))
        return made.convert() if pygame.display.get_surface() else made


def _slow_noise(pictures: Pictures) -> Floats:
    """The ruffle texture eight times as large and smooth, around 0."""
    small = pygame.surfarray.make_surface(np.tile(pictures.textures["ruffle"], (3, 3, 1)))
    large = pygame.transform.smoothscale(small, (FAR_TEXELS * 3, FAR_TEXELS * 3))
    middle = pygame.surfarray.array3d(large)[FAR_TEXELS : 2 * FAR_TEXELS, FAR_TEXELS : 2 * FAR_TEXELS, 0]
    noise: Floats = (middle.astype(np.float32) - 128) / np.float32(128)
    return noise


def _within(view: View, tiles: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    height, width = view.terrain.shape
    return max(tiles[0], 0), max(tiles[1], 0), min(tiles[2], width), min(tiles[3], height)


def _variant(mixed: int, x: int, y: int, variants: int, feature: int) -> int:
    """Which picture: woods change slowly from leaves to needles, the rest is mixed."""
    if feature != TREE:
        return mixed % variants
    conifers = _hash(x // 9, y // 9) % 3 == 0
    if conifers != (mixed % 7 == 0):
        return 3 + (mixed >> 4) % 2
    return (mixed >> 4) % 3


def _hash(x: int, y: int) -> int:
    value = (x * 0x9E3779B1 ^ y * 0x85EBCA77) & 0xFFFFFFFF
    value = (value ^ value >> 15) * 0x2C1B3C6D & 0xFFFFFFFF
    return value ^ value >> 12

"""The whole picture: ground, shadows, sprites from back to front, marks, the light of the hour, the panel."""

from itertools import pairwise
from typing import Final

import pygame

from clients.draw.bodies import draw_marks, sprites
from clients.draw.camera import Camera
from clients.draw.panel import Overlay, Panel
from clients.draw.pictures import Colour, Pictures, Words
from clients.draw.tiles import Tiles
from clients.view import Bodies, View
from world.units import DAY_TICKS

# The light by the hour, in twenty-fourths of a day: what the picture's colours are multiplied with.
_LIGHTS: Final[tuple[tuple[int, Colour], ...]] = (
    (0, (142, 154, 200)),
    (5, (150, 160, 204)),
    (6, (206, 190, 200)),
    (8, (255, 255, 255)),
    (19, (255, 255, 255)),
    (21, (248, 212, 178)),
    (22, (190, 182, 200)),
    (23, (150, 160, 204)),
    (24, (142, 154, 200)),
)
DAWN: Final = DAY_TICKS * 6 // 24  # a day of the rules begins at dawn, and its night eight hours before the next


def light(tick: int) -> Colour:
    """The colour of the light at a tick of the world."""
    day = (tick + DAWN) % DAY_TICKS
    for (hour, colour), (next_hour, next_colour) in pairwise(_LIGHTS):
        begin, end = hour * DAY_TICKS // 24, next_hour * DAY_TICKS // 24
        if begin <= day < end:
            red, green, blue = (a + (b - a) * (day - begin) // (end - begin) for a, b in zip(colour, next_colour))
            return red, green, blue
    return _LIGHTS[0][1]


class Scene:
    """Draws views at one zoom; it keeps nothing but pictures."""

    def __init__(self, zoom: int = 2) -> None:
        self.pictures = Pictures(zoom)
        self.words = Words()
        self.tiles = Tiles(self.pictures)
        self.overlay = Overlay(self.pictures, self.words)

    def render(self, surface: pygame.Surface, view: View, camera: Camera, panel: Panel, now_ms: float) -> None:
        """Paint the surface with the view as it is at this moment, and the panel over it."""
        bodies = self.picture(surface, view, camera, now_ms)
        self.overlay.draw(surface, view, bodies, camera, panel, now_ms)

    def picture(self, surface: pygame.Surface, view: View, camera: Camera, now_ms: float) -> Bodies:
        """Paint the surface with the world alone; the bodies in it. The camera is of the scene's zoom."""
        bodies = view.bodies(now_ms)
        self.tiles.draw_ground(surface, view, camera)
        self.tiles.draw_glints(surface, view, camera, now_ms)
        standing = self.tiles.standing(surface, view, camera)
        standing += sprites(surface, view, bodies, camera, self.pictures, now_ms)
        standing.sort(key=_depth)
        surface.blits([(picture, at) for _, picture, at in standing], doreturn=False)
        colour = light(view.tick)
        if min(colour) < 250:
            surface.fill(colour, special_flags=pygame.BLEND_RGB_MULT)
        draw_marks(surface, view, bodies, camera, self.words, now_ms)
        return bodies


def _depth(sprite: tuple[float, pygame.Surface, tuple[int, int]]) -> float:
    return sprite[0]

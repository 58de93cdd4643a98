"""The window that play and replay share: opened, resized, and its pictures at each zoom."""

import os
from typing import Final

import pygame

from clients.draw.scene import Scene

SIZE: Final = (1280, 800)
SIZE_MIN: Final = (480, 360)
UNSEEN: Final = ("offscreen", "dummy")  # drivers that SDL falls back on
PICTURE_S: Final = 1 / 60


def open_window(title: str) -> pygame.Surface:
    """A resizable window. RuntimeError where there is no display."""
    # The picture is made in memory; where SDL would take a GPU to copy it, that only adds work.
    os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")
    try:
        pygame.display.init()
        pygame.font.init()
        if pygame.display.get_driver() in UNSEEN and "SDL_VIDEODRIVER" not in os.environ:
            raise pygame.error("there is no display here (on Linux, DISPLAY names one)")
        surface = pygame.display.set_mode(SIZE, pygame.RESIZABLE)
        pygame.display.set_caption(title)
        pygame.key.set_repeat(300, 40)  # for typing; what is held down is not repeated by it
    except pygame.error as error:
        pygame.quit()
        raise RuntimeError(f"no window can be opened: {error}") from None
    return surface


def resized() -> pygame.Surface:
    """The window's surface after its size was changed; never smaller than SIZE_MIN."""
    surface = pygame.display.get_surface()
    assert surface is not None
    if surface.get_width() < SIZE_MIN[0] or surface.get_height() < SIZE_MIN[1]:
        size = max(surface.get_width(), SIZE_MIN[0]), max(surface.get_height(), SIZE_MIN[1])
        surface = pygame.display.set_mode(size, pygame.RESIZABLE)
    return surface


class Scenes:
    """The pictures of each zoom, made when first needed."""

    def __init__(self) -> None:
        self._made: dict[int, Scene] = {}

    def of(self, zoom: int) -> Scene:
        """The scene of one zoom."""
        if zoom not in self._made:
            self._made[zoom] = Scene(zoom)
        return self._made[zoom]

"""Where the audience of a replay looks: a camera that is moved by keys and dragging, or follows a body."""

from typing import Final

import pygame

from clients import reach
from clients.controls import ZOOMS
from clients.draw.camera import Camera
from clients.view import Bodies, View
from world.kinds import PLAYER
from world.shown import PER_TILE

PAN: Final = 12.0  # tiles a second, at zoom 2
DRAG_PIXELS: Final = 6  # moved by less, it is a click
_WAYS: Final = {pygame.K_w: (0, -1), pygame.K_s: (0, 1), pygame.K_a: (-1, 0), pygame.K_d: (1, 0)}


class Gaze:
    """A camera over a world of `size` tiles (width, height). `follow` is a body's id, 0 for none."""

    def __init__(self, size: tuple[int, int], window: tuple[int, int]) -> None:
        self.size = size
        self.camera = Camera(size[0] / 2, size[1] / 2, *window)
        self.follow = 0
        self.zoom = 2
        self.placed = False  # it was looked for something to look at
        self._pressed: tuple[int, int] | None = None
        self._dragging = False
        self._keys: set[int] = set()

    def event(self, event: pygame.event.Event, bodies: Bodies | None) -> None:
        """Keys and pointer, as far as nothing else took them."""
        if event.type == pygame.WINDOWFOCUSLOST:
            self._keys.clear()
        elif event.type == pygame.MOUSEWHEEL:
            self.zoom = min(max(self.zoom + (1 if event.y > 0 else -1), ZOOMS[0]), ZOOMS[-1])
        elif event.type == pygame.KEYUP:
            self._keys.discard(event.key)
        elif event.type == pygame.KEYDOWN and event.key in _WAYS:
            self._keys.add(event.key)
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            self._pressed = event.pos
        elif event.type == pygame.MOUSEMOTION and self._pressed is not None:
            self._drag(self._pressed, event.pos, event.rel)
        elif event.type == pygame.MOUSEBUTTONUP and event.button == 1:
            if self._pressed is not None and not self._dragging and bodies is not None:
                body = reach.pointed_at(bodies, self.camera, event.pos)
                self.follow = body.entity if body is not None else 0
            self._pressed, self._dragging = None, False

    def turn_to(self, place: tuple[int, int] | None, who: int) -> None:
        """Look at a tile, or follow a body."""
        self.follow = who
        if place is not None:
            self.camera.x, self.camera.y = place[0] + 0.5, place[1] + 0.5
        self.placed = True

    def look(self, seconds: float, view: View, bodies: Bodies | None, window: tuple[int, int]) -> None:
        """Once a picture: move by the keys held, or along with whom one follows."""
        camera = self.camera
        camera.zoom, (camera.width, camera.height) = self.zoom, window
        for key in self._keys:
            dx, dy = _WAYS[key]
            self.follow = 0
            camera.x += dx * PAN * seconds * 2 / self.zoom
            camera.y += dy * PAN * seconds * 2 / self.zoom
        if self.follow and bodies is not None:
            rows = (bodies.ids == self.follow).nonzero()[0]
            found = view.find(self.follow) if not len(rows) else None
            if len(rows):
                camera.x, camera.y = float(bodies.x[rows[0]]), float(bodies.y[rows[0]])
            elif found is not None:
                camera.x, camera.y = found[0] / PER_TILE, found[1] / PER_TILE
        camera.x, camera.y = min(max(camera.x, 0.0), self.size[0]), min(max(camera.y, 0.0), self.size[1])

    def settle(self, bodies: Bodies) -> None:
        """Look at a player to begin with, or else at somebody."""
        if self.placed:
            return
        self.placed = True
        if len(bodies.ids):
            people = (bodies.kind == PLAYER).nonzero()[0]
            row = int(people[0]) if len(people) else len(bodies.ids) // 2
            self.camera.x, self.camera.y = float(bodies.x[row]), float(bodies.y[row])

    def _drag(self, start: tuple[int, int], pixel: tuple[int, int], by: tuple[int, int]) -> None:
        if abs(pixel[0] - start[0]) + abs(pixel[1] - start[1]) > DRAG_PIXELS:
            self._dragging, self.follow = True, 0
        if self._dragging:
            self.camera.x -= by[0] / self.camera.tile
            self.camera.y -= by[1] / self.camera.tile

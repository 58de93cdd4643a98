"""`everloom play`: the window of a player. One thread: the connection runs while the window waits for its next picture.

Not here: what keys mean (`clients.controls`), what the world tells (`clients.game`), pixels (`clients.draw`).
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pygame

from clients import reach
from clients.connection import wallet_file
from clients.controls import Controls, Sheet, Sight
from clients.draw.camera import Camera
from clients.draw.sheets import draw_large_map, draw_sheets, draw_tile_mark
from clients.game import Game, clock_ms
from clients.kernels import ensure_compiled, warm_shown
from clients.reach import REACH_TILES
from clients.view import View
from clients.window import PICTURE_S, Scenes, open_window, resized
from world.actions import Action
from world.events import Refusal
from world.kinds import PILE

LEAVE_S_MAX: Final = 2.0
NIGHT: Final = (40, 48, 54)


def guest_file() -> Path:
    """Where the key of the guest on this machine is kept."""
    home = os.environ.get("XDG_DATA_HOME", "")
    return (Path(home) if home else Path.home() / ".local" / "share") / "everloom" / "guest.json"


def run(url: str, key: Path | None) -> int:
    """Walk about until the window is closed; returns the exit status. ValueError for no address, RuntimeError for no
    display, ArchiveError for a key file that holds no player's key."""
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise ValueError(f"{url!r} is no gateway's address; write ws://HOST:PORT")
    path = key if key is not None else guest_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    known = path.exists()
    wallet = wallet_file(path)
    if key is None:
        words = "you come back as the guest" if known else "you enter as a new guest"
        print(f"{words} whose key is {path} (--key FILE plays as another)", file=sys.stderr)
    ensure_compiled(lambda text: print(text, file=sys.stderr))
    warm_shown()
    surface = open_window("Everloom")
    controls = Controls()
    game = Game(url, wallet, lambda action, verdict: _refused(controls, action, verdict))
    controls.trading = game.trading
    try:
        return asyncio.run(live(game, controls, surface))
    finally:
        pygame.quit()


def _refused(controls: Controls, action: Action, verdict: int) -> None:
    controls.refused(action, verdict == Refusal.NOTHING_THERE, clock_ms())


async def live(
    game: Game, controls: Controls, surface: pygame.Surface, drawn: Callable[[pygame.Surface], bool] = lambda _: True
) -> int:
    """Be connected and draw until the player leaves, or `drawn`, called after each picture, says so."""
    life = asyncio.ensure_future(game.connection.run())
    window = Window(surface)
    told = ""
    due = asyncio.get_running_loop().time()
    try:
        while not controls.leaving:
            window.turn(game, controls)
            if game.trouble != told:
                told = game.trouble
                print(f"everloom: {told}", file=sys.stderr)
            if not drawn(window.surface):
                break
            now = asyncio.get_running_loop().time()
            due = max(due + PICTURE_S, now)
            await asyncio.sleep(max(due - now, 0.001))  # frames and receipts are read in this time
            if life.done():
                life.result()  # a fault of this program ends it
    finally:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(game.connection.stop(), LEAVE_S_MAX)
        life.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await life
    return 0 if game.entered and not game.connection.over else 1


class Window:
    """Draws the game and reads the window's events, a picture at a time."""

    def __init__(self, surface: pygame.Surface) -> None:
        self.surface = surface
        self.camera = Camera(0.0, 0.0, *surface.get_size())
        self._scenes = Scenes()

    def turn(self, game: Game, controls: Controls) -> None:
        """One picture: events, actions, drawing."""
        now_ms = clock_ms()
        game.look(now_ms)
        view = game.view
        sight = None
        if view is not None:
            self._follow(view, controls.zoom, now_ms)
            sight = Sight(view, view.bodies(now_ms), self.camera, game.panel, now_ms)
        if game.anew:
            game.anew = False
            controls.begin_anew()
        if game.undone and controls.sheet is not Sheet.UNDONE:
            controls.sheet = Sheet.UNDONE
        for event in pygame.event.get():
            if event.type == pygame.VIDEORESIZE:
                self.surface = resized()
            for action in controls.event(event, sight):
                game.do(action)
        if controls.sheet is not Sheet.UNDONE:
            game.undone = []
        if sight is not None and game.connection.serving:
            for action in controls.held(sight):
                game.do(action)
        for words in controls.said:
            game.note(words)
        controls.said.clear()
        self._draw(game, controls, sight, now_ms)
        pygame.display.flip()

    def _follow(self, view: View, zoom: int, now_ms: float) -> None:
        self.camera.zoom = zoom
        self.camera.width, self.camera.height = self.surface.get_size()
        if view.own.known:
            self.camera.x, self.camera.y = view.own.at(now_ms)

    def _draw(self, game: Game, controls: Controls, sight: Sight | None, now_ms: float) -> None:
        scene = self._scenes.of(controls.zoom)
        if sight is None:
            self.surface.fill(NIGHT)
            text = scene.words.draw(game.panel.notice, 24, (236, 232, 220))
            self.surface.blit(text, text.get_rect(center=self.surface.get_rect().center))
        else:
            game.panel.map_shown = controls.map_shown == 1
            game.panel.hint = hint(sight)
            scene.render(self.surface, sight.view, self.camera, game.panel, now_ms)
            self._mark(controls, sight)
            if controls.map_shown == 2:
                draw_large_map(self.surface, sight.view, sight.bodies, self.camera)
        draw_sheets(self.surface, scene, controls, game.panel, game.undone, now_ms)

    def _mark(self, controls: Controls, sight: Sight) -> None:
        """The tile under the pointer, when it is near enough to be meant."""
        place = reach.own_place(sight.bodies)
        if place is None or controls.sheet is not Sheet.NONE or not pygame.mouse.get_focused():
            return
        x, y = self.camera.tile_at(*controls.pointer)
        far = reach.tile_far(place, x, y)
        if far <= 2 * REACH_TILES and reach.on_map(sight.view, x, y):
            draw_tile_mark(self.surface, self.camera, (x, y), far <= REACH_TILES)


def hint(sight: Sight) -> str:
    """What can be done where the body stands."""
    can = []
    beast = reach.to_strike(sight.bodies)
    if beast is not None:
        can.append(f"Space strike {sight.view.called(beast.kind)}")
    work = reach.to_gather(sight.view, sight.bodies)
    if work is not None:
        can.append(f"E gather {work.words}")
    if reach.nearest_body(sight.bodies, (PILE,), REACH_TILES) is not None:
        can.append("F pick up")
    if reach.nearest_body(sight.bodies, reach.PEOPLE, REACH_TILES) is not None:
        can.append("G give")
    return "   ".join([*can, "H help"])

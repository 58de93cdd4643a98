"""What lies over the picture: purse, relics, health, what is durable, messages, a map. Drawing only."""

import io
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pygame

from clients.draw.camera import Camera
from clients.draw.pictures import Colour, Pictures, Pixels, Words
from clients.view import UNKNOWN, Bodies, View
from world.items import ITEMS
from world.kinds import PILE, PLAYER, WOLF
from world.portrait import named, picture_png
from world.shown import LOOK_LEVEL
from world.tilemap import BUSH, DOOR, DOORWAY, FEATURES, FIELD, FLOOR, GROUND, MUD, ROCK, TERRAINS, TREE, WALL, WATER
from world.units import TICKS_PER_SECOND

INK: Final = (236, 232, 220)
FAINT: Final = (168, 170, 166)
WARM: Final = (240, 196, 120)
ALARM: Final = (236, 130, 108)
LINES_SHOWN: Final = 6
LINE_MS: Final = 12_000  # a message fades after this
LATE_MS: Final = 100  # a tick this late is worth telling
ASSETS_SHOWN: Final = 8
PORTRAITS_KEPT: Final = 64
PORTRAIT: Final = 40
PURSE_WIDE: Final = 6  # goods in a line
MAP_TILES: Final = 168
MARGIN: Final = 12


@dataclass
class Panel:
    """What the player is told beside the world; whoever runs the window fills it in.

    `assets` are (id, kind, traits); `worn` what is in use, as `regions.protocol.Having` has it; `not_archived` is how
    many durable records no confirmed checkpoint holds yet; `late_ms` how late the region's tick began; `lines` are
    (when in ms, text), oldest first.
    """

    world: str = ""
    coins: int = 0
    goods: tuple[int, ...] = (0,) * len(ITEMS)
    assets: tuple[tuple[int, int, int], ...] = ()
    worn: tuple[int, int, int] = (0, 0, 0)
    ping_ms: float = 0.0
    durable: int = 0
    not_archived: int = 0
    late_ms: int = 0
    slowed: bool = False
    rate_step: int = 0
    notice: str = ""
    hint: str = ""
    lines: list[tuple[float, str]] = field(default_factory=list)
    map_shown: bool = True


class Overlay:
    """Draws a `Panel`, keeping portraits and the map's colours."""

    def __init__(self, pictures: Pictures, words: Words) -> None:
        self.pictures, self.words = pictures, words
        self._portraits: OrderedDict[tuple[int, int, int], pygame.Surface] = OrderedDict()

    def draw(
        self, surface: pygame.Surface, view: View, bodies: Bodies, camera: Camera, panel: Panel, now_ms: float
    ) -> None:
        """Everything over the picture."""
        self._purse(surface, view, panel)
        self._status(surface, panel)
        if panel.map_shown:
            self._map(surface, view, bodies, camera)
        self._messages(surface, panel, now_ms)
        self._banner(surface, panel)

    def _purse(self, surface: pygame.Surface, view: View, panel: Panel) -> None:
        """Health, coins and goods at the lower left; relics above them."""
        width, height = 330, 100
        top = surface.get_height() - height - MARGIN
        card(surface, pygame.Rect(MARGIN, top, width, height))
        level = view.look & LOOK_LEVEL
        bar = pygame.Rect(MARGIN + 12, top + 10, width - 24, 9)
        pygame.draw.rect(surface, (58, 48, 50), bar, border_radius=4)
        filled = bar.copy()
        filled.width = bar.width * level // LOOK_LEVEL
        pygame.draw.rect(surface, (196, 92, 84) if level < 6 else (150, 176, 104), filled, border_radius=4)
        amounts = [*panel.goods[: len(ITEMS)], panel.coins]
        for place, amount in enumerate(amounts):
            left, line = MARGIN + 10 + place % PURSE_WIDE * 53, top + 22 + place // PURSE_WIDE * 36
            icon = self.pictures.icons[place]
            faint = amount == 0
            icon.set_alpha(90 if faint else 255)
            surface.blit(icon, (left - 2, line + 4))
            icon.set_alpha(255)
            if place + 1 in panel.worn[:2]:
                pygame.draw.rect(surface, WARM, pygame.Rect(left - 3, line + 1, 36, 34), 2, border_radius=5)
            self._write(surface, _short(amount), (left + 31, line + 14), 17, FAINT if faint else INK)
        self._relics(surface, panel, top)

    def _relics(self, surface: pygame.Surface, panel: Panel, bottom: int) -> None:
        if not panel.assets:
            return
        newest = panel.assets[-ASSETS_SHOWN:]
        more = len(panel.assets) - len(newest)
        width = 8 + len(newest) * (PORTRAIT + 4) + (34 if more else 4)
        top = bottom - PORTRAIT - 24
        card(surface, pygame.Rect(MARGIN, top, width, PORTRAIT + 16))
        for place, (asset, kind, traits) in enumerate(newest):
            at = pygame.Rect(MARGIN + 8 + place * (PORTRAIT + 4), top + 8, PORTRAIT, PORTRAIT)
            surface.blit(self.portrait(kind, traits), at)
            if asset == panel.worn[2]:
                pygame.draw.rect(surface, WARM, at.inflate(4, 4), 2, border_radius=5)
        if more:
            self._write(surface, f"+{more}", (MARGIN + 12 + len(newest) * (PORTRAIT + 4), top + 22), 18, FAINT)

    def portrait(self, kind: int, traits: int, side: int = PORTRAIT) -> pygame.Surface:
        """An asset's picture, so many pixels wide."""
        key = (kind, traits, side)
        made = self._portraits.get(key)
        if made is None:
            whole = pygame.image.load(io.BytesIO(picture_png(traits, kind)), "portrait.png")
            made = pygame.transform.smoothscale(whole.convert_alpha() if _shown() else _rgb(whole), (side, side))
            self._portraits[key] = made
            if len(self._portraits) > PORTRAITS_KEPT:
                self._portraits.popitem(last=False)
        return made

    def _status(self, surface: pygame.Surface, panel: Panel) -> None:
        """World, ping, durable and archived numbers at the upper left."""
        archived = max(panel.durable - panel.not_archived, 0)
        rows = [
            (panel.world or "Everloom", 22, INK),
            (f"ping {panel.ping_ms:.0f} ms" if panel.ping_ms else "ping ...", 17, INK if panel.ping_ms < 150 else WARM),
            (f"durable {panel.durable}  ·  archived {archived}", 17, FAINT),
        ]
        width = max(self.words.width(text, size) for text, size, _ in rows) + 24
        card(surface, pygame.Rect(MARGIN, MARGIN, width, 68))
        for place, (text, size, colour) in enumerate(rows):
            self._write(surface, text, (MARGIN + 12, MARGIN + 9 + place * 18 + (place > 0) * 3), size, colour)

    def _map(self, surface: pygame.Surface, view: View, bodies: Bodies, camera: Camera) -> None:
        """The land around, a pixel a tile, with players, wolves and piles."""
        height, width = view.terrain.shape
        wide, high = min(MAP_TILES, width), min(MAP_TILES, height)
        x0 = min(max(int(camera.x) - wide // 2, 0), width - wide)
        y0 = min(max(int(camera.y) - high // 2, 0), height - high)
        area = np.s_[y0 : y0 + high, x0 : x0 + wide]
        colours = MAP_COLOURS[view.terrain[area], view.feature[area] & 15]
        small = pygame.surfarray.make_surface(colours.swapaxes(0, 1))
        place = pygame.Rect(surface.get_width() - wide - MARGIN - 6, MARGIN + 6, wide, high)
        card(surface, place.inflate(12, 12))
        surface.blit(small, place)
        for row in np.flatnonzero(np.isin(bodies.kind, (PLAYER, WOLF, PILE))).tolist():
            x, y = int(bodies.x[row]) - x0 + place.left, int(bodies.y[row]) - y0 + place.top
            if row != bodies.own and place.collidepoint(x, y):
                surface.fill(MAP_DOTS[int(bodies.kind[row])], (x - 1, y - 1, 2, 2))
        at = (int(camera.x) - x0 + place.left, int(camera.y) - y0 + place.top)
        pygame.draw.circle(surface, (40, 36, 34), at, 4)
        pygame.draw.circle(surface, (255, 240, 196), at, 3)

    def _messages(self, surface: pygame.Surface, panel: Panel, now_ms: float) -> None:
        """The last lines at the lower right, older ones fainter."""
        fresh = [(at, text) for at, text in panel.lines[-LINES_SHOWN:] if now_ms - at < LINE_MS]
        bottom = surface.get_height() - MARGIN - 8
        if panel.hint:
            hint = self.words.draw(panel.hint, 16, FAINT, outlined=True)
            surface.blit(hint, (surface.get_width() - MARGIN - hint.get_width(), bottom - 10))
            bottom -= 22
        for place, (at, text) in enumerate(reversed(fresh)):
            line = self.words.draw(self.words.wrapped(text, 18, 420, 1)[0], 18, INK, outlined=True)
            line.set_alpha(min(255, int((LINE_MS - (now_ms - at)) * 255 / 1500), 255 - 18 * place))
            surface.blit(line, (surface.get_width() - MARGIN - line.get_width(), bottom - 12 - place * 18))

    def _banner(self, surface: pygame.Surface, panel: Panel) -> None:
        """What slows or stops the world, at the top in the middle."""
        text, colour = panel.notice, INK
        if not text and panel.late_ms >= LATE_MS:
            text, colour = f"time runs slower: this tick began {panel.late_ms} ms late", ALARM
        elif not text and panel.slowed:
            text, colour = "your connection does not keep up: pictures were left out", WARM
        elif not text and panel.rate_step:
            rate = TICKS_PER_SECOND >> panel.rate_step
            text, colour = f"a crowd: you are shown {rate} updates a second, and every tick of them", WARM
        if not text:
            return
        lines = self.words.wrapped(text, 20, surface.get_width() // 2, 3)
        drawn = [self.words.draw(line, 20, colour) for line in lines if line]
        width = max((line.get_width() for line in drawn), default=0) + 32
        banner = pygame.Rect((surface.get_width() - width) // 2, MARGIN, width, 16 + 18 * len(drawn))
        card(surface, banner)
        for place, line in enumerate(drawn):
            surface.blit(line, (banner.centerx - line.get_width() // 2, banner.top + 9 + 18 * place))

    def _write(self, surface: pygame.Surface, text: str, at: tuple[int, int], size: int, colour: Colour) -> None:
        surface.blit(self.words.draw(text, size, colour), at)


def asset_words(kind: int, traits: int) -> str:
    """An asset's name and rarity, for a message."""
    words = named(traits, kind)
    return f"{words['name']} ({words['rarity']})"


def card(surface: pygame.Surface, rect: pygame.Rect) -> None:
    """A dark translucent ground for words."""
    ground = pygame.Surface(rect.size, pygame.SRCALPHA)
    pygame.draw.rect(ground, (30, 34, 38, 196), ground.get_rect(), border_radius=8)
    pygame.draw.rect(ground, (214, 204, 172, 58), ground.get_rect(), 1, border_radius=8)
    surface.blit(ground, rect)


def _short(amount: int) -> str:
    if amount < 1000:
        return str(amount)
    return f"{amount // 1000}k" if amount < 1_000_000 else f"{amount // 1_000_000}M"


def _shown() -> bool:
    return pygame.display.get_init() and pygame.display.get_surface() is not None


def _rgb(picture: pygame.Surface) -> pygame.Surface:
    made = pygame.Surface(picture.get_size(), pygame.SRCALPHA)
    made.blit(picture, (0, 0))
    return made


def _map_colours() -> Pixels:
    """uint8[256, 16, 3] by terrain and feature."""
    made = np.zeros((256, 16, 3), np.uint8)
    grounds = {
        GROUND: (122, 148, 98),
        WATER: (78, 124, 146),
        MUD: (122, 102, 80),
        WALL: (150, 147, 142),
        FLOOR: (172, 138, 98),
        DOOR: (96, 70, 48),
        DOORWAY: (190, 156, 112),
    }
    growth = {TREE: (72, 102, 72), BUSH: (104, 132, 84), ROCK: (128, 126, 124), FIELD: (196, 168, 96)}
    made[UNKNOWN] = (44, 51, 57)
    for terrain in range(len(TERRAINS)):
        made[terrain, :] = grounds[terrain]
        for feature in range(1, len(FEATURES)):
            made[terrain, feature] = growth[feature]
    return made


MAP_COLOURS: Final = _map_colours()
MAP_DOTS: Final = {PLAYER: (244, 232, 190), WOLF: (206, 92, 82), PILE: (232, 188, 96)}

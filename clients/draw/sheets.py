"""What opens over the picture: help, goods and assets, what to give, words being typed, the large map, what was undone.

Drawing only; what is open stands in `clients.controls`, what is chosen in `clients.choosing`.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pygame

from clients.choosing import Choice
from clients.controls import HELP, Controls, Sheet
from clients.draw.camera import Camera
from clients.draw.panel import ALARM, FAINT, INK, MAP_COLOURS, MAP_DOTS, WARM, Panel, asset_words, card
from clients.draw.pictures import Colour
from clients.draw.scene import Scene
from clients.offers import Offer
from clients.view import Bodies, View
from world.items import ITEMS
from world.kinds import PILE, PLAYER, WOLF
from world.units import SPEECH_MAX

LINE: Final = 24
OFFERS_SHOWN: Final = 12
ASSETS_SHOWN: Final = 8
GOODS_WIDE: Final = 6  # goods in a line
FRAME: Final = 72  # a portrait's side
LARGE_MAP: Final = 0.8  # of the window's lesser side


def draw_sheets(
    surface: pygame.Surface, scene: Scene, controls: Controls, panel: Panel, undone: Sequence[str], now_ms: float
) -> None:
    """Draw what is open."""
    match controls.sheet:
        case Sheet.HELP:
            _help(surface, scene)
        case Sheet.GOODS:
            _goods(surface, scene, panel)
        case Sheet.HAND:
            _hand(surface, scene, controls.choice)
        case Sheet.SPEAK:
            _speech(surface, scene, controls.text, now_ms)
        case Sheet.UNDONE:
            _undone(surface, scene, undone)
        case Sheet.NONE:
            pass


def draw_large_map(surface: pygame.Surface, view: View, bodies: Bodies, camera: Camera) -> None:
    """All that was ever seen of the world."""
    height, width = view.terrain.shape
    side = int(min(surface.get_size()) * LARGE_MAP)
    wide, high = (side, side * height // width) if width >= height else (side * width // height, side)
    colours = MAP_COLOURS[view.terrain, view.feature & 15]
    whole = pygame.transform.scale(pygame.surfarray.make_surface(colours.swapaxes(0, 1)), (wide, high))
    place = whole.get_rect(center=surface.get_rect().center)
    card(surface, place.inflate(20, 20))
    surface.blit(whole, place)
    for row in np.flatnonzero(np.isin(bodies.kind, (PLAYER, WOLF, PILE))).tolist():
        x, y = place.left + bodies.x[row] * wide / width, place.top + bodies.y[row] * high / height
        if row != bodies.own and place.collidepoint(x, y):
            pygame.draw.circle(surface, MAP_DOTS[int(bodies.kind[row])], (x, y), 2)
    at = place.left + camera.x * wide / width, place.top + camera.y * high / height
    pygame.draw.circle(surface, (40, 36, 34), at, 6)
    pygame.draw.circle(surface, (255, 240, 196), at, 5)


def draw_tile_mark(surface: pygame.Surface, camera: Camera, tile: tuple[int, int], within: bool) -> None:
    """An outline around the tile under the pointer; red when it is out of reach."""
    left, top = camera.on_screen(*tile)
    mark = pygame.Surface((camera.tile, camera.tile), pygame.SRCALPHA)
    colour = (255, 246, 214, 150) if within else (236, 130, 108, 110)
    pygame.draw.rect(mark, colour, mark.get_rect(), 2, border_radius=4)
    surface.blit(mark, (left, top))


def sheet_rect(surface: pygame.Surface, width: int, height: int) -> pygame.Rect:
    """A rectangle in the middle of the window, cut to its size."""
    rect = pygame.Rect(0, 0, min(width, surface.get_width() - 16), min(height, surface.get_height() - 16))
    rect.center = surface.get_rect().center
    return rect


def draw_keys(surface: pygame.Surface, scene: Scene, title: str, keys: Sequence[tuple[str, str]]) -> None:
    """A sheet of keys and what they do."""
    rect = sheet_rect(surface, 640, 62 + LINE * len(keys))
    card(surface, rect)
    card(surface, rect)  # twice: long text is read on a darker ground
    _write(surface, scene, title, (rect.left + 22, rect.top + 16), 26, WARM)
    for place, (key, words) in enumerate(keys):
        top = rect.top + 48 + place * LINE
        _write(surface, scene, key, (rect.left + 22, top), 20, INK)
        _write(surface, scene, words, (rect.left + 176, top), 20, FAINT)


def _help(surface: pygame.Surface, scene: Scene) -> None:
    draw_keys(surface, scene, "Keys", HELP)


def _goods(surface: pygame.Surface, scene: Scene, panel: Panel) -> None:
    shown = panel.assets[-ASSETS_SHOWN:]
    rows = max((len(shown) + 1) // 2, 1)
    rect = sheet_rect(surface, 760, 184 + rows * (FRAME + 12))
    card(surface, rect)
    card(surface, rect)
    _write(surface, scene, "What you carry", (rect.left + 22, rect.top + 16), 26, WARM)
    for place, (name, count) in enumerate([*zip(ITEMS, panel.goods), ("coins", panel.coins)]):
        left, top = rect.left + 18 + place % GOODS_WIDE * 122, rect.top + 44 + place // GOODS_WIDE * 40
        surface.blit(scene.pictures.icons[place], (left, top + 4))
        in_use = " *" if place + 1 in panel.worn[:2] else ""
        _write(surface, scene, f"{count} {name}{in_use}", (left + 34, top + 14), 20, INK if count or in_use else FAINT)
    title = f"Assets: {len(panel.assets)}" if panel.assets else "No assets yet: one gathering in many is a rare find"
    _write(surface, scene, title, (rect.left + 22, rect.top + 138), 22, WARM if panel.assets else FAINT)
    if len(panel.assets) > len(shown):
        _write(surface, scene, f"the newest {len(shown)}", (rect.left + 140, rect.top + 140), 18, FAINT)
    for place, (_, kind, traits) in enumerate(reversed(shown)):
        left = rect.left + 22 + (place % 2) * 366
        top = rect.top + 170 + (place // 2) * (FRAME + 12)
        surface.blit(scene.overlay.portrait(kind, traits, FRAME), (left, top))
        name, _, rarity = asset_words(kind, traits).rpartition(" (")
        line = scene.words.wrapped(name, 19, 270, 1)[0]
        _write(surface, scene, line, (left + FRAME + 14, top + 16), 19, INK)
        _write(
            surface,
            scene,
            rarity.rstrip(")"),
            (left + FRAME + 14, top + 36),
            17,
            RARITY_COLOURS.get(rarity.rstrip(")"), FAINT),
        )


RARITY_COLOURS: Final[dict[str, Colour]] = {
    "common": FAINT,
    "uncommon": (150, 206, 170),
    "rare": (150, 184, 240),
    "legendary": (244, 204, 120),
}


def _hand(surface: pygame.Surface, scene: Scene, choice: Choice) -> None:
    """The list; where each line was drawn is noted for the pointer."""
    offers = choice.offers
    first = min(max(choice.chosen - OFFERS_SHOWN // 2, 0), max(len(offers) - OFFERS_SHOWN, 0))
    shown = offers[first : first + OFFERS_SHOWN]
    rect = sheet_rect(surface, 480, 100 + 34 * len(shown))
    card(surface, rect)
    card(surface, rect)
    _write(surface, scene, choice.title, (rect.left + 22, rect.top + 14), 26, WARM)
    lines = [pygame.Rect(0, 0, 0, 0)] * len(offers)
    for place, offer in enumerate(shown, first):
        line = pygame.Rect(rect.left + 12, rect.top + 46 + (place - first) * 34, rect.width - 24, 32)
        lines[place] = line
        chosen = place == choice.chosen
        if chosen:
            pygame.draw.rect(surface, (86, 84, 70), line, border_radius=6)
        _offer(surface, scene, offer, line, choice.amounts[choice.amount] if chosen else None)
    choice.lines = lines
    hint = "up, down: which   left, right: how many   Enter: do it   Esc: leave it"
    _write(surface, scene, hint, (rect.left + 22, rect.bottom - 30), 17, FAINT)


def _offer(surface: pygame.Surface, scene: Scene, offer: Offer, line: pygame.Rect, amount: int | None) -> None:
    if offer.relic is not None:
        surface.blit(scene.overlay.portrait(*offer.relic, 28), (line.left + 5, line.top + 2))
        words = scene.words.wrapped(offer.words, 19, line.width - 60, 1)[0]
    else:
        if offer.good >= 0:
            surface.blit(scene.pictures.icons[offer.good], (line.left + 3, line.top))
        words = offer.words if offer.one else f"{offer.words}, of {offer.count}"
    _write(surface, scene, words, (line.left + 44, line.top + 10), 19, INK)
    if amount is not None and offer.relic is None and not offer.one:
        text = scene.words.draw(f"<  {amount}  >", 21, WARM)
        surface.blit(text, (line.right - text.get_width() - 12, line.top + 9))


def _speech(surface: pygame.Surface, scene: Scene, text: str, now_ms: float) -> None:
    rect = pygame.Rect(0, 0, min(640, surface.get_width() - 32), 44)
    rect.midbottom = (surface.get_width() // 2, surface.get_height() - 96)
    card(surface, rect)
    card(surface, rect)
    shown = text
    while scene.words.width(shown, 22) > rect.width - 90:
        shown = shown[1:]
    end = _write(surface, scene, shown, (rect.left + 16, rect.top + 14), 22, INK) if shown else rect.left + 16
    if not text:
        _write(surface, scene, "say something", (rect.left + 22, rect.top + 14), 22, FAINT)
    if int(now_ms) // 500 % 2 == 0:
        pygame.draw.line(surface, INK, (end + 2, rect.top + 12), (end + 2, rect.bottom - 13), 2)
    left = SPEECH_MAX - len(text)
    _write(surface, scene, str(left), (rect.right - 44, rect.top + 16), 17, ALARM if left < 10 else FAINT)


def _undone(surface: pygame.Surface, scene: Scene, undone: Sequence[str]) -> None:
    rect = sheet_rect(surface, 600, 60 + LINE * len(undone))
    card(surface, rect)
    card(surface, rect)
    for place, text in enumerate(undone):
        line = scene.words.wrapped(text, 20, rect.width - 44, 1)[0]
        _write(surface, scene, line, (rect.left + 22, rect.top + 18 + place * LINE), 20, WARM if place == 0 else INK)
    _write(surface, scene, "Esc closes", (rect.left + 22, rect.bottom - 28), 17, FAINT)


def _write(surface: pygame.Surface, scene: Scene, text: str, at: tuple[int, int], size: int, colour: Colour) -> int:
    """Write a line; where it ends."""
    drawn = scene.words.draw(text, size, colour)
    surface.blit(drawn, at)
    return at[0] + drawn.get_width()

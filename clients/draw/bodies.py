"""Bodies as sprites to be sorted, and above them names, health, wounds and what they say."""

from typing import Final

import msgspec
import pygame

from clients.draw.camera import Camera
from clients.draw.pictures import ON_LEGS, Colour, Dress, Pictures, Words
from clients.draw.tiles import Sprite
from clients.look_files import UNSAID
from clients.view import Bodies, View, short_name
from regions.looks import Look
from world.items import STONE
from world.kinds import CRATE, MISSILE, PILE, PLAYER, VILLAGER, lives
from world.shown import GEAR, GEAR_COAT, GEAR_IN_HAND, LOOK_CARRYING, LOOK_DOWN, LOOK_HURT, LOOK_LEVEL

STEP_MS: Final = 140
BUBBLE_WIDTH: Final = 190
BUBBLE_LINES: Final = 4

_SHAPES: Final = {"biped": (22, 12), "hatted": (24, 12), "quadruped": (20, 17), "antlered": (24, 17), "eared": (18, 11)}
"""How high a body of each shape stands, and how wide its shadow is, in texels."""
_LINES: Final = (1, 1, 0, 3, 3, 3, 2, 1)  # facing 0..7 (0 = east, clockwise) -> line of the sheet
_STEPS: Final = (0, 1, 0, 2)
_SHADOWS: Final = {PILE: 13, CRATE: 19, MISSILE: 7}
_HEIGHTS: Final = {PILE: 14, CRATE: 18, MISSILE: 4}


def look_of(view: View, kind: int) -> Look:
    """How a kind looks in the world one sees; of a shape this window does not know, as one nothing was said of."""
    look = view.looks.get(kind, UNSAID)
    return look if look.shape in _SHAPES else msgspec.structs.replace(look, shape=UNSAID.shape)


def dressed(view: View, entity: int, kind: int, look: int) -> Dress:
    """What a living body wears and bears: its clothes or coat are the same in every window."""
    shown = look_of(view, kind)
    mixed = (entity * 0x9E3779B97F4A7C15 & 2**64 - 1) >> 40
    coat = _rgb(shown.colours[mixed % len(shown.colours)])
    hurt = bool(look & LOOK_HURT) or entity in view.flashes
    if shown.shape in ON_LEGS:
        gear = look >> GEAR
        in_hand = gear & GEAR_IN_HAND or shown.gear & GEAR_IN_HAND
        return Dress(shown.shape, coat, size=shown.size, gear=in_hand | (gear | shown.gear) & GEAR_COAT, hurt=hurt)
    red, green, blue = (part + (255 - part) * 2 // 5 for part in coat)
    belly = _rgb(shown.belly) if shown.belly >= 0 else (red, green, blue)
    return Dress(shown.shape, coat, belly, shown.size, hurt=hurt)


def _rgb(colour: int) -> Colour:
    return colour >> 16, colour >> 8 & 255, colour & 255


def _extent(view: View, kind: int) -> tuple[int, int]:
    """How high a body stands and how wide its shadow is, in texels."""
    if not lives(kind):
        return _HEIGHTS.get(kind, 20), _SHADOWS.get(kind, 12)
    look = look_of(view, kind)
    high, wide = _SHAPES[look.shape]
    return high * look.size // 100, wide * look.size // 100


def sprites(
    surface: pygame.Surface, view: View, bodies: Bodies, camera: Camera, pictures: Pictures, now_ms: float
) -> list[Sprite]:
    """Draw the bodies' shadows, and a ring under the own one; their sprites."""
    made: list[Sprite] = []
    shadows = []
    for row in _in_window(bodies, camera):
        kind, entity, look = int(bodies.kind[row]), int(bodies.ids[row]), int(bodies.look[row])
        x, y = camera.on_screen(bodies.x[row], bodies.y[row])
        shadow = pictures.shadow(_extent(view, kind)[1])
        shadows.append((shadow, (x - shadow.get_width() // 2, y - shadow.get_height() // 3)))
        if row == bodies.own:
            _ring(surface, camera, x, y)
        if kind == PILE:
            piles = pictures.strips["pile"]
            level = look & LOOK_LEVEL
            picture = piles[min(level, len(piles) - 1)]
        elif kind == CRATE:
            picture = pictures.strips["crate"][int(look & LOOK_LEVEL < LOOK_LEVEL)]
        elif kind == MISSILE:
            picture = pygame.transform.rotate(
                pictures.strips["missile"][int(look & LOOK_LEVEL == STONE)], -45 * int(bodies.facing[row])
            )
            y -= 8 * camera.zoom  # it flies at the height of a chest
        elif lives(kind):
            sheet = pictures.body(dressed(view, entity, kind, look))
            walking = bool(bodies.step[row, 0] or bodies.step[row, 1])
            step = _STEPS[(int(now_ms) // STEP_MS + entity) % 4] if walking else 0
            picture = sheet[_LINES[int(bodies.facing[row]) & 7]][step]
            if look & LOOK_DOWN:
                picture = pygame.transform.rotate(picture, 90)
        else:
            continue
        foot = y + 3 * camera.zoom - picture.get_height()
        made.append((float(bodies.y[row]), picture, (x - picture.get_width() // 2, foot)))
        if kind <= VILLAGER and look & LOOK_CARRYING and not look & LOOK_DOWN:
            sack = pygame.transform.scale_by(pictures.icons[-1], 0.25 * camera.zoom)
            made.append((float(bodies.y[row]) + 0.01, sack, (x - 7 * camera.zoom, foot + 9 * camera.zoom)))
    surface.blits(shadows, doreturn=False)
    return made


def draw_marks(
    surface: pygame.Surface, view: View, bodies: Bodies, camera: Camera, words: Words, now_ms: float
) -> None:
    """Names of players, health of the wounded, and speech, above all bodies."""
    for row in _in_window(bodies, camera):
        kind, entity, look = int(bodies.kind[row]), int(bodies.ids[row]), int(bodies.look[row])
        if kind in (PILE, MISSILE):
            continue
        x, y = camera.on_screen(bodies.x[row], bodies.y[row])
        top = y - _extent(view, kind)[0] * camera.zoom - 4
        level = look & LOOK_LEVEL
        if level < LOOK_LEVEL and not look & LOOK_DOWN:
            _bar(surface, x, top, level)
            top -= 8
        if kind == PLAYER:
            colour = (255, 240, 200) if row == bodies.own else (232, 234, 230)
            name = words.draw(short_name(entity), 17, colour, outlined=True)
            surface.blit(name, (x - name.get_width() // 2, top - 8))
            top -= 12
        if entity in view.speech:
            _bubble(surface, words, view.speech[entity], x, top - 2, now_ms)


def _in_window(bodies: Bodies, camera: Camera) -> list[int]:
    x0, y0, x1, y1 = camera.tiles_seen(2)
    inside = (bodies.x >= x0) & (bodies.x < x1) & (bodies.y >= y0) & (bodies.y < y1)
    rows: list[int] = inside.nonzero()[0].tolist()
    return rows


def _ring(surface: pygame.Surface, camera: Camera, x: int, y: int) -> None:
    wide, high = 17 * camera.zoom, 8 * camera.zoom
    ring = pygame.Surface((wide, high), pygame.SRCALPHA)
    pygame.draw.ellipse(ring, (255, 244, 208, 130), ring.get_rect(), max(camera.zoom, 1))
    surface.blit(ring, (x - wide // 2, y - high // 2 + camera.zoom))


def _bar(surface: pygame.Surface, x: int, top: int, level: int) -> None:
    full = pygame.Rect(x - 15, top, 30, 5)
    pygame.draw.rect(surface, (36, 38, 44), full.inflate(2, 2), border_radius=3)
    colour = (126, 178, 104) if level > 9 else (216, 176, 88) if level > 4 else (204, 98, 84)
    filled = full.copy()
    filled.width = max(full.width * level // LOOK_LEVEL, 2)
    pygame.draw.rect(surface, colour, filled, border_radius=2)


def _bubble(surface: pygame.Surface, words: Words, said: tuple[str, float], x: int, bottom: int, now_ms: float) -> None:
    """A paper bubble, which fades in its last half second."""
    lines = words.wrapped(said[0], 18, BUBBLE_WIDTH, BUBBLE_LINES)
    drawn = [words.draw(line, 18, (52, 48, 46)) for line in lines if line]
    if not drawn:
        return
    width, height = max(line.get_width() for line in drawn) + 18, 15 * len(drawn) + 11
    box = pygame.Surface((width, height + 7), pygame.SRCALPHA)
    rect = pygame.Rect(0, 0, width, height)
    pygame.draw.rect(box, (250, 246, 234, 238), rect, border_radius=9)
    pygame.draw.polygon(
        box, (250, 246, 234, 238), [(width // 2 - 6, height), (width // 2 + 6, height), (width // 2, height + 6)]
    )
    for place, line in enumerate(drawn):
        box.blit(line, (9, 6 + 15 * place))
    box.set_alpha(min(max(int((said[1] - now_ms) * 255 / 500), 0), 255))
    left = min(max(x - width // 2, 2), max(surface.get_width() - width - 2, 2))
    surface.blit(box, (left, max(bottom - height - 7, 2)))

"""The pictures of `assets`, loaded once and enlarged; letters, and words drawn with them, kept for a while.

A texel is one pixel of the art; a tile is 16 of them. Call `pygame.display.set_mode` before, or draw with plain
surfaces. Not here: what is drawn where.
"""

from collections import OrderedDict
from importlib.resources import files
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pygame

from world.shown import GEAR_BOW, GEAR_COAT, GEAR_IN_HAND, GEAR_SWORD

TEXELS: Final = 16  # a tile's side
STRIPS: Final = {
    "tree": 24,
    "bush": 18,
    "rock": 18,
    "grain": 18,
    "pile": 16,
    "crate": 18,
    "door": 18,
    "missile": 16,
}  # the width of one picture
GEAR_WIDE: Final = 24  # of a picture of what people bear
SHEETS: Final = {"biped": 16, "hatted": 16, "quadruped": 24, "antlered": 24, "eared": 24}
ON_LEGS: Final = ("biped", "hatted")  # who has hands; the others have a belly
TEXTURES: Final = ("grass", "water", "deep", "sand", "mud", "path", "soil", "floor", "wall", "face", "ruffle")
FACINGS: Final = 4
NORTH: Final = 2  # the line of a sheet of those who go away from the eye
FRAMES: Final = 3
DYED_MAX: Final = 256
WORDS_KEPT: Final = 512
HURT: Final = (120, 40, 40)

Colour = tuple[int, int, int]
Pixels = npt.NDArray[np.uint8]


def load(name: str) -> pygame.Surface:
    """A picture of `assets/pictures` as it is. FileNotFoundError names one that is missing."""
    with (files("assets") / "pictures" / f"{name}.png").open("rb") as file:
        return pygame.image.load(file, f"{name}.png")


def as_shown(picture: pygame.Surface) -> pygame.Surface:
    """The picture in the window's own format, which is drawn several times as fast; as it is where no window is."""
    return picture.convert_alpha() if pygame.display.get_init() and pygame.display.get_surface() else picture


class Dress(NamedTuple):
    """How one body looks: a shape, the colour of its clothes or coat and of its belly, its size in percent, what it
    bears (`world.shown`; beasts bear nothing), and whether it was hurt just now."""

    shape: str
    colour: Colour
    belly: Colour = (0, 0, 0)
    size: int = 100
    gear: int = 0
    hurt: bool = False


def _tinted(greys: pygame.Surface, colour: Colour) -> pygame.Surface:
    dyed = greys.copy()
    dyed.fill((*colour, 255), special_flags=pygame.BLEND_RGBA_MULT)
    return dyed


class Pictures:
    """All sprites at one zoom (window pixels a texel), and the textures as uint8[64, 64, 3] by row and column."""

    def __init__(self, zoom: int) -> None:
        self.zoom = zoom
        self.textures: dict[str, Pixels] = {
            name: np.ascontiguousarray(pygame.surfarray.array3d(load(name)).swapaxes(0, 1)) for name in TEXTURES
        }
        self.strips = {name: self._cut(load(name), width) for name, width in STRIPS.items()}
        self.icons = self._icons()
        self._sheets = {name: load(name) for name in SHEETS}
        self._cloth = {name: load(f"{name}_cloth") for name in SHEETS}
        self._belly = {name: load(f"{name}_belly") for name in SHEETS if name not in ON_LEGS}
        self._gear = {name: load(name) for name in ("coat", "bow", "sword")}
        self._dyed: OrderedDict[Dress, list[list[pygame.Surface]]] = OrderedDict()
        self._shadows: dict[int, pygame.Surface] = {}

    def body(self, dress: Dress) -> list[list[pygame.Surface]]:
        """The pictures of a body that looks so, by direction (south, east, north, west) and step."""
        made = self._dyed.get(dress)
        if made is None:
            made = self._dyed[dress] = self._dye(dress)
            if len(self._dyed) > DYED_MAX:
                self._dyed.popitem(last=False)
        return made

    def shadow(self, texels: int) -> pygame.Surface:
        """A soft shadow on the ground, so many texels wide."""
        made = self._shadows.get(texels)
        if made is None:
            wide, high = texels * self.zoom, max(texels * self.zoom * 2 // 5, 2)
            made = pygame.Surface((wide, high), pygame.SRCALPHA)
            pygame.draw.ellipse(made, (24, 34, 38, 46), made.get_rect())
            pygame.draw.ellipse(made, (24, 34, 38, 84), made.get_rect().inflate(-wide // 4, -high // 4))
            made = self._shadows[texels] = as_shown(made)
        return made

    def _cut(self, strip: pygame.Surface, width: int) -> list[pygame.Surface]:
        count = strip.get_width() // width
        return [self._enlarged(strip.subsurface((k * width, 0, width, strip.get_height()))) for k in range(count)]

    def _enlarged(self, picture: pygame.Surface) -> pygame.Surface:
        return as_shown(pygame.transform.scale_by(picture, self.zoom))

    def _icons(self) -> list[pygame.Surface]:
        """One small picture per good, and of coins last."""
        strip = load("pile")
        width = STRIPS["pile"]
        cut = [strip.subsurface((k * width, 0, width, strip.get_height())) for k in range(strip.get_width() // width)]
        return [as_shown(pygame.transform.scale_by(picture, 2)) for picture in cut]

    def _dye(self, dress: Dress) -> list[list[pygame.Surface]]:
        sheet, width = self._sheets[dress.shape].copy(), SHEETS[dress.shape]
        sheet.blit(_tinted(self._cloth[dress.shape], dress.colour), (0, 0))
        if dress.shape in self._belly:
            sheet.blit(_tinted(self._belly[dress.shape], dress.belly), (0, 0))
        elif dress.gear:
            sheet, width = self._equipped(sheet, width, dress.gear), GEAR_WIDE
        if dress.hurt:
            sheet.fill((*HURT, 0), special_flags=pygame.BLEND_RGBA_ADD)
        height, zoom = sheet.get_height() // FACINGS, self.zoom * dress.size / 100
        cuts = [
            [sheet.subsurface((step * width, line * height, width, height)) for step in range(FRAMES)]
            for line in range(FACINGS)
        ]
        return [[as_shown(pygame.transform.scale_by(cut, zoom)) for cut in line] for line in cuts]

    def _equipped(self, people: pygame.Surface, width: int, gear: int) -> pygame.Surface:
        """A sheet of people, each picture so wide, with what they bear; who walks away hides what is before him."""
        height = people.get_height() // FACINGS
        sheet = pygame.Surface((GEAR_WIDE * FRAMES, people.get_height()), pygame.SRCALPHA)
        held = {GEAR_BOW: "bow", GEAR_SWORD: "sword"}.get(gear & GEAR_IN_HAND)
        for line in range(FACINGS):
            for step in range(FRAMES):
                at = step * GEAR_WIDE, line * height
                cut = (*at, GEAR_WIDE, height)
                if held and line == NORTH:
                    sheet.blit(self._gear[held], at, cut)
                sheet.blit(people, (at[0] + (GEAR_WIDE - width) // 2, at[1]), (step * width, at[1], width, height))
                if gear & GEAR_COAT:
                    sheet.blit(self._gear["coat"], at, cut)
                if held and line != NORTH:
                    sheet.blit(self._gear[held], at, cut)
        return sheet


class Words:
    """Words as pictures, the last WORDS_KEPT of them kept."""

    def __init__(self) -> None:
        pygame.font.init()
        self._fonts: dict[int, pygame.font.Font] = {}
        self._kept: OrderedDict[tuple[str, int, Colour, bool], pygame.Surface] = OrderedDict()

    def draw(self, text: str, size: int, colour: Colour, outlined: bool = False) -> pygame.Surface:
        """A line of text; `outlined` with a dark edge, to be read on any ground."""
        key = (text, size, colour, outlined)
        made = self._kept.get(key)
        if made is None:
            made = self._kept[key] = self._draw(text, size, colour, outlined)
            if len(self._kept) > WORDS_KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return made

    def width(self, text: str, size: int) -> int:
        return int(self._font(size).size(text)[0])

    def wrapped(self, text: str, size: int, width: int, lines: int) -> list[str]:
        """The text in lines of at most so many pixels; what does not fit in `lines` ends in an ellipsis."""
        made = [""]
        for word in text.split():
            longer = f"{made[-1]} {word}".strip()
            if self.width(longer, size) <= width or not made[-1]:
                made[-1] = longer
            else:
                made.append(word)
        made = [self._cut(line, size, width) for line in made]
        if len(made) > lines:
            made = [*made[: lines - 1], self._cut(made[lines - 1] + " …", size, width)]
        return made

    def _cut(self, line: str, size: int, width: int) -> str:
        while line and self.width(line, size) > width:
            line = line[:-2].rstrip("…") + "…" if len(line) > 2 else ""
        return line

    def _font(self, size: int) -> pygame.font.Font:
        if size not in self._fonts:
            self._fonts[size] = pygame.font.Font(None, size)
        return self._fonts[size]

    def _draw(self, text: str, size: int, colour: Colour, outlined: bool) -> pygame.Surface:
        font = self._font(size)
        face = font.render(text, True, colour)
        if not outlined:
            return as_shown(face)
        edge = font.render(text, True, (28, 30, 36))
        made = pygame.Surface((face.get_width() + 2, face.get_height() + 2), pygame.SRCALPHA)
        for x, y in ((0, 1), (2, 1), (1, 0), (1, 2), (0, 0), (2, 2), (0, 2), (2, 0)):
            made.blit(edge, (x, y))
        made.blit(face, (1, 1))
        return as_shown(made)

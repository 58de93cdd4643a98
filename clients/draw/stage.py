"""What lies over the picture of a replay: where and when one is, what was checked, the line of time, the chronicle.

Drawing only; what is played and where one goes stands in `clients.replay`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import pygame

from clients.draw.panel import ALARM, FAINT, INK, MARGIN, WARM, card
from clients.draw.pictures import Colour
from clients.draw.scene import Scene

BAR_HEIGHT: Final = 64
SIDE: Final = 380
ROW: Final = 22
MARK_COLOURS: Final[dict[str, Colour]] = {
    "minted": (244, 204, 120),
    "died": (206, 110, 100),
    "built": (150, 184, 240),
    "dug": (176, 150, 120),
}
OTHER: Final = (170, 170, 170)


@dataclass
class Told:
    """A line of the chronicle as it is drawn: its place on the line of time (0..1), kind, clock time and words."""

    share: float
    kind: str
    clock: str
    words: str


@dataclass
class Bill:
    """What the audience is told. `share` is where one is on the line of time, `aim` where the pointer is, with its time
    in words; `going` how much of a seek is done, negative when none goes on."""

    title: str = ""
    time: str = ""
    facts: list[str] = field(default_factory=list)
    checked: str = ""
    fault: str = ""
    hint: str = ""
    playing: bool = False
    speed: str = ""
    share: float = 0.0
    begin: str = ""
    end: str = ""
    aim: float = -1.0
    aim_words: str = ""
    going: float = -1.0
    marks: Sequence[tuple[float, str]] = ()
    checkpoints: Sequence[float] = ()
    lines: Sequence[Told] = ()
    upcoming: int = 0  # how many of the last lines have not happened yet
    following: str = ""


def bar_rect(surface: pygame.Surface) -> pygame.Rect:
    """Where the line of time lies, in which one may click."""
    width, height = surface.get_size()
    return pygame.Rect(MARGIN + 118, height - BAR_HEIGHT - MARGIN + 10, width - 2 * MARGIN - 136, 26)


def button_rect(surface: pygame.Surface) -> pygame.Rect:
    """Where play and pause are."""
    height = surface.get_height()
    return pygame.Rect(MARGIN + 12, height - BAR_HEIGHT - MARGIN + 10, 44, 44)


def line_rects(surface: pygame.Surface, count: int) -> list[pygame.Rect]:
    """Where the lines of the chronicle lie, from the upper one down."""
    left = surface.get_width() - SIDE - MARGIN
    return [pygame.Rect(left, MARGIN + 38 + place * ROW, SIDE, ROW) for place in range(count)]


def lines_fit(surface: pygame.Surface) -> int:
    """How many lines of the chronicle fit beside the picture."""
    return max((surface.get_height() - BAR_HEIGHT - 3 * MARGIN - 60) // ROW, 0)


def draw_stage(surface: pygame.Surface, scene: Scene, bill: Bill) -> None:
    """Everything over the picture."""
    _status(surface, scene, bill)
    _bar(surface, scene, bill)
    if bill.lines:
        _chronicle(surface, scene, bill)
    if bill.going >= 0:
        _going(surface, scene, bill.going)


def _status(surface: pygame.Surface, scene: Scene, bill: Bill) -> None:
    rows: list[tuple[str, int, Colour]] = [(bill.title, 22, INK), (bill.time, 20, WARM)]
    rows += [(fact, 17, FAINT) for fact in bill.facts]
    if bill.checked:
        rows.append((bill.checked, 17, (150, 206, 150)))
    rows += [(line, 17, ALARM) for line in scene.words.wrapped(bill.fault, 17, 420, 5) if line]
    if bill.following:
        rows.append((bill.following, 17, INK))
    width = max(scene.words.width(text, size) for text, size, _ in rows) + 28
    card(surface, pygame.Rect(MARGIN, MARGIN, width, 22 + 20 * len(rows)))
    for place, (text, size, colour) in enumerate(rows):
        _write(surface, scene, text, (MARGIN + 13, MARGIN + 11 + place * 20), size, colour)


def _bar(surface: pygame.Surface, scene: Scene, bill: Bill) -> None:
    width, height = surface.get_size()
    card(surface, pygame.Rect(MARGIN, height - BAR_HEIGHT - MARGIN, width - 2 * MARGIN, BAR_HEIGHT))
    button = button_rect(surface)
    if bill.playing:
        for left in (button.left + 11, button.left + 24):
            pygame.draw.rect(surface, INK, (left, button.top + 9, 8, 26), border_radius=2)
    else:
        x, y = button.left + 13, button.top + 8
        pygame.draw.polygon(surface, INK, [(x, y), (x, y + 28), (x + 23, y + 14)])
    _write(surface, scene, bill.speed, (button.right + 4, button.top + 16), 20, WARM)
    bar = bar_rect(surface)
    line = pygame.Rect(bar.left, bar.centery - 3, bar.width, 6)
    pygame.draw.rect(surface, (74, 78, 82), line, border_radius=3)
    done = line.copy()
    done.width = int(line.width * bill.share)
    pygame.draw.rect(surface, (196, 178, 128), done, border_radius=3)
    for share in bill.checkpoints:
        x = bar.left + int(share * bar.width)
        pygame.draw.line(surface, (120, 126, 128), (x, line.bottom + 1), (x, line.bottom + 4))
    for share, kind in bill.marks:
        x = bar.left + int(share * bar.width)
        pygame.draw.line(surface, MARK_COLOURS.get(kind, OTHER), (x, line.top - 8), (x, line.top - 2))
    at = bar.left + int(bill.share * bar.width)
    pygame.draw.circle(surface, (40, 36, 34), (at, line.centery), 8)
    pygame.draw.circle(surface, (255, 240, 196), (at, line.centery), 7)
    below = bar.bottom + 4
    _write(surface, scene, bill.begin, (bar.left, below), 16, FAINT)
    end = scene.words.draw(bill.end, 16, FAINT)
    surface.blit(end, (bar.right - end.get_width(), below))
    hint = scene.words.draw(bill.hint, 16, FAINT)
    surface.blit(hint, (bar.centerx - hint.get_width() // 2, below))
    if bill.aim >= 0:
        words = scene.words.draw(bill.aim_words, 17, INK)
        x = min(max(bar.left + int(bill.aim * bar.width), bar.left + 40), bar.right - 40)
        place = words.get_rect(midbottom=(x, height - BAR_HEIGHT - MARGIN - 8))
        card(surface, place.inflate(16, 10))
        surface.blit(words, place)


def _chronicle(surface: pygame.Surface, scene: Scene, bill: Bill) -> None:
    rects = line_rects(surface, len(bill.lines))
    whole = rects[0].unionall(rects).inflate(16, 0)
    whole.top, whole.height = MARGIN, rects[-1].bottom - MARGIN + 10
    whole.right = surface.get_width() - MARGIN
    card(surface, whole)
    _write(surface, scene, "Chronicle", (whole.left + 14, MARGIN + 11), 20, WARM)
    happened = len(bill.lines) - bill.upcoming
    for place, (rect, told) in enumerate(zip(rects, bill.lines)):
        future = place >= happened
        pygame.draw.rect(surface, MARK_COLOURS.get(told.kind, OTHER), (rect.left + 2, rect.top + 5, 4, 12))
        _write(surface, scene, told.clock, (rect.left + 12, rect.top + 6), 16, FAINT)
        words = scene.words.wrapped(told.words, 16, SIDE - 84, 1)[0]
        _write(surface, scene, words, (rect.left + 72, rect.top + 6), 16, FAINT if future else INK)
        if place == happened and place:
            pygame.draw.line(surface, (255, 240, 196), (rect.left, rect.top), (rect.right - 10, rect.top))


def _going(surface: pygame.Surface, scene: Scene, share: float) -> None:
    rect = pygame.Rect(0, 0, 320, 60)
    rect.center = surface.get_rect().center
    card(surface, rect)
    card(surface, rect)
    _write(surface, scene, "re-executing records ...", (rect.left + 20, rect.top + 12), 20, INK)
    bar = pygame.Rect(rect.left + 20, rect.top + 38, rect.width - 40, 8)
    pygame.draw.rect(surface, (74, 78, 82), bar, border_radius=4)
    bar.width = int(bar.width * min(max(share, 0.0), 1.0))
    pygame.draw.rect(surface, (196, 178, 128), bar, border_radius=4)


def _write(surface: pygame.Surface, scene: Scene, text: str, at: tuple[int, int], size: int, colour: Colour) -> None:
    surface.blit(scene.words.draw(text, size, colour), at)

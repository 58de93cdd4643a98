"""`everloom replay`: the past in the window, re-executed from archived records.

Not here: folding records (`clients.theatre`), finding them in a store (`clients.history`), pixels (`clients.draw`).
"""

import sys
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pygame
from rich.console import Console

from archive.errors import ArchiveError
from archive.stores.disk import DiskStore
from clients.draw.sheets import draw_keys
from clients.draw.stage import Bill, Told, bar_rect, button_rect, draw_stage, line_rects, lines_fit
from clients.gaze import Gaze
from clients.history import History, Line, moment, open_history, utc
from clients.kernels import ensure_compiled, warm_shown
from clients.source import opened
from clients.theatre import Going, Theatre
from clients.view import Bodies, short_name
from clients.window import PICTURE_S, Scenes, open_window, resized
from world.tick import warm

SPEEDS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, float("inf"))
STEP_MS: Final = 10_000
FOLD_S: Final = 0.011  # of a picture's time; at high speeds more, and fewer pictures
FOLD_FAST_S: Final = 0.030
SEEK_S: Final = 0.050
FAST_MS: Final = 60_000  # what the highest speed wants to do in one picture
TURN_S_MAX: Final = 0.1  # a picture that took longer does not leap
BEFORE_MS: Final = 3_000  # a line of the chronicle is seen from so long before it
LINES_LISTED: Final = 14
UPCOMING: Final = 4
RATE_SHARE: Final = 0.1
HINT: Final = "Space pause   - + speed   Left, Right 10 s   H help"

KEYS: Final = (
    ("Space", "play and pause"),
    ("+ and -, , and .", "faster, slower"),
    ("Left and right", "ten seconds back, forth; with Shift a minute"),
    ("Home, End", "the beginning, the end"),
    ("Click on the line", "go there; a click on the chronicle goes to what it tells"),
    ("W A S D, drag", "look around"),
    ("Click on a body", "follow it; a click on the ground lets go"),
    ("Wheel", "nearer, farther"),
    ("C", "chronicle: what is weighty, everything, nothing"),
    ("H", "this help"),
    ("Esc", "leave"),
)


def run(which: str, store: Path | str, at: str) -> int:
    """Show the past until the window is closed; returns the exit status.

    ArchiveError and ConfigError for a store without such history, ValueError for a moment outside of it, RuntimeError
    for no display.
    """
    with opened(store, which, Console(stderr=True)) as source:
        return _show(source, which, at)


def _show(source: DiskStore, which: str, at: str) -> int:
    history = open_history(source, which)
    start_ms = moment(at, history) if at else history.start_of_last() if history.named else history.begin_ms
    differing = history.other_rules()
    if differing:
        print(
            f"everloom: some of these records were made under other rules ({len(differing)} files differ, such as"
            f" {differing[0]}); what is shown may diverge from them, and then says so",
            file=sys.stderr,
        )
    ensure_compiled(lambda text: print(text, file=sys.stderr))
    warm()
    warm_shown()
    surface = open_window("Everloom: the past")
    try:
        booth = Booth(Theatre(history), surface, start_ms, history.chronicle())
        watch(booth)
    finally:
        pygame.quit()
    return 1 if booth.fault else 0


def watch(booth: "Booth", drawn: Callable[[pygame.Surface], bool] = lambda _: True) -> None:
    """Draw until the audience leaves, or `drawn`, called after each picture, says so."""
    last = time.perf_counter()
    while not booth.leaving:
        now = time.perf_counter()
        booth.turn(now - last)
        last = now
        if not drawn(booth.surface):
            return
        time.sleep(max(PICTURE_S - (time.perf_counter() - now), 0.0))


class Booth:
    """Plays, goes to moments, and tells: what the audience asks for, and the picture of it."""

    def __init__(self, theatre: Theatre, surface: pygame.Surface, start_ms: float, lines: list[Line]) -> None:
        self.theatre, self.surface = theatre, surface
        self.history: History = theatre.history
        self.told = lines
        self.playing = True
        self.speed = SPEEDS.index(1.0)
        self.leaving = False
        self.fault = ""
        self.chronicle = 0  # what is listed: 0 what is weighty, 1 everything, 2 nothing
        self.help_shown = False
        height, width = theatre.view.terrain.shape
        self.gaze = Gaze((int(width), int(height)), surface.get_size())
        self.rate = 0.0  # world time by window time, as reached
        self._going: Iterator[Going] | None = None
        self._gone = Going(0, 0)
        self._scenes = Scenes()
        self._listed: list[Line] = []
        self._on_bar = False
        self._bodies: Bodies | None = None
        self._checkpoints = [self.history.share_at(one.time_ms) for one in self.history.manifests]
        self._select()
        self.go(start_ms)

    def go(self, time_ms: float) -> None:
        """Begin to go to a moment."""
        self.fault = ""
        self._going = self.theatre.seek(time_ms)
        self._gone = Going(0, 1)
        self._aim_ms = min(max(time_ms, self.history.begin_ms), self.history.end_ms)

    @property
    def seeking(self) -> bool:
        return self._going is not None

    def turn(self, seconds: float) -> None:
        """One picture: events, time, drawing."""
        seconds = min(seconds, TURN_S_MAX)
        for event in pygame.event.get():
            self.event(event)
        try:
            if self._going is not None:
                self._seek()
            elif self.playing:
                self._play(seconds)
        except ArchiveError as error:
            self.fault, self._going, self.playing = str(error), None, False
        self.gaze.look(seconds, self.theatre.view, self._bodies, self.surface.get_size())
        self._draw()
        pygame.display.flip()

    # Time.

    def _seek(self) -> None:
        assert self._going is not None
        until = time.perf_counter() + SEEK_S
        for going in self._going:
            self._gone = going
            if time.perf_counter() >= until:
                return
        self._going = None
        self.gaze.settle(self.theatre.view.bodies(self.theatre.clock_ms))

    def _play(self, seconds: float) -> None:
        theatre, speed = self.theatre, SPEEDS[self.speed]
        if theatre.ended:
            self.playing = False
            return
        until = time.perf_counter() + (FOLD_S if speed <= 2 else FOLD_FAST_S)
        before_ms = theatre.now_ms
        wanted_ms = before_ms + min(seconds * 1000 * speed, FAST_MS)
        theatre.advance(wanted_ms, lambda: time.perf_counter() >= until)
        reached = (theatre.now_ms - before_ms) / max(seconds * 1000, 1.0)
        self.rate += (reached - self.rate) * RATE_SHARE

    def _step(self, ms: float) -> None:
        self.go((self._aim_ms if self.seeking else self.theatre.now_ms) + ms)

    # What the audience asks for.

    def event(self, event: pygame.event.Event) -> None:
        """Keys and pointer."""
        if event.type == pygame.QUIT:
            self.leaving = True
        elif event.type == pygame.VIDEORESIZE:
            self.surface = resized()
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1 and self._press(event.pos):
            return
        elif event.type == pygame.MOUSEMOTION and self._on_bar:
            self.go(self.history.time_at(self._share(event.pos)))
            return
        elif event.type == pygame.MOUSEBUTTONUP:
            self._on_bar = False
        elif event.type == pygame.KEYDOWN:
            self._key(event.key, bool(pygame.key.get_mods() & pygame.KMOD_SHIFT))
        self.gaze.event(event, self._bodies)

    def _key(self, key: int, shift: bool) -> None:
        if key == pygame.K_ESCAPE:
            self.leaving, self.help_shown = not self.help_shown, False
        elif key == pygame.K_SPACE:
            self._toggle()
        elif key in (pygame.K_PLUS, pygame.K_EQUALS, pygame.K_KP_PLUS, pygame.K_PERIOD):
            self.speed = min(self.speed + 1, len(SPEEDS) - 1)
        elif key in (pygame.K_MINUS, pygame.K_KP_MINUS, pygame.K_COMMA):
            self.speed = max(self.speed - 1, 0)
        elif key in (pygame.K_LEFT, pygame.K_RIGHT):
            self._step((STEP_MS if key == pygame.K_RIGHT else -STEP_MS) * (6 if shift else 1))
        elif key == pygame.K_HOME:
            self.go(self.history.begin_ms)
        elif key == pygame.K_END:
            self.go(self.history.end_ms)
        elif key == pygame.K_c:
            self.chronicle = (self.chronicle + 1) % 3
            self._select()
        elif key in (pygame.K_h, pygame.K_F1):
            self.help_shown = not self.help_shown

    def _toggle(self) -> None:
        if self.theatre.ended and not self.playing and not self.seeking:
            self.go(self.history.begin_ms)
        self.playing = not self.playing

    def _press(self, pixel: tuple[int, int]) -> bool:
        """A click on the button, the line of time or the chronicle; whether it was one."""
        if button_rect(self.surface).collidepoint(pixel):
            self._toggle()
            return True
        if bar_rect(self.surface).inflate(8, 16).collidepoint(pixel):
            self._on_bar = True
            self.go(self.history.time_at(self._share(pixel)))
            return True
        for rect, line in zip(line_rects(self.surface, len(self._listed)), self._listed):
            if rect.collidepoint(pixel):
                self.go(line.time_ms - BEFORE_MS)
                self.gaze.turn_to(line.place, line.who or 0)
                return True
        return False

    def _share(self, pixel: tuple[int, int]) -> float:
        bar = bar_rect(self.surface)
        return min(max((pixel[0] - bar.left) / bar.width, 0.0), 1.0)

    def _select(self) -> None:
        """Choose which lines of the chronicle are listed and marked."""
        self.lines = [line for line in self.told if self.chronicle == 1 or (not self.chronicle and line.weighty)]
        self._line_ms = [line.time_ms for line in self.lines]
        self._marks = [(self.history.share_at(line.time_ms), line.kind) for line in self.lines]

    # The picture.

    def _draw(self) -> None:
        scene = self._scenes.of(self.gaze.zoom)
        self._bodies = scene.picture(self.surface, self.theatre.view, self.gaze.camera, self.theatre.clock_ms)
        draw_stage(self.surface, scene, self.bill())
        if self.help_shown:
            draw_keys(self.surface, scene, "Keys", KEYS)

    def bill(self) -> Bill:
        """What the audience is told now."""
        history, theatre, camera = self.history, self.theatre, self.gaze.camera
        now_ms = self._aim_ms if self.seeking else theatre.now_ms
        bill = Bill(f"world {history.charter.world[:8]}", utc(now_ms), fault=self.fault, hint=HINT)
        stands, here = theatre.stands(), theatre.region_at(camera.x, camera.y)
        stand = stands.get(here) or next(iter(stands.values()), None)
        if stand is not None:
            bill.title += f"  ·  era {stand.era}"
            bill.facts.append(f"region {here or 1}: record {stand.n}, tick {stand.tick}")
        manifest = history.checkpoint_at(theatre.now_ms)
        bill.facts.append(f"after checkpoint {manifest.number}" if manifest else "before the first checkpoint")
        if stand is not None and stand.agreed:
            bill.checked = f"state hash of record {stand.agreed} agrees  ({theatre.checked} checked)"
        elif theatre.checked and not self.fault:
            bill.checked = f"{theatre.checked} state hashes checked"
        if self.gaze.follow:
            bill.following = f"following {short_name(self.gaze.follow)}"
        bill.playing, bill.speed = self.playing, self._speed_words()
        bill.share = history.share_at(now_ms)
        bill.begin, bill.end = utc(history.begin_ms), utc(history.end_ms)
        bill.going = self._gone.done / max(self._gone.total, 1) if self.seeking else -1.0
        bill.marks, bill.checkpoints = self._marks, self._checkpoints
        pointer = pygame.mouse.get_pos()
        if pygame.mouse.get_focused() and bar_rect(self.surface).inflate(0, 16).collidepoint(pointer):
            bill.aim = self._share(pointer)
            bill.aim_words = utc(history.time_at(bill.aim))
        self._list(bill, now_ms)
        return bill

    def _speed_words(self) -> str:
        speed, runs = SPEEDS[self.speed], self.playing and not self.seeking
        if speed == float("inf"):
            return f"max {self.rate:.0f}x" if runs else "max"
        return f"{speed:g}x ({self.rate:.1f})" if runs and speed > 1 and self.rate < 0.85 * speed else f"{speed:g}x"

    def _list(self, bill: Bill, now_ms: float) -> None:
        """The lines of the chronicle around this moment."""
        fit = min(lines_fit(self.surface), LINES_LISTED)
        at = bisect_right(self._line_ms, now_ms)
        after = self.lines[at : at + min(UPCOMING, fit)]
        self._listed = [*self.lines[max(at - fit + len(after), 0) : at], *after]
        bill.upcoming = len(after)
        bill.lines = [
            Told(self.history.share_at(line.time_ms), line.kind, utc(line.time_ms)[11:19], line.words)
            for line in self._listed
        ]

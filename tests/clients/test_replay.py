"""The past in a window: played, stopped, gone through by time, looked at from anywhere."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
import pygame

from archive.errors import ArchiveError
from archive.stores.disk import DiskStore
from clients import replay
from clients.draw.stage import bar_rect, button_rect, line_rects
from clients.history import Line, open_history
from clients.replay import SPEEDS, Booth
from clients.theatre import Theatre
from clients.window import SIZE, open_window
from tests.clients.lived import lived

PICTURE_S = 1 / 60


@pytest.fixture
def window() -> Iterator[pygame.Surface]:
    yield open_window("test")
    pygame.quit()


def booth_of(window: pygame.Surface, lines: list[Line] | None = None) -> Booth:
    history = open_history(lived()[0].store)
    booth = Booth(Theatre(history), window, history.begin_ms, history.chronicle() if lines is None else lines)
    settle(booth)
    return booth


def settle(booth: Booth) -> None:
    """Draw pictures until a seek has come to its end."""
    booth.turn(PICTURE_S)
    for _ in range(2_000):
        if not booth.seeking:
            return
        booth.turn(PICTURE_S)
    raise AssertionError("a seek without an end")


def press(booth: Booth, *keys: int) -> None:
    for key in keys:
        booth.event(pygame.event.Event(pygame.KEYDOWN, key=key))
        booth.event(pygame.event.Event(pygame.KEYUP, key=key))


def click(booth: Booth, pixel: tuple[int, int]) -> None:
    booth.event(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=pixel, button=1))
    booth.event(pygame.event.Event(pygame.MOUSEBUTTONUP, pos=pixel, button=1))


def test_it_plays_at_the_pace_of_the_world_and_pauses(window: pygame.Surface) -> None:
    booth = booth_of(window)
    began = booth.theatre.now_ms
    for _ in range(60):
        booth.turn(PICTURE_S)
    assert booth.theatre.now_ms - began == pytest.approx(1_000, abs=60)
    press(booth, pygame.K_SPACE)
    here = booth.theatre.now_ms
    for _ in range(10):
        booth.turn(PICTURE_S)
    assert booth.theatre.now_ms == here
    click(booth, button_rect(window).center)
    booth.turn(PICTURE_S)
    assert booth.theatre.now_ms > here


def test_speeds_go_from_slow_to_as_fast_as_it_can(window: pygame.Surface) -> None:
    booth = booth_of(window)
    assert (SPEEDS[0], SPEEDS[-2]) == (0.25, 16)
    press(booth, *[pygame.K_MINUS] * 20)
    began = booth.theatre.now_ms
    for _ in range(20):
        booth.turn(PICTURE_S)
    assert booth.theatre.now_ms - began == pytest.approx(20 / 60 * 250, abs=20)
    press(booth, *[pygame.K_PLUS] * 20)
    for _ in range(2_000):
        booth.turn(PICTURE_S)
        if booth.theatre.ended:
            break
    booth.turn(PICTURE_S)
    assert booth.theatre.ended
    assert not booth.playing
    press(booth, pygame.K_SPACE)
    settle(booth)
    assert booth.playing
    assert booth.theatre.now_ms < booth.history.end_ms - 1_000, "from its end it begins again"


def test_one_goes_by_keys_and_by_the_line_of_time(window: pygame.Surface) -> None:
    booth = booth_of(window)
    booth.playing = False
    history, bar = booth.history, bar_rect(window)
    press(booth, pygame.K_END)
    settle(booth)
    assert booth.theatre.now_ms == history.end_ms
    press(booth, pygame.K_LEFT)
    settle(booth)
    assert booth.theatre.now_ms == history.end_ms - 10_000
    press(booth, pygame.K_HOME, pygame.K_RIGHT)
    settle(booth)
    assert booth.theatre.now_ms == pytest.approx(history.begin_ms + 10_000, abs=60)
    click(booth, (bar.left + bar.width // 2, bar.centery))
    settle(booth)
    assert history.share_at(booth.theatre.now_ms) == pytest.approx(0.5, abs=0.01)
    press(booth, *[pygame.K_LEFT] * 5)
    settle(booth)
    assert booth.theatre.now_ms == history.begin_ms


def test_one_looks_around_and_follows_whom_one_clicks(window: pygame.Surface) -> None:
    booth = booth_of(window)
    _, player = lived()
    booth.playing = False
    booth.go(booth.history.begin_ms + 3_000)
    settle(booth)
    bodies = booth.theatre.view.bodies(booth.theatre.clock_ms)
    row = int((bodies.ids == player.entity).nonzero()[0][0])
    booth.gaze.camera.x, booth.gaze.camera.y = float(bodies.x[row]) + 3, float(bodies.y[row])
    booth.turn(PICTURE_S)
    x, y = booth.gaze.camera.on_screen(bodies.x[row], bodies.y[row] - 0.4)
    click(booth, (x, y))
    booth.turn(PICTURE_S)
    assert booth.gaze.follow == player.entity
    booth.playing = True
    for _ in range(150):
        booth.turn(PICTURE_S)
    bodies = booth.theatre.view.bodies(booth.theatre.clock_ms)
    row = int((bodies.ids == player.entity).nonzero()[0][0])
    assert booth.gaze.camera.x == pytest.approx(float(bodies.x[row]), abs=0.3)
    booth.event(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_d))
    before = booth.gaze.camera.x
    booth.turn(PICTURE_S)
    assert booth.gaze.follow == 0
    assert booth.gaze.camera.x > before
    booth.event(pygame.event.Event(pygame.KEYUP, key=pygame.K_d))
    before = booth.gaze.camera.x
    booth.event(pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=(400, 300), button=1))
    booth.event(pygame.event.Event(pygame.MOUSEMOTION, pos=(336, 300), rel=(-64, 0), buttons=(1, 0, 0)))
    booth.event(pygame.event.Event(pygame.MOUSEBUTTONUP, pos=(336, 300), button=1))
    assert booth.gaze.camera.x == pytest.approx(before + 2)
    for _ in range(9):
        booth.event(pygame.event.Event(pygame.MOUSEWHEEL, y=-1))
    booth.turn(PICTURE_S)
    assert booth.gaze.camera.zoom == 1


def test_a_line_of_the_chronicle_leads_to_what_it_tells(window: pygame.Surface) -> None:
    history = open_history(lived()[0].store)
    at = history.begin_ms + 6_000
    lines = [
        Line(at, "built", "Kamuto built a wall", (20, 30), None, True),
        Line(at + 1_000, "died", "a creature fell", (40, 10), None, False),
    ]
    booth = booth_of(window, lines)
    booth.playing = False
    booth.turn(PICTURE_S)
    assert booth.lines == lines[:1]
    click(booth, line_rects(window, 1)[0].center)
    settle(booth)
    assert booth.theatre.now_ms == at - replay.BEFORE_MS
    assert (booth.gaze.camera.x, booth.gaze.camera.y) == (20.5, 30.5)
    press(booth, pygame.K_c)
    booth.turn(PICTURE_S)
    assert booth.lines == lines
    press(booth, pygame.K_c)
    assert booth.lines == []


def test_what_was_checked_is_shown_and_a_fault_stops_the_play(window: pygame.Surface) -> None:
    booth = booth_of(window, [])
    press(booth, *[pygame.K_PLUS] * 3)
    while booth.theatre.checked < 4:
        booth.turn(PICTURE_S)
    bill = booth.bill()
    assert "agrees" in bill.checked
    assert "UTC" in bill.time
    assert "era 1" in bill.title
    assert any("record" in fact and "tick" in fact for fact in bill.facts)
    booth.theatre._stages[2]._records = ()
    missing = booth.history._runs[2][-2:]
    del booth.history._runs[2][-2:]
    for _ in range(3_000):
        booth.turn(PICTURE_S)
        if booth.fault:
            break
    assert "no segment holds record" in booth.fault
    assert not booth.playing
    booth.history._runs[2].extend(missing)
    press(booth, pygame.K_HOME)
    settle(booth)
    assert not booth.fault


def test_every_size_zoom_and_sheet_is_drawn(window: pygame.Surface) -> None:
    booth = booth_of(window)
    picture = pygame.transform.average_color(window)[:3]
    assert max(picture) > 60, "there is something to see"
    press(booth, pygame.K_h)
    for size in ((480, 360), (1600, 1000), (200, 100)):
        pygame.display.set_mode(size, pygame.RESIZABLE)
        booth.event(pygame.event.Event(pygame.VIDEORESIZE, size=size, w=size[0], h=size[1]))
        assert booth.surface.get_width() >= 480
        for zoom in (1, 4):
            booth.gaze.zoom = zoom
            booth.turn(PICTURE_S)
    press(booth, pygame.K_ESCAPE)
    assert not booth.leaving
    press(booth, pygame.K_ESCAPE)
    assert booth.leaving
    pygame.display.set_mode(SIZE)


def test_the_command_shows_a_store_on_disk_until_it_is_closed(tmp_path: Path) -> None:
    world, _ = lived()
    disk = DiskStore(tmp_path / "store")
    for item_id in reversed(list(world.store.ids())):
        disk.put(world.store.get(item_id))

    def close() -> None:
        for _ in range(600):
            time.sleep(0.05)
            if pygame.display.get_init() and pygame.display.get_surface() is not None:
                break
        time.sleep(0.5)
        pygame.event.post(pygame.event.Event(pygame.QUIT))

    closing = threading.Thread(target=close)
    closing.start()
    assert replay.run("", tmp_path / "store", "+5") == 0
    closing.join()
    assert not pygame.display.get_init()


def test_what_cannot_be_shown_is_said_before_a_window_opens(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="no store is here"):
        replay.run("", tmp_path / "nothing", "")
    (tmp_path / "empty" / "bundles").mkdir(parents=True)
    with pytest.raises(ArchiveError, match="no charter"):
        replay.run("", tmp_path / "empty", "")
    with pytest.raises(ArchiveError):
        replay.run("notanid", tmp_path / "empty", "")

"""A player's window against real gateways: walking, speaking, refusals, lost connections, no world at all."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
import pygame

from archive.errors import ArchiveError
from archive.keys import Ed25519Key
from clients import play
from clients.controls import Controls, Sheet
from clients.game import Game, undone_words
from clients.session import Acknowledged, Pending, Undone, Unsure
from clients.window import open_window
from regions.messages import STATUS_DONE
from regions.protocol import Having
from tests.clients.little_door import door
from tests.regions.little_world import LittleWorld
from tests.regions.live_world import LiveWorld
from world.actions import Action, Build, Dig, Gather, Give, GiveAsset, GiveCoins, Move, Speak, Strike, encode_action
from world.events import Refusal
from world.items import FIND

PICTURES_MAX = 1_500


@pytest.fixture
def window() -> Iterator[pygame.Surface]:
    yield open_window("test")
    pygame.quit()


class Seat:
    """A player before a window: does something when something is so, step by step, and then leaves."""

    def __init__(self, url: str, wallet: Ed25519Key | None = None) -> None:
        self.controls = Controls()
        self.game = Game(url, wallet or Ed25519Key.generate(), self._refused)
        self.steps: list[tuple[str, Callable[[], object], Callable[[], object]]] = []
        self.pictures = 0

    def _refused(self, action: Action, verdict: int) -> None:
        self.controls.refused(action, verdict == Refusal.NOTHING_THERE, 0.0)

    def when(self, what: str, holds: Callable[[], object], then: Callable[[], object] = lambda: None) -> "Seat":
        """Once `holds`, do `then`."""
        self.steps.append((what, holds, then))
        return self

    def drawn(self, surface: pygame.Surface) -> bool:
        """After each picture: is it time for the next step?"""
        self.pictures += 1
        if self.steps and self.steps[0][1]():
            self.steps.pop(0)[2]()
        assert self.pictures < PICTURES_MAX, f"never came: {self.steps[0][0]}; said: {self.said()}"
        return bool(self.steps)

    def said(self) -> list[str]:
        return [text for _, text in self.game.panel.lines]

    def shown(self) -> bool:
        """Whether the server shows the own body."""
        return self.place() != (0, 0, 0)

    def place(self) -> tuple[int, int, int]:
        """Where the server shows it."""
        view = self.game.view
        return (view.find(view.entity) if view is not None else None) or (0, 0, 0)

    async def sit(self, surface: pygame.Surface) -> int:
        return await play.live(self.game, self.controls, surface, self.drawn)


def key(code: int, up: bool = False) -> None:
    pygame.event.post(pygame.event.Event(pygame.KEYUP if up else pygame.KEYDOWN, key=code, unicode="", mod=0))


def tap(code: int) -> None:
    key(code)
    key(code, up=True)


def typed(text: str) -> None:
    for sign in text:
        pygame.event.post(pygame.event.Event(pygame.TEXTINPUT, text=sign))


def play_in(world: LittleWorld, surface: pygame.Surface, script: Callable[[Seat], object]) -> tuple[int, Seat]:
    async def scene() -> tuple[int, Seat]:
        async with door(world) as (url, _):
            seat = Seat(url)
            script(seat)
            return await seat.sit(surface), seat

    return asyncio.run(scene())


def test_one_enters_walks_speaks_and_leaves(window: pygame.Surface) -> None:
    world = LittleWorld()
    start: list[tuple[int, int, int]] = []

    def script(seat: Seat) -> None:
        seat.when("the body is shown", seat.shown, lambda: (start.append(seat.place()), key(pygame.K_s)))
        seat.when("it walked", lambda: seat.place()[1] > start[0][1] + 64, lambda: key(pygame.K_s, up=True))
        seat.when("it stands", lambda: seat.game.view is not None and seat.game.view.own.intent == (0, 0))
        seat.when(
            "a moment passed", lambda: True, lambda: (tap(pygame.K_RETURN), typed("good day"), tap(pygame.K_RETURN))
        )
        seat.when("it is heard", lambda: "you: good day" in seat.said())

    status, seat = play_in(world, window, script)
    assert status == 0
    assert seat.game.view is not None
    assert "good day" in [text for text, _ in seat.game.view.speech.values()]
    assert 0 < seat.game.panel.ping_ms < 2_000
    assert seat.game.panel.durable > 0
    colours = {tuple(window.get_at((x, y))) for x in range(0, 1280, 16) for y in range(0, 800, 16)}
    assert len(colours) > 50, "a picture, not a sheet of one colour"
    acted = [one for index in (1, 2) for record in world.records(index) for one in record.inputs]
    assert any(getattr(one, "body", b"") == encode_action(Speak("good day")) for one in acted)


def test_refusals_are_shown_in_short_words(window: pygame.Surface) -> None:
    def script(seat: Seat) -> None:
        def point() -> None:
            pygame.event.post(pygame.event.Event(pygame.MOUSEMOTION, pos=(660, 400), rel=(0, 0), buttons=(0, 0, 0)))
            tap(pygame.K_b)

        seat.when("the body is shown", seat.shown, point)
        seat.when("the region refused", lambda: "build: you do not have enough" in seat.said(), lambda: tap(pygame.K_e))
        seat.when("nothing is there", lambda: "nothing within reach to gather" in seat.said())

    assert play_in(LittleWorld(), window, script)[0] == 0


def test_a_lost_connection_comes_back_to_the_same_body_which_walks_on(window: pygame.Surface) -> None:
    entity: list[int] = []
    at: list[tuple[int, int, int]] = []

    def script(seat: Seat) -> None:
        game = seat.game

        def cut() -> None:
            assert game.view is not None
            entity.append(game.view.entity)
            game.connection.drop()

        seat.when("the body is shown", seat.shown, lambda: key(pygame.K_d))
        seat.when("it walks", lambda: game.panel.ping_ms and seat.place()[0] > 0, cut)
        seat.when("the window says so", lambda: "connection was lost" in game.panel.notice)
        seat.when("it is back", lambda: game.connection.serving and seat.shown(), lambda: at.append(seat.place()))
        seat.when("it walks on", lambda: seat.place()[0] > at[0][0] + 30, lambda: key(pygame.K_d, up=True))
        seat.when("nothing is the matter", lambda: not game.panel.notice)

    status, seat = play_in(LittleWorld(), window, script)
    assert status == 0
    assert seat.game.view is not None
    assert [seat.game.view.entity] == entity
    assert seat.game.connection.reconnects >= 1


def test_a_world_that_waits_is_said_to_wait(window: pygame.Surface) -> None:
    world = LittleWorld()

    def script(seat: Seat) -> None:
        def stop() -> None:
            world.lost = lambda subject, message: subject in ("delta", "beat")

        def go() -> None:
            world.lost = lambda subject, message: False

        seat.when("the body is shown", seat.shown, stop)
        seat.when("the window says so", lambda: "(2 s)" in seat.game.panel.notice, go)
        seat.when("it goes on", lambda: not seat.game.panel.notice)

    assert play_in(world, window, script)[0] == 0


def test_a_second_window_takes_the_body_over(window: pygame.Surface) -> None:
    async def scene() -> None:
        async with door(LittleWorld()) as (url, _):
            wallet = Ed25519Key.generate()
            first, second = Seat(url, wallet), Seat(url, wallet)
            other: list[asyncio.Task[None]] = []
            first.when(
                "the body is shown",
                first.shown,
                lambda: other.append(asyncio.create_task(second.game.connection.run())),
            )
            first.when("it is told", lambda: "newer session" in first.game.panel.notice)
            assert await first.sit(window) == 1
            await second.game.connection.stop()
            await asyncio.wait_for(other[0], 5)

    asyncio.run(scene())


def test_where_no_world_answers_one_line_says_so(window: pygame.Surface, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{free.getsockname()[1]}"
        seat = Seat(url).when("it is said", lambda: "no world answers" in seat.game.panel.notice)
        assert asyncio.run(seat.sit(window)) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines == [f"everloom: no world answers at {url} (Connection refused); trying again"]


def test_bad_addresses_and_keys_are_refused_before_a_window_opens(tmp_path: Path) -> None:
    for url in ("", "127.0.0.1:7777", "http://127.0.0.1", "ws://", "file:///etc/passwd"):
        with pytest.raises(ValueError, match="no gateway's address"):
            play.run(url, None)
    (tmp_path / "key.json").write_text("no key")
    with pytest.raises(ArchiveError, match="not a key file"):
        play.run("ws://127.0.0.1:1", tmp_path / "key.json")


def test_the_guest_of_a_machine_keeps_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert play.guest_file() == tmp_path / "everloom" / "guest.json"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert play.guest_file() == tmp_path / "home" / ".local" / "share" / "everloom" / "guest.json"


def acknowledged(number: int, action: Action, verdict: int = 0) -> Acknowledged:
    pending = Pending(number, encode_action(action), bytes(32), 0)
    return Acknowledged(5, pending, verdict, STATUS_DONE, 1, 10, bytes(32))


def test_what_a_new_era_undid_is_listed() -> None:
    game = Game("ws://127.0.0.1:1", Ed25519Key.generate())
    for number, action in enumerate([Move(1, 0), Speak("hello"), Move(0, 1), Gather(3, 4), Build(5, 6, 3)], 2):
        game.heard(acknowledged(number, action))
    waiting = Pending(7, encode_action(Give(77, 0, 3)), bytes(32), 0)
    game.heard(Undone(2, 3, 6, (waiting,)))
    text = "\n".join(game.undone)
    assert "era 2" in game.undone[0]
    assert "after your action 3 never happened" in text
    assert "hello" not in text, "it was said before"
    for words in ("walked", "gathered", "built wall at 5, 6", "gave 3 wood to "):
        assert words in text
    game.heard(Undone(3, 9, 9, ()))
    assert game.undone[1:] == ["Nothing that you did is undone."]
    game.heard(Undone(4, 9, 12, ()))
    assert "3 actions that this window does not remember" in game.undone[-1]


def test_what_was_undone_is_counted_and_bounded() -> None:
    many: list[Action] = [Move(1, 0)] * 40
    many += [Dig(place, 1) for place in range(30)]
    many += [Strike(9), GiveCoins(9, 4), GiveAsset(9, 8)]
    lines = undone_words(many)
    assert lines[0] == "walked  (x 40)"
    assert len(lines) == 13
    assert lines[-1] == f"and {1 + 30 + 3 - 12} kinds of thing more"


def test_changes_of_the_purse_are_said() -> None:
    game = Game("ws://127.0.0.1:1", Ed25519Key.generate())
    game.heard(Having(0, (0, 0, 0, 0, 0), ()))
    game.heard(Having(1, (2, 0, 0, 0, 0), ((9, FIND, 77),)))
    game.heard(Having(0, (0, 0, 1, 0, 0), ()))
    game.heard(Unsure(()))
    said = [text for _, text in game.panel.lines]
    assert said[0] == "+2 wood, +1 coin"
    assert said[1].startswith("now yours: ")
    assert said[2] == "−2 wood, +1 stone, −1 coin"
    assert said[3].startswith("no longer yours: ")
    assert game.panel.goods == (0, 0, 1, 0, 0)


def test_what_is_said_again_at_once_is_counted() -> None:
    game = Game("ws://127.0.0.1:1", Ed25519Key.generate())
    for words in ("+1 grain", "+1 grain", "+1 grain", "", "you fell", "+1 grain"):
        game.note(words)
    assert [text for _, text in game.panel.lines] == ["+1 grain  (x 3)", "you fell", "+1 grain"]


def test_strangers_words_cannot_break_a_line() -> None:
    game = Game("ws://127.0.0.1:1", Ed25519Key.generate())
    for number in range(300):
        game.note(f"\x1b[2Jline\u202e {number}")
    assert len(game.panel.lines) == 50
    assert all(text.isprintable() for _, text in game.panel.lines)


def test_every_sheet_is_drawn_at_every_size(window: pygame.Surface) -> None:
    def script(seat: Seat) -> None:
        def show(sheet: Sheet, size: tuple[int, int]) -> Callable[[], None]:
            def do() -> None:
                pygame.display.set_mode(size, pygame.RESIZABLE)
                pygame.event.post(pygame.event.Event(pygame.VIDEORESIZE, size=size, w=size[0], h=size[1]))
                panel = seat.game.panel
                panel.coins, panel.goods = 12, (5, 0, 3, 999, 1)
                panel.assets = tuple((k, FIND, k * 0x1234567890ABCD) for k in range(1, 30))
                seat.controls._hand(None, panel)
                seat.controls.sheet, seat.controls.text = sheet, "words " * 20
                seat.controls.map_shown = 2
                seat.game.undone = [f"line {k}" for k in range(15)] if sheet is Sheet.UNDONE else []

            return do

        seat.when("the body is shown", seat.shown)
        for size in ((1280, 800), (480, 360), (300, 200)):
            for sheet in Sheet:
                seat.when(f"{sheet} {size}", lambda: True, show(sheet, size))
        seat.when("the last is drawn", lambda: True)

    assert play_in(LittleWorld(), window, script)[0] == 0


CHILD = "tests.clients.player_in_a_window"


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed")
def test_a_real_window_before_a_real_world(tmp_path: Path) -> None:
    """`everloom up` with two regions in processes of their own; the window in another, on an X server."""
    world = LiveWorld(tmp_path / "world", "--regions", "2x1", "--npcs", "200", "--checkpoint-every", "5s")
    screen = subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert screen.stdout is not None
        display = screen.stdout.readline().strip()
        url = world.wait_until_it_lives()
        here = os.environ | {"DISPLAY": f":{display}", "SDL_VIDEODRIVER": "x11", "XDG_DATA_HOME": str(tmp_path)}
        command = [sys.executable, "-m", CHILD, url, str(tmp_path / "shot.png")]
        done = subprocess.run(command, env=here, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        told = json.loads(done.stdout.strip().splitlines()[-1])
        assert told["driver"] == "x11"
        assert told["walked"] > 1.0
        assert told["heard"] == ["you: hello, world"]
        assert told["acked"] >= 3
        assert (tmp_path / "everloom" / "guest.json").exists()
        picture = pygame.image.load(tmp_path / "shot.png")
        assert picture.get_size() == (1280, 800)
        colours = {tuple(picture.get_at((x, y))) for x in range(0, 1280, 16) for y in range(0, 800, 16)}
        assert len(colours) > 100
    finally:
        screen.terminate()
        screen.wait(10)
        assert screen.stdout is not None
        screen.stdout.close()
        world.stop()

"""The window's pictures: made by their script, and drawn where the view says things are."""

import io
import json
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
import pygame

from assets import make
from clients.draw.bodies import dressed
from clients.draw.camera import Camera
from clients.draw.ground import MIST, SIDE, neighbourhood, paint
from clients.draw.panel import MAP_TILES, Panel, asset_words
from clients.draw.pictures import SHEETS, STRIPS, TEXELS, TEXTURES, Dress, Pictures, Words
from clients.draw.scene import Scene, light
from clients.draw.tiles import CHUNKS_KEPT
from clients.view import UNKNOWN, View
from tests.shared_data import SHARED, needs_shared
from world.delta import encode_key, encode_tick
from world.events import Event, Kind
from world.items import FIND, SWORD
from world.kinds import DEER, PILE, PLAYER, VILLAGER, WOLF
from world.mirror import Mirror
from world.shown import wire_rows
from world.state import DOWN_TICKS, GOODS_0, HEALTH, HURT_TICKS, KIND, WEAPON, State
from world.state import X as STATE_X
from world.state import Y as STATE_Y
from world.tilemap import BUSH, FIELD, FLOOR, GROUND, MUD, NONE, ROCK, TREE, WALL, WATER
from world.units import DAY_TICKS, TILE
from world.villagers import is_night

LAND = (0, 0, 48, 48)
ME = 11


@pytest.fixture(scope="module")
def window() -> Iterator[pygame.Surface]:
    pygame.display.init()
    yield pygame.display.set_mode((640, 480))
    pygame.display.quit()


@pytest.fixture
def scene(window: pygame.Surface) -> Scene:
    return Scene(2)


def populated() -> tuple[State, View]:
    shape = (48, 48)
    terrain, feature = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    terrain[2:9, 2:9], terrain[12:14, 2:9], terrain[20:26, 20] = WATER, MUD, WALL
    terrain[20:24, 24:30], feature[5:8, 20:24] = FLOOR, FIELD
    feature[14, 20], feature[16, 21], feature[17, 22] = TREE, BUSH, ROCK
    state = State(LAND, (48, 48), (), (0, 0), terrain, feature, np.zeros(shape, np.uint8))
    for entity, (kind, x, y) in enumerate(
        [(PLAYER, 18.5, 15.5), (VILLAGER, 16.5, 14.5), (DEER, 19.5, 17.5), (WOLF, 17.5, 18.5), (PILE, 18.5, 17.2)], ME
    ):
        row = state.take_row(entity)
        state.rows[[KIND, STATE_X, STATE_Y, HEALTH], row] = kind, int(x * TILE), int(y * TILE), 30
    state.rows[GOODS_0 + 3, state.row(ME + 4)] = 5
    view = View((48, 48), ME)
    rows = wire_rows(state)
    mirror = Mirror(LAND)
    mirror.apply(range(9), b"".join(encode_key(rows, chunk) for chunk in range(9)))
    view.show(0.0, 1, 1, mirror, anew=True)
    view.show(50.0, 1, 2, mirror)
    return state, view


def colour_near(surface: pygame.Surface, camera: Camera, x: float, y: float) -> tuple[int, int, int]:
    """The mean colour of the middle of a tile."""
    left, top = camera.on_screen(x, y)
    return tuple(pygame.transform.average_color(surface, pygame.Rect(left - 4, top - 4, 8, 8))[:3])  # type: ignore[return-value]


def world_of(scene: Scene, window: pygame.Surface, view: View, camera: Camera) -> np.ndarray[tuple[int, ...], Any]:
    """The picture without the panel: a window's columns of colours."""
    scene.picture(window, view, camera, 200.0)
    return pygame.surfarray.array3d(window)


def test_pictures_are_those_their_script_makes() -> None:
    """Whoever changes the script makes the pictures anew: python -m assets.make."""
    made = make.pictures()
    kept = sorted(path.stem for path in make.FOLDER.glob("*.png"))
    assert sorted(made) == kept
    for name, picture in made.items():
        read = pygame.image.load(make.FOLDER / f"{name}.png")
        assert read.get_size() == (picture.width, picture.height)
        pixels = [[tuple(read.get_at((x, y))) for x in range(picture.width)] for y in range(picture.height)]
        assert pixels == picture.rows, name
    assert sum(path.stat().st_size for path in make.FOLDER.glob("*.png")) < 100_000


def test_textures_repeat_without_a_seam() -> None:
    for name in ("grass", "water", "mud", "path", "sand", "ruffle"):
        pixels = np.array([[pixel[:3] for pixel in row] for row in make.pictures()[name].rows], np.int32)
        within = np.abs(np.diff(pixels, axis=1)).mean()
        across = np.abs(pixels[:, 0] - pixels[:, -1]).mean()
        assert across < 2.5 * within + 2, name


def test_every_sheet_and_strip_is_cut_whole() -> None:
    pictures = Pictures(1)
    for name in SHEETS:
        lines = pictures.body(Dress(name, (200, 100, 50)))
        assert [len(line) for line in lines] == [3, 3, 3, 3]
        assert len({pygame.image.tobytes(line[0], "RGBA") for line in lines}) == 4, "each direction looks different"
        for line in lines:
            assert len({pygame.image.tobytes(step, "RGBA") for step in line}) == 3, "each step looks different"
    assert {name: len(strip) for name, strip in pictures.strips.items()} == {
        "tree": 5, "bush": 3, "rock": 3, "grain": 3, "pile": 12, "crate": 2, "door": 2, "missile": 2,
    }  # fmt: skip
    assert set(STRIPS) == set(pictures.strips)
    assert set(TEXTURES) == set(pictures.textures)
    plain, hurt = (pictures.body(Dress("quadruped", (90, 90, 90), hurt=hurt))[0][0] for hurt in (False, True))
    assert pygame.image.tobytes(plain, "RGBA") != pygame.image.tobytes(hurt, "RGBA")


def test_people_wear_their_own_colours() -> None:
    view = View((16, 16))
    assert len({dressed(view, 1 << 48 | number, PLAYER, 0).colour for number in range(100)}) >= 8
    pictures = Pictures(1)
    one, other = (pictures.body(Dress("biped", colour))[0][0] for colour in ((200, 60, 60), (60, 60, 200)))
    assert pygame.transform.average_color(one)[0] > pygame.transform.average_color(other)[0]


def test_grounds_have_their_colours_and_unknown_is_mist(window: pygame.Surface) -> None:
    textures = Pictures(1).textures
    still = np.zeros((SIDE, SIDE), np.float32)
    terrain, feature = np.zeros((64, 64), np.uint8), np.zeros((64, 64), np.uint8)

    def middle(layer: int, growth: int = NONE) -> np.ndarray:
        terrain[:], feature[:] = layer, growth
        around = neighbourhood(terrain, 1, 1, UNKNOWN), neighbourhood(feature, 1, 1, NONE)
        return np.asarray(paint(*around, textures, still)[100:150, 100:150].reshape(-1, 3).mean(axis=0))

    red, green, blue = middle(GROUND)
    assert green > red > blue
    red, green, blue = middle(WATER)
    assert blue > green > red
    red, green, blue = middle(MUD)
    assert red > green > blue
    assert np.ptp(middle(WALL)) < 15
    assert middle(UNKNOWN) == pytest.approx(np.array(MIST), abs=6)
    assert np.abs(middle(GROUND, FIELD) - middle(GROUND)).max() > 20


def test_shores_follow_the_tiles(window: pygame.Surface) -> None:
    """A lake of squares: tiles well inside are water, those well outside are not, and between them is sand."""
    textures = Pictures(1).textures
    terrain, feature = np.zeros((48, 48), np.uint8), np.zeros((48, 48), np.uint8)
    terrain[20:28, 20:28] = WATER
    still = np.zeros((SIDE, SIDE), np.float32)
    pixels = paint(neighbourhood(terrain, 1, 1, UNKNOWN), neighbourhood(feature, 1, 1, NONE), textures, still)
    tiles = pixels.reshape(16, TEXELS, 16, TEXELS, 3).swapaxes(1, 2).astype(int)
    blue = tiles[..., 2] > tiles[..., 0] + 45
    assert blue[6:10, 6:10].all()
    assert not blue[:3].any()
    assert not blue[:, 14:].any()
    row = pixels[128, 40:80].astype(int)
    assert ((row[:, 0] > 150) & (row[:, 0] > row[:, 2] + 30)).any(), "sand on the western shore"


def test_chunks_fit_together_without_a_seam(window: pygame.Surface) -> None:
    textures = Pictures(1).textures
    terrain = np.zeros((32, 48), np.uint8)
    terrain[10:20, 10:26] = WATER
    feature = np.zeros((32, 48), np.uint8)
    still = np.zeros((SIDE, SIDE), np.float32)
    left, right = (
        paint(neighbourhood(terrain, column, 0, GROUND), neighbourhood(feature, column, 0, NONE), textures, still)
        for column in (0, 1)
    )
    across = np.abs(left[:, -1].astype(int) - right[:, 0].astype(int)).mean()
    within = np.abs(left[:, -1].astype(int) - left[:, -2].astype(int)).mean()
    assert across < 2.5 * within + 4


def test_a_picture_shows_what_the_view_holds(scene: Scene, window: pygame.Surface) -> None:
    _, view = populated()
    camera = Camera(12, 12, 640, 480, 2)
    scene.render(window, view, camera, Panel(), 100.0)
    red, green, blue = colour_near(window, camera, 5.5, 5.5)
    assert blue > red
    red, green, blue = colour_near(window, camera, 12.5, 8.5)
    assert green > blue
    without = View((48, 48))
    without.terrain, without.feature, without.painted = view.terrain, view.feature, view.painted
    empty = pygame.Surface((640, 480))
    scene.render(empty, without, camera, Panel(), 100.0)
    for entity in range(5):
        place = view.find(ME + entity)
        assert place is not None
        x, y = camera.on_screen(place[0] / 64, place[1] / 64)
        area = pygame.Rect(x - 12, y - 24, 24, 28)
        assert pygame.image.tobytes(window.subsurface(area), "RGB") != pygame.image.tobytes(
            empty.subsurface(area), "RGB"
        )


def test_what_another_bears_is_drawn(scene: Scene, window: pygame.Surface) -> None:
    """A sword, a bow, a coat and each with the other: from every side another picture, and the cloth still shows."""
    bare = Dress("biped", (200, 100, 50))
    looks = [scene.pictures.body(bare._replace(gear=gear)) for gear in (0, 1, 2, 4, 5, 6)]
    for line in range(4):
        for step in range(3):
            assert len({pygame.image.tobytes(look[line][step], "RGBA") for look in looks}) == len(looks)
    assert looks[0][0][0].get_height() == looks[-1][0][0].get_height()
    other = scene.pictures.body(Dress("biped", (50, 100, 200), gear=6))
    assert pygame.image.tobytes(other[0][0], "RGBA") != pygame.image.tobytes(looks[-1][0][0], "RGBA")


def test_a_sword_is_seen_in_the_hand_of_who_took_it_up(scene: Scene, window: pygame.Surface) -> None:
    state, _ = populated()
    shots = []
    for weapon in (0, 1 + SWORD):
        state.rows[WEAPON, state.row(ME)] = weapon
        view, mirror, rows = View((48, 48)), Mirror(LAND), wire_rows(state)
        mirror.apply(range(9), b"".join(encode_key(rows, chunk) for chunk in range(9)))
        view.show(0.0, 1, 1, mirror, anew=True)
        camera = Camera(18.5, 15.5, 640, 480, 2)
        for _ in range(9):  # the ground is painted a few chunks at a time
            scene.picture(window, view, camera, 100.0)
        x, y = camera.on_screen(18.5, 15.5)
        shots.append(pygame.surfarray.array3d(window.subsurface((x - 24, y - 44, 48, 52))).astype(int))
    x, y = np.nonzero(np.abs(shots[1] - shots[0]).sum(axis=2))
    assert len(x) > 60 and x.max() - x.min() < 40 and y.min() > 8, "beside the body, below the name"


def test_who_stands_lower_is_drawn_in_front(scene: Scene, window: pygame.Surface) -> None:
    _, view = populated()
    camera = Camera(18, 16, 640, 480, 2)
    sprites = scene.tiles.standing(window, view, camera)
    tree = min(sprites, key=lambda sprite: abs(sprite[0] - 14.9))
    assert tree[0] == pytest.approx(14.9)
    bodies = view.bodies(100.0)
    assert (np.diff(bodies.y) >= 0).all()
    assert sorted(sprite[0] for sprite in sprites if 14 < sprite[0] < 18) == pytest.approx([14.9, 16.9, 17.9])


def test_a_built_wall_appears_at_once(scene: Scene, window: pygame.Surface) -> None:
    state, view = populated()
    camera = Camera(12, 12, 640, 480, 2)
    scene.render(window, view, camera, Panel(), 100.0)
    before = colour_near(window, camera, 12.5, 8.3)
    rows = wire_rows(state)
    state.set_tile(12, 8, WALL, NONE, 0)
    now = wire_rows(state, (), rows)
    mirror = Mirror(LAND)
    mirror.apply(range(9), b"".join(encode_key(rows, chunk) for chunk in range(9)))
    index, data = encode_tick(rows, now)
    mirror.apply(index[:, 0], data)
    view.show(150.0, 1, 3, mirror)
    for _ in range(5):
        scene.render(window, view, camera, Panel(), 200.0)
    after = colour_near(window, camera, 12.5, 8.3)
    assert max(abs(a - b) for a, b in zip(before, after)) > 20


def test_painted_chunks_are_bounded(window: pygame.Surface) -> None:
    view = View((512, 512))
    view.terrain[:] = GROUND
    scene = Scene(1)
    for at in range(0, 512, 64):
        for row in range(0, 512, 128):
            scene.tiles.draw_ground(window, view, Camera(at, row, 640, 480, 1))
    assert len(scene.tiles._kept) <= CHUNKS_KEPT


def test_everything_at_once_is_drawn(scene: Scene, window: pygame.Surface) -> None:
    """The fallen, the hurt, the talkative, the rich, the late: no picture of it fails, at any hour and at any edge."""
    state, view = populated()
    camera = Camera(18.0, 16.0, 640, 480, 2)
    well = world_of(scene, window, view, camera)
    state.rows[[DOWN_TICKS, HEALTH], state.row(ME + 1)] = 40, 0
    state.rows[HURT_TICKS, state.row(ME + 2)] = 5
    rows = wire_rows(state)
    mirror = Mirror(LAND)
    mirror.apply(range(9), b"".join(encode_key(rows, chunk) for chunk in range(9)))
    view.show(100.0, 1, 3, mirror)
    harmed = world_of(scene, window, view, camera)
    for x, y in ((16.5, 14.5), (19.5, 17.5)):
        left, foot = camera.on_screen(x, y)
        assert (harmed != well)[left - 8 : left + 8, foot - 16 : foot].any(), "who fell or is hurt looks different"
    said = [
        (0, Event(Kind.SPOKE, ME + k, text="wordwithoutanyspace" * 6 if k % 2 else "good day to you " * 7))
        for k in range(5)
    ]
    view.show(150.0, 1, 4, mirror, said)
    talked = world_of(scene, window, view, camera)
    assert (talked != harmed).any(axis=2).mean() > 0.1, "what they say fills a good part of the window"
    panel = Panel(
        world="a world with a rather long name indeed", coins=999_999_999, goods=(999,) * 5,
        assets=tuple((k, FIND, k * 0x1234567890ABCD) for k in range(300)), ping_ms=1234.5, durable=10**9,
        not_archived=10**9, late_ms=2500, slowed=True, notice="the log is full; the world waits " * 10,
        hint="words " * 30, lines=[(100.0 + k, "something happened " * 20) for k in range(50)],
    )  # fmt: skip
    for hour, (x, y) in enumerate([(0.0, 0.0), (48.0, 48.0), (18.0, 16.0), (-5.0, 60.0)]):
        view.tick = hour * DAY_TICKS // 4
        camera = Camera(x, y, 640, 480, 2)
        bare = world_of(scene, window, view, camera)
        scene.render(window, view, camera, panel, 200.0)
        assert (pygame.surfarray.array3d(window) != bare).any(axis=2).mean() > 0.1, "the panel is over it"
    nothing = View((48, 48))
    scene.render(window, nothing, Camera(3, 3, 640, 480, 2), Panel(), 0.0)
    mist = tuple(part * by // 255 for part, by in zip(MIST, light(nothing.tick)))
    assert max(abs(a - b) for a, b in zip(window.get_at((320, 200)), mist)) < 16, (
        "before anything is shown there is mist"
    )


def test_nights_are_darker_and_days_are_clear() -> None:
    lights = [light(tick) for tick in range(0, DAY_TICKS, DAY_TICKS // 96)]
    assert (255, 255, 255) in lights
    assert min(min(colour) for colour in lights) > 120, "one can still see at night"
    for before, after in pairwise(lights):
        assert max(abs(a - b) for a, b in zip(before, after)) < 24
    assert light(0) == light(DAY_TICKS)


def test_it_is_dark_when_the_rules_say_that_it_is_night() -> None:
    ticks = range(0, DAY_TICKS, DAY_TICKS // 96)
    by_night = [sum(light(tick)) for tick in ticks if is_night(tick)]
    by_day = [sum(light(tick)) for tick in ticks if not is_night(tick)]
    assert len(by_day) == 2 * len(by_night)
    assert max(by_night) <= min(by_day)


def test_cameras_lead_there_and_back() -> None:
    camera = Camera(100.25, 7.5, 641, 479, 3)
    for tile in ((0, 0), (99, 3), (110, 12)):
        x, y = camera.on_screen(tile[0] + 0.5, tile[1] + 0.5)
        assert camera.tile_at(x, y) == tile
    x0, y0, x1, y1 = camera.tiles_seen(1)
    assert x1 - x0 >= 641 // 48 + 2
    assert y1 - y0 >= 479 // 48 + 2


def test_words_are_wrapped_and_cut() -> None:
    words = Words()
    lines = words.wrapped("the quick brown fox jumps over the lazy dog " * 20, 18, 190, 4)
    assert len(lines) == 4
    assert all(words.width(line, 18) <= 190 for line in lines)
    assert lines[-1].endswith("…")
    assert words.wrapped("", 18, 100, 2) == [""]
    assert all(words.width(line, 18) <= 60 for line in words.wrapped("W" * 400, 18, 60, 3))


def test_relics_are_named_and_pictured(scene: Scene) -> None:
    assert "(" in asset_words(FIND, 5)
    assert scene.overlay.portrait(FIND, 5).get_size() == (40, 40)
    for traits in range(200):
        scene.overlay.portrait(FIND, traits)
    assert len(scene.overlay._portraits) <= 64


def test_the_map_is_bounded_and_shows_where_one_is(scene: Scene, window: pygame.Surface) -> None:
    view = View((4096, 1024))
    view.terrain[:] = WATER
    scene.render(window, view, Camera(4000, 20, 640, 480, 2), Panel(), 0.0)
    assert MAP_TILES < 480


@needs_shared
def test_the_longest_names_of_others_fit_a_line() -> None:
    bags = json.loads((Path(SHARED) / "vectors" / "nft" / "loot_bags_1_200.json").read_text())
    names = {name for bag in bags for slots in bag.values() for name in slots.values()}
    words = Words()
    for name in names:
        (line,) = words.wrapped(f"You were given {name}", 18, 420, 1)
        assert words.width(line, 18) <= 420


def test_a_picture_is_the_same_each_time(scene: Scene, window: pygame.Surface) -> None:
    _, view = populated()
    shots = []
    for _ in range(2):
        scene.render(window, view, Camera(18, 16, 640, 480, 2), Panel(), 100.0)
        out = io.BytesIO()
        pygame.image.save(window, out, "shot.png")
        shots.append(out.getvalue())
    assert shots[0] == shots[1]

"""Keys and pointer become the actions a player means, and nothing else."""

import os
from dataclasses import replace
from typing import Any

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
import pygame

from clients.controls import GATHER_EVERY_MS, HELP, STRIKE_EVERY_MS, Controls, Sheet, Sight
from clients.draw.panel import Panel
from clients.offers import offers
from tests.clients.sights import ME, NOW_MS, sight
from world.actions import (
    Action,
    Build,
    Dig,
    Drop,
    Gather,
    Give,
    GiveAsset,
    GiveCoins,
    Move,
    PickUp,
    Speak,
    Strike,
)
from world.items import FIND
from world.kinds import DEER, PILE, PLAYER, VILLAGER, WOLF
from world.tilemap import FLOOR, WALL
from world.units import SPEECH_MAX


def press(controls: Controls, eyes: Sight | None, *keys: int) -> list[Action]:
    """Press and release keys one after another; what was asked for."""
    asked: list[Action] = []
    for key in keys:
        asked += controls.event(pygame.event.Event(pygame.KEYDOWN, key=key), eyes)
        asked += controls.event(pygame.event.Event(pygame.KEYUP, key=key), eyes)
    return asked


def down(controls: Controls, eyes: Sight, key: int) -> list[Action]:
    return controls.event(pygame.event.Event(pygame.KEYDOWN, key=key), eyes)


def up(controls: Controls, eyes: Sight, key: int) -> None:
    controls.event(pygame.event.Event(pygame.KEYUP, key=key), eyes)


def point(controls: Controls, eyes: Sight, x: float, y: float, click: bool = False) -> list[Action]:
    """Move the pointer over a place of the world, and perhaps click there."""
    pixel = eyes.camera.on_screen(x, y)
    kind: Any = pygame.MOUSEBUTTONDOWN if click else pygame.MOUSEMOTION
    return controls.event(pygame.event.Event(kind, pos=pixel, rel=(0, 0), button=1), eyes)


def typed(controls: Controls, text: str) -> None:
    for sign in text:
        controls.event(pygame.event.Event(pygame.TEXTINPUT, text=sign), None)


def rich(*others: tuple[int, float, float]) -> Sight:
    eyes = sight(*others)
    panel = Panel(coins=7, goods=(12, 0, 3, 0, 0), assets=((901, FIND, 77), (902, FIND, 78)))
    return replace(eyes, panel=panel)


def test_walking_is_told_when_it_changes_and_only_then() -> None:
    controls, eyes = Controls(), sight()
    assert controls.held(eyes) == []
    assert down(controls, eyes, pygame.K_d) == []
    assert controls.held(eyes) == [Move(127, 0)]
    assert controls.held(eyes) == []
    down(controls, eyes, pygame.K_UP)
    assert controls.held(eyes) == [Move(127, -127)]
    down(controls, eyes, pygame.K_a)
    assert controls.held(eyes) == [Move(0, -127)]
    for key in (pygame.K_a, pygame.K_d, pygame.K_UP):
        up(controls, eyes, key)
    assert controls.held(eyes) == [Move(0, 0)]
    assert controls.held(eyes) == []


def test_a_window_without_focus_lets_the_body_stand() -> None:
    controls, eyes = Controls(), sight()
    down(controls, eyes, pygame.K_s)
    controls.held(eyes)
    controls.event(pygame.event.Event(pygame.WINDOWFOCUSLOST), eyes)
    assert controls.held(eyes) == [Move(0, 0)]


def test_walking_is_told_again_after_a_new_connection_a_fall_and_a_refusal() -> None:
    controls, eyes = Controls(), sight()
    down(controls, eyes, pygame.K_w)
    assert controls.held(eyes) == [Move(0, -127)]
    controls.begin_anew()
    assert controls.held(eyes) == [Move(0, -127)]
    assert controls.held(sight(down=0)) == []
    assert controls.held(eyes) == [Move(0, -127)]
    controls.refused(Move(0, -127), False, NOW_MS)
    assert controls.held(eyes) == []
    assert controls.held(replace(eyes, now_ms=NOW_MS + 1000)) == [Move(0, -127)]


def test_a_blow_falls_on_the_nearest_beast_then_on_people_and_never_on_the_fallen() -> None:
    everyone = sight((PLAYER, 17.0, 16.5), (WOLF, 17.5, 16.5), (DEER, 15.3, 16.5), (VILLAGER, 16.5, 17.2))
    assert press(Controls(), everyone, pygame.K_SPACE) == [Strike(ME + 2)]
    people = sight((PLAYER, 17.2, 16.5), (VILLAGER, 16.5, 17.1), (WOLF, 18.5, 16.5))
    assert press(Controls(), people, pygame.K_SPACE) == [Strike(ME + 2)]
    fallen = sight((PLAYER, 17.2, 16.5), down=1)
    controls = Controls()
    assert press(controls, fallen, pygame.K_SPACE) == []
    assert controls.said == ["nobody within reach to strike"]


def test_held_work_is_repeated_as_often_as_the_rules_allow() -> None:
    controls, eyes = Controls(), sight((DEER, 17.0, 16.5), trees=((16, 15),))
    assert down(controls, eyes, pygame.K_SPACE) == [Strike(ME + 1)]
    assert down(controls, eyes, pygame.K_SPACE) == [], "the keyboard's own repeats are not blows"
    later = replace(eyes, now_ms=NOW_MS + STRIKE_EVERY_MS)
    assert controls.held(later) == [Strike(ME + 1)]
    assert controls.held(later) == []
    up(controls, eyes, pygame.K_SPACE)
    assert down(controls, eyes, pygame.K_e) == [Gather(16, 15)]
    assert controls.held(replace(eyes, now_ms=NOW_MS + GATHER_EVERY_MS - 1)) == []
    assert controls.held(replace(eyes, now_ms=NOW_MS + GATHER_EVERY_MS)) == [Gather(16, 15)]


def test_a_tile_that_gave_nothing_is_passed_over() -> None:
    controls, eyes = Controls(), sight(trees=((16, 15), (17, 17)))
    (first,) = press(controls, eyes, pygame.K_e)
    assert first == Gather(16, 15)
    controls.refused(first, True, NOW_MS)
    assert press(controls, eyes, pygame.K_e) == [Gather(17, 17)]
    controls.refused(Gather(17, 17), True, NOW_MS)
    assert press(controls, eyes, pygame.K_e) == []
    assert controls.said == ["nothing within reach to gather"]
    assert press(controls, replace(eyes, now_ms=NOW_MS + 60_000), pygame.K_e) == [Gather(16, 15)]


def test_piles_are_picked_up_by_key_and_click() -> None:
    eyes = sight((PILE, 17.5, 16.5), (PILE, 17.0, 16.5), (PILE, 22.0, 16.5))
    assert press(Controls(), eyes, pygame.K_f) == [PickUp(ME + 2)]
    assert point(Controls(), eyes, 17.5, 16.2, click=True) == [PickUp(ME + 1)]
    controls = Controls()
    assert press(controls, sight((PILE, 22.0, 16.5)), pygame.K_f) == []
    assert controls.said


def test_clicks_strike_beasts_and_gather_but_never_strike_people() -> None:
    eyes = sight((WOLF, 17.5, 16.5), (PLAYER, 15.5, 16.5), trees=((18, 14),))
    assert point(Controls(), eyes, 17.5, 16.3, click=True) == [Strike(ME + 1)]
    assert point(Controls(), eyes, 15.5, 16.3, click=True) == []
    assert point(Controls(), eyes, 18.5, 14.5, click=True) == [Gather(18, 14)]
    assert point(Controls(), eyes, 12.5, 12.5, click=True) == []


def test_building_and_digging_take_the_tile_under_the_pointer_within_reach() -> None:
    controls, eyes = Controls(), sight()
    assert press(controls, eyes, pygame.K_b) == []
    point(controls, eyes, 17.5, 15.5)
    assert press(controls, eyes, pygame.K_b, pygame.K_n, pygame.K_x) == [
        Build(17, 15, WALL), Build(17, 15, FLOOR), Dig(17, 15),
    ]  # fmt: skip
    point(controls, eyes, 20.5, 16.5)
    assert press(controls, eyes, pygame.K_x) == []
    point(controls, eyes, -2.5, 16.5)
    assert press(controls, eyes, pygame.K_b) == []
    assert len(controls.said) == 3


def test_words_are_typed_bounded_and_said_with_enter() -> None:
    controls, eyes = Controls(), sight()
    down(controls, eyes, pygame.K_w)
    assert press(controls, eyes, pygame.K_RETURN) == []
    assert controls.sheet is Sheet.SPEAK
    assert controls.held(eyes) == [], "who types does not walk"
    typed(controls, "  whello ")
    assert press(controls, eyes, pygame.K_w, pygame.K_e, pygame.K_ESCAPE) == [], "letters are no commands here"
    assert controls.sheet is Sheet.NONE
    assert not controls.leaving
    press(controls, eyes, pygame.K_RETURN)
    typed(controls, "helloo\n\x1b\u202e")
    press(controls, eyes, pygame.K_BACKSPACE)
    assert press(controls, eyes, pygame.K_RETURN) == [Speak("hello")]
    press(controls, eyes, pygame.K_RETURN)
    typed(controls, "a" * 500)
    assert press(controls, eyes, pygame.K_RETURN) == [Speak("a" * SPEECH_MAX)]
    assert press(controls, eyes, pygame.K_RETURN, pygame.K_RETURN) == [], "nothing is not said"


def test_goods_are_given_to_the_nearest_player() -> None:
    controls, eyes = Controls(), rich((PLAYER, 17.5, 16.5), (VILLAGER, 16.6, 16.5))
    assert press(controls, eyes, pygame.K_g) == []
    assert controls.sheet is Sheet.HAND
    assert [offer.words for offer in controls.choice.offers[:3]] == ["wood", "stone", "coins"]
    assert press(controls, eyes, pygame.K_RIGHT, pygame.K_RIGHT, pygame.K_RETURN) == [Give(ME + 1, 0, 10)]
    assert controls.sheet is Sheet.NONE
    press(controls, eyes, pygame.K_g, pygame.K_DOWN, pygame.K_DOWN, *[pygame.K_RIGHT] * 9)
    assert press(controls, eyes, pygame.K_RETURN) == [GiveCoins(ME + 1, 7)]
    press(controls, eyes, pygame.K_g, pygame.K_UP)
    assert press(controls, eyes, pygame.K_RETURN) == [GiveAsset(ME + 1, 902)]


def test_villagers_get_no_assets_and_the_ground_no_coins() -> None:
    eyes = rich((VILLAGER, 17.0, 16.5))
    assert {offer.relic for offer in offers(None, eyes.panel)} == {None}
    controls = Controls()
    press(controls, eyes, pygame.K_g)
    assert [offer.words for offer in controls.choice.offers] == ["wood", "stone", "coins"]
    press(controls, eyes, pygame.K_ESCAPE)
    assert controls.sheet is Sheet.NONE
    assert not controls.leaving
    press(controls, eyes, pygame.K_q, pygame.K_DOWN)
    assert press(controls, eyes, pygame.K_RETURN) == [Drop(2, 1)]


def test_a_line_is_chosen_by_clicking_it_and_given_by_clicking_it_again() -> None:
    controls, eyes = Controls(), rich((PLAYER, 17.5, 16.5))
    press(controls, eyes, pygame.K_g)
    controls.choice.lines = [pygame.Rect(0, 30 * place, 200, 30) for place in range(len(controls.choice.offers))]
    click = pygame.event.Event(pygame.MOUSEBUTTONDOWN, pos=(10, 35), button=1)
    assert controls.event(click, eyes) == []
    assert controls.choice.chosen == 1
    assert controls.event(click, eyes) == [Give(ME + 1, 2, 1)]


def test_one_walks_on_while_choosing_but_not_with_the_arrows() -> None:
    controls, eyes = Controls(), rich((PLAYER, 17.5, 16.5))
    press(controls, eyes, pygame.K_g)
    down(controls, eyes, pygame.K_DOWN)
    assert controls.held(eyes) == []
    down(controls, eyes, pygame.K_a)
    assert controls.held(eyes) == [Move(-127, 0)]


def test_nothing_to_give_and_nobody_to_give_to_is_said() -> None:
    controls = Controls()
    assert press(controls, sight((PLAYER, 17.0, 16.5)), pygame.K_g) == []
    assert press(controls, rich(), pygame.K_g) == []
    assert press(controls, sight(), pygame.K_q) == []
    assert controls.sheet is Sheet.NONE
    assert len(controls.said) == 3


def test_sheets_map_and_zoom_work_before_the_world_is_entered() -> None:
    controls = Controls()
    assert press(controls, None, pygame.K_SPACE, pygame.K_e, pygame.K_RETURN, pygame.K_g) == []
    press(controls, None, pygame.K_h)
    assert controls.sheet is Sheet.HELP
    press(controls, None, pygame.K_TAB)
    assert controls.sheet is Sheet.GOODS
    press(controls, None, pygame.K_ESCAPE)
    assert controls.sheet is Sheet.NONE
    press(controls, None, pygame.K_m)
    assert controls.map_shown == 2
    for _ in range(9):
        controls.event(pygame.event.Event(pygame.MOUSEWHEEL, y=1), None)
    assert controls.zoom == 4
    for _ in range(9):
        press(controls, None, pygame.K_MINUS)
    assert controls.zoom == 1
    press(controls, None, pygame.K_ESCAPE)
    assert controls.leaving


def test_closing_the_window_leaves() -> None:
    controls = Controls()
    controls.event(pygame.event.Event(pygame.QUIT), None)
    assert controls.leaving


def test_help_names_every_key_once() -> None:
    assert len({keys for keys, _ in HELP}) == len(HELP)
    assert all(len(words) < 72 for _, words in HELP)

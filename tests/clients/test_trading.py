"""The trade panel: what a trader answered becomes a list with prices, and an offer is made in two steps."""

import os
from dataclasses import replace

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
import pygame

from clients.controls import Controls, Sheet, Sight
from clients.draw.panel import Panel
from clients.terms import numbers
from clients.trading import TRADER
from tests.clients.sights import ME, sight
from world.actions import Accept, AskPrices, Buy, Offer, Retract, Sell
from world.events import Event, Kind
from world.items import FIND, ITEMS, STONE, WOOD
from world.kinds import PLAYER
from world.prices import ask, cost, proceeds


def press(controls: Controls, eyes: Sight, *keys: int) -> list[object]:
    actions: list[object] = []
    for key in keys:
        actions += controls.event(pygame.event.Event(pygame.KEYDOWN, key=key), eyes)
        controls.event(pygame.event.Event(pygame.KEYUP, key=key), eyes)
    return actions


def rich(*others: tuple[int, float, float]) -> Sight:
    goods = tuple(12 if item == WOOD else 0 for item in range(len(ITEMS)))
    return replace(sight(*others), panel=Panel(coins=70, goods=goods, assets=((901, FIND, 77),)))


def test_a_trader_is_asked_and_its_answer_is_a_list_to_buy_and_sell_from() -> None:
    controls, eyes = Controls(), rich((TRADER, 17.5, 16.5))
    assert press(controls, eyes, pygame.K_t) == [AskPrices(ME + 1)]
    assert controls.held(eyes) == [] and controls.sheet is Sheet.NONE
    stock = [0] * len(ITEMS)
    stock[WOOD], stock[STONE] = 30, 9
    words = " ".join(map(str, stock))
    assert controls.trading.heard(Event(Kind.QUOTED, ME + 1, ME, 200, 0, words), ME) == ""
    controls.held(eyes)
    assert controls.sheet is Sheet.HAND
    assert controls.choice.offers[1].words == f"buy stone at {ask(STONE, 9)}"
    buys = press(controls, eyes, pygame.K_DOWN, pygame.K_RIGHT, pygame.K_RETURN)
    assert buys == [Buy(ME + 1, STONE, 5, cost(STONE, 9, 5))]
    controls.trading.quote = (0, 0, ())
    press(controls, eyes, pygame.K_t)
    controls.trading.heard(Event(Kind.QUOTED, ME + 1, ME, 200, 0, words), ME)
    controls.held(eyes)
    assert press(controls, eyes, pygame.K_UP, pygame.K_RETURN) == [Sell(ME + 1, WOOD, 1, proceeds(WOOD, 30, 1))]


def test_an_offer_is_made_in_two_steps() -> None:
    controls, eyes = Controls(), rich((PLAYER, 17.5, 16.5))
    assert press(controls, eyes, pygame.K_t) == []
    assert controls.choice.offers[0].words == "offer wood"
    assert press(controls, eyes, pygame.K_RIGHT, pygame.K_RETURN) == []
    assert controls.sheet is Sheet.HAND and controls.choice.offers[0].words == "for coins"
    made = press(controls, eyes, pygame.K_RIGHT, pygame.K_RIGHT, pygame.K_RETURN)
    assert made == [Offer(ME + 1, 0, WOOD + 1, 5, 0, 10, 0, 0, 0)]
    press(controls, eyes, pygame.K_t, pygame.K_UP, pygame.K_RETURN)
    assert press(controls, eyes, pygame.K_UP, pygame.K_RETURN) == [Offer(ME + 1, 0, 0, 0, 901, 0, 0, 0, 0)]


def test_offers_that_stand_are_accepted_turned_down_and_forgotten_when_they_end() -> None:
    controls, eyes = Controls(), rich((PLAYER, 17.5, 16.5))
    told = controls.trading.heard(Event(Kind.OFFERED, 77, ME + 1, ME, 0, "5 1 10 0 0 3 3 0"), ME)
    assert "5 coins and 10 wood for 3 stone" in told
    assert press(controls, eyes, pygame.K_t, pygame.K_RETURN) == [Accept(77)]
    assert press(controls, eyes, pygame.K_t, pygame.K_DOWN, pygame.K_RETURN) == [Retract(77)]
    assert "agreed" in controls.trading.heard(Event(Kind.TRADED, 77, ME + 1, ME), ME)
    assert controls.trading.standing == {}
    assert numbers("1 2 x", 3) == numbers("1 2", 3) == (0, 0, 0) and numbers("4 5 6", 3) == (4, 5, 6)

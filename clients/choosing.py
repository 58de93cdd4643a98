"""A list over the picture: the player chooses one line of it, and how much. Making an offer takes two of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import pygame

from clients.offers import Offer
from clients.trading import Given, wanted
from world.actions import Action, Move

AMOUNTS: Final = (1, 5, 10, 50)


@dataclass
class Choice:
    """What is listed, and what of it is chosen. `lines` are where the offers were drawn last."""

    title: str = ""
    offers: list[Offer] = field(default_factory=list)
    chosen: int = 0
    amount: int = 0  # place in `amounts`
    lines: list[pygame.Rect] = field(default_factory=list)
    _givable: Sequence[Given] = ()  # the last of the offers, for each of which the partner is asked for something
    _partner: int = 0

    def show(self, title: str, offers: Sequence[Offer], givable: Sequence[Given] = (), partner: int = 0) -> None:
        """List these, and behind them what may be given to a partner in exchange for something."""
        first_steps = [Offer(one.words, one.count, _nothing, one.good, one.relic) for one in givable]
        self.title, self.offers, self.chosen, self.amount, self.lines = title, [*offers, *first_steps], 0, 0, []
        self._givable, self._partner = givable, partner

    @property
    def amounts(self) -> list[int]:
        """How many of the chosen offer may be handed over: a few round numbers, and all."""
        if not self.offers:
            return []
        count = self.offers[self.chosen].count
        return [*(amount for amount in AMOUNTS if amount < count), count]

    def next(self, way: int) -> None:
        """Choose the line below (1) or above (-1)."""
        self.chosen, self.amount = (self.chosen + way) % len(self.offers), 0

    def more(self, way: int) -> None:
        """Choose a larger (1) or smaller (-1) amount."""
        self.amount = min(max(self.amount + way, 0), len(self.amounts) - 1)

    def point(self, pixel: tuple[int, int]) -> bool:
        """Choose the line at a pixel; whether it was chosen already."""
        for place, line in enumerate(self.lines):
            if line.collidepoint(pixel):
                if place == self.chosen:
                    return True
                self.chosen, self.amount = place, 0
        return False

    def take(self) -> Action | None:
        """What is chosen; None when it was the first step of an offer, and what is wanted for it is listed now."""
        amount = self.amounts[self.amount]
        first = len(self.offers) - len(self._givable)
        if self.chosen < first:
            return self.offers[self.chosen].hand(amount)
        self.show("In exchange", wanted(self._partner, self._givable[self.chosen - first].side(amount)))
        return None


def _nothing(amount: int) -> Action:
    """The first step of an offer does nothing by itself."""
    return Move(0, 0)

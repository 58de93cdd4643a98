"""A bot's trade with other players, beside whatever it does: it answers each offer, and seldom makes one itself.

A fair offer is accepted, any other turned down: so nobody who trades with bots waits in vain, and none of them is
robbed. Worth is what `world.prices` says. Not here: traders, who need no offers (`clients.bots.behaviours`).
"""

import math
from dataclasses import dataclass, field
from random import Random
from typing import Final

from clients.bots.behaviours import LOAD, REACH_TILES, Sight, nearest_body
from clients.terms import numbers
from world.actions import Accept, Offer, Retract
from world.events import Event, Kind
from world.items import YIELD
from world.kinds import PLAYER
from world.prices import WORTH
from world.shown import PER_TILE

KEPT: Final = 8  # offers that wait for an answer; of more the oldest are left to expire
OFFERS: Final = 0.05  # of the decisions beside a player who carries goods that make an offer
OFFERS_FULL: Final = 0.2  # of those of a bot with its hands full
REST: Final = 120  # decisions, about half a minute, between two offers of its own accord
PAUSE: Final = 20  # decisions after any offer without one in return: who haggles with one that haggles comes to an end
PIECES_MAX: Final = 3
FOR_COINS: Final = 0.2  # of the offers that ask for coins, of which few have any
TERMS: Final = (0.7, 1.2)  # what it asks, to what it gives: neither always fair nor always foul

Side = tuple[int, ...]


def worth(side: Side) -> int:
    """One side of an offer in coins; an asset counts for nothing, as a bot has no use for it."""
    coins, item, count, _ = side
    return coins + count * (WORTH[item - 1] if 0 < item <= len(WORTH) else 0)


def fair(gets: Side, gives: Side) -> bool:
    """Whether a bot may take `gets` for `gives`: it loses nothing, and never parts with an asset."""
    return gives[3] == 0 and worth(gets) >= worth(gives)


@dataclass(slots=True)
class Trades:
    """One bot's offers. `waiting` are those made to it: who made it, and its eight numbers, by the offer's id;
    `haggle` is who offered what that was turned down just now."""

    random: Random
    waiting: dict[int, tuple[int, tuple[int, ...]]] = field(default_factory=dict)
    rest: int = 0
    haggle: tuple[int, Side] | None = None

    def heard(self, event: Event, me: int) -> None:
        """Take note of an event."""
        if event.kind == Kind.OFFERED and event.c == me:
            self.waiting[event.a] = event.b, numbers(event.text)
            if len(self.waiting) > KEPT:
                del self.waiting[next(iter(self.waiting))]
        elif event.kind in (Kind.TRADED, Kind.OFFER_ENDED):
            self.waiting.pop(event.a, None)

    def answer(self, sight: Sight) -> Accept | Retract | None:
        """The answer to the offer that waits longest; each is answered once."""
        if not self.waiting:
            return None
        number = next(iter(self.waiting))
        maker, terms = self.waiting.pop(number)
        gets, gives = terms[:4], terms[4:]
        if fair(gets, gives) and _has(sight, gives) and _beside(sight, maker):
            return Accept(number)
        if self.rest <= REST - PAUSE:
            self.haggle = maker, gets
        return Retract(number)

    def offer(self, sight: Sight) -> Offer | None:
        """An offer to a player beside it, seldom: to who offered it something that it turned down, a fair price for
        that; else, to one who carries goods, some of what it has most of, for something else or for coins."""
        self.rest -= 1
        haggle, self.haggle = self.haggle, None
        if not any(sight.goods):
            return None
        made = _price(sight, *haggle) if haggle else None
        keen = OFFERS_FULL if sum(sight.goods) >= LOAD else OFFERS
        if made is None and self.rest <= 0 and self.random.random() < keen:
            made = self._wish(sight)
        self.rest = REST if made else self.rest
        return made

    def _wish(self, sight: Sight) -> Offer | None:
        found = nearest_body(sight, (PLAYER,), carrying=True)
        if found is None or not _beside(sight, found[0]):
            return None
        item = max(range(len(sight.goods)), key=lambda one: sight.goods[one])
        count = self.random.randint(1, min(sight.goods[item], PIECES_MAX))
        asked = count * WORTH[item] * self.random.uniform(*TERMS)
        if self.random.random() < FOR_COINS:
            return Offer(found[0], 0, 1 + item, count, 0, max(1, round(asked)), 0, 0, 0)
        other = self.random.choice([one for one in YIELD.values() if one != item])
        return Offer(found[0], 0, 1 + item, count, 0, 0, 1 + other, max(1, round(asked / WORTH[other])), 0)


def _price(sight: Sight, maker: int, wants: Side) -> Offer | None:
    """Pieces of something else for what the maker has: for all of it, or one piece; None if it has not enough."""
    coins, good, count, _ = wants
    for asked in ((coins, good, count, 0), (0, good, min(count, 1), 0)):
        for item, have in enumerate(sight.goods):
            pieces = -(-worth(asked) // WORTH[item])
            if good != 1 + item and 0 < pieces <= have and _beside(sight, maker):
                return Offer(maker, 0, 1 + item, pieces, 0, *asked)
    return None


def _beside(sight: Sight, entity: int) -> bool:
    body = sight.seen.find(entity)
    return body is not None and math.dist((body.x / PER_TILE, body.y / PER_TILE), (sight.x, sight.y)) < REACH_TILES


def _has(sight: Sight, side: Side) -> bool:
    coins, item, count, _ = side
    return sight.coins >= coins and (count == 0 or (0 < item <= len(sight.goods) and sight.goods[item - 1] >= count))

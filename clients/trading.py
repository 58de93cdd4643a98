"""The trade panel's lists: a trader's prices, offers that stand, and the two steps of making an offer oneself."""

from dataclasses import dataclass, field
from functools import partial

from clients.draw.panel import Panel, asset_words
from clients.offers import Offer
from clients.terms import numbers
from clients.view import short_name
from world.actions import Accept, Action, Buy, Retract, Sell
from world.actions import Offer as Propose
from world.events import Event, Kind
from world.items import ITEMS
from world.prices import COUNT_MAX, ask, bid, cost, proceeds
from world.species import NAMES

TRADER = NAMES.index("trader")
PROPOSALS_KEPT = 32


@dataclass
class Trading:
    """What the player was told of trade: the last prices, and the offers that stand, by id.

    A quote is (trader, its coins, how many it has of each item); an offer (maker, to whom, the action's eight numbers).
    """

    quote: tuple[int, int, tuple[int, ...]] = (0, 0, ())
    standing: dict[int, tuple[int, int, tuple[int, ...]]] = field(default_factory=dict)

    def heard(self, event: Event, me: int) -> str:
        """Take note of an event; a line for the player, or nothing."""
        match event.kind:
            case Kind.QUOTED if event.b == me:
                self.quote = event.a, event.c, numbers(event.text, len(ITEMS))
            case Kind.OFFERED if me in (event.b, event.c):
                self.standing[event.a] = event.b, event.c, numbers(event.text)
                while len(self.standing) > PROPOSALS_KEPT:
                    del self.standing[next(iter(self.standing))]
                if event.c == me:
                    return f"{short_name(event.b)} offers {terms(self.standing[event.a][2])} (T)"
            case Kind.TRADED | Kind.OFFER_ENDED:
                known = self.standing.pop(event.a, None)
                if known is not None:
                    words = (
                        ("withdrawn", "turned down", "over")[event.d] if event.kind == Kind.OFFER_ENDED else "agreed"
                    )
                    return f"the trade of {terms(known[2])} is {words}"
            case Kind.BOUGHT | Kind.SOLD if event.a == me:
                verb = "bought" if event.kind == Kind.BOUGHT else "sold"
                return f"{verb} {event.d} {ITEMS[event.c]} for {event.text} coins"
            case Kind.ROBBED if event.b == me:
                return f"you are robbed of {event.c} coins"
            case _:
                pass
        return ""


def terms(told: tuple[int, ...]) -> str:
    """An offer's eight numbers in words."""
    return f"{_side(told[:4])} for {_side(told[4:])}"


def _side(side: tuple[int, ...]) -> str:
    coins, item, count, asset = side
    parts = [f"{coins} coins"] if coins else []
    if 0 < item <= len(ITEMS):
        parts.append(f"{count} {ITEMS[item - 1]}")
    if asset:
        parts.append("an asset")
    return " and ".join(parts) or "nothing"


def market(trading: Trading, panel: Panel) -> list[Offer]:
    """What the trader that was asked sells and buys, with its prices for one."""
    trader, purse, stock = trading.quote
    made = []
    for item, count in enumerate(stock):
        if ask(item, count):
            words = f"buy {ITEMS[item]} at {ask(item, count)}"
            made.append(Offer(words, min(count, COUNT_MAX), partial(_buy, trader, item, count), item))
    for item, count in enumerate(panel.goods[: len(stock)]):
        if count and 0 < bid(item, stock[item]) <= purse:
            words = f"sell {ITEMS[item]} at {bid(item, stock[item])}"
            made.append(Offer(words, min(count, COUNT_MAX), partial(_sell, trader, item, stock[item]), item))
    return made


def _buy(trader: int, item: int, stock: int, count: int) -> Action:
    return Buy(trader, item, count, cost(item, stock, count))


def _sell(trader: int, item: int, stock: int, count: int) -> Action:
    return Sell(trader, item, count, proceeds(item, stock, count))


def standing(trading: Trading, me: int) -> list[Offer]:
    """Offers made to the player, to accept or turn down, and the player's own, to withdraw."""
    made = []
    for number, (maker, to, told) in trading.standing.items():
        if to == me:
            made.append(Offer(f"accept {terms(told)}", 1, partial(_accept, number), one=True))
            made.append(Offer(f"turn down {terms(told)}", 1, partial(_retract, number), one=True))
        elif maker == me:
            made.append(Offer(f"withdraw {terms(told)}", 1, partial(_retract, number), one=True))
    return made


def _accept(number: int, _: int) -> Action:
    return Accept(number)


def _retract(number: int, _: int) -> Action:
    return Retract(number)


@dataclass(frozen=True)
class Given:
    """The first step of an offer: what is given."""

    words: str
    count: int
    good: int = -1
    asset: int = 0
    relic: tuple[int, int] | None = None

    def side(self, amount: int) -> tuple[int, int, int, int]:
        """(coins, item + 1, count, asset) for an amount."""
        if self.asset:
            return 0, 0, 0, self.asset
        return (amount, 0, 0, 0) if self.good == len(ITEMS) else (0, self.good + 1, amount, 0)


def givable(panel: Panel) -> list[Given]:
    """What one may offer."""
    made = [Given(f"offer {ITEMS[item]}", n, item) for item, n in enumerate(panel.goods[: len(ITEMS)]) if n]
    if panel.coins:
        made.append(Given("offer coins", panel.coins, len(ITEMS)))
    made += [
        Given(f"offer {asset_words(kind, traits)}", 1, asset=asset, relic=(kind, traits))
        for asset, kind, traits in panel.assets
    ]
    return made


def wanted(target: int, gives: tuple[int, int, int, int]) -> list[Offer]:
    """The second step: what for. Each line makes the whole offer."""
    coins = Offer("for coins", 1_000, partial(_propose, target, gives, len(ITEMS)), len(ITEMS))
    goods = [Offer(f"for {name}", 99, partial(_propose, target, gives, item), item) for item, name in enumerate(ITEMS)]
    return [coins, *goods, Offer("for nothing", 1, partial(_propose, target, gives, -1), one=True)]


def _propose(target: int, gives: tuple[int, int, int, int], good: int, amount: int) -> Action:
    if good < 0:
        return Propose(target, *gives, 0, 0, 0, 0)
    if good == len(ITEMS):
        return Propose(target, *gives, amount, 0, 0, 0)
    return Propose(target, *gives, 0, good + 1, amount, 0)

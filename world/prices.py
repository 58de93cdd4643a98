"""What traders pay and ask, as a function of what they have: the more of a thing, the cheaper.

Pure numbers, so that a client shows the price that the rule will use.
"""

from typing import Final

from world.items import ARROW, BERRY, BOW, BREAD, COAT, GRAIN, HIDE, MEAT, STONE, SWORD, WOOD
from world.things import GOODS_KINDS

PAR: Final = 24
"""With so many of a thing in stock its price is its worth."""
_WORTH: Final = {
    WOOD: 4, BERRY: 4, STONE: 6, GRAIN: 3, MEAT: 8, HIDE: 10, BREAD: 9, ARROW: 3, BOW: 40, SWORD: 60, COAT: 50,
}  # fmt: skip
WORTH: Final = tuple(_WORTH.get(item, 0) for item in range(GOODS_KINDS))
"""Coins for a piece when PAR are in stock."""
TRADED: Final = (WOOD, BERRY, STONE, GRAIN, MEAT, HIDE, BREAD)
"""What a trader has from the start; it deals in everything that has a worth."""
MARGIN_PERCENT: Final = 20
ASK_MAX: Final = 3 * max(WORTH)
COUNT_MAX: Final = 99  # pieces in one deal


def price(item: int, stock: int) -> int:
    """In hundredths of a coin: twice the worth with nothing in stock, the worth at PAR, ever less beyond."""
    return 200 * WORTH[item] * PAR // (PAR + max(stock, 0))


def ask(item: int, stock: int) -> int:
    """Coins a trader asks for one of `stock` pieces, at least 1; 0 when it has none or does not deal in them."""
    if stock <= 0 or not WORTH[item]:
        return 0
    return max(1, -(-price(item, stock - 1) * (100 + MARGIN_PERCENT) // 10_000))


def bid(item: int, stock: int) -> int:
    """Coins a trader pays for one more piece; 0: it takes none."""
    return price(item, stock) * (100 - MARGIN_PERCENT) // 10_000


def cost(item: int, stock: int, count: int) -> int:
    """Coins for `count` of `stock` pieces, one after the other; 0 when there are not so many."""
    return sum(ask(item, stock - n) for n in range(count)) if 0 < count <= stock else 0


def proceeds(item: int, stock: int, count: int) -> int:
    """Coins a trader pays for `count` pieces more, one after the other."""
    return sum(bid(item, stock + n) for n in range(count))

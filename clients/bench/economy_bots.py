"""Players for `everloom bench economy`: two hundred simple minds that live on what the world gives, within one process.

They see the state itself, not the wire, because ten game days are over a million ticks; what they do are the same
actions as any player's. Five ways of life: sell what one gathers, build, hunt, swap with others, and roam.
"""

from dataclasses import dataclass, field
from random import Random

import numpy as np

from world.actions import Accept, Action, Build, Buy, Eat, Gather, Move, Offer, PickUp, Sell, Strike
from world.items import BERRY, BREAD, STONE, YIELD
from world.kinds import PILE, PLAYER
from world.pathfinding import STEP_X, STEP_Y
from world.prices import WORTH, ask, bid
from world.routes import MARKET
from world.species import ROUTINE_OF, TRADE, npc_kinds
from world.state import COINS, DOWN_TICKS, GOODS, GOODS_0, HEALTH, KIND, OFFER_ID, OFFER_TO, State, X, Y
from world.tilemap import GROUND, NONE, WALL
from world.units import REACH, STRIKE_REACH, TILE

EVERY: int = 40  # ticks from one decision of a bot to its next
FULL: int = 14  # goods with which it goes to market
SEES: int = 10
LIVES = ("sell", "build", "hunt", "swap", "roam")
_GATHERED = np.isin(np.arange(16), list(YIELD))


@dataclass
class Bot:
    """One player: what it lives by, and whether it is on its way to a market."""

    entity: int
    life: str
    random: Random
    market: int = -1
    spent: int = 0
    heading: tuple[int, int] = field(default=(0, 0))


def decide(bot: Bot, state: State) -> Action | None:
    """What a bot does now; None when it lies or sleeps."""
    row = state.row(bot.entity)
    if row < 0 or state.rows[DOWN_TICKS, row]:
        return None
    rows = state.rows
    if rows[HEALTH, row] < 60:
        for food in (BREAD, BERRY):
            if rows[GOODS_0 + food, row]:
                return Eat(food)
    offers = state.offers[state.offers[:, OFFER_TO] == bot.entity] if len(state.offers) else state.offers
    if len(offers) and bot.random.random() < 0.5:
        return Accept(int(offers[0, OFFER_ID]))
    if bot.life == "hunt" and (blow := _hunt(bot, state, row)):
        return blow
    if bot.life == "swap" and bot.random.random() < 0.1 and (made := _offer(bot, state, row)):
        return made
    if bot.life == "build" and rows[GOODS_0 + STONE, row] >= 2 and bot.random.random() < 0.2:
        x, y = (rows[X, row] >> 16) + bot.random.randint(-1, 1), (rows[Y, row] >> 16) + bot.random.randint(-1, 1)
        if state.has_tile(x, y) and _free_ground(state, int(x), int(y)):
            return Build(int(x), int(y), WALL)
    if int(rows[GOODS_0 : GOODS_0 + GOODS, row].sum()) >= FULL and bot.life != "roam":
        return _to_market(bot, state, row)
    return _gather(bot, state, row)


def _free_ground(state: State, x: int, y: int) -> bool:
    """Ground on which a wall blocks nobody: with open tiles all around it."""
    at = np.s_[y - state.window[1] - 1 : y - state.window[1] + 2, x - state.window[0] - 1 : x - state.window[0] + 2]
    free = (state.terrain[at] == GROUND) & (state.feature[at] == NONE)
    return free.size == 9 and bool(free.all())


def _nearest(state: State, row: int, wanted: np.ndarray, tiles: int) -> int:
    """The row of the nearest body of those wanted (bool[used]), or -1."""
    rows = state.rows[:, : state.used]
    dx, dy = rows[X].astype(np.int64) - rows[X, row], rows[Y].astype(np.int64) - rows[Y, row]
    far = np.where(wanted, dx * dx + dy * dy, 1 << 60)
    far[row] = 1 << 60
    best = int(np.argmin(far))
    return best if far[best] <= (tiles * TILE) ** 2 else -1


def _towards(state: State, row: int, x: int, y: int) -> Move:
    dx, dy = x - int(state.rows[X, row]), y - int(state.rows[Y, row])
    size = max(abs(dx), abs(dy), 1)
    return Move(dx * 127 // size, dy * 127 // size)


def _within(state: State, row: int, other: int, reach: int) -> bool:
    dx = int(state.rows[X, other]) - int(state.rows[X, row])
    dy = int(state.rows[Y, other]) - int(state.rows[Y, row])
    return dx * dx + dy * dy < reach * reach


def _hunt(bot: Bot, state: State, row: int) -> Action | None:
    kinds = state.rows[KIND, : state.used]
    pile = _nearest(state, row, kinds == PILE, 4)
    if pile >= 0:
        near = _within(state, row, pile, REACH)
        return PickUp(int(state.ids[pile])) if near else _towards(state, row, *state.rows[[X, Y], pile].tolist())
    prey = [kind for kind in npc_kinds(state.species) if state.species[ROUTINE_OF, kind] in (0, 4)]
    other = _nearest(state, row, np.isin(kinds, prey), SEES)
    if other < 0 or state.rows[HEALTH, row] < 40:
        return None
    if _within(state, row, other, STRIKE_REACH):
        return Strike(int(state.ids[other]))
    return _towards(state, row, *state.rows[[X, Y], other].tolist())


def _offer(bot: Bot, state: State, row: int) -> Action | None:
    """Some of what one has most for something the other has."""
    other = _nearest(state, row, state.rows[KIND, : state.used] == PLAYER, 2)
    if other < 0:
        return None
    mine, theirs = (state.rows[GOODS_0 : GOODS_0 + GOODS, one] for one in (row, other))
    item, wanted = int(np.argmax(mine)), int(np.argmax(theirs))
    if not mine[item] or not theirs[wanted]:
        return None
    return Offer(int(state.ids[other]), 0, item + 1, 1, 0, 0, wanted + 1, 1, 0)


def _to_market(bot: Bot, state: State, row: int) -> Action:
    """Along the shared way; there, sell what is worth most to a trader, buy food, or wait for one a while."""
    kinds = state.rows[KIND, : state.used]
    traders = np.isin(kinds, np.flatnonzero(state.species[ROUTINE_OF] == TRADE)) & (kinds > PLAYER)
    trader = _nearest(state, row, traders, 6)
    if trader >= 0:
        return _deal(bot, state, row, trader)
    markets = np.flatnonzero(state.goals[:, 2] == MARKET)
    if bot.market < 0 or bot.spent > 250:
        bot.market, bot.spent = int(markets[bot.random.randrange(len(markets))]), 0
    bot.spent += 1
    x, y = int(state.rows[X, row]) >> 16, int(state.rows[Y, row]) >> 16
    way = int(state.ways[bot.market, y - state.window[1], x - state.window[0]])
    if way > 7 or max(abs(state.goals[bot.market, 0] - x), abs(state.goals[bot.market, 1] - y)) <= 2:
        return Move(bot.random.randint(-40, 40), bot.random.randint(-40, 40))
    return _towards(state, row, (x + int(STEP_X[way])) * TILE + TILE // 2, (y + int(STEP_Y[way])) * TILE + TILE // 2)


def _deal(bot: Bot, state: State, row: int, trader: int) -> Action:
    rows = state.rows
    if not _within(state, row, trader, REACH):
        return _towards(state, row, *rows[[X, Y], trader].tolist())
    target = int(state.ids[trader])
    best = max(
        range(GOODS), key=lambda one: bid(one, int(rows[GOODS_0 + one, trader])) if rows[GOODS_0 + one, row] else 0
    )
    if rows[GOODS_0 + best, row] and 0 < bid(best, int(rows[GOODS_0 + best, trader])) <= rows[COINS, trader]:
        return Sell(target, best, 1, 1)
    wanted = bot.random.choice([item for item in range(GOODS) if WORTH[item]])
    price = ask(wanted, int(rows[GOODS_0 + wanted, trader]))
    if 0 < price <= rows[COINS, row]:
        return Buy(target, wanted, 1, price)
    bot.life = bot.random.choice(LIVES)
    return Move(bot.random.randint(-127, 127), bot.random.randint(-127, 127))


def _gather(bot: Bot, state: State, row: int) -> Action:
    """From what is nearest, else on in one direction."""
    x, y = int(state.rows[X, row]) >> 16, int(state.rows[Y, row]) >> 16
    left, top = x - state.window[0], y - state.window[1]
    y0, x0 = max(0, top - 5), max(0, left - 5)
    part = np.s_[y0 : top + 6, x0 : left + 6]
    work = _GATHERED[state.feature[part]] & (state.stock[part] > 0)
    ys, xs = np.nonzero(work)
    bot.spent += 1
    if len(xs) and bot.spent % 40:
        at = int(np.argmin((xs + x0 - left) ** 2 + (ys + y0 - top) ** 2))
        tx, ty = int(xs[at]) + x0 + state.window[0], int(ys[at]) + y0 + state.window[1]
        dx, dy = tx * TILE + TILE // 2 - int(state.rows[X, row]), ty * TILE + TILE // 2 - int(state.rows[Y, row])
        if dx * dx + dy * dy < (REACH - TILE // 8) ** 2 and state.has_tile(tx, ty):
            return Gather(tx, ty)
        if bot.random.random() < 0.8:
            return _towards(state, row, tx * TILE + TILE // 2, ty * TILE + TILE // 2)
    if bot.random.random() < 0.15:
        bot.heading = bot.random.randint(-127, 127), bot.random.randint(-127, 127)
    return Move(*bot.heading)

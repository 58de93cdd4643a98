"""Traders: what they sell and buy, at prices that follow from their stock (`world.prices`); and the market's money.

A player's deal with a trader is one action: goods and coins change hands in the same tick. Villagers at a market sell
their grain and buy food of the trader there. The guild lends a trader without coins a few (minted); who has many pays
dues (burned): so the money of a world stays within bounds.
"""

from typing import Final

import numpy as np
from numba import njit

from world.actions import AskPrices, Buy, Sell
from world.economy import receiver
from world.events import Event, Kind, Refusal
from world.faucets import Flow, flow
from world.habits import AT_HOME, AT_MARKET, AT_WORK
from world.items import BERRY, BREAD, GRAIN, HIDE, ITEMS, MEAT, STONE, WOOD
from world.kinds import PLAYER
from world.prices import COUNT_MAX, WORTH, ask, bid, cost, proceeds
from world.species import ROUTINE_OF, TRADE, WORK
from world.state import COINS, GOODS_0, KIND, MODE, Counter, Int32s, Int64s, State, X, Y
from world.things import COIN_THING
from world.turn import Turn
from world.units import COINS_MAX, GOODS_MAX, TILE

DEAL_TICKS: Final = 40  # a trader serves the villagers about it once in so many ticks
STALL_DISTANCE: Final = 4 * TILE
SERVED_MAX: Final = 8  # villagers at once
CREDIT_BELOW: Final = 40
CREDIT_EVERY: Final = 10  # deals: the guild lends a coin each so many
DUES_ABOVE_VILLAGER: Final = 60
DUES_ABOVE_TRADER: Final = 800
DUES_SHARE: Final = 4
KEPT_GRAIN: Final = 2
BOUGHT: Final = (BREAD, MEAT, BERRY, WOOD, STONE, HIDE)
"""What villagers buy: of these, what is cheapest for its worth."""


def buy(turn: Turn, row: int, action: Buy) -> Refusal:
    """A player buys of a trader."""
    refusal, trader = _trader(turn, row, action.target, action.item, action.count)
    if refusal:
        return refusal
    rows, column = turn.state.rows, GOODS_0 + action.item
    if rows[column, trader] < action.count:
        return Refusal.NOTHING_THERE
    coins = cost(action.item, int(rows[column, trader]), action.count)
    if coins > action.coins_max:
        return Refusal.PRICE_MOVED
    if rows[COINS, row] < coins:
        return Refusal.NOT_ENOUGH
    if int(rows[column, row]) + action.count > GOODS_MAX or int(rows[COINS, trader]) + coins > COINS_MAX:
        return Refusal.NO_ROOM
    _exchange(turn.state, trader, row, action.item, action.count, coins)
    entity = int(turn.state.ids[row])
    turn.events.append(Event(Kind.BOUGHT, entity, action.target, action.item, action.count, str(coins)))
    return Refusal.DONE


def sell(turn: Turn, row: int, action: Sell) -> Refusal:
    """A player sells to a trader."""
    refusal, trader = _trader(turn, row, action.target, action.item, action.count)
    if refusal:
        return refusal
    rows, column = turn.state.rows, GOODS_0 + action.item
    if rows[column, row] < action.count:
        return Refusal.NOT_ENOUGH
    coins = proceeds(action.item, int(rows[column, trader]), action.count)
    if coins < max(1, action.coins_min):
        return Refusal.PRICE_MOVED if coins else Refusal.NOT_WANTED
    if rows[COINS, trader] < coins or int(rows[column, trader]) + action.count > GOODS_MAX:
        return Refusal.NOT_WANTED
    if int(rows[COINS, row]) + coins > COINS_MAX:
        return Refusal.NO_ROOM
    _exchange(turn.state, row, trader, action.item, action.count, coins)
    entity = int(turn.state.ids[row])
    turn.events.append(Event(Kind.SOLD, entity, action.target, action.item, action.count, str(coins)))
    return Refusal.DONE


def quote(turn: Turn, row: int, action: AskPrices) -> Refusal:
    """A trader says what it has, from which the prices follow."""
    refusal, trader = _trader(turn, row, action.target, 0, 1)
    if refusal:
        return refusal
    rows = turn.state.rows
    stock = " ".join(str(int(rows[GOODS_0 + item, trader])) for item in range(len(ITEMS)))
    asker = int(turn.state.ids[row])
    turn.events.append(Event(Kind.QUOTED, action.target, asker, int(rows[COINS, trader]), text=stock))
    return Refusal.DONE


def _trader(turn: Turn, row: int, target: int, item: int, count: int) -> tuple[Refusal, int]:
    """The row of a trader within reach who may deal in an item, or why not."""
    if not (0 <= item < len(ITEMS) and 0 < count <= COUNT_MAX):
        return Refusal.NOT_AN_ACTION, -1
    state = turn.state
    kinds = tuple(int(kind) for kind in np.flatnonzero(state.species[ROUTINE_OF] == TRADE))
    refusal, trader = receiver(turn, row, target, kinds)
    if refusal == Refusal.NO_SUCH_TARGET and target in state.index:
        return Refusal.NO_TRADER, -1
    if not refusal and not WORTH[item]:
        return Refusal.NOT_WANTED, -1
    return refusal, trader


def _exchange(state: State, giver: int, taker: int, item: int, count: int, coins: int) -> None:
    rows, column = state.rows, GOODS_0 + item
    rows[column, giver] -= count
    rows[column, taker] += count
    rows[COINS, giver] += coins
    rows[COINS, taker] -= coins


def hold(turn: Turn) -> None:
    """One tick of all markets: each trader whose turn it is serves the villagers about it; credit and dues."""
    state = turn.state
    rows, tick = state.rows, int(state.counters[Counter.TICK])
    for trader, *villagers in _deals(rows, state.ids, state.used, tick, state.species).tolist():
        for villager in villagers:
            if villager >= 0:
                _serve(state, trader, villager)
                _dues(state, villager, DUES_ABOVE_VILLAGER)
        _dues(state, trader, DUES_ABOVE_TRADER)
        if rows[COINS, trader] < CREDIT_BELOW and (int(state.ids[trader]) + tick) // DEAL_TICKS % CREDIT_EVERY == 0:
            rows[COINS, trader] += 1
            state.counters[Counter.COINS_MINTED] += 1
            flow(state, Flow.GUILD_CREDIT, COIN_THING, 1)


@njit(cache=True)
def _deals(rows: Int32s, ids: Int64s, used: int, tick: int, species: Int64s) -> Int64s:
    """int64[n, 1 + SERVED_MAX]: each trader whose turn it is, and the first villagers at market about it (-1: none)."""
    due = np.empty(used, np.int64)
    found = 0
    for i in range(used):
        kind = rows[KIND, i]
        if kind > PLAYER and species[ROUTINE_OF, kind] == TRADE and (ids[i] + tick) % DEAL_TICKS == 0:
            due[found] = i
            found += 1
    deals = np.full((found, 1 + SERVED_MAX), -1, np.int64)
    for k in range(found):
        trader = due[k]
        deals[k, 0] = trader
        if rows[MODE, trader] != AT_HOME and rows[MODE, trader] != AT_WORK:
            continue
        served = 0
        for i in range(used):
            kind = rows[KIND, i]
            if rows[MODE, i] != AT_MARKET or kind <= PLAYER or species[ROUTINE_OF, kind] != WORK:
                continue
            across = abs(rows[X, i] - rows[X, trader])
            down = abs(rows[Y, i] - rows[Y, trader])
            if across < STALL_DISTANCE and down < STALL_DISTANCE:
                served += 1
                deals[k, served] = i
                if served == SERVED_MAX:
                    break
    return deals


def _serve(state: State, trader: int, villager: int) -> None:
    """A villager sells a grain it can spare, and buys something if it is well off."""
    rows = state.rows
    grain = int(rows[GOODS_0 + GRAIN, trader])
    coins = bid(GRAIN, grain)
    if rows[GOODS_0 + GRAIN, villager] > KEPT_GRAIN and 0 < coins <= rows[COINS, trader] and grain < GOODS_MAX:
        _exchange(state, villager, trader, GRAIN, 1, coins)
        return
    best, best_share = -1, 0
    for item in BOUGHT:
        asked = ask(item, int(rows[GOODS_0 + item, trader]))
        share = 100 * WORTH[item] // asked if asked else 0
        if share > best_share and 2 * asked <= rows[COINS, villager] and rows[GOODS_0 + item, villager] < GOODS_MAX:
            best, best_share = item, share
    if best >= 0:
        _exchange(state, trader, villager, best, 1, ask(best, int(rows[GOODS_0 + best, trader])))


def _dues(state: State, row: int, above: int) -> None:
    """Who has more coins than this pays a share of the rest."""
    due = (int(state.rows[COINS, row]) - above) // DUES_SHARE
    if due > 0:
        state.rows[COINS, row] -= due
        state.counters[Counter.COINS_BURNED] += due
        flow(state, Flow.MARKET_DUES, COIN_THING, due)

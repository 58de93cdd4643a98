"""Gathering, giving, dropping and picking up; where coins come from, and rare finds.

Coins come from stones (minted) and go with building and with rotten piles (burned). Finds are assets: they are minted
to a player who gathers, while the region's share of the hour's budget lasts.
"""

import numpy as np
from numba import njit

from world import equipment, piles
from world.actions import Drop, Gather, Give, GiveAsset, GiveCoins, PickUp
from world.borders import add_asset
from world.combat import within
from world.draws import COIN, RARE, TRAITS
from world.events import Event, Kind, Refusal
from world.faucets import Flow, flow
from world.items import (
    COIN_ODDS,
    COINS_PER_HEAD,
    DROP_TICKS,
    FIND,
    FIND_ODDS,
    GATHER_TICKS,
    ITEMS,
    REGROW_TICKS,
    STOCK_MAX,
    STONE,
    YIELD,
    rarity,
)
from world.kinds import CRATE, PILE, PLAYER, VILLAGER
from world.species import COINS_OF
from world.state import ASSET_HOLDER, ASSET_ID, COINS, COOLDOWN, GOODS, GOODS_0, KIND, Bytes2, Counter, State, X, Y
from world.things import ASSET_THING, COIN_THING
from world.turn import Turn
from world.units import ASSETS_PER_BODY, ASSETS_PER_REGION, COINS_MAX, GOODS_MAX, HOUR_TICKS, REACH, TILE


def tile_refusal(state: State, row: int, x: int, y: int) -> Refusal:
    """Whether a body may work on a tile: it lies in the world, within reach and in this region's land."""
    if not (0 <= x < state.world_size[0] and 0 <= y < state.world_size[1]):
        return Refusal.WRONG_PLACE
    dx = x * TILE + TILE // 2 - int(state.rows[X, row])
    dy = y * TILE + TILE // 2 - int(state.rows[Y, row])
    if dx * dx + dy * dy > REACH**2:
        return Refusal.OUT_OF_REACH
    return Refusal.DONE if state.has_tile(x, y) else Refusal.ACROSS_BORDER


def gather(turn: Turn, row: int, action: Gather) -> Refusal:
    """Take one piece from a tree, bush, rock or field."""
    state, rows = turn.state, turn.state.rows
    if rows[COOLDOWN, row]:
        return Refusal.TOO_SOON
    refusal = tile_refusal(state, row, action.x, action.y)
    if refusal:
        return refusal
    tx, ty = action.x - state.window[0], action.y - state.window[1]
    item = YIELD.get(int(state.feature[ty, tx]))
    if item is None or not state.stock[ty, tx]:
        return Refusal.NOTHING_THERE
    if rows[GOODS_0 + item, row] >= GOODS_MAX:
        return Refusal.NO_ROOM
    entity = int(state.ids[row])
    state.stock[ty, tx] -= 1
    rows[GOODS_0 + item, row] += 1
    flow(state, Flow.GATHERED, item, 1)
    rows[COOLDOWN, row] = GATHER_TICKS
    turn.events.append(Event(Kind.GATHERED, entity, item, 1, int(state.stock[ty, tx])))
    coin_found = item == STONE and rows[COINS, row] < COINS_MAX and turn.below(entity, COIN, COIN_ODDS) == 0
    if coin_found and not _plenty(state):
        rows[COINS, row] += 1
        state.counters[Counter.COINS_MINTED] += 1
        flow(state, Flow.COIN_IN_STONE, COIN_THING, 1)
    if state.counters[Counter.FINDS_LEFT] > 0 and turn.below(entity, RARE, FIND_ODDS) == 0:
        _find(turn, entity)
    return Refusal.DONE


def _plenty(state: State) -> bool:
    """Whether there are coins enough for those who use them: players, and the species that have a purse."""
    kinds, coins = state.rows[KIND, : state.used], state.rows[COINS, : state.used]
    heads = int(np.count_nonzero((kinds == PLAYER) | (state.species[COINS_OF, kinds] > 0)))
    return int(coins.sum(dtype=np.int64)) > COINS_PER_HEAD * heads


def _find(turn: Turn, entity: int) -> None:
    state = turn.state
    if state.assets_used >= ASSETS_PER_REGION or assets_of(state, entity) >= ASSETS_PER_BODY:
        return
    asset, traits = state.new_id(), turn.bits(entity, TRAITS)
    add_asset(state, asset, entity, FIND, traits)
    state.counters[Counter.FINDS_LEFT] -= 1
    state.counters[Counter.ASSETS_MINTED] += 1
    flow(state, Flow.FOUND, ASSET_THING, 1)
    turn.events.append(Event(Kind.MINTED, asset, entity, FIND, rarity(traits)))


def assets_of(state: State, entity: int) -> int:
    """How many assets a body holds."""
    return int(np.count_nonzero(state.assets[ASSET_HOLDER, : state.assets_used] == entity))


def refill_finds(state: State) -> None:
    """One tick of the hour; at its end the budget of finds is full again."""
    counters = state.counters
    counters[Counter.FINDS_TICKS_LEFT] -= 1
    if counters[Counter.FINDS_TICKS_LEFT] <= 0:
        counters[Counter.FINDS_TICKS_LEFT] = HOUR_TICKS
        counters[Counter.FINDS_LEFT] = counters[Counter.FINDS_BUDGET]


def regrow(state: State) -> None:
    """One row of the window regains a piece of stock on each of its features; each row's turn comes in REGROW_TICKS."""
    first = int(state.counters[Counter.TICK]) % REGROW_TICKS
    if first < state.stock.shape[0]:
        _regrow(state.stock, state.feature, first)


@njit(cache=True)
def _regrow(stock: Bytes2, feature: Bytes2, first: int) -> None:
    for y in range(first, stock.shape[0], REGROW_TICKS):
        for x in range(stock.shape[1]):
            stock[y, x] += stock[y, x] < STOCK_MAX[feature[y, x]]


def receiver(turn: Turn, row: int, target: int, kinds: tuple[int, ...]) -> tuple[Refusal, int]:
    """The row of a body of these kinds to hand something to, or why not."""
    state = turn.state
    other = state.row(target)
    if other < 0:
        return (Refusal.ACROSS_BORDER if target in turn.ghosts.index else Refusal.NO_SUCH_TARGET), -1
    if other == row or state.rows[KIND, other] not in kinds:
        return Refusal.NO_SUCH_TARGET, -1
    if not within(state, row, int(state.rows[X, other]), int(state.rows[Y, other]), REACH):
        return Refusal.OUT_OF_REACH, -1
    return Refusal.DONE, other


def give(turn: Turn, row: int, action: Give) -> Refusal:
    """Hand goods to a player or villager, or put them into a crate."""
    rows = turn.state.rows
    if not (0 <= action.item < len(ITEMS) and 0 < action.count <= GOODS_MAX):
        return Refusal.NOT_AN_ACTION
    refusal, other = receiver(turn, row, action.target, (PLAYER, VILLAGER, CRATE))
    if refusal:
        return refusal
    column = GOODS_0 + action.item
    if rows[column, row] < action.count:
        return Refusal.NOT_ENOUGH
    if int(rows[column, other]) + action.count > GOODS_MAX:
        return Refusal.NO_ROOM
    rows[column, row] -= action.count
    rows[column, other] += action.count
    turn.events.append(Event(Kind.GAVE, int(turn.state.ids[row]), action.target, action.item, action.count))
    return Refusal.DONE


def give_coins(turn: Turn, row: int, action: GiveCoins) -> Refusal:
    """Hand coins to a player or villager."""
    rows = turn.state.rows
    if not 0 < action.coins <= COINS_MAX:
        return Refusal.NOT_AN_ACTION
    refusal, other = receiver(turn, row, action.target, (PLAYER, VILLAGER))
    if refusal:
        return refusal
    if rows[COINS, row] < action.coins:
        return Refusal.NOT_ENOUGH
    if int(rows[COINS, other]) + action.coins > COINS_MAX:
        return Refusal.NO_ROOM
    rows[COINS, row] -= action.coins
    rows[COINS, other] += action.coins
    turn.events.append(Event(Kind.GAVE, int(turn.state.ids[row]), action.target, -1, action.coins))
    return Refusal.DONE


def give_asset(turn: Turn, row: int, action: GiveAsset) -> Refusal:
    """Hand an asset one holds to a player."""
    state = turn.state
    entity = int(state.ids[row])
    refusal, _ = receiver(turn, row, action.target, (PLAYER,))
    if refusal:
        return refusal
    lines = np.flatnonzero(state.assets[ASSET_ID, : state.assets_used] == action.asset)
    if not len(lines) or state.assets[ASSET_HOLDER, lines[0]] != entity:
        return Refusal.NOT_YOURS
    if assets_of(state, action.target) >= ASSETS_PER_BODY:
        return Refusal.NO_ROOM
    state.assets[ASSET_HOLDER, lines[0]] = action.target
    equipment.taken_off(state, row, action.asset)
    turn.events.append(Event(Kind.GAVE, entity, action.target, -2, action.asset))
    return Refusal.DONE


def drop(turn: Turn, row: int, action: Drop) -> Refusal:
    """Lay goods on the ground."""
    state, rows = turn.state, turn.state.rows
    if not (0 <= action.item < len(ITEMS) and 0 < action.count <= GOODS_MAX):
        return Refusal.NOT_AN_ACTION
    if rows[COOLDOWN, row]:
        return Refusal.TOO_SOON
    if rows[GOODS_0 + action.item, row] < action.count:
        return Refusal.NOT_ENOUGH
    goods = [action.count if item == action.item else 0 for item in range(GOODS)]
    pile = piles.lay(state, int(rows[X, row]), int(rows[Y, row]), goods, 0)
    if not pile:
        return Refusal.NO_ROOM
    rows[GOODS_0 + action.item, row] -= action.count
    rows[COOLDOWN, row] = DROP_TICKS
    turn.events.append(Event(Kind.DROPPED, int(state.ids[row]), pile, action.item, action.count))
    return Refusal.DONE


def pick_up(turn: Turn, row: int, action: PickUp) -> Refusal:
    """Take a whole pile."""
    state, rows = turn.state, turn.state.rows
    refusal, pile = receiver(turn, row, action.target, (PILE,))
    if refusal:
        return refusal
    purse = slice(GOODS_0, GOODS_0 + GOODS)
    goods, coins = rows[purse, row] + rows[purse, pile], int(rows[COINS, row]) + int(rows[COINS, pile])
    if goods.max() > GOODS_MAX or coins > COINS_MAX:
        return Refusal.NO_ROOM
    rows[purse, row], rows[COINS, row] = goods, coins
    state.free_row(action.target)
    turn.events.append(Event(Kind.PICKED_UP, int(state.ids[row]), action.target))
    return Refusal.DONE

"""Trade between two players: an offer, and its acceptance, which changes both sides in one tick and one record.

Both holders have signed: the maker the offer with all it gives and wants, the other the offer's id (law: Title).
Nothing is set aside meanwhile; whether both still have what the offer says is seen when it is accepted, and then all of
it changes hands or nothing does. Not here: traders, who need no offer (`world.markets`).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from world.actions import Accept, Offer, Retract
from world.economy import assets_of, receiver
from world.equipment import taken_off
from world.events import Event, Kind, Refusal
from world.items import ITEMS
from world.kinds import PLAYER
from world.state import (
    ASSET_HOLDER,
    ASSET_ID,
    COINS,
    DOWN_TICKS,
    GIVES_ASSET,
    GIVES_COINS,
    GIVES_COUNT,
    GIVES_ITEM,
    GOODS_0,
    OFFER_COLUMNS,
    OFFER_FROM,
    OFFER_ID,
    OFFER_TICKS_LEFT,
    OFFER_TO,
    WANTS_ASSET,
    WANTS_COINS,
    WANTS_COUNT,
    WANTS_ITEM,
    State,
)
from world.turn import Turn
from world.units import ASSETS_PER_BODY, COINS_MAX, GOODS_MAX, OFFER_TICKS, OFFERS_MAX

WITHDRAWN: Final = 0
TURNED_DOWN: Final = 1
EXPIRED: Final = 2


@dataclass(frozen=True)
class Side:
    """What one side gives: coins, `count` of the good `item` (-1: none), and an asset (0: none)."""

    coins: int
    item: int
    count: int
    asset: int


def offer(turn: Turn, row: int, action: Offer) -> Refusal:
    """Make an offer; the one this player made before is over."""
    state = turn.state
    gives = action.gives_coins, action.gives_item, action.gives_count, action.gives_asset
    wants = action.wants_coins, action.wants_item, action.wants_count, action.wants_asset
    for coins, item, count, asset in (gives, wants):
        goods_fit = 0 <= item <= len(ITEMS) and 0 <= count <= GOODS_MAX and (item > 0) == (count > 0)
        if not (goods_fit and 0 <= coins <= COINS_MAX and 0 <= asset < 1 << 63):
            return Refusal.NOT_AN_ACTION
    if not any(gives) and not any(wants):
        return Refusal.NOT_AN_ACTION
    refusal, _ = receiver(turn, row, action.target, (PLAYER,))
    if refusal:
        return refusal
    entity = int(state.ids[row])
    refusal = _lacks(state, entity, Side(gives[0], gives[1] - 1, gives[2], gives[3]))
    if refusal:
        return refusal
    mine = state.offers[:, OFFER_FROM] == entity
    if len(state.offers) >= OFFERS_MAX and not mine.any():
        return Refusal.TOO_MANY
    _end(turn, np.flatnonzero(mine), WITHDRAWN)
    number = state.new_id()
    line = np.array([[number, entity, action.target, OFFER_TICKS, *gives, *wants]], np.int64)
    state.offers = np.concatenate([state.offers, line])
    words = " ".join(str(value) for value in (*gives, *wants))
    turn.events.append(Event(Kind.OFFERED, number, entity, action.target, text=words))
    return Refusal.DONE


def accept(turn: Turn, row: int, action: Accept) -> Refusal:
    """Accept an offer: both sides at once, or neither."""
    state = turn.state
    entity = int(state.ids[row])
    lines = np.flatnonzero((state.offers[:, OFFER_ID] == action.offer) & (state.offers[:, OFFER_TO] == entity))
    if not len(lines):
        return Refusal.NO_SUCH_OFFER
    line = [int(value) for value in state.offers[lines[0]]]
    maker = line[OFFER_FROM]
    refusal, other = receiver(turn, row, maker, (PLAYER,))
    if refusal:
        return refusal
    if state.rows[DOWN_TICKS, other]:
        return Refusal.TARGET_DOWN
    theirs = Side(line[GIVES_COINS], line[GIVES_ITEM] - 1, line[GIVES_COUNT], line[GIVES_ASSET])
    ours = Side(line[WANTS_COINS], line[WANTS_ITEM] - 1, line[WANTS_COUNT], line[WANTS_ASSET])
    refusal = _lacks(state, maker, theirs) or _lacks(state, entity, ours)
    refusal = refusal or _no_room(state, maker, ours, theirs) or _no_room(state, entity, theirs, ours)
    if refusal:
        return refusal
    _hand_over(state, maker, entity, theirs)
    _hand_over(state, entity, maker, ours)
    state.offers = np.delete(state.offers, lines, axis=0).reshape(-1, OFFER_COLUMNS)
    turn.events.append(Event(Kind.TRADED, action.offer, maker, entity))
    return Refusal.DONE


def retract(turn: Turn, row: int, action: Retract) -> Refusal:
    """Take back one's own offer, or turn down another's."""
    state = turn.state
    entity = int(state.ids[row])
    own = state.offers[:, OFFER_FROM] == entity
    lines = np.flatnonzero((state.offers[:, OFFER_ID] == action.offer) & (own | (state.offers[:, OFFER_TO] == entity)))
    if not len(lines):
        return Refusal.NO_SUCH_OFFER
    _end(turn, lines, WITHDRAWN if own[lines[0]] else TURNED_DOWN)
    return Refusal.DONE


def expire(turn: Turn) -> None:
    """One tick of all offers: those whose time is over end, and those of whom one side is not here any more."""
    state = turn.state
    if not len(state.offers):
        return
    state.offers[:, OFFER_TICKS_LEFT] -= 1
    gone = [not (int(one[OFFER_FROM]) in state.index and int(one[OFFER_TO]) in state.index) for one in state.offers]
    _end(turn, np.flatnonzero((state.offers[:, OFFER_TICKS_LEFT] <= 0) | np.array(gone)), EXPIRED)


def _end(turn: Turn, lines: "np.typing.NDArray[np.int64]", why: int) -> None:
    for line in lines.tolist():
        number, maker, to = (int(turn.state.offers[line, at]) for at in (OFFER_ID, OFFER_FROM, OFFER_TO))
        turn.events.append(Event(Kind.OFFER_ENDED, number, maker, to, why))
    if len(lines):
        turn.state.offers = np.delete(turn.state.offers, lines, axis=0).reshape(-1, OFFER_COLUMNS)


def _lacks(state: State, entity: int, side: Side) -> Refusal:
    """Why a player cannot give this."""
    row = state.index[entity]
    if state.rows[COINS, row] < side.coins or (side.item >= 0 and state.rows[GOODS_0 + side.item, row] < side.count):
        return Refusal.NOT_ENOUGH
    if side.asset:
        held = state.assets[:, : state.assets_used]
        if not ((held[ASSET_ID] == side.asset) & (held[ASSET_HOLDER] == entity)).any():
            return Refusal.NOT_YOURS
    return Refusal.DONE


def _no_room(state: State, entity: int, takes: Side, gives: Side) -> Refusal:
    """Why a player who gives that cannot take this."""
    row = state.index[entity]
    if int(state.rows[COINS, row]) - gives.coins + takes.coins > COINS_MAX:
        return Refusal.NO_ROOM
    if takes.item >= 0:
        leaves = gives.count if gives.item == takes.item else 0
        if int(state.rows[GOODS_0 + takes.item, row]) - leaves + takes.count > GOODS_MAX:
            return Refusal.NO_ROOM
    if takes.asset and assets_of(state, entity) - (gives.asset > 0) + 1 > ASSETS_PER_BODY:
        return Refusal.NO_ROOM
    return Refusal.DONE


def _hand_over(state: State, giver: int, taker: int, side: Side) -> None:
    rows, one, two = state.rows, state.index[giver], state.index[taker]
    rows[COINS, one] -= side.coins
    rows[COINS, two] += side.coins
    if side.item >= 0:
        rows[GOODS_0 + side.item, one] -= side.count
        rows[GOODS_0 + side.item, two] += side.count
    if side.asset:
        held = state.assets[:, : state.assets_used]
        held[ASSET_HOLDER, held[ASSET_ID] == side.asset] = taker
        taken_off(state, one, side.asset)

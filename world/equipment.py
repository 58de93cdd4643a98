"""What is in use: a weapon in hand, armour worn, a skin. What is in use is not in the purse, and wears out.

A piece in use breaks by a draw, one time in so many uses, so that no column counts its wear and putting it away does
not mend it. A skin is an asset its holder wears; it never breaks, and comes off when it is given away.
"""

from typing import Final, NamedTuple

import numpy as np

from world.actions import Equip, Wear
from world.draws import ARMOUR_WEAR, WEAPON_WEAR
from world.events import Event, Kind, Refusal
from world.faucets import Flow, flow
from world.items import BOW, COAT, SKIN, SWORD
from world.state import (
    ARMOUR,
    ASSET_HOLDER,
    ASSET_ID,
    ASSET_KIND,
    COOLDOWN,
    GOODS_0,
    SKIN_0,
    SKIN_1,
    WEAPON,
    Int32s,
    State,
)
from world.turn import Turn
from world.units import GOODS_MAX

EQUIP_TICKS: Final = 6


class Weapon(NamedTuple):
    """`damage` and `knock` (in percent) that it adds to a blow; it breaks one time in `lasts` blows or shots."""

    damage: int
    knock: int
    lasts: int


class Armour(NamedTuple):
    """What it takes off a blow, in percent; it breaks one time in `lasts` blows taken."""

    turns: int
    lasts: int


WEAPONS: Final = {BOW: Weapon(0, 0, 120), SWORD: Weapon(12, 40, 150)}
ARMOURS: Final = {COAT: Armour(35, 80)}


def equip(turn: Turn, row: int, action: Equip) -> Refusal:
    """Take a weapon or armour into use, or put away what is in use already."""
    rows = turn.state.rows
    if action.item not in WEAPONS and action.item not in ARMOURS:
        return Refusal.NOT_AN_ACTION
    if rows[COOLDOWN, row]:
        return Refusal.TOO_SOON
    column = WEAPON if action.item in WEAPONS else ARMOUR
    before = int(rows[column, row]) - 1
    after = -1 if before == action.item else action.item
    if after >= 0 and rows[GOODS_0 + after, row] < 1:
        return Refusal.NOT_ENOUGH
    if before >= 0 and rows[GOODS_0 + before, row] >= GOODS_MAX:
        return Refusal.NO_ROOM
    if before >= 0:
        rows[GOODS_0 + before, row] += 1
    if after >= 0:
        rows[GOODS_0 + after, row] -= 1
    rows[column, row] = after + 1
    rows[COOLDOWN, row] = EQUIP_TICKS
    _tell(turn, row)
    return Refusal.DONE


def wear(turn: Turn, row: int, action: Wear) -> Refusal:
    """Put a skin on, or off."""
    state = turn.state
    if action.asset:
        lines = np.flatnonzero(state.assets[ASSET_ID, : state.assets_used] == action.asset)
        if not len(lines) or state.assets[ASSET_HOLDER, lines[0]] != state.ids[row]:
            return Refusal.NOT_YOURS
        if state.assets[ASSET_KIND, lines[0]] != SKIN:
            return Refusal.NOT_AN_ACTION
    elif not skin_worn(state, row):
        return Refusal.NOTHING_THERE
    _put_on(state, row, action.asset)
    _tell(turn, row)
    return Refusal.DONE


def skin_worn(state: State, row: int) -> int:
    """The id of the skin a body wears, 0: none."""
    return worn_by(state.rows[:, row])[2]


def worn_by(columns: Int32s) -> tuple[int, int, int]:
    """1 + the weapon in hand, 1 + the armour worn, the id of the skin worn, of a body's columns; each 0: none."""
    skin = (int(columns[SKIN_1]) << 32) | (int(columns[SKIN_0]) & 0xFFFFFFFF)
    return int(columns[WEAPON]), int(columns[ARMOUR]), skin


def taken_off(state: State, row: int, asset: int) -> None:
    """An asset is given away: whoever wears it does so no longer."""
    if skin_worn(state, row) == asset:
        _put_on(state, row, 0)


def _put_on(state: State, row: int, asset: int) -> None:
    low = asset & 0xFFFFFFFF
    state.rows[SKIN_0, row] = low - (1 << 32) if low >> 31 else low
    state.rows[SKIN_1, row] = asset >> 32


def in_hand(state: State, row: int) -> Weapon:
    """The weapon of a body; bare hands add nothing and last."""
    return WEAPONS.get(int(state.rows[WEAPON, row]) - 1, Weapon(0, 0, 0))


def turned_off(state: State, row: int, damage: int) -> int:
    """What is left of a blow for the body under its armour: at least 1 of any blow."""
    armour = ARMOURS.get(int(state.rows[ARMOUR, row]) - 1)
    return damage if armour is None else min(damage, max(1, damage - damage * armour.turns // 100))


def used(turn: Turn, row: int, column: int) -> None:
    """A weapon (WEAPON) struck or shot, or armour (ARMOUR) took a blow: it may break."""
    state = turn.state
    item = int(state.rows[column, row]) - 1
    if item < 0:
        return
    lasts = WEAPONS[item].lasts if column == WEAPON else ARMOURS[item].lasts
    entity = int(state.ids[row])
    if turn.below(entity, WEAPON_WEAR if column == WEAPON else ARMOUR_WEAR, lasts) == 0:
        state.rows[column, row] = 0
        flow(state, Flow.WORN_OUT, item, 1)
        turn.events.append(Event(Kind.WORE_OUT, entity, item))
        _tell(turn, row)


def _tell(turn: Turn, row: int) -> None:
    state = turn.state
    weapon, armour = int(state.rows[WEAPON, row]), int(state.rows[ARMOUR, row])
    turn.events.append(Event(Kind.EQUIPPED, int(state.ids[row]), weapon, armour, skin_worn(state, row)))

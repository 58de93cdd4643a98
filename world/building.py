"""Building, digging and doors: the map changes, for ever, and the neighbours who see the tile are told."""

from typing import Final

import numpy as np

from world import doors
from world.actions import Build, Dig, UseDoor
from world.collision import GHOST_KIND, GHOST_X, GHOST_Y
from world.economy import tile_refusal
from world.events import Event, Kind, Refusal
from world.faucets import Flow, flow
from world.items import BUILD_COINS, BUILD_COST, BUILD_ITEM, BUILD_ON, BUILD_TICKS, DIG_GIVES, STONE
from world.mail import tile_mail
from world.species import RADIUS_OF
from world.state import COINS, COOLDOWN, GOODS_0, KIND, Counter, State, X, Y
from world.things import COIN_THING
from world.tilemap import DOOR, DOORWAY, GROUND, NONE, ROCK, WALL
from world.turn import Turn
from world.units import GOODS_MAX, TILE

MADE_OF: Final = {**BUILD_ITEM, DOORWAY: BUILD_ITEM[DOOR]}
"""What is dug away for a piece of what it was made of."""


def build(turn: Turn, row: int, action: Build) -> Refusal:
    """Make a tile a wall, a floor or a door; a door is shut, and its builder's."""
    state, rows = turn.state, turn.state.rows
    if action.terrain not in BUILD_ITEM:
        return Refusal.NOT_AN_ACTION
    refusal = _work_refusal(state, row, action.x, action.y)
    if refusal:
        return refusal
    tx, ty = action.x - state.window[0], action.y - state.window[1]
    if state.feature[ty, tx] != NONE or int(state.terrain[ty, tx]) not in BUILD_ON[action.terrain]:
        return Refusal.WRONG_PLACE
    column = GOODS_0 + BUILD_ITEM[action.terrain]
    if rows[column, row] < BUILD_COST:
        return Refusal.NOT_ENOUGH
    if action.terrain in (WALL, DOOR) and _occupied(turn, action.x, action.y):
        return Refusal.NO_ROOM
    if action.terrain == DOOR and not doors.owned(state, action.x, action.y, int(state.ids[row])):
        return Refusal.TOO_MANY
    rows[column, row] -= BUILD_COST
    flow(state, Flow.BUILT_IN, BUILD_ITEM[action.terrain], BUILD_COST)
    fee = min(BUILD_COINS, int(rows[COINS, row]))
    rows[COINS, row] -= fee
    state.counters[Counter.COINS_BURNED] += fee
    flow(state, Flow.BUILDERS_FEE, COIN_THING, fee)
    rows[COOLDOWN, row] = BUILD_TICKS
    _change(turn, action.x, action.y, action.terrain, NONE)
    turn.events.append(Event(Kind.BUILT, int(state.ids[row]), action.x, action.y, action.terrain))
    return Refusal.DONE


def dig(turn: Turn, row: int, action: Dig) -> Refusal:
    """Take a wall, floor, door or rock away, which leaves ground and gives a piece of it back."""
    state, rows = turn.state, turn.state.rows
    refusal = _work_refusal(state, row, action.x, action.y)
    if refusal:
        return refusal
    tx, ty = action.x - state.window[0], action.y - state.window[1]
    was, feature = int(state.terrain[ty, tx]), int(state.feature[ty, tx])
    if feature not in (NONE, ROCK) or (feature == NONE and was not in MADE_OF):
        return Refusal.WRONG_PLACE
    if was in (DOOR, DOORWAY) and doors.locked_to(state, action.x, action.y, int(state.ids[row])):
        return Refusal.LOCKED
    item = STONE if feature == ROCK else MADE_OF[was]
    column = GOODS_0 + item
    if int(rows[column, row]) + DIG_GIVES > GOODS_MAX:
        return Refusal.NO_ROOM
    rows[column, row] += DIG_GIVES
    flow(state, Flow.DUG_UP, item, DIG_GIVES)
    doors.forgotten(state, action.x, action.y)
    rows[COOLDOWN, row] = BUILD_TICKS
    _change(turn, action.x, action.y, was if feature == ROCK else GROUND, NONE)
    turn.events.append(Event(Kind.DUG, int(state.ids[row]), action.x, action.y, was))
    return Refusal.DONE


def use_door(turn: Turn, row: int, action: UseDoor) -> Refusal:
    """Shut, open, lock or unlock a door within reach."""
    refusal = tile_refusal(turn.state, row, action.x, action.y)
    return refusal or doors.use(turn, row, action, _occupied(turn, action.x, action.y))


def _work_refusal(state: State, row: int, x: int, y: int) -> Refusal:
    if state.rows[COOLDOWN, row]:
        return Refusal.TOO_SOON
    refusal = tile_refusal(state, row, x, y)
    if refusal:
        return refusal
    width, height = state.world_size
    edge = x in (0, width - 1) or y in (0, height - 1)
    return Refusal.WRONG_PLACE if edge else Refusal.DONE


def _occupied(turn: Turn, x: int, y: int) -> bool:
    """Whether any body, pile or ghost touches a tile."""
    rows, table = turn.state.rows[:, : turn.state.used], turn.ghosts.table
    for kinds, xs, ys in ((rows[KIND], rows[X], rows[Y]), (table[:, GHOST_KIND], table[:, GHOST_X], table[:, GHOST_Y])):
        near = TILE // 2 + turn.state.species[RADIUS_OF, kinds]
        touches = (abs(xs - (x * TILE + TILE // 2)) < near) & (abs(ys - (y * TILE + TILE // 2)) < near)
        if np.any(touches & (kinds != 0)):
            return True
    return False


def _change(turn: Turn, x: int, y: int, terrain: int, feature: int) -> None:
    turn.state.set_tile(x, y, terrain, feature, 0)
    turn.mail.extend(tile_mail(turn.state, x, y))

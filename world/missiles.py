"""Arrows and stones in flight: bodies that push nothing, fly straight, and end at a body, at a wall, or after a while.

Each tick a missile's whole way is swept: first over the tiles (it ends before the first that nobody sees through), then
against every solid body and ghost, as a circle against a segment. The first thing on the way is what it strikes; of two
at one place the one with the lower row, bodies before ghosts. It flies over water. Across a border it goes as any body
does; one that ended beyond the border, or before a closed one, lands when it is on land that is ours.

Not here: what a blow does (`world.combat`), who leaves (`world.borders`).
"""

from math import sqrt
from typing import Final, NamedTuple

import numpy as np
from numba import njit

from world import combat, equipment, piles
from world.actions import Shoot
from world.borders import room_for_births
from world.collision import GHOST_KIND, GHOST_X, GHOST_Y, past_border
from world.draws import SHATTER
from world.events import Event, Kind, Refusal
from world.faucets import Flow, flow
from world.ghosts import GHOST_DOWN, GHOST_NEIGHBOUR
from world.items import ARROW, BOW, STONE
from world.kinds import MISSILE, pushes
from world.mail import Blow, encode_mail
from world.species import HEALTH_MAX, MASS_OF, RADIUS_OF
from world.state import (
    COOLDOWN,
    DOWN_TICKS,
    FACING,
    GOODS,
    GOODS_0,
    HEALTH,
    KIND,
    MODE_TICKS,
    PATH_0,
    PATH_1,
    VX,
    VY,
    WEAPON,
    Bytes2,
    Int32s,
    Int64s,
    State,
    X,
    Y,
)
from world.turn import Turn
from world.units import BORDER_MARGIN, MISSILE_SPEED_MAX, MISSILES_MAX, SPEED_MAX, TILE
from world.vectors import length, shortened

SHOOTER_0: Final = PATH_0  # the id of who shot it, low and high half: a missile walks no path
SHOOTER_1: Final = PATH_1

PARTS: Final = 1024
"""The way of a tick is measured in so many parts."""
FINE: Final = 6  # bits: circles are tested in 1/1024 tile, so that squares of squares stay below 2**53
NOTHING: Final = -(1 << 40)  # struck nothing


class Missile(NamedTuple):
    """What an item does when it flies: Q16 a tick, ticks, damage, Q16 a tick it adds to MASS 70, 1 in `lasts` breaks
    where it ends, ticks before the next."""

    speed: int
    ticks: int
    damage: int
    knock: int
    lasts: int
    cooldown: int


MISSILES: Final = {
    ARROW: Missile(speed=58_000, ticks=16, damage=18, knock=16_000, lasts=2, cooldown=20),
    STONE: Missile(speed=32_000, ticks=13, damage=6, knock=11_000, lasts=4, cooldown=14),
}


def shoot(turn: Turn, row: int, action: Shoot) -> Refusal:
    """An arrow from the bow in hand, or a stone thrown."""
    state, rows = turn.state, turn.state.rows
    if action.dx == 0 and action.dy == 0:
        return Refusal.NOT_AN_ACTION
    if rows[COOLDOWN, row]:
        return Refusal.TOO_SOON
    item = ARROW if rows[WEAPON, row] == 1 + BOW and rows[GOODS_0 + ARROW, row] else STONE
    if rows[GOODS_0 + item, row] < 1:
        return Refusal.NOT_ENOUGH
    if _flying(rows, state.used) >= MISSILES_MAX:
        return Refusal.TOO_MANY
    if room_for_births(state) == 0:
        return Refusal.NO_ROOM
    kind, shooter, missile = MISSILES[item], int(state.ids[row]), state.new_id()
    at = state.take_row(missile)
    size = length(action.dx << 8, action.dy << 8)
    rows[KIND, at], rows[HEALTH, at] = MISSILE, HEALTH_MAX[MISSILE]
    rows[X, at], rows[Y, at] = rows[X, row], rows[Y, row]
    rows[VX, at], rows[VY, at] = (_part(kind.speed * (way << 8), size) for way in (action.dx, action.dy))
    rows[FACING, at], rows[MODE_TICKS, at] = _eighth(action.dx, action.dy), kind.ticks
    low = shooter & 0xFFFFFFFF
    rows[SHOOTER_0, at], rows[SHOOTER_1, at] = (low - (1 << 32) if low >> 31 else low), shooter >> 32
    rows[GOODS_0 + item, row] -= 1
    rows[GOODS_0 + item, at] = 1
    rows[COOLDOWN, row], rows[FACING, row] = kind.cooldown, rows[FACING, at]
    if item == ARROW:
        equipment.used(turn, row, WEAPON)
    turn.events.append(Event(Kind.SHOT, shooter, missile, item))
    return Refusal.DONE


def _part(product: int, size: int) -> int:
    return product // size if product >= 0 else -(-product // size)


def _eighth(dx: int, dy: int) -> int:
    """0..7 clockwise from east."""
    wide, tall = abs(dx), abs(dy)
    if tall * 5 < wide * 2:
        return 0 if dx > 0 else 4
    if wide * 5 < tall * 2:
        return 2 if dy > 0 else 6
    return (1 if dy > 0 else 7) if dx > 0 else (3 if dy > 0 else 5)


def shooter_of(state: State, row: int) -> int:
    """Who shot a missile: an entity id, here or not."""
    return (int(state.rows[SHOOTER_1, row]) << 32) | (int(state.rows[SHOOTER_0, row]) & 0xFFFFFFFF)


@njit(cache=True)
def _clear(opaque: Bytes2, window_x: int, window_y: int, x: int, y: int, dx: int, dy: int) -> int:
    """How many PARTS of the way from (x, y) by (dx, dy) lie before the first opaque tile; one's own tile is clear."""
    height, width = opaque.shape
    tx = x >> 16
    ty = y >> 16
    last_x = (x + dx) >> 16
    last_y = (y + dy) >> 16
    wide = abs(dx)
    tall = abs(dy)
    while tx != last_x or ty != last_y:
        to_x = (((tx + 1) << 16) - x if dx > 0 else x - (tx << 16) + 1) if tx != last_x else 0
        to_y = (((ty + 1) << 16) - y if dy > 0 else y - (ty << 16) + 1) if ty != last_y else 0
        # The border of the tile that is reached first; at a corner that of the column.
        across = ty == last_y or (tx != last_x and to_x * tall <= to_y * wide)
        if across:
            tx += 1 if dx > 0 else -1
            before = (to_x - 1) * PARTS // wide
        else:
            ty += 1 if dy > 0 else -1
            before = (to_y - 1) * PARTS // tall
        at_x = tx - window_x
        at_y = ty - window_y
        if at_x < 0 or at_y < 0 or at_x >= width or at_y >= height or opaque[at_y, at_x] != 0:
            return int(before)
    return PARTS


@njit(cache=True)
def _meets(px: int, py: int, dx: int, dy: int, radius: int) -> int:
    """After how many PARTS of its way (dx, dy) a point meets a circle whose middle lies at (px, py); -1: it does not.

    All in 1/1024 tile; up to four tiles each.
    """
    near = px * px + py * py - radius * radius
    if near <= 0:
        return 0
    square = dx * dx + dy * dy
    along = px * dx + py * dy
    if along <= 0 or square == 0:
        return -1
    under = along * along - square * near
    if under < 0:
        return -1
    parts = (along - int(sqrt(float(under)))) * PARTS // square
    return int(parts) if parts <= PARTS else -1


@njit(cache=True)
def _first_struck(
    rows: Int32s, ids: Int64s, used: int, ghosts: Int64s, ghost_ids: Int64s, radii: Int64s, i: int, parts: int
) -> tuple[int, int]:
    """What a missile strikes within so many PARTS of its way, and after how many; a row, or -1 - n for ghost n."""
    x = int(rows[X, i])
    y = int(rows[Y, i])
    dx = int(rows[VX, i])
    dy = int(rows[VY, i])
    reach = max(abs(dx), abs(dy)) + TILE
    shooter = int(rows[SHOOTER_1, i]) << 32 | int(rows[SHOOTER_0, i]) & 0xFFFFFFFF
    own = radii[rows[KIND, i]]
    struck = NOTHING
    for k in range(used + ghosts.shape[0]):
        if k < used:
            kind = int(rows[KIND, k])
            if not pushes(kind) or ids[k] == shooter or rows[DOWN_TICKS, k] > 0:
                continue
            px = int(rows[X, k]) - x
            py = int(rows[Y, k]) - y
        else:
            kind = int(ghosts[k - used, GHOST_KIND])
            if not pushes(kind) or ghost_ids[k - used] == shooter or ghosts[k - used, GHOST_DOWN] != 0:
                continue
            px = int(ghosts[k - used, GHOST_X]) - x
            py = int(ghosts[k - used, GHOST_Y]) - y
        if abs(px) > reach or abs(py) > reach:
            continue
        after = _meets(px >> FINE, py >> FINE, dx >> FINE, dy >> FINE, (radii[kind] + own) >> FINE)
        if after >= 0 and after <= parts and (struck == NOTHING or after < parts):
            struck = k if k < used else used - 1 - k
            parts = after
    return struck, parts


@njit(cache=True)
def fly(
    rows: Int32s,
    ids: Int64s,
    used: int,
    ghosts: Int64s,
    ghost_ids: Int64s,
    opaque: Bytes2,
    window_x: int,
    window_y: int,
    radii: Int64s,
) -> Int64s:
    """Move every missile by one tick; int64[n, 4] of those that stopped: its row, what it struck, how it flew (x, y).

    What was struck is a row, -1 - n for ghost n, or NOTHING. Who stopped has no velocity and no ticks left.
    """
    stopped = np.empty((16, 4), np.int64)
    found = 0
    for i in range(used):
        if rows[KIND, i] != MISSILE:
            continue
        x = int(rows[X, i])
        y = int(rows[Y, i])
        dx = int(rows[VX, i])
        dy = int(rows[VY, i])
        clear = PARTS
        struck = NOTHING
        parts = PARTS
        if dx != 0 or dy != 0:
            clear = _clear(opaque, window_x, window_y, x, y, dx, dy)
            struck, parts = _first_struck(rows, ids, used, ghosts, ghost_ids, radii, i, clear)
        x += int(float(dx * parts) / PARTS)
        y += int(float(dy * parts) / PARTS)
        rows[X, i] = x
        rows[Y, i] = y
        if rows[MODE_TICKS, i] > 0:
            rows[MODE_TICKS, i] -= 1
        if struck == NOTHING and clear == PARTS and rows[MODE_TICKS, i] > 0 and (dx != 0 or dy != 0):
            continue
        rows[MODE_TICKS, i] = 0
        rows[VX, i] = 0
        rows[VY, i] = 0
        if found == stopped.shape[0]:
            longer = np.empty((2 * found, 4), np.int64)
            longer[:found] = stopped
            stopped = longer
        stopped[found, 0] = i
        stopped[found, 1] = struck
        stopped[found, 2] = dx
        stopped[found, 3] = dy
        found += 1
    return stopped[:found]


@njit(cache=True)
def _flying(rows: Int32s, used: int) -> int:
    """How many missiles there are."""
    count = 0
    for i in range(used):
        count += rows[KIND, i] == MISSILE
    return count


def move(turn: Turn) -> None:
    """One tick of all missiles, and what becomes of those that stop."""
    state = turn.state
    if _flying(state.rows, state.used) == 0:
        return
    (left, top), table, across = state.window, turn.ghosts.table, turn.ghosts.ids
    stopped = fly(state.rows, state.ids, state.used, table, across, state.opaque, left, top, state.species[RADIUS_OF])
    ended = []
    for row, struck, dx, dy in stopped.tolist():
        target = 0 if struck == NOTHING else int(state.ids[struck] if struck >= 0 else across[-1 - struck])
        neighbour = int(table[-1 - struck, GHOST_NEIGHBOUR]) if NOTHING < struck < 0 else -1
        ended.append((int(state.ids[row]), target, neighbour, dx, dy))
    for missile, target, neighbour, dx, dy in ended:
        if target:
            _strike(turn, state.index[missile], target, neighbour, (dx, dy))
        _land(turn, missile)


def _strike(turn: Turn, row: int, target: int, neighbour: int, way: tuple[int, int]) -> None:
    state = turn.state
    kind = MISSILES[_item(state, row)]
    here = state.row(target)
    struck = int(state.rows[KIND, here]) if here >= 0 else int(turn.ghosts.table[turn.ghosts.index[target], GHOST_KIND])
    knock_x, knock_y = shortened(*way, min(SPEED_MAX, kind.knock * 70 // int(state.species[MASS_OF, struck])))
    blow = Blow(target, shooter_of(state, row), kind.damage, knock_x, knock_y)
    if neighbour >= 0:
        turn.mail.append((neighbour, encode_mail(blow)))
    elif here >= 0:
        combat.wound(turn, here, blow)


def _land(turn: Turn, missile: int) -> None:
    """It lies where it stopped, or broke; over a neighbour's land it only waits to be taken there."""
    state = turn.state
    row = state.index[missile]
    x, y, item = int(state.rows[X, row]), int(state.rows[Y, row]), _item(state, row)
    if past_border(state.land_box, x, y) >= BORDER_MARGIN:
        return
    goods = [int(count) for count in state.rows[GOODS_0 : GOODS_0 + GOODS, row]]
    state.free_row(missile)
    if turn.below(missile, SHATTER, MISSILES[item].lasts) == 0:
        flow(state, Flow.SHATTERED, item, 1)
    elif not piles.lay(state, x, y, goods, 0):
        flow(state, Flow.NO_ROOM_TO_LIE, item, 1)


def _item(state: State, row: int) -> int:
    """What a missile is: the one piece that it carries."""
    return ARROW if state.rows[GOODS_0 + ARROW, row] else STONE


for _missile in MISSILES.values():
    if _missile.speed > MISSILE_SPEED_MAX:
        raise ValueError(f"a missile of {_missile.speed} Q16 a tick; the limit is {MISSILE_SPEED_MAX}")

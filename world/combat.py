"""Blows: who may strike whom, what a blow does, and what becomes of the fallen.

A player who falls drops goods and coins, lies for a while and stands again; assets stay (law: Title). An NPC that falls
is gone: what it had lies in a pile, and another is born in time.
"""

from typing import Final

from world import births, crates, equipment, piles
from world.actions import Strike
from world.events import Event, Kind, Refusal
from world.faucets import Flow, flow
from world.ghosts import ghost_at
from world.habits import SATED
from world.items import HIDE as HIDE_ITEM
from world.items import MEAT as MEAT_ITEM
from world.kinds import CRATE, MISSILE, PILE, PLAYER
from world.line_of_sight import line_of_sight
from world.mail import DAMAGE_MAX, Blow, encode_mail
from world.robbery import rob
from world.sight import FIGHTING
from world.species import (
    DAMAGE_OF,
    DOWN_TICKS_PLAYER,
    FED_OF,
    HIDE_OF,
    HURT_TICKS_SHOWN,
    KNOCK_OF,
    MASS_OF,
    MEAT_OF,
    ROUTINE_OF,
    STRIKE_OF,
    TRADE,
    WORK,
)
from world.state import (
    ARMOUR,
    COINS,
    COOLDOWN,
    DOWN_TICKS,
    GOODS,
    GOODS_0,
    HEALTH,
    HOME_X,
    HOME_Y,
    HURT_TICKS,
    INTENT_X,
    INTENT_Y,
    KIND,
    MODE,
    MODE_TICKS,
    VX,
    VY,
    WEAPON,
    WORK_X,
    WORK_Y,
    State,
    X,
    Y,
)
from world.turn import Turn
from world.units import COINS_MAX, GOODS_MAX, SPEED_MAX, STRIKE_REACH, TILE
from world.vectors import shortened

KNOCK: Final = 12_000
"""Q16 a tick that a blow adds to a body of MASS 70."""
FIGHTING_TICKS: Final = 60


def strike(turn: Turn, row: int, action: Strike) -> Refusal:
    """A player's blow on a body within reach, or on a ghost across the border."""
    state = turn.state
    rows = state.rows
    if rows[COOLDOWN, row]:
        return Refusal.TOO_SOON
    entity = int(state.ids[row])
    if action.target == entity:
        return Refusal.NO_SUCH_TARGET
    target = state.row(action.target)
    ghost = ghost_at(turn.ghosts, action.target)
    if target >= 0:
        x, y, kind = int(rows[X, target]), int(rows[Y, target]), int(rows[KIND, target])
    elif ghost:
        x, y, kind = ghost[:3]
    else:
        return Refusal.NO_SUCH_TARGET
    if kind in (PILE, MISSILE):
        return Refusal.NO_SUCH_TARGET
    if not within(state, row, x, y, STRIKE_REACH):
        return Refusal.OUT_OF_REACH
    if target >= 0 and rows[DOWN_TICKS, target]:
        return Refusal.TARGET_DOWN
    rows[COOLDOWN, row] = state.species[STRIKE_OF, PLAYER]
    rows[MODE, row], rows[MODE_TICKS, row] = FIGHTING, FIGHTING_TICKS
    hit(turn, entity, action.target)
    equipment.used(turn, row, WEAPON)
    return Refusal.DONE


def within(state: State, row: int, x: int, y: int, reach: int) -> bool:
    """Whether a place (Q16) is within reach of a body, with nothing between them that blocks the sight."""
    own_x, own_y = int(state.rows[X, row]), int(state.rows[Y, row])
    if (x - own_x) ** 2 + (y - own_y) ** 2 > reach**2:
        return False
    left, top = state.window[0] * TILE, state.window[1] * TILE
    return bool(line_of_sight(state.opaque, own_x - left, own_y - top, x - left, y - top))


def bite(turn: Turn, biter: int, bitten: int) -> None:
    """An NPC's blow, which its mind found possible this tick; robbers take coins, and who killed rests."""
    state = turn.state
    row = state.row(biter)
    if row < 0:
        return
    state.rows[COOLDOWN, row] = state.species[STRIKE_OF, state.rows[KIND, row]]
    before = len(turn.events)
    rob(state, biter, bitten, turn.events)
    hit(turn, biter, bitten)
    fed = int(state.species[FED_OF, state.rows[KIND, row]])
    if any(event.kind == Kind.DIED for event in turn.events[before:]):
        state.rows[MODE, row], state.rows[MODE_TICKS, row] = SATED, fed


def hit(turn: Turn, striker: int, victim: int) -> None:
    """The blow of a body that is here on another within reach: at once, or by mail when it stands across the border."""
    state = turn.state
    row, target = state.row(striker), state.row(victim)
    ghost = ghost_at(turn.ghosts, victim)
    if row < 0 or (target < 0 and ghost is None):
        return
    damage = int(state.species[DAMAGE_OF, state.rows[KIND, row]])
    if target >= 0:
        x, y, kind = int(state.rows[X, target]), int(state.rows[Y, target]), int(state.rows[KIND, target])
    else:
        assert ghost is not None
        x, y, kind = ghost[:3]
    weapon = equipment.in_hand(state, row)
    damage = min(DAMAGE_MAX, damage + weapon.damage)
    strength = int(state.species[KNOCK_OF, state.rows[KIND, row]]) * (100 + weapon.knock)
    push = min(SPEED_MAX, KNOCK * 70 * strength // (10_000 * int(state.species[MASS_OF, kind])))
    knock_x, knock_y = shortened((x - int(state.rows[X, row])) << 8, (y - int(state.rows[Y, row])) << 8, push)
    if target >= 0:
        wound(turn, target, Blow(victim, striker, damage, knock_x, knock_y))
    elif ghost is not None:
        turn.mail.append((ghost[3], encode_mail(Blow(victim, striker, damage, knock_x, knock_y))))


def receive(turn: Turn, blow: Blow) -> None:
    """A blow that came by mail: nothing happens when its target is not here."""
    row = turn.state.row(blow.target)
    if row >= 0 and turn.state.rows[KIND, row] not in (PILE, MISSILE):
        wound(turn, row, blow)


def wound(turn: Turn, row: int, blow: Blow) -> None:
    """What a blow does to a body that is here; one that lies is spared."""
    rows = turn.state.rows
    if rows[DOWN_TICKS, row]:
        return
    vx, vy = shortened(int(rows[VX, row]) + blow.knock_x, int(rows[VY, row]) + blow.knock_y, SPEED_MAX)
    rows[VX, row], rows[VY, row] = vx, vy
    rows[HURT_TICKS, row] = HURT_TICKS_SHOWN
    damage = equipment.turned_off(turn.state, row, blow.damage)
    left = max(0, int(rows[HEALTH, row]) - damage)
    rows[HEALTH, row] = left
    turn.events.append(Event(Kind.HIT, blow.striker, blow.target, damage, left))
    equipment.used(turn, row, ARMOUR)
    if left == 0:
        _fall(turn, row, blow.striker)


def _fall(turn: Turn, row: int, killer: int) -> None:
    state, rows = turn.state, turn.state.rows
    entity, kind = int(state.ids[row]), int(rows[KIND, row])
    if kind == CRATE:
        crates.broken(turn, row, killer)
        return
    x, y = int(rows[X, row]), int(rows[Y, row])
    turn.events.append(Event(Kind.DIED, entity, killer, x // TILE, y // TILE))
    goods = rows[GOODS_0 : GOODS_0 + GOODS, row].tolist()
    coins = int(rows[COINS, row])
    if kind == PLAYER:
        rows[DOWN_TICKS, row] = DOWN_TICKS_PLAYER
        rows[INTENT_X, row] = rows[INTENT_Y, row] = 0
        if (any(goods) or coins) and piles.lay(state, x, y, goods, coins):
            rows[GOODS_0 : GOODS_0 + GOODS, row] = 0
            rows[COINS, row] = 0
        return
    home = int(rows[HOME_X, row]), int(rows[HOME_Y, row])
    work = int(rows[WORK_X, row]), int(rows[WORK_Y, row])
    state.free_row(entity)
    if not state.has_tile(*home):
        # Its home lies in another region, which knows nothing of this death: the next one lives where it fell.
        home = work = _tile_of_land(state, x, y)
    births.owe(state, kind, home, work if state.species[ROUTINE_OF, kind] in (WORK, TRADE) else home)
    for item, most in ((MEAT_ITEM, int(state.species[MEAT_OF, kind])), (HIDE_ITEM, int(state.species[HIDE_OF, kind]))):
        count = min(GOODS_MAX - goods[item], most)
        goods[item] += count
        flow(state, Flow.CARCASS, item, count)
    if (any(goods) or coins) and not piles.lay(state, x, y, goods, min(coins, COINS_MAX)):
        piles.lost(state, goods, coins)


def _tile_of_land(state: State, x: int, y: int) -> tuple[int, int]:
    x0, y0, x1, y1 = state.land
    return min(max(x // TILE, x0), x1 - 1), min(max(y // TILE, y0), y1 - 1)

"""Doors: tiles that are shut or open. A shut one blocks movement, sight and paths; who built it may lock it.

The tile says whether a door is shut, on both sides of a border; whose it is and whether it is locked stands in
`State.doors` of the region whose land it is on. A door of the map that nobody built is nobody's and has no lock. What
builds and takes away doors: `world.building`.
"""

from typing import Final

import numpy as np

from world.actions import UseDoor
from world.events import Event, Kind, Refusal
from world.mail import tile_mail
from world.state import COOLDOWN, DOOR_COLUMNS, DOOR_LOCKED, DOOR_OWNER, DOOR_X, DOOR_Y, State
from world.tilemap import DOOR, DOORWAY, NONE
from world.turn import Turn
from world.units import DOORS_MAX

SHUT: Final = 0
OPEN: Final = 1
LOCK: Final = 2
UNLOCK: Final = 3
WHAT: Final = ("shut", "opened", "locked", "unlocked")
DOOR_TICKS: Final = 4


def door_at(state: State, x: int, y: int) -> int:
    """The line of `State.doors` for a tile, or -1."""
    lines = np.flatnonzero((state.doors[:, DOOR_X] == x) & (state.doors[:, DOOR_Y] == y))
    return int(lines[0]) if len(lines) else -1


def owned(state: State, x: int, y: int, owner: int) -> bool:
    """Note whose a new door is; False when the region has no room for it."""
    if len(state.doors) >= DOORS_MAX:
        return False
    state.doors = np.concatenate([state.doors, np.array([[x, y, owner, 0]], np.int64)])
    return True


def forgotten(state: State, x: int, y: int) -> None:
    """A door was taken away."""
    line = door_at(state, x, y)
    if line >= 0:
        state.doors = np.delete(state.doors, line, axis=0).reshape(-1, DOOR_COLUMNS)


def locked_to(state: State, x: int, y: int, entity: int) -> bool:
    """Whether a door is locked and not this one's."""
    line = door_at(state, x, y)
    return bool(line >= 0 and state.doors[line, DOOR_LOCKED] and state.doors[line, DOOR_OWNER] != entity)


def use(turn: Turn, row: int, action: UseDoor, occupied: bool) -> Refusal:
    """Shut, open, lock or unlock a door. That it is of this land and within reach, and whether somebody stands in it
    (`occupied`), is the caller's to see."""
    state = turn.state
    entity = int(state.ids[row])
    if state.rows[COOLDOWN, row]:
        return Refusal.TOO_SOON
    terrain = int(state.terrain[action.y - state.window[1], action.x - state.window[0]])
    if terrain not in (DOOR, DOORWAY):
        return Refusal.NOTHING_THERE
    line = door_at(state, action.x, action.y)
    refusal = _lock(state, line, entity, terrain, action.what) if action.what >= LOCK else Refusal.DONE
    if action.what in (SHUT, OPEN):
        if terrain == (DOOR if action.what == SHUT else DOORWAY):
            return Refusal.NOTHING_THERE
        if action.what == OPEN and locked_to(state, action.x, action.y, entity):
            return Refusal.LOCKED
        if action.what == SHUT and occupied:
            return Refusal.NO_ROOM
        state.set_tile(action.x, action.y, DOOR if action.what == SHUT else DOORWAY, NONE, 0)
        turn.mail.extend(tile_mail(state, action.x, action.y))
    if refusal:
        return refusal
    state.rows[COOLDOWN, row] = DOOR_TICKS
    turn.events.append(Event(Kind.DOOR_USED, entity, action.x, action.y, action.what))
    return Refusal.DONE


def _lock(state: State, line: int, entity: int, terrain: int, what: int) -> Refusal:
    if line < 0 or state.doors[line, DOOR_OWNER] != entity:
        return Refusal.NOT_YOURS
    locked = what == LOCK
    if bool(state.doors[line, DOOR_LOCKED]) == locked or (locked and terrain != DOOR):
        return Refusal.NOTHING_THERE
    state.doors[line, DOOR_LOCKED] = int(locked)
    return Refusal.DONE

"""What players do to the world and to one another, but for blows (`world.combat`)."""

from world.actions import Action, Move
from world.events import Event, Refusal
from world.ghosts import Ghosts
from world.state import INTENT_X, INTENT_Y, KIND, PLAYER, State


def act(
    state: State, ghosts: Ghosts, entity: int, action: Action, events: list[Event], mail: list[tuple[int, bytes]]
) -> Refusal:
    """Carry out one action of a player; the reason why it changed nothing, or DONE."""
    row = state.row(entity)
    if row < 0 or state.rows[KIND, row] != PLAYER:
        return Refusal.NO_SUCH_TARGET
    match action:
        case Move(dx, dy):
            state.rows[INTENT_X, row] = max(-127, min(127, dx))
            state.rows[INTENT_Y, row] = max(-127, min(127, dy))
            return Refusal.DONE
    return Refusal.NOT_AN_ACTION

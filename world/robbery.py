"""What a robber's blow takes: coins from the purse of whom it struck, never an asset (law: Title)."""

from world.events import Event, Kind
from world.kinds import PLAYER
from world.species import ROBS_OF
from world.state import COINS, KIND, State
from world.units import COINS_MAX


def rob(state: State, robber: int, victim: int, events: list[Event]) -> None:
    """After a blow: coins change hands if the robber's species robs, and both are here and on their feet or fallen."""
    row, target = state.row(robber), state.row(victim)
    if row < 0 or target < 0 or state.rows[KIND, row] == PLAYER:
        return
    coins = min(int(state.species[ROBS_OF, state.rows[KIND, row]]), int(state.rows[COINS, target]))
    coins = min(coins, COINS_MAX - int(state.rows[COINS, row]))
    if coins > 0:
        state.rows[COINS, target] -= coins
        state.rows[COINS, row] += coins
        events.append(Event(Kind.ROBBED, robber, victim, coins))

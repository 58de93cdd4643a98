"""Wounds slow, rest heals, food heals at once. How often a body heals as it walks or rests: `world.movement`."""

from typing import Final

from world.actions import Eat
from world.events import Event, Kind, Refusal
from world.faucets import Flow, flow
from world.items import BERRY, BREAD, MEAT
from world.species import HEALTH_OF
from world.state import COOLDOWN, GOODS_0, HEALTH, KIND
from world.turn import Turn

FOOD: Final = {BERRY: 4, BREAD: 20, MEAT: 8}
"""What a piece heals."""
EAT_TICKS: Final = 10


def eat(turn: Turn, row: int, action: Eat) -> Refusal:
    """Eat one piece of food."""
    rows = turn.state.rows
    if action.item not in FOOD:
        return Refusal.NOT_AN_ACTION
    if rows[COOLDOWN, row]:
        return Refusal.TOO_SOON
    if rows[GOODS_0 + action.item, row] < 1:
        return Refusal.NOT_ENOUGH
    before, full = int(rows[HEALTH, row]), int(turn.state.species[HEALTH_OF, rows[KIND, row]])
    if before >= full:
        return Refusal.NOT_HUNGRY
    rows[GOODS_0 + action.item, row] -= 1
    rows[HEALTH, row] = min(full, before + FOOD[action.item])
    rows[COOLDOWN, row] = EAT_TICKS
    flow(turn.state, Flow.EATEN, action.item, 1)
    gained = int(rows[HEALTH, row]) - before
    turn.events.append(Event(Kind.ATE, int(turn.state.ids[row]), action.item, gained, int(rows[HEALTH, row])))
    return Refusal.DONE

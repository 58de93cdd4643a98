"""One action of a player, led to the rule that carries it out."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from world import building, combat, crafting, economy, equipment, markets, missiles, trade, wounds
from world.actions import (
    Accept,
    Action,
    AskPrices,
    Build,
    Buy,
    Craft,
    Dig,
    Drop,
    Eat,
    Equip,
    Gather,
    Give,
    GiveAsset,
    GiveCoins,
    Move,
    Offer,
    PickUp,
    Retract,
    Sell,
    Shoot,
    Speak,
    Strike,
    UseDoor,
    Wear,
)
from world.events import Event, Kind, Refusal
from world.kinds import PLAYER
from world.movement import INTENT_MAX
from world.state import DOWN_TICKS, INTENT_X, INTENT_Y, KIND
from world.turn import Turn
from world.units import SPEECH_MAX

RULES: Final[Mapping[type[Action], Callable[[Turn, int, Any], Refusal]]] = {
    Strike: combat.strike,
    Gather: economy.gather,
    Give: economy.give,
    GiveCoins: economy.give_coins,
    GiveAsset: economy.give_asset,
    Drop: economy.drop,
    PickUp: economy.pick_up,
    Build: building.build,
    Offer: trade.offer,
    Accept: trade.accept,
    Retract: trade.retract,
    Buy: markets.buy,
    Sell: markets.sell,
    AskPrices: markets.quote,
    Dig: building.dig,
    UseDoor: building.use_door,
    Shoot: missiles.shoot,
    Craft: crafting.craft,
    Equip: equipment.equip,
    Wear: equipment.wear,
    Eat: wounds.eat,
}
"""Who carries out what, for the row of a player that is on its feet; `act` itself sees to Move and Speak."""


DONE: Final = Refusal.DONE


def act(turn: Turn, entity: int, action: Action) -> Refusal:
    """Carry out one action; DONE, or the reason why it changed nothing. No action raises, whatever it holds."""
    state = turn.state
    rows, row = state.rows, state.row(entity)
    if row < 0 or rows[KIND, row] != PLAYER:
        return Refusal.NO_SUCH_TARGET
    if type(action) is Speak:
        if not 0 < len(action.text) <= SPEECH_MAX:
            return Refusal.NOT_AN_ACTION
        turn.events.append(Event(Kind.SPOKE, entity, text=action.text))
        return Refusal.DONE
    if rows[DOWN_TICKS, row]:
        return Refusal.NOT_ALIVE
    if type(action) is Move:
        dx, dy = action.dx, action.dy
        if not (-INTENT_MAX <= dx <= INTENT_MAX and -INTENT_MAX <= dy <= INTENT_MAX):
            dx, dy = max(-INTENT_MAX, min(INTENT_MAX, dx)), max(-INTENT_MAX, min(INTENT_MAX, dy))
        rows[INTENT_X, row], rows[INTENT_Y, row] = dx, dy
        return DONE
    rule = RULES.get(type(action))
    return Refusal.NOT_AN_ACTION if rule is None else rule(turn, row, action)

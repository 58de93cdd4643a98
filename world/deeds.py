"""One action of a player, led to the rule that carries it out."""

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
from world.movement import INTENT_MAX
from world.state import DOWN_TICKS, INTENT_X, INTENT_Y, KIND, PLAYER
from world.turn import Turn
from world.units import SPEECH_MAX


def act(turn: Turn, entity: int, action: Action) -> Refusal:
    """Carry out one action; DONE, or the reason why it changed nothing. No action raises, whatever it holds."""
    state = turn.state
    row = state.row(entity)
    if row < 0 or state.rows[KIND, row] != PLAYER:
        return Refusal.NO_SUCH_TARGET
    match action:
        case Speak(text):
            if not 0 < len(text) <= SPEECH_MAX:
                return Refusal.NOT_AN_ACTION
            turn.events.append(Event(Kind.SPOKE, entity, text=text))
            return Refusal.DONE
        case _ if state.rows[DOWN_TICKS, row]:
            return Refusal.NOT_ALIVE
        case Move(dx, dy):
            state.rows[INTENT_X, row] = max(-INTENT_MAX, min(INTENT_MAX, dx))
            state.rows[INTENT_Y, row] = max(-INTENT_MAX, min(INTENT_MAX, dy))
            return Refusal.DONE
        case Strike():
            return combat.strike(turn, row, action)
        case Gather():
            return economy.gather(turn, row, action)
        case Give():
            return economy.give(turn, row, action)
        case GiveCoins():
            return economy.give_coins(turn, row, action)
        case GiveAsset():
            return economy.give_asset(turn, row, action)
        case Drop():
            return economy.drop(turn, row, action)
        case PickUp():
            return economy.pick_up(turn, row, action)
        case Build():
            return building.build(turn, row, action)
        case Offer():
            return trade.offer(turn, row, action)
        case Accept():
            return trade.accept(turn, row, action)
        case Retract():
            return trade.retract(turn, row, action)
        case Buy():
            return markets.buy(turn, row, action)
        case Sell():
            return markets.sell(turn, row, action)
        case AskPrices():
            return markets.quote(turn, row, action)
        case Dig():
            return building.dig(turn, row, action)
        case UseDoor():
            return building.use_door(turn, row, action)
        case Shoot():
            return missiles.shoot(turn, row, action)
        case Craft():
            return crafting.craft(turn, row, action)
        case Equip():
            return equipment.equip(turn, row, action)
        case Wear():
            return equipment.wear(turn, row, action)
        case Eat():
            return wounds.eat(turn, row, action)
    return Refusal.NOT_AN_ACTION

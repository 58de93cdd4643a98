"""Making things by hand: a recipe's needs are used up, and what it makes is there; now and then it is an asset.

Assets are minted by the same road as rare finds: within the region's share of the hour's budget, with traits drawn for
this tick. Once the budget is spent a recipe that makes nothing else is refused, and the others make the plain thing.
"""

from importlib.resources import files
from typing import Final

from world import crates
from world.actions import Craft
from world.borders import add_asset
from world.draws import RARE, TRAITS
from world.events import Event, Kind, Refusal
from world.faucets import Flow, flow
from world.items import rarity
from world.recipe_text import ASSET_MADE, CRATE_MADE, Recipe, parse
from world.state import ASSET_HOLDER, COOLDOWN, GOODS_0, Counter, State
from world.things import ASSET_THING
from world.turn import Turn
from world.units import ASSETS_PER_BODY, ASSETS_PER_REGION, GOODS_MAX

FILE: Final = "world/recipes.txt"
RECIPES: Final = parse(FILE, (files("world") / "recipes.txt").read_text(encoding="utf-8"))
"""By number, as `world.actions.Craft` names them."""


def craft(turn: Turn, row: int, action: Craft) -> Refusal:
    """Make what a recipe makes."""
    state, rows = turn.state, turn.state.rows
    if not 0 <= action.recipe < len(RECIPES):
        return Refusal.NOT_AN_ACTION
    recipe = RECIPES[action.recipe]
    if rows[COOLDOWN, row]:
        return Refusal.TOO_SOON
    if any(rows[GOODS_0 + item, row] < count for item, count in recipe.needs):
        return Refusal.NOT_ENOUGH
    entity = int(state.ids[row])
    minted = _may_mint(state, entity) and recipe.odds > 0 and turn.below(entity, RARE, recipe.odds) == 0
    if recipe.item == ASSET_MADE and not minted:
        return Refusal.NO_ROOM
    if recipe.item >= 0 and int(rows[GOODS_0 + recipe.item, row]) + recipe.pieces > GOODS_MAX:
        return Refusal.NO_ROOM
    if recipe.item == CRATE_MADE and not crates.stand(turn, row):
        return Refusal.NO_ROOM
    for item, count in recipe.needs:
        rows[GOODS_0 + item, row] -= count
        flow(state, Flow.USED_UP, item, count)
    rows[COOLDOWN, row] = recipe.ticks
    made = recipe.pieces - minted
    if recipe.item >= 0:
        rows[GOODS_0 + recipe.item, row] += made
        flow(state, Flow.CRAFTED, recipe.item, made)
    if minted:
        _mint(turn, entity, recipe)
    turn.events.append(Event(Kind.CRAFTED, entity, action.recipe, recipe.item, made))
    return Refusal.DONE


def _may_mint(state: State, entity: int) -> bool:
    held = int((state.assets[ASSET_HOLDER, : state.assets_used] == entity).sum())
    left = state.counters[Counter.FINDS_LEFT] > 0
    return bool(left and state.assets_used < ASSETS_PER_REGION and held < ASSETS_PER_BODY)


def _mint(turn: Turn, entity: int, recipe: Recipe) -> None:
    """The asset a recipe makes: its form is the recipe's, everything else about it is drawn."""
    state = turn.state
    kind, form = recipe.asset
    asset, traits = state.new_id(), turn.bits(entity, TRAITS) & ~0xFF | form
    add_asset(state, asset, entity, kind, traits)
    state.counters[Counter.FINDS_LEFT] -= 1
    state.counters[Counter.ASSETS_MINTED] += 1
    flow(state, Flow.MADE_AN_ASSET, ASSET_THING, 1)
    turn.events.append(Event(Kind.MINTED, asset, entity, kind, rarity(traits)))

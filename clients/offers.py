"""What a player may hand to another, lay on the ground, make, use or eat, as lists to choose from."""

from collections.abc import Callable
from dataclasses import dataclass

from clients.draw.panel import Panel, asset_words
from clients.reach import Body
from clients.view import short_name
from world.actions import Action, Craft, Drop, Eat, Equip, Give, GiveAsset, GiveCoins, Wear
from world.crafting import RECIPES
from world.equipment import ARMOURS, WEAPONS
from world.items import ITEMS, SKIN
from world.kinds import PLAYER
from world.species import NAMES
from world.wounds import FOOD


@dataclass(frozen=True)
class Offer:
    """Something that may be handed over: its words, how much of it there is, and the action for an amount.

    `good` is its place among the goods' icons (coins come after the goods); `relic` an asset's kind and traits. `one`:
    its words say it all, and there is no amount to choose.
    """

    words: str
    count: int
    hand: Callable[[int], Action]
    good: int = -1
    relic: tuple[int, int] | None = None
    one: bool = False


def offers(target: Body | None, panel: Panel) -> list[Offer]:
    """What the panel's owner may give to a body, or drop where there is none."""
    made: list[Offer] = []
    to = target.entity if target is not None else 0
    for item, count in enumerate(panel.goods[: len(ITEMS)]):
        if count > 0:
            made.append(Offer(ITEMS[item], count, _goods(to, item), item))
    if target is None:
        return made
    if panel.coins > 0:
        made.append(Offer("coins", panel.coins, lambda amount: GiveCoins(to, amount), len(ITEMS)))
    if target.kind == PLAYER:
        made += [
            Offer(asset_words(kind, traits), 1, _asset(to, asset), relic=(kind, traits))
            for asset, kind, traits in panel.assets
        ]
    return made


def recipes(panel: Panel) -> list[Offer]:
    """All that can be made by hand, what there is enough for first; the region says no to the rest."""
    made = []
    for number, recipe in enumerate(RECIPES):
        enough = all(panel.goods[item] >= count for item, count in recipe.needs)
        needs = ", ".join(f"{count} {ITEMS[item]}" for item, count in recipe.needs)
        words = f"{recipe.name}: {needs}" if enough else f"{recipe.name}: lacks some of {needs}"
        icon = recipe.item if recipe.item >= 0 else -1
        made.append((not enough, Offer(words, 1, _recipe(number), icon, one=True)))
    return [offer for _, offer in sorted(made, key=lambda line: line[0])]


def uses(panel: Panel) -> list[Offer]:
    """What the panel's owner can take in hand, put on, put away, or eat."""
    made = []
    for item in (*WEAPONS, *ARMOURS):
        in_use = item + 1 in panel.worn[:2]
        if in_use or panel.goods[item]:
            made.append(Offer(f"{'put away' if in_use else 'use'} the {ITEMS[item]}", 1, _equip(item), item, one=True))
    for item, heals in FOOD.items():
        if panel.goods[item]:
            made.append(Offer(f"eat {ITEMS[item]}: heals {heals}", 1, _eat(item), item, one=True))
    for asset, kind, traits in panel.assets:
        if kind == SKIN:
            words = f"{'take off' if asset == panel.worn[2] else 'wear'} {asset_words(kind, traits)}"
            worn = 0 if asset == panel.worn[2] else asset
            made.append(Offer(words, 1, _wear(worn), relic=(kind, traits), one=True))
    return made


def _recipe(number: int) -> Callable[[int], Action]:
    return lambda amount: Craft(number)


def _equip(item: int) -> Callable[[int], Action]:
    return lambda amount: Equip(item)


def _eat(item: int) -> Callable[[int], Action]:
    return lambda amount: Eat(item)


def _wear(asset: int) -> Callable[[int], Action]:
    return lambda amount: Wear(asset)


def _goods(target: int, item: int) -> Callable[[int], Action]:
    return lambda amount: Give(target, item, amount) if target else Drop(item, amount)


def _asset(target: int, asset: int) -> Callable[[int], Action]:
    return lambda amount: GiveAsset(target, asset)


def called(body: Body) -> str:
    """How a body is called in a sentence."""
    return short_name(body.entity) if body.kind == PLAYER else f"a {NAMES[body.kind]}"

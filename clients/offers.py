"""What a player may hand to another or lay on the ground, as a list to choose from."""

from collections.abc import Callable
from dataclasses import dataclass

from clients.draw.panel import Panel, asset_words
from clients.reach import KIND_WORDS, Body
from clients.view import short_name
from world.actions import Action, Drop, Give, GiveAsset, GiveCoins
from world.items import ITEMS
from world.state import PLAYER


@dataclass(frozen=True)
class Offer:
    """Something that may be handed over: its words, how much of it there is, and the action for an amount.

    `good` is its place among the goods' icons (coins come after the goods); `relic` an asset's kind and traits.
    """

    words: str
    count: int
    hand: Callable[[int], Action]
    good: int = -1
    relic: tuple[int, int] | None = None


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


def _goods(target: int, item: int) -> Callable[[int], Action]:
    return lambda amount: Give(target, item, amount) if target else Drop(item, amount)


def _asset(target: int, asset: int) -> Callable[[int], Action]:
    return lambda amount: GiveAsset(target, asset)


def called(body: Body) -> str:
    """How a body is called in a sentence."""
    return short_name(body.entity) if body.kind == PLAYER else f"a {KIND_WORDS.get(body.kind, 'body')}"

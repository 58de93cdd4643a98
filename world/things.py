"""What may be counted: goods by their number, then coins, then assets. Numbers only; their names are `world.items`."""

from typing import Final

GOODS_KINDS: Final = 11
"""Kinds of goods; each has a column in every body."""
COIN_THING: Final = GOODS_KINDS
ASSET_THING: Final = GOODS_KINDS + 1
THINGS: Final = GOODS_KINDS + 2

FLOWS_MAX: Final = 48
"""Lines of `State.flows`: room for faucets and sinks to come."""

"""Each invariant is noticed when it is broken, with its numbers."""

from collections.abc import Callable

import pytest

from tests.world.lands import flat, put, run, two_halves
from world.borders import add_asset
from world.encoding import decode, encode
from world.invariants import InvariantError, check, holdings
from world.kinds import PILE, PLAYER, WOLF
from world.state import ASSET_HOLDER, COINS, FACING, GOODS_0, HEALTH, INTENT_X, KIND, Counter, State, X, Y
from world.units import COINS_MAX, GOODS_MAX, TILE


def lived_in() -> State:
    west, _ = two_halves()
    for n, kind in enumerate((PLAYER, PLAYER, WOLF, PILE)):
        put(west, kind, 10.5 + n, 10.5, coins=n, mode_ticks=50)
    add_asset(west, 7, int(west.ids[0]), 1, 5)
    add_asset(west, 9, int(west.ids[1]), 1, 5)
    run(west, 3)
    check(west)
    return west


def _set(column: int, row: int, value: int) -> Callable[[State], None]:
    def spoil(state: State) -> None:
        state.rows[column, row] = value

    return spoil


def _owe(kind: int, x: int, y: int) -> Callable[[State], None]:
    import numpy as np

    def spoil(state: State) -> None:
        state.owed = np.array([[kind, x, y, x, y, 5]], np.int32)

    return spoil


def _do(text: str) -> Callable[[State], None]:
    def spoil(state: State) -> None:
        exec(text, {"state": state, "Counter": Counter})

    return spoil


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (_set(COINS, 0, -1), "column 28 of body 0 is -1"),
        (_set(COINS, 0, COINS_MAX + 1), "expected 0 to 1000000000"),
        (_set(GOODS_0, 3, GOODS_MAX + 1), "column 29 of body 3 is 1000"),
        (_set(FACING, 0, 8), "is 8, expected 0 to 7"),
        (_set(INTENT_X, 0, -128), "is -128"),
        (_set(KIND, 0, 32), "is 32, expected 1 to 31"),
        (_set(KIND, 0, 0), "is 0, expected 1 to 31"),
        (_set(X, 0, 33 * TILE), "off the land"),
        (_set(Y, 2, 33 * TILE), "off the land"),
        (_set(HEALTH, 0, 0), "without health"),
        (_set(HEALTH, 9, 1), "a free row"),
        (_do("state.ids[1] = state.ids[0]"), "an id twice"),
        (_do("state.ids[1] = -4"), "negative id"),
        (_do("state.used += 1"), "used is 5, expected 4"),
        (_do("state.index.popitem()"), "index"),
        (_do("state.assets[0, 1] = 7"), "an asset twice"),
        (_do("state.assets[0, 1] = 0"), "without id"),
        (_do("state.assets[1, 1] = 4711"), "holder 4711"),
        (_do("state.assets[1, 1] = state.ids[2]"), "no player"),
        (_do("state.assets[2, 1] = 99"), "unknown kind"),
        (_do("state.assets[3, 1] = -1"), "negative traits"),
        (_do("state.assets[0, 2] = 5"), "beyond assets_used"),
        (_do("state.terrain[0, 0] = 9"), "terrain code 9"),
        (_do("state.feature[0, 0] = 9"), "feature code 9"),
        (_do("state.counters[Counter.FINDS_LEFT] = 10**6"), "finds left"),
        (_do("state.counters[Counter.COINS_BURNED] = -1"), "negative counter"),
        (_owe(PLAYER, 5, 5), "no NPC"),
        (_owe(WOLF, 50, 5), "off the land"),
        (_owe(WOLF, 5000, 5), "out of range"),
    ],
)
def test_what_is_broken_is_named(spoil: Callable[[State], None], match: str) -> None:
    state = lived_in()
    spoil(state)
    with pytest.raises(InvariantError, match=match):
        check(state)
    if "beyond" not in match and "index" not in match and "free row" not in match:
        with pytest.raises(ValueError):
            decode(encode(state))


def test_holdings_are_what_rows_and_assets_say() -> None:
    state = lived_in()
    assert holdings(state) == (6, [7, 9])
    assert state.assets[ASSET_HOLDER, 0] == state.ids[0]
    assert holdings(flat()) == (0, [])

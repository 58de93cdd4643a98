"""The first states of a world's regions."""

import numpy as np
import pytest

from tests.world.lands import flat_map
from world.encoding import encode
from world.generate import generate
from world.genesis import genesis
from world.invariants import check, holdings
from world.kinds import DEER, VILLAGER, WOLF
from world.species import BUILT_IN, COINS_OF, POPULATION, npc_kinds
from world.state import HOME_X, HOME_Y, KIND, WORK_X, WORK_Y, Counter, State
from world.tilemap import make_map
from world.units import FINDS_PER_HOUR

QUARTERS = ((0, 0, 128, 128), (128, 0, 256, 128), (0, 128, 128, 256), (128, 128, 256, 256))


@pytest.fixture(scope="module")
def world() -> list[State]:
    tilemap = generate(1)
    return [
        genesis(tilemap, land, [other for other in QUARTERS if other != land], index, 4)
        for index, land in enumerate(QUARTERS)
    ]


def test_all_two_thousand_live_somewhere_once(world: list[State]) -> None:
    for kind, expected in zip((VILLAGER, DEER, WOLF), POPULATION):
        assert sum(int((state.rows[KIND] == kind).sum()) for state in world) == expected
    ids = np.concatenate([state.ids[state.ids > 0] for state in world])
    assert len(np.unique(ids)) == 2000 and sum(POPULATION) < 2000
    kinds = np.concatenate([state.rows[KIND, state.ids > 0] for state in world])
    assert set(kinds.tolist()) == set(npc_kinds(BUILT_IN))
    for state in world:
        check(state)
        assert len(state.index) > 300


def test_the_first_purses_are_counted_as_minted(world: list[State]) -> None:
    for state in world:
        coins = int(BUILT_IN[COINS_OF, state.rows[KIND]].sum())
        assert coins > int((state.rows[KIND] == VILLAGER).sum()) * BUILT_IN[COINS_OF, VILLAGER]
        assert holdings(state) == (coins, [])
        assert state.counters[Counter.COINS_MINTED] == coins


def test_the_budget_of_finds_is_shared_out_whole(world: list[State]) -> None:
    assert sum(int(state.counters[Counter.FINDS_BUDGET]) for state in world) == FINDS_PER_HOUR
    sevenths = [genesis(flat_map(32, 32), (0, 0, 32, 32), [], index, 7) for index in range(7)]
    assert sum(int(state.counters[Counter.FINDS_LEFT]) for state in sevenths) == FINDS_PER_HOUR


def test_villagers_have_homes_and_fields_of_one_village(world: list[State]) -> None:
    for state in world:
        rows = state.rows[:, state.rows[KIND] == VILLAGER]
        apart = np.maximum(abs(rows[HOME_X] - rows[WORK_X]), abs(rows[HOME_Y] - rows[WORK_Y]))
        assert apart.max() < 80
        assert all(state.has_tile(int(x), int(y)) for x, y in rows[[HOME_X, HOME_Y]].T)


def test_genesis_is_a_function_of_its_arguments() -> None:
    tilemap = generate(5, 96, 96)
    one, two = (genesis(tilemap, (0, 0, 96, 96), [], 0, 1, (30, 30, 6)) for _ in range(2))
    assert encode(one) == encode(two)


def test_spawn_points_are_those_of_the_land(world: list[State]) -> None:
    for state in world:
        assert len(state.spawns) > 0
        assert all(state.has_tile(int(x), int(y)) for x, y in state.spawns)


def test_a_map_without_lists_makes_an_empty_region() -> None:
    bare = make_map(np.zeros((16, 16), np.uint8), np.zeros((16, 16), np.uint8))
    state = genesis(bare, (0, 0, 16, 16), [], 0, 1)
    check(state)
    assert len(state.index) == 0


def test_a_land_off_the_map_and_too_many_npcs_are_refused() -> None:
    with pytest.raises(ValueError, match="leaves the map"):
        genesis(flat_map(32, 32), (0, 0, 48, 32), [], 0, 1)
    crowded = generate(1, 96, 96)
    with pytest.raises(ValueError, match="no rows"):
        genesis(crowded, (0, 0, 96, 96), [], 0, 1, (0, 9000, 0))

"""What the species do, each scene with its control: without perception (or by the other half of the day) it fails."""

from collections.abc import Iterator

import numpy as np
import pytest

from tests.world.lands import column, flat, key, place, put, run
from world import tick as tick_module
from world.encoding import decode, digest, encode
from world.events import Event, Kind
from world.flow_fields import UNREACHED, flow_field
from world.genesis import genesis
from world.habits import AT_HOME, AT_MARKET, AT_WORK, FLEE, SATED
from world.invariants import check
from world.items import GRAIN
from world.kinds import DEER, PLAYER, VILLAGER, WOLF
from world.routes import COMING, ENDING, edge_tiles
from world.species import BUILT_IN, DAMAGE_OF, NAMES
from world.state import COINS, DOWN_TICKS, GOODS_0, HOME_X, HOME_Y, KIND, MODE, WORK_X, WORK_Y, Counter, State
from world.tick import Inputs, advance
from world.tilemap import DOOR, DOORWAY, FLOOR, GROUND, NONE, WALL, make_map
from world.units import DAY_TICKS, DUSK_TICKS, ROUTE_STEP_TICKS

TRADER, GUARD, RABBIT, BANDIT, BEAST = (NAMES.index(name) for name in ("trader", "guard", "rabbit", "bandit", "beast"))
WEST, EAST, CAMP = (12, 16), (52, 16), (32, 44)


@pytest.fixture(params=[True, False], ids=["perceiving", "control"])
def perceives(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[bool]:
    if not request.param:
        monkeypatch.setattr(tick_module, "PERCEIVE", 0)
    yield request.param


def two_markets(walled: bool = False) -> State:
    """64 x 64 tiles with a market in the west and one in the east; a camp in the south; a wall with a gap between."""
    terrain, feature = np.full((64, 64), GROUND, np.uint8), np.full((64, 64), NONE, np.uint8)
    if walled:
        terrain[:40, 32] = WALL
    tiles = make_map(terrain, feature, markets=[WEST, EAST], camps=[CAMP], player_spawns=[(5, 5)])
    return genesis(tiles, (0, 0, 64, 64), [], 0, 1, (0, 0, 0))


def at_hour(state: State, tick: int) -> State:
    state.counters[Counter.TICK] = tick
    return state


def near(state: State, entity: int, tile: tuple[int, int], tiles: float) -> bool:
    x, y = place(state, entity)
    return max(abs(x - tile[0] - 0.5), abs(y - tile[1] - 0.5)) <= tiles


def events_of(state: State, ticks: int, *kinds: Kind) -> list[Event]:
    return [event for out in run(state, ticks) for event in out.events if event.kind in kinds]


def test_a_trader_walks_between_the_markets_of_two_villages_round_a_wall() -> None:
    state = two_markets(walled=True)
    home = dict(zip(("home_x", "home_y", "work_x", "work_y"), (*WEST, *EAST)))
    trader = put(state, TRADER, 12.5, 16.5, mode=AT_HOME, mode_ticks=2, **home)
    visited: list[str] = []
    for tick in range(9_000):
        run(state, 1, tick)
        for name, market in (("west", WEST), ("east", EAST)):
            if near(state, trader, market, 1.6) and (not visited or visited[-1] != name):
                visited.append(name)
        if len(visited) > 2:
            break
    assert visited[:3] == ["west", "east", "west"]


def test_without_ways_a_trader_does_not_find_round_the_wall() -> None:
    """The control: its shared ways taken away, the same trader is still on its side after the same time."""
    state = two_markets(walled=True)
    home = dict(zip(("home_x", "home_y", "work_x", "work_y"), (*WEST, *EAST)))
    trader = put(state, TRADER, 12.5, 16.5, mode=AT_HOME, mode_ticks=2, **home)
    state.ways[:] = 255
    run(state, 1_700)
    assert not near(state, trader, EAST, 3)


@pytest.mark.parametrize("intruder", [WOLF, BANDIT, BEAST])
def test_a_guard_strikes_down_what_threatens_the_village(intruder: int, perceives: bool) -> None:
    state = two_markets()
    guard = put(state, GUARD, 14.5, 16.5, home_x=12, home_y=16)
    put(state, intruder, 19.5, 16.5, mode=SATED, mode_ticks=10_000)
    struck = [event for event in events_of(state, 120, Kind.HIT) if event.a == guard]
    assert bool(struck) == perceives
    assert all(event.c >= BUILT_IN[DAMAGE_OF, GUARD] for event in struck)


def test_a_guard_leaves_deer_and_villagers_in_peace_and_walks_its_rounds() -> None:
    state = two_markets()
    guard = put(state, GUARD, 12.5, 16.5, home_x=12, home_y=16, mode_ticks=1)
    put(state, DEER, 15.5, 16.5)
    put(state, VILLAGER, 12.5, 19.5, mode_ticks=900)
    seen = set()
    for tick in range(1_500):
        assert not [event for out in run(state, 1, tick) for event in out.events if event.kind == Kind.HIT]
        seen.add((int(place(state, guard)[0]) // 4, int(place(state, guard)[1]) // 4))
    assert len(seen) >= 6, "its posts lie about the square"
    assert near(state, guard, WEST, 17)


def test_a_rabbit_flees_whoever_comes_near(perceives: bool) -> None:
    state = flat()
    rabbit, _ = put(state, RABBIT, 20.5, 20.5), put(state, PLAYER, 22.5, 20.5)
    run(state, 20)
    assert (column(state, rabbit, MODE) == FLEE) == perceives
    assert (place(state, rabbit)[0] < 19) == perceives


def test_bandits_raid_a_village_by_night_and_lie_low_by_day() -> None:
    for hour, raids in ((DUSK_TICKS + 10, True), (10, False)):
        state = at_hour(two_markets(), hour)
        bandit = put(state, BANDIT, CAMP[0] + 0.5, CAMP[1] + 0.5, home_x=CAMP[0], home_y=CAMP[1], mode_ticks=5)
        closest = 99.0
        for tick in range(700):
            run(state, 1, tick)
            x, y = place(state, bandit)
            closest = min(closest, *(max(abs(x - market[0]), abs(y - market[1])) for market in (WEST, EAST)))
        assert (closest < 9) == raids, closest
        assert near(state, bandit, CAMP, 4) != raids


def test_bandits_rob_coins_and_never_assets(perceives: bool) -> None:
    from world.borders import add_asset
    from world.items import FIND

    state = at_hour(flat(), DUSK_TICKS + 10)
    bandit, victim = put(state, BANDIT, 20.5, 20.5), put(state, PLAYER, 23.5, 20.5, coins=50)
    add_asset(state, state.new_id(), victim, FIND, 5)
    robbed = events_of(state, 120, Kind.ROBBED)
    assert bool(robbed) == perceives
    assert column(state, bandit, COINS) == sum(event.c for event in robbed)
    assert state.assets[1, 0] == victim
    check(state)


def test_by_day_bandits_rob_nobody() -> None:
    state = at_hour(flat(), 100)
    put(state, BANDIT, 20.5, 20.5)
    put(state, PLAYER, 23.5, 20.5, coins=50)
    assert not events_of(state, 120, Kind.ROBBED, Kind.HIT)


def test_the_mighty_beast_fells_a_player_in_a_few_blows_and_outlasts_a_wolf(perceives: bool) -> None:
    state = flat()
    beast, player = put(state, BEAST, 20.5, 20.5), put(state, PLAYER, 23.5, 20.5)
    blows = events_of(state, 300, Kind.HIT)
    assert (column(state, player, DOWN_TICKS) > 0 or any(event.d == 0 for event in blows)) == perceives
    assert len([event for event in blows if event.a == beast]) <= 8
    assert BUILT_IN[DAMAGE_OF, BEAST] > 4 * BUILT_IN[DAMAGE_OF, WOLF]


def test_villagers_are_at_home_by_night_and_at_work_by_day() -> None:
    """Ten villagers over a dusk and a dawn; by day, the control, most are not at home."""
    shares = {}
    for hour, ticks in ((DUSK_TICKS - 1_500, 2_400), (DAY_TICKS + 100, 900)):
        state = at_hour(two_markets(), hour)
        people = [
            put(state, VILLAGER, 8.5 + n, 20.5, work_x=24 + n % 5, work_y=30, home_x=8 + n, home_y=20, mode_ticks=1 + n)
            for n in range(10)
        ]
        run(state, ticks)
        shares[hour] = sum(
            near(state, one, (column(state, one, HOME_X), column(state, one, HOME_Y)), 4) for one in people
        )
    night, day = shares.values()
    assert night >= 9 and day <= 5, shares


def test_a_villager_takes_its_grain_to_market_and_sells_it_to_the_trader() -> None:
    sold = {}
    for with_trader in (True, False):
        state = two_markets()
        farmer = put(state, VILLAGER, 18.5, 16.5, home_x=9, home_y=14, work_x=18, work_y=16, mode=AT_WORK, mode_ticks=2)
        state.rows[GOODS_0 + GRAIN, state.row(farmer)] = 8
        if with_trader:
            put(state, TRADER, 12.5, 16.5, home_x=12, home_y=16, work_x=52, work_y=16, mode=AT_HOME, mode_ticks=3_000)
        modes = set()
        for tick in range(700):
            run(state, 1, tick)
            modes.add(column(state, farmer, MODE))
            if column(state, farmer, MODE) == AT_MARKET:
                sold[with_trader] = 8 - column(state, farmer, GOODS_0 + GRAIN)
        assert AT_MARKET in modes
    assert sold[True] > 0 and sold[False] == 0


def test_shared_ways_follow_the_map_when_doors_shut_and_open() -> None:
    """A wall with a doorway: with the door shut the way leads round, with it open through; no step jumps at once."""
    state = two_markets(walled=True)
    state.set_tile(32, 16, FLOOR, NONE, 0)
    run(state, 2 * ROUTE_STEP_TICKS)
    assert state.ways[1, 16, 31] == 0, "east, through the gap"
    state.set_tile(32, 16, DOOR, NONE, 0)
    run(state, 2 * ROUTE_STEP_TICKS, 1_000)
    assert state.ways[1, 16, 31] != 0, "round the wall"
    state.set_tile(32, 16, DOORWAY, NONE, 0)
    assert state.ways[1, 16, 31] != 0, "not in the same tick"
    run(state, 2 * ROUTE_STEP_TICKS, 2_000)
    assert state.ways[1, 16, 31] == 0


def test_a_state_restored_in_any_tick_has_the_same_ways_and_the_same_future() -> None:
    """Law: snapshot is arrays. The ways are not in it, and are the same again, in the midst of a change as well."""
    state = two_markets(walled=True)
    run(state, 30)
    state.set_tile(32, 20, FLOOR, NONE, 0)
    for tick in range(2 * ROUTE_STEP_TICKS + 10):
        run(state, 1, 100 + tick)
        if tick % 7 == 0 or tick < 12:
            again = decode(encode(state))
            assert (again.ways == state.ways).all(), tick
    again = decode(encode(state))
    for n in range(100):
        advance(state, Inputs(key(n)))
        advance(again, Inputs(key(n)))
    assert digest(again) == digest(state)
    assert int(state.routes.max()) <= ENDING | COMING


def test_ways_cross_the_regions_of_a_world() -> None:
    """Where the goal lies beyond the window the field leads to the edge from which the whole map's way is shortest."""
    terrain, feature = np.full((64, 128), GROUND, np.uint8), np.full((64, 128), NONE, np.uint8)
    terrain[:50, 70] = WALL
    tiles = make_map(terrain, feature, markets=[(5, 5), (122, 5)])
    west = genesis(tiles, (0, 0, 64, 64), [(64, 0, 128, 64)], 0, 2, (0, 0, 0))
    trader = put(west, TRADER, 20.5, 10.5, home_x=5, home_y=5, work_x=122, work_y=5, mode=AT_HOME, mode_ticks=1)
    left = []
    for tick in range(1_500):
        left += advance(west, Inputs(key(tick), open=(9,))).departures
        if left:
            break
    assert left and left[0][1] == trader
    whole = flow_field(tiles.terrain * 0 + (tiles.terrain == WALL), np.array([[122, 5]], np.int32))
    xs, ys = edge_tiles(west.terrain.shape)
    assert west.edges[1].tolist() == whole[ys, xs].tolist() and west.edges[1].min() < UNREACHED


def test_a_fallen_trader_is_followed_by_one_with_two_markets() -> None:
    state = two_markets()
    trader = put(state, TRADER, 30.5, 16.5, health=1, home_x=12, home_y=16, work_x=52, work_y=16, mode_ticks=900)
    put(state, WOLF, 31.5, 16.5)
    run(state, 900)
    assert trader not in state.index
    row = int(np.flatnonzero(state.rows[KIND] == TRADER)[0])
    home, work = state.rows[[HOME_X, HOME_Y], row].tolist(), state.rows[[WORK_X, WORK_Y], row].tolist()
    assert sorted([tuple(home), tuple(work)]) == [WEST, EAST]
    assert abs(int(state.rows[COINS, row]) - 300) <= 1

"""How villagers, deer and wolves behave; with controls: the same scenes without perception show nothing of it."""

from collections.abc import Iterator

import numpy as np
import pytest

from tests.world.lands import column, flat, key, place, put, run, two_halves
from world import tick as tick_module
from world.actions import Strike
from world.events import Kind
from world.generate import generate
from world.genesis import genesis
from world.ghosts import show
from world.habits import AT_HOME, AT_WORK, FLEE, SATED, TO_HOME, TO_WORK
from world.invariants import check
from world.items import GRAIN
from world.kinds import DEER, PLAYER, VILLAGER, WOLF
from world.species import BUILT_IN, FED_OF
from world.state import GOODS_0, KIND, MODE, MODE_TICKS, PATH_STEPS, VX, VY, State, X, Y
from world.tick import Inputs, advance
from world.tilemap import FIELD, GROUND, NONE, TREE, WALL, WATER
from world.units import TILE


@pytest.fixture(params=[True, False], ids=["perceiving", "control"])
def perceives(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[bool]:
    """Each scene twice: as it is, and with perception taken away."""
    if not request.param:
        monkeypatch.setattr(tick_module, "PERCEIVE", 0)
    yield request.param


def apart(state: State, one: int, two: int) -> float:
    return float(np.hypot(*np.subtract(place(state, one), place(state, two))))


def still_wolf(state: State, x: float, y: float) -> int:
    """A wolf that rests: fierce to look at, but it hunts nobody."""
    return put(state, WOLF, x, y, mode=SATED, mode_ticks=10_000)


def test_deer_flee_a_wolf_in_sight(perceives: bool) -> None:
    state = flat()
    deer, wolf = put(state, DEER, 20.5, 20.5), still_wolf(state, 24.5, 20.5)
    run(state, 30)
    fled = column(state, deer, MODE) == FLEE and apart(state, deer, wolf) > 6
    assert fled == perceives


@pytest.mark.parametrize("screen", ["wall", "wood", "water"])
def test_deer_do_not_flee_what_they_cannot_see(screen: str) -> None:
    """A wolf behind a wall or a wood is nothing to them; one across the water is."""
    state = flat()
    for y in range(64):
        for x in (22, 23):
            terrain = {"wall": WALL, "wood": GROUND, "water": WATER}[screen]
            state.set_tile(x, y, terrain, TREE if screen == "wood" else NONE, 0)
    deer = put(state, DEER, 20.5, 20.5)
    for y in range(17, 24):
        still_wolf(state, 25.5, y + 0.5)
    modes = set()
    for tick in range(30):
        run(state, 1, tick)
        modes.add(column(state, deer, MODE))
    assert (FLEE in modes) == (screen == "water")


def test_deer_shy_from_a_player_who_strikes_and_not_from_one_who_walks() -> None:
    for strikes in (False, True):
        state = flat()
        deer = put(state, DEER, 20.5, 20.5)
        player, victim = put(state, PLAYER, 24.5, 20.5), put(state, PLAYER, 25.5, 20.5)
        actions = ((player, Strike(victim)),) if strikes else ()
        run(state, 6, actions=actions)
        assert (column(state, deer, MODE) == FLEE) == strikes


def test_a_herd_keeps_together(perceives: bool) -> None:
    state = flat(96, 96)
    herd = [put(state, DEER, 45.5 + n % 4 * 1.5, 45.5 + n // 4 * 1.5, home_x=48, home_y=48) for n in range(12)]
    rows = [state.row(deer) for deer in herd]
    spreads = []
    for n in range(1500):
        run(state, 1, n)
        if n > 500:
            spreads.append(state.rows[X, rows].std() / TILE + state.rows[Y, rows].std() / TILE)
    assert (np.mean(spreads) < 9) == perceives, np.mean(spreads)


def test_villagers_flee_a_wolf(perceives: bool) -> None:
    state = flat()
    villager, wolf = put(state, VILLAGER, 20.5, 20.5, mode_ticks=500), still_wolf(state, 23.5, 20.5)
    run(state, 20)
    assert (column(state, villager, MODE) == FLEE) == perceives
    assert (apart(state, villager, wolf) > 4) == perceives


def u_shaped(state: State, terrain: int) -> None:
    """A U of this terrain round (20, 20), open to the west."""
    for x in range(14, 24):
        state.set_tile(x, 15, terrain, 0, 0)
        state.set_tile(x, 25, terrain, 0, 0)
    for y in range(15, 26):
        state.set_tile(23, y, terrain, 0, 0)


@pytest.mark.parametrize("terrain", [WALL, WATER])
def test_a_wolf_reaches_prey_round_a_u(terrain: int, perceives: bool) -> None:
    """The wolf is in the U, the prey behind its closed end: it is smelled through walls and seen across water."""
    state = flat()
    u_shaped(state, terrain)
    wolf = put(state, WOLF, 21.5, 20.5)
    prey = put(state, PLAYER, 25.5, 20.5)
    bitten = [event for out in run(state, 300) for event in out.events if event.kind == Kind.HIT]
    assert bool(bitten) == perceives
    assert all((event.a, event.b) == (wolf, prey) for event in bitten)


def test_a_wolf_remembers_where_it_saw_its_prey() -> None:
    state = flat()
    wolf, prey = put(state, WOLF, 20.5, 20.5), put(state, DEER, 29.5, 20.5)
    run(state, 5)
    state.free_row(prey)
    run(state, 70)
    assert apart(state, wolf, put(state, PLAYER, 29.5, 20.5)) < 6


def test_a_wolf_bites_kills_and_rests(perceives: bool) -> None:
    state = flat()
    for x in range(18, 25):
        for y in range(18, 25):
            if x in (18, 24) or y in (18, 24):
                state.set_tile(x, y, WALL, 0, 0)
    wolf, prey = put(state, WOLF, 20.5, 20.5), put(state, DEER, 22.5, 22.5)
    events = [event for out in run(state, 400) for event in out.events]
    died = [event for event in events if event.kind == Kind.DIED]
    assert [(event.a, event.b) for event in died] == ([(prey, wolf)] if perceives else [])
    if perceives:
        assert column(state, wolf, MODE) == SATED and column(state, wolf, MODE_TICKS) > BUILT_IN[FED_OF, WOLF] - 400


def test_a_wolf_bites_across_the_border_by_mail() -> None:
    west, east = two_halves()
    put(west, WOLF, 31.0, 10.5)
    prey = put(east, PLAYER, 32.2, 10.5)
    mail = []
    for tick in range(12):
        mail += advance(west, Inputs(key(tick), ghosts=show(east))).mail
    assert mail and mail[0][0] == 0
    hits = advance(east, Inputs(key(1), mail=[raw for _, raw in mail])).events
    assert hits[0].kind == Kind.HIT and hits[0].b == prey


def test_nobody_hunts_the_fallen() -> None:
    state = flat()
    put(state, WOLF, 20.5, 20.5)
    put(state, PLAYER, 22.5, 20.5, health=0, down_ticks=100)
    assert not [event for out in run(state, 90) for event in out.events]


def test_a_villager_goes_to_work_harvests_and_comes_home() -> None:
    state = flat()
    for x in range(40, 46):
        for y in range(10, 16):
            state.set_tile(x, y, GROUND, FIELD, 12)
    for y in range(0, 50):
        state.set_tile(30, y, WALL, 0, 0)
    villager = put(state, VILLAGER, 20.5, 12.5, work_x=43, work_y=13)
    seen: list[int] = []
    grain = 0
    for tick in range(9000):
        run(state, 1, tick)
        mode = column(state, villager, MODE)
        grain = max(grain, column(state, villager, GOODS_0 + GRAIN))
        if not seen or seen[-1] != mode:
            seen.append(mode)
            where = place(state, villager)
            if mode == AT_WORK:
                assert abs(where[0] - 43.5) < 2 and abs(where[1] - 13.5) < 2
            if mode == AT_HOME and len(seen) > 1:
                assert abs(where[0] - 20.5) < 2 and abs(where[1] - 12.5) < 2
        if len(seen) > 5:
            break
    assert seen[:5] == [AT_HOME, TO_WORK, AT_WORK, TO_HOME, AT_HOME]
    assert grain > 0


def test_a_villager_whose_field_cannot_be_reached_gives_up_and_lives_on() -> None:
    state = flat()
    for y in range(64):
        state.set_tile(30, y, WATER, 0, 0)
    villager = put(state, VILLAGER, 20.5, 12.5, work_x=43, work_y=13, mode_ticks=1)
    run(state, 20)
    assert column(state, villager, MODE) == AT_WORK and column(state, villager, PATH_STEPS) == 0
    assert place(state, villager)[0] < 30


def test_two_who_meet_in_a_gap_get_past_one_another() -> None:
    state = flat(32, 32)
    for y in range(32):
        if y not in (15, 16):
            state.set_tile(16, y, WALL, 0, 0)
    there = put(state, VILLAGER, 10.5, 15.5, work_x=22, work_y=15, mode_ticks=1)
    back = put(state, VILLAGER, 22.5, 15.5, work_x=10, work_y=15, mode_ticks=1)
    run(state, 300)
    assert place(state, there)[0] > 20 and place(state, back)[0] < 12


@pytest.mark.parametrize("seed", [1, 7])
def test_at_least_half_of_the_two_thousand_move_on_any_tick(seed: int) -> None:
    state = genesis(generate(seed), (0, 0, 256, 256), [], 0, 1)
    assert len(state.index) == 2000
    run(state, 100)
    shares = []
    for tick in range(100, 500):
        before, ids = state.rows[[X, Y]].copy(), state.ids.copy()
        run(state, 1, tick)
        npcs = (state.rows[KIND] >= VILLAGER) & (state.rows[KIND] <= WOLF) & (ids == state.ids)
        moved = (before != state.rows[[X, Y]]).any(axis=0) & npcs
        shares.append(moved.sum() / npcs.sum())
    check(state)
    assert np.mean(shares) > 0.7 and min(shares) > 0.5
    assert (state.rows[[VX, VY]] != 0).any(axis=0).sum() > 1000


def test_the_population_stays() -> None:
    state = genesis(generate(2, 96, 96), (0, 0, 96, 96), [], 0, 1, (60, 60, 20))
    before = [int((state.rows[KIND] == kind).sum()) for kind in (VILLAGER, DEER, WOLF)]
    outs = run(state, 4000)
    died = sum(event.kind == Kind.DIED for out in outs for event in out.events)
    owed = np.bincount(state.owed[:, 0], minlength=5)[[VILLAGER, DEER, WOLF]]
    after = [int((state.rows[KIND] == kind).sum()) for kind in (VILLAGER, DEER, WOLF)]
    assert died > 3
    assert [int(n + m) for n, m in zip(after, owed)] == before
    check(state)

"""Bodies do not overlap deeply and never enter a wall: checked in floats, by an independent measure."""

from random import Random

import numpy as np
import numpy.typing as npt
import pytest

from tests.world.lands import flat, key, place, put, run
from world.collision import Ground, settle
from world.ghosts import NO_GHOSTS, show
from world.kinds import DEER, PILE, PLAYER, VILLAGER, WOLF
from world.species import RADIUS
from world.state import INTENT_X, INTENT_Y, KIND, VX, VY, Counter, State, X, Y
from world.tick import Inputs, advance
from world.tilemap import GROUND, WALL
from world.units import TILE
from world.walls import walls_around

Floats = npt.NDArray[np.float64]


def overlaps(state: State) -> Floats:
    """For every overlapping pair: how deep, in tiles."""
    rows = state.rows[:, : state.used]
    bodies = rows[:, (rows[KIND] >= PLAYER) & (rows[KIND] <= WOLF)]
    x, y, r = bodies[X] / TILE, bodies[Y] / TILE, RADIUS[bodies[KIND]] / TILE
    apart = np.hypot(x[:, None] - x, y[:, None] - y)
    depth = np.triu(r[:, None] + r - apart, 1)
    return depth[depth > 0]


def wall_depth(state: State) -> float:
    """How deep the deepest body is in a wall, in tiles."""
    deepest = 0.0
    rows = state.rows
    for row in np.flatnonzero((rows[KIND] >= PLAYER) & (rows[KIND] <= WOLF)):
        x, y, r = rows[X, row] / TILE, rows[Y, row] / TILE, RADIUS[rows[KIND, row]] / TILE
        for ty in range(int(y) - 1, int(y) + 2):
            for tx in range(int(x) - 1, int(x) + 2):
                inside = 0 <= tx < state.world_size[0] and 0 <= ty < state.world_size[1]
                if inside and not state.blocked[ty - state.window[1], tx - state.window[0]]:
                    continue
                near = np.hypot(x - min(max(x, tx), tx + 1), y - min(max(y, ty), ty + 1))
                deepest = max(deepest, float(r - near))
    return deepest


def pillared(seed: int) -> State:
    """A land with a fifth of its tiles walled off at random."""
    state = flat(48, 48)
    chance = Random(seed)
    for y in range(48):
        for x in range(48):
            if chance.random() < 0.2:
                state.set_tile(x, y, WALL, 0, 0)
    return state


def test_a_dense_crowd_pressing_on_walls_and_one_another_stays_apart() -> None:
    state = pillared(1)
    chance = Random(2)
    players = []
    for y in range(48):
        for x in range(48):
            if not state.blocked[y, x] and chance.random() < 0.35:
                players.append(put(state, PLAYER, x + 0.5, y + 0.5))
    assert len(players) > 500
    depths = []
    for tick in range(180):
        if tick % 30 == 0:
            for player in players:
                row = state.index[player]
                state.rows[INTENT_X, row] = chance.randint(-127, 127)
                state.rows[INTENT_Y, row] = chance.randint(-127, 127)
        advance(state, Inputs(key(tick)))
        assert wall_depth(state) <= 0
        depths.append(overlaps(state))
    found = np.concatenate(depths[20:])
    assert found.mean() < 0.005
    deep = (found > 0.07).sum()
    assert deep / len(found) < 0.01, f"{deep} of {len(found)} pairs overlap by more than a tenth of their diameter"
    assert found.max() < 0.35


def test_a_crowd_that_wants_to_one_point_is_dense_but_not_deep() -> None:
    state = flat(48, 48)
    for n in range(150):
        put(state, PLAYER, 12.5 + n % 15 * 1.5, 12.5 + n // 15 * 1.5)
    for tick in range(200):
        rows = state.rows[:, : state.used]
        rows[INTENT_X] = np.clip((24 * TILE - rows[X]) // 4000, -127, 127)
        rows[INTENT_Y] = np.clip((24 * TILE - rows[Y]) // 4000, -127, 127)
        advance(state, Inputs(key(tick)))
    found = overlaps(state)
    assert found.mean() < 0.04 and found.max() < 0.25


@pytest.mark.parametrize("speed", [18_000, 13_107, 4_000])
@pytest.mark.parametrize("angle", range(0, 360, 15))
def test_nobody_passes_a_wall_of_one_tile(speed: int, angle: int) -> None:
    """A ring of walls, a body thrown at it again and again at any angle: it stays inside."""
    state = flat(32, 32)
    for at in range(10, 21):
        for x, y in ((at, 10), (at, 20), (10, at), (20, at)):
            state.set_tile(x, y, WALL, 0, 0)
    player = put(state, PLAYER, 15.5, 15.5)
    row = state.index[player]
    for tick in range(60):
        state.rows[VX, row] = round(speed * np.cos(np.radians(angle)))
        state.rows[VY, row] = round(speed * np.sin(np.radians(angle)))
        advance(state, Inputs(key(tick)))
        assert wall_depth(state) <= 0
    x, y = place(state, player)
    assert 11 < x < 20 and 11 < y < 20


def test_no_gap_between_walls_that_meet_at_a_corner() -> None:
    state = flat(16, 16)
    for at in range(16):
        state.set_tile(at, at, WALL, 0, 0)
    player = put(state, PLAYER, 9.5, 4.5, intent_x=-90, intent_y=90)
    run(state, 100)
    x, y = place(state, player)
    assert x > y and wall_depth(state) <= 0


def test_the_edge_of_the_world_is_solid() -> None:
    state = flat(32, 32)
    players = [put(state, PLAYER, 16.5, 16.5, intent_x=dx, intent_y=dy) for dx, dy in ((127, 0), (-127, -127))]
    run(state, 200)
    assert wall_depth(state) <= 0
    assert place(state, players[0])[0] == pytest.approx(32 - RADIUS[PLAYER] / TILE, abs=1e-4)
    assert place(state, players[1]) == pytest.approx((RADIUS[PLAYER] / TILE,) * 2, abs=1e-4)


def test_the_lighter_gives_way_more() -> None:
    state = flat()
    deer, wolf = put(state, DEER, 20.0, 20.0), put(state, WOLF, 20.2, 20.0)
    boxes, rooms = state.border_boxes, np.zeros(0, np.int64)
    ground = Ground(state.blocked, state.walls, 0, 0, state.land_box, boxes, rooms)
    settle(state.rows, state.used, NO_GHOSTS.table, ground, state.species)
    assert 20.0 - place(state, deer)[0] < place(state, wolf)[0] - 20.2


def test_two_bodies_in_one_place_come_apart() -> None:
    state = flat()
    for _ in range(3):
        put(state, VILLAGER, 20.5, 20.5)
    run(state, 40)
    assert not len(overlaps(state)) or overlaps(state).max() < 0.05


def test_a_ghost_is_solid_and_a_pile_is_not() -> None:
    west = flat(64, 32, (0, 0, 32, 32), [(32, 0, 64, 32)])
    east = flat(64, 32, (32, 0, 64, 32), [(0, 0, 32, 32)])
    east.counters[Counter.REGION] = 1
    put(east, PLAYER, 32.4, 10.5)
    put(east, PILE, 32.4, 20.5, mode_ticks=1000)
    stopped = put(west, PLAYER, 29.5, 10.5, intent_x=127)
    passing = put(west, PLAYER, 29.5, 20.5, intent_x=127)
    for tick in range(40):
        advance(west, Inputs(key(tick), ghosts=show(east)))
    assert place(west, stopped)[0] < 32.4 - 2 * RADIUS[PLAYER] / TILE + 0.01
    assert place(west, passing)[0] == pytest.approx(32.25, abs=0.01)


def test_a_body_on_a_tile_that_became_solid_is_put_on_open_ground() -> None:
    state = flat()
    player = put(state, PLAYER, 20.5, 20.5)
    for y in range(19, 22):
        for x in range(19, 22):
            state.set_tile(x, y, WALL, 0, 0)
    run(state, 1)
    x, y = place(state, player)
    assert not state.blocked[int(y), int(x)]
    assert max(abs(x - 20.5), abs(y - 20.5)) == 2


def test_the_walls_around_follow_every_change() -> None:
    state = pillared(3)
    chance = Random(4)
    for _ in range(300):
        x, y = chance.randrange(48), chance.randrange(48)
        state.set_tile(x, y, WALL if state.terrain[y, x] == GROUND else GROUND, 0, 0)
    assert (state.walls == walls_around(state.blocked)).all()

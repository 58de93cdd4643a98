"""Walking: speed by kind and ground, friction, timers."""

import pytest

from tests.world.lands import column, flat, place, put, run
from world.kinds import PLAYER
from world.movement import facing, velocity
from world.species import HEALTH_MAX, SPEED
from world.state import COOLDOWN, DOWN_TICKS, FACING, HEALTH, HURT_TICKS
from world.tilemap import GROUND, MUD
from world.units import SPEED_MAX, TICKS_PER_SECOND, TILE


def test_a_player_walks_four_tiles_a_second() -> None:
    state = flat()
    player = put(state, PLAYER, 10.5, 10.5, intent_x=127)
    run(state, 5)
    before = place(state, player)
    run(state, TICKS_PER_SECOND)
    after = place(state, player)
    assert after[0] - before[0] == pytest.approx(4, abs=0.01)
    assert after[1] == before[1]


def test_mud_halves_the_speed() -> None:
    state = flat()
    for y in range(5, 15):
        for x in range(5, 40):
            state.set_tile(x, y, MUD, 0, 0)
    player = put(state, PLAYER, 10.5, 10.5, intent_x=127)
    run(state, 8)
    before = place(state, player)
    run(state, TICKS_PER_SECOND)
    assert place(state, player)[0] - before[0] == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize("intent", [(127, 0), (90, 90), (-127, 127), (127, 127), (-5, 3), (0, -127)])
def test_no_intent_is_faster_than_the_kind(intent: tuple[int, int]) -> None:
    vx, vy = 0, 0
    for _ in range(10):
        vx, vy = velocity(vx, vy, *intent, int(SPEED[PLAYER]), GROUND)
    assert vx * vx + vy * vy <= int(SPEED[PLAYER]) ** 2


def test_friction_stops_whoever_wants_to_stand() -> None:
    state = flat()
    player = put(state, PLAYER, 10.5, 10.5, vx=SPEED_MAX)
    run(state, 5)
    stopped = place(state, player)
    run(state, 5)
    assert place(state, player) == stopped
    assert stopped[0] > 10.5 + SPEED_MAX / TILE / 2


def test_velocity_is_the_way_gone() -> None:
    from world.state import VX, VY, X, Y

    state = flat()
    player = put(state, PLAYER, 10.5, 10.5, intent_x=100, intent_y=-50)
    for tick in range(20):
        x, y = column(state, player, X), column(state, player, Y)
        run(state, 1, tick)
        assert column(state, player, X) == x + column(state, player, VX)
        assert column(state, player, Y) == y + column(state, player, VY)


def test_facing_is_one_of_eight_clockwise_from_east() -> None:
    directions = [(1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1)]
    assert [facing(100 * x, 100 * y, 0) for x, y in directions] == list(range(8))
    assert facing(0, 0, 5) == 5
    assert facing(100, 30, 0) == 0 and facing(100, 60, 0) == 1


def test_timers_run_down_and_a_fallen_player_stands_again_healed() -> None:
    state = flat()
    player = put(state, PLAYER, 10.5, 10.5, cooldown=3, hurt_ticks=2, down_ticks=4, health=0, intent_x=127)
    run(state, 3)
    assert column(state, player, COOLDOWN) == column(state, player, HURT_TICKS) == 0
    assert column(state, player, DOWN_TICKS) == 1 and place(state, player) == (10.5, 10.5)
    run(state, 2, 3)
    assert column(state, player, DOWN_TICKS) == 0
    assert column(state, player, HEALTH) == HEALTH_MAX[PLAYER]
    assert column(state, player, FACING) == 0


def test_health_comes_back_slowly_and_no_further_than_full() -> None:
    state = flat()
    player = put(state, PLAYER, 10.5, 10.5, health=int(HEALTH_MAX[PLAYER]) - 2)
    run(state, 200)
    assert column(state, player, HEALTH) == HEALTH_MAX[PLAYER]

"""The map changes: walls, floors, digging; and the neighbours who see the tile learn of it."""

import pytest

from tests.world.lands import column, flat, place, put, run, two_halves
from tests.world.test_economy import act
from world.actions import Build, Dig
from world.events import Event, Kind, Refusal
from world.ghosts import show
from world.items import BUILD_COST, BUILD_TICKS, STONE, WOOD
from world.kinds import PILE, PLAYER, VILLAGER
from world.mail import decode_mail
from world.state import GOODS_0, State
from world.tick import Inputs, advance
from world.tilemap import FLOOR, GROUND, MUD, NONE, ROCK, TREE, WALL, WATER


def builder(state: State, x: float = 10.5, y: float = 10.5) -> int:
    entity = put(state, PLAYER, x, y, goods_0=20)
    state.rows[GOODS_0 + STONE, state.row(entity)] = 20
    return entity


@pytest.mark.parametrize(
    ("before", "terrain", "item"),
    [(GROUND, WALL, STONE), (MUD, WALL, STONE), (FLOOR, WALL, STONE), (MUD, FLOOR, WOOD), (WATER, FLOOR, WOOD)],
)
def test_what_is_built_on_what(before: int, terrain: int, item: int) -> None:
    state = flat()
    state.set_tile(12, 10, before, NONE, 0)
    player = builder(state)
    verdict, out = act(state, player, Build(12, 10, terrain))
    assert verdict == Refusal.DONE and Event(Kind.BUILT, player, 12, 10, terrain) in out.events
    assert state.terrain[10, 12] == terrain and state.blocked[10, 12] == (terrain == WALL)
    assert column(state, player, GOODS_0 + item) == 20 - BUILD_COST
    assert act(state, player, Dig(12, 10), 1)[0] == Refusal.TOO_SOON
    run(state, BUILD_TICKS)
    verdict, out = act(state, player, Dig(12, 10), 2)
    assert verdict == Refusal.DONE and Event(Kind.DUG, player, 12, 10, terrain) in out.events
    assert state.terrain[10, 12] == GROUND
    assert column(state, player, GOODS_0 + item) == 20 - BUILD_COST + 1


def test_where_nothing_is_built() -> None:
    state = flat(32, 32)
    player = builder(state, 2.5, 2.5)
    state.set_tile(3, 3, GROUND, TREE, 5)
    put(state, PILE, 3.5, 1.5, mode_ticks=999)
    put(state, VILLAGER, 1.5, 3.9, mode_ticks=999)
    for action, reason in {
        Build(3, 3, WALL): Refusal.WRONG_PLACE,
        Build(3, 2, FLOOR): Refusal.WRONG_PLACE,
        Build(3, 2, WATER): Refusal.NOT_AN_ACTION,
        Build(3, 2, 15): Refusal.NOT_AN_ACTION,
        Build(2, 0, WALL): Refusal.WRONG_PLACE,
        Build(20, 20, WALL): Refusal.OUT_OF_REACH,
        Build(2, 2, WALL): Refusal.NO_ROOM,
        Build(3, 1, WALL): Refusal.NO_ROOM,
        Build(1, 3, WALL): Refusal.NO_ROOM,
        Dig(3, 2): Refusal.WRONG_PLACE,
        Dig(3, 3): Refusal.WRONG_PLACE,
        Dig(31, 31): Refusal.OUT_OF_REACH,
        Dig(2, 0): Refusal.WRONG_PLACE,
    }.items():
        assert act(state, player, action)[0] == reason, action
    state.rows[GOODS_0 + STONE, state.row(player)] = BUILD_COST - 1
    assert act(state, player, Build(3, 2, WALL))[0] == Refusal.NOT_ENOUGH


def test_digging_a_rock_takes_it_away() -> None:
    state = flat()
    state.set_tile(12, 10, MUD, ROCK, 30)
    player = builder(state)
    assert act(state, player, Dig(12, 10))[0] == Refusal.DONE
    assert (state.terrain[10, 12], state.feature[10, 12], state.stock[10, 12]) == (MUD, NONE, 0)
    assert not state.blocked[10, 12] and column(state, player, GOODS_0 + STONE) == 21


def test_a_wall_stops_and_a_dug_wall_lets_pass() -> None:
    state = flat()
    for y in range(0, 64):
        state.set_tile(12, y, WALL, NONE, 0)
    player = builder(state)
    state.rows[5, state.row(player)] = 127
    run(state, 30)
    assert place(state, player)[0] < 12
    assert act(state, player, Dig(12, 10))[0] == Refusal.DONE
    run(state, 30)
    assert place(state, player)[0] > 13


def test_a_tile_near_the_border_is_told_and_the_neighbour_follows() -> None:
    west, east = two_halves()
    player = builder(west, 29.5, 10.5)
    _, out = act(west, player, Build(31, 10, WALL))
    assert [neighbour for neighbour, _ in out.mail] == [0]
    advance(east, Inputs(bytes(32), mail=[raw for _, raw in out.mail]))
    assert east.terrain[10, 31 - east.window[0]] == WALL
    assert east.blocked[10, 31 - east.window[0]] == 1
    assert act(west, player, Build(32, 10, WALL), 20)[0] in (Refusal.TOO_SOON, Refusal.ACROSS_BORDER)
    run(west, BUILD_TICKS)
    walker = builder(west, 31.5, 20.5)
    assert act(west, walker, Build(32, 20, WALL), 21)[0] == Refusal.ACROSS_BORDER


def test_a_tile_far_from_the_border_is_not_told_and_a_neighbour_cannot_change_mine() -> None:
    west, east = two_halves()
    player = builder(west, 5.5, 10.5)
    _, out = act(west, player, Build(7, 10, WALL))
    assert out.mail == []
    player = builder(west, 29.5, 10.5)
    _, out = act(west, player, Build(31, 10, WALL), 1)
    before = west.terrain.copy()
    west.set_tile(31, 10, GROUND, NONE, 0)
    advance(west, Inputs(bytes(32), mail=[raw for _, raw in out.mail]))
    assert west.terrain[10, 31] == GROUND and before[10, 31] == WALL
    assert decode_mail(out.mail[0][1]).x == 31  # type: ignore[union-attr]
    assert len(east.index) == 0


def test_no_wall_is_built_on_a_ghost() -> None:
    west, east = two_halves()
    put(east, PLAYER, 32.1, 10.5)
    player = builder(west, 30.0, 10.5)
    assert act(west, player, Build(31, 10, WALL), ghosts=show(east))[0] == Refusal.NO_ROOM

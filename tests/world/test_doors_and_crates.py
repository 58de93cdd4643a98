"""Doors that block movement, sight and paths, and locks; crates that are pushed, filled and broken."""

import numpy as np
import pytest

from tests.world.lands import column, count, flat, key, place, put, run, two_halves
from world import doors
from world.actions import Action, Build, Dig, Drop, Give, Move, PickUp, Strike, UseDoor
from world.doors import LOCK, OPEN, SHUT, UNLOCK
from world.encoding import decode, encode
from world.events import Kind, Refusal
from world.habits import FLEE
from world.invariants import check
from world.items import GRAIN, WOOD
from world.kinds import CRATE, DEER, PILE, PLAYER, VILLAGER, WOLF
from world.species import HEALTH_MAX
from world.state import COOLDOWN, DOOR_LOCKED, DOOR_OWNER, GOODS_0, HEALTH, KIND, MODE, State, X
from world.tick import Inputs, advance
from world.tilemap import DOOR, DOORWAY, NONE, WALL
from world.units import TILE


def walled(state: State, x: int, tile: int) -> None:
    """A wall across the land at column x, with one tile of another kind in row 10."""
    for y in range(64):
        state.set_tile(x, y, tile if y == 10 else WALL, NONE, 0)


def do(state: State, entity: int, action: Action) -> Refusal:
    """One action, whatever was done before; its verdict."""
    state.rows[COOLDOWN, state.row(entity)] = 0
    out = advance(state, Inputs(key(int(state.counters[0])), actions=((entity, action),)))
    check(state)
    return Refusal(out.verdicts[0])


def terrain(state: State, x: int, y: int) -> int:
    return int(state.terrain[y - state.window[1], x - state.window[0]])


@pytest.mark.parametrize("tile", [DOOR, DOORWAY], ids=["shut", "open (control)"])
def test_a_shut_door_blocks_the_way(tile: int) -> None:
    state = flat()
    walled(state, 14, tile)
    walker = put(state, PLAYER, 12.5, 10.5, intent_x=127)
    run(state, 30)
    assert (place(state, walker)[0] < 14) == (tile == DOOR)


@pytest.mark.parametrize("tile", [DOOR, DOORWAY], ids=["shut", "open (control)"])
def test_a_shut_door_blocks_sight(tile: int) -> None:
    state = flat()
    walled(state, 14, tile)
    deer = put(state, DEER, 11.5, 10.5)
    put(state, WOLF, 17.5, 10.5, mode=8, mode_ticks=10_000)
    fled = False
    for _ in range(8):
        run(state, 1)
        fled = fled or column(state, deer, MODE) == FLEE
    assert fled == (tile == DOORWAY)


@pytest.mark.parametrize("tile", [DOOR, DOORWAY], ids=["shut", "open (control)"])
def test_a_shut_door_blocks_a_path(tile: int) -> None:
    state = flat()
    walled(state, 30, tile)
    villager = put(state, VILLAGER, 26.5, 14.5, home_x=26, home_y=14, work_x=34, work_y=14, mode=0, mode_ticks=1)
    far = max(place(state, villager)[0] for _ in range(400) if run(state, 1))
    assert (far > 31) == (tile == DOORWAY)


def test_a_door_is_built_used_locked_and_dug_away_by_its_owner_alone() -> None:
    state = flat()
    owner, other = put(state, PLAYER, 20.5, 20.5, goods_0=5), put(state, PLAYER, 22.5, 22.5, goods_0=5)
    assert do(state, owner, Build(21, 21, DOOR)) == Refusal.DONE
    assert terrain(state, 21, 21) == DOOR and state.doors[0].tolist() == [21, 21, owner, 0]
    assert do(state, other, UseDoor(21, 21, LOCK)) == Refusal.NOT_YOURS
    assert do(state, other, UseDoor(21, 21, OPEN)) == Refusal.DONE and terrain(state, 21, 21) == DOORWAY
    assert do(state, owner, UseDoor(21, 21, LOCK)) == Refusal.NOTHING_THERE, "an open door cannot be locked"
    assert do(state, other, UseDoor(21, 21, SHUT)) == Refusal.DONE
    assert do(state, owner, UseDoor(21, 21, LOCK)) == Refusal.DONE
    assert do(state, other, UseDoor(21, 21, OPEN)) == Refusal.LOCKED
    assert do(state, other, Dig(21, 21)) == Refusal.LOCKED
    assert do(state, owner, UseDoor(21, 21, OPEN)) == Refusal.DONE
    assert do(state, owner, UseDoor(21, 21, SHUT)) == Refusal.DONE
    assert do(state, other, UseDoor(21, 21, OPEN)) == Refusal.LOCKED, "it is still locked"
    assert do(state, owner, UseDoor(21, 21, UNLOCK)) == Refusal.DONE
    again = decode(encode(state))
    assert again.doors[0, [DOOR_OWNER, DOOR_LOCKED]].tolist() == [owner, 0]
    assert do(state, other, Dig(21, 21)) == Refusal.DONE and not len(state.doors)
    assert column(state, owner, GOODS_0 + WOOD) == 3 and column(state, other, GOODS_0 + WOOD) == 6


def test_nobody_is_shut_into_a_door_and_a_doors_use_is_told() -> None:
    state = flat()
    owner = put(state, PLAYER, 20.5, 20.5, goods_0=5)
    do(state, owner, Build(21, 20, DOOR))
    do(state, owner, UseDoor(21, 20, OPEN))
    put(state, PLAYER, 21.5, 20.5)
    assert do(state, owner, UseDoor(21, 20, SHUT)) == Refusal.NO_ROOM
    assert do(state, owner, UseDoor(22, 20, OPEN)) == Refusal.NOTHING_THERE
    assert do(state, owner, UseDoor(30, 20, OPEN)) == Refusal.OUT_OF_REACH


def test_the_neighbour_sees_a_door_shut_and_open() -> None:
    west, east = two_halves()
    owner = put(west, PLAYER, 29.5, 16.5, goods_0=5)
    for action, tile in ((Build(30, 16, DOOR), DOOR), (UseDoor(30, 16, OPEN), DOORWAY)):
        west.rows[COOLDOWN, west.row(owner)] = 0
        out = advance(west, Inputs(key(1), actions=((owner, action),)))
        advance(east, Inputs(key(1), mail=[raw for _, raw in out.mail]))
        assert terrain(east, 30, 16) == tile


def test_a_lock_is_no_use_where_the_rule_does_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the locks."""
    monkeypatch.setattr(doors, "locked_to", lambda *_: False)
    state = flat()
    owner, other = put(state, PLAYER, 20.5, 20.5, goods_0=5), put(state, PLAYER, 22.5, 22.5)
    do(state, owner, Build(21, 21, DOOR))
    do(state, owner, UseDoor(21, 21, LOCK))
    assert do(state, other, UseDoor(21, 21, OPEN)) == Refusal.DONE


@pytest.mark.parametrize("kind", [CRATE, PILE], ids=["crate", "pile (control)"])
def test_a_crate_is_pushed_by_who_walks_into_it_and_slows_it(kind: int) -> None:
    state = flat()
    put(state, PLAYER, 10.5, 10.5, intent_x=127)
    thing = put(state, kind, 12.5, 10.5, mode_ticks=1000)
    run(state, 40)
    walker = state.ids[0]
    moved = place(state, thing)[0] - 12.5
    assert (moved > 0.5) == (kind == CRATE)
    assert (place(state, int(walker))[0] < 16) == (kind == CRATE)
    if kind == CRATE:
        run(state, 1, actions=((int(walker), Move(0, 0)),))
        run(state, 20)
        rest = place(state, thing)
        run(state, 5)
        assert place(state, thing) == rest, "it stands when nobody pushes"


def test_a_crate_stops_at_a_wall_and_crosses_a_border() -> None:
    state = flat()
    walled(state, 14, WALL)
    put(state, PLAYER, 10.5, 10.5, intent_x=127)
    crate = put(state, CRATE, 12.5, 10.5)
    run(state, 100)
    assert place(state, crate)[0] < 14
    west, east = two_halves()
    put(west, PLAYER, 30.5, 16.5, intent_x=127)
    crate = put(west, CRATE, 31.6, 16.5, goods_0=7)
    for tick in range(100):
        out = advance(west, Inputs(key(tick), open=(4,)))
        advance(east, Inputs(key(tick), arrivals=[image for _, _, image in out.departures]))
    assert east.row(crate) >= 0 and column(east, crate, GOODS_0 + WOOD) == 7


def test_a_crate_holds_goods_and_breaks_for_them() -> None:
    state = flat()
    one = put(state, PLAYER, 10.5, 10.5)
    state.rows[GOODS_0 + GRAIN, state.row(one)] = 9
    crate = put(state, CRATE, 11.5, 10.5)
    assert do(state, one, Give(crate, GRAIN, 9)) == Refusal.DONE
    assert column(state, crate, GOODS_0 + GRAIN) == 9 and column(state, one, GOODS_0 + GRAIN) == 0
    assert do(state, one, PickUp(crate)) == Refusal.NO_SUCH_TARGET
    blows = 0
    while state.row(crate) >= 0:
        assert do(state, one, Strike(crate)) == Refusal.DONE
        blows += 1
        assert blows < 10
    assert blows == HEALTH_MAX[CRATE] // 10
    pile = int(state.ids[np.flatnonzero(state.rows[KIND, : state.used] == PILE)[0]])
    assert column(state, pile, GOODS_0 + GRAIN) == 9 and column(state, pile, GOODS_0 + WOOD) == 3
    assert count(state, CRATE) == 0 and not len(state.owed), "no crate is born again"


def test_crates_do_not_heal_and_a_breaking_is_told() -> None:
    state = flat()
    one, crate = put(state, PLAYER, 10.5, 10.5), put(state, CRATE, 11.5, 10.5, health=10)
    run(state, 130)
    assert column(state, crate, HEALTH) == 10
    out = advance(state, Inputs(key(5), actions=((one, Strike(crate)),)))
    told = [event for event in out.events if event.kind == Kind.BROKEN]
    assert [(event.a, event.b, event.d) for event in told] == [(crate, one, 10)]
    assert do(state, one, Drop(WOOD, 1)) == Refusal.NOT_ENOUGH
    assert int(state.rows[X, state.row(one)]) < 11 * TILE

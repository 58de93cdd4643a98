"""Arrows and stones: what they strike, what stops them, where they end; each scene with its control."""

from collections.abc import Callable

import numpy as np
import pytest

from tests.world.lands import column, count, flat, key, place, put, run, two_halves
from world import missiles
from world.actions import Shoot
from world.events import Event, Kind, Refusal
from world.invariants import check
from world.items import ARROW, BOW, STONE
from world.kinds import CRATE, MISSILE, PILE, PLAYER
from world.species import HEALTH_MAX
from world.state import COOLDOWN, GOODS_0, HEALTH, KIND, VX, WEAPON, Int64s, State, X
from world.tick import Inputs, advance
from world.tilemap import DOOR, DOORWAY, NONE, WALL, WATER
from world.units import BORDER_MARGIN, MISSILES_MAX, TILE


def archer(state: State, x: float, y: float, arrows: int = 5) -> int:
    """A player with a bow in hand."""
    entity = put(state, PLAYER, x, y, weapon=1 + BOW)
    state.rows[GOODS_0 + ARROW, state.row(entity)] = arrows
    return entity


def shot(state: State, entity: int, dx: int, dy: int, ticks: int = 20) -> list[Event]:
    """One shot, and what happens until it has ended."""
    out = advance(state, Inputs(key(0), actions=((entity, Shoot(dx, dy)),)))
    assert out.verdicts == [Refusal.DONE]
    events = list(out.events)
    for later in run(state, ticks, 1):
        events += later.events
        check(state)
    return events


@pytest.mark.parametrize("swept", [True, False], ids=["swept", "control"])
def test_an_arrow_strikes_what_lies_between_the_places_of_two_ticks(
    swept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nine tenths of a tile a tick: the body stands between two of the arrow's places and is touched at neither."""
    if not swept:
        monkeypatch.setattr(missiles, "fly", _fly_by_places)
    state = flat()
    one = archer(state, 10.5, 10.5)
    crate = put(state, CRATE, 10.5 + 58_000 / TILE * 3.5, 10.5 + 0.41)
    struck = Kind.HIT in [event.kind for event in shot(state, one, 127, 0)]
    assert struck == swept == (column(state, crate, HEALTH) < HEALTH_MAX[CRATE])


def _fly_by_places(rows: np.ndarray, ids: Int64s, used: int, ghosts: Int64s, *rest: object) -> Int64s:
    """Without the sweep: a missile moves, and strikes only what it overlaps where it comes to be."""
    stopped = []
    for i in range(used):
        if rows[KIND, i] != MISSILE:
            continue
        dx = int(rows[VX, i])
        rows[X, i] += dx
        for k in range(used):
            far = np.hypot(float(rows[X, k] - rows[X, i]), float(rows[X + 1, k] - rows[X + 1, i]))
            if rows[KIND, k] == CRATE and far < 0.43 * TILE:
                stopped.append([i, k, dx, 0])
    return np.array(stopped, np.int64).reshape(-1, 4)


@pytest.mark.parametrize("tile", [WALL, DOOR, DOORWAY, WATER], ids=["wall", "shut door", "open door", "water"])
def test_walls_and_shut_doors_stop_it_open_doors_and_water_do_not(tile: int) -> None:
    state = flat()
    one, crate = archer(state, 10.5, 10.5), put(state, CRATE, 17.5, 10.5)
    state.set_tile(14, 10, tile, NONE, 0)
    events = shot(state, one, 127, 0)
    stops = tile in (WALL, DOOR)
    assert (Kind.HIT not in [event.kind for event in events]) == stops
    assert column(state, crate, HEALTH) == (HEALTH_MAX[CRATE] if stops else HEALTH_MAX[CRATE] - 18)
    assert count(state, MISSILE) == 0
    for row in np.flatnonzero(state.rows[KIND, : state.used] == PILE).tolist():
        assert int(state.rows[X, row]) < 14 * TILE or not stops, "it lies before the wall"


def test_it_ends_after_its_range_and_lies_there_or_is_broken() -> None:
    state = flat(64, 16)
    one = archer(state, 4.5, 8.5, 40)
    for number in range(40):
        state.rows[COOLDOWN, state.row(one)] = 0
        state.rows[WEAPON, state.row(one)] = 1 + BOW  # whatever broke
        assert advance(state, Inputs(key(1000 + number), actions=((one, Shoot(127, 0)),))).verdicts == [0]
    run(state, 20, 2000)
    piles = np.flatnonzero(state.rows[KIND, : state.used] == PILE)
    left = int(state.rows[GOODS_0 + ARROW, piles].sum())
    far = (state.rows[X, piles] / TILE).tolist()
    assert count(state, MISSILE) == 0 and 8 < left < 32, "about half of them break"
    assert all(18 < x < 19.5 for x in far), far
    assert column(state, one, GOODS_0 + ARROW) == 0


@pytest.mark.parametrize("knocks", [True, False], ids=["knocks", "control"])
def test_a_hit_knocks_back_along_the_arrows_way(knocks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not knocks:
        monkeypatch.setattr(missiles, "shortened", lambda x, y, limit: (0, 0))
    state = flat()
    one, other = archer(state, 10.5, 10.5), put(state, PLAYER, 14.5, 10.5)
    events = shot(state, one, 127, 0)
    hit = next(event for event in events if event.kind == Kind.HIT)
    assert (hit.a, hit.b, hit.c, hit.d) == (one, other, 18, 82)
    assert (place(state, other)[0] > 14.6) == knocks and place(state, other)[1] == 10.5


def test_who_shot_is_never_struck_by_it_and_the_first_on_the_way_is() -> None:
    state = flat()
    one = archer(state, 10.5, 10.5)
    near, far = put(state, PLAYER, 13.5, 10.6), put(state, PLAYER, 14.2, 10.4)
    shot(state, one, 127, 0)
    assert (column(state, one, HEALTH), column(state, near, HEALTH), column(state, far, HEALTH)) in (
        (100, 82, 100),
        (100, 83, 100),
    ), "or healed by one since"


def test_an_arrow_crosses_a_border_as_a_body_and_strikes_beyond_it() -> None:
    west, east = two_halves()
    one = archer(west, 24.5, 16.5)
    crate = put(east, CRATE, 36.5, 16.5)
    seen = _fly_over(west, east, one, 20)
    assert column(east, crate, HEALTH) == HEALTH_MAX[CRATE] - 18
    assert next(event.a for event in seen if event.kind == Kind.HIT) == one
    assert count(west, MISSILE) == count(east, MISSILE) == 0


def test_what_stands_just_across_a_border_is_struck_by_mail() -> None:
    west, east = two_halves()
    one = archer(west, 28.5, 16.5)
    crate = put(east, CRATE, 32.5, 16.5)
    _fly_over(west, east, one, 20)
    assert column(east, crate, HEALTH) == HEALTH_MAX[CRATE] - 18


def test_at_a_closed_border_it_falls_on_this_side() -> None:
    west, east = two_halves()
    one = archer(west, 26.5, 16.5)
    _fly_over(west, east, one, 30, room=0)
    assert not east.index and count(west, MISSILE) == 0
    piles = np.flatnonzero(west.rows[KIND, : west.used] == PILE)
    assert all(int(west.rows[X, row]) < 32 * TILE + BORDER_MARGIN for row in piles)


def _fly_over(west: State, east: State, one: int, ticks: int, room: int = 3) -> list[Event]:
    """A shot eastward with what leaves the west carried over, and the ghosts of both sides shown."""
    ghosts: list[bytes] = [b"", b""]
    images: list[bytes] = []
    mail: list[bytes] = []
    seen: list[Event] = []
    for tick in range(ticks):
        actions = ((one, Shoot(127, 0)),) if tick == 1 else ()
        there = advance(west, Inputs(key(tick), actions=actions, ghosts=(ghosts[0],), open=(room,)))
        here = advance(east, Inputs(key(tick), arrivals=images, mail=mail, ghosts=(ghosts[1],)))
        images, mail = [image for _, _, image in there.departures], [raw for _, raw in there.mail]
        ghosts = [here.ghosts[0], there.ghosts[0]]
        seen += there.events + here.events
        check(west)
        check(east)
    return seen


def test_without_a_bow_in_hand_a_stone_is_thrown_and_falls_shorter() -> None:
    state = flat()
    one = put(state, PLAYER, 10.5, 10.5)
    state.rows[GOODS_0 + STONE, state.row(one)] = 3
    near, far = put(state, CRATE, 10.5, 14.5), put(state, CRATE, 24.5, 10.5)
    shot(state, one, 0, 127)
    run(state, 20)
    shot(state, one, 127, 0)
    assert column(state, near, HEALTH) == HEALTH_MAX[CRATE] - 6 and column(state, far, HEALTH) == HEALTH_MAX[CRATE]


def _no_arrow(state: State, one: int) -> None:
    state.rows[GOODS_0 + ARROW, state.row(one)] = 0


def _tired(state: State, one: int) -> None:
    state.rows[COOLDOWN, state.row(one)] = 3


def _full_of_missiles(state: State, one: int) -> None:
    for _ in range(MISSILES_MAX):
        put(state, MISSILE, 40.5, 40.5, vx=1, mode_ticks=9, goods_0=0)


@pytest.mark.parametrize(
    ("spoil", "way", "refusal"),
    [
        (_no_arrow, (127, 0), Refusal.NOT_ENOUGH),
        (_tired, (127, 0), Refusal.TOO_SOON),
        (_full_of_missiles, (127, 0), Refusal.TOO_MANY),
        (lambda state, one: None, (0, 0), Refusal.NOT_AN_ACTION),
    ],
)
def test_refused_shots_change_nothing(
    spoil: Callable[[State, int], None], way: tuple[int, int], refusal: Refusal
) -> None:
    state = flat()
    one = archer(state, 10.5, 10.5)
    spoil(state, one)
    before = count(state, MISSILE)
    out = advance(state, Inputs(key(0), actions=((one, Shoot(*way)),)))
    assert out.verdicts == [refusal] and count(state, MISSILE) == before

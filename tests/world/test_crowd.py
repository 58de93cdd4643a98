"""Which circles are near, and that the size of the grid decides nothing."""

import numpy as np
import pytest

from world.crowd import CIRCLE, PAIR_MARGIN, PAIRS_PER_BODY, Circles, Places, _pairs, near_pairs, relax
from world.land import hashed
from world.state import Int64s
from world.units import TILE

RADIUS = TILE * 4 // 10


def crowd(count: int, tiles: int, salt: int, corner: int = 0) -> tuple[Int64s, Int64s]:
    """So many circles at random on a square of the world, its corner at tile (corner, corner)."""
    number = np.arange(count)
    xs, ys = ((hashed(7, salt + axis, number, 0) << 16 | hashed(8, salt + axis, number, 0)) for axis in (0, 1))
    return corner * TILE + xs * tiles // 65536, corner * TILE + ys * tiles // 65536


def circles(xs: Int64s, ys: Int64s, masses: Int64s | int = 1) -> Circles:
    """Circles of these places and masses, unsorted."""
    given = np.zeros(len(xs), CIRCLE)
    given["x"], given["y"], given["radius"], given["mass"] = xs, ys, RADIUS, masses
    given["number"], given["moved"] = np.arange(len(xs)), given["mass"] == 0
    return given


def relaxed(found: tuple[Circles, Places, Places, Places]) -> list[tuple[int, int]]:
    """Where all are after four passes over the pairs, by number."""
    crowded, places, first, second = found
    for _ in range(4):
        relax(first, second, crowded, np.empty(len(crowded) + 1, np.uint32))
        crowded["moved"] = crowded["mass"] == 0
    return [(int(one["x"]), int(one["y"])) for one in crowded[places]]


@pytest.mark.parametrize("corner", [0, 37, 128, 1000])
@pytest.mark.parametrize("ghosts", [0, 300])
def test_a_grid_of_all_the_land_and_the_torus_push_everyone_the_same_way(corner: int, ghosts: int) -> None:
    xs, ys = crowd(6000, 300, corner, corner)
    bodies = len(xs) - ghosts
    masses = 45 + hashed(1, 1, xs, ys) % 30
    masses[bodies:] = 0
    spread, torus = (_pairs(circles(xs, ys, masses), bodies, grid) for grid in (True, False))
    assert len(spread[2]) > 500
    assert (spread[0] != torus[0]).any()
    assert relaxed(spread) == relaxed(torus)


def test_circles_are_sorted_and_each_is_where_it_is_said_to_be() -> None:
    given = circles(*crowd(400, 30, 3, 120))
    for grid in (True, False):
        crowded, places, _, _ = _pairs(given, 400, grid)
        assert sorted(places) == list(range(400)) and (crowded[places] == given).all()


@pytest.mark.parametrize("grid", [True, False])
def test_all_near_pairs_are_found_once_the_lower_number_first(grid: bool) -> None:
    xs, ys = crowd(400, 30, 3, 120)
    crowded, _, first, second = _pairs(circles(xs, ys), 390, grid)
    number = crowded["number"]
    found = list(zip(number[first].tolist(), number[second].tolist(), strict=True))
    near = 2 * RADIUS + PAIR_MARGIN
    expected = {
        (a, b)
        for a in range(390)
        for b in range(a + 1, 400)
        if (xs[a] - xs[b]) ** 2 + (ys[a] - ys[b]) ** 2 < near * near
    }
    assert len(found) == len(expected) and set(found) == expected


def test_in_a_heap_the_torus_decides_which_pairs_are_left_out() -> None:
    xs, ys = crowd(200, 1, 5, 64)
    xs[100:] += 200 * TILE
    found, torus = near_pairs(circles(xs, ys), 200), _pairs(circles(xs, ys), 200, False)
    assert len(found[2]) == PAIRS_PER_BODY * 200 + 1
    assert all((a == b).all() for a, b in zip(found, torus, strict=True))


def test_a_heap_of_ghosts_leaves_out_no_pair_of_a_body() -> None:
    xs, ys = crowd(200, 1, 5, 64)
    crowded, _, first, second = near_pairs(circles(xs, ys), 1)
    assert len(first) == PAIRS_PER_BODY + 1
    assert (crowded["number"][first] == 0).all() and (crowded["number"][second] > 0).all()


def test_nobody_is_no_crowd() -> None:
    assert [len(part) for part in near_pairs(np.zeros(0, CIRCLE), 0)] == [0, 0, 0, 0]

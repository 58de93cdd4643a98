"""Which circles are near, and that the size of the grid decides nothing."""

import numpy as np
import pytest

from world.crowd import PAIR_MARGIN, PAIRS_PER_BODY, Places, _pairs, near_pairs, relax
from world.land import hashed
from world.state import Int64s
from world.units import TILE

RADIUS = TILE * 4 // 10


def crowd(count: int, tiles: int, salt: int, corner: int = 0) -> tuple[Int64s, Int64s]:
    """So many circles at random on a square of the world, its corner at tile (corner, corner)."""
    number = np.arange(count)
    xs, ys = ((hashed(7, salt + axis, number, 0) << 16 | hashed(8, salt + axis, number, 0)) for axis in (0, 1))
    return corner * TILE + xs * tiles // 65536, corner * TILE + ys * tiles // 65536


def relaxed(found: tuple[Places, Places, Places], xs: Int64s, ys: Int64s, masses: Int64s) -> list[tuple[int, int]]:
    """Where all are after four passes over the pairs, by number."""
    order, first, second = found
    count = len(xs)
    in_order = [values[order] for values in (xs, ys, np.full(count, RADIUS, np.int64), masses)]
    for _ in range(4):
        relax(first, second, *in_order, np.zeros(count, np.uint8), np.empty(count + 2, np.uint32))
    places = np.empty((count, 2), np.int64)
    places[order, 0], places[order, 1] = in_order[0], in_order[1]
    return [(int(x), int(y)) for x, y in places]


@pytest.mark.parametrize("corner", [0, 37, 128, 1000])
@pytest.mark.parametrize("ghosts", [0, 300])
def test_a_grid_of_all_the_land_and_the_torus_push_everyone_the_same_way(corner: int, ghosts: int) -> None:
    xs, ys = crowd(6000, 300, corner, corner)
    bodies, radii = len(xs) - ghosts, np.full(len(xs), RADIUS, np.int64)
    masses = 45 + hashed(1, 1, xs, ys) % 30
    masses[bodies:] = 0
    spread, torus = (_pairs(xs, ys, radii, len(xs), bodies, grid) for grid in (True, False))
    assert len(spread[1]) > 500
    assert (spread[0] != torus[0]).any()
    assert relaxed(spread, xs, ys, masses) == relaxed(torus, xs, ys, masses)


def test_all_near_pairs_are_found_once_the_lower_number_first() -> None:
    xs, ys = crowd(400, 30, 3, 120)
    order, first, second = near_pairs(xs, ys, np.full(400, RADIUS, np.int64), 400, 390)
    found = list(zip(order[first].tolist(), order[second].tolist(), strict=True))
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
    radii = np.full(200, RADIUS, np.int64)
    found, torus = near_pairs(xs, ys, radii, 200, 200), _pairs(xs, ys, radii, 200, 200, False)
    assert len(found[1]) == PAIRS_PER_BODY * 200 + 1
    assert all((a == b).all() for a, b in zip(found, torus, strict=True))


def test_nobody_is_no_crowd() -> None:
    nobody = np.zeros(0, np.int64)
    assert [len(part) for part in near_pairs(nobody, nobody, nobody, 0, 0)] == [0, 0, 0]

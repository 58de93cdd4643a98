"""What is seen past what, against exact geometry written here."""

import itertools
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from world.line_of_sight import line_of_sight

Grid = npt.NDArray[np.uint8]


def sees(opaque: Grid, start: tuple[int, int], end: tuple[int, int]) -> bool:
    """The rule by exact fractions: cut the segment at every tile edge and look at the tile of each piece."""
    (x0, y0), (x1, y1) = start, end
    cuts = {Fraction(0), Fraction(1)}
    for a, b in ((x0, x1), (y0, y1)):
        low, high = sorted((a, b))
        if a != b:
            cuts |= {Fraction((edge << 16) - a, b - a) for edge in range((low >> 16) + 1, (high >> 16) + 1)}
    ordered = sorted(cut for cut in cuts if 0 <= cut <= 1)
    ends = {(x0 >> 16, y0 >> 16), (x1 >> 16, y1 >> 16)}
    tiles = []
    for low, high in itertools.pairwise(ordered):
        middle = (low + high) / 2
        tiles.append(((x0 + middle * (x1 - x0)) // 65536, (y0 + middle * (y1 - y0)) // 65536))
    for tile in tiles:
        if tile not in ends and opaque[tile[1], tile[0]]:
            return False
    for (ax, ay), (bx, by) in itertools.pairwise(tiles):
        if ax != bx and ay != by and opaque[ay, bx] and opaque[by, ax]:
            return False
    return True


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.booleans(), min_size=64, max_size=64),
    st.lists(st.integers(0, 8 * 65536 - 1), min_size=4, max_size=4),
    st.sampled_from([1, 4096, 32768]),
)
def test_sight_is_exact_and_the_same_both_ways(cells: list[bool], ends: list[int], unit: int) -> None:
    opaque = np.array(cells, np.uint8).reshape(8, 8)
    # Off the tile edges: a point on an edge belongs to the tile right of or below it, which fractions cannot say.
    x0, y0, x1, y1 = (value // unit * unit | 1 for value in ends)
    seen = line_of_sight(opaque, x0, y0, x1, y1)
    assert seen == line_of_sight(opaque, x1, y1, x0, y0)
    assert seen == sees(opaque, (x0, y0), (x1, y1))


def centre(x: int, y: int) -> tuple[int, int]:
    return x * 65536 + 32768, y * 65536 + 32768


def test_sight_past_corners_walls_and_ends() -> None:
    opaque = np.zeros((5, 5), np.uint8)
    opaque[1, 2] = 1
    assert not line_of_sight(opaque, *centre(2, 0), *centre(2, 2))
    assert line_of_sight(opaque, *centre(2, 0), *centre(2, 1)), "the tile one looks at does not hide itself"
    assert line_of_sight(opaque, *centre(1, 0), *centre(1, 4))
    assert line_of_sight(opaque, *centre(1, 1), *centre(2, 2)), "past one corner"
    opaque[2, 1] = 1
    assert not line_of_sight(opaque, *centre(1, 1), *centre(2, 2)), "not between two corners that touch"
    assert line_of_sight(opaque, *centre(0, 0), *centre(0, 0))


def test_sight_on_the_largest_map_does_not_overflow() -> None:
    opaque = np.zeros((4096, 4096), np.uint8)
    far = 4096 * 65536 - 1
    assert line_of_sight(opaque, 0, 0, far, far) and line_of_sight(opaque, far, 0, 0, far)
    opaque[2000, :] = 1
    assert not line_of_sight(opaque, 0, 0, far, far) and not line_of_sight(opaque, far, 5, 1, far)

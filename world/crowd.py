"""Which circles are near one another, and one pass of pushing apart those that overlap.

The circles are sorted by cells of two tiles, so that what is near in space is near in memory. The rules fix the order
in which overlapping pairs are relaxed: by cell of a torus of 64 x 64 cells, then by number; so pairs come out in an
order that no pair sharing a circle with another can tell from that one, whatever the size of the grid.

A processor runs ahead of what it waits for until it guesses a branch wrong, and where people stand is a toss-up for it:
so what is quickly done is done for every circle and every test alike.

Not here: walls and borders, and which bodies push (`world.collision`).
"""

from math import sqrt
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from world.units import TILE

Places = npt.NDArray[np.uint32]  # unsigned, as a signed index is first looked at for being negative
Circles = np.ndarray[Any, np.dtype[Any]]  # of CIRCLE

SLOP: Final = 48  # circles that overlap by no more (Q16) count as touching
CELL_SHIFT: Final = 17  # cells of two tiles
BLOCK_SHIFT: Final = 6
BLOCK: Final = 1 << BLOCK_SHIFT  # cells a side of the torus that the order is made for
PAIR_MARGIN: Final = TILE // 5  # pairs this near may touch during relaxation
PAIRS_PER_BODY: Final = 12
CELLS_SPARE: Final = 8192  # cells a grid may have beside four for each circle; else it is the torus

# Half a line of the processor's cache: sorting, relaxing and walls move all of a circle at once. The world ends at
# 2^28, so int32 has room for every place and push.
CIRCLE: Final = np.dtype(
    [
        ("x", np.int32),
        ("y", np.int32),
        ("from_x", np.int32),  # where it was before this relaxation
        ("from_y", np.int32),
        ("radius", np.int32),
        ("mass", np.int32),  # 0: a ghost
        ("number", np.uint32),
        ("moved", np.uint32),  # 1: in this relaxation; always of a ghost, which does not
    ]
)

# The kernels' arrays come and go each tick. glibc gives memory back to the system, and pays for every page of it again,
# beyond a threshold that follows the largest block ever freed (mallopt(3), M_MMAP_THRESHOLD): so free one.
_block = np.empty(8 << 20, np.uint8)
del _block


@njit(cache=True)
def near_pairs(given: Circles, bodies: int) -> tuple[Circles, Places, Places, Places]:
    """The circles sorted by cells, where each of them is now (uint32[n] by number), and the pairs that may touch.

    Pairs are two arrays of places, the circle with the lower number first. From number `bodies` on circles are ghosts:
    no pairs among themselves. At most PAIRS_PER_BODY for each body are found; which ones are left out is decided by
    the order on the torus.
    """
    return _pairs(given, bodies, True)


@njit(cache=True)
def _pairs(given: Circles, bodies: int, spread: bool) -> tuple[Circles, Places, Places, Places]:
    """`near_pairs` on a grid of all the land or, with `spread` false, many empty cells or too many pairs, the torus."""
    left = top = 1 << 40
    right = bottom = -(1 << 40)
    widest = 0
    for k in range(given.shape[0]):
        left = min(left, int(given[k].x))
        right = max(right, int(given[k].x))
        top = min(top, int(given[k].y))
        bottom = max(bottom, int(given[k].y))
        widest = max(widest, int(given[k].radius))
    # A rim of empty cells all around, so that every cell has neighbours.
    left = (left >> CELL_SHIFT) - 1
    top = (top >> CELL_SHIFT) - 1
    width = (right >> CELL_SHIFT) + 2 - left
    height = (bottom >> CELL_SHIFT) + 2 - top
    if spread and given.shape[0] > 0 and width * height <= CELLS_SPARE + 4 * given.shape[0]:
        circles, places, start = _sorted(given, left, top, width, height, -1)
        first, second = _pairs_on_land(circles, start, left, top, width, height, widest + PAIR_MARGIN, bodies)
        if first.shape[0] <= PAIRS_PER_BODY * bodies:
            return circles, places, *_in_order(circles, first, second, bodies)
    circles, places, start = _sorted(given, 0, 0, BLOCK, BLOCK, BLOCK - 1)
    first, second = _pairs_on_torus(circles, start, bodies)
    return circles, places, *_in_order(circles, first, second, bodies)


@njit(cache=True)
def _sorted(given: Circles, left: int, top: int, width: int, height: int, mask: int) -> tuple[Circles, Places, Places]:
    """A counting sort by cells (of those `mask` leaves of a column's and a line's number), within them by number.

    The circles, the place of each, and where each cell starts among them.
    """
    count = given.shape[0]
    start = np.zeros(width * height + 1, np.uint32)
    places = np.empty(count, np.uint32)
    for k in range(count):
        line = ((given[k].y >> CELL_SHIFT) - top) & mask
        cell = np.uint32(line * width + (((given[k].x >> CELL_SHIFT) - left) & mask))
        places[k] = cell
        start[cell] += np.uint32(1)
    total = np.uint32(0)
    for c in range(width * height + 1):
        total += start[c]
        start[c] = total
    circles = np.empty(count, CIRCLE)
    for k in range(count - 1, -1, -1):
        # Filling each cell from its end keeps the order of numbers.
        at = start[places[k]] - np.uint32(1)
        start[places[k]] = at
        places[k] = at
        circles[at] = given[k]
    return circles, places, start


@njit(cache=True)
def _pairs_on_land(
    circles: Circles, start: Places, left: int, top: int, width: int, height: int, around: int, bodies: int
) -> tuple[Places, Places]:
    """All near pairs, ghosts' too, up to one more than PAIRS_PER_BODY allows: later blocks first, within them in order.

    On the torus the lines of all blocks lie over one another. A pair belongs to the western or upper of its cells, so
    only pairs at the last lines of a block and those at the first of the next one may share a circle; and there the
    torus puts the next block's first.
    """
    first = np.empty(PAIRS_PER_BODY * bodies + 2, np.uint32)
    second = np.empty(PAIRS_PER_BODY * bodies + 2, np.uint32)
    whose = np.empty(2 * circles.shape[0] + 2, np.uint32)
    begins = np.empty(2 * circles.shape[0] + 2, np.uint32)
    ends = np.empty(2 * circles.shape[0] + 2, np.uint32)
    found = np.uint64(0)
    for block_y in range((top + height - 1) >> BLOCK_SHIFT, (top >> BLOCK_SHIFT) - 1, -1):
        for line in range(max(top, block_y << BLOCK_SHIFT), min(top + height - 1, (block_y + 1) << BLOCK_SHIFT)):
            cells = (line - top) * width - left  # the line's cell of column 0
            for block_x in range((left + width - 1) >> BLOCK_SHIFT, (left >> BLOCK_SHIFT) - 1, -1):
                low = start[cells + max(left, block_x << BLOCK_SHIFT)]
                high = start[cells + min(left + width - 1, (block_x + 1) << BLOCK_SHIFT)]
                tests = _stretches(circles, start, low, high, line, cells, width, around, whose, begins, ends)
                found = _tested(circles, tests, whose, begins, ends, first, second, found)
    return first[:found], second[:found]


@njit(cache=True)
def _stretches(
    circles: Circles,
    start: Places,
    low: int,
    high: int,
    line: int,
    cells: int,
    width: int,
    around: int,
    whose: Places,
    begins: Places,
    ends: Places,
) -> int:
    """Which circles to test with those at places `low` to `high`: their number, and where stretches of them lie.

    Cells of a line lie side by side: a circle's own and the one to the east are one stretch, the three below another.
    A cell further from it than it and the widest circle reach is left out. After the last stretch one begins at 0.
    """
    used = np.uint64(0)
    tests = np.uint64(0)
    for at in range(np.uint64(low), np.uint64(high)):
        reach = int(circles[at].radius) + around
        x = int(circles[at].x)
        west = np.uint64(cells + ((x - reach) >> CELL_SHIFT))
        east = np.uint64(cells + ((x + reach) >> CELL_SHIFT) + 1)
        south = np.uint64(((int(circles[at].y) + reach) >> CELL_SHIFT) - line)
        begin = at + np.uint64(1)
        end = np.uint64(start[east])
        whose[used] = at
        begins[used] = begin
        ends[used] = end
        tests += end - begin
        used += np.uint64(begin != end)
        begin = np.uint64(start[west + np.uint64(width)])
        end = np.uint64(start[east + np.uint64(width)])
        whose[used] = at
        begins[used] = begin
        ends[used] = end
        tests += (end - begin) * south
        used += np.uint64(begin != end) & south
    begins[used] = 0
    return int(tests)


@njit(cache=True)
def _tested(
    circles: Circles,
    tests: int,
    whose: Places,
    begins: Places,
    ends: Places,
    first: Places,
    second: Places,
    found: np.uint64,
) -> np.uint64:
    """Add the near ones of so many pairs to those found, as far as there is room; the new number of them."""
    room = np.uint64(first.shape[0] - 1)
    stretch = np.uint64(0)
    other = np.uint64(begins[0])
    for _ in range(tests):
        one = circles[whose[stretch]]
        two = circles[other]
        dx = int(two.x) - int(one.x)
        dy = int(two.y) - int(one.y)
        near = int(one.radius) + int(two.radius) + PAIR_MARGIN
        # Written always and kept by adding to `found`.
        first[found] = whose[stretch]
        second[found] = other
        found += np.uint64((dx * dx + dy * dy < near * near) & (found < room))
        other += np.uint64(1)
        over = np.uint64(other == np.uint64(ends[stretch]))
        stretch += over
        other += (np.uint64(begins[stretch]) - other) * over
    return found


@njit(cache=True)
def _pairs_on_torus(circles: Circles, start: Places, bodies: int) -> tuple[Places, Places]:
    """The near pairs but those of ghosts, up to one more than PAIRS_PER_BODY allows, in the order of the torus."""
    room = PAIRS_PER_BODY * bodies + 1
    first = np.empty(room + 1, np.uint32)
    second = np.empty(room + 1, np.uint32)
    found = 0
    for at in range(circles.shape[0]):
        one = circles[at]
        column = one.x >> CELL_SHIFT
        line = one.y >> CELL_SHIFT
        for side in range(5):  # its own cell, the one to the east, the three below
            right = side if side < 2 else side - 3
            cell = ((line + int(side >= 2)) & (BLOCK - 1)) * BLOCK + ((column + right) & (BLOCK - 1))
            for other in range(at + 1 if side == 0 else int(start[cell]), int(start[cell + 1])):
                two = circles[other]
                dx = int(two.x) - int(one.x)
                dy = int(two.y) - int(one.y)
                near = int(one.radius) + int(two.radius) + PAIR_MARGIN
                first[found] = at
                second[found] = other
                solid = min(one.number, two.number) < bodies
                found += int((dx * dx + dy * dy < near * near) & solid & (found < room))
    return first[:found], second[:found]


@njit(cache=True)
def _in_order(circles: Circles, first: Places, second: Places, bodies: int) -> tuple[Places, Places]:
    """The pairs but those of ghosts, the lower number first."""
    kept = np.uint64(0)
    for p in range(first.shape[0]):
        at = first[p]
        other = second[p]
        number = circles[at].number
        others = circles[other].number
        first[kept] = at if number < others else other
        second[kept] = other if number < others else at
        kept += np.uint64(min(number, others) < bodies)
    return first[:kept], second[:kept]


@njit(cache=True, error_model="numpy")
def relax(first: Places, second: Places, circles: Circles, movers: Places) -> int:
    """Push the overlapping pairs apart once, in order, lighter circles giving way more; a ghost (mass 0) stays.

    The places of those that moved, each once, go to `movers` (uint32[n + 1]), and their number is the answer; `moved`
    is 0 for all but ghosts before, 1 for them after.
    """
    count = np.uint64(0)
    for p in range(first.shape[0]):
        a = circles[first[p]]
        b = circles[second[p]]
        dx = int(b.x) - int(a.x)
        dy = int(b.y) - int(a.y)
        reach = int(a.radius) + int(b.radius)
        square = dx * dx + dy * dy
        # A toss-up, but what follows takes longer than a wrong guess, and the next pair often waits for it.
        if square >= (reach - SLOP) * (reach - SLOP):
            continue
        dx += int(square == 0)
        apart = max(int(sqrt(float(square))), 1)
        push_x = int(float(dx * (reach - apart)) / float(apart))
        push_y = int(float(dy * (reach - apart)) / float(apart))
        if a.mass == b.mass:
            part_x = (push_x + int(push_x < 0)) >> 1
            part_y = (push_y + int(push_y < 0)) >> 1
        elif b.mass == 0:
            part_x = push_x
            part_y = push_y
        else:
            share = float(int(a.mass) + int(b.mass))
            part_x = int(float(push_x * b.mass) / share)
            part_y = int(float(push_y * b.mass) / share)
        a.x -= part_x
        a.y -= part_y
        b.x += push_x - part_x
        b.y += push_y - part_y
        movers[count] = first[p]
        count += np.uint64(a.moved ^ 1)
        a.moved = 1
        movers[count] = second[p]
        count += np.uint64(b.moved ^ 1)
        b.moved = 1
    return int(count)

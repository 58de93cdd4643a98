"""Which circles are near one another, and one pass of pushing apart those that overlap.

The circles are sorted by cells of two tiles, so that what is near in space is near in memory. The rules fix the order
in which overlapping pairs are relaxed: by cell of a torus of 64 x 64 cells, then by number; so pairs come out in an
order that no pair sharing a circle with another can tell from that one, whatever the size of the grid.

Not here: walls and borders, and which bodies push (`world.collision`).
"""

from math import sqrt
from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

from world.state import Int64s
from world.units import TILE

Uint8s = npt.NDArray[np.uint8]
Places = npt.NDArray[np.uint32]  # unsigned, as a signed index is first looked at for being negative

SLOP: Final = 48  # circles that overlap by no more (Q16) count as touching
CELL_SHIFT: Final = 17  # cells of two tiles
BLOCK_SHIFT: Final = 6
BLOCK: Final = 1 << BLOCK_SHIFT  # cells a side of the torus that the order is made for
PAIR_MARGIN: Final = TILE // 5  # pairs this near may touch during relaxation
PAIRS_PER_BODY: Final = 12
CELLS_SPARE: Final = 8192  # cells a grid may have beside four for each circle; else it is the torus

# The kernels' arrays come and go each tick. glibc gives memory back to the system, and pays for every page of it again,
# beyond a threshold that follows the largest block ever freed (mallopt(3), M_MMAP_THRESHOLD): so free one.
_block = np.empty(8 << 20, np.uint8)
del _block


@njit(cache=True)
def _ranks(low: int, high: int) -> Places:
    """uint32[high - low + 1]: the place of each line of cells in the grid: later blocks first, within them in order.

    On the torus the lines of all blocks lie over one another. A pair belongs to the western or upper of its cells, so
    only pairs at the last lines of a block and those at the first of the next one may share a circle; and there the
    torus puts the next block's first.
    """
    ranks = np.empty(high - low + 1, np.uint32)
    rank = 0
    for block in range(high >> BLOCK_SHIFT, (low >> BLOCK_SHIFT) - 1, -1):
        for line in range(max(low, block << BLOCK_SHIFT), min(high, (block << BLOCK_SHIFT) + BLOCK - 1) + 1):
            ranks[line - low] = rank
            rank += 1
    return ranks


@njit(cache=True)
def near_pairs(xs: Int64s, ys: Int64s, radii: Int64s, count: int, bodies: int) -> tuple[Places, Places, Places]:
    """The circles' numbers by cells, uint32[count], and the pairs that may touch, uint32[n] twice, as places in that.

    The first of a pair has the lower number. From number `bodies` on they are ghosts: no pairs among themselves. At
    most PAIRS_PER_BODY for each body are found; which ones are left out is decided by the order on the torus.
    """
    order, first, second = _pairs(xs, ys, radii, count, bodies, True)
    if first.shape[0] > PAIRS_PER_BODY * bodies:
        return _pairs(xs, ys, radii, count, bodies, False)
    return order, first, second


@njit(cache=True)
def _pairs(
    xs: Int64s, ys: Int64s, radii: Int64s, count: int, bodies: int, spread: bool
) -> tuple[Places, Places, Places]:
    """`near_pairs` on a grid of all the land or, with `spread` false or many empty cells, on the torus."""
    left = top = 1 << 40
    right = bottom = -(1 << 40)
    for k in range(count):
        left = min(left, xs[k])
        right = max(right, xs[k])
        top = min(top, ys[k])
        bottom = max(bottom, ys[k])
    # A rim of empty cells all around, so that every cell has neighbours.
    left = (left >> CELL_SHIFT) - 1
    right = (right >> CELL_SHIFT) + 1
    top = (top >> CELL_SHIFT) - 1
    bottom = (bottom >> CELL_SHIFT) + 1
    width = right - left + 1
    height = bottom - top + 1
    if count == 0:
        width = height = 1
        left = right = top = bottom = 0
    columns = _ranks(left, right)
    lines = _ranks(top, bottom)
    spread = spread and width * height <= CELLS_SPARE + 4 * count
    if not spread:
        width = height = BLOCK
        for k in range(columns.shape[0]):
            columns[k] = (left + k) & (BLOCK - 1)
        for k in range(lines.shape[0]):
            lines[k] = (top + k) & (BLOCK - 1)
    start = np.zeros(width * height + 1, np.uint32)
    cells = np.empty(count, np.uint32)
    for k in range(count):
        cells[k] = lines[(ys[k] >> CELL_SHIFT) - top] * width + columns[(xs[k] >> CELL_SHIFT) - left]
        start[cells[k]] += 1
    total = 0
    for c in range(width * height + 1):
        total += start[c]
        start[c] = total
    order = np.empty(count, np.uint32)
    for k in range(count - 1, -1, -1):
        # Filling each cell from its end keeps the order of numbers.
        start[cells[k]] -= 1
        order[start[cells[k]]] = k

    x_of = np.empty(count, np.int64)
    y_of = np.empty(count, np.int64)
    r_of = np.empty(count, np.int64)
    for at in range(count):
        x_of[at] = xs[order[at]]
        y_of[at] = ys[order[at]]
        r_of[at] = radii[order[at]] + PAIR_MARGIN
    room = np.uint64(PAIRS_PER_BODY * bodies + 1)
    first = np.empty(room + np.uint64(1), np.uint32)
    second = np.empty(room + np.uint64(1), np.uint32)
    found = np.uint64(0)
    for at in range(count):
        x = x_of[at]
        y = y_of[at]
        reach = r_of[at] - PAIR_MARGIN
        k = order[at]
        limit = bodies if k >= bodies else count
        cx = (x >> CELL_SHIFT) - left
        cy = (y >> CELL_SHIFT) - top
        here = columns[cx]
        line = lines[cy] * width
        below = lines[cy + 1] * width
        # Cells of a line mostly lie side by side: its own and the one to the east are one run, the three below another.
        inside = columns[cx - 1] + 2 == columns[cx + 1]
        for run in range(2 if inside else 5):
            if inside:
                begin = at + 1 if run == 0 else start[below + here - 1]
                end = start[line + here + 2] if run == 0 else start[below + here + 2]
            elif run == 0:
                begin = at + 1
                end = start[line + here + 1]
            else:
                cell = line + columns[cx + 1] if run == 1 else below + columns[cx + run - 3]
                begin = start[cell]
                end = start[cell + 1]
            for other in range(np.uint64(begin), np.uint64(end)):
                apart_x = x_of[other] - x
                apart_y = y_of[other] - y
                near = reach + r_of[other]
                number = order[other]
                # Written always and kept by adding to `found`: whether a pair is near is a toss-up for the processor.
                first[found] = at if k < number else other
                second[found] = other if k < number else at
                found += np.uint64(
                    (apart_x * apart_x + apart_y * apart_y < near * near) & (number < limit) & (found < room)
                )
    return order, first[:found], second[:found]


@njit(cache=True, error_model="numpy")
def relax(
    first: Places,
    second: Places,
    xs: Int64s,
    ys: Int64s,
    radii: Int64s,
    masses: Int64s,
    moved: Uint8s,
    movers: Places,
) -> int:
    """Push the overlapping pairs apart once, in order, lighter circles giving way more; a ghost (mass 0) stays.

    The places of those that moved, each once, go to `movers`, and their number is the answer; `moved` is uint8[n], all
    0 before, 1 for them after.
    """
    count = 0
    for p in range(first.shape[0]):
        a = first[p]
        b = second[p]
        dx = xs[b] - xs[a]
        dy = ys[b] - ys[a]
        reach = radii[a] + radii[b]
        square = dx * dx + dy * dy
        # Whether a pair overlaps is a toss-up for the processor: all are computed, and those that do not get no push.
        over = int(square < (reach - SLOP) * (reach - SLOP))
        dx += int(square == 0)
        apart = max(int(sqrt(float(square))), 1)
        depth = (reach - apart) * over
        push_x = int(float(dx * depth) / float(apart))
        push_y = int(float(dy * depth) / float(apart))
        if masses[a] == masses[b]:
            part_x = (push_x + int(push_x < 0)) >> 1
            part_y = (push_y + int(push_y < 0)) >> 1
        else:
            share = float(masses[a] + masses[b])
            part_x = int(float(push_x * masses[b]) / share)
            part_y = int(float(push_y * masses[b]) / share)
        solid = int(masses[b] == 0)
        part_x += (push_x - part_x) * solid
        part_y += (push_y - part_y) * solid
        xs[a] -= part_x
        ys[a] -= part_y
        xs[b] += push_x - part_x
        ys[b] += push_y - part_y
        movers[count] = a
        count += over & (moved[a] ^ 1)
        moved[a] |= over
        movers[count] = b
        count += over & (moved[b] ^ 1) & (solid ^ 1)
        moved[b] |= over & (solid ^ 1)
    return count

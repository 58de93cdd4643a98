"""Whether something opaque stands between two points. Who looks: `world.sight`, `world.combat`, `world.beasts`."""

import numpy as np
import numpy.typing as npt
from numba import njit


@njit(cache=True)
def line_of_sight(opaque: npt.NDArray[np.uint8], x0: int, y0: int, x1: int, y1: int) -> bool:
    """Whether two points, in 1/65536 tile, see each other: no opaque tile lies between; the same both ways.

    `opaque` is uint8[h, w]; both points lie on the map. Every tile that the segment passes through counts, except
    the tiles of the two ends (one sees a body that stands in a doorway or at a tree). A segment through the very
    corner of four tiles passes unless both tiles beside it are opaque. Exact: crossings of tile edges are compared by
    cross-multiplication, which stays below 2**57 on the largest map.
    """
    if y1 < y0 or (y1 == y0 and x1 < x0):
        x0, y0, x1, y1 = x1, y1, x0, y0
    tx = x0 >> 16
    ty = y0 >> 16
    end_x = x1 >> 16
    end_y = y1 >> 16
    dx = abs(x1 - x0)
    dy = y1 - y0
    step = 1 if x1 >= x0 else -1
    to_x = ((tx + 1) << 16) - x0 if step > 0 else x0 - (tx << 16)
    to_y = ((ty + 1) << 16) - y0
    first = True
    while tx != end_x or ty != end_y:
        if not first and opaque[ty, tx] != 0:
            return False
        first = False
        across = to_x * dy
        down = to_y * dx
        if ty == end_y or (tx != end_x and across < down):
            tx += step
            to_x += 65536
        elif tx == end_x or down < across:
            ty += 1
            to_y += 65536
        else:
            if opaque[ty, tx + step] != 0 and opaque[ty + 1, tx] != 0:
                return False
            tx += step
            ty += 1
            to_x += 65536
            to_y += 65536
    return True

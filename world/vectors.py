"""Vectors of whole numbers: how long, shortened, turned; the same on every machine.

Products stay below 2**53, so that square roots and quotients taken in float64 are rounded the one right way.
"""

from math import sqrt

from numba import njit


@njit(cache=True)
def length(x: int, y: int) -> int:
    """The length of a vector, rounded down; exact while both are below 2**25."""
    return int(sqrt(float(x * x + y * y)))


@njit(cache=True)
def shortened(x: int, y: int, limit: int) -> tuple[int, int]:
    """The vector, no longer than `limit`. The products stay below 2**53, so the quotients are the same everywhere."""
    if x * x + y * y <= limit * limit:
        return x, y
    size = length(x, y) + 1
    return int(float(x * limit) / float(size)), int(float(y * limit) / float(size))


@njit(cache=True)
def turned(x: int, y: int, eighths: int) -> tuple[int, int]:
    """A vector turned clockwise by so many eighths of a turn, a little shorter for odd ones."""
    for _ in range(eighths & 7):
        x, y = ((x - y) * 181) >> 8, ((x + y) * 181) >> 8
    return x, y

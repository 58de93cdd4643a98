"""The parts of a tick's work, which the rules and the fold name as they go, for whoever measures them from outside.

Nothing here reads a clock, and nothing that a mark does comes back: with or without one a tick's bytes are the same.
"""

from collections.abc import Callable
from enum import IntEnum


class Phase(IntEnum):
    """What is worked on from here on, until the next mark."""

    INPUTS = 0  # messages of gateways, admission, what players do
    LETTERS = 1  # letters read and written, mail, ghosts, who leaves
    NPCS = 2  # perception, choice of behaviour, paths
    PHYSICS = 3  # velocities, collisions, timers of bodies
    RULES = 4  # births, growth, the chronicle: all other rules
    HASH = 5  # the record's bytes, its hash, the state's; the signed head
    DELTAS = 6  # answers and pictures for clients


Mark = Callable[[Phase], None]


def unmarked(phase: Phase) -> None:
    """Nobody measures."""

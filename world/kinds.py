"""The kinds of body that the rules name, and which of all kinds live and push. What else lives: `world.species`."""

from typing import Final

from numba import njit

# The numbers stand in snapshots and on the wire.
FREE: Final = 0
PLAYER: Final = 1
VILLAGER: Final = 2
DEER: Final = 3
WOLF: Final = 4
PILE: Final = 5  # goods on the ground: seen and picked up, pushes nothing
GHOST: Final = 6  # only in a tick's scratch rows, never in a state
CRATE: Final = 7  # stands, is pushed, holds goods, can be broken
MISSILE: Final = 8  # an arrow or stone in flight: pushes nothing (world.missiles)
FIRST_SPECIES: Final = 9  # further kinds that live; all that are not named above from here to KIND_MAX
KIND_MAX: Final = 31  # five bits on the wire


@njit(cache=True)
def lives(kind: int) -> bool:
    """Whether a kind walks by its intent, heals and dies: players and every species."""
    return bool(PLAYER <= kind <= WOLF or kind >= FIRST_SPECIES)


@njit(cache=True)
def pushes(kind: int) -> bool:
    """Whether a kind is solid: all that lives, and crates."""
    return bool(PLAYER <= kind <= WOLF or kind == CRATE or kind >= FIRST_SPECIES)

"""Draws: integers that follow from a tick's key, an entity and a purpose; the only chance the rules know.

The mixing is our own (the finaliser of splitmix64: S. Vigna, https://prng.di.unimi.it/splitmix64.c), because the
streams of other generators may change between builds. No draw depends on an earlier one, so their order means nothing.
"""

from hashlib import sha256
from typing import Final

import numpy as np
from numba import njit

# Purposes: two draws of one entity in one tick differ by these. New ones may be added, none renumbered.
RARE: Final = 1
TRAITS: Final = 2
COIN: Final = 3
DIRECTION: Final = 4
DURATION: Final = 5
PLACE: Final = 6
WEAPON_WEAR: Final = 7
ARMOUR_WEAR: Final = 8
SHATTER: Final = 9

_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_ENTITY: Final = np.uint64(0xD1B54A32D192ED03)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)


def seeds(key: bytes) -> tuple[int, int]:
    """Two words of 63 bits from a key of 32 bytes. Raises ValueError for a key of another length."""
    if len(key) != 32:
        raise ValueError(f"a key of draws has 32 bytes, this one {len(key)}")
    digest = sha256(b"everloom draws" + key).digest()
    return int.from_bytes(digest[:8], "little") >> 1, int.from_bytes(digest[8:16], "little") >> 1


@njit(cache=True)
def _mixed(word: np.uint64) -> np.uint64:
    word = (word ^ (word >> np.uint64(30))) * _FIRST
    word = (word ^ (word >> np.uint64(27))) * _SECOND
    return word ^ (word >> np.uint64(31))


@njit(cache=True)
def draw(seed_0: int, seed_1: int, entity: int, purpose: int) -> int:
    """63 bits for this entity and purpose, from the two words of `seeds`."""
    word = _mixed((np.uint64(seed_0) ^ (np.uint64(entity) * _ENTITY)) + _STEP)
    word = _mixed((word ^ np.uint64(seed_1)) + np.uint64(purpose) * _STEP)
    return np.int64(word >> np.uint64(1))  # type: ignore[return-value]  # numba: int64 is int


@njit(cache=True)
def below(seed_0: int, seed_1: int, entity: int, purpose: int, limit: int) -> int:
    """A draw of 0 <= n < limit; limit is at most 2**31, the bias below 2**-31 each."""
    return ((draw(seed_0, seed_1, entity, purpose) >> 31) * limit) >> 32

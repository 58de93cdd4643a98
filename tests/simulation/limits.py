"""Limits made small for a simulation, so that they are met within seconds; all else is as in `regions.config`."""

from typing import Final

from regions import archivist, chain, claims, letters, players, scheduler

SMALL: Final = (
    (claims, "CLAIM_LINKS", 300),
    (chain, "CLAIM_LINKS", 300),
    (letters, "ROWS_RESERVED_PER_NEIGHBOUR", 2),
    (players, "SLEEP_AFTER_TICKS", 96),
    (scheduler, "QUEUE_PER_PLAYER", 12),
    (archivist, "SPOOL_BYTES_MAX", 1 << 20),
)


def shrink() -> None:
    """Make them small in this process."""
    for module, name, value in SMALL:
        assert hasattr(module, name)
        setattr(module, name, value)

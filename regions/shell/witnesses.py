"""Who has seen a region's log, read from the archive and from the logs and states of its neighbours; nobody is asked.

What they saw is held against the log by the region's core (`regions.chain.heed`).
"""

import asyncio
from typing import Final

from archive.errors import ArchiveError
from archive.keys import b64
from archive.stores.disk import DiskStore
from regions.beginning import filed_witnesses, heard_by, remembered, windows
from regions.errors import RecordError
from regions.revive import opening_of
from regions.seat import Witness
from regions.shell.files import WorldDir, log_name
from regions.shell.nats import Outside
from regions.shell.nats_log import Log

READ_AT_ONCE: Final = 512


class Witnesses:
    """Those of one region."""

    def __init__(self, index: int, directory: WorldDir, store: DiskStore, outside: Outside) -> None:
        self.index, self.dir, self.store, self.outside = index, directory, store, outside
        self.charter, self.charter_id, _ = directory.charter(store)

    async def seen(self) -> tuple[Witness, ...]:
        """What the newest checkpoint has seen, and the newest records of each neighbour that did. Raises LogError."""
        near = (self._heard_by(other) for other in self.charter.neighbours(self.index))
        found = await asyncio.gather(asyncio.to_thread(self._filed), *near)
        return tuple(witness for some in found for witness in some)

    async def _heard_by(self, other: int) -> list[Witness]:
        log = Log(self.outside, log_name(self.charter, other))
        info = await log.info()
        known: list[Witness] = []
        since = 0
        for begin, count in windows(info.first, info.last):
            records = await read_on(log, begin, begin + count - 1)
            if found := heard_by(other, self.index, enumerate(records, begin)):
                return found
            if not since:  # silent for long: the neighbour's newest state says what it knew, and how far to look back
                since, known = await asyncio.to_thread(self._remembered_by, other)
            if begin <= since:
                break
        return known

    def _remembered_by(self, other: int) -> tuple[int, list[Witness]]:
        try:
            region, _ = self.dir.newest_region(other, self.store)
        except (ArchiveError, RecordError):
            return 1, []
        return max(region.state.n, 1), remembered(region, self.index)

    def _filed(self) -> list[Witness]:
        opening = opening_of(self.dir.item(self.store, b64(self.charter_id)))
        return filed_witnesses(self.store, opening, self.index)


async def read_on(log: Log, position: int, last: int | None = None) -> list[bytes]:
    """Every record from a position to `last`, or to the end of the log. Raises LogError."""
    out: list[bytes] = []
    while True:
        at = position + len(out)
        found = await log.read(at, READ_AT_ONCE if last is None else min(READ_AT_ONCE, last + 1 - at))
        out += [raw for _, raw in found]
        end = (await log.info()).last if last is None else last
        if not found or end < position + len(out):
            return out

"""Where an archivist stores: this machine's store first, then Arweave where that was chosen; each read back.

Blocking: to be called in a thread of its own. Ordering and trying again are the core's.
"""

from typing import Final

from archive.errors import ArchiveError
from archive.restore import Opening, fetch
from archive.stores.bundle_files import bundle_name
from archive.stores.disk import DiskStore
from archive.upload import put_and_check
from regions.charter import Charter
from regions.revive import later_era
from regions.shell.far import Far
from regions.shell.spool import SpoolDir, read_part

AHEAD: Final = 16  # checkpoints that may be on their way to Arweave at once


class Stores:
    """The stores of one world's era. `far` is None where only this machine's store was chosen."""

    def __init__(self, disk: DiskStore, far: Far | None, spool: SpoolDir, charter: Charter, opening: Opening) -> None:
        self.disk, self.far, self.spool = disk, far, spool
        self.world, self.era, self.opening = charter.world, charter.era, opening
        self.stored = 0  # the newest checkpoint that this machine's store handed back to this process
        self._there: set[int] = set()  # those it handed back, and other stores may not have yet

    def close(self) -> None:
        """End what waits for an answer."""
        if self.far is not None:
            self.far.close()

    def put_all(self, number: int, previous: str | None) -> int:
        """Have a spooled checkpoint in every store and read back, or return the later era of this world that a store
        knows of, and store nothing. `previous` is the manifest before. Raises ArchiveError, OSError."""
        if later := later_era(self.disk, self.opening):
            return later
        # A folder that is empty because its disk is not mounted would take it, and hide it when the disk is back.
        for item_id in self.opening.id, previous:
            if item_id is not None:
                fetch(self.disk, item_id)
        self._put(number)
        if self.far is None:
            return 0
        self._there.discard(number)
        self._put_ahead(number)
        if later := self.far.later_era(self.opening):
            return later
        self.far.carry(
            self.world, number, [bundle_name(read_part(path)) for path in self.spool.parts(self.era, number)]
        )
        return 0

    def figures(self) -> dict[str, int]:
        """The newest checkpoint that is stored on this machine, submitted to Arweave and read back, and permanent."""
        figures = {"stored": self.stored}
        return figures | {"submitted": self.far.submitted, "permanent": self.far.permanent} if self.far else figures

    def _put(self, number: int) -> None:
        for path in self.spool.parts(self.era, number):
            put_and_check([self.disk], read_part(path))
        self.stored = max(self.stored, number)

    def _put_ahead(self, number: int) -> None:
        """Have this machine's store take what waits behind a checkpoint, too, so that it can be on its way to Arweave
        while the first is not read back yet."""
        for later in [one for one in self.spool.waiting(self.era) if one > number][:AHEAD]:
            if later in self._there:
                continue
            try:
                self.spool.read(self.era, later)
                self._put(later)
                self._there.add(later)
            except (ArchiveError, OSError):
                return  # it is told when its turn comes

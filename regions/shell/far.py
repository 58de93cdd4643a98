"""The archivist's way to Arweave: what this machine's store has is brought there, oldest first, until it is read back.

Opened when it is first needed, so that a gateway that is away, or a key file that is gone, never keeps the archivist
from filing: checkpoints then wait in the spool, and it is said why.
"""

import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from archive.bundle import unpack
from archive.checkpoint import TYPE
from archive.data_item import DataItem
from archive.errors import ArchiveError, Damaged, Forged, Missing
from archive.keys import b64
from archive.publish import bundles_of, carry, settle
from archive.restore import CHARTER, Opening
from archive.stores.arweave import ArweaveStore
from archive.stores.disk import DiskStore
from archive.stores.gateway import Patience
from regions.errors import ConfigError, RecordError
from regions.revive import opening_of
from regions.shell.remote import Remote

PATIENCE: Final = Patience(tries=2)  # the archivist tries again by itself, later and later
SETTLE_S: Final = 5.0  # between two looks at how deep things lie
LISTED: Final = 200  # of the newest bundles that are looked at for another's charter
WATCHED_MAX: Final = 10_000  # checkpoints that were read back, and are not permanent yet


class Far:
    """Arweave, for one world, as `remote` says; `home` is the world's directory, `disk` this machine's store."""

    def __init__(self, remote: Remote, home: Path, disk: DiskStore, patience: Patience = PATIENCE) -> None:
        self.remote, self.home, self.disk, self.patience = remote, home, disk, patience
        self.submitted = self.permanent = 0  # the newest checkpoint of each, as far as this process saw
        self._known: set[str] = set()  # bundles that were looked into
        self._watched: dict[int, list[str]] = {}
        self._store: ArweaveStore | None = None
        self._settle_s = 0.0

    def close(self) -> None:
        """End what waits for the gateway."""
        if self._store is not None:
            self._store.close()

    def store(self) -> ArweaveStore:
        """The store. Raises ArchiveError when it cannot be written to from here."""
        if self._store is None:
            try:
                self._store = self.remote.open(self.home, self.patience)
            except (ConfigError, OSError) as error:
                raise ArchiveError(self.remote.gateway, f"cannot be uploaded to: {error}") from None
        return self._store

    def later_era(self, opening: Opening) -> int:
        """The later era of a world that Arweave knows of; 0: none. Raises ArchiveError, also where Arweave has a
        checkpoint of this era, by one of its nodes, that this machine has not.

        A charter that some restore put there lies in a bundle that this machine never had.
        """
        store, ours = self.store(), self.disk.bundles()
        for node in islice(store.bundles(opening.world), LISTED):
            if node.id in self._known or node.tag("Bundle") in ours:
                continue
            try:
                items = unpack(store.bundle(node.id))
            except (Missing, Damaged, Forged):
                continue  # not to be read yet, or somebody's who tagged it as ours
            found = [_era_of(item.raw) for item in items if item.tag("Type") == CHARTER]
            owned = opening.world, opening.owner
            eras = [one.era for one in found if one is not None and (one.world, one.owner) == owned]
            if newest := max((era for era in eras if era > opening.era), default=0):
                return newest
            for item in items:
                self._check_known(item, opening)
            self._known.add(node.id)
        return 0

    def _check_known(self, item: DataItem, opening: Opening) -> None:
        """Refuse to file beside a checkpoint of the same era: this machine had made it, and was set back since."""
        said = item.tag("Type"), item.tag("World"), item.tag("Era")
        if said != (TYPE, opening.world, str(opening.era)) or item.owner not in opening.nodes:
            return
        try:
            self.disk.get(b64(item.id))
        except Missing:
            raise ArchiveError(
                self.remote.gateway,
                f"has checkpoint {item.tag('Checkpoint')} of this era, {b64(item.id)}, and {self.disk.folder} has not:"
                " this machine was set back to an older copy. Stop it, and restore the world from there",
            ) from None

    def carry(self, world: str, number: int, parts: Sequence[str]) -> None:
        """Bring all that this machine's store has of a world; return once everything up to checkpoint `number`, made of
        these bundles, was read back. Raises ArchiveError while it was not."""
        store, disk = self.store(), self.disk
        names = bundles_of(disk, world)
        if time.monotonic() >= self._settle_s:
            self._settle_s = time.monotonic() + SETTLE_S
            settle(store)
        carried = carry(disk, store, names)
        upto = max((names.index(part) for part in parts if part in names), default=-1)
        waits = [name for name in names[: upto + 1] if name in set(carried.missing)]
        if waits or upto < 0:
            assert carried.problem is not None or upto < 0
            raise carried.problem or ArchiveError(
                store.gateway.url, f"checkpoint {number} is in no store to bring it from"
            )
        self.submitted = max(self.submitted, number)
        self._watched[number] = list(parts)
        self._look()

    def _look(self) -> None:
        assert self._store is not None
        for number in sorted(self._watched):
            entries = [self._store.sent(name) for name in self._watched[number]]
            if all(entry is not None and entry.permanent for entry in entries):
                self.permanent = max(self.permanent, number)
                del self._watched[number]
        while len(self._watched) > WATCHED_MAX:
            del self._watched[min(self._watched)]


def _era_of(raw: bytes) -> Opening | None:
    try:
        return opening_of(raw)
    except (ArchiveError, RecordError, ValueError):
        return None

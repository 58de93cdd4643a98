"""Verifies a world from public data alone: a store, and nothing that its operator says.

`audit` is what `everloom verify` runs. The rules are the installed ones; where they differ from the world's Module that
is said, as history may then diverge without anyone having cheated.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from archive.errors import ArchiveError, Damaged, Diverged, Forged, Missing
from archive.keys import b64
from archive.restore import Opening, fetch
from archive.stores import Store
from archive.verify import Checked, Verified, no_progress, verify
from regions import founding
from regions.auditing import Auditor, KitOf
from regions.charter import Charter
from regions.holdings import Kit, kit
from regions.module import differences
from regions.revive import opening_of

KINDS = {Damaged: "damaged", Missing: "damaged", Forged: "forged", Diverged: "diverged"}


@dataclass
class Audit:
    """What came out: `verified` when all is well, else `error`."""

    verified: Verified | None = None
    error: ArchiveError | None = None
    records: int = 0
    seconds: float = 0.0
    world_seconds: float = 0.0
    strange: int = 0
    module_differs: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the history is whole, signed, and re-executes to what it says."""
        return self.verified is not None

    @property
    def times_real_time(self) -> float:
        """Seconds of world time, all its regions re-executed, per second that it took."""
        return self.world_seconds / self.seconds if self.seconds else 0.0

    def words(self) -> dict[str, Any]:
        """As `verify --json` prints it."""
        words: dict[str, Any] = {
            "ok": self.ok,
            "records": self.records,
            "seconds": round(self.seconds, 3),
            "times_real_time": round(self.times_real_time, 2),
            "state_hash": self.verified.state_hash if self.verified else None,
            "unknown_hashes_in_heads": self.strange,
            "module_differs": self.module_differs,
        }
        if self.verified is not None:
            found = self.verified
            words |= {"world": found.world, "era": found.era, "eras": found.eras, "checkpoint": found.checkpoint}
            words |= {"manifest": found.manifest_id, "objects": found.objects, "void": found.void}
        if self.error is not None:
            error = self.error
            where = {"object": error.object, "region": error.region, "record": error.record, "reason": error.reason}
            words[KINDS.get(type(error), "error")] = where
        return words


def audit(
    store: Store,
    world: str | None = None,
    until: str | None = None,
    since: int | None = None,
    progress: Callable[[str, int, int], None] = no_progress,
    also: Sequence[ArchiveError] = (),
    checked: Checked | None = None,
    kit_of: KitOf | None = None,
    read: Callable[[bytes], Opening] = opening_of,
) -> Audit:
    """Verify a world's history in a store. `also` is what the store found wrong in itself (`DiskStore.check`)."""
    result = Audit()
    auditor = Auditor(lambda item_id: fetch(store, item_id).raw, kit_of or (lambda *of: kit_in(store, *of)))
    began = time.perf_counter()
    try:
        result.verified = verify(store, read, auditor, world, until, since, checked, progress, also)
    except ArchiveError as error:
        result.error = error
    result.seconds = time.perf_counter() - began
    result.records, result.world_seconds, result.strange = auditor.records, auditor.world_seconds, auditor.strange
    if auditor.courses and kit_of is None:
        module = b64(next(iter(auditor.courses.values())).region.state.module)
        result.module_differs = differences(fetch(store, module).data)
    return result


def kit_in(store: Store, charter: Charter, charter_id: bytes, owner: bytes) -> Kit:
    """The installed rules on a world's own map. Raises ArchiveError."""
    try:
        world_map = founding.read_map(fetch(store, charter.map))
    except ValueError as error:
        raise Damaged(charter.map, f"not a map: {error}") from None
    return kit(lambda index: founding.genesis(charter, charter_id, owner, index, world_map))

"""One region's log as the archivist follows it: the records it holds, what they say of neighbours, and states at a cut.

A state is had without folding everything: from the newest local snapshot up to the cut, and the few records after it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from archive.checkpoint import RegionEnd
from archive.cut import Course
from archive.errors import ArchiveError
from archive.keys import unb64
from archive.snapshot import Snapshot
from regions import compute, region_state
from regions.config import SPAN
from regions.errors import ChainBroken
from regions.filing import Regional, said_of
from regions.holdings import Kit
from regions.record import Record, decode, record_hash
from regions.region_state import Region, Told


@dataclass
class Followed:
    """Records `base` + 1 ... of one region; `region` is its state at `base`, or at the newest cut, once known."""

    index: int
    base: int
    course: Course
    head: bytes = b""  # hash of the newest record seen; empty before the first
    filed: tuple[int, bytes] = (0, b"")  # the newest archived record, and its hash: the log must hold that very one
    region: Region | None = None
    raws: list[bytes] = field(default_factory=list)
    bytes_held: int = 0

    @classmethod
    def after(cls, index: int, end: RegionEnd, local: Iterable[int], founded: bool) -> "Followed":
        """Begin where the archive stands, or at the newest local snapshot before it: the state there is needed.

        `founded`: the era begins with the world's founding. While the archive has no snapshot of the region, the log is
        whole, and the founding is a state to begin from: the region may make its first snapshot after the next cut.
        What records up to `end` say of neighbours is in `end` already; said again, it changes nothing.
        """
        known = list(local)
        older = [n for n in known if n <= end.end]
        base = max(older) if older else end.end if known else 0
        if not older and founded and end.snapshot is None:
            base = 0
        filed = end.end, unb64(end.end_hash)
        return cls(index, base, Course.after(base, end.neighbours), filed[1] if base == end.end else b"", filed=filed)

    @property
    def seen(self) -> int:
        """The newest record seen."""
        return self.course.seen

    def take(self, n: int, raw: bytes) -> Record:
        """Hold the next record. Raises ChainBroken, RecordError."""
        record = decode(raw)
        if n != self.seen + 1 or record.n != n:
            raise ChainBroken(str(self.index), "record number", self.seen + 1, record.n)
        if self.head and record.previous != self.head:
            raise ChainBroken(str(self.index), f"previous hash of record {n}", self.head.hex(), record.previous.hex())
        head = record_hash(raw)
        if n == self.filed[0] and head != self.filed[1]:
            raise ChainBroken(str(self.index), f"hash of archived record {n}", self.filed[1].hex(), head.hex())
        self.course.add(n, said_of(record))
        self.head = head
        self.raws.append(raw)
        self.bytes_held += len(raw)
        return record

    def agrees(self, found: Snapshot) -> bool:
        """Whether a local snapshot is of the log that was followed, as far as that can be told without folding."""
        if not self.base < found.n <= self.seen:
            return found.n >= self.base
        raw = self.raws[found.n - self.base - 1]
        if record_hash(raw) != found.head:
            return False
        return bool(found.n % SPAN) or decode(raw).state_hash == sha256(found.state).digest()

    def part(self, kit: Kit, old: RegionEnd, end: int, near: Snapshot | None, whole: Snapshot | None) -> Regional:
        """The region's part of a checkpoint that ends at record `end`; `near` is a snapshot up to there to begin at,
        `whole` the one to archive. What is not needed for the next one is let go. Raises RecordError, ArchiveError."""
        told: list[Told] = []
        region = self._begin(kit, old, near)
        _hear(region, old.told, told)
        for raw in self.raws[region.state.n - self.base : end - self.base]:
            compute.apply(region, raw)
            _hear(region, old.told, told)
        records = self.raws[old.end - self.base : end - self.base]
        del self.raws[: end - self.base]
        self.bytes_held = sum(map(len, self.raws))
        self.base, self.region = end, region
        self.course.forget(end)
        return Regional(records, region, whole, told)

    def _begin(self, kit: Kit, old: RegionEnd, near: Snapshot | None) -> Region:
        """The state to fold on from: the snapshot's, unless it came too late to tell all key events."""
        kept = self.region
        if near is not None and near.n >= self.base and (kept is None or near.n > kept.state.n):
            region = region_state.decode(near.state, kit.rules(self.index), near.head)
            if not _missed(region, old.told) or (kept is None and self.base):
                return region
        if kept is None and self.base == 0:
            kept = kit.genesis(self.index)
        if kept is None:
            raise ArchiveError(
                f"region {self.index}",
                f"no local snapshot at or after record {self.base} to begin from",
                record=self.base,
            )
        return kept


def _missed(region: Region, told: int) -> bool:
    """Whether key events after number `told` have left the state's chronicle, which keeps the newest only."""
    kept = [one.number for one in region.state.chronicle if one.number > told]
    return region.state.chronicle_next - 1 > told and (not kept or kept[0] > told + 1)


def _hear(region: Region, told: int, heard: list[Told]) -> None:
    last = heard[-1].number if heard else told
    if region.state.chronicle_next - 1 > last:
        heard += [one for one in region.state.chronicle if one.number > last]

"""One checkpoint while it is cut: where it starts, how far it must go, and the states at its ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from archive import snapshot
from archive.checkpoint import RegionEnd
from archive.cut import settle
from archive.errors import ArchiveError
from archive.snapshot import Snapshot
from regions.filing import Regional
from regions.followed import Followed
from regions.holdings import Kit


@dataclass
class Cutting:
    """Checkpoint `number`, ordered by record `ordered` of the world's log (0: by none).

    `exact`: a planned stop's, whose ends are given. `starts` are where the cut begins to be sought: of a whole one at
    the newest local snapshots, else at the newest records seen.
    """

    number: int
    ordered: int
    full: bool
    exact: bool = False
    starts: dict[int, int] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    files: dict[int, Snapshot] = field(default_factory=dict)

    def begin_at(self, found: Mapping[int, Snapshot], followed: Mapping[int, Followed]) -> None:
        """Begin a whole one at the newest local snapshots."""
        self.files = dict(found)
        self.starts = {index: found[index].n if index in found else 0 for index in followed}

    def seek(self, followed: Mapping[int, Followed], olds: Sequence[RegionEnd]) -> dict[int, int]:
        """Move the ends forward until the cut is consistent. Returns the records it still waits for, by index."""
        if not self.starts:
            self.starts = {index: one.seen for index, one in followed.items()}
        for index, old in enumerate(olds):
            self.starts[index] = max(self.starts.get(index, 0), old.end)
        self.starts[0] = max(self.starts[0], self.ordered)
        settled = settle({index: one.course for index, one in followed.items()}, self.starts)
        self.ends = settled.ends
        return settled.wanted

    def parts(
        self, followed: Mapping[int, Followed], kit: Kit, olds: Sequence[RegionEnd], found: Mapping[int, Snapshot]
    ) -> dict[int, Regional]:
        """Every region's part at the cut; `found` are the newest local snapshots up to it."""
        parts: dict[int, Regional] = {}
        for index, old in enumerate(olds):
            one, end = followed[index], self.ends[index]
            near = [files[index] for files in (found, self.files) if index in files]
            near = [file for file in near if file.n <= end and one.agrees(file)]
            best = max(near, key=lambda file: file.n, default=None)
            parts[index] = one.part(kit, old, end, best, best if self.full else None)
        return parts


def readable(files: Mapping[int, bytes], era: int) -> dict[int, Snapshot]:
    """The snapshot files that can be read and are of this era: torn by a crash or damaged, an older state will do."""
    found: dict[int, Snapshot] = {}
    for index, raw in files.items():
        try:
            one = snapshot.decode_file(raw)
        except ArchiveError:
            continue
        if one.era == era:
            found[index] = one
    return found

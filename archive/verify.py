"""Proves a world's history from a store alone: first that every object is whole and rightly signed, then, by a given
`Replay`, that its records lead where they say.

Integrity: every item of the store has its id and signature; the charters lead from era to era; each era's manifests are
numbered without gaps, name one another, and were signed by nodes of its roster; segments join record to record and
hash to hash. Items that no manifest of this chain names (an era's work past the cut it was restored from, what a crash
left behind) are void, and listed; where they have records that history has, these are the same (`archive.forks`).
Execution is the replay's: it knows what records and states mean.

What a store does not hold, it can hide: whether a newer checkpoint exists elsewhere is not for it to say.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol

from archive import assets, chronicle, restore
from archive.assets import Held
from archive.checkpoint import AssetFiled, Manifest, RegionEnd, Run
from archive.data_item import DataItem, parse_item
from archive.errors import ArchiveError, Damaged, Missing
from archive.forks import Beside
from archive.history import History
from archive.keys import b64
from archive.restore import Opening, ReadCharter, Regional, fetch
from archive.snapshot import Snapshot
from archive.stores import Store

__all__ = [
    "AssetItems",
    "Checked",
    "History",
    "Interval",
    "Progress",
    "Replay",
    "Verified",
    "begin",
    "check_objects",
    "ends",
    "load_interval",
    "no_progress",
    "verify",
]


@dataclass(frozen=True)
class AssetItems:
    """What a checkpoint says of a new asset, and the items it names."""

    filed: AssetFiled
    metadata: DataItem
    picture: DataItem


@dataclass(frozen=True)
class Interval:
    """What one checkpoint adds: by partition index the records, their hashes, and whole snapshots; the table of assets;
    key events; new assets."""

    manifest_id: str
    manifest: Manifest
    records: Mapping[int, Sequence[bytes]]
    hashes: Mapping[int, Sequence[bytes]]
    snapshots: Mapping[int, Snapshot]
    table: Sequence[Held]
    lines: Sequence[dict[str, Any]]
    assets: Sequence[AssetItems]


class Replay(Protocol):
    """Re-executes history. Every method raises `ArchiveError`, mostly `Diverged` or `Forged`, naming where."""

    def begin(self, opening: Opening) -> None:
        """An era opens: the first one at the world's founding, a later one on the states at its cut."""
        ...

    def resume(
        self, opening: Opening, manifest: Manifest, parts: Sequence[Regional], known: Mapping[str, Manifest]
    ) -> None:
        """Begin in the middle: from snapshots, and the records up to a checkpoint. `known` are the checkpoints so far,
        by manifest id."""
        ...

    def fold(self, interval: Interval) -> None:
        """Execute what a checkpoint adds, and hold it against what the checkpoint says."""
        ...

    def finish(self) -> None:
        """Nothing follows: what waited for later records is judged now."""
        ...


@dataclass
class Verified:
    """What was proved: the newest checkpoint reached, how much was executed, and which items are void."""

    world: str
    era: int = 0
    checkpoint: int = 0
    manifest_id: str = ""
    state_hash: str = ""
    records: int = 0
    objects: int = 0
    eras: list[int] = field(default_factory=list)
    void: list[str] = field(default_factory=list)


@dataclass
class Checked:
    """Items that were found whole and signed, by id: SHA-256 of their bytes. Handed to a second run, it spares the
    signatures of what has not changed since."""

    hashes: dict[str, bytes] = field(default_factory=dict)


Progress = Callable[[str, int, int], None]  # what is being done, how much is done, how much there is


def no_progress(what: str, done: int, total: int) -> None:
    """Nobody watches."""


def check_objects(
    store: Store, checked: Checked | None = None, progress: Progress = no_progress, also: Sequence[ArchiveError] = ()
) -> list[ArchiveError]:
    """Read every item of the store; what is wrong with any of them. `also`: what the store itself found wrong."""
    checked = checked or Checked()
    problems = list(also)
    ids = list(store.ids())
    for done, item_id in enumerate(ids):
        try:
            raw = store.get(item_id)
            digest = sha256(raw).digest()
            if checked.hashes.get(item_id) != digest:
                item = parse_item(raw)
                if b64(item.id) != item_id:
                    raise Damaged(item_id, f"the store handed out item {b64(item.id)} instead")
                item.verify()
                checked.hashes[item_id] = digest
        except ArchiveError as error:
            named = type(error)(item_id, error.reason, region=error.region, record=error.record)
            problems.append(named if error.object != item_id else error)
        progress("objects", done + 1, len(ids))
    return problems


def verify(
    store: Store,
    read: ReadCharter,
    replay: Replay,
    world: str | None = None,
    until: str | None = None,
    since: int | None = None,
    checked: Checked | None = None,
    progress: Progress = no_progress,
    also: Sequence[ArchiveError] = (),
) -> Verified:
    """Prove a world's history: all of it, up to manifest `until`, or from the snapshots of checkpoint `since` on.

    Raises the first `ArchiveError` found, objects first.
    """
    problems = check_objects(store, checked, progress, also)
    if problems:
        raise problems[0]
    history = History.read(store, read, world, until)
    verified = Verified(history.openings[-1].world, objects=len(list(store.ids())))
    verified.void = sorted(history.void(store))
    beside = Beside(store, verified.void)
    chain = history.chain
    start = 0
    if since is not None:
        start = _resume(store, history, replay, since) + 1
        if start > len(chain):
            raise Missing(verified.world, f"no checkpoint {since}")
    before: RegionEnds | None = ends(chain[start - 1][1].regions) if start else None
    era = chain[start - 1][1].era if start else 0
    total = sum(sum(end.end + 1 - end.first for end in manifest.regions) for _, manifest in chain[start:])
    for manifest_id, manifest in chain[start:]:
        opening = history.opening(manifest)
        if manifest.era != era:
            replay.begin(opening)
            before, era = begin(opening), manifest.era
        assert before is not None
        interval = load_interval(store, opening, manifest_id, manifest, before)
        replay.fold(interval)
        beside.check(opening, manifest, interval.hashes)
        before = ends(manifest.regions)
        verified.records += sum(map(len, interval.records.values()))
        progress("records", verified.records, total)
    replay.finish()
    manifest_id, manifest = chain[-1]
    verified.era, verified.checkpoint, verified.manifest_id = manifest.era, manifest.number, manifest_id
    verified.state_hash = manifest.state_hash
    verified.eras = [opening.era for opening in history.openings]
    return verified


Before = tuple[int, str, list[Run], str | None, int, int]
RegionEnds = list[Before]


def ends(regions: Iterable[RegionEnd]) -> RegionEnds:
    """How far a checkpoint comes, for `load_interval` of the next."""
    return [(end.end, end.end_hash, end.segments, end.snapshot, end.snapshot_n, end.snapshot_before) for end in regions]


def begin(opening: Opening) -> RegionEnds:
    """Where an era opens, for `load_interval` of its first checkpoint."""
    if opening.cut is None:
        return [(0, "", [], None, 0, 0) for _ in opening.regions]
    return [(n, b64(head), [], None, 0, 0) for n, head in opening.cut]


def load_interval(store: Store, opening: Opening, manifest_id: str, manifest: Manifest, before: RegionEnds) -> Interval:
    """Everything a checkpoint adds to the one before, each item checked. Raises `ArchiveError`."""
    records: dict[int, list[bytes]] = {}
    hashes: dict[int, list[bytes]] = {}
    snapshots: dict[int, Snapshot] = {}
    for index, end in enumerate(manifest.regions):
        try:
            records[index], hashes[index] = _new_records(store, opening, manifest_id, manifest, end, before[index])
            if end.snapshot is not None and (end.snapshot, end.snapshot_n) != before[index][3:5]:
                if end.snapshot_n < before[index][4]:
                    raise Damaged(manifest_id, f"its snapshot {end.snapshot_n} is older than the one before")
                snapshots[index] = restore.load_snapshot(store, manifest, end, opening.nodes)
            older = before[index][4 if index in snapshots else 5]
            if end.snapshot_before != older:
                raise Damaged(manifest_id, f"it says {end.snapshot_before} of the snapshot before its own, not {older}")
        except ArchiveError as error:
            error.region = error.region or str(index)
            raise
    world, era, number = manifest.world, manifest.era, manifest.number
    table = fetch(store, manifest.table, opening.nodes)
    _check_tags(table, assets.table_tags(world, era, number))
    lines: list[dict[str, Any]] = []
    if manifest.chronicle is not None:
        story = fetch(store, manifest.chronicle, opening.nodes)
        _check_tags(story, chronicle.tags(world, era, number))
        lines = chronicle.decode(story.data)
    found = [
        AssetItems(one, fetch(store, one.metadata, opening.nodes), fetch(store, one.picture, opening.nodes))
        for one in manifest.assets
    ]
    held = assets.decode_table(table.data)
    return Interval(manifest_id, manifest, records, hashes, snapshots, held, lines, found)


def _new_records(
    store: Store,
    opening: Opening,
    manifest_id: str,
    manifest: Manifest,
    end: RegionEnd,
    before: Before,
) -> tuple[list[bytes], list[bytes]]:
    n, head, known = before[0], before[1], before[2]
    if end.first != n + 1 or end.end < n:
        raise Damaged(manifest_id, f"its records {end.first}..{end.end} do not follow record {n}", record=n)
    records: list[bytes] = []
    hashes: list[bytes] = []
    for run in end.segments:
        if run.last <= before[0]:
            if run not in known:
                raise Damaged(
                    run.id, f"records {run.first}..{run.last} came in another segment before", record=run.first
                )
            continue
        part = restore.load_segment(store, manifest, end, run.id, opening.nodes)
        if (part.first, part.last) != (run.first, run.last) or part.first != n + 1:
            raise Damaged(
                run.id, f"holds records {part.first}..{part.last}, expected {n + 1}..{run.last}", record=n + 1
            )
        if head and b64(part.previous) != head:
            raise Damaged(
                run.id, f"begins after a record that hashes to {b64(part.previous)}, not {head}", record=n + 1
            )
        records += part.records
        hashes += part.hashes
        n, head = part.last, b64(part.last_hash)
    if n != end.end or (head and head != end.end_hash):
        raise Damaged(manifest_id, f"its records lead to {n} ({head}), it says {end.end} ({end.end_hash})", record=n)
    return records, hashes


def _check_tags(item: DataItem, expected: list[tuple[str, str]]) -> None:
    if list(item.tags) != expected:
        raise Damaged(b64(item.id), f"its tags are {list(item.tags)}, expected {expected}")


def _resume(store: Store, history: History, replay: Replay, since: int) -> int:
    """Begin at the newest whole checkpoint not after `since`; its place in the chain."""
    places = [place for place, (_, one) in enumerate(history.chain) if one.number <= since and one.full]
    if not places:
        raise Missing(history.openings[-1].world, f"no whole checkpoint up to number {since}")
    place = places[-1]
    manifest = history.chain[place][1]
    opening = history.opening(manifest)
    parts = [restore.load_region(store, manifest, index, opening.nodes) for index in range(len(manifest.regions))]
    known = dict(history.chain[: place + 1])
    replay.resume(opening, manifest, parts, known)
    return place

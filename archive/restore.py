"""Finding a world's history in a store, and bringing its regions to a checkpoint, from the store alone.

A store is not trusted: of every item the id, the signature and the signer are checked here, tags only narrow a search,
and the newest of anything is the one with the highest number, whatever order the store lists them in. What a charter
says is read by the caller (`read`), as charters are the world's business; the records' and states' insides likewise.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from archive import checkpoint, segment, snapshot
from archive.checkpoint import Manifest, RegionEnd
from archive.data_item import DataItem, parse_item
from archive.errors import ArchiveError, Damaged, Diverged, Forged, Missing
from archive.keys import address, b64, unb64
from archive.snapshot import Snapshot
from archive.stores import Store

CHARTER: Final = "Everloom-Era"  # the Type tag of charters
PAGE: Final = 1_000
NEWEST: Final = 8  # manifests that are looked at first
UNMADE: Final = 16  # numbers in a row that may be missing: whoever was to make those checkpoints died before


@dataclass(frozen=True)
class Opening:
    """How an era begins, as its charter says: who owns the world, which nodes may sign, which regions there are, by
    partition index, and the manifest and cut it goes on from (era 1: none)."""

    id: str
    world: str
    era: int
    owner: bytes  # SHA-256 of the owner's public key
    nodes: tuple[bytes, ...]  # public keys
    regions: tuple[str, ...]  # process ids
    checkpoint: str | None = None
    cut: tuple[tuple[int, bytes], ...] | None = None  # (record, its hash)
    named_before: str | None = None  # the world this one was made from


ReadCharter = Callable[[bytes], Opening]  # raises ArchiveError or ValueError for what is no charter


def fetch(store: Store, item_id: str, signers: Iterable[bytes] | None = None) -> DataItem:
    """An item with that very id, signed by its owner, and the owner among `signers` (public keys) where given.

    Raises `Missing`, `Damaged`, `Forged`.
    """
    raw = store.get(item_id)
    try:
        item = parse_item(raw)
    except Damaged as error:
        raise Damaged(item_id, error.reason) from None
    if b64(item.id) != item_id:
        raise Damaged(item_id, f"the store handed out item {b64(item.id)} instead")
    item.verify()
    if signers is not None and item.owner not in set(signers):
        raise Forged(item_id, f"signed by {item.address}, which is no node of the roster")
    return item


def search(store: Store, tags: dict[str, str], owner: str | None = None) -> Iterator[str]:
    """Ids of all items with these tags, page after page."""
    after: str | None = None
    while True:
        page = store.query(tags, owner, PAGE, after)
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1]


def openings(store: Store, read: ReadCharter, world: str | None = None, owner: bytes | None = None) -> list[Opening]:
    """Every era's opening, newest era first; of one world, or of all worlds the store knows.

    A charter counts when the owner of the world's own Process item signed it (and that is `owner`, where given).
    What does not count is passed over: anyone may put an item with such tags. Two that count and open the same era
    of one world differently are both listed; the caller decides.
    """
    tags = {"Type": CHARTER} | ({"World": world} if world is not None else {})
    found: list[Opening] = []
    owners: dict[str, bytes] = {}
    for item_id in search(store, tags):
        try:
            opening = read(fetch(store, item_id).raw)
            if opening.world not in owners:
                owners[opening.world] = sha256(fetch(store, opening.world).owner).digest()
        except (ArchiveError, ValueError):
            continue
        if opening.owner == owners[opening.world] and owner in (None, opening.owner):
            found.append(opening)
    return sorted(found, key=lambda one: one.era, reverse=True)


def newest_opening(store: Store, read: ReadCharter, world: str | None = None, owner: bytes | None = None) -> Opening:
    """The opening of a world's newest era. Raises `Missing` for none, `ArchiveError` for several worlds."""
    found = openings(store, read, world, owner)
    if not found:
        raise Missing(world or "world", "no charter of it in this store that its owner signed")
    worlds = {one.world for one in found}
    if len(worlds) > 1:
        raise ArchiveError("store", f"it holds {len(worlds)} worlds, say which: {', '.join(sorted(worlds))}")
    if len(found) > 1 and found[0].era == found[1].era:
        raise Forged(found[0].id, f"two charters open era {found[0].era}: this one and {found[1].id}")
    return found[0]


def manifests(store: Store, opening: Opening, number: int | None = None) -> list[tuple[str, Manifest]]:
    """Every manifest of an era (or those of one checkpoint) that a node of its roster signed, highest number first;
    damaged ones raise."""
    tags = _manifest_tags(opening) | ({"Checkpoint": str(number)} if number is not None else {})
    found: list[tuple[str, Manifest]] = []
    for node in opening.nodes:
        found += _readable(store, opening, search(store, tags, address(node)))
    return sorted(found, key=lambda pair: pair[1].number, reverse=True)


def newest_manifest(store: Store, opening: Opening) -> tuple[str, Manifest] | None:
    """The manifest with an era's highest number, or None. Raises `Forged` when there are two with that number.

    A number is ordered once, from one archivist; one that was replaced may have made others that do not count, with
    lower numbers, or none of a number that it was ordered. Looks at the newest few that the store lists, and on from
    there past numbers that are missing; at all of them if those few are out of order: a store that lists them as it
    likes costs time, not a checkpoint.
    """
    numbers: list[int] = []
    for node in opening.nodes:
        listed = store.query(_manifest_tags(opening), address(node), NEWEST)
        found = [manifest.number for _, manifest in _readable(store, opening, listed)]
        if found != sorted(set(found), reverse=True):
            listed = list(search(store, _manifest_tags(opening), address(node)))
            found = [manifest.number for _, manifest in _readable(store, opening, listed)]
        numbers += found
    if not numbers:
        return None
    number = ahead = max(numbers)
    while ahead < number + UNMADE:
        ahead += 1
        number = ahead if manifests(store, opening, ahead) else number
    (newest, *more) = manifests(store, opening, number)
    if more:
        raise Forged(newest[0], f"a second manifest of checkpoint {number}: {more[0][0]}")
    return newest


def _manifest_tags(opening: Opening) -> dict[str, str]:
    return {"Type": checkpoint.TYPE, "World": opening.world, "Era": str(opening.era)}


def _readable(store: Store, opening: Opening, ids: Iterable[str]) -> Iterator[tuple[str, Manifest]]:
    for item_id in ids:
        manifest = checkpoint.read_item(fetch(store, item_id, opening.nodes))
        if manifest.charter == opening.id:
            yield item_id, manifest


@dataclass(frozen=True)
class Regional:
    """One region at a checkpoint: the snapshot to begin at (none: the founding), the records from there to the end."""

    process: str
    snapshot: Snapshot | None
    records: tuple[bytes, ...]
    end: RegionEnd


def load_region(store: Store, manifest: Manifest, index: int, nodes: Iterable[bytes]) -> Regional:
    """A region's snapshot and the records after it up to its end, each item checked, numbers and hashes without a gap.

    Raises `ArchiveError` naming the object, the region and the record.
    """
    signers = tuple(nodes)
    end = manifest.regions[index]
    try:
        start = load_snapshot(store, manifest, end, signers) if end.snapshot is not None else None
        records: list[bytes] = []
        n, head = (start.n, start.head) if start is not None else (0, b"")
        for run in [run for run in end.segments if run.last > n]:
            part = load_segment(store, manifest, end, run.id, signers)
            if (part.first, part.last) != (run.first, run.last):
                raise Damaged(
                    run.id, f"holds records {part.first}..{part.last}, the manifest says {run.first}..{run.last}"
                )
            skipped = n + 1 - part.first
            before = part.hashes[skipped - 1] if skipped else part.previous
            if head and before != head:
                raise Damaged(run.id, f"its record {n} hashes to {b64(before)}, {b64(head)} is in the chain", record=n)
            records += part.records[skipped:]
            n, head = part.last, part.last_hash
        if head and b64(head) != end.end_hash:
            raise Damaged(
                manifest.world, f"record {n} hashes to {b64(head)}, the manifest says {end.end_hash}", record=n
            )
    except ArchiveError as error:
        error.region = error.region or str(index)
        raise
    return Regional(end.process, start, tuple(records), end)


def load_snapshot(store: Store, manifest: Manifest, end: RegionEnd, signers: Iterable[bytes]) -> Snapshot:
    """The snapshot a manifest names for a region. Raises `ArchiveError`."""
    item_id = end.snapshot or ""
    whose, found = snapshot.read_item(fetch(store, item_id, signers))
    if (whose.world, whose.process, found.era, found.n) != (manifest.world, end.process, manifest.era, end.snapshot_n):
        raise Damaged(item_id, f"the snapshot of another region or record ({found.n})", record=end.snapshot_n)
    return found


def load_segment(
    store: Store, manifest: Manifest, end: RegionEnd, item_id: str, signers: Iterable[bytes]
) -> segment.Segment:
    """A segment a manifest names for a region. Raises `ArchiveError`."""
    whose, part = segment.read_item(fetch(store, item_id, signers))
    if (whose.world, whose.process, part.era) != (manifest.world, end.process, manifest.era):
        raise Damaged(item_id, "the segment of another region or era", record=part.first)
    return part


def check_state_hashes(manifest: Manifest, digests: Iterable[bytes]) -> bytes:
    """Hold rebuilt states against a manifest: SHA-256 of each region's state, by partition index.

    Returns the checkpoint's state hash. Raises `Diverged` naming the region.
    """
    found = list(digests)
    for index, (end, digest) in enumerate(zip(manifest.regions, found, strict=True)):
        if digest.hex() != end.state_hash:
            reason = f"the state at record {end.end} hashes to {digest.hex()}, the manifest says {end.state_hash}"
            raise Diverged(manifest.world, reason, region=str(index), record=end.end)
    parts = [(unb64(end.process), end.end, digest) for end, digest in zip(manifest.regions, found)]
    return checkpoint.state_hash(parts)

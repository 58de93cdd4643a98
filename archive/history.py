"""A world's history as its charters and manifests tell it: eras, oldest first, and the checkpoints that count.

Followed from the newest charter back to the founding; every link is checked. What checkpoints hold is not read here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from archive import assets, checkpoint, chronicle, restore, segment, snapshot
from archive.checkpoint import Manifest
from archive.data_item import DataItem
from archive.errors import Damaged, Forged, Missing
from archive.keys import b64, unb64
from archive.restore import Opening, ReadCharter, fetch, search
from archive.stores import Store

VOIDABLE = (
    checkpoint.TYPE,
    segment.TYPE,
    snapshot.TYPE,
    assets.TABLE,
    assets.COLLECTION,
    chronicle.TYPE,
    restore.CHARTER,
)


@dataclass(frozen=True)
class History:
    """One world's eras, oldest first, and the manifests that count, oldest first."""

    openings: list[Opening]
    chain: list[tuple[str, Manifest]]

    @classmethod
    def read(cls, store: Store, read: ReadCharter, world: str | None = None, until: str | None = None) -> "History":
        """Follow the newest charter back to the founding. Raises `ArchiveError` where the thread is broken."""
        if until is not None:
            world = world or checkpoint.read_item(fetch(store, until)).world
        newest = restore.newest_opening(store, read, world)
        found = restore.newest_manifest(store, newest)
        last: tuple[str, Manifest] | None = found
        openings = [newest]
        chain: list[tuple[str, Manifest]] = []
        while True:
            opening = openings[0]
            if last is not None:
                chain = [*_era(store, opening, last), *chain]
            if opening.checkpoint is None:
                break
            manifest = checkpoint.read_item(fetch(store, opening.checkpoint))
            older = _read(read, fetch(store, manifest.charter))
            _check_follows(opening, older, opening.checkpoint, manifest)
            openings.insert(0, older)
            last = opening.checkpoint, manifest
        for (_, before), (item_id, manifest) in pairwise(chain):
            if manifest.number <= before.number:  # numbers between them were ordered from an archivist that is gone
                raise Damaged(item_id, f"checkpoint {manifest.number} comes after checkpoint {before.number}")
        if until is not None:
            ids = [manifest_id for manifest_id, _ in chain]
            if until not in ids:
                raise Missing(until, "a checkpoint that is void, or of another world")
            chain = chain[: ids.index(until) + 1]
        if not chain:
            raise Missing(newest.world, f"era {newest.era} has no checkpoint in this store")
        return cls(openings, chain)

    def opening(self, manifest: Manifest) -> Opening:
        """The opening of a manifest's era."""
        return next(one for one in self.openings if one.id == manifest.charter)

    def void(self, store: Store) -> Iterator[str]:
        """Ids of this world's segments, snapshots, manifests, tables, chronicles that no manifest that counts names."""
        needed = {manifest_id for manifest_id, _ in self.chain}
        for _, manifest in self.chain:
            needed |= set(named(manifest))
        charters = {opening.id for opening in self.openings}
        for world in {opening.world for opening in self.openings}:
            for kind in VOIDABLE:
                for item_id in search(store, {"Type": kind, "World": world}):
                    if item_id not in needed and item_id not in charters:
                        yield item_id


def named(manifest: Manifest) -> Iterator[str]:
    """Ids of the items that a manifest needs: segments, snapshots, the table of assets, the chronicle."""
    for end in manifest.regions:
        yield from (run.id for run in end.segments)
        if end.snapshot is not None:
            yield end.snapshot
    yield manifest.table
    if manifest.collection is not None:
        yield manifest.collection
    if manifest.chronicle is not None:
        yield manifest.chronicle


def _read(read: ReadCharter, item: DataItem) -> Opening:
    try:
        return read(item.raw)
    except ValueError as error:
        raise Damaged(b64(item.id), str(error)) from None


def _check_follows(opening: Opening, older: Opening, manifest_id: str, manifest: Manifest) -> None:
    if opening.world not in (older.world, opening.world if opening.named_before == older.world else ""):
        raise Forged(opening.id, f"begins at a checkpoint of world {older.world}, which it does not name")
    if opening.world == older.world and opening.owner != older.owner:
        raise Forged(older.id, "another key than the world's owner's signed this charter")
    if opening.era <= older.era or opening.cut is None:
        raise Damaged(
            opening.id, f"era {opening.era} goes on from era {older.era}, with a cut: {opening.cut is not None}"
        )
    cut = [(end.end, unb64(end.end_hash)) for end in manifest.regions]
    if list(opening.cut) != cut:
        raise Forged(opening.id, f"its cut is not that of checkpoint {manifest.number}, {manifest_id}")


def _era(store: Store, opening: Opening, last: tuple[str, Manifest]) -> list[tuple[str, Manifest]]:
    """The manifests of an era up to `last`, oldest first, each checked against the one before."""
    all_of = restore.manifests(store, opening)
    numbers: dict[int, str] = {}
    for one, manifest in all_of:
        if manifest.number <= last[1].number and numbers.setdefault(manifest.number, one) != one:
            raise Forged(one, f"a second manifest of checkpoint {manifest.number}: {numbers[manifest.number]}")
    by_id = dict(all_of)
    chain: list[tuple[str, Manifest]] = []
    item_id: str | None = last[0]
    while item_id is not None and item_id != opening.checkpoint:
        if item_id not in by_id:
            fetch(store, item_id, opening.nodes)
            raise Forged(item_id, f"a manifest of era {opening.era} that does not stand under its charter")
        manifest = by_id[item_id]
        if chain and manifest.number >= chain[0][1].number:
            raise Damaged(chain[0][0], f"checkpoint {chain[0][1].number} names {manifest.number} as the one before")
        if [end.process for end in manifest.regions] != list(opening.regions):
            raise Damaged(item_id, "its regions are not those of the charter")
        chain.insert(0, (item_id, manifest))
        item_id = manifest.previous
    if item_id != opening.checkpoint:
        raise Damaged(
            chain[0][0], f"the first checkpoint of era {opening.era} does not name the one the era began from"
        )
    return chain

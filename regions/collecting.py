"""Which assets have their items in the archive: their metadata's ids in the order of filing, and how many of them the
newest collection lists. Followed from manifest to manifest; the archivist and the auditor share it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from archive import assets
from archive.checkpoint import AssetFiled, Manifest, read_item
from archive.data_item import DataItem


@dataclass(frozen=True)
class Collected:
    """`ids` of all metadata items filed, `listed` of them in the newest collection, which is item `item`."""

    ids: tuple[str, ...] = ()
    listed: int = 0
    item: str | None = None

    @property
    def due(self) -> bool:
        """Whether the next checkpoint brings a new collection."""
        return assets.collection_due(self.listed, len(self.ids) - self.listed)

    def adding(self, filed: Iterable[AssetFiled]) -> "Collected":
        """After a checkpoint filed assets, and before its collection."""
        return Collected(self.ids + tuple(one.metadata for one in filed), self.listed, self.item)

    def made(self, item_id: str) -> "Collected":
        """After a new collection of all of them."""
        return Collected(self.ids, len(self.ids), item_id)


NOTHING: Final = Collected()


def collected(fetch: Callable[[str], DataItem], manifest: Manifest) -> Collected:
    """How things stand at a manifest. `fetch` gives checked items. Raises ArchiveError."""
    listed: list[str] = []
    if manifest.collection is not None:
        listed = assets.decode_collection(fetch(manifest.collection).data)
    known, waiting = set(listed), list[str]()
    one: Manifest | None = manifest
    while one is not None:
        ids = [asset.metadata for asset in one.assets]
        if known.issuperset(ids) and ids:
            break
        waiting = ids + waiting
        one = read_item(fetch(one.assets_before)) if one.assets_before is not None else None
    return Collected((*listed, *waiting), len(listed), manifest.collection)


def follow(before: Collected, manifest: Manifest) -> Collected:
    """How things stand after the manifest that follows."""
    after = before.adding(manifest.assets)
    return after.made(manifest.collection) if manifest.collection not in (None, before.item) else after

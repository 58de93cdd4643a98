"""A world's history out of a store that is far away and believed nothing, into a local one.

What is copied is what the chain names, from the charters that the world's owner signed to the last picture: never what
merely carries the world's tags, as anyone may put that. With an item comes the bundle it lies in, if all of that
verifies. Whether the history is right is for `verify` to say, on the copy.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from archive.data_item import parse_item
from archive.errors import ArchiveError, Damaged, Forged, Missing
from archive.history import History, named
from archive.restore import Opening
from archive.stores import State
from archive.stores.arweave import ArweaveStore
from archive.stores.disk import DiskStore


class Mirror:
    """A `Store` to read from: what the local one lacks is fetched, and kept there."""

    def __init__(self, source: ArweaveStore, kept: DiskStore) -> None:
        self.source, self.kept = source, kept

    def get(self, item_id: str) -> bytes:
        try:
            return self.kept.get(item_id)
        except (Missing, Damaged):
            raw = self.source.get(item_id)
        try:
            self.kept.put_bundle(self.source.bundle_of(item_id))
        except (Missing, Damaged, Forged):
            self.kept.put(raw)
        return raw

    def query(
        self, tags: Mapping[str, str], owner: str | None = None, limit: int = 100, after: str | None = None
    ) -> list[str]:
        """As the source has it, less what turns out to be something else; what cannot be read stays."""
        found: list[str] = []
        while len(found) < limit:
            page = self.source.query(tags, owner, limit, after)
            found += [item_id for item_id in page if self._fits(item_id, tags, owner)]
            if len(page) < limit:
                break
            after = page[-1]
        return found[:limit]

    def _fits(self, item_id: str, tags: Mapping[str, str], owner: str | None) -> bool:
        try:
            item = parse_item(self.get(item_id))
        except ArchiveError:
            return True
        return owner in (None, item.address) and set(tags.items()).issubset(item.tags)

    def put(self, raw_item: bytes) -> str:
        raise ArchiveError(self.source.gateway.url, "is read from here, not written to")

    def put_bundle(self, bundle: bytes) -> list[str]:
        raise ArchiveError(self.source.gateway.url, "is read from here, not written to")

    def confirm(self, item_id: str) -> State:
        return self.source.confirm(item_id)

    def ids(self) -> Iterator[str]:
        """What was fetched so far."""
        return self.kept.ids()


def copy_history(
    mirror: Mirror,
    history: History,
    also: Callable[[Opening], Iterable[str]],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Fetch everything that a history names; `also` says which more items a charter does. Raises `ArchiveError`."""
    wanted: dict[str, None] = {}
    for opening in history.openings:
        wanted |= dict.fromkeys([opening.id, opening.world, *opening.regions, *also(opening)])
    for manifest_id, manifest in history.chain:
        wanted |= dict.fromkeys([manifest_id, *named(manifest)])
        for one in manifest.assets:
            wanted |= dict.fromkeys([one.metadata, one.picture])
    for done, item_id in enumerate(wanted, 1):
        mirror.get(item_id)
        progress(done, len(wanted))

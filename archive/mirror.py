"""A world's history out of a store that is far away and believed nothing, into a local one.

What counts is what the chain names, from the charters that the world's owner signed to the last picture, and all of
that is copied; never what merely carries the world's tags, as anyone may put that. Whether the history is right is
for `verify` to say, on the copy.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from archive.bundle import read_entry, read_header
from archive.data_item import parse_item
from archive.errors import ArchiveError, Damaged, Forged, Missing
from archive.history import History, named
from archive.restore import Opening, search
from archive.stores import State
from archive.stores.disk import DiskStore

if TYPE_CHECKING:
    from archive.stores.arweave import ArweaveStore


class Mirror:
    """A `Store` to read from: what the local one lacks is fetched, and kept there."""

    def __init__(self, source: "ArweaveStore", kept: DiskStore) -> None:
        self.source, self.kept = source, kept
        self._swept: set[str | None] = set()
        self._found: dict[object, list[str]] = {}  # of the query that is being paged through

    def get(self, item_id: str) -> bytes:
        try:
            return self.kept.get(item_id)
        except (Missing, Damaged):
            raw = self.source.get(item_id)
        self._keep(self.source.bundle_of(item_id))
        return raw

    def query(
        self, tags: Mapping[str, str], owner: str | None = None, limit: int = 100, after: str | None = None
    ) -> list[str]:
        """As `Store.query`: what was fetched, and what else the source names, less what turns out to be something else.

        Gateways list the bundles with a world's tag more surely than what is in them, so those are fetched first.
        """
        if after is None or (found := self._found.get(_key(tags, owner))) is None:
            found = self._search(tags, owner)
            self._found = {_key(tags, owner): found}
        if after is not None and after not in found:
            raise Missing(ascii(after)[:64], "the query was to go on after this item, which was not found")
        start = found.index(after) + 1 if after is not None else 0
        return found[start : start + limit]

    def _search(self, tags: Mapping[str, str], owner: str | None) -> list[str]:
        wanted = dict(tags)
        listed = list(search(self.source, wanted, owner))
        if "World" in tags or not listed:
            self.sweep(tags.get("World"))
        kept = list(search(self.kept, wanted, owner))
        known = set(kept)
        return kept + [one for one in listed if one not in known and self._fits(one, tags, owner)]

    def sweep(self, world: str | None) -> None:
        """Fetch every bundle that is tagged as a world's, oldest first; what cannot be read is passed over. Whoever
        has a reader fetch what is of no use has paid for its being stored."""
        if world in self._swept:
            return
        self._swept.add(world)
        for node in reversed(list(self.source.bundles(world))):
            if node.tag("Bundle") in self.kept.bundles():
                continue
            try:
                self._keep(self.source.bundle(node.id))
            except (Missing, Damaged):
                continue

    def _keep(self, bundle: bytes) -> None:
        """Keep a bundle, or as much of it as verifies."""
        try:
            self.kept.put_bundle(bundle)
        except (Damaged, Forged):
            for entry in read_header(bundle):
                with suppress(Damaged, Forged):
                    self.kept.put(read_entry(bundle, entry).raw)

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


def _key(tags: Mapping[str, str], owner: str | None) -> object:
    return tuple(sorted(tags.items())), owner


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

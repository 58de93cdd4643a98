"""A store in this process's memory: the twin of the disk store, for tests and simulation. Gone with the process."""

from collections.abc import Iterator, Mapping
from hashlib import sha256

from archive.bundle import pack
from archive.data_item import parse_item
from archive.keys import b64
from archive.stores import State
from archive.stores.catalogue import Catalogue, listing


class MemoryStore:
    """Keeps bundles in a dictionary; see `archive.stores.Store` for the methods."""

    def __init__(self) -> None:
        self._bundles: dict[str, bytes] = {}
        self._catalogue = Catalogue()

    def put(self, raw_item: bytes) -> str:
        item = parse_item(raw_item)
        if (item_id := b64(item.id)) in self._catalogue and self.get(item_id) == raw_item:
            return item_id
        return self.put_bundle(pack([item]))[0]

    def put_bundle(self, bundle: bytes) -> list[str]:
        listed = listing(bundle)
        name = b64(sha256(bundle).digest())
        self._bundles[name] = bytes(bundle)
        self._catalogue.add(name, listed)
        return [item.id for item in listed]

    def get(self, item_id: str) -> bytes:
        place = self._catalogue.places(item_id)[0]
        return self._bundles[place.bundle][place.offset : place.offset + place.size]

    def query(
        self, tags: Mapping[str, str], owner: str | None = None, limit: int = 100, after: str | None = None
    ) -> list[str]:
        return self._catalogue.query(tags, owner, limit, after)

    def confirm(self, item_id: str) -> State:
        parse_item(self.get(item_id)).verify()
        return State.STORED

    def ids(self) -> Iterator[str]:
        return self._catalogue.ids()

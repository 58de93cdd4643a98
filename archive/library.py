"""A store as a reader of Arweave sees it: transactions, items in their bundles, chunks with their proofs.

Every byte handed out was just compared with the hash of its chunk, or belongs to an item whose signature was checked:
what a disk has lost or altered is `Missing` or `Damaged` here, never served. No HTTP, no JSON.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

from archive.data_item import DataItem, parse_item
from archive.errors import ArchiveError, Damaged, Missing
from archive.keys import b64
from archive.lookup import Entry, Lookup
from archive.merkle import split
from archive.stores.catalogue import Listed
from archive.tags import TAG_BYTES_MAX
from archive.weave import Laid, Weave

HEAD_BYTES_MAX: Final = 2 + 512 + 512 + 2 * 33 + 16 + TAG_BYTES_MAX  # of an item, before its data


class Source(Protocol):
    """Where the bundles lie; `DiskStore` is one."""

    def piece(self, bundle: str, offset: int, size: int) -> bytes:
        """Bytes of a bundle, not verified. Raises `ArchiveError`."""
        ...

    def get(self, item_id: str) -> bytes:
        """A verified item. Raises `ArchiveError`."""
        ...

    def items(self, bundle: str) -> Sequence[Listed]:
        """What is in a bundle; empty for one that is not here, or is no bundle."""
        ...


@dataclass(frozen=True)
class Chunk:
    """A chunk of the weave and its two proofs."""

    data: bytes
    data_path: bytes
    tx_path: bytes


@dataclass(frozen=True)
class Head:
    """An item without its data, and where that lies in its transaction's."""

    item: DataItem
    start: int
    end: int


class Library:
    """Reads one weave."""

    def __init__(self, weave: Weave, source: Source) -> None:
        self.weave, self.source = weave, source
        self.lookup = Lookup(weave, source.items)

    def chunk(self, offset: int) -> Chunk:
        """The chunk with the byte of the weave at `offset`. Raises `Missing` or `Damaged`."""
        laid = self.weave.at(offset)
        start, end, digest, path = laid.chunk(offset - 1 - laid.start)
        return Chunk(self._piece(laid, start, end, digest), path, laid.tx_path)

    def read(self, laid: Laid, start: int, end: int) -> Iterator[bytes]:
        """Bytes [start, end) of a transaction's data, in pieces. Raises `Missing` or `Damaged`."""
        for number, (first, last) in enumerate(split(laid.transaction.data_size)):
            if first < end and start < last:
                whole = self._piece(laid, first, last, laid.hashes[number])
                yield whole[max(start - first, 0) : end - first]

    def head(self, entry: Entry) -> Head:
        """An item's fields. Raises `Missing` or `Damaged` when they are not what the weave was made over."""
        start, end = entry.offset, entry.offset + entry.size
        try:
            raw = b"".join(self.read(entry.laid, start, min(end, start + HEAD_BYTES_MAX)))
        except ArchiveError:
            raw = self.source.get(entry.id)[:HEAD_BYTES_MAX]
        item = parse_item(raw)
        if b64(item.id) != entry.id:
            raise Damaged(entry.id, f"another item, {b64(item.id)}, lies where it should")
        return Head(item, start + len(raw) - len(item.data), end)

    def data(self, entry: Entry, start: int, end: int) -> Iterator[bytes]:
        """Bytes [start, end) of an item's or a transaction's data, in pieces. Raises `Missing` or `Damaged`."""
        if entry.bundled_in is None:
            yield from self.read(entry.laid, start, end)
            return
        begin = self.head(entry).start
        done = start
        try:
            for piece in self.read(entry.laid, begin + start, begin + end):
                yield piece
                done += len(piece)
        except ArchiveError:  # another item in its chunk may be what was lost
            yield parse_item(self.source.get(entry.id)).data[done:end]

    def size(self, entry: Entry) -> int:
        """Bytes of an item's or a transaction's data."""
        if entry.bundled_in is None:
            return entry.size
        head = self.head(entry)
        return head.end - head.start

    def entry(self, which: str) -> Entry:
        """An item or a transaction by id. Raises `Missing`."""
        found = self.lookup.find(which)
        if found is None:
            raise Missing(ascii(which[:64]), f"not among the {len(self.lookup.entries)} items and transactions here")
        return found

    def _piece(self, laid: Laid, start: int, end: int, digest: bytes) -> bytes:
        data = self.source.piece(laid.bundle, start, end - start)
        if sha256(data).digest() != digest:
            name = b64(laid.transaction.id)
            raise Damaged(name, f"bytes {start} to {end} of its data are not what the store once held")
        return data

"""Which items lie in which bundle, and finding them by tag and owner: the memory of the memory and disk stores.

Holds no bytes of items and does no I/O. Costs roughly 1 KiB of memory an item, and twice that while a store is opened.
"""

import re
import sys
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from archive.bundle import read_entry, read_header
from archive.errors import Missing
from archive.keys import b64
from archive.tags import Tags

QUERY_LIMIT_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Listed:
    """One item of a bundle: where it lies in it, who signed it (an address), and its tags."""

    id: str
    offset: int
    size: int
    owner: str
    tags: Tags


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item's bytes are."""

    bundle: str
    offset: int
    size: int


def listing(bundle: bytes) -> list[Listed]:
    """What a bundle holds, each item verified. Raises `Damaged` or `Forged`."""
    listed = []
    for entry in read_header(bundle):
        item = read_entry(bundle, entry)
        item.verify()
        listed.append(Listed(b64(item.id), entry.offset, entry.size, item.address, item.tags))
    return listed


class Catalogue:
    """Items in the order they were first added; an item may lie in several bundles."""

    def __init__(self) -> None:
        self.bundles: dict[str, Sequence[Listed]] = {}
        self._items: list[Listed] = []
        self._numbers: dict[str, int] = {}
        self._places: list[list[Place]] = []
        self._by_tag: dict[tuple[str, str], list[int]] = {}
        self._tags: dict[tuple[str, str], tuple[str, str]] = {}  # one copy of each: most are repeated in every item

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._numbers

    def __len__(self) -> int:
        return len(self._items)

    def add(self, bundle: str, listed: Sequence[Listed]) -> None:
        """Adds a bundle's items; a bundle added before changes nothing."""
        if bundle in self.bundles:
            return
        items = [self._shared(item) for item in listed]
        self.bundles[bundle] = items
        for item in items:
            place = Place(bundle, item.offset, item.size)
            number = self._numbers.setdefault(item.id, len(self._items))
            if number < len(self._items):
                self._places[number].append(place)
                continue
            self._items.append(item)
            self._places.append([place])
            for tag in dict.fromkeys(item.tags):
                self._by_tag.setdefault(tag, []).append(number)

    def _shared(self, item: Listed) -> Listed:
        tags = tuple(self._tags.setdefault(tag, tag) for tag in item.tags)
        return Listed(item.id, item.offset, item.size, sys.intern(item.owner), tags)

    def places(self, item_id: str) -> list[Place]:
        """Every bundle that holds the item; raises `Missing`."""
        number = self._numbers.get(item_id)
        if number is None:
            raise Missing(_shown(item_id), f"not among the {len(self._items)} items of this store")
        return self._places[number]

    def ids(self) -> Iterator[str]:
        """Newest first."""
        return (item.id for item in reversed(self._items))

    def query(self, tags: Mapping[str, str], owner: str | None, limit: int, after: str | None) -> list[str]:
        """As `Store.query`."""
        if not 1 <= limit <= QUERY_LIMIT_MAX:
            raise ValueError(f"limit {limit}, allowed 1 to {QUERY_LIMIT_MAX}")
        end = len(self._items)
        if after is not None:
            if after not in self._numbers:
                raise Missing(_shown(after), "the query was to go on after this item, which this store does not have")
            end = self._numbers[after]
        wanted = set(tags.items())
        numbers: Sequence[int] = range(len(self._items))
        if wanted:
            numbers = min((self._by_tag.get(tag, []) for tag in wanted), key=len)
        found = []
        for at in range(bisect_left(numbers, end) - 1, -1, -1):
            item = self._items[numbers[at]]
            if wanted.issubset(item.tags) and owner in (None, item.owner):
                found.append(item.id)
                if len(found) == limit:
                    break
        return found


def _shown(item_id: str) -> str:
    """An id as asked for, which may be any text, fit for an error message."""
    return item_id if re.fullmatch(r"[A-Za-z0-9_-]{43}", item_id) else ascii(item_id[:64])

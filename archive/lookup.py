"""Finding items and transactions of a weave as a gateway's GraphQL does: by ids, owners, tags, bundle, height, paged.

Entries are numbered in the order of the weave, a transaction before the items of its bundle; as a weave only grows, a
number means the same for ever, and a page can go on where the last one ended. Holds no data.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from archive.errors import ArchiveError
from archive.keys import b64
from archive.stores.catalogue import Listed
from archive.tags import Tags
from archive.weave import Laid, Weave

SCANNED_MAX: Final = 100_000  # entries one question may look at
READ_MAX: Final = 5_000  # of them, those whose bytes must be read


@dataclass(frozen=True, slots=True)
class Entry:
    """A transaction (`bundled_in` None), or an item at `offset` of the data of the transaction it is bundled in."""

    id: str
    owner: str  # an address
    tags: Tags
    laid: Laid
    bundled_in: str | None
    offset: int
    size: int


@dataclass(frozen=True)
class TagWanted:
    """A tag of this name with one of the values, or (`negated`) no such tag."""

    name: str
    values: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True)
class Wanted:
    """What entries must be like; None and () ask for nothing. Heights inclusive."""

    ids: tuple[str, ...] | None = None
    owners: tuple[str, ...] | None = None
    recipients: tuple[str, ...] | None = None
    tags: tuple[TagWanted, ...] = ()
    bundled_in: tuple[str, ...] | None = None
    height_min: int | None = None
    height_max: int | None = None


class Lookup:
    """Grows with the weave it looks at; `listed` gives a bundle's items by its name."""

    def __init__(self, weave: Weave, listed: Callable[[str], Sequence[Listed]]) -> None:
        self.weave, self.listed = weave, listed
        self.entries: list[Entry] = []
        self._numbers: dict[str, int] = {}
        self._bundles: dict[str, tuple[int, int]] = {}
        self._by_tag: dict[tuple[str, str], array[int]] = {}
        self._by_owner: dict[str, array[int]] = {}
        self._laid = 0

    def grow(self) -> None:
        """Take in what the weave got since."""
        for laid in self.weave.laid[self._laid :]:
            one = laid.transaction
            name = b64(one.id)
            tags = tuple((key.decode(errors="replace"), value.decode(errors="replace")) for key, value in one.tags)
            self._add(Entry(name, one.address, tags, laid, None, 0, one.data_size))
            first = len(self.entries)
            for item in self.listed(laid.bundle):
                if item.offset + item.size <= one.data_size:
                    self._add(Entry(item.id, item.owner, item.tags, laid, name, item.offset, item.size))
            self._bundles[name] = first, len(self.entries)
            self._laid += 1

    def _add(self, entry: Entry) -> None:
        if entry.id in self._numbers:
            return
        number = self._numbers[entry.id] = len(self.entries)
        self.entries.append(entry)
        self._by_owner.setdefault(entry.owner, array("I")).append(number)
        for tag in dict.fromkeys(entry.tags):
            self._by_tag.setdefault(tag, array("I")).append(number)

    def find(self, entry_id: str) -> Entry | None:
        """An entry by its id."""
        number = self._numbers.get(entry_id)
        return self.entries[number] if number is not None else None

    def query(
        self,
        wanted: Wanted,
        first: int,
        after: int | None,
        newest_first: bool,
        recipient: Callable[[Entry], str],
    ) -> tuple[list[int], bool]:
        """Numbers of up to `first` entries beyond the number `after`, and whether there are more.

        `recipient` reads whom an entry is sent to. Raises `ArchiveError` when it would have to look at too many.
        """
        read = 0

        def read_recipient(entry: Entry) -> str:
            nonlocal read
            read += 1
            if read > READ_MAX:
                raise ArchiveError(
                    "query", f"read {READ_MAX} entries for their recipients; ask for a tag or owner, too"
                )
            return recipient(entry)

        numbers = self._candidates(wanted)
        low, high = 0, len(numbers)
        if after is not None and newest_first:
            high = bisect_left(numbers, after)
        elif after is not None:
            low = bisect_right(numbers, after)
        places: Iterable[int] = range(high - 1, low - 1, -1) if newest_first else range(low, high)
        found: list[int] = []
        for scanned, place in enumerate(places):
            if scanned >= SCANNED_MAX:
                raise ArchiveError("query", f"looked at {SCANNED_MAX} entries; ask for a rarer tag, an owner, or ids")
            if self._fits(self.entries[numbers[place]], wanted, read_recipient):
                if len(found) == first:
                    return found, True
                found.append(numbers[place])
        return found, False

    def _candidates(self, wanted: Wanted) -> Sequence[int]:
        """Numbers, rising, among which all that are wanted are: the fewest at hand."""
        ways: list[list[Sequence[int]]] = []
        if wanted.ids is not None:
            ways.append([[self._numbers[one]] for one in wanted.ids if one in self._numbers])
        if wanted.owners is not None:
            ways.append([self._by_owner.get(one, ()) for one in wanted.owners])
        if wanted.bundled_in is not None:
            ways.append([range(*self._bundles.get(one, (0, 0))) for one in wanted.bundled_in])
        for tag in wanted.tags:
            if not tag.negated:
                ways.append([self._by_tag.get((tag.name, value), ()) for value in tag.values])
        if not ways:
            return range(len(self.entries))
        fewest = min(ways, key=lambda lists: sum(map(len, lists)))
        if len(fewest) == 1:
            return fewest[0]
        return sorted({number for numbers in fewest for number in numbers})

    @staticmethod
    def _fits(entry: Entry, wanted: Wanted, recipient: Callable[[Entry], str]) -> bool:
        if wanted.ids is not None and entry.id not in wanted.ids:
            return False
        if wanted.owners is not None and entry.owner not in wanted.owners:
            return False
        if wanted.bundled_in is not None and entry.bundled_in not in wanted.bundled_in:
            return False
        height = entry.laid.height
        if not (wanted.height_min or 0) <= height or (wanted.height_max is not None and height > wanted.height_max):
            return False
        for tag in wanted.tags:
            if any((tag.name, value) in entry.tags for value in tag.values) == tag.negated:
                return False
        return wanted.recipients is None or recipient(entry) in wanted.recipients

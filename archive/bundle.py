"""Many data items in one upload (ANS-104 bundle, binary format 2.0.0).

    count u256 | count x (size u256, id 32) | items back to back            (little-endian)

Everything the header claims is checked against the bytes at hand before anything is read by it. A bundle may be the
data of an item; `walk` follows such nesting two levels down, which is as deep as this archive reads.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from archive.data_item import ITEM_BYTES_MAX, ITEM_BYTES_MIN, DataItem, parse_item
from archive.errors import ArchiveError, Damaged
from archive.keys import b64

BUNDLE_BYTES_MAX = 64 << 20
BUNDLE_ITEMS_MAX = 10_000
NESTING_MAX = 2
BUNDLE_TAGS = (("Bundle-Format", "binary"), ("Bundle-Version", "2.0.0"))


@dataclass(frozen=True)
class Entry:
    """One line of a bundle's header: where the item lies, and the id the header gives it."""

    id: bytes
    offset: int
    size: int


def pack(items: Iterable[DataItem]) -> bytes:
    """The bundle of these items, in order. Raises `ArchiveError` beyond a limit or when an item comes twice."""
    members = list(items)
    if len(members) > BUNDLE_ITEMS_MAX:
        raise ArchiveError("bundle", f"{len(members)} items, limit {BUNDLE_ITEMS_MAX}")
    if len({item.id for item in members}) != len(members):
        raise ArchiveError("bundle", f"{len(members)} items, but some of them twice")
    raws = [item.raw for item in members]
    size = 32 + 64 * len(members) + sum(map(len, raws))
    if size > BUNDLE_BYTES_MAX:
        raise ArchiveError("bundle", f"{size} bytes, limit {BUNDLE_BYTES_MAX}")
    header = [len(raw).to_bytes(32, "little") + item.id for item, raw in zip(members, raws)]
    return b"".join([len(members).to_bytes(32, "little"), *header, *raws])


def read_header(raw: bytes) -> list[Entry]:
    """The items a bundle says it holds. Raises `Damaged` unless sizes and ids are possible and fill `raw` exactly."""
    if len(raw) > BUNDLE_BYTES_MAX:
        raise Damaged("bundle", f"{len(raw)} bytes, limit {BUNDLE_BYTES_MAX}")
    if len(raw) < 32:
        raise Damaged("bundle", f"cut short: {len(raw)} bytes, the count alone has 32")
    count = int.from_bytes(raw[:32], "little")
    if count > BUNDLE_ITEMS_MAX:
        raise Damaged("bundle", f"says it holds {_short(count)} items, limit {BUNDLE_ITEMS_MAX}")
    offset = 32 + 64 * count
    if offset > len(raw):
        raise Damaged("bundle", f"cut short: a header of {count} items needs {offset} bytes, there are {len(raw)}")
    entries = []
    seen = set()
    for start in range(32, offset_end := offset, 64):
        number = (start - 32) // 64
        size = int.from_bytes(raw[start : start + 32], "little")
        item_id = bytes(raw[start + 32 : start + 64])
        if not ITEM_BYTES_MIN <= size <= ITEM_BYTES_MAX:
            raise Damaged("bundle", f"item {number} says it has {_short(size)} bytes, at least {ITEM_BYTES_MIN} needed")
        if item_id in seen:
            raise Damaged("bundle", f"item {number} has the id {b64(item_id)} of an earlier one")
        if offset + size > len(raw):
            raise Damaged("bundle", f"cut short: item {number} ends at byte {offset + size}, there are {len(raw)}")
        seen.add(item_id)
        entries.append(Entry(item_id, offset, size))
        offset += size
    if offset != len(raw):
        raise Damaged("bundle", f"{len(raw) - offset} bytes after the last item ({count} items, header {offset_end})")
    return entries


def read_entry(raw: bytes, entry: Entry) -> DataItem:
    """Reads one item of a bundle; raises `Damaged` when it is none or has another id than the header says."""
    try:
        item = parse_item(raw[entry.offset : entry.offset + entry.size])
    except Damaged as error:
        raise Damaged(b64(entry.id), error.reason) from None
    if item.id != entry.id:
        raise Damaged(b64(item.id), f"the bundle's header calls it {b64(entry.id)}")
    return item


def unpack(raw: bytes, *, verify: bool = True) -> list[DataItem]:
    """All items of a bundle, in order. Raises `Damaged`, or `Forged` when `verify` and a signature does not match."""
    items = [read_entry(raw, entry) for entry in read_header(raw)]
    if verify:
        for item in items:
            item.verify()
    return items


def is_bundle(item: DataItem) -> bool:
    """Whether the item says that its data is a bundle."""
    return all(tag in item.tags for tag in BUNDLE_TAGS)


def walk(raw: bytes, *, verify: bool = True) -> Iterator[tuple[tuple[str, ...], DataItem]]:
    """Every item of a bundle and of the bundles in it, with the ids it is nested in (outermost first).

    Raises `Damaged` beyond two levels of nesting or 10,000 items in all, and as `unpack` does.
    """
    pending: list[tuple[tuple[str, ...], DataItem]] = [((), item) for item in reversed(unpack(raw, verify=verify))]
    total = len(pending)
    while pending:
        path, item = pending.pop()
        yield path, item
        if not is_bundle(item):
            continue
        if len(path) == NESTING_MAX:
            raise Damaged(b64(item.id), f"bundles nested deeper than {NESTING_MAX}")
        inner = (*path, b64(item.id))
        total += len(read_header(item.data))
        if total > BUNDLE_ITEMS_MAX:
            raise Damaged(
                b64(item.id), f"at least {total} items with those nested in bundles, limit {BUNDLE_ITEMS_MAX}"
            )
        pending += [(inner, nested) for nested in reversed(unpack(item.data, verify=verify))]


def _short(number: int) -> str:
    return str(number) if number < 1 << 63 else f"2^{number.bit_length() - 1} or more"

"""A segment: a run of one region's log, whole records, each found again byte for byte.

    magic "everloom-run-1\\0\\0" 16 | era u32 | number of the first record u64 | count of records u32
    | hash of the record before the first 32 | hash of the last record 32 | one zstd frame        (little-endian)

The frame's content:

    count x u32 size of the record | count x u16 place | the records back to back, without what was cut out

Every record names the hash of the one before, which can be computed: where those 32 bytes first stand in a record they
are cut out, and `place` is where (65535: not cut). To read, take the records in order, put the hash of the one before
(for the first, the header's) back in at its place, and hash the whole. A hash is SHA-256 of a record's bytes.

The item's tags, in this order: Data-Protocol=Everloom, Type=Everloom-Segment, Content-Type=application/octet-stream,
World, Process, Module (ids, base64url), Era, First, Last (decimal record numbers), First-Previous, Last-Hash (hashes,
base64url). All but World, Process and Module repeat the data; `read_item` refuses an item where they do not.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from archive.compression import compress, decompress
from archive.data_item import DataItem, sign_item
from archive.errors import ArchiveError, Damaged
from archive.keys import Key, b64
from archive.snapshot import Whose

TYPE: Final = "Everloom-Segment"
MAGIC: Final = b"everloom-run-1\0\0"
CONTENT_BYTES_MAX: Final = 64 << 20
RECORDS_MAX: Final = 65_536
LEVEL: Final = 9
NOT_CUT: Final = 0xFFFF
_HEADER: Final = struct.Struct("<16sIQI32s32s")


@dataclass(frozen=True)
class Segment:
    """Records `first`, `first` + 1, ... of `era`; `previous` is the hash of the record before the first.

    `hashes` are the records' own, in order.
    """

    era: int
    first: int
    previous: bytes
    records: tuple[bytes, ...]
    hashes: tuple[bytes, ...]

    @property
    def last(self) -> int:
        """The number of the last record."""
        return self.first + len(self.records) - 1

    @property
    def last_hash(self) -> bytes:
        """The hash of the last record."""
        return self.hashes[-1]


def make(era: int, first: int, previous: bytes, records: Sequence[bytes]) -> Segment:
    """A segment of these records. Raises `ArchiveError` for none, or more than one segment takes."""
    if not 1 <= len(records) <= RECORDS_MAX:
        raise ArchiveError("segment", f"{len(records)} records, allowed 1 to {RECORDS_MAX}")
    if (size := sum(map(len, records)) + 6 * len(records)) > CONTENT_BYTES_MAX:
        raise ArchiveError("segment", f"{size} bytes of records, limit {CONTENT_BYTES_MAX}")
    return Segment(era, first, previous, tuple(records), tuple(sha256(raw).digest() for raw in records))


def encode(segment: Segment) -> bytes:
    """The bytes of a segment."""
    count = len(segment.records)
    places, parts = [], []
    for raw, before in zip(segment.records, (segment.previous, *segment.hashes)):
        place = raw.find(before)
        if not 0 <= place < NOT_CUT:
            places.append(NOT_CUT)
            parts.append(raw)
        else:
            places.append(place)
            parts += [raw[:place], raw[place + 32 :]]
    columns = struct.pack(f"<{count}I{count}H", *map(len, segment.records), *places)
    header = _HEADER.pack(MAGIC, segment.era, segment.first, count, segment.previous, segment.last_hash)
    return header + compress(b"".join([columns, *parts]), LEVEL)


def decode(raw: bytes) -> Segment:
    """Read a segment; its last record has the hash that its header names. Raises `Damaged` for any other bytes."""
    if len(raw) < _HEADER.size:
        raise Damaged("segment", f"cut short: {len(raw)} bytes, the header alone has {_HEADER.size}")
    magic, era, first, count, previous, last_hash = _HEADER.unpack_from(raw)
    if magic != MAGIC:
        raise Damaged("segment", f"begins with {magic!r}, expected {MAGIC!r}")
    if not 1 <= count <= RECORDS_MAX:
        raise Damaged("segment", f"says it holds {count} records, allowed 1 to {RECORDS_MAX}", record=first)
    try:
        content = decompress(raw[_HEADER.size :], CONTENT_BYTES_MAX)
    except Damaged as error:
        raise Damaged("segment", error.reason, record=first) from None
    records, hashes = _take_apart(content, count, first, previous)
    if hashes[-1] != last_hash:
        found = f"its last record hashes to {b64(hashes[-1])}, its header says {b64(last_hash)}"
        raise Damaged("segment", found, record=first + count - 1)
    return Segment(era, first, previous, tuple(records), tuple(hashes))


def _take_apart(content: bytes, count: int, first: int, previous: bytes) -> tuple[list[bytes], list[bytes]]:
    if len(content) < 6 * count:
        raise Damaged("segment", f"{len(content)} bytes do not hold the sizes of {count} records", record=first)
    columns = struct.unpack_from(f"<{count}I{count}H", content)
    records: list[bytes] = []
    hashes: list[bytes] = []
    position = 6 * count
    for number in range(count):
        size, place = columns[number], columns[count + number]
        cut = place != NOT_CUT
        end = position + size - 32 * cut
        if end > len(content) or end < position or (cut and place > size - 32):
            raise Damaged("segment", f"a record of {size} bytes, cut at {place}, does not fit", record=first + number)
        raw = content[position:end]
        if cut:
            raw = raw[:place] + previous + raw[place:]
            if raw.find(previous) != place:
                raise Damaged("segment", "a hash was not cut out where it first stands", record=first + number)
        previous = sha256(raw).digest()
        records.append(raw)
        hashes.append(previous)
        position = end
    if position != len(content):
        raise Damaged("segment", f"{len(content) - position} bytes after the last record", record=first)
    return records, hashes


def sign(key: Key, whose: Whose, segment: Segment) -> DataItem:
    """The segment as an item signed by a node."""
    return sign_item(key, encode(segment), _tags(whose, segment))


def read_item(item: DataItem) -> tuple[Whose, Segment]:
    """What a segment item holds. Raises `Damaged` when its tags and data differ. Does not check the signature."""
    try:
        segment = decode(item.data)
    except Damaged as error:
        raise Damaged(b64(item.id), error.reason, record=error.record) from None
    whose = Whose(*(item.tag(name) or "" for name in ("World", "Process", "Module")))
    if list(item.tags) != _tags(whose, segment):
        raise Damaged(b64(item.id), "its tags are not those of the segment it holds", record=segment.first)
    return whose, segment


def _tags(whose: Whose, segment: Segment) -> list[tuple[str, str]]:
    return [
        ("Data-Protocol", "Everloom"),
        ("Type", TYPE),
        ("Content-Type", "application/octet-stream"),
        *whose.tags,
        ("Era", str(segment.era)),
        ("First", str(segment.first)),
        ("Last", str(segment.last)),
        ("First-Previous", b64(segment.previous)),
        ("Last-Hash", b64(segment.last_hash)),
    ]

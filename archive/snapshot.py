"""A snapshot: a region's whole state at one record. The data of a snapshot item; a local snapshot file is the same
bytes and their SHA-256, 32 bytes.

    magic "everloom-snap-1\\0" 16 | era u32 | record number u64 | hash of that record 32 | SHA-256 of the state 32
    | the state in one zstd frame                                                             (little-endian)

The state's own bytes are the business of whoever folds the region; here they are a text with a hash. Where the number
is a multiple of 32, the record of that number carries the same state hash, so a snapshot can be held against the log
without executing anything.

The item's tags, in this order: Data-Protocol=Everloom, Type=Everloom-Snapshot, Content-Type=application/octet-stream,
World, Process, Module (ids, base64url), Era, Record (decimal), Record-Hash, State-Hash (base64url). All but World,
Process and Module repeat the data; `read_item` refuses an item where they do not.
"""

import struct
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from archive.compression import compress, decompress
from archive.data_item import DataItem, sign_item
from archive.errors import Damaged
from archive.keys import Key, b64

TYPE: Final = "Everloom-Snapshot"
MAGIC: Final = b"everloom-snap-1\0"
STATE_BYTES_MAX: Final = 64 << 20
LEVEL_LOCAL: Final = 3  # written every other second, read once
LEVEL_ARCHIVE: Final = 12
_HEADER: Final = struct.Struct("<16sIQ32s32s")


@dataclass(frozen=True)
class Snapshot:
    """State bytes after record `n` of `era`; `head` is that record's hash."""

    era: int
    n: int
    head: bytes
    state: bytes


@dataclass(frozen=True)
class Whose:
    """What tags say of an item's place in the world: world, process and Module ids, base64url."""

    world: str
    process: str
    module: str

    @property
    def tags(self) -> list[tuple[str, str]]:
        """As tags, in this order."""
        return [("World", self.world), ("Process", self.process), ("Module", self.module)]


def encode(snapshot: Snapshot, level: int = LEVEL_LOCAL) -> bytes:
    """The bytes of a snapshot: of a local file, or of an item's data."""
    digest = sha256(snapshot.state).digest()
    header = _HEADER.pack(MAGIC, snapshot.era, snapshot.n, snapshot.head, digest)
    return header + compress(snapshot.state, level)


def decode(raw: bytes) -> Snapshot:
    """Read a snapshot; its state has the hash that its header names. Raises `Damaged` for any other bytes."""
    if len(raw) < _HEADER.size:
        raise Damaged("snapshot", f"cut short: {len(raw)} bytes, the header alone has {_HEADER.size}")
    magic, era, n, head, digest = _HEADER.unpack_from(raw)
    if magic != MAGIC:
        raise Damaged("snapshot", f"begins with {magic!r}, expected {MAGIC!r}")
    try:
        state = decompress(raw[_HEADER.size :], STATE_BYTES_MAX)
    except Damaged as error:
        raise Damaged("snapshot", error.reason, record=n) from None
    if (found := sha256(state).digest()) != digest:
        raise Damaged("snapshot", f"its state hashes to {b64(found)}, its header says {b64(digest)}", record=n)
    return Snapshot(era, n, head, state)


def encode_file(snapshot: Snapshot) -> bytes:
    """The bytes of a local snapshot file: the snapshot and their SHA-256, as no signature covers its header there."""
    raw = encode(snapshot)
    return raw + sha256(raw).digest()


def decode_file(raw: bytes) -> Snapshot:
    """Read a local snapshot file. Raises `Damaged` for any other bytes."""
    body, digest = raw[:-32], raw[-32:]
    if sha256(body).digest() != digest:
        raise Damaged("snapshot", f"its {len(raw)} bytes do not have the hash that they end with")
    return decode(body)


def sign(key: Key, whose: Whose, snapshot: Snapshot) -> DataItem:
    """The snapshot as an item signed by a node."""
    return sign_item(key, encode(snapshot, LEVEL_ARCHIVE), _tags(whose, snapshot))


def read_item(item: DataItem) -> tuple[Whose, Snapshot]:
    """What a snapshot item holds. Raises `Damaged` when its tags and data differ. Does not check the signature."""
    try:
        snapshot = decode(item.data)
    except Damaged as error:
        raise Damaged(b64(item.id), error.reason, record=error.record) from None
    whose = Whose(*(item.tag(name) or "" for name in ("World", "Process", "Module")))
    if list(item.tags) != _tags(whose, snapshot):
        raise Damaged(b64(item.id), "its tags are not those of the snapshot it holds", record=snapshot.n)
    return whose, snapshot


def _tags(whose: Whose, snapshot: Snapshot) -> list[tuple[str, str]]:
    return [
        ("Data-Protocol", "Everloom"),
        ("Type", TYPE),
        ("Content-Type", "application/octet-stream"),
        *whose.tags,
        ("Era", str(snapshot.era)),
        ("Record", str(snapshot.n)),
        ("Record-Hash", b64(snapshot.head)),
        ("State-Hash", b64(sha256(snapshot.state).digest())),
    ]

"""One signed data item (ANS-104): its bytes, its id, its signature.

    signature type u16 | signature | owner | 0 or 1 [target 32] | 0 or 1 [anchor 32]
    | number of tags u64 | tag bytes u64 | tags | data                               (little-endian)

The id is the SHA-256 of the signature, so it names the signing, not the content: one content may have many ids.
`verify` proves that the owner named inside signed these bytes, never that it is the owner one hoped for.
Source: ANS-104, with the eight-element signed list of arbundles (its text shows another one, which nobody uses).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from archive.deep_hash import deep_hash
from archive.errors import ArchiveError, Damaged, Forged
from archive.keys import SIZES, Key, address, b64, verify
from archive.tags import TAG_BYTES_MAX, Tags, decode_tags, encode_tags

ITEM_BYTES_MAX = (64 << 20) - 96  # one item still fits a bundle of 64 MiB
ITEM_BYTES_MIN = 2 + 64 + 32 + 1 + 1 + 8 + 8


@dataclass(frozen=True)
class DataItem:
    """A data item as read or made; `raw_tags` are the signed bytes of `tags`. Not yet verified by being here."""

    signature_type: int
    signature: bytes
    owner: bytes
    target: bytes | None
    anchor: bytes | None
    raw_tags: bytes
    tags: Tags
    data: bytes

    @cached_property
    def id(self) -> bytes:
        """32 bytes; `b64(id)` is how everyone writes it."""
        return sha256(self.signature).digest()

    @property
    def address(self) -> str:
        """The owner's Arweave address."""
        return address(self.owner)

    @property
    def raw(self) -> bytes:
        """The item's bytes, as they are stored and uploaded."""
        parts = [
            self.signature_type.to_bytes(2, "little"),
            self.signature,
            self.owner,
            b"\0" if self.target is None else b"\1" + self.target,
            b"\0" if self.anchor is None else b"\1" + self.anchor,
            len(self.tags).to_bytes(8, "little"),
            len(self.raw_tags).to_bytes(8, "little"),
            self.raw_tags,
            self.data,
        ]
        return b"".join(parts)

    def tag(self, name: str) -> str | None:
        """The value of the first tag of that name."""
        return next((value for key, value in self.tags if key == name), None)

    def verify(self) -> None:
        """Raises `Forged` unless the owner signed exactly these bytes."""
        message = signing_message(self.signature_type, self.owner, self.target, self.anchor, self.raw_tags, self.data)
        if not verify(self.signature_type, self.owner, message, self.signature):
            raise Forged(b64(self.id), f"signature of type {self.signature_type} does not match owner {self.address}")


def signing_message(
    signature_type: int, owner: bytes, target: bytes | None, anchor: bytes | None, raw_tags: bytes, data: bytes
) -> bytes:
    """The 48 bytes an owner signs."""
    kind = str(signature_type).encode()
    return deep_hash([b"dataitem", b"1", kind, owner, target or b"", anchor or b"", raw_tags, data])


def sign_item(
    key: Key, data: bytes, tags: Iterable[tuple[str, str]], target: bytes | None = None, anchor: bytes | None = None
) -> DataItem:
    """Makes an item signed by `key`. Target and anchor are 32 bytes or none. Raises `ArchiveError` beyond a limit."""
    pairs = tuple(tags)
    message = signing_message(key.signature_type, key.public, target, anchor, encode_tags(pairs), data)
    return assemble(key.signature_type, key.public, key.sign(message), target, anchor, pairs, data)


def assemble(
    signature_type: int,
    owner: bytes,
    signature: bytes,
    target: bytes | None,
    anchor: bytes | None,
    tags: Iterable[tuple[str, str]],
    data: bytes,
) -> DataItem:
    """Puts a signature made elsewhere to the parts it signed. Checks sizes, not the signature: call `verify`."""
    sizes = SIZES.get(signature_type)
    if sizes is None:
        raise ArchiveError("data item", f"signature type {signature_type} is not supported ({sorted(SIZES)} are)")
    if (len(signature), len(owner)) != sizes:
        found = f"signature of {len(signature)} and owner of {len(owner)} bytes"
        raise ArchiveError("data item", f"{found}, type {signature_type} has {sizes[0]} and {sizes[1]}")
    for what, part in (("target", target), ("anchor", anchor)):
        if part is not None and len(part) != 32:
            raise ArchiveError("data item", f"{what} of {len(part)} bytes, expected 32")
    pairs = tuple(tags)
    item = DataItem(signature_type, signature, owner, target, anchor, encode_tags(pairs), pairs, data)
    if len(data) > ITEM_BYTES_MAX - ITEM_BYTES_MIN or len(item.raw) > ITEM_BYTES_MAX:
        raise ArchiveError(b64(item.id), f"{len(data)} bytes of data, an item's limit is {ITEM_BYTES_MAX} in all")
    return item


def parse_item(raw: bytes, limit: int = ITEM_BYTES_MAX) -> DataItem:
    """Reads one item from all of `raw`; raises `Damaged` for anything that is not one. Does not check the signature."""
    if len(raw) > limit:
        raise Damaged("data item", f"{len(raw)} bytes, limit {limit}")
    reader = _Reader(raw)
    signature_type = reader.number("signature type", 2)
    if signature_type not in SIZES:
        raise Damaged("data item", f"signature type {signature_type} is not supported ({sorted(SIZES)} are)")
    signature_bytes, owner_bytes = SIZES[signature_type]
    signature = reader.take("signature", signature_bytes)
    owner = reader.take("owner", owner_bytes)
    reader.name = b64(sha256(signature).digest())
    target = reader.optional("target")
    anchor = reader.optional("anchor")
    count = reader.number("number of tags", 8)
    tag_bytes = reader.number("number of tag bytes", 8)
    if tag_bytes > TAG_BYTES_MAX:
        raise Damaged(reader.name, f"{tag_bytes} bytes of tags, limit {TAG_BYTES_MAX}")
    raw_tags = reader.take("tags", tag_bytes)
    try:
        tags = decode_tags(raw_tags, count)
    except Damaged as error:
        raise Damaged(reader.name, error.reason) from None
    return DataItem(signature_type, signature, owner, target, anchor, raw_tags, tags, raw[reader.position :])


class _Reader:
    """Takes fields from the front of `raw`, and says which one was cut short."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.position = 0
        self.name = "data item"

    def take(self, what: str, size: int) -> bytes:
        end = self.position + size
        if end > len(self.raw):
            left = len(self.raw) - self.position
            raise Damaged(self.name, f"cut short: {what} needs {size} bytes at byte {self.position}, {left} are left")
        field = self.raw[self.position : end]
        self.position = end
        return bytes(field)

    def number(self, what: str, size: int) -> int:
        return int.from_bytes(self.take(what, size), "little")

    def optional(self, what: str) -> bytes | None:
        present = self.number(f"presence of {what}", 1)
        if present > 1:
            raise Damaged(self.name, f"presence byte of {what} is {present}, allowed 0 and 1")
        return self.take(what, 32) if present else None

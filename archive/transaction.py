"""Arweave transactions of formats 1 and 2: read, check, sign.

Format 2 signs a deep hash that holds the Merkle root of the data, so it can be checked without the data; format 1
signs the data itself. Only RSA owners are read (the network's later secp256k1 transactions carry no owner). Knows
nothing of fees, blocks or nodes. Source: arweave-js `src/common/lib/transaction.ts`.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from archive.deep_hash import Tree, deep_hash
from archive.errors import ArchiveError, Damaged, Forged
from archive.keys import ARWEAVE, SIZES, RsaKey, address, b64, unb64, verify
from archive.merkle import data_root as merkle_root

JSON_BYTES_MAX = 16 << 20  # format 1 carries up to 10 MiB of data as base64url
TAGS_MAX = 128
TAG_BYTES_MAX = 2048  # the network's limit for names and values together
AMOUNT_DIGITS_MAX = 26
FIELD_BYTES = {"id": (32,), "last_tx": (0, 32, 48), "target": (0, 32), "data_root": (0, 32)}


@dataclass(frozen=True)
class Transaction:
    """A transaction as read or made; amounts in winston. `data` may be left out (empty) in format 2."""

    format: int
    id: bytes
    last_tx: bytes
    owner: bytes
    tags: tuple[tuple[bytes, bytes], ...]
    target: bytes
    quantity: int
    data: bytes
    data_size: int
    data_root: bytes
    reward: int
    signature: bytes

    @property
    def address(self) -> str:
        """The owner's Arweave address."""
        return address(self.owner)

    def signing_message(self) -> bytes:
        """The bytes the owner signs."""
        quantity, reward = str(self.quantity).encode(), str(self.reward).encode()
        if self.format == 1:
            names_and_values = [part for tag in self.tags for part in tag]
            return b"".join([self.owner, self.target, self.data, quantity, reward, self.last_tx, *names_and_values])
        tags: list[Tree] = [list(tag) for tag in self.tags]
        size = str(self.data_size).encode()
        return deep_hash([b"2", self.owner, self.target, quantity, reward, self.last_tx, tags, size, self.data_root])

    def verify(self) -> None:
        """Raises `Forged` unless id, signature and (where the data is here) size and Merkle root are right."""
        name = b64(self.id)
        if sha256(self.signature).digest() != self.id:
            raise Forged(name, f"the signature's hash is {b64(sha256(self.signature).digest())}")
        if not verify(ARWEAVE, self.owner, self.signing_message(), self.signature):
            raise Forged(name, f"signature does not match owner {self.address}")
        if self.format == 2 and self.data:
            self.verify_data(self.data)

    def verify_data(self, data: bytes) -> None:
        """Raises `Forged` unless `data` is what a format 2 transaction committed to."""
        if len(data) != self.data_size:
            raise Forged(b64(self.id), f"{len(data)} bytes of data, signed were {self.data_size}")
        if merkle_root(data) != self.data_root:
            raise Forged(b64(self.id), f"the data's Merkle root is {b64(merkle_root(data))}, not {b64(self.data_root)}")

    def to_json(self, *, with_data: bool = True) -> dict[str, object]:
        """The JSON object nodes take; without the data when that goes up in chunks."""
        texts = {
            name: b64(getattr(self, name)) for name in ("id", "last_tx", "owner", "target", "data_root", "signature")
        }
        return texts | {
            "format": self.format,
            "tags": [{"name": b64(name), "value": b64(value)} for name, value in self.tags],
            "quantity": str(self.quantity),
            "reward": str(self.reward),
            "data_size": str(self.data_size),
            "data": b64(self.data) if with_data else "",
        }


def sign_transaction(
    key: RsaKey,
    data: bytes,
    tags: Iterable[tuple[str, str]],
    *,
    last_tx: bytes,
    reward: int,
    target: bytes = b"",
    quantity: int = 0,
) -> Transaction:
    """Makes a format 2 transaction. `last_tx` is the anchor a node gives out, `reward` the price it names."""
    raw_tags = tuple((name.encode(), value.encode()) for name, value in tags)
    _check_tags("transaction", raw_tags, ArchiveError)
    root = merkle_root(data)
    unsigned = (last_tx, key.public, raw_tags, target, quantity, data, len(data), root, reward)
    signature = key.sign(Transaction(2, b"", *unsigned, b"").signing_message())
    return Transaction(2, sha256(signature).digest(), *unsigned, signature)


def parse_transaction(raw: bytes | Mapping[str, object]) -> Transaction:
    """Reads a transaction from a node's JSON (text or object). Raises `Damaged` for anything else; call `verify`."""
    fields = _load(raw) if isinstance(raw, bytes) else raw
    version = fields.get("format", 1)
    if version not in (1, 2) or isinstance(version, bool | float):
        raise Damaged("transaction", f"format {str(version)[:20]!r}, known are 1 and 2")
    binary = {name: _binary(fields, name) for name in ("id", "last_tx", "owner", "target", "data", "signature")}
    name = b64(binary["id"])
    root = _binary(fields, "data_root") if version == 2 else b""
    data_size = _amount(fields, "data_size") if version == 2 else len(binary["data"])
    for what, part in (binary | {"data_root": root}).items():
        if what in FIELD_BYTES and len(part) not in FIELD_BYTES[what]:
            raise Damaged(name, f"{what} of {len(part)} bytes, expected one of {FIELD_BYTES[what]}")
    sizes = len(binary["signature"]), len(binary["owner"])
    if sizes != SIZES[ARWEAVE]:
        raise Damaged(name, f"signature and owner of {sizes} bytes, expected {SIZES[ARWEAVE]}: only RSA-4096 is read")
    return Transaction(
        format=version,
        tags=_tags(name, fields.get("tags")),
        quantity=_amount(fields, "quantity"),
        reward=_amount(fields, "reward"),
        data_size=data_size,
        data_root=root,
        **binary,
    )


def _load(raw: bytes) -> Mapping[str, object]:
    if len(raw) > JSON_BYTES_MAX:
        raise Damaged("transaction", f"{len(raw)} bytes of JSON, limit {JSON_BYTES_MAX}")
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        raise Damaged("transaction", f"{len(raw)} bytes that are not JSON") from None
    if not isinstance(fields, dict):
        raise Damaged("transaction", "not a JSON object")
    return fields


def _binary(fields: Mapping[str, object], name: str) -> bytes:
    text = fields.get(name, "")
    if not isinstance(text, str):
        raise Damaged("transaction", f"{name} is not text")
    return unb64(text)


def _amount(fields: Mapping[str, object], name: str) -> int:
    text = fields.get(name)
    if not isinstance(text, str) or not re.fullmatch(r"0|[1-9][0-9]*", text, re.ASCII) or len(text) > AMOUNT_DIGITS_MAX:
        raise Damaged("transaction", f"{name} is not a whole number in text of at most {AMOUNT_DIGITS_MAX} digits")
    return int(text)


def _tags(name: str, listed: object) -> tuple[tuple[bytes, bytes], ...]:
    if not isinstance(listed, list) or not all(isinstance(tag, dict) for tag in listed):
        raise Damaged(name, "tags are not a list of objects")
    tags = tuple((_binary(tag, "name"), _binary(tag, "value")) for tag in listed[: TAGS_MAX + 1])
    _check_tags(name, tags, Damaged)
    return tags


def _check_tags(name: str, tags: tuple[tuple[bytes, bytes], ...], error: type[ArchiveError]) -> None:
    size = sum(len(key) + len(value) for key, value in tags)
    if len(tags) > TAGS_MAX or size > TAG_BYTES_MAX:
        raise error(name, f"{len(tags)} tags of {size} bytes, limits {TAGS_MAX} and {TAG_BYTES_MAX}")

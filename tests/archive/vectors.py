"""The reference vectors for ANS-104 and Arweave, as the archive's tests read them; empty where they are absent."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from archive.data_item import DataItem
from archive.deep_hash import Tree
from archive.keys import b64, unb64
from tests.shared_data import SHARED

ANS104 = SHARED / "vectors" / "ans104"
ARWEAVE = SHARED / "vectors" / "arweave"


def _load(folder: str, name: str) -> Any:
    path = SHARED / "vectors" / folder / name
    return json.loads(path.read_text()) if path.exists() else {}


CASES: list[dict[str, Any]] = _load("ans104", "vectors.json").get("vectors", [])
ITEM_CASES = [case for case in CASES if case["kind"] == "data_item"]
BUNDLE_CASES = [case for case in CASES if case["kind"] == "bundle"]
DEEP_HASHES: list[dict[str, Any]] = _load("ans104", "deephash.json").get("vectors", [])
MERKLE_TX: dict[str, Any] = _load("ans104", "merkle_tx.json")
NETWORK: dict[str, Any] = _load("arweave", "expected.json")


def name_of(case: dict[str, Any]) -> str:
    return str(case.get("name", case.get("size")))


def raw_of(case: dict[str, Any]) -> bytes:
    return Path(ANS104 / case["file"]).read_bytes()


def tree_of(encoded: Any) -> Tree:
    """A deep hash's input: base64url texts in nested lists."""
    return unb64(encoded) if isinstance(encoded, str) else [tree_of(element) for element in encoded]


def data_of(seed: str, size: int) -> bytes:
    """The data the Merkle vectors were made over: SHA-256 of "seed:0", "seed:1", ... up to `size` bytes."""
    blocks = [sha256(f"{seed}:{number}".encode()).digest() for number in range(size // 32 + 1)]
    return b"".join(blocks)[:size]


def check_item(item: DataItem, expected: dict[str, Any]) -> None:
    """Compares an item with what vectors/arweave/expected.json says of it."""
    found = [b64(item.id), item.signature_type, b64(item.owner), item.address]
    assert found == [expected[name] for name in ("id", "sig_type", "owner", "address")]
    assert (b64(item.target or b""), b64(item.anchor or b"")) == (expected["target"], expected["anchor"])
    assert [list(tag) for tag in item.tags] == expected["tags"]
    assert (len(item.data), sha256(item.data).hexdigest()) == (expected["data_size"], expected["data_sha256"])
    assert len(item.raw) == expected["size"]

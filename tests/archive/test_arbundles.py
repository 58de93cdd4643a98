"""What this archive writes is accepted by arbundles 0.11.2, and read there as it was meant.

arbundles is lenient (it takes broken tags and doubled ids), so it is the judge of our writing, never of our reading.
Needs Node; installs the locked packages beside `check.mjs` when they are absent.
"""

import json
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import coincurve
import pytest

from archive.bundle import BUNDLE_TAGS, pack
from archive.data_item import DataItem, assemble, sign_item, signing_message
from archive.keys import Ed25519Key, RsaKey, _personal_digest, b64
from archive.tags import encode_tags
from tests.node_packages import node_with

FOLDER = Path(__file__).parent / "arbundles"
KEY = Ed25519Key(b"\7" * 32)
TAGS = [("Data-Protocol", "ao"), ("Größe 🗺️", "日本\n"), ("empty-ish", " ")]


@pytest.fixture(scope="module")
def node() -> str:
    return node_with(FOLDER, "node_modules/arbundles/build/node/cjs/index.js")


def read_by_arbundles(node: str, folder: Path, raws: dict[str, bytes]) -> list[dict[str, Any]]:
    for name, raw in raws.items():
        (folder / name).write_bytes(raw)
    command = [node, str(FOLDER / "check.mjs"), *(str(folder / name) for name in raws)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    reports: list[dict[str, Any]] = json.loads(run.stdout)
    assert [Path(report["file"]).name for report in reports] == list(raws)
    return reports


def as_arbundles_says(item: DataItem) -> dict[str, Any]:
    return {
        "id": b64(item.id),
        "signature_type": item.signature_type,
        "owner": item.address,
        "target": b64(item.target or b""),
        "anchor": b64(item.anchor or b""),
        "tags": [list(tag) for tag in item.tags],
        "data_sha256": sha256(item.data).hexdigest(),
    }


def signed_elsewhere(signature_type: int, tags: list[tuple[str, str]], data: bytes) -> DataItem:
    """An item signed as an Ethereum (type 3) or a Solana wallet (type 4) does."""
    wallet = coincurve.PrivateKey(b"\5" * 32)
    owner = wallet.public_key.format(False) if signature_type == 3 else KEY.public
    message = signing_message(signature_type, owner, None, None, encode_tags(tags), data)
    if signature_type == 3:
        recoverable = wallet.sign_recoverable(_personal_digest(message), hasher=None)
        signature = recoverable[:64] + bytes([27 + recoverable[64]])
    else:
        signature = KEY.sign(message.hex().encode())
    return assemble(signature_type, owner, signature, None, None, tags, data)


@pytest.fixture(scope="module")
def items(rsa_key: RsaKey) -> list[DataItem]:
    own = [
        sign_item(key, data, tags, target, anchor)
        for key in (rsa_key, KEY)
        for data, tags, target, anchor in (
            (b"", [], None, None),
            (b"data", TAGS, None, None),
            (bytes(300_000), [("n", "v" * 3000), ("x" * 1000, "y")], bytes(range(32)), None),
            (b"data", [(f"k{n}", f"v{n}") for n in range(128)], None, bytes(range(32))),
            (b"data", TAGS, b"\xff" * 32, b"\0" * 32),
        )
    ]
    return own + [signed_elsewhere(kind, tags, b"data") for kind in (3, 4) for tags in ([], TAGS)]


def test_our_items_are_accepted_and_read_alike(node: str, tmp_path: Path, items: list[DataItem]) -> None:
    reports = read_by_arbundles(node, tmp_path, {f"item-{number}": item.raw for number, item in enumerate(items)})
    for report, item in zip(reports, items, strict=True):
        assert (report["kind"], report["valid"]) == ("item", True), report
        assert report["items"] == [as_arbundles_says(item)]


def test_our_bundles_are_accepted_and_read_alike(node: str, tmp_path: Path, items: list[DataItem]) -> None:
    nested = sign_item(KEY, pack(items[:3]), BUNDLE_TAGS)
    many = [sign_item(KEY, b"%d" % number, [("n", str(number))]) for number in range(300)]
    bundles = {"empty": [], "mixed": items, "nested": [nested, items[0]], "many": many}
    reports = read_by_arbundles(node, tmp_path, {name: pack(members) for name, members in bundles.items()})
    for report, members in zip(reports, bundles.values(), strict=True):
        assert (report["kind"], report["valid"]) == ("bundle", True), report
        assert report["items"] == [as_arbundles_says(item) for item in members]


def test_arbundles_refuses_what_was_changed(node: str, tmp_path: Path, items: list[DataItem]) -> None:
    """The check itself can fail."""
    changed = {f"item-{number}": item.raw[:-1] + b"x" for number, item in enumerate(items) if item.data == b"data"}
    reports = read_by_arbundles(node, tmp_path, changed)
    assert not any(report["valid"] for report in reports)

"""Golden bytes of the permanent formats, read by the code and by a second reader written from the docstrings alone.

What they have caught: nothing yet; they are there so that a change of format cannot pass for a refactoring. zstd may
compress to other bytes in another version, so golden items are read, never compared with freshly written ones.
`python -m tests.archive.test_golden` writes them anew, which is right only for a new format number.
"""

import base64
import json
import struct
from hashlib import sha256
from pathlib import Path
from typing import Any

import zstandard

from archive import checkpoint, segment, snapshot
from archive.checkpoint import AssetFiled, Manifest, Numbers, RegionEnd, Run
from archive.data_item import DataItem, parse_item
from archive.keys import Ed25519Key, b64
from archive.snapshot import Snapshot, Whose

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
KEY = Ed25519Key(bytes(range(32)))


def digest(word: str) -> bytes:
    """A hash to have one."""
    return sha256(word.encode()).digest()


WORLD, REGION, MODULE = (b64(digest(word)) for word in ("world", "region", "module"))
STATE = b"a state of a region" * 5
RECORDS = [b"first record" + digest("before") + b"!"]
RECORDS.append(b"second" + sha256(RECORDS[0]).digest() + sha256(RECORDS[0]).digest())
RECORDS.append(b"a third, which names no hash")


def manifest() -> Manifest:
    """A manifest with every field in use."""
    whole = digest("state")
    regions = [
        RegionEnd(
            process=WORLD,
            snapshot=None,
            snapshot_n=0,
            snapshot_before=0,
            segments=[Run(b64(digest("run 0")), 1, 40)],
            first=1,
            end=40,
            end_hash=b64(digest("record 40")),
            hashed_n=32,
            state_hash=whole.hex(),
            told=0,
            neighbours=[Numbers(1, 3, 2, 0, 95)],
        ),
        RegionEnd(
            process=REGION,
            snapshot=b64(digest("snapshot")),
            snapshot_n=96,
            snapshot_before=64,
            segments=[Run(b64(digest("run 1")), 60, 99), Run(b64(digest("run 2")), 100, 100)],
            first=60,
            end=100,
            end_hash=b64(digest("record 100")),
            hashed_n=96,
            state_hash=whole.hex(),
            told=7,
            neighbours=[Numbers(0, 0, 0, 3, 38)],
        ),
    ]
    hashes = [(digest("world"), 40, whole), (digest("region"), 100, whole)]
    return Manifest(
        format=2,
        world=WORLD,
        era=2,
        number=5,
        charter=b64(digest("charter")),
        module=MODULE,
        roster=2,
        previous=b64(digest("manifest 4")),
        whole=5,
        ordered=39,
        time_ms=1_700_000_000_000,
        regions=regions,
        assets=[AssetFiled("0001002000000001", b64(digest("metadata")), b64(digest("picture")))],
        assets_before=b64(digest("manifest 3")),
        collection=b64(digest("collection")),
        table=b64(digest("table")),
        chronicle=b64(digest("chronicle")),
        state_hash=checkpoint.state_hash(hashes).hex(),
    )


def items() -> dict[str, DataItem]:
    """What the golden files hold."""
    whose = Whose(WORLD, REGION, MODULE)
    return {
        "snapshot": snapshot.sign(KEY, whose, Snapshot(2, 96, digest("record 96"), STATE)),
        "segment": segment.sign(KEY, whose, segment.make(2, 60, digest("before"), RECORDS)),
        "manifest": checkpoint.sign(KEY, manifest()),
    }


def golden(name: str) -> dict[str, Any]:
    """One golden file."""
    found: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text())
    return found


def item_of(name: str) -> DataItem:
    """A golden item, its signature checked."""
    item = parse_item(bytes.fromhex(golden(name)["item"]))
    item.verify()
    assert b64(item.id) == golden(name)["id"] and item.owner == KEY.public
    return item


def test_the_code_reads_the_golden_items() -> None:
    whose, shot = snapshot.read_item(item_of("snapshot"))
    assert whose == Whose(WORLD, REGION, MODULE)
    assert shot == Snapshot(2, 96, digest("record 96"), STATE)
    _, run = segment.read_item(item_of("segment"))
    assert (run.era, run.first, run.last, run.previous) == (2, 60, 62, digest("before"))
    assert list(run.records) == RECORDS
    assert checkpoint.read_item(item_of("manifest")) == manifest()


def test_a_manifest_has_one_form() -> None:
    assert checkpoint.sign(KEY, manifest()).raw.hex() == golden("manifest")["item"]


def test_a_second_reader_of_snapshots() -> None:
    data = item_of("snapshot").data
    magic, era, n, head, state_hash = struct.unpack_from("<16sIQ32s32s", data)
    state = zstandard.ZstdDecompressor().decompress(data[92:])
    assert (magic, era, n, head) == (b"everloom-snap-1\0", 2, 96, digest("record 96"))
    assert state == STATE and sha256(state).digest() == state_hash


def test_a_second_reader_of_segments() -> None:
    data = item_of("segment").data
    magic, era, first, count, previous, last_hash = struct.unpack_from("<16sIQI32s32s", data)
    assert (magic, era, first, count) == (b"everloom-run-1\0\0", 2, 60, 3)
    content = zstandard.ZstdDecompressor().decompress(data[96:])
    sizes, places = struct.unpack_from("<3I", content), struct.unpack_from("<3H", content, 12)
    at, records = 18, []
    for size, place in zip(sizes, places):
        stored = size if place == 65535 else size - 32
        raw = content[at : at + stored]
        if place != 65535:
            raw = raw[:place] + previous + raw[place:]
        records.append(raw)
        previous = sha256(raw).digest()
        at += stored
    assert records == RECORDS and previous == last_hash and at == len(content)


def test_a_second_reader_of_manifests() -> None:
    item = item_of("manifest")
    found = json.loads(item.data)
    assert item.data == json.dumps(found, sort_keys=True, separators=(",", ":")).encode()
    assert dict(item.tags) == {
        "Data-Protocol": "Everloom",
        "Type": "Everloom-Manifest",
        "Content-Type": "application/json",
        "World": WORLD,
        "Era": "2",
        "Checkpoint": "5",
        "Full": "true",
    }
    parts = b""
    for region in found["regions"]:
        process = base64.urlsafe_b64decode(region["process"] + "=")
        parts += process + struct.pack("<Q", region["end"]) + bytes.fromhex(region["state_hash"])
    assert sha256(parts).hexdigest() == found["state_hash"]
    assert found["regions"][1]["segments"][0] == {"id": b64(digest("run 1")), "first": 60, "last": 99}


def main() -> None:
    """Write the golden files."""
    for name, item in items().items():
        words = {"id": b64(item.id), "item": item.raw.hex()}
        (GOLDEN / f"{name}.json").write_text(json.dumps(words, indent=1) + "\n")


if __name__ == "__main__":
    main()

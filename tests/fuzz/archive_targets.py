"""Targets: what comes out of a store, or from a wallet, as ANS-104 items, bundles and the formats inside them.

Where a hash, a signature or compression stands between a stranger and the decoder, the target makes it: what is fuzzed
is what a stranger can make, who can hash and sign with a key of its own as well as anyone.
"""

import json
import struct
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from typing import Any, cast

import msgspec

from archive import (
    assets,
    bundle,
    checkpoint,
    chronicle,
    compression,
    data_item,
    keys,
    merkle,
    segment,
    snapshot,
    tags,
    transaction,
)
from archive.data_item import DataItem, parse_item, sign_item
from archive.errors import ArchiveError, Damaged
from archive.keys import Ed25519Key, RsaKey, b64, unb64
from archive.stores.memory import MemoryStore
from clients import archive_view, half_blocks, history, item_words
from regions import afar, charter, founding, lift, module, refold, region_state
from regions.errors import RecordError
from regions.shell import seals
from tests.fuzz import seeds
from tests.fuzz.scratch import folder
from tests.fuzz.target import Plant, Target, at_most, nothing, objects
from world import tilemap
from world.png import png

KEY = Ed25519Key(bytes([9]) * 32)
MIB = 1 << 20


def _compressed(content: bytes, level: int = 1) -> bytes:
    return compression.compress(content, level)


# Items and bundles.


def _item(raw: bytes) -> DataItem:
    item = parse_item(raw)
    assert item.raw == raw, "an item that is not written as it was read"
    item.verify()
    return item


def _item_seeds() -> list[bytes]:
    found = seeds.items()
    signed = [sign_item(KEY, b"data", [("Name", "value"), ("ü", "\0")], bytes(32), b"a" * 32)]
    return [item.raw[:4000] for item in found if len(item.raw) < 4000] + [item.raw for item in signed]


def _signed_item(raw: bytes) -> DataItem:
    """The bytes after the owner, signed with a key of the stranger's: so the tags and what follows are reached."""
    head = keys.ED25519.to_bytes(2, "little") + bytes(64) + KEY.public
    item = parse_item(head + raw)
    parts = item.target, item.anchor, item.raw_tags, item.data
    signature = KEY.sign(data_item.signing_message(keys.ED25519, KEY.public, *parts))
    again = parse_item(head[:2] + signature + KEY.public + raw)
    again.verify()
    return again


def _after_owner() -> list[bytes]:
    return [raw[2 + 64 + 32 :] for raw in _item_seeds() if raw[:2] == b"\2\0"]


def _tag_bytes(raw: bytes) -> object:
    found = tags.decode_tags(raw[1:], raw[0] if raw else 0)
    assert len(found) == raw[0] if raw else True
    return found


def _tag_seeds() -> list[bytes]:
    found = [bytes([len(item.tags)]) + item.raw_tags for item in seeds.items()]
    negative = b"\3" + b"\x01\x0c\x02a\x02b\0"  # a block that says its size
    return [*dict.fromkeys(found), negative]


def _bundle_of(raw: bytes) -> bytes:
    """A bundle of pieces parted by lengths: sizes are those of the pieces, ids those of their signatures."""
    pieces: list[bytes] = []
    at = 0
    while at + 2 <= len(raw) and len(pieces) < 64:
        (size,) = struct.unpack_from("<H", raw, at)
        pieces.append(raw[at + 2 : at + 2 + size])
        at += 2 + size
    header = [len(pieces).to_bytes(32, "little")]
    for piece in pieces:
        header.append(len(piece).to_bytes(32, "little") + sha256(piece[2:66]).digest())
    return b"".join([*header, *pieces])


def _pieces() -> list[bytes]:
    raws = [raw for raw in _item_seeds() if raw[:2] == b"\2\0" and len(raw) < 1500]
    nested = sign_item(KEY, bundle.pack([sign_item(KEY, b"x", [("a", "b")])]), bundle.BUNDLE_TAGS).raw
    deeper = sign_item(KEY, bundle.pack([parse_item(nested)]), bundle.BUNDLE_TAGS).raw
    whole = [[raws[0]], raws[:3], [nested, raws[1]], [deeper], []]
    return [b"".join(struct.pack("<H", len(raw)) + raw for raw in some) for some in whole]


def _bundle(raw: bytes) -> object:
    return bundle.unpack(raw)


def _walk(raw: bytes) -> object:
    return list(bundle.walk(_bundle_of(raw)))


def _bundle_seeds() -> list[bytes]:
    small = [item for item in seeds.items() if len(item.raw) < 2000]
    return [bundle.pack(small[:2]), bundle.pack(small[2:5]), bundle.pack([]), *map(_bundle_of, _pieces())]


def _transaction(raw: bytes) -> object:
    found = transaction.parse_transaction(raw)
    assert transaction.parse_transaction(json.dumps(found.to_json()).encode()) == found or found.format == 1
    found.verify()
    return found


def _transaction_seeds() -> list[bytes]:
    parts = {"last_tx": bytes(32), "owner": bytes(511) + b"\1", "signature": bytes(512), "target": bytes(32)}
    texts = {name: b64(value) for name, value in parts.items()} | {"id": b64(sha256(bytes(512)).digest())}
    words = {"quantity": "0", "reward": "17", "tags": [{"name": b64(b"n"), "value": b64(b"v")}]}
    two = {"format": 2, "data": b64(b"data"), "data_size": "4", "data_root": b64(merkle.data_root(b"data"))}
    return [json.dumps(texts | words | two).encode(), json.dumps(texts | words | {"data": b64(b"data")}).encode()]


DATA = bytes(range(256)) * 2100  # three chunks


def _proof(raw: bytes) -> object:
    """Offset u32, size u32, proof; the root is made to fit, so that the path is followed."""
    if len(raw) < 8:
        return None
    offset, size = struct.unpack_from("<II", raw)
    proof = raw[8:]
    sizes = (32, 32, 32) if len(proof) >= 96 else (32, 32)
    parts = [proof[sum(sizes[:at]) : sum(sizes[: at + 1])] for at in range(len(sizes))]
    root = sha256(b"".join(sha256(part).digest() for part in parts)).digest()
    return merkle.check_proof(root, size, offset, proof)


def _proof_seeds() -> list[bytes]:
    return [struct.pack("<II", chunk.offset, len(DATA)) + chunk.proof for chunk in merkle.chunks(DATA)]


def _decompress(raw: bytes) -> object:
    return compression.decompress(raw, MIB)


def _frame_seeds() -> list[bytes]:
    return [_compressed(content) for content in (b"", b"a", bytes(1000), bytes(range(256)) * 8, bytes(MIB))]


# Signatures and keys.


def _signature(raw: bytes) -> object:
    """Type u8, then owner, signature and message as their sizes say."""
    kind = (keys.ARWEAVE, keys.ED25519, keys.ETHEREUM, keys.SOLANA, keys.TYPED_ETHEREUM)[(raw[0] if raw else 0) % 5]
    signature, owner = keys.SIZES[kind]
    return keys.verify(kind, raw[1 : 1 + owner], raw[1 + owner + signature :], raw[1 + owner : 1 + owner + signature])


def _signature_seeds() -> list[bytes]:
    signed = b"\1" + KEY.public + KEY.sign(b"message") + b"message"
    typed = b"\4" + b"0x" + b"ab" * 20 + bytes(64) + b"\x1b" + b"message"
    return [signed, b"\0" + bytes(511) + b"\3" + bytes(512), b"\2\4" + bytes(64) + bytes(31) + b"\1" * 34 + b"m", typed]


def _key(raw: bytes) -> object:
    """As `load_key` reads a file's bytes."""
    path = folder() / "key.json"
    path.write_bytes(raw)
    return keys.load_key(path)


def _key_seeds() -> list[bytes]:
    number = b64(bytes([255]) * 32)
    rsa = {"kty": "RSA"} | dict.fromkeys(keys.RSA_NUMBERS, number) | {"e": "AQAB"}
    return [json.dumps(KEY.to_jwk()).encode(), json.dumps(rsa).encode()]


# What items hold.


def _segment_content(raw: bytes) -> object:
    """u32 count of records, then the frame's content; header, frame and last hash are made."""
    if len(raw) < 36:
        return None
    (count,) = struct.unpack_from("<I", raw)
    previous, content = raw[4:36], raw[36:]
    try:
        _, hashes = segment._take_apart(content, count % (segment.RECORDS_MAX + 1), 1, previous)
    except Damaged:
        hashes = [bytes(32)]
    last = hashes[-1] if hashes else bytes(32)
    header = struct.pack("<16sIQI32s32s", segment.MAGIC, 1, 1, count, previous, last)
    found = segment.decode(header + _compressed(content))
    assert [sha256(one).digest() for one in found.records] == list(found.hashes)
    return found


def _segment_contents() -> list[bytes]:
    found = []
    for item in seeds.items(segment.TYPE):
        head, frame = item.data[:96], item.data[96:]
        content = compression.decompress(frame, MIB)
        found.append(head[28:32] + head[32:64] + content)
    return [one for one in found if len(one) < 60_000] + [struct.pack("<I", 1) + bytes(32) + b"\1\0\0\0\xff\xffx"]


def _snapshot_content(raw: bytes) -> object:
    return snapshot.decode(snapshot.encode(snapshot.Snapshot(1, 2, bytes(32), raw), 1)).state


def _table(raw: bytes) -> object:
    """u32 count, then the columns."""
    if len(raw) < 4:
        return None
    header = struct.pack("<16sI", assets.MAGIC, struct.unpack_from("<I", raw)[0])
    found = assets.decode_table(header + _compressed(raw[4:]))
    assert assets.encode_table(found)
    return found


def _table_seeds() -> list[bytes]:
    rows = [assets.Held(2**48 + number, 2**40, 1) for number in (1, 2, 9)]
    whole = [assets.encode_table(some) for some in ([], rows[:1], rows)]
    return [raw[16:20] + compression.decompress(raw[20:], MIB) for raw in whole]


def _manifest(raw: bytes) -> object:
    """JSON whose keys are sorted and whose state hash is made to fit, where that can be done."""
    try:
        tree = json.loads(raw)
        ends = [(unb64(one["process"]), one["end"], bytes.fromhex(one["state_hash"])) for one in tree["regions"]]
        tree["state_hash"] = checkpoint.state_hash(ends).hex()
        raw = json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    except (ValueError, TypeError, KeyError, ArchiveError, RecursionError, struct.error, OverflowError):
        pass
    found = checkpoint.decode(raw)
    assert checkpoint.encode(found) == raw
    item = checkpoint.sign(KEY, found)
    assert checkpoint.read_item(item) == found
    return found


def _charter(raw: bytes) -> object:
    found, _ = charter.read_charter(sign_item(KEY, raw, [("Type", charter.TYPE)]).raw)
    found.processes()
    for index in range(len(found.seats)):
        found.neighbours(index)
    return found


def _module(raw: bytes) -> object:
    return module.read_sources(_compressed(raw))


def _module_seeds() -> list[bytes]:
    small = (1, "regions.compute.apply", [("archive/a.py", "ü"), ("world/x.py", "import y\n")], [("numpy", "2.0")])
    return [msgspec.msgpack.encode(small)]


def _refold(raw: bytes) -> object:
    """What is asked of a Module's process, which may be its own doing, and what it answers."""
    try:
        return refold.read_request(raw)
    except RecordError:
        said = refold.read_said(raw)
    return afar.FarRules("x", _unasked, 0)._told(said) if isinstance(said, refold.Did) else said


def _unasked(asked: refold.Request) -> refold.Answer:
    raise AssertionError(f"nothing is asked: {asked}")


def _refold_seeds() -> list[bytes]:
    asked = (refold.Genesis(1, b"charter", b"map"), refold.Load(2, b"state", bytes(32)), refold.Apply(0, b"record"))
    said = (
        refold.Ready("/x"),
        refold.Did(bytes(32), {"n": b"\x01"}, (0, 3)),
        refold.Bodies(b"b"),
        refold.Failed("a", "b"),
    )
    return [msgspec.msgpack.encode(one) for one in (*asked, *said)]


def _map_item(raw: bytes) -> object:
    item = DataItem(keys.ED25519, bytes(64), KEY.public, None, None, b"", (), _compressed(raw))
    found = founding.read_map(item)
    assert tilemap.encode(found) == raw
    return found


def _map_seeds() -> list[bytes]:
    world_map = seeds.played()[0].map
    corner = world_map.terrain[:16, :16].copy(), world_map.feature[:16, :16].copy()
    return [tilemap.encode(tilemap.make_map(*corner, homes=[(1, 2)], player_spawns=[(3, 4), (15, 15)]))]


def _held(raw: bytes) -> object:
    """First byte: which kind of item; its data is the rest, compressed where that kind is."""
    kinds = sorted(item_words.KINDS)
    kind = kinds[(raw[0] if raw else 0) % len(kinds)]
    data = raw[1:]
    if kind in ("Module", "Everloom-Map"):
        data = _compressed(data)
    item = sign_item(KEY, data, [("Type", kind)])
    lines = [item_words.escaped(line) for line in item_words.held(item)]
    if kind == "token":
        archive_view._picture_of(cast(Any, MemoryStore()), item)
    if kind == chronicle.TYPE:
        lines += [history._line(one, lambda asset: asset or "").words for one in history._told(item)]
    return lines


def _held_seeds() -> list[bytes]:
    kinds = sorted(item_words.KINDS)
    found = [
        bytes([kinds.index(item.tag("Type") or "")]) + item.data for item in seeds.items() if len(item.data) < 5000
    ]
    told = {"event": "died", "time": "2026-11-23T00:00:00Z", "what": [1, 2, 3, 4], "text": "entity 12ab"}
    line = json.dumps(told | {"event": "minted", "what": [9, 2**48 + 1, 1, 1]}).encode() + b"\n"
    words = json.dumps(
        {"image": "ar://" + "a" * 43, "name": "a", "attributes": [{"trait_type": "kind", "value": 1}]}
    ).encode()
    return [
        *found,
        bytes([kinds.index("token")]) + words,
        bytes([kinds.index(chronicle.TYPE)]) + json.dumps(told).encode() + b"\n" + line,
    ]


def _picture(raw: bytes) -> object:
    return half_blocks.half_blocks(raw)


def _picture_seeds() -> list[bytes]:
    palette = [(1, 2, 3), (4, 5, 6), (255, 255, 255)]
    small = png([[0, 1, 2, 0], [2, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]], palette)
    return [small, png([[0] * 32] * 32, palette), png([[0, 1]] * 2, palette, 3)]


# States.


def _state_of(index: int) -> Callable[[bytes], object]:
    rules = founding.rules_of(index)

    def run(raw: bytes) -> object:
        found = region_state.decode(raw, rules, bytes(32))
        assert found.encode() == raw, "a state whose bytes are not the one form of it"
        return found

    return run


def _state_seeds(index: int) -> Callable[[], list[bytes]]:
    return lambda: [seeds.played()[0].region(index).encode()]


def _owner_word(raw: bytes) -> object:
    world = seeds.played()[0]
    state = world.region(1).state
    before = state.halted, state.halted_at
    state.halted, state.halted_at = "why", 7
    try:
        lift.owner_signed(raw, state.owner)
        return lift.lifts(state, raw)
    finally:
        state.halted, state.halted_at = before


def _owner_words() -> list[bytes]:
    process = seeds.played()[0].processes[1]
    return [sign_item(KEY, b"", [("Action", "Lift"), ("Record", "7")], target=process).raw]


def _sealed(raw: bytes) -> object:
    return seals.unseal(_owner(), raw)


@lru_cache(maxsize=1)
def _owner() -> RsaKey:
    return RsaKey.generate()


TARGETS = (
    Target(
        "item",
        _item,
        (ArchiveError,),
        _item_seeds,
        {"archive.data_item": ("parse_item", "_Reader", "DataItem.verify"), "archive.keys": ("verify",)},
        objects,
    ),
    Target(
        "item-signed",
        _signed_item,
        (ArchiveError,),
        _after_owner,
        {"archive.data_item": ("parse_item", "_Reader", "signing_message"), "archive.deep_hash": ("_hash",)},
        objects,
    ),
    Target(
        "tags",
        _tag_bytes,
        (Damaged,),
        _tag_seeds,
        {"archive.tags": ("decode_tags", "_decode_long", "_decode_text")},
        objects,
        plants=(
            Plant(
                "archive.tags", "        if position + index >= len(raw):", "        if position + index > len(raw):"
            ),
        ),
    ),
    Target(
        "bundle",
        _bundle,
        (ArchiveError,),
        _bundle_seeds,
        {"archive.bundle": ("read_header", "read_entry", "unpack")},
        objects,
        longest=16384,
        plants=(
            Plant(
                "archive.bundle",
                "        if offset + size > len(raw):",
                "        if offset + size > len(raw) and raw[offset + size]:",
            ),
        ),
    ),
    Target(
        "bundle-nested",
        _walk,
        (ArchiveError,),
        _pieces,
        {"archive.bundle": ("walk", "is_bundle", "unpack", "read_entry", "read_header")},
        objects,
        longest=16384,
    ),
    Target(
        "transaction",
        _transaction,
        (ArchiveError,),
        _transaction_seeds,
        {"archive.transaction": ("parse_transaction", "_load", "_binary", "_amount", "_tags", "_check_tags")},
        objects,
        shape="json",
    ),
    Target(
        "merkle-proof",
        _proof,
        (Damaged,),
        _proof_seeds,
        {"archive.merkle": ("check_proof", "_cut", "_join")},
        objects,
    ),
    Target(
        "compression",
        _decompress,
        (Damaged,),
        _frame_seeds,
        {"archive.compression": ("decompress", "_empty")},
        at_most(MIB),
    ),
    Target(
        "signature",
        _signature,
        (),
        _signature_seeds,
        {"archive.keys": ("verify", "_rsa_public", "_recover", "_personal_digest", "_typed_digest")},
        nothing,
        longest=2048,
    ),
    Target(
        "key-file",
        _key,
        (ArchiveError,),
        _key_seeds,
        {"archive.keys": ("load_key", "_jwk_bytes", "unb64", "Ed25519Key.from_jwk", "RsaKey.from_jwk")},
        objects,
        shape="json",
    ),
    Target(
        "segment",
        segment.decode,
        (Damaged,),
        lambda: [item.data for item in seeds.items(segment.TYPE)],
        {"archive.segment": ("decode",)},
        at_most(segment.CONTENT_BYTES_MAX),
    ),
    Target(
        "segment-content",
        _segment_content,
        (Damaged,),
        _segment_contents,
        {"archive.segment": ("decode", "_take_apart")},
        objects,
        longest=65536,
        plants=(
            Plant(
                "archive.segment",
                "        if end > len(content) or end < position or (cut and place > size - 32):",
                "        if content[end - 1] and (end < position or (cut and place > size - 32)):",
            ),
        ),
    ),
    Target(
        "snapshot",
        snapshot.decode,
        (Damaged,),
        lambda: [item.data for item in seeds.items(snapshot.TYPE)],
        {"archive.snapshot": ("decode",)},
        at_most(snapshot.STATE_BYTES_MAX),
    ),
    Target(
        "snapshot-content",
        _snapshot_content,
        (Damaged,),
        lambda: [b"state"],
        {"archive.snapshot": ("decode",)},
        nothing,
    ),
    Target(
        "table",
        _table,
        (Damaged,),
        _table_seeds,
        {"archive.assets": ("decode_table",)},
        objects,
    ),
    Target(
        "manifest",
        _manifest,
        (ArchiveError,),
        lambda: [item.data for item in seeds.items(checkpoint.TYPE)],
        {"archive.checkpoint": ("decode", "_check", "read_item", "_tags", "state_hash")},
        objects,
        shape="json",
    ),
    Target(
        "chronicle",
        chronicle.decode,
        (Damaged,),
        lambda: [b'{"a":1,"text":"x"}\n{"event":"died","what":[1,2,3,4]}\n', b""],
        {"archive.chronicle": ("decode",)},
        objects,
    ),
    Target(
        "charter",
        _charter,
        (RecordError,),
        lambda: [item.data for item in seeds.items(charter.TYPE)],
        {"regions.charter": ("read_charter", "_check", "_check_ids", "_overlap", "Charter.neighbours")},
        objects,
        shape="json",
    ),
    Target(
        "module-item",
        _module,
        (ArchiveError, ValueError),
        _module_seeds,
        {"regions.module": ("read_sources", "_read")},
        objects,
        shape="msgpack",
    ),
    Target(
        "refold",
        _refold,
        (RecordError, ArchiveError),
        _refold_seeds,
        {"regions.refold": ("read_request", "read_said"), "regions.afar": ("FarRules._told",)},
        objects,
        shape="msgpack",
    ),
    Target(
        "map-item",
        _map_item,
        (ArchiveError, ValueError),
        _map_seeds,
        {"regions.founding": ("read_map",), "world.tilemap": ("decode", "_read_header", "_points", "_check_codes")},
        objects,
    ),
    Target(
        "held",
        _held,
        (ArchiveError, ValueError),
        _held_seeds,
        {
            "clients.item_words": (
                "held",
                "_manifest",
                "_chronicle",
                "_metadata",
                "_table",
                "_text",
                "escaped",
                "kind_of",
            ),
            "clients.archive_view": ("_picture_of",),
            "clients.history": ("_told", "_line"),
        },
        objects,
    ),
    Target(
        "picture",
        _picture,
        (ValueError,),
        _picture_seeds,
        {"clients.half_blocks": ("half_blocks", "_read", "_rows", "_pixel")},
        at_most(8 * MIB),
    ),
    Target(
        "region-state",
        _state_of(1),
        (RecordError,),
        _state_seeds(1),
        {
            "regions.region_state": ("decode",),
            "world.encoding": ("decode", "_read_header", "_check_places"),
            "world.invariants": ("check",),
        },
        at_most(8 * MIB),
        shape="msgpack",
        longest=65536,
    ),
    Target(
        "world-state",
        _state_of(0),
        (RecordError,),
        _state_seeds(0),
        {"regions.region_state": ("decode",), "regions.world_process": ("WorldRules.decode",)},
        objects,
        shape="msgpack",
        longest=16384,
    ),
    Target("owner-word", _owner_word, (), _owner_words, {"regions.lift": ("lifts", "owner_signed")}, objects),
    Target("sealed-key", _sealed, (Damaged,), lambda: [bytes(512)], {"regions.shell.seals": ("unseal",)}, nothing),
)

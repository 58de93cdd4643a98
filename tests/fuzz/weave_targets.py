"""Targets: what comes from another store's weave over HTTP, or from the weave's file, which a mirror fills."""

import json
from functools import lru_cache

from archive import assets, blocks
from archive.errors import ArchiveError, Damaged
from archive.keys import RsaKey, b64
from archive.merkle import chunk_hashes
from archive.stores import local_weave
from archive.transaction import parse_transaction, sign_transaction
from archive.weave import Weave
from clients.weave_reader import read_words
from tests.fuzz.target import Target, objects


def _line(raw: bytes) -> None:
    """A line, taken into a weave as a store's process does."""
    header, transactions, hashes = local_weave._parse(raw, 0)
    Weave().add(header, transactions, hashes)


@lru_cache(maxsize=1)
def _lines() -> list[bytes]:
    key = RsaKey.generate()
    datas = [b"data", bytes(300_000)]
    made = [sign_transaction(key, data, [("Bundle", b64(bytes(32)))], last_tx=b"", reward=0) for data in datas]
    found = []
    for held, raws in ((made[:1], datas[:1]), (made, datas)):
        header = blocks.follow(None, held, 1_700_000_000)
        found.append(local_weave._line(header, held, [chunk_hashes(raw) for raw in raws]))
    return found


def _block(raw: bytes) -> None:
    header = blocks.from_json(read_words("block", raw))
    assert blocks.from_json(blocks.to_json(header)) == header
    blocks.check_follows(header, None)


def _blocks() -> list[bytes]:
    return [json.dumps(json.loads(line)["block"]).encode() for line in _lines()]


def _collection(raw: bytes) -> None:
    assert all(len(one) == 43 for one in assets.decode_collection(raw))


def _collections() -> list[bytes]:
    ids = [b64(bytes([number]) * 32) for number in range(3)]
    return [assets.encode_collection(ids[0], ids[:count]) for count in range(4)]


def _transactions() -> list[bytes]:
    return [json.dumps(one).encode() for line in _lines() for one in json.loads(line)["transactions"]]


TARGETS = (
    Target(
        "weave-line",
        _line,
        (ArchiveError,),
        _lines,
        {"archive.stores.local_weave": ("_parse", "_line"), "archive.weave": ("Weave", "bundle_of", "Laid")},
        objects,
        shape="json",
    ),
    Target(
        "weave-block",
        _block,
        (ArchiveError,),
        _blocks,
        {
            "archive.blocks": ("from_json", "check_follows", "_number", "_bytes"),
            "clients.weave_reader": ("read_words",),
        },
        objects,
        shape="json",
    ),
    Target(
        "weave-transaction",
        lambda raw: parse_transaction(read_words("tx", raw)).verify(),
        (ArchiveError,),
        _transactions,
        {"archive.transaction": ("parse_transaction",)},
        objects,
        shape="json",
    ),
    Target(
        "collection", _collection, (Damaged,), _collections, {"archive.assets": ("decode_collection",)}, objects, "json"
    ),
)

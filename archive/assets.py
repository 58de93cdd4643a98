"""Assets as permanent items that any wallet or gateway can read, and the table of who holds which.

For each asset two items: its picture (PNG) and its metadata, one ERC-721 JSON object whose `image` is
`ar://<id of the picture's item>`. Both carry ANS-110 tags (Title, Type, Topic, Description, Implements) and the
Universal Data License, besides Data-Protocol=Everloom, World, Asset, the id as 16 hex digits, and Era and Checkpoint,
those of the manifest that files it.

The table is the data of an item with the tags Data-Protocol=Everloom, Type=Everloom-Table,
Content-Type=application/octet-stream, World, Era, Checkpoint, in this order:

    magic "everloom-own-1\\0\\0" 16 | count u32 | one zstd frame                                (little-endian)

the frame's content being columns, assets in rising order of their ids:

    count x u64 id less the one before | count x u64 holder | count x u16 partition index of the region that has it

The collection is one JSON object, {"version": 2, "name", "description", "kind": "arweave-native-token-assets",
"assetCount", "assets": [ids of the metadata items, in the order in which they were filed]}, no blanks, as BazAR's
collection manifests are; its item's tags are Data-Protocol=Everloom, Type=Collection-Manifest, Title, Description,
Content-Type=application/json, World, Era, Checkpoint. It lists every asset again, so a new one is only made when a
sixteenth has come to it (`collection_due`): what it lacks until then is found by the tags World and Type=token.

What an asset looks like, and who may change its holder, is the world's business: this module is handed bytes.
"""

import json
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from archive.compression import compress, decompress
from archive.data_item import DataItem, sign_item
from archive.errors import ArchiveError, Damaged
from archive.keys import Key, b64

TABLE: Final = "Everloom-Table"
COLLECTION: Final = "Collection-Manifest"
COLLECTION_KIND: Final = "arweave-native-token-assets"
COLLECTION_BYTES_MAX: Final = 48 << 20
GROWTH: Final = 16
MAGIC: Final = b"everloom-own-1\0\0"
ROWS_MAX: Final = 1_000_000
ROW_BYTES: Final = 18
LEVEL: Final = 9
TITLE_MAX: Final = 150  # characters, by ANS-110
DESCRIPTION_MAX: Final = 300
LICENSE: Final = (
    ("License", "dE0rmDfl9_OWjkDznNEXHaSO_JohJkRolvMzaCroUdw"),  # the Universal Data License's text
    ("Derivation", "Allowed-With-Credit"),
    ("Commercial-Use", "Allowed-With-Credit"),
)
_HEADER: Final = struct.Struct("<16sI")


@dataclass(frozen=True)
class Face:
    """What an asset's items say in words, and their bytes; `metadata(image URI)` gives the ERC-721 JSON."""

    asset: int
    title: str
    description: str
    topics: tuple[str, ...]
    picture: bytes


@dataclass(frozen=True)
class Where:
    """The world and the checkpoint that file an asset."""

    world: str
    era: int
    checkpoint: int


@dataclass(frozen=True, order=True, slots=True)
class Held:
    """An asset, the entity that holds it, and the region that has both (partition index)."""

    asset: int
    holder: int
    region: int


def asset_name(asset: int) -> str:
    """An asset's id as tags write it."""
    return f"{asset:016x}"


def sign_picture(key: Key, where: Where, face: Face) -> DataItem:
    """The picture's item."""
    return sign_item(key, face.picture, picture_tags(where, face))


def sign_metadata(key: Key, where: Where, face: Face, metadata: bytes) -> DataItem:
    """The metadata's item: `metadata` is the ERC-721 JSON, which names the picture's item."""
    return sign_item(key, metadata, metadata_tags(where, face))


def picture_tags(where: Where, face: Face) -> list[tuple[str, str]]:
    """The tags of a picture's item."""
    return [("Content-Type", "image/png"), *_tags(where, face, "image")]


def metadata_tags(where: Where, face: Face) -> list[tuple[str, str]]:
    """The tags of a metadata item."""
    return [("Content-Type", "application/json"), *_tags(where, face, "token")]


def image_uri(picture: DataItem) -> str:
    """How metadata names a picture."""
    return f"ar://{b64(picture.id)}"


def _tags(where: Where, face: Face, kind: str) -> list[tuple[str, str]]:
    return [
        ("Data-Protocol", "Everloom"),
        ("Title", face.title[:TITLE_MAX]),
        ("Type", kind),
        *((f"Topic:{topic}", topic) for topic in face.topics),
        ("Description", face.description[:DESCRIPTION_MAX]),
        ("Implements", "ANS-110"),
        *LICENSE,
        ("World", where.world),
        ("Era", str(where.era)),
        ("Checkpoint", str(where.checkpoint)),
        ("Asset", asset_name(face.asset)),
    ]


def encode_table(rows: Iterable[Held]) -> bytes:
    """The bytes of a table. Raises `ArchiveError` for an asset that stands in it twice, or too many of them."""
    held = sorted(rows)
    if len(held) > ROWS_MAX:
        raise ArchiveError("table", f"{len(held)} assets, limit {ROWS_MAX}")
    ids = [row.asset for row in held]
    twice = [asset for asset, after in pairwise(ids) if asset == after]
    if twice:
        raise ArchiveError("table", f"asset {asset_name(twice[0])} is in two places")
    steps = [asset - before for asset, before in zip(ids, [0, *ids])]
    count = len(held)
    columns = struct.pack(f"<{count}Q{count}Q", *steps, *(row.holder for row in held))
    regions = struct.pack(f"<{count}H", *(row.region for row in held))
    return _HEADER.pack(MAGIC, count) + compress(columns + regions, LEVEL)


def decode_table(raw: bytes) -> list[Held]:
    """Read a table, rising by asset. Raises `Damaged` for any other bytes."""
    if len(raw) < _HEADER.size:
        raise Damaged("table", f"cut short: {len(raw)} bytes, the header alone has {_HEADER.size}")
    magic, count = _HEADER.unpack_from(raw)
    if magic != MAGIC or count > ROWS_MAX:
        raise Damaged("table", f"begins with {magic!r} and {count} assets, expected {MAGIC!r} and up to {ROWS_MAX}")
    content = decompress(raw[_HEADER.size :], ROW_BYTES * ROWS_MAX)
    if len(content) != ROW_BYTES * count:
        raise Damaged("table", f"{len(content)} bytes of content for {count} assets of {ROW_BYTES} bytes")
    numbers: Sequence[int] = struct.unpack(f"<{count}Q{count}Q{count}H", content)
    held, asset = [], 0
    for place in range(count):
        asset += numbers[place]
        if (place and not numbers[place]) or asset >= 1 << 64:
            raise Damaged("table", f"asset {asset:x} does not come after the one before it")
        held.append(Held(asset, numbers[count + place], numbers[2 * count + place]))
    return held


def table_tags(world: str, era: int, checkpoint: int) -> list[tuple[str, str]]:
    """The tags of a table's item."""
    return [
        ("Data-Protocol", "Everloom"),
        ("Type", TABLE),
        ("Content-Type", "application/octet-stream"),
        ("World", world),
        ("Era", str(era)),
        ("Checkpoint", str(checkpoint)),
    ]


def sign_table(key: Key, world: str, era: int, checkpoint: int, rows: Iterable[Held]) -> DataItem:
    """The table as an item signed by a node."""
    return sign_item(key, encode_table(rows), table_tags(world, era, checkpoint))


def collection_due(listed: int, waiting: int) -> bool:
    """Whether a checkpoint brings a new collection: `listed` are in the newest one, `waiting` are not."""
    return waiting >= max(1, listed // GROWTH)


def encode_collection(world: str, metadata: Sequence[str]) -> bytes:
    """The bytes of a collection of these metadata items."""
    words = {
        "version": 2,
        "name": _collection_name(world),
        "description": _collection_words(world),
        "kind": COLLECTION_KIND,
        "assetCount": len(metadata),
        "assets": list(metadata),
    }
    return json.dumps(words, separators=(",", ":")).encode()


def decode_collection(raw: bytes) -> list[str]:
    """The ids of the metadata items in a collection. Raises `Damaged` for any other bytes."""
    if len(raw) > COLLECTION_BYTES_MAX:
        raise Damaged("collection", f"{len(raw)} bytes, limit {COLLECTION_BYTES_MAX}")
    try:
        words = json.loads(raw)
        found = words["assets"]
        fits = words["kind"] == COLLECTION_KIND and words["assetCount"] == len(found)
        if not fits or not all(re.fullmatch(r"[A-Za-z0-9_-]{43}", one) for one in found):
            raise Damaged("collection", "its kind, count or ids are not a collection's")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Damaged("collection", f"no collection: {type(error).__name__}") from None
    return list(found)


def collection_tags(world: str, era: int, checkpoint: int) -> list[tuple[str, str]]:
    """The tags of a collection's item."""
    return [
        ("Data-Protocol", "Everloom"),
        ("Type", COLLECTION),
        ("Title", _collection_name(world)),
        ("Description", _collection_words(world)),
        ("Content-Type", "application/json"),
        ("World", world),
        ("Era", str(era)),
        ("Checkpoint", str(checkpoint)),
    ]


def sign_collection(key: Key, world: str, era: int, checkpoint: int, metadata: Sequence[str]) -> DataItem:
    """The collection as an item signed by a node."""
    return sign_item(key, encode_collection(world, metadata), collection_tags(world, era, checkpoint))


def _collection_name(world: str) -> str:
    return f"Assets of the Everloom world {world}"


def _collection_words(world: str) -> str:
    return f"Everything rare that was found or made in the Everloom world {world}, from its founding on."

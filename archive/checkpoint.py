"""A checkpoint: the manifest that ties snapshots and segments of all regions into one consistent cut.

The manifest item's data is one JSON object, fields as in `Manifest`, sorted keys, no blanks; ids and record hashes are
base64url, state hashes hex, times milliseconds since 1970. Its tags, in this order: Data-Protocol=Everloom,
Type=Everloom-Manifest, Content-Type=application/json, World, Era, Checkpoint, Full (true or false).

Manifests of an era are numbered without gaps and each names the one before; the first of a later era names the one its
era began from. To have a region at the cut: take its snapshot (none: the world's founding, before record 1), then the
records after it out of `segments`, up to `end`. `state_hash` is

    SHA-256 of, by partition index: region id 32 | end u64 little-endian | SHA-256 of the state at the end 32

`Course` and `settle` are the cut's arithmetic: law 8, the consistent cut. Nothing here knows what a record holds.
"""

import struct
from collections.abc import Iterable
from hashlib import sha256
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from archive.data_item import DataItem, sign_item
from archive.errors import Damaged
from archive.keys import Key, b64, unb64

TYPE: Final = "Everloom-Manifest"
FORMAT: Final = 2
MANIFEST_BYTES_MAX: Final = 4 << 20
REGIONS_MAX: Final = 4096

Id = Annotated[str, Meta(min_length=43, max_length=43, pattern="^[A-Za-z0-9_-]*$")]
Hex = Annotated[str, Meta(min_length=64, max_length=64, pattern="^[0-9a-f]*$")]
Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A JSON object with exactly these fields."""


class Run(Struct, frozen=True):
    """A segment by its id, and which records it holds."""

    id: Id
    first: Number
    last: Number


class Numbers(Struct, frozen=True):
    """What a region's state at the end says of one neighbour: mail sent to it, mail dropped from the outbox because it
    was consumed there, its mail consumed here, and the newest of its records heard of in this era (0: none)."""

    index: Number
    sent: Number = 0
    dropped: Number = 0
    consumed: Number = 0
    heard: Number = 0


class RegionEnd(Struct, frozen=True):
    """One region in a checkpoint. `first` to `end` are the records it adds (first = end + 1: none)."""

    process: Id
    snapshot: Id | None  # the newest whole one; nil: begin at the founding
    snapshot_n: Number
    snapshot_before: Number  # record of the whole snapshot before that one: up to there the log may be cut; 0: none
    segments: list[Run]  # oldest first: whichever hold records after the snapshot, and those this checkpoint adds
    first: Number
    end: Number
    end_hash: Id
    hashed_n: Number  # the newest record up to the end that carries a state hash and a signed head; 0: none
    state_hash: Hex  # of the state at the end
    told: Number  # key events filed so far
    neighbours: list[Numbers]


class AssetFiled(Struct, frozen=True):
    """An asset whose items this checkpoint brings: its id as 16 hex digits, its metadata and picture items."""

    asset: Annotated[str, Meta(min_length=16, max_length=16, pattern="^[0-9a-f]*$")]
    metadata: Id
    picture: Id


class Manifest(Struct, frozen=True):
    """Checkpoint `number` of `era`. `ordered` is the record of the world's process that ordered it (0: a planned stop
    whose order did not come through); `whole` the newest checkpoint of the era that brought whole snapshots; `time_ms`
    the earliest last record's, of the regions with land."""

    format: Annotated[int, Meta(ge=FORMAT, le=FORMAT)]
    world: Id
    era: Annotated[int, Meta(ge=1, lt=2**15)]
    number: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    charter: Id
    module: Id
    roster: Number
    previous: Id | None
    whole: Number
    ordered: Number
    time_ms: Number
    regions: Annotated[list[RegionEnd], Meta(min_length=1, max_length=REGIONS_MAX)]
    assets: list[AssetFiled]
    assets_before: Id | None  # the newest manifest before this one that brought assets
    collection: Id | None  # the newest list of all assets, by this checkpoint or an earlier one
    table: Id
    chronicle: Id | None
    state_hash: Hex

    @property
    def full(self) -> bool:
        """Whether this one brought whole snapshots."""
        return self.whole == self.number

    def ends(self) -> dict[int, int]:
        """Last records by partition index."""
        return {index: region.end for index, region in enumerate(self.regions)}


_decoder: Final = msgspec.json.Decoder(Manifest)
_encoder: Final = msgspec.json.Encoder(order="sorted")


def encode(manifest: Manifest) -> bytes:
    """The manifest's bytes."""
    return _encoder.encode(manifest)


def decode(raw: bytes) -> Manifest:
    """Read a manifest whose parts fit one another. Raises `Damaged` for any other bytes."""
    if len(raw) > MANIFEST_BYTES_MAX:
        raise Damaged("manifest", f"{len(raw)} bytes, limit {MANIFEST_BYTES_MAX}")
    try:
        manifest = _decoder.decode(raw)
        if encode(manifest) != raw:
            raise Damaged("manifest", "its JSON is not in its one form: sorted keys, no blanks")
        for region in manifest.regions:
            _check(region)
        if state_hash(
            [(unb64(r.process), r.end, bytes.fromhex(r.state_hash)) for r in manifest.regions]
        ) != bytes.fromhex(manifest.state_hash):
            raise Damaged("manifest", f"its state hash {manifest.state_hash} is not that of its regions' state hashes")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Damaged("manifest", f"not a manifest: {error}") from None
    return manifest


def _check(region: RegionEnd) -> None:
    where = f"region {region.process}"
    if region.snapshot is None and region.snapshot_n:
        raise Damaged("manifest", f"{where}: a snapshot at record {region.snapshot_n} without an id")
    if not region.snapshot_n <= region.end or region.first > region.end + 1:
        raise Damaged("manifest", f"{where}: snapshot {region.snapshot_n}, records {region.first}..{region.end}")
    if not region.segments and (region.end != region.snapshot_n or region.first <= region.end):
        raise Damaged("manifest", f"{where}: no segments, but records {region.snapshot_n + 1}..{region.end}")
    for before, run in zip([None, *region.segments], region.segments):
        fits = run.first == before.last + 1 if before is not None else run.first <= region.snapshot_n + 1
        if not fits or run.last < run.first:
            after = before.last if before is not None else region.snapshot_n
            raise Damaged("manifest", f"{where}: segment {run.first}..{run.last} does not follow record {after}")
    if region.segments and region.segments[-1].last != region.end:
        last = region.segments[-1].last
        raise Damaged("manifest", f"{where}: its segments end at {last}, the region at {region.end}")
    if region.first <= region.end and all(run.first != region.first for run in region.segments):
        raise Damaged("manifest", f"{where}: no segment begins at record {region.first}, the first it adds")


def sign(key: Key, manifest: Manifest) -> DataItem:
    """The manifest as an item signed by the node of the world's process."""
    return sign_item(key, encode(manifest), _tags(manifest))


def read_item(item: DataItem) -> Manifest:
    """What a manifest item holds. Raises `Damaged` when its tags and data differ. Does not check the signature."""
    try:
        manifest = decode(item.data)
    except Damaged as error:
        raise Damaged(b64(item.id), error.reason) from None
    if list(item.tags) != _tags(manifest):
        raise Damaged(b64(item.id), f"its tags are not those of checkpoint {manifest.era}.{manifest.number}")
    return manifest


def _tags(manifest: Manifest) -> list[tuple[str, str]]:
    return [
        ("Data-Protocol", "Everloom"),
        ("Type", TYPE),
        ("Content-Type", "application/json"),
        ("World", manifest.world),
        ("Era", str(manifest.era)),
        ("Checkpoint", str(manifest.number)),
        ("Full", "true" if manifest.full else "false"),
    ]


def state_hash(regions: Iterable[tuple[bytes, int, bytes]]) -> bytes:
    """One hash for all regions at a cut: (region id, last record, SHA-256 of its state), by partition index."""
    return sha256(b"".join(region + struct.pack("<Q", n) + digest for region, n, digest in regions)).digest()

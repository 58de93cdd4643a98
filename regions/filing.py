"""What one checkpoint brings into the archive, made from a cut, the records up to it, and the states at it.

Pure: the same cut gives the same items, byte for byte (Ed25519 signatures are deterministic), so a checkpoint that was
half stored before a crash is not stored twice. Deciding when and where to cut is `regions.archivist`'s business.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from archive import assets, checkpoint, chronicle, segment, snapshot
from archive.assets import Held, Where, asset_name
from archive.checkpoint import AssetFiled, Manifest, Numbers, RegionEnd, Run
from archive.cut import Said
from archive.data_item import DataItem, parse_item
from archive.keys import Ed25519Key, b64, unb64
from archive.snapshot import Snapshot, Whose
from regions import letters
from regions.charter import Charter
from regions.collecting import NOTHING, Collected
from regions.config import SPAN
from regions.holdings import Holding, Kit
from regions.parcels import Left
from regions.record import Record, decode, genesis_hash
from regions.region_state import Region, RegionState, Told

SEGMENT_BYTES: int = 8 << 20  # a longer run of records becomes several segments
SEGMENT_RECORDS: int = 8_192


@dataclass(frozen=True)
class Place:
    """How far the archive has come: the newest manifest made, by this era or the one it began from, and which assets
    have their items: by asset, and by item. `manifest` is nil only before a world's first checkpoint."""

    manifest_id: str | None
    manifest: Manifest | None
    filed: frozenset[int]
    collected: Collected = NOTHING


@dataclass(frozen=True)
class Regional:
    """One region's part of a checkpoint: its new records, its state at the end, a whole snapshot if there is one, and
    the key events that happened since the checkpoint before."""

    records: Sequence[bytes]
    region: Region
    snapshot: Snapshot | None
    told: Sequence[Told]


@dataclass(frozen=True)
class Filing:
    """A checkpoint ready to be stored: items in order, the manifest last."""

    manifest: Manifest
    items: list[DataItem]
    filed: frozenset[int]
    collected: Collected

    @property
    def manifest_id(self) -> str:
        """The manifest item's id."""
        return b64(self.items[-1].id)

    @property
    def place(self) -> Place:
        """How far the archive has come with it."""
        return Place(self.manifest_id, self.manifest, self.filed, self.collected)


def said_of(record: Record) -> list[Said]:
    """What a record says of its region's neighbours, as the cut's arithmetic wants it."""
    said = [Said(one.region, sent=one.number) for one in record.sent]
    for one in record.heard:
        consumed = one.mail[-1].number if one.mail else -1
        heard = one.n if one.era == record.era else -1
        said.append(Said(one.region, dropped=one.consumed, consumed=consumed, heard=heard))
    return said


def numbers_of(state: RegionState) -> list[Numbers]:
    """What a state says of its region's neighbours."""
    numbers = []
    for near in state.neighbours:
        dropped = near.outbox[0].number - 1 if near.outbox else near.sent
        heard = near.n if near.era == state.era else 0
        numbers.append(Numbers(near.index, near.sent, dropped, near.taken, heard))
    return numbers


def before(charter: Charter, place: Place) -> list[RegionEnd]:
    """Where each region's archive stands: as the newest manifest of this era says, else where the era began."""
    manifest = place.manifest
    if manifest is not None and manifest.era == charter.era:
        return manifest.regions
    ends = []
    for index, seat in enumerate(charter.seats):
        n, head = 0, b64(genesis_hash(unb64(seat.process)))
        old = manifest.regions[index] if manifest is not None else None
        if charter.cut is not None:
            n, head = charter.cut[index].n, charter.cut[index].hash
        neighbours = [Numbers(near) for near in charter.neighbours(index)]
        if old is not None:
            neighbours = [Numbers(one.index, one.sent, one.dropped, one.consumed, 0) for one in old.neighbours]
        ends.append(
            RegionEnd(
                process=seat.process,
                snapshot=None,
                snapshot_n=0,
                snapshot_before=0,
                segments=[],
                first=n + 1,
                end=n,
                end_hash=head,
                hashed_n=0,
                state_hash="0" * 64,
                told=old.told if old is not None else 0,
                neighbours=neighbours,
            )
        )
    return ends


@dataclass
class _Maker:
    key: Ed25519Key
    charter: Charter
    kit: Kit
    items: list[DataItem] = field(default_factory=list)

    def add(self, item: DataItem) -> str:
        self.items.append(item)
        return b64(item.id)

    def region(self, old: RegionEnd, part: Regional) -> RegionEnd:
        """One region's segments and snapshot, and its line of the manifest."""
        state = part.region.state
        whose = Whose(self.charter.world, old.process, b64(state.module))
        runs = list(old.segments)
        previous, n = unb64(old.end_hash), old.end + 1
        for records in _runs(part.records):
            made = segment.make(state.era, n, previous, records)
            runs.append(Run(self.add(segment.sign(self.key, whose, made)), made.first, made.last))
            previous, n = made.last_hash, made.last + 1
        kept, kept_n, kept_before = old.snapshot, old.snapshot_n, old.snapshot_before
        new = part.snapshot
        if new is not None and (kept is None or new.n > kept_n):
            kept, kept_n, kept_before = self.add(snapshot.sign(self.key, whose, new)), new.n, kept_n
        return RegionEnd(
            process=old.process,
            snapshot=kept,
            snapshot_n=kept_n,
            snapshot_before=kept_before,
            segments=[run for run in runs if run.last > kept_n or run.first > old.end],
            first=old.end + 1,
            end=state.n,
            end_hash=b64(part.region.head),
            hashed_n=state.n - state.n % SPAN,
            state_hash=part.region.digest().hex(),
            told=max([old.told, *(one.number for one in part.told)]),
            neighbours=numbers_of(state),
        )

    def asset(self, one: Holding, number: int) -> AssetFiled:
        """An asset's picture and metadata, filed by checkpoint `number`."""
        where = Where(self.charter.world, self.charter.era, number)
        face = self.kit.face(one.asset, one.kind, one.traits)
        picture = assets.sign_picture(self.key, where, face)
        words = self.kit.metadata(self.charter.world, one.asset, one.kind, one.traits, assets.image_uri(picture))
        self.add(picture)
        metadata = self.add(assets.sign_metadata(self.key, where, face, words))
        return AssetFiled(asset_name(one.asset), metadata, b64(picture.id))


def file_checkpoint(
    key: Ed25519Key,
    charter: Charter,
    charter_id: str,
    kit: Kit,
    place: Place,
    number: int,
    ordered: int,
    full: bool,
    parts: Mapping[int, Regional],
) -> Filing:
    """Make checkpoint `number`. `parts` by partition index, every region of the charter."""
    maker = _Maker(key, charter, kit)
    world, era = charter.world, charter.era
    olds = before(charter, place)
    ends = [maker.region(old, parts[index]) for index, old in enumerate(olds)]
    held = held_at({index: part.region for index, part in parts.items()}, ends, kit)
    filed = [
        maker.asset(one, number)
        for _, one in sorted(held, key=lambda pair: pair[1].asset)
        if one.asset not in place.filed
    ]
    collection = place.collected.adding(filed)
    if collection.due:
        collection = collection.made(maker.add(assets.sign_collection(key, world, era, number, collection.ids)))
    before_that = place.manifest.assets_before if place.manifest is not None else None
    if place.manifest is not None and place.manifest.assets:
        before_that = place.manifest_id
    for item in left(parts[0].records):
        maker.add(item)
    rows = [Held(one.asset, one.holder, index) for index, one in held]
    table = maker.add(assets.sign_table(key, world, era, number, rows))
    lines = [kit.line(index, told) for index, part in sorted(parts.items()) for told in part.told]
    story = maker.add(chronicle.sign(key, world, era, number, lines)) if lines else None
    hashes = [(unb64(end.process), end.end, bytes.fromhex(end.state_hash)) for end in ends]
    manifest = Manifest(
        format=checkpoint.FORMAT,
        world=world,
        era=era,
        number=number,
        charter=charter_id,
        module=charter.module,
        roster=parts[0].region.state.roster,
        previous=place.manifest_id,
        whole=number if full or place.manifest is None or place.manifest.era != era else place.manifest.whole,
        ordered=ordered,
        time_ms=min(part.region.state.time_ms for index, part in parts.items() if index),
        regions=ends,
        assets=filed,
        assets_before=before_that,
        collection=collection.item,
        table=table,
        chronicle=story,
        state_hash=checkpoint.state_hash(hashes).hex(),
    )
    checkpoint.decode(checkpoint.encode(manifest))  # what no reader would take is never signed
    maker.add(checkpoint.sign(key, manifest))
    return Filing(manifest, maker.items, place.filed | {one.asset for _, one in held}, collection)


def left(records: Sequence[bytes]) -> Iterator[DataItem]:
    """The items by which assets left the world, in records of the world's own process: now they may be shown."""
    for raw in records:
        for heard in decode(raw).heard:
            for mail in heard.mail:
                body = letters.decode_body(mail) if mail.kind == letters.LEFT else None
                if isinstance(body, Left) and body.item:
                    yield parse_item(body.item)


def held_at(regions: Mapping[int, Region], ends: Sequence[RegionEnd], kit: Kit) -> list[tuple[int, Holding]]:
    """Every asset at a cut, once, with the region that has it: what a receiver has consumed is not in flight."""
    consumed = {(index, one.index): one.consumed for index, end in enumerate(ends) for one in end.neighbours}
    found: list[tuple[int, Holding]] = []
    for index, region in sorted(regions.items()):
        for one in kit.holdings(region):
            if one.mail is None or one.mail[1] > consumed.get((one.mail[0], index), 0):
                found.append((index, one))
    return found


def _runs(records: Sequence[bytes]) -> list[Sequence[bytes]]:
    runs: list[Sequence[bytes]] = []
    start, size = 0, 0
    for place, raw in enumerate(records):
        if place > start and (size + len(raw) > SEGMENT_BYTES or place - start >= SEGMENT_RECORDS):
            runs.append(records[start:place])
            start, size = place, 0
        size += len(raw)
    return [*runs, records[start:]] if records else runs

"""Re-executes a world's history and judges it: the `Replay` that `archive.verify` is handed.

Every record goes through the fold that made it (the kit's: an era may have rules of its own); every signature in it is
checked (`evidence`); what a region says it heard of another is held against what that other one did (`overheard`). A
signature or cross-check that fails is not reported at once but after the next state hash has held: history that was
executed wrongly is called diverged, history that was executed rightly, but on inputs that nobody made, is called
forged.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from msgspec.structs import replace

from archive import assets
from archive.assets import Held, Where, asset_name
from archive.checkpoint import Manifest
from archive.cut import violations
from archive.data_item import parse_item
from archive.errors import Damaged, Diverged, Forged
from archive.keys import b64, unb64
from archive.restore import Opening, Regional
from archive.verify import AssetItems, Interval
from regions import errors, poison, region_state
from regions.charter import Charter, read_charter
from regions.collecting import NOTHING, collected
from regions.config import SPAN
from regions.errors import ChainBroken, FoldFailed, RecordError
from regions.evidence import judge, look, node_signed
from regions.filing import held_at, numbers_of
from regions.holdings import Holding, Kit
from regions.letters import WORLD
from regions.overheard import Course, forget_heard, misheard
from regions.record import Head, Order, decode, record_hash
from regions.revive import adopt
from world.units import TICKS_PER_SECOND

KitOf = Callable[[Charter, bytes, bytes], Kit]  # of the charter it begins at, that item's id, the owner's address
HASHES_AT_HAND = 400_000
EVIDENCE_RECORDS = 64  # within which a player has signed what was recorded of it


@dataclass(frozen=True)
class Doubt:
    """A finding, where it was made, and the records whose state hashes must hold before it is reported."""

    index: int
    n: int
    reason: str
    after: tuple[tuple[int, int], ...]


class Auditor:
    """Replays one world. `fetch` gives a charter item's bytes by id; `kit_of` the rules.

    `strange` counts player heads that name a record hash which history does not have: no proof against an owner, as a
    player may sign any bytes, but a player whose own copy shows otherwise has one.
    """

    def __init__(self, fetch: Callable[[str], bytes], kit_of: KitOf) -> None:
        self.fetch, self.kit_of = fetch, kit_of
        self.courses: dict[int, Course] = {}
        self.doubts: list[Doubt] = []
        self.hashes: dict[bytes, None] = {}  # of records, the newest HASHES_AT_HAND
        self.seen: list[bytes] = []  # record hashes that players say they were shown, not yet found
        self.strange = 0
        self.manifests: dict[bytes, Manifest] = {}
        self.filed: dict[int, tuple[int, int]] = {}  # asset: its kind and traits, which nothing changes
        self.collected = NOTHING
        self.assets_before: str | None = None  # the newest checkpoint that filed assets
        self.orders: set[tuple[int, int]] = set()  # (record, the checkpoint it ordered), since the one before
        self.records = 0

    @property
    def world_seconds(self) -> float:
        """Seconds of world time executed, all regions with land together counting once."""
        landed = [course.ticks for index, course in self.courses.items() if index != WORLD]
        return sum(landed) / max(1, len(landed)) / TICKS_PER_SECOND

    # Where history begins.

    def begin(self, opening: Opening) -> None:
        """As `archive.verify.Replay`."""
        module = self.charter.module if self.courses else ""
        charter_id, owner = self._take_charter(opening)
        if not self.courses:
            self.kit = self.kit_of(self.charter, charter_id, owner)
            self.courses = {index: Course(self.kit.genesis(index), 0) for index in range(len(self.charter.seats))}
            return
        self._judge_seen()
        if self.charter.module != module:
            self.kit = self.kit_of(self.charter, charter_id, owner)
        for index, course in self.courses.items():
            try:
                if self.charter.module != module:
                    course.region = region_state.decode(
                        course.region.encode(), self.kit.rules(index), course.region.head
                    )
                adopt(course.region, self.charter, charter_id, owner)
            except RecordError as error:
                raise Damaged(opening.id, str(error), region=str(index), record=course.region.state.n) from None
            course.begin_era()

    def resume(
        self, opening: Opening, manifest: Manifest, parts: Sequence[Regional], known: Mapping[str, Manifest]
    ) -> None:
        """As `archive.verify.Replay`. A snapshot is believed as its node signed it."""
        self.manifests = {unb64(manifest_id): one for manifest_id, one in known.items()}
        charter_id, owner = self._take_charter(opening)
        self.kit = self.kit_of(self.charter, charter_id, owner)
        for index, part in enumerate(parts):
            region = self.kit.genesis(index) if part.snapshot is None else None
            try:
                if part.snapshot is not None:
                    region = region_state.decode(part.snapshot.state, self.kit.rules(index), part.snapshot.head)
            except RecordError as error:
                name = part.end.snapshot or ""
                raise Damaged(name, str(error), region=str(index), record=part.end.snapshot_n) from None
            assert region is not None
            told = region.state.chronicle_next - 1
            state, cut = region.state, self.charter.cut
            opened = cut[index].n if cut is not None else 0
            self.courses[index] = Course(region, state.n, opened, state.term, hashed=state.n, told_number=told)
        for index, part in enumerate(parts):
            for raw in part.records:
                self._apply(index, raw)
            self.courses[index].told_number = part.end.told
            self.courses[index].told.clear()
        self._hear_each_other()
        self.filed = {one.asset: (one.kind, one.traits) for _, one in self._held(manifest)}
        self.collected = collected(lambda item_id: parse_item(self.fetch(item_id)), manifest)
        self.assets_before = [*known][-1] if manifest.assets else manifest.assets_before

    def _take_charter(self, opening: Opening) -> tuple[bytes, bytes]:
        try:
            self.charter, item = read_charter(self.fetch(opening.id))
        except RecordError as error:
            raise Damaged(opening.id, str(error)) from None
        return item.id, sha256(item.owner).digest()

    # What a checkpoint adds.

    def fold(self, interval: Interval) -> None:
        """As `archive.verify.Replay`."""
        self.manifests[unb64(interval.manifest_id)] = interval.manifest
        diverged: list[tuple[Diverged, Sequence[bytes]]] = []
        for index in self.courses:
            try:
                self._fold_region(index, interval)
            except Diverged as error:
                skipped = (error.record or 0) - interval.manifest.regions[index].first
                diverged.append((error, interval.records[index][max(0, skipped) :]))
        if diverged:
            raise self._blamed(diverged)
        self._hear_each_other()
        self._report()
        self._check_ends(interval)
        self._check_assets(interval)

    def _fold_region(self, index: int, interval: Interval) -> None:
        course, due = self.courses[index], interval.snapshots.get(index)
        for raw in [b"", *interval.records[index]]:
            if raw:
                self._apply(index, raw)
            if due is not None and course.region.state.n >= due.n:
                self._check_snapshot(interval, index, due.n, due.state)
                due = None

    def _blamed(self, diverged: list[tuple[Diverged, Sequence[bytes]]]) -> Diverged:
        """The divergence to report. Regions that hear of one that went wrong go wrong with it, as their draws depend on
        what they heard; so where there are several, the one is named in which evidence fails soon after as well."""

        def rank(found: tuple[Diverged, Sequence[bytes]]) -> tuple[bool, int]:
            index = int(found[0].region or 0)
            course = self.courses[index]
            time_ms, hashed = course.region.state.time_ms, course.hashed
            if len(diverged) > 1:
                self._go_on(index, found[1])
            return not any(doubt.index == index and doubt.n > hashed for doubt in self.doubts), time_ms

        return min(diverged, key=rank)[0]

    def _go_on(self, index: int, raws: Sequence[bytes]) -> None:
        """Look for evidence that fails, in a region that has diverged at the first of these records."""
        region = self.courses[index].region
        for raw in raws[:EVIDENCE_RECORDS]:
            try:
                record = decode(raw)
                if record.n > region.state.n:  # else it was folded before it was compared
                    looked = look(region, record)
                    record = replace(record, verdicts=self.kit.fold(region, record))
                    for finding in judge(looked, region, record, self.charter, self.manifests):
                        self.doubts.append(Doubt(index, record.n, finding, ()))
            except (RecordError, FoldFailed):
                return
            region.head = record_hash(raw)

    def finish(self) -> None:
        """As `archive.verify.Replay`."""
        self._judge_seen()
        self._report(everything=True)

    def _apply(self, index: int, raw: bytes) -> None:
        course = self.courses[index]
        region, n = course.region, course.region.state.n + 1
        try:
            record = decode(raw)
        except RecordError as error:
            raise Damaged(f"record {n}", str(error), region=str(index), record=n) from None
        looked = look(region, record)
        if poison.marked(record):
            before = region.encode()
            pretext = poison.unproved(region, record, self.kit.fold)
            looked.findings += [pretext] if pretext else []
            course.region = region = region_state.decode(before, region.rules, region.head)
        try:
            self.kit.apply(region, raw, record)
        except ChainBroken as error:
            raise Damaged(f"record {n}", str(error), region=str(index), record=n) from None
        except (errors.Diverged, FoldFailed) as error:
            raise Diverged(f"record {n}", str(error), region=str(index), record=n) from None
        except RecordError as error:
            kind = Diverged if node_signed(region, record) else Forged
            raise kind(f"record {n}", str(error), region=str(index), record=n) from None
        for finding in judge(looked, region, record, self.charter, self.manifests):
            self.doubts.append(Doubt(index, n, finding, ((index, n),)))
        course.note(record)
        self.records += 1
        self.hashes[region.head] = None
        if len(self.hashes) > HASHES_AT_HAND:
            del self.hashes[next(iter(self.hashes))]
        if index == WORLD:
            for said, verdict in zip(record.inputs, record.verdicts):
                if isinstance(said, Order) and not verdict:
                    self.orders.add((n, said.number))
        if record.inputs:
            self.seen += [said.seen for said in record.inputs if type(said) is Head and said.seen]

    # What is judged later.

    def _hear_each_other(self) -> None:
        for index, course in self.courses.items():
            for n, heard in course.heard:
                sender = self.courses.get(heard.region)
                wrong = misheard(index, heard, sender, course.region) if sender is not None else "no such region"
                if wrong:
                    reason = f"the letter of region {heard.region}, record {heard.n}: {wrong}"
                    after = ((index, n), (heard.region, heard.n)) if sender is not None else ((index, n),)
                    self.doubts.append(Doubt(index, n, reason, after))
            course.heard.clear()
        forget_heard(self.courses)
        # A player may see across a border what a cut leaves out there: it comes with the next checkpoint.
        self.seen = [seen for seen in self.seen if seen not in self.hashes]

    def _judge_seen(self) -> None:
        self.strange += len(self.seen)
        self.seen.clear()

    def _report(self, everything: bool = False) -> None:
        """Raise the first doubt whose state hashes have held, or any."""
        for doubt in self.doubts:
            if everything or all(self.courses[index].hashed >= n for index, n in doubt.after):
                raise Forged(f"record {doubt.n}", doubt.reason, region=str(doubt.index), record=doubt.n)

    # What the checkpoint itself says.

    def _check_snapshot(self, interval: Interval, index: int, n: int, state: bytes) -> None:
        course = self.courses[index]
        expected = course.state_hashes.get(n)
        if expected is None and course.region.state.n == n:
            expected = course.region.digest()
        if expected != (found := sha256(state).digest()):
            name = interval.manifest.regions[index].snapshot or ""
            gives = expected.hex() if expected is not None else "no state hash there"
            raise Diverged(
                name, f"its state hashes to {found.hex()}, the log gives {gives}", region=str(index), record=n
            )

    def _check_ends(self, interval: Interval) -> None:
        manifest = interval.manifest
        for index, course in self.courses.items():
            state, end = course.region.state, manifest.regions[index]
            for what, says, found in (
                ("end", end.end, state.n),
                ("end's hash", end.end_hash, b64(course.region.head)),
                ("state hash", end.state_hash, course.region.digest().hex()),
                ("record of the newest state hash", end.hashed_n, state.n - state.n % SPAN),
                ("key events", end.told, course.newest_told),
                ("numbers of neighbours", end.neighbours, numbers_of(state)),
                ("roster", manifest.roster, state.roster),
            ):
                if says != found:
                    reason = f"{what}: it says {says}, re-execution gives {found}"
                    raise Diverged(interval.manifest_id, reason, region=str(index), record=state.n)
        if manifest.ordered and (manifest.ordered, manifest.number) not in self.orders:
            reason = f"record {manifest.ordered} of the world's process did not order checkpoint {manifest.number}"
            raise Diverged(interval.manifest_id, reason, region=str(WORLD), record=manifest.ordered)
        self.orders.clear()
        broken = violations(manifest.ends(), {index: end.neighbours for index, end in enumerate(manifest.regions)})
        if broken:
            raise Damaged(interval.manifest_id, f"the cut is not consistent: {broken[0]}")
        earliest = min(course.region.state.time_ms for index, course in self.courses.items() if index != WORLD)
        if manifest.time_ms != earliest:
            raise Diverged(interval.manifest_id, f"its time is {manifest.time_ms}, that of its records {earliest}")

    def _held(self, manifest: Manifest) -> list[tuple[int, Holding]]:
        regions = {index: course.region for index, course in self.courses.items()}
        return held_at(regions, manifest.regions, self.kit)

    def _check_assets(self, interval: Interval) -> None:
        manifest = interval.manifest
        if (manifest.module, manifest.assets_before) != (self.charter.module, self.assets_before):
            reason = f"it names Module {manifest.module} and, for assets, checkpoint {manifest.assets_before}"
            raise Diverged(interval.manifest_id, reason)
        self.assets_before = interval.manifest_id if manifest.assets else self.assets_before
        held = self._held(manifest)
        rows = sorted(Held(one.asset, one.holder, index) for index, one in held)
        if rows != list(interval.table):
            reason = f"its {len(interval.table)} rows are not those of the {len(rows)} assets in the states"
            raise Diverged(manifest.table, reason)
        told = [(index, one) for index, course in sorted(self.courses.items()) for one in course.told]
        if [self.kit.line(index, one) for index, one in told] != list(interval.lines):
            reason = f"its {len(interval.lines)} lines are not those of the {len(told)} key events that happened"
            raise Diverged(manifest.chronicle or interval.manifest_id, reason)
        for course in self.courses.values():
            course.told_number = course.newest_told
            course.told.clear()
        new = {one.asset: one for _, one in held if one.asset not in self.filed}
        for index, one in held:
            if self.filed.setdefault(one.asset, (one.kind, one.traits)) != (one.kind, one.traits):
                reason = f"asset {asset_name(one.asset)} was filed with another kind or other traits than it has"
                raise Diverged(interval.manifest_id, reason, region=str(index))
        if [one.filed.asset for one in interval.assets] != [asset_name(asset) for asset in sorted(new)]:
            raise Diverged(interval.manifest_id, f"it files {len(interval.assets)} new assets, {len(new)} were made")
        for items, (_, holding) in zip(interval.assets, sorted(new.items())):
            self._check_asset(manifest, items, holding)
        self._check_collection(manifest)

    def _check_collection(self, manifest: Manifest) -> None:
        expected = self.collected.adding(manifest.assets)
        if not expected.due and manifest.collection == expected.item:
            self.collected = expected
            return
        if not expected.due or manifest.collection in (None, expected.item):
            raise Diverged(manifest.world, f"checkpoint {manifest.number} names collection {manifest.collection}")
        assert manifest.collection is not None
        item = parse_item(self.fetch(manifest.collection))
        if b64(item.owner) not in self.charter.nodes:
            raise Forged(manifest.collection, f"signed by {item.address}, which is no node of the roster")
        tags = assets.collection_tags(manifest.world, manifest.era, manifest.number)
        if item.data != assets.encode_collection(manifest.world, expected.ids) or list(item.tags) != tags:
            raise Diverged(manifest.collection, f"it is not the list of the {len(expected.ids)} assets that were filed")
        self.collected = expected.made(manifest.collection)

    def _check_asset(self, manifest: Manifest, items: AssetItems, one: Holding) -> None:
        face = self.kit.face(one.asset, one.kind, one.traits)
        uri = assets.image_uri(items.picture)
        where = Where(manifest.world, manifest.era, manifest.number)
        words = self.kit.metadata(manifest.world, one.asset, one.kind, one.traits, uri)
        for item, data, tags in (
            (items.picture, face.picture, assets.picture_tags(where, face)),
            (items.metadata, words, assets.metadata_tags(where, face)),
        ):
            if item.data != data or list(item.tags) != tags:
                raise Diverged(b64(item.id), f"it is not what the traits of asset {asset_name(one.asset)} give")

"""Opens a new era from what the archive holds: states at a cut, a charter that names them, and where regions begin.

Pure but for the store that is read: what must be put (`Revived.items`, the charter last) is put and read back by the
caller before anything else exists; then the snapshots are written, and the regions' processes find them. The world goes
on as itself only under its owner's key; under another key it gets new ids, and the charter names what it came from.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from archive import checkpoint, restore
from archive.checkpoint import Manifest
from archive.cut import violations
from archive.data_item import DataItem, sign_item
from archive.errors import ArchiveError, Damaged, Diverged, Missing
from archive.keys import Ed25519Key, RsaKey, b64, unb64
from archive.restore import Opening, Regional, fetch
from archive.snapshot import Snapshot, encode_file
from archive.stores import Store
from regions import assignments, compute, founding, region_state
from regions.charter import Charter, Cut, Seats, read_charter, sign_charter
from regions.errors import FoldFailed, RecordError
from regions.filing import numbers_of
from regions.holdings import Kit
from regions.letters import WORLD
from regions.region_state import Region
from regions.world_process import WorldRules


@dataclass(frozen=True)
class Found:
    """A checkpoint in a store: the newest opening of its world, the manifest, the charter the manifest was made under
    with its item's id, and the owner's address."""

    opening: Opening
    manifest_id: str
    manifest: Manifest
    charter: Charter
    charter_id: bytes
    owner: bytes


@dataclass(frozen=True)
class Revived:
    """A new era, ready to begin. `snapshots` are (record, file bytes) by partition index; `state_hash` is that of the
    states at the cut, before the era opened."""

    charter: Charter
    charter_item: DataItem
    items: list[DataItem]
    snapshots: dict[int, tuple[int, bytes]]
    checkpoint: int
    manifest_id: str
    state_hash: bytes


def opening_of(raw: bytes) -> Opening:
    """A charter item as the archive's readers want it. Raises RecordError."""
    charter, item = read_charter(raw)
    cut = tuple((one.n, unb64(one.hash)) for one in charter.cut) if charter.cut is not None else None
    return Opening(
        id=b64(item.id),
        world=charter.world,
        era=charter.era,
        owner=hashlib.sha256(item.owner).digest(),
        nodes=tuple(unb64(node) for node in charter.nodes),
        regions=tuple(seat.process for seat in charter.seats),
        checkpoint=charter.checkpoint,
        cut=cut,
        named_before=charter.named_before,
    )


def later_era(store: Store, opening: Opening) -> int:
    """The later era of a world that its owner opened, as far as a store knows; 0: none. Raises ArchiveError."""
    tags = {"Type": restore.CHARTER, "World": opening.world, "Era": str(opening.era + 1)}
    if not any(True for _ in restore.search(store, tags)):
        return 0
    found = restore.openings(store, opening_of, opening.world, opening.owner)
    return found[0].era if found and found[0].era > opening.era else 0


def address_of(owner: RsaKey) -> bytes:
    """What a world knows its owner by: SHA-256 of the public key."""
    return hashlib.sha256(owner.public).digest()


def which_world(store: Store, which: str) -> tuple[str | None, str | None]:
    """What a person named: (world id, manifest id), either None where nothing was said. Raises ArchiveError."""
    chosen = _manifest_named(store, which) if which else None
    return (chosen[1].world, which) if chosen is not None else (which or None, None)


def find(store: Store, which: str = "", owner: bytes | None = None) -> Found:
    """The newest checkpoint of a world: `which` is the world's id, a manifest's, or empty if the store has one world.

    `owner` is the address that must have signed its charters. Raises ArchiveError.
    """
    chosen = _manifest_named(store, which) if which else None
    world = chosen[1].world if chosen is not None else which or None
    opening = restore.newest_opening(store, opening_of, world, owner)
    found = chosen or restore.newest_manifest(store, opening)
    if found is None and opening.checkpoint is not None:
        found = opening.checkpoint, checkpoint.read_item(fetch(store, opening.checkpoint))
    if found is None:
        raise Missing(
            opening.world, f"era {opening.era} has no checkpoint in this store, so there is nothing to restore"
        )
    manifest_id, manifest = found
    charter_item = fetch(store, manifest.charter)
    try:
        charter, item = read_charter(charter_item.raw)
    except RecordError as error:
        raise Damaged(manifest.charter, str(error)) from None
    address = hashlib.sha256(item.owner).digest()
    if manifest.world == opening.world and address != opening.owner:
        raise Damaged(manifest.charter, "not signed by the world's owner")
    fetch(store, manifest_id, [unb64(node) for node in charter.nodes])
    return Found(opening, manifest_id, manifest, charter, item.id, address)


def _manifest_named(store: Store, which: str) -> tuple[str, Manifest] | None:
    item = fetch(store, which)
    return (which, checkpoint.read_item(item)) if item.tag("Type") == checkpoint.TYPE else None


def load(store: Store, found: Found, kit: Kit) -> list[Region]:
    """Every region's state at a checkpoint's cut, by partition index, held against the manifest and law 8.

    Raises ArchiveError, naming the object, the region and the record.
    """
    nodes = [unb64(node) for node in found.charter.nodes]
    regions: list[Region] = []
    for index in range(len(found.charter.seats)):
        part = restore.load_region(store, found.manifest, index, nodes)
        regions.append(rebuild(part, kit, index, found))
    restore.check_state_hashes(found.manifest, [region.digest() for region in regions])
    broken = violations(found.manifest.ends(), {index: numbers_of(one.state) for index, one in enumerate(regions)})
    if broken:
        raise Damaged(found.manifest_id, f"the cut is not consistent: {broken[0]}")
    return regions


def rebuild(part: Regional, kit: Kit, index: int, found: Found) -> Region:
    """One region's state from its snapshot and the records after it. Raises ArchiveError."""
    where, n = f"region {index}", part.end.snapshot_n
    try:
        if part.snapshot is not None:
            region = region_state.decode(part.snapshot.state, kit.rules(index), part.snapshot.head)
        else:
            region = kit.genesis(index)
        state = region.state
        who = (state.world, state.region, state.index, state.era, state.era_item, state.n)
        expected = (unb64(found.charter.world), unb64(part.process), index, found.charter.era, found.charter_id, n)
        if who != expected:
            raise Damaged(part.end.snapshot or where, "the state of another region, era or record", record=n)
        for raw in part.records:
            n += 1
            compute.apply(region, raw)
    except (RecordError, FoldFailed) as error:
        raise Diverged(where, str(error), region=str(index), record=n) from None
    if (region.state.n, region.head) != (part.end.end, unb64(part.end.end_hash)):
        reason = f"the records lead to {region.state.n}, {b64(region.head)}; the manifest says {part.end.end_hash}"
        raise Damaged(found.manifest_id, reason, region=str(index), record=part.end.end)
    return region


def adopt(region: Region, charter: Charter, charter_id: bytes, owner: bytes) -> None:
    """Open the era of a charter on a state at its cut, in place; a new world's charter gives it its new ids first.

    The auditor does the same, so that history can be followed from era to era. Raises RecordError.
    """
    state = region.state
    seat = charter.seats[state.index]
    if charter.cut is None or (charter.cut[state.index].n, unb64(charter.cut[state.index].hash)) != (
        state.n,
        region.head,
    ):
        raise RecordError(
            f"the charter of era {charter.era} does not begin at record {state.n} of region {state.index}"
        )
    if unb64(charter.world) != state.world:
        state.world, state.region, state.owner = unb64(charter.world), unb64(seat.process), owner
        state.assignments = assignments.begin(state.region, unb64(seat.assignment))
        if state.index == WORLD:
            rules = WorldRules()  # through bytes, as an auditor may have no more than these of the bodies
            try:
                registry = rules.decode(region.rules.encode(region.bodies))
            except ValueError as error:
                raise RecordError(str(error)) from None
            registry.regions = [(index, unb64(charter.seats[index].process)) for index, _ in registry.regions]
            region.bodies = region.rules.decode(rules.encode(registry))
    nodes = [unb64(node) for node in charter.nodes]
    compute.open_era(region, charter.era, charter_id, charter.roster, nodes, unb64(charter.module))


def revive(
    store: Store,
    found: Found,
    regions: Sequence[Region],
    owner: RsaKey,
    node: Ed25519Key,
    scheduler: Ed25519Key,
    now_ms: int,
    seal: Callable[[bytes], bytes],
    nodes: Sequence[bytes] = (),
    module: DataItem | None = None,
) -> Revived:
    """Open the next era on states that `load` gave (changed in place), for this node and those with the keys `nodes`.

    `module` is the item of the rules that hold from there on, if others than before; the same owner signed it. `owner`
    is the world's own key, or a new one: then the world gets new ids, and `seal` encrypts the new scheduler's key for
    it; `scheduler` is the world's, or the new world's. Raises ArchiveError for an older checkpoint under the world's
    own key.
    """
    digests = [region.digest() for region in regions]
    state_hash = restore.check_state_hashes(found.manifest, digests)
    same = hashlib.sha256(owner.public).digest() == found.opening.owner
    if same and (newest := find(store, found.opening.world).manifest_id) != found.manifest_id:
        raise ArchiveError(
            found.manifest_id, f"is not the newest checkpoint ({newest}); only a new world may begin there"
        )
    last, _ = read_charter(store.get(found.opening.id))
    charter = replace(
        last,
        era=last.era + 1,
        nodes=[b64(node.public), *map(b64, nodes)],
        roster=last.roster + 1,
        checkpoint=found.manifest_id,
        cut=[Cut(region.state.n, b64(region.head)) for region in regions],
        named_before=None,
        module=b64(module.id) if module is not None else last.module,
    )
    items: list[DataItem] = [module] if module is not None else []
    if not same:
        charter, items = _new_world(store, charter, owner, scheduler, now_ms, seal)  # under the rules it had
    item = sign_charter(owner, charter)
    snapshots: dict[int, tuple[int, bytes]] = {}
    for index, region in enumerate(regions):
        adopt(region, charter, item.id, hashlib.sha256(owner.public).digest())
        opened = Snapshot(charter.era, region.state.n, region.head, region.encode())
        snapshots[index] = (region.state.n, encode_file(opened))
    return Revived(charter, item, [*items, item], snapshots, found.manifest.number, found.manifest_id, state_hash)


def _new_world(
    store: Store, charter: Charter, owner: RsaKey, scheduler: Ed25519Key, now_ms: int, seal: Callable[[bytes], bytes]
) -> tuple[Charter, list[DataItem]]:
    """The same lands under new ids: Process items signed by the new owner, and their first assignments."""
    module, world_map = fetch(store, charter.module), fetch(store, charter.map)
    processes: list[DataItem] = []
    for index, seat in enumerate(charter.seats):
        world = b64(processes[0].id) if processes else ""
        tags = founding.process_tags(module, world_map, scheduler, index, seat.land, world)
        processes.append(sign_item(owner, b"everloom", tags))
    firsts = [assignments.first_assignment(scheduler, process.id, now_ms) for process in processes]
    seats = [
        Seats(b64(process.id), seat.land, b64(first.id))
        for process, seat, first in zip(processes, charter.seats, firsts, strict=True)
    ]
    world = seats[0].process
    sealed_tags = [("Type", "Everloom-Sealed-Key"), ("World", world), ("Encryption", "RSA-OAEP-SHA256")]
    sealed = sign_item(owner, seal(scheduler.seed), sealed_tags)
    renamed = replace(charter, world=world, seats=seats, scheduler=b64(scheduler.public), named_before=charter.world)
    return renamed, [*processes, *firsts, sealed]

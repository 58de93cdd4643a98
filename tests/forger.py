"""A node that cheats as well as it can: it changes history and makes everything that follows from it anew.

The forger has the node's and the scheduler's keys, and the owners' draw links. From a world that was stopped in order
it takes the logs, changes what it is asked to, and writes all of history again: every hash, every signature, what
neighbours heard of one another, segments, snapshots, tables, manifests. What it does not have are players' keys.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from archive.bundle import pack
from archive.checkpoint import Manifest, read_item
from archive.keys import b64, unb64
from archive.restore import fetch, newest_manifest
from archive.snapshot import Snapshot
from archive.stores.memory import MemoryStore
from regions import assignments, compute
from regions.config import MAIL_PER_LETTER, SPAN
from regions.filing import Place, Regional, file_checkpoint
from regions.letters import neighbour
from regions.messages import Letter, letter_message
from regions.record import (
    Confirmed,
    Heard,
    Input,
    Order,
    Record,
    SpanSigned,
    claim_message,
    encode,
    head_message,
    record_hash,
)
from regions.region_state import Region, RegionState, Told
from regions.revive import opening_of
from regions.scheduler import confirmed_message
from tests.archived import Archived
from tests.cluster import NODE, SCHEDULER

Change = Callable[[int, Record], Record]  # (partition index, record as it was) -> as it shall have been


@dataclass
class Retold:
    """One region's history while it is told anew."""

    region: Region
    records: list[Record]  # as they were
    raws: list[bytes] = field(default_factory=list)
    letters: dict[int, dict[int, Letter]] = field(default_factory=dict)  # by record and receiver
    snapshots: dict[int, Snapshot] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)


def retell(world: Archived, change: Change, keep_state_hashes: bool = False) -> MemoryStore:
    """A store in which `world`, in its first era, has the changed history; `keep_state_hashes` leaves the recorded
    state hashes as they were, as one must who cannot execute the rules."""
    store = MemoryStore()
    store.put_bundle(pack(world.founded.items))
    retold = {index: Retold(world.genesis(index), world.records(index)) for index in world.processes}
    place = Place(None, None, frozenset())
    renamed: dict[bytes, Confirmed] = {}
    for manifest_id, manifest in chain(world):
        before = {index: len(one.raws) for index, one in retold.items()}
        _tell_up_to(world, retold, manifest.ends(), change, keep_state_hashes, renamed)
        parts = {}
        for index, one in retold.items():
            end = manifest.regions[index]
            whole = one.snapshots.get(end.snapshot_n) if manifest.full and end.snapshot is not None else None
            records = one.raws[before[index] : end.end]
            parts[index] = Regional(records, one.region, whole, one.told)
            one.told = []
        filing = file_checkpoint(
            NODE,
            world.charter,
            b64(world.charter_item.id),
            world.kit,
            place,
            manifest.number,
            manifest.ordered,
            manifest.full,
            parts,
        )
        place = filing.place
        renamed[unb64(manifest_id)] = _confirmation(world, filing.manifest, filing.manifest_id)
        store.put_bundle(pack(filing.items))
    return store


def chain(world: Archived) -> list[tuple[str, Manifest]]:
    """The manifests of a world's era, oldest first."""
    newest = newest_manifest(world.store, opening_of(world.charter_item.raw))
    found = []
    manifest_id = newest[0] if newest is not None else None
    while manifest_id is not None:
        manifest = read_item(fetch(world.store, manifest_id))
        found.append((manifest_id, manifest))
        manifest_id = manifest.previous
    return found[::-1]


def _confirmation(world: Archived, manifest: Manifest, manifest_id: str) -> Confirmed:
    orders = [said for record in world.records(0) for said in record.inputs if isinstance(said, Order)]
    maker = next((one.maker for one in orders if one.number == manifest.number), bytes(16))
    ends = tuple((unb64(end.process), end.end, end.snapshot_before) for end in manifest.regions)
    said = Confirmed(manifest.number, unb64(manifest_id), maker, ends, NODE.public, bytes(64))
    return replace(said, signature=NODE.sign(confirmed_message(world.world, said)))


def _tell_up_to(
    world: Archived,
    retold: dict[int, Retold],
    ends: dict[int, int],
    change: Change,
    keep_state_hashes: bool,
    renamed: dict[bytes, Confirmed],
) -> None:
    """Write records anew, each after those that it heard of."""
    moved = True
    while moved:
        moved = False
        for index, one in retold.items():
            while len(one.raws) < ends[index]:
                record = one.records[len(one.raws)]
                if any(len(retold[heard.region].raws) < heard.n for heard in record.heard):
                    break
                _write(world, retold, index, change(index, record), keep_state_hashes, renamed)
                moved = True
    assert all(len(one.raws) == ends[index] for index, one in retold.items())


def _write(
    world: Archived,
    retold: dict[int, Retold],
    index: int,
    record: Record,
    keep_state_hashes: bool,
    renamed: dict[bytes, Confirmed],
) -> None:
    one = retold[index]
    region, state = one.region, one.region.state
    record = replace(record, previous=region.head)
    if record.claim is not None:
        message = claim_message(state.region, record.era, record.term, record.n, region.head, record.claim)
        record = replace(record, claim=replace(record.claim, signature=NODE.sign(message)))
    inputs: list[Input] = []
    for said in record.inputs:
        if isinstance(said, SpanSigned):
            inputs.append(assignments.sign_span(SCHEDULER, state, world.processes, said.block_height))
        elif isinstance(said, Confirmed):
            inputs.append(renamed[said.manifest])
        else:
            inputs.append(said)
    written = [(one, retold[one.region].letters.get(one.n)) for one in record.heard]  # none: the forger invented it
    heard = tuple(one if said is None else _heard_anew(state, one, said[index]) for one, said in written)
    record = replace(record, inputs=tuple(inputs), heard=heard)
    known = state.chronicle_next - 1
    folded = compute.fold(region, record)  # of its verdicts those count which say that the rules raised
    state_hash = record.state_hash if keep_state_hashes else folded.state_hash
    head = b""
    if record.n % SPAN == 0:
        message = head_message(state.region, record.era, record.term, record.n, record.previous, state_hash)
        head = NODE.sign(message)
    record = replace(
        record,
        verdicts=folded.verdicts,
        replies=folded.replies,
        sent=folded.sent,
        events=folded.events_hash,
        state_hash=state_hash,
        head=head,
    )
    raw = encode(record)
    region.head = record_hash(raw)
    one.raws.append(raw)
    one.told += [told for told in state.chronicle if told.number > known]
    if record.n % SPAN == 0:
        one.snapshots[record.n] = Snapshot(record.era, record.n, region.head, region.encode())
    one.letters[record.n] = {
        near.index: _letter(world, region, index, near.index, folded.ghosts.get(near.index, b""))
        for near in state.neighbours
    }


def _letter(world: Archived, region: Region, sender: int, receiver: int, ghosts: bytes) -> Letter:
    state = region.state
    near = next(one for one in state.neighbours if one.index == receiver)
    letter = Letter(
        sender=sender,
        era=state.era,
        term=state.term,
        n=state.n,
        hash=region.head,
        consumed=near.taken,
        room=near.granted,
        mail=tuple(near.outbox[:MAIL_PER_LETTER]),
        ghosts=ghosts,
        node=NODE.public,
        signature=b"",
    )
    if not letter.mail:
        return letter
    return replace(letter, signature=NODE.sign(letter_message(world.world, letter, receiver)))


def _heard_anew(state: RegionState, heard: Heard, letter: Letter) -> Heard:
    """All the mail that the letter now brings: in another history other bodies may have crossed before."""
    near = neighbour(state, heard.region)
    taken = tuple(mail for mail in letter.mail if mail.number > near.taken)
    return replace(
        heard, hash=letter.hash, consumed=letter.consumed, room=letter.room, mail=taken, ghosts=letter.ghosts,
        signature=letter.signature,
    )  # fmt: skip

"""Where a region's owner begins: the newest state it can have without the log, and who has seen its log before.

Local snapshot files come first, then the archive, then the founding. What any of them holds is checked against the log
by whoever goes on from it (`regions.process`), so here an unusable one is only passed over, and said.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

from archive.errors import ArchiveError
from archive.keys import b64, unb64
from archive.restore import Opening, load_region, load_snapshot, newest_manifest
from archive.snapshot import Snapshot, decode_file, encode_file
from archive.stores import Store
from regions import record, region_state, revive
from regions.charter import Charter
from regions.errors import RecordError
from regions.filing import Place, before
from regions.holdings import Kit
from regions.region_state import Region
from regions.seat import Witness

WITNESS_RECORDS = 48  # of a neighbour's log that are looked at first for what they have seen of this one
WITNESS_RECORDS_MAX = 512  # at once, further back


def newest_state(
    charter: Charter, charter_id: bytes, kit: Kit, index: int, files: Iterable[tuple[str, bytes]], store: Store
) -> tuple[Region, list[str]]:
    """The newest state of a region in this era; and what was passed over, in words.

    `files` are local snapshot files, newest first, as (name, bytes). Raises ArchiveError, RecordError when there is
    neither a usable file nor anything in the store to begin from.
    """
    problems: list[str] = []
    for name, raw in files:
        try:
            found = decode_file(raw)
            if found.era == charter.era:
                return region_state.decode(found.state, kit.rules(index), found.head), problems
        except (ArchiveError, RecordError) as error:
            problems.append(f"{name}: {error}")
    return _archived(charter, charter_id, kit, index, store), problems


def _archived(charter: Charter, charter_id: bytes, kit: Kit, index: int, store: Store) -> Region:
    """As the newest checkpoint of this era has it; else as the era began."""
    opening = revive.opening_of(store.get(b64(charter_id)))
    newest = newest_manifest(store, opening)
    if newest is not None and newest[1].regions[index].snapshot is not None:
        manifest = newest[1]
        found = load_snapshot(store, manifest, manifest.regions[index], opening.nodes)
        return region_state.decode(found.state, kit.rules(index), found.head)
    if charter.checkpoint is None:
        return kit.genesis(index)
    before = revive.find(store, charter.checkpoint)
    nodes = [unb64(node) for node in before.charter.nodes]
    region = revive.rebuild(load_region(store, before.manifest, index, nodes), kit, index, before)
    revive.adopt(region, charter, charter_id, opening.owner)
    return region


def usable(era: int, files: Iterable[tuple[int, bytes]]) -> list[int]:
    """Of which records local snapshot files (record, bytes) can be read and are of an era."""
    found: list[int] = []
    for n, raw in files:
        with suppress(ArchiveError):
            if decode_file(raw).era == era:
                found.append(n)
    return found


def lacking(
    charter: Charter, charter_id: bytes, kit: Kit, place: Place, local: Mapping[int, Sequence[int]], store: Store
) -> Iterator[tuple[int, int, bytes]]:
    """Local snapshot files (region, record, bytes) that an archivist needs and this machine has not: one of each region
    from before `place`, made of what the archive has. Raises ArchiveError, RecordError."""
    for index, end in enumerate(before(charter, place)):
        if end.end and not any(n <= end.end for n in local[index]):
            region = _archived(charter, charter_id, kit, index, store)
            if region.state.n:
                found = Snapshot(charter.era, region.state.n, region.head, region.encode())
                yield index, region.state.n, encode_file(found)


def windows(first: int, last: int) -> Iterator[tuple[int, int]]:
    """Where in a log of records `first` to `last` to look for witnesses: pairs (first record, how many), newest first.

    The caller stops where it finds some. Of a region that was silent for long its neighbours' newest records tell
    nothing; what is no longer in their logs, their states and the archive's checkpoint cover.
    """
    end, count = last, WITNESS_RECORDS
    while end >= max(first, 1):
        begin = max(first, 1, end - count + 1)
        yield begin, end - begin + 1
        end, count = begin - 1, min(2 * count, WITNESS_RECORDS_MAX)


def heard_by(other: int, index: int, records: Iterable[tuple[int, bytes]]) -> list[Witness]:
    """What records of region `other` have seen of region `index`. Raises RecordError."""
    found: list[Witness] = []
    for n, raw in records:
        for heard in record.decode(raw).heard:
            if heard.region == index:
                found.append(Witness(heard.era, heard.n, heard.hash, f"record {n} of region {other}"))
    return found


def standing(era: int, records: Iterable[tuple[int, bytes]]) -> list[Witness]:
    """What the region's own log has where its state ends: a log that ends there is not folded upon it, and may be
    another."""
    return [Witness(era, n, record.record_hash(raw), "the log itself") for n, raw in records]


def remembered(region: Region, index: int) -> list[Witness]:
    """What a state of another region has seen of region `index`."""
    state = region.state
    where = f"the state of region {state.index} at record {state.n}"
    return [Witness(near.era, near.n, near.hash, where) for near in state.neighbours if near.index == index and near.n]


def filed_witnesses(store: Store, opening: Opening, index: int) -> list[Witness]:
    """What the newest checkpoint of an era has seen of a region. A store that does not answer, or not well, is no
    reason not to serve: the neighbours' logs are witnesses, too."""
    try:
        newest = newest_manifest(store, opening)
    except ArchiveError:
        return []
    if newest is None or newest[1].era != opening.era:
        return []
    end = newest[1].regions[index]
    return [Witness(newest[1].era, end.end, unb64(end.end_hash), f"checkpoint {newest[1].number}")]

"""Finding history in a store that may list anything in any order, hide, swap, or hold strangers' items."""

from collections.abc import Mapping
from hashlib import sha256

import pytest
from msgspec.structs import replace

from archive import checkpoint, restore, segment, snapshot
from archive.checkpoint import RegionEnd, Run
from archive.data_item import DataItem, parse_item, sign_item
from archive.errors import Damaged, Diverged, Forged, Missing
from archive.keys import Ed25519Key, b64
from archive.restore import Opening
from archive.snapshot import Snapshot, Whose
from archive.stores.memory import MemoryStore
from tests.archive.test_golden import digest, manifest

NODE, OWNER, STRANGER = (Ed25519Key(bytes([number]) * 32) for number in (1, 2, 3))
WHOLE = manifest()
WHOSE = Whose(WHOLE.world, WHOLE.regions[1].process, WHOLE.module)


def read(raw: bytes) -> Opening:
    """Charters of these tests: the era in their data, the world in a tag."""
    item = parse_item(raw)
    if not item.data.isdigit():
        raise ValueError("not a charter")
    return Opening(
        id=b64(item.id),
        world=item.tag("World") or "",
        era=int(item.data),
        owner=sha256(item.owner).digest(),
        nodes=(NODE.public,),
        regions=(),
    )


def charter(key: Ed25519Key, era: int, world: str) -> DataItem:
    """A charter item."""
    return sign_item(key, str(era).encode(), [("Type", restore.CHARTER), ("World", world), ("Era", str(era))])


def store_of(*items: DataItem) -> MemoryStore:
    """A store with these items."""
    store = MemoryStore()
    for item in items:
        store.put(item.raw)
    return store


WORLD_ITEM = sign_item(OWNER, b"everloom", [("Type", "Process")])
WORLD = b64(WORLD_ITEM.id)


def test_the_newest_era_is_the_one_with_the_highest_number() -> None:
    third, second, first = (charter(OWNER, era, WORLD) for era in (3, 2, 1))
    store = store_of(WORLD_ITEM, third, first, second)
    assert [one.era for one in restore.openings(store, read)] == [3, 2, 1]
    assert restore.newest_opening(store, read).id == b64(third.id)


def test_only_the_owner_of_the_world_s_process_opens_eras() -> None:
    store = store_of(WORLD_ITEM, charter(OWNER, 1, WORLD), charter(STRANGER, 2, WORLD))
    assert restore.newest_opening(store, read).era == 1
    nonsense = sign_item(OWNER, b"nonsense", [("Type", restore.CHARTER), ("World", WORLD)])
    store.put(nonsense.raw)
    assert restore.newest_opening(store, read, WORLD).era == 1
    with pytest.raises(Missing, match="no charter"):
        restore.newest_opening(store, read, owner=sha256(STRANGER.public).digest())


def test_pages_are_followed_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore, "PAGE", 7)
    made = [sign_item(NODE, bytes([number]), [("Type", "x")]) for number in range(30)]
    store = store_of(*made)
    assert list(restore.search(store, {"Type": "x"})) == [b64(item.id) for item in reversed(made)]
    assert list(restore.search(store, {"Type": "y"})) == []


class Swapping(MemoryStore):
    """A store that hands out one item for another."""

    swapped: dict[str, str]

    def get(self, item_id: str) -> bytes:
        return super().get(getattr(self, "swapped", {}).get(item_id, item_id))


def test_an_item_must_have_the_id_it_was_asked_by_and_an_expected_signer() -> None:
    one, other = (sign_item(NODE, word, []) for word in (b"one", b"other"))
    store = Swapping()
    for item in (one, other):
        store.put(item.raw)
    assert restore.fetch(store, b64(one.id), [NODE.public]) == one
    with pytest.raises(Forged, match="no node of the roster"):
        restore.fetch(store, b64(one.id), [STRANGER.public])
    store.swapped = {b64(one.id): b64(other.id)}
    with pytest.raises(Damaged, match="handed out item"):
        restore.fetch(store, b64(one.id))


class Shuffled(MemoryStore):
    """A store that lists the oldest first."""

    def query(
        self, tags: Mapping[str, str], owner: str | None = None, limit: int = 100, after: str | None = None
    ) -> list[str]:
        if after is not None:
            return []
        return super().query(tags, owner, 10_000)[::-1][:limit]


@pytest.mark.parametrize("store", [MemoryStore(), Shuffled()], ids=["in order", "shuffled"])
def test_the_newest_manifest_is_the_one_with_the_highest_number(store: MemoryStore) -> None:
    opening = Opening(WHOLE.charter, WHOLE.world, WHOLE.era, b"", (NODE.public,), ())
    assert restore.newest_manifest(store, opening) is None
    for number in range(1, 31):
        item = checkpoint.sign(NODE, replace(WHOLE, number=number))
        store.put(item.raw)
    for other in (replace(WHOLE, number=31, era=3), replace(WHOLE, number=31, charter=b64(digest("other")))):
        store.put(checkpoint.sign(NODE, other).raw)
    store.put(checkpoint.sign(STRANGER, replace(WHOLE, number=31)).raw)
    newest = restore.newest_manifest(store, opening)
    assert newest is not None and (newest[0], newest[1].number) == (b64(item.id), 30)
    assert [one.number for _, one in restore.manifests(store, opening)] == list(range(30, 0, -1))
    store.put(checkpoint.sign(NODE, replace(WHOLE, number=30, ordered=1)).raw)
    with pytest.raises(Forged, match="a second manifest of checkpoint 30"):
        restore.newest_manifest(store, opening)


@pytest.mark.parametrize("few", [3, 30], ids=["few out of order", "oldest first"])
def test_a_number_that_was_never_made_hides_no_newer_manifest(few: int) -> None:
    """An archivist that dies between its order and its checkpoint leaves a gap; a gateway lists a block as it likes."""
    opening = Opening(WHOLE.charter, WHOLE.world, WHOLE.era, b"", (NODE.public,), ())
    made = [number for number in range(1, 31) if number not in (12, 13, 25, 29)]
    store = Shuffled() if few > len(made) else MemoryStore()
    for number in [*made[-few:], *made[:-few]] if few < len(made) else made:
        store.put(checkpoint.sign(NODE, replace(WHOLE, number=number)).raw)
    newest = restore.newest_manifest(store, opening)
    assert newest is not None and newest[1].number == 30


# One region.


def records(first: int, last: int, previous: bytes) -> segment.Segment:
    """Records that name the ones before."""
    raws = []
    for n in range(first, last + 1):
        raws.append(b"record %d " % n + previous)
        previous = sha256(raws[-1]).digest()
    return segment.make(WHOLE.era, first, previous if not raws else raws[0][-32:], raws)


def region(end: int = 100) -> tuple[list[DataItem], RegionEnd, list[bytes]]:
    """Segments 60..79, 80..100 and a snapshot at 72."""
    run = records(60, end, digest("before"))
    parts = [
        segment.make(WHOLE.era, 60, digest("before"), run.records[:20]),
        segment.make(WHOLE.era, 80, run.hashes[19], run.records[20:]),
    ]
    shot = Snapshot(WHOLE.era, 72, run.hashes[12], b"state")
    items = [*(segment.sign(NODE, WHOSE, part) for part in parts), snapshot.sign(NODE, WHOSE, shot)]
    found = RegionEnd(
        process=WHOSE.process,
        snapshot=b64(items[2].id),
        snapshot_n=72,
        snapshot_before=0,
        segments=[Run(b64(items[0].id), 60, 79), Run(b64(items[1].id), 80, end)],
        first=60,
        end=end,
        end_hash=b64(run.last_hash),
        hashed_n=96,
        state_hash="0" * 64,
        told=0,
        neighbours=[],
    )
    return items, found, list(run.records)


def load(store: MemoryStore, end: RegionEnd) -> restore.Regional:
    """Region 1 of a manifest with this end."""
    return restore.load_region(store, replace(WHOLE, regions=[WHOLE.regions[0], end]), 1, [NODE.public])


def test_a_region_is_its_snapshot_and_the_records_after_it() -> None:
    items, end, raws = region()
    found = load(store_of(*items), end)
    assert found.snapshot is not None and found.snapshot.n == 72
    assert list(found.records) == raws[13:]


def test_whatever_does_not_join_is_named() -> None:
    items, end, _ = region()
    other_items, other_end, _ = region(99)
    store = store_of(*items, *other_items)
    shot = Snapshot(WHOLE.era, 72, digest("elsewhere"), b"state")
    astray = snapshot.sign(NODE, WHOSE, shot)
    foreign = snapshot.sign(NODE, Whose(WHOSE.world, b64(digest("x")), WHOSE.module), shot)
    forged = snapshot.sign(STRANGER, WHOSE, shot)
    for item in (astray, foreign, forged):
        store.put(item.raw)
    cases = [
        (replace(end, segments=[end.segments[0], replace(other_end.segments[1], last=100)]), Damaged, "holds records"),
        (replace(end, end_hash=b64(digest("x"))), Damaged, "hashes to"),
        (replace(end, snapshot=b64(astray.id)), Damaged, "is in the chain"),
        (replace(end, snapshot=b64(foreign.id)), Damaged, "another region"),
        (replace(end, snapshot=b64(forged.id)), Forged, "no node"),
        (replace(end, snapshot_n=71), Damaged, "another region or record"),
        (replace(end, snapshot=b64(items[0].id)), Damaged, "begins with"),
        (replace(end, segments=[Run(b64(items[2].id), 60, 79), end.segments[1]]), Damaged, "begins with"),
        (replace(end, segments=[Run(b64(digest("none")), 60, 79), end.segments[1]]), Missing, "not among"),
    ]
    for wrong, kind, words in cases:
        with pytest.raises(kind, match=words) as caught:
            load(store, wrong)
        assert caught.value.region == "1"


def test_states_are_held_against_the_manifest() -> None:
    good = digest("state")
    assert restore.check_state_hashes(WHOLE, [good, good]).hex() == WHOLE.state_hash
    with pytest.raises(Diverged) as caught:
        restore.check_state_hashes(WHOLE, [good, digest("other")])
    assert (caught.value.region, caught.value.record) == ("1", 100)

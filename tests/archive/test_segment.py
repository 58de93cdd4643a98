"""Snapshots and segments: what goes in comes out, and no other bytes are taken for one."""

import struct
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive import segment, snapshot
from archive.compression import compress
from archive.data_item import sign_item
from archive.errors import ArchiveError, Damaged
from archive.keys import Ed25519Key, b64
from archive.snapshot import Snapshot, Whose

KEY = Ed25519Key(bytes(range(32)))
WHOSE = Whose(b64(bytes(32)), b64(b"p" * 32), b64(b"m" * 32))
HASH = bytes(range(32))


def chained(bodies: list[bytes], previous: bytes = HASH) -> list[bytes]:
    """Records that each hold the hash of the one before somewhere."""
    records = []
    for body in bodies:
        place = len(body) // 3
        records.append(body[:place] + previous + body[place:])
        previous = sha256(records[-1]).digest()
    return records


@given(bodies=st.lists(st.binary(max_size=200), min_size=1, max_size=40), first=st.integers(1, 2**40))
def test_a_segment_gives_back_whole_records(bodies: list[bytes], first: int) -> None:
    made = segment.make(3, first, HASH, chained(bodies))
    assert segment.decode(segment.encode(made)) == made
    assert made.last == first + len(bodies) - 1
    assert made.last_hash == sha256(made.records[-1]).digest()


@given(bodies=st.lists(st.binary(max_size=60), min_size=1, max_size=10))
def test_records_that_name_no_hash_are_kept_too(bodies: list[bytes]) -> None:
    made = segment.make(1, 1, HASH, bodies)
    assert segment.decode(segment.encode(made)).records == tuple(bodies)


def test_the_previous_hash_is_not_stored_again() -> None:
    draws = [sha256(bytes([number])).digest() * 3 for number in range(100)]
    whole = len(compress(b"".join(chained(draws)), segment.LEVEL))
    assert len(segment.encode(segment.make(1, 1, HASH, chained(draws)))) < whole - 100 * 20


@given(raw=st.binary(max_size=300))
def test_any_bytes_are_refused_by_name(raw: bytes) -> None:
    for decode in (segment.decode, snapshot.decode):
        with pytest.raises(Damaged):
            decode(raw)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_flipped_or_missing_byte_is_noticed(data: st.DataObject) -> None:
    raw = segment.encode(segment.make(1, 5, HASH, chained([b"one", b"two" * 9, b"three"])))
    place = data.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(Damaged):
        segment.decode(raw[:place])
    flipped = bytearray(raw)
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = segment.decode(bytes(flipped))
    except Damaged:
        return
    # The number, the era and the first previous hash stand in the header alone: tags repeat them, and the signature
    # covers both.
    assert found.records == segment.decode(raw).records and 16 <= place < 64


def test_limits_are_held_before_anything_is_allocated() -> None:
    with pytest.raises(ArchiveError, match="0 records"):
        segment.make(1, 1, HASH, [])
    header = struct.pack("<16sIQI32s32s", segment.MAGIC, 1, 1, 2**32 - 1, HASH, HASH)
    with pytest.raises(Damaged, match="4294967295 records"):
        segment.decode(header + compress(b""))
    header = struct.pack("<16sIQI32s32s", segment.MAGIC, 1, 1, 1, HASH, HASH)
    for content in (
        b"",
        b"\xff" * 5,
        struct.pack("<IH", 10, 3),
        struct.pack("<IH", 31, 0),
        struct.pack("<IH", 3, 65535) + b"abcd",
    ):
        with pytest.raises(Damaged):
            segment.decode(header + compress(content))


def test_a_hash_cut_out_elsewhere_is_refused() -> None:
    record = HASH + b"-" + HASH
    header = struct.pack("<16sIQI32s32s", segment.MAGIC, 1, 1, 1, HASH, sha256(record).digest())
    with pytest.raises(Damaged, match="first stands"):
        segment.decode(header + compress(struct.pack("<IH", len(record), 33) + HASH + b"-"))


@pytest.mark.parametrize("kind", ["segment", "snapshot"])
def test_an_item_says_in_its_tags_what_it_holds(kind: str) -> None:
    if kind == "segment":
        made = segment.make(2, 33, HASH, chained([b"a", b"b"]))
        item = segment.sign(KEY, WHOSE, made)
        assert segment.read_item(item) == (WHOSE, made)
        assert (item.tag("First"), item.tag("Last"), item.tag("Last-Hash")) == ("33", "34", b64(made.last_hash))
        read = segment.read_item
    else:
        shot = Snapshot(2, 64, HASH, b"state" * 100)
        item = snapshot.sign(KEY, WHOSE, shot)
        assert snapshot.read_item(item) == (WHOSE, shot)
        assert (item.tag("Record"), item.tag("State-Hash")) == ("64", b64(sha256(shot.state).digest()))
        read = snapshot.read_item
    item.verify()
    assert (item.tag("World"), item.tag("Process"), item.tag("Era")) == (WHOSE.world, WHOSE.process, "2")
    for place, (name, value) in enumerate(item.tags):
        other = value + "1" if value.isdigit() else "x" + value
        tags = [*item.tags[:place], (name, other), *item.tags[place + 1 :]]
        if name in ("World", "Process", "Module"):
            continue  # whose it is only the manifest can say
        with pytest.raises(Damaged, match="tags"):
            read(sign_item(KEY, item.data, tags))
    with pytest.raises(Damaged, match="tags"):
        read(sign_item(KEY, item.data, [*item.tags, ("More", "1")]))


@given(state=st.binary(max_size=2000), n=st.integers(0, 2**63), era=st.integers(1, 2**15))
def test_a_snapshot_gives_back_the_state(state: bytes, n: int, era: int) -> None:
    shot = Snapshot(era, n, HASH, state)
    for level in (snapshot.LEVEL_LOCAL, snapshot.LEVEL_ARCHIVE):
        assert snapshot.decode(snapshot.encode(shot, level)) == shot


def test_a_snapshot_with_another_state_is_refused() -> None:
    raw = snapshot.encode(Snapshot(1, 32, HASH, b"state"))
    other = snapshot.encode(Snapshot(1, 32, HASH, b"stale"))
    with pytest.raises(Damaged, match="its state hashes to") as caught:
        snapshot.decode(raw[:92] + other[92:])
    assert caught.value.record == 32
    for end in range(len(raw)):
        with pytest.raises(Damaged):
            snapshot.decode(raw[:end])
    bomb = raw[:92] + compress(bytes(1 << 20))[:12]
    with pytest.raises(Damaged):
        snapshot.decode(bomb)

"""Bundles agree with the reference vectors; every lie of a header is found before it is believed."""

from contextlib import suppress
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.bundle import BUNDLE_ITEMS_MAX, BUNDLE_TAGS, NESTING_MAX, pack, read_header, unpack, walk
from archive.data_item import DataItem, sign_item
from archive.errors import ArchiveError, Damaged, Forged
from archive.keys import Ed25519Key, b64
from tests.archive.vectors import ARWEAVE, BUNDLE_CASES, NETWORK, check_item, name_of, raw_of
from tests.shared_data import needs_shared

KEY = Ed25519Key(b"\2" * 32)
ITEMS = [sign_item(KEY, b"%d" % number, [("n", str(number))]) for number in range(3)]

# "policy" and "spec-only" cases (duplicate ids, bytes after the last item) are refused, as their `valid` says.
CHOICES = {"badb_duplicate_ids", "badb_trailing_bytes"}


def nest(depth: int) -> bytes:
    """A bundle with `depth` more bundles inside one another, and an ordinary item at each level."""
    if depth == 0:
        return pack(ITEMS)
    return pack([sign_item(KEY, nest(depth - 1), BUNDLE_TAGS), sign_item(KEY, b"level %d" % depth, [])])


@needs_shared
def test_the_vectors_hold_no_choice_that_was_not_made() -> None:
    assert {case["name"] for case in BUNDLE_CASES if "strictness" in case} == CHOICES
    assert len(BUNDLE_CASES) == 16


@needs_shared
@pytest.mark.parametrize("case", [case for case in BUNDLE_CASES if case["valid"]], ids=name_of)
def test_valid_vectors_are_unpacked(case: dict[str, Any]) -> None:
    raw = raw_of(case)
    items = unpack(raw)
    assert [(b64(entry.id), entry.size) for entry in read_header(raw)] == [(h["id"], h["size"]) for h in case["header"]]
    assert [b64(item.id) for item in items] == [item["id"] for item in case["items"]]
    assert pack(items) == raw
    nested = [b64(item.id) for _, item in walk(raw)]
    for ids in case.get("nested_ids", {}).values():
        assert set(ids) <= set(nested)


@needs_shared
@pytest.mark.parametrize("case", [case for case in BUNDLE_CASES if not case["valid"]], ids=name_of)
def test_vectors_that_are_not_valid_are_refused(case: dict[str, Any]) -> None:
    with pytest.raises((Damaged, Forged)):
        unpack(raw_of(case))


@needs_shared
@pytest.mark.parametrize(("name", "expected"), sorted(NETWORK.get("bundles", {}).items()))
def test_bundles_of_the_network(name: str, expected: dict[str, Any]) -> None:
    raw = (ARWEAVE / "bundles" / name).read_bytes()
    assert (len(raw), sha256(raw).hexdigest()) == (expected["size"], expected["sha256"])
    items = unpack(raw)
    assert len(items) == expected["item_count"]
    for entry, item, one in zip(read_header(raw), items, expected["items"], strict=True):
        assert (entry.offset, entry.size) == (one["offset"], one["size"])
        assert entry.offset + entry.size - len(item.data) == one["data_offset"]
        check_item(item, one)


@needs_shared
@pytest.mark.parametrize("name", sorted(NETWORK.get("bundles", {})))
def test_every_flipped_byte_of_a_bundle_is_noticed(name: str) -> None:
    raw = (ARWEAVE / "bundles" / name).read_bytes()
    for position in range(len(raw)):
        changed = bytearray(raw)
        changed[position] ^= 1 << position % 8
        with pytest.raises((Damaged, Forged)):
            unpack(bytes(changed))


@given(st.lists(st.binary(max_size=50), max_size=5, unique=True))
def test_items_come_back_in_order(contents: list[bytes]) -> None:
    items = [sign_item(KEY, content, []) for content in contents]
    assert unpack(pack(items)) == items


def test_every_cut_of_a_bundle_is_noticed() -> None:
    raw = pack(ITEMS)
    for size in range(len(raw)):
        with pytest.raises(Damaged):
            unpack(raw[:size])


@pytest.mark.parametrize(
    ("start", "field", "reason"),
    [
        (0, 1 << 40, "holds 1099511627776 items, limit 10000"),
        (0, 1 << 255, "holds 2\\^255 or more items, limit 10000"),
        (0, 10_000, "a header of 10000 items needs 640032 bytes, there are"),
        (0, 2, "bytes after the last item"),
        (32, 0, "item 0 says it has 0 bytes"),
        (32, 115, "item 0 says it has 115 bytes"),
        (32, 1 << 63, "item 0 says it has 2\\^63 or more bytes"),
        (32, 1 << 255, "item 0 says it has 2\\^255 or more bytes"),
        (96, 60 << 20, "item 1 ends at byte"),
    ],
)
def test_numbers_that_lie_are_refused(start: int, field: int, reason: str) -> None:
    raw = bytearray(pack(ITEMS))
    raw[start : start + 32] = field.to_bytes(32, "little")
    with pytest.raises(Damaged, match=reason):
        unpack(bytes(raw))


def test_an_item_may_come_once() -> None:
    raw = bytearray(pack(ITEMS))
    raw[128:160] = raw[64:96]
    with pytest.raises(Damaged, match="item 1 has the id"):
        unpack(bytes(raw))
    with pytest.raises(ArchiveError, match="some of them twice"):
        pack([ITEMS[0], ITEMS[0]])


def test_a_header_must_know_its_items() -> None:
    raw = bytearray(pack(ITEMS))
    raw[64] ^= 1
    with pytest.raises(Damaged, match="the bundle's header calls it"):
        unpack(bytes(raw), verify=False)


def test_a_forged_item_is_found_unless_nobody_looks() -> None:
    raw = bytearray(pack(ITEMS))
    raw[-1] ^= 1
    assert len(unpack(bytes(raw), verify=False)) == 3
    with pytest.raises(Forged, match=b64(ITEMS[2].id)):
        unpack(bytes(raw))


def test_too_much_is_not_packed() -> None:
    with pytest.raises(ArchiveError, match="10001 items, limit 10000"):
        pack([ITEMS[0]] * (BUNDLE_ITEMS_MAX + 1))
    large = [sign_item(KEY, bytes([n]) * (17 << 20), []) for n in range(4)]
    with pytest.raises(ArchiveError, match="bytes, limit 67108864"):
        pack(large)
    with pytest.raises(Damaged, match="bytes, limit 67108864"):
        unpack(bytes((64 << 20) + 1))


def test_walking_lists_every_level_with_its_path() -> None:
    found = list(walk(nest(NESTING_MAX)))
    assert [len(path) for path, _ in found] == [0, 1, 2, 2, 2, 1, 0]
    ids = {b64(item.id) for _, item in found}
    assert all(set(path) < ids for path, _ in found)
    assert [item.data for path, item in found if len(path) == 2] == [b"0", b"1", b"2"]


def test_walking_stops_below_two_levels() -> None:
    with pytest.raises(Damaged, match="nested deeper than 2"):
        list(walk(nest(NESTING_MAX + 1)))


def test_walking_counts_items_of_all_levels() -> None:
    """Nesting must not multiply the limit: 40 items of one nested bundle of 300 each are 12,040."""
    inner = pack([sign_item(KEY, b"%d" % number, []) for number in range(300)])
    outer = pack([sign_item(KEY, inner, [*BUNDLE_TAGS, ("n", str(number))]) for number in range(40)])
    seen = 0
    with pytest.raises(Damaged, match="items with those nested in bundles, limit 10000"):
        for _ in walk(outer, verify=False):
            seen += 1
    assert seen <= BUNDLE_ITEMS_MAX


def test_a_nested_bundle_that_is_none_is_refused() -> None:
    raw = pack([sign_item(KEY, b"not a bundle", BUNDLE_TAGS)])
    assert len(unpack(raw)) == 1
    with pytest.raises(Damaged, match="cut short: 12 bytes"):
        list(walk(raw))


@given(st.binary(max_size=400))
def test_any_bytes_are_a_bundle_or_refused(raw: bytes) -> None:
    with suppress(ArchiveError):
        assert pack(unpack(raw)) == raw


@settings(max_examples=300)
@given(st.integers(0, 500), st.integers(0, 70), st.binary(max_size=70))
def test_a_bundle_with_a_piece_replaced_is_read_or_refused(start: int, size: int, piece: bytes) -> None:
    raw = bytearray(nest(1))
    raw[start : start + size] = piece
    with suppress(ArchiveError):
        items: list[DataItem] = unpack(bytes(raw), verify=False)
        assert pack(items) == bytes(raw)
        list(walk(bytes(raw)))

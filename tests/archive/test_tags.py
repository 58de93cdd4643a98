"""Tags come back as written, in every encoding Avro allows, and any other bytes are refused with a reason."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archive.errors import ArchiveError, Damaged
from archive.tags import TAG_BYTES_MAX, Tags, decode_tags, encode_tags

words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
pairs = st.lists(st.tuples(words, words), max_size=12)

# One tag a=b: count 1 (zigzag 2), two strings of length 1 (zigzag 2), terminator.
AB = b"\x02\x02a\x02b\x00"


@given(pairs)
def test_tags_come_back_as_written(tags: list[tuple[str, str]]) -> None:
    assert decode_tags(encode_tags(tags), len(tags)) == tuple(tags)


def test_the_bytes_are_avro() -> None:
    assert encode_tags([("a", "b")]) == AB
    assert encode_tags([]) == b""
    assert encode_tags([("a" * 64, "b")])[:3] == b"\x02\x80\x01"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", ()),
        (b"\x00", ()),  # an explicit end, which arbundles signs too
        (b"\x02\x02a\x02b\x02\x02c\x02d\x00", (("a", "b"), ("c", "d"))),  # two blocks
        (b"\x03\x10\x02a\x02b\x02c\x02d\x00", (("a", "b"), ("c", "d"))),  # a block of -2, with its 8 bytes
        (b"\x01\x08\x02a\x02b\x02\x02c\x02d\x00", (("a", "b"), ("c", "d"))),  # -1 with 4 bytes, then 1
        (b"\x82\x00\x02a\x02b\x00", (("a", "b"),)),  # a longer way to write 1
    ],
)
def test_every_form_avro_allows_is_read(raw: bytes, expected: Tags) -> None:
    assert decode_tags(raw, len(expected)) == expected


@pytest.mark.parametrize(
    ("raw", "count", "reason"),
    [
        (b"", 1, "cut short inside a number at byte 0"),
        (AB, 2, "1 tags where the header says 2"),
        (AB, 0, "at least 1 tags where the header says 0"),
        (AB, 129, "129 tags, limit 128"),
        (AB[:-1], 1, "cut short inside a number at byte 5"),
        (AB + b"\x00", 1, "7 bytes of tags, but the array ends at byte 6"),
        (b"\x01\x06\x02a\x02b\x00", 1, "a block says it ends at byte 5, but ends at 6"),
        (b"\x02\x00\x02b\x00", 1, "name of 0 bytes at byte 1, allowed 1 to 1024"),
        (b"\x02\x02a\x00\x00", 1, "value of 0 bytes at byte 3, allowed 1 to 3072"),
        (b"\x02\x09\x02b\x00", 1, "name of -5 bytes at byte 1, allowed 1 to 1024"),
        (b"\x02\x08a\x02b", 1, "name at byte 2 needs 4 bytes, 3 are left"),
        (b"\x02\x02\xff\x02b\x00", 1, "name at byte 2 is not UTF-8"),
        (b"\x02\x06\xed\xa0\x80\x02b\x00", 1, "name at byte 2 is not UTF-8"),  # half of a surrogate pair
        (b"\xff" * 9 + b"\x02", 1, "longer than 64 bits"),
        (b"\xff" * 11, 1, "longer than 64 bits"),
        (b"\x00" * (TAG_BYTES_MAX + 1), 0, "4097 bytes of tags, limit 4096"),
    ],
)
def test_anything_else_is_refused_with_numbers(raw: bytes, count: int, reason: str) -> None:
    with pytest.raises(Damaged, match=reason):
        decode_tags(raw, count)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ([("a", "b")] * 129, "129 tags, limit 128"),
        ([("", "b")], "name of 0 bytes"),
        ([("a", "")], "value of 0 bytes"),
        ([("n" * 1025, "b")], "name of 1025 bytes"),
        ([("a", "v" * 3073)], "value of 3073 bytes"),
        ([("ä" * 513, "b")], "name of 1026 bytes"),
        ([("a", "v" * 3000), ("b", "v" * 1200)], "bytes of tags, limit 4096"),
        ([("\ud800", "b")], "UTF-8"),
    ],
)
def test_tags_beyond_a_limit_are_not_written(tags: list[tuple[str, str]], reason: str) -> None:
    with pytest.raises(ArchiveError, match=reason):
        encode_tags(tags)


def test_tags_at_the_limits_are() -> None:
    for tags in ([("n" * 1024, "v" * 3060)], [("a", "v" * 3072)], [("a", "b")] * 128):
        assert decode_tags(encode_tags(tags), len(tags)) == tuple(tags)


@given(st.binary(max_size=200), st.integers(0, 200))
@example(b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02a\x02b\x00", 1)  # a block of -2^63 bytes
def test_any_bytes_are_read_or_refused(raw: bytes, count: int) -> None:
    with suppress(ArchiveError):
        assert len(decode_tags(raw, count)) == count


@given(pairs, st.data())
def test_a_changed_byte_is_read_or_refused(tags: list[tuple[str, str]], data: st.DataObject) -> None:
    raw = bytearray(encode_tags(tags) or b"\0")
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ArchiveError):
        assert len(decode_tags(bytes(raw), len(tags))) == len(tags)

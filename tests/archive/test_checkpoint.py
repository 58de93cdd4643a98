"""A manifest is taken only if its parts fit one another, and says the same in its tags as in its data."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from archive import checkpoint
from archive.checkpoint import Manifest, RegionEnd, Run
from archive.data_item import sign_item
from archive.errors import Damaged
from archive.keys import Ed25519Key, b64
from tests.archive.test_golden import digest, manifest

KEY = Ed25519Key(bytes(range(32)))


def changed(**region: Any) -> Manifest:
    """The golden manifest with its second region changed."""
    whole = manifest()
    return replace(whole, regions=[whole.regions[0], replace(whole.regions[1], **region)])


def run(first: int, last: int) -> Run:
    """A segment to name."""
    return Run(b64(digest(f"{first}-{last}")), first, last)


def test_a_manifest_comes_back() -> None:
    whole = manifest()
    assert checkpoint.decode(checkpoint.encode(whole)) == whole
    item = checkpoint.sign(KEY, whole)
    assert checkpoint.read_item(item) == whole
    assert whole.full and not replace(whole, whole=3).full
    assert whole.ends() == {0: 40, 1: 100}


@pytest.mark.parametrize(
    "region",
    [
        {"snapshot": None},
        {"snapshot_n": 101},
        {"segments": []},
        {"segments": [run(60, 99)]},
        {"segments": [run(60, 98), run(100, 100)]},
        {"segments": [run(98, 99), run(100, 100)]},
        {"segments": [run(99, 98), run(99, 100)]},
        {"first": 102},
        {"first": 61},
        {"end": 99},
    ],
)
def test_parts_that_do_not_fit_are_refused(region: dict[str, Any]) -> None:
    with pytest.raises(Damaged):
        checkpoint.decode(checkpoint.encode(changed(**region)))


def test_regions_without_new_records_fit() -> None:
    still = changed(first=101, segments=[run(60, 100)])
    assert checkpoint.decode(checkpoint.encode(still)) == still
    at_snapshot = changed(first=101, segments=[], snapshot_n=100)
    assert checkpoint.decode(checkpoint.encode(at_snapshot)) == at_snapshot
    planned_stop = changed(snapshot_n=100)
    assert checkpoint.decode(checkpoint.encode(planned_stop)) == planned_stop


def test_a_state_hash_is_that_of_the_regions() -> None:
    with pytest.raises(Damaged, match="state hash"):
        checkpoint.decode(checkpoint.encode(changed(state_hash="0" * 64)))
    with pytest.raises(Damaged, match="state hash"):
        checkpoint.decode(checkpoint.encode(replace(manifest(), state_hash="0" * 64)))


def test_other_json_of_the_same_manifest_is_refused() -> None:
    raw = checkpoint.encode(manifest())
    words = msgspec.json.decode(raw)
    for other in (msgspec.json.format(raw), raw + b" ", msgspec.json.encode(dict(reversed(list(words.items()))))):
        with pytest.raises(Damaged, match="one form"):
            checkpoint.decode(other)
    with pytest.raises(Damaged, match="not a manifest"):
        checkpoint.decode(raw.replace(b'"format":2', b'"format":1'))
    with pytest.raises(Damaged, match="not a manifest"):
        checkpoint.decode(raw.replace(b'"era":2', b'"era":2,"more":1'))
    for broken in (b"", b"[]", b"[" * 100_000, b"\xff", b"{}"):
        with pytest.raises(Damaged):
            checkpoint.decode(broken)
    with pytest.raises(Damaged, match="limit"):
        checkpoint.decode(bytes(checkpoint.MANIFEST_BYTES_MAX + 1))


def test_tags_that_say_otherwise_are_refused() -> None:
    item = checkpoint.sign(KEY, manifest())
    for place, (name, value) in enumerate(item.tags):
        tags = [*item.tags[:place], (name, value + "0"), *item.tags[place + 1 :]]
        with pytest.raises(Damaged, match="tags"):
            checkpoint.read_item(sign_item(KEY, item.data, tags))


def test_ids_are_43_characters_of_base64url() -> None:
    for process in ("x" * 42, "x" * 44, "=" * 43, "x" * 42 + "\n"):
        with pytest.raises(Damaged):
            checkpoint.decode(checkpoint.encode(changed(process=process)))
    assert RegionEnd.__struct_fields__[0] == "process"

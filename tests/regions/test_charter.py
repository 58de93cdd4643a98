"""The charter: what the owner signs, and what is refused however well it is signed."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.data_item import sign_item
from archive.errors import ArchiveError
from archive.keys import b64
from regions.charter import Charter, Cut, partition, read_charter, sign_charter
from regions.config import REGIONS_MAX
from regions.errors import RecordError
from tests.cluster import OWNER, SCHEDULER, founded, grass, region_owner
from world.units import CHUNK_TILES


def signed(charter: Charter) -> bytes:
    owner: Any = OWNER
    return sign_charter(owner, charter).raw


@pytest.fixture(scope="module")
def charter() -> Charter:
    return founded((128, 128), (2, 2), (0, 0, 0), grass)[0].charter


def test_what_the_owner_signed_is_read_back(charter: Charter) -> None:
    read, item = read_charter(signed(charter), region_owner())
    assert read == charter and item.tag("World") == charter.world and item.tag("Era") == "1"


def test_another_owners_charter_is_refused(charter: Charter) -> None:
    other: Any = SCHEDULER
    with pytest.raises(RecordError, match="not signed by the world's owner"):
        read_charter(sign_charter(other, charter).raw, region_owner())


def test_a_changed_charter_is_refused(charter: Charter) -> None:
    raw = signed(charter)
    with pytest.raises(RecordError, match="not a charter"):
        read_charter(raw.replace(b'"era":1', b'"era":2'))


def seats(charter: Charter, **lands: tuple[int, int, int, int]) -> list[Any]:
    return [
        msgspec.structs.replace(seat, land=lands.get(f"r{index}", seat.land))
        for index, seat in enumerate(charter.seats)
    ]


WRONG: dict[str, Any] = {
    "overlap": lambda c: {"seats": seats(c, r1=(64, 64, 128, 128))},
    "gap": lambda c: {"seats": seats(c, r1=(0, 0, 48, 64))},
    "not whole chunks": lambda c: {"seats": seats(c, r1=(0, 0, 63, 64))},
    "outside": lambda c: {"seats": seats(c, r4=(64, 64, 144, 128))},
    "empty": lambda c: {"seats": seats(c, r1=(16, 0, 16, 64))},
    "another world": lambda c: {"world": c.seats[1].process},
    "no id": lambda c: {"nodes": ["!" * 43]},
    "stray bits": lambda c: {"module": "A" * 42 + "B"},
    "one process twice": lambda c: {"seats": [*c.seats[:4], msgspec.structs.replace(c.seats[4], process=c.world)]},
    "cut without era": lambda c: {"cut": [Cut(1, c.world)] * 5},
    "era without cut": lambda c: {"era": 2},
    "short cut": lambda c: {"era": 2, "checkpoint": c.world, "cut": [Cut(1, c.world)]},
    "no nodes": lambda c: {"nodes": []},
    "era 0": lambda c: {"era": 0},
}


@pytest.mark.parametrize("what", WRONG)
def test_a_charter_that_makes_no_world_is_refused_however_well_signed(charter: Charter, what: str) -> None:
    wrong = msgspec.structs.replace(charter, **WRONG[what](charter))
    with pytest.raises(RecordError):
        read_charter(signed(wrong), region_owner())


def test_a_later_era_names_a_checkpoint_and_a_cut(charter: Charter) -> None:
    cut = [Cut(100 + index, charter.world) for index in range(5)]
    later = msgspec.structs.replace(charter, era=2, checkpoint=charter.module, cut=cut)
    assert read_charter(signed(later), region_owner())[0] == later


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.binary(max_size=400))
def test_any_data_under_a_good_signature_is_a_charter_or_an_error(data: bytes) -> None:
    with pytest.raises(RecordError):
        read_charter(sign_item(OWNER, data, [("Type", "Everloom-Era")]).raw)
    with pytest.raises(RecordError):
        read_charter(data)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 6), st.integers(1, 6))
def test_a_partition_covers_the_map_once_in_whole_chunks(across: int, down: int, columns: int, rows: int) -> None:
    width, height = across * CHUNK_TILES, down * CHUNK_TILES
    if columns > across or rows > down or columns * rows > REGIONS_MAX:
        with pytest.raises(ValueError, match="regions"):
            partition(width, height, columns, rows)
        return
    covered = set()
    for x0, y0, x1, y1 in partition(width, height, columns, rows):
        assert x0 < x1 and y0 < y1
        chunks = {(x, y) for x in range(x0, x1, CHUNK_TILES) for y in range(y0, y1, CHUNK_TILES)}
        assert not chunks & covered
        covered |= chunks
    assert len(covered) == across * down


def test_neighbours_are_mutual_and_corners_count(charter: Charter) -> None:
    assert charter.neighbours(0) == [1, 2, 3, 4]
    assert all(
        charter.neighbours(index) == [0, *(other for other in range(1, 5) if other != index)] for index in range(1, 5)
    )
    row = founded((256, 64), (4, 1), (0, 0, 0), grass)[0].charter
    assert [row.neighbours(index) for index in range(1, 5)] == [[0, 2], [0, 1, 3], [0, 2, 4], [0, 3]]


def test_the_short_name_is_hex_of_the_worlds_id(charter: Charter) -> None:
    assert charter.short == charter.processes()[0].hex()[:12]
    assert b64(charter.processes()[0]) == charter.world
    with pytest.raises(ArchiveError):
        _ = msgspec.structs.replace(charter, world="!").short

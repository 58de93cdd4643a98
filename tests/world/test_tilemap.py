"""The map's arrays, masks and canonical bytes."""

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from world import tilemap
from world.tilemap import (
    BUSH,
    FIELD,
    FLOOR,
    GROUND,
    LISTS,
    MUD,
    NONE,
    POINTS_MAX,
    ROCK,
    TREE,
    WALL,
    WATER,
    TileMap,
    decode,
    encode,
    make_map,
)


def small_map() -> TileMap:
    terrain = np.zeros((20, 30), np.uint8)
    terrain[3, 4] = WATER
    feature = np.zeros((20, 30), np.uint8)
    feature[5, 6] = TREE
    return make_map(terrain, feature, homes=[(1, 2), (3, 4)], fields=[(29, 19)], wolf_spawns=[(0, 0)])


def test_a_map_is_padded_with_wall_to_whole_chunks() -> None:
    made = small_map()
    assert (made.width, made.height) == (32, 32)
    assert (made.terrain[:, 30:] == WALL).all() and (made.terrain[20:] == WALL).all()
    assert made.terrain[3, 4] == WATER and made.feature[5, 6] == TREE
    assert made.homes.tolist() == [[1, 2], [3, 4]] and made.deer_spawns.shape == (0, 2)


def test_a_map_cannot_be_changed_under_those_who_share_it() -> None:
    with pytest.raises(ValueError, match="read-only"):
        small_map().terrain[0, 0] = WALL


def test_masks_say_what_stops_a_body_and_what_stops_sight() -> None:
    terrain = np.array([[GROUND, WATER, MUD, WALL, FLOOR, GROUND, GROUND, GROUND, GROUND]], np.uint8)
    feature = np.array([[NONE, NONE, NONE, NONE, NONE, TREE, BUSH, ROCK, FIELD]], np.uint8)
    assert tilemap.solid(terrain, feature).tolist() == [[0, 1, 0, 1, 0, 1, 0, 1, 0]]
    assert tilemap.opaque(terrain, feature).tolist() == [[0, 0, 0, 1, 0, 1, 0, 1, 0]]


def test_encoding_is_canonical_and_as_documented() -> None:
    made = small_map()
    data = encode(made)
    again = decode(data)
    assert encode(again) == data
    assert (again.terrain == made.terrain).all() and (again.feature == made.feature).all()
    assert all((getattr(again, name) == getattr(made, name)).all() for name in LISTS)
    # The independent reader: plain msgpack and offsets from the docstring.
    assert msgpack.unpackb(data[1 : 1 + data[0]]) == ["everloom-map", 2, 32, 32, [2, 1, 0, 0, 1, 0, 0, 0, 0]]
    body = data[1 + data[0] :]
    assert body[3 * 32 + 4] == WATER and body[32 * 32 + 5 * 32 + 6] == TREE
    assert np.frombuffer(body[2 * 32 * 32 :], "<i4").tolist() == [1, 2, 3, 4, 29, 19, 0, 0]


def test_every_truncation_and_every_flipped_header_bit_is_refused() -> None:
    data = encode(small_map())
    for end in range(len(data)):
        if end < 100 or end % 97 == 0 or end > len(data) - 40:
            with pytest.raises(ValueError, match="map"):
                decode(data[:end])
    with pytest.raises(ValueError, match="needs"):
        decode(data + b"\0")
    for bit in range(8 * (1 + data[0])):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ValueError, match=r"map|expected"):
            decode(bytes(changed))


@given(st.binary(max_size=200))
def test_strange_bytes_raise_value_error_alone(data: bytes) -> None:
    with pytest.raises(ValueError, match="map"):
        decode(data)


def header(*values: object) -> bytes:
    packed = msgpack.packb(list(values))
    return bytes([len(packed)]) + packed


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (header("everloom-map", 1, 8192, 16, [0] * 5), "width is 8192: expected a multiple of 16, 16 to 4096"),
        (header("everloom-map", 1, 16, 17, [0] * 5), "height is 17"),
        (header("everloom-map", 1, -16, 16, [0] * 5), "width is -16"),
        (header("everloom-map", 3, 16, 16, [0] * 5), "version 3"),
        (header("everloom-map", 2, 16, 16, [0] * 7), "9 counts"),
        (header("everloom-map", 2, 16, 16, [0] * 7 + [65, 1]), "table of species"),
        (header("everloom-map", 1, 16, 16, [0] * 4), "5 counts"),
        (header("everloom-map", 1, 16, 16, [0, 0, 0, 0, POINTS_MAX + 1]), "65537"),
        (header("everloom-map", 1, 4096, 4096, [0] * 5), "needs 33554460 bytes"),
        (header("everloom-map", 1, 16.0, 16, [0] * 5), "Expected `int`"),
    ],
)
def test_a_false_header_is_refused_with_its_numbers(data: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        decode(data)


def test_a_header_written_another_way_is_refused() -> None:
    data = encode(small_map())
    longer = data[1 : 1 + data[0]].replace(b"\x02\x20\x20", b"\x02\xcc\x20\x20")
    with pytest.raises(ValueError, match="canonical"):
        decode(bytes([len(longer)]) + longer + data[1 + data[0] :])


def test_what_a_map_may_not_hold() -> None:
    plain = np.zeros((16, 16), np.uint8)
    with pytest.raises(ValueError, match=r"terrain code 9 at \(0, 0\): expected below 7"):
        make_map(plain + 9, plain)
    with pytest.raises(ValueError, match=r"homes has a point at \(16, 0\), off the map of 16 x 16 tiles"):
        make_map(plain, plain, homes=[(16, 0)])
    with pytest.raises(ValueError, match="5000 x 1 tiles: expected 1 to 4096"):
        make_map(np.zeros((1, 5000), np.uint8), np.zeros((1, 5000), np.uint8))
    with pytest.raises(ValueError, match="int64: expected uint8"):
        make_map(plain.astype(np.int64), plain)
    with pytest.raises(ValueError, match="expected two equal"):
        make_map(plain, plain[:8])
    with pytest.raises(ValueError, match="at most 65536"):
        make_map(plain, plain, homes=np.zeros((POINTS_MAX + 1, 2), np.int64))

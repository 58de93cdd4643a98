"""A state's bytes: canonical, strict, and the same state again."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world.lands import flat, flat_map, put, run
from world.actions import Move
from world.borders import add_asset
from world.encoding import decode, digest, encode
from world.generate import generate
from world.genesis import genesis
from world.kinds import PLAYER, VILLAGER
from world.state import OWED_COLUMNS, Counter, State
from world.units import REGION_ROWS


def lived_in() -> State:
    state = genesis(generate(3, 96, 96), (0, 0, 64, 96), [(64, 0, 96, 96)], 0, 2, (40, 40, 10))
    player = put(state, PLAYER, 30.5, 30.5, coins=3)
    state.counters[Counter.COINS_MINTED] += 3
    add_asset(state, 77, player, 1, 5)
    run(state, 30, actions=((player, Move(100, 20)),))
    return state


STATE = lived_in()
BYTES = encode(STATE)


def test_decoding_gives_the_same_state_and_the_same_bytes() -> None:
    again = decode(BYTES)
    assert encode(again) == BYTES and digest(again) == digest(STATE)
    assert (again.rows == STATE.rows).all() and (again.walls == STATE.walls).all()
    assert again.index == STATE.index and again.land == STATE.land and again.borders == STATE.borders
    assert all(run(again, 5)[4].events == out.events for out in run(decode(BYTES), 5)[4:])


def test_only_taken_rows_are_written() -> None:
    state = flat(16, 16)
    empty = len(encode(state))
    put(state, VILLAGER, 8.5, 8.5)
    assert len(encode(state)) < empty + 200


def test_every_truncation_is_refused() -> None:
    for size in [*range(0, 200), *range(200, len(BYTES), 997), len(BYTES) - 1]:
        with pytest.raises(ValueError):
            decode(BYTES[:size])
    with pytest.raises(ValueError):
        decode(BYTES + b"\0")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(BYTES) - 1), st.integers(1, 255))
def test_a_damaged_state_is_refused_or_is_another_state(at: int, flip: int) -> None:
    damaged = bytearray(BYTES)
    damaged[at] ^= flip
    try:
        state = decode(bytes(damaged))
    except ValueError:
        return
    assert encode(state) == bytes(damaged)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=3000))
def test_strange_bytes_are_no_state(data: bytes) -> None:
    with pytest.raises(ValueError):
        decode(data)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, 3),
        (0, 1),
        (1, [0, 0, 0, 96]),
        (1, [0, 0, 65, 5000]),
        (4, [90, 0]),
        (5, [96, 97]),
        (6, REGION_ROWS + 1),
        (7, 10**9),
        (8, OWED_COLUMNS * 10**6),
        (9, -1),
    ],
)
def test_a_header_beyond_its_limits_is_refused_before_anything_is_made(at: int, value: object) -> None:
    size = int.from_bytes(BYTES[:4], "little")
    header = msgspec.msgpack.decode(BYTES[4 : 4 + size])
    header[at] = value
    raw = msgspec.msgpack.encode(header)
    with pytest.raises(ValueError):
        decode(len(raw).to_bytes(4, "little") + raw + BYTES[4 + size :])


def test_a_header_packed_another_way_is_refused() -> None:
    size = int.from_bytes(BYTES[:4], "little")
    longer = BYTES[4 : 4 + size].replace(b"\x9d\x02", b"\x9d\xcc\x02", 1)
    assert len(longer) == size + 1
    with pytest.raises(ValueError, match="shortest"):
        decode(len(longer).to_bytes(4, "little") + longer + BYTES[4 + size :])


def test_two_ways_to_the_same_state_have_the_same_bytes() -> None:
    one, two = (genesis(flat_map(32, 32), (0, 0, 32, 32), [], 0, 1) for _ in range(2))
    kept = put(one, PLAYER, 8.5, 8.5)
    gone = put(one, PLAYER, 12.5, 8.5)
    one.free_row(gone)
    assert put(two, PLAYER, 8.5, 8.5) == kept
    two.counters[Counter.NEXT_ID] += 1
    assert encode(one) == encode(two)

"""Deltas and keyframes: what is shown of a state arrives exactly, and any other bytes are refused whole."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from world.borders import remove
from world.delta import EVENT_BYTES_MAX, encode_key, encode_tick
from world.events import Event, Kind
from world.items import BOW, COAT, SWORD
from world.kinds import DEER, PLAYER
from world.mirror import Mirror
from world.shown import (
    GEAR,
    GEAR_BOW,
    GEAR_COAT,
    GEAR_SWORD,
    LOOK,
    LOOK_DOWN,
    LOOK_LEAVING,
    STEP_X,
    STEP_Y,
    WireRows,
    wire_rows,
)
from world.species import BUILT_IN
from world.state import ARMOUR, DOWN_TICKS, FACING, HEALTH, HOP, KIND, WEAPON, State
from world.state import X as STATE_X
from world.state import Y as STATE_Y

LAND = (32, 16, 80, 48)  # three chunks wide, two high
CHUNKS = 6
GOLDEN = Path(__file__).parents[1] / "golden" / "delta.json"

Op = tuple[str, int, int, int]


def empty_state() -> State:
    terrain = np.zeros((64, 80), np.uint8)
    terrain[20:30, 20:40] = 2
    bare = np.zeros((64, 80), np.uint8)
    return State(LAND, (96, 64), (), (16, 0), terrain, bare, bare.copy(), species=BUILT_IN.copy())


def put(state: State, entity: int, x: int, y: int, kind: int = PLAYER) -> None:
    """Put a body at a place given in wire units."""
    row = state.take_row(entity)
    state.rows[[KIND, STATE_X, STATE_Y, HEALTH], row] = kind, x * 1024 + 7, y * 1024 + 9, 25


def do(state: State, op: Op) -> None:
    name, entity, x, y = op
    row = state.row(entity)
    if name == "put" and row < 0:
        put(state, entity, x, y, PLAYER + entity % 4)
    elif name == "tile":
        state.set_tile(x // 64, y // 64, entity % 5, entity % 3, 0)
    elif row < 0:
        return
    elif name == "die":
        state.free_row(entity)
    elif name == "replace":  # another body takes the very row in the same tick
        state.free_row(entity)
        put(state, entity + 100, x, y) if state.row(entity + 100) < 0 else None
    elif name == "step":
        state.rows[STATE_X, row] += x % 40 * 1024 - 20 * 1024
        state.rows[STATE_Y, row] += y % 40 * 1024 - 20 * 1024
    elif name == "jump":
        state.rows[[STATE_X, STATE_Y], row] = x * 1024, y * 1024
    elif name == "look":
        state.rows[[FACING, HEALTH, DOWN_TICKS], row] = x % 8, y % 90, x & 1
    elif name == "hop":
        state.rows[HOP, row] += x * y
    elif name == "gear":
        state.rows[[WEAPON, ARMOUR], row] = (0, 1 + BOW, 1 + SWORD, 1 + COAT)[x % 4], (0, 1 + COAT)[y % 2]


names = st.sampled_from(["put", "put", "step", "step", "step", "die", "replace", "jump", "look", "hop", "gear", "tile"])
ops = st.tuples(names, st.integers(1, 12), st.integers(31 * 64, 81 * 64), st.integers(15 * 64, 49 * 64))
histories = st.lists(st.lists(ops, max_size=12), min_size=1, max_size=8)


def rows_of(now: WireRows, chunk: int) -> tuple[bytes, bytes]:
    rows = slice(now.starts[chunk], now.starts[chunk + 1])
    return now.ids[rows].tobytes(), now.cols[rows].tobytes()


def held_by(mirror: Mirror, chunk: int) -> tuple[bytes, bytes]:
    k = mirror.held.tolist().index(chunk)
    rows = slice(mirror.starts[k], mirror.starts[k + 1])
    return mirror.ids[rows].tobytes(), mirror.cols[rows].tobytes()


def all_keys(now: WireRows) -> bytes:
    return b"".join(encode_key(now, chunk) for chunk in range(CHUNKS))


def pick(index: np.ndarray, data: bytes, chunks: list[int]) -> tuple[list[int], bytes]:
    taken = [entry for entry in index.tolist() if entry[0] in chunks]
    return [entry[0] for entry in taken], b"".join(data[at : at + size] for _, at, size in taken)


@settings(deadline=None, max_examples=200)
@given(histories, st.sets(st.integers(0, CHUNKS - 1)))
def test_what_is_shown_arrives_exactly(history: list[list[Op]], some: set[int]) -> None:
    state = empty_state()
    before = wire_rows(state)
    whole, part = Mirror(LAND), Mirror(LAND)
    whole.apply(range(CHUNKS), all_keys(before))
    view = sorted(some)
    part.apply(view, b"".join(encode_key(before, chunk) for chunk in view))
    for tick in history:
        for op in tick:
            do(state, op)
        now = wire_rows(state, (), before)
        index, data = encode_tick(before, now)
        whole.apply(index[:, 0], data)
        part.apply(*pick(index, data, view))
        assert whole.ids.tobytes() == now.ids.tobytes()
        assert whole.cols.tobytes() == now.cols.tobytes()
        for chunk in view:
            assert held_by(part, chunk) == rows_of(now, chunk)
        for chunk in range(CHUNKS):
            assert whole.key(chunk) == encode_key(now, chunk)
        late = Mirror(LAND)
        late.apply(range(CHUNKS), b"".join(whole.key(chunk) for chunk in range(CHUNKS)))
        assert late.cols.tobytes() == now.cols.tobytes()
        before = now


def test_an_unchanged_region_says_nothing() -> None:
    state = empty_state()
    put(state, 1, 40 * 64, 20 * 64)
    before = wire_rows(state)
    index, data = encode_tick(before, wire_rows(state, (), before))
    assert len(index) == 0
    assert data == b""


def test_a_steady_walk_costs_a_byte_a_chunk_and_any_walk_less_than_three_a_body() -> None:
    state = empty_state()
    for entity in range(1, 7):
        put(state, entity, 40 * 64 + entity * 40, 20 * 64)
    before = wire_rows(state)
    sizes = []
    for tick in range(6):
        for entity in (1, 2, 3):
            state.rows[STATE_X, state.row(entity)] += 9 * 1024 + (tick > 2) * entity * 700
        now = wire_rows(state, (), before)
        _, data = encode_tick(before, now)
        sizes.append(len(data))
        before = now
    assert sizes[1] == sizes[2] == 1
    assert max(sizes[3:]) <= 5
    assert max(sizes) <= 2 + 3 * 3


def test_a_body_past_the_edge_belongs_to_the_nearest_chunk() -> None:
    state = empty_state()
    put(state, 1, 32 * 64 - 16, 16 * 64 - 16)
    put(state, 2, 80 * 64 + 16, 48 * 64 + 16)
    now = wire_rows(state)
    assert np.diff(now.starts).tolist() == [1, 0, 0, 0, 0, 1]


def test_a_body_in_flight_is_shown_until_it_lives_here_again() -> None:
    state = empty_state()
    put(state, 5, 40 * 64, 20 * 64)
    image = remove(state, 5)
    before = wire_rows(state, [image])
    assert before.ids.tolist() == [5]
    assert before.cols[0, LOOK] & LOOK_LEAVING
    put(state, 5, 41 * 64, 20 * 64)
    state.rows[HOP, state.row(5)] = 2
    now = wire_rows(state, [image], before)
    assert now.ids.tolist() == [5]
    assert now.cols[0, :2].tolist() == [41 * 64, 20 * 64]
    assert not now.cols[0, LOOK] & LOOK_LEAVING


def test_a_long_jump_leaves_no_step_behind() -> None:
    state = empty_state()
    put(state, 1, 40 * 64, 20 * 64)
    before = wire_rows(state)
    state.rows[STATE_X, 0] += 300 * 1024
    now = wire_rows(state, (), before)
    assert now.cols[0, [STEP_X, STEP_Y]].tolist() == [0, 0]


def test_events_are_seen_in_their_chunk() -> None:
    state = empty_state()
    put(state, 1, 33 * 64, 17 * 64)
    put(state, 2, 70 * 64, 17 * 64)
    before = wire_rows(state)
    mirror = Mirror(LAND)
    mirror.apply(range(CHUNKS), all_keys(before))
    said = Event(Kind.SPOKE, 1, text="good morning, 世界")
    events = [
        said,
        Event(Kind.HIT, 1, 2, 7, 18),
        Event(Kind.MINTED, 99, 1, 1, 3),
        Event(Kind.BUILT, 1, 50, 40, 3),
        Event(Kind.DIED, 8, 9, 79, 47),
        Event(Kind.ARRIVED, 1, 1),
        Event(Kind.SPOKE, 777, text="from nowhere"),
    ]
    index, data = encode_tick(before, wire_rows(state, (), before), events)
    seen = mirror.apply(index[:, 0], data)
    assert seen == [(0, said), (0, events[2]), (2, events[1]), (4, events[3]), (5, events[4])]


def test_too_many_events_in_a_chunk_are_cut_short() -> None:
    state = empty_state()
    put(state, 1, 33 * 64, 17 * 64)
    before = wire_rows(state)
    mirror = Mirror(LAND)
    mirror.apply(range(CHUNKS), all_keys(before))
    index, data = encode_tick(
        before, wire_rows(state, (), before), [Event(Kind.SPOKE, 1, text="y" * 120) for _ in range(1000)]
    )
    assert len(data) <= EVENT_BYTES_MAX + 3
    assert 25 <= len(mirror.apply(index[:, 0], data)) < 40


def test_a_receiver_forgets_what_it_no_longer_watches() -> None:
    state = empty_state()
    for entity in range(1, 30):
        put(state, entity, 32 * 64 + entity * 100, 20 * 64 + entity * 50)
    now = wire_rows(state)
    mirror = Mirror(LAND)
    mirror.apply(range(CHUNKS), all_keys(now))
    mirror.keep([1, 4])
    assert mirror.held.tolist() == [1, 4]
    assert sorted(mirror.tiles) == [1, 4]
    assert mirror.key(4) == encode_key(now, 4)
    with pytest.raises(KeyError):
        mirror.key(0)


def lively() -> tuple[WireRows, WireRows, tuple[np.ndarray, bytes]]:
    """Two ticks with every section of the format in the change between them."""
    state = empty_state()
    for entity in range(1, 12):
        put(state, entity, 34 * 64 + entity * 17, 18 * 64 + entity * 11, PLAYER + entity % 4)
    before = wire_rows(state)
    for op in (
        ("die", 3, 0, 0),
        ("replace", 4, 34 * 64, 18 * 64),
        ("put", 200, 35 * 64, 19 * 64),
        ("step", 5, 13, 29),
        ("step", 6, 24, 16),
        ("jump", 7, 36 * 64 + 5, 30 * 64),
        ("jump", 8, 47 * 64, 18 * 64),
        ("look", 9, 3, 11),
        ("look", 10, 6, 40),
        ("hop", 11, 20, 30),
        ("tile", 3, 40 * 64, 20 * 64),
        ("jump", 2, 60 * 64, 20 * 64),
    ):
        do(state, op)
    now = wire_rows(state, (), before)
    events = [Event(Kind.SPOKE, 5, text="hé"), Event(Kind.HIT, 5, 6, 7, 18)]
    return before, now, encode_tick(before, now, events)


def test_golden_bytes() -> None:
    """The wire format is permanent: a change here breaks every client and recorded frame there is."""
    before, now, (index, data) = lively()
    made = {
        "key": encode_key(before, 0).hex(),
        "index": index.tolist(),
        "delta": data.hex(),
        "key_after": encode_key(now, 0).hex(),
    }
    assert made == json.loads(GOLDEN.read_text())


@settings(deadline=None, max_examples=400)
@given(st.binary(max_size=200), st.lists(st.integers(-1, CHUNKS), max_size=4))
def test_any_bytes_apply_or_are_refused_whole(data: bytes, chunks: list[int]) -> None:
    mirror = Mirror(LAND)
    mirror.apply(range(CHUNKS), all_keys(lively()[0]))
    assert refused(mirror, chunks, data) or whole(mirror)


@settings(deadline=None, max_examples=400)
@given(st.integers(0), st.integers(1, 255), st.booleans(), st.booleans())
def test_damaged_bytes_apply_or_are_refused_whole(at: int, flip: int, cut: bool, key: bool) -> None:
    before, now, (index, data) = lively()
    mirror = Mirror(LAND)
    mirror.apply(range(CHUNKS), all_keys(before))
    chunks = index[:, 0]
    if key:
        chunks, data = np.arange(CHUNKS), all_keys(now)
    at %= len(data)
    damaged = data[:at] if cut else data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]
    assert refused(mirror, chunks, damaged) or whole(mirror)


def refused(mirror: Mirror, chunks: object, data: bytes) -> bool:
    """Whether a delta is refused; then nothing of the mirror changed."""
    keys = [mirror.key(chunk) for chunk in range(CHUNKS)]
    try:
        mirror.apply(np.asarray(chunks, np.int32), data)
    except ValueError:
        assert [mirror.key(chunk) for chunk in range(CHUNKS)] == keys
        return True
    return False


def whole(mirror: Mirror) -> bool:
    """Whether a mirror is one that its own keys make again."""
    assert mirror.held.tolist() == list(range(CHUNKS))
    for chunk in range(CHUNKS):
        ids = np.frombuffer(held_by(mirror, chunk)[0], np.int64)
        assert (np.diff(ids) > 0).all()
        again = Mirror(LAND)
        again.apply([chunk], mirror.key(chunk))
        assert held_by(again, chunk) == held_by(mirror, chunk)
    return True


def test_every_truncation_is_refused() -> None:
    before, now, (index, data) = lively()
    mirror = Mirror(LAND)
    for size in range(len(all_keys(now))):
        with pytest.raises(ValueError, match="byte"):
            mirror.apply(range(CHUNKS), all_keys(now)[:size])
    mirror.apply(range(CHUNKS), all_keys(before))
    for size in range(len(data)):
        with pytest.raises(ValueError, match=r"byte|event"):
            mirror.apply(index[:, 0], data[:size])
    mirror.apply(index[:, 0], data)
    assert mirror.key(0) == encode_key(now, 0)


@pytest.mark.parametrize(
    ("chunks", "data", "fault"),
    [
        ([0], b"\x00", "not held"),
        ([6], b"\x80", "outside the land"),
        ([1, 0], b"\x80", "early"),
        ([0], b"\x81", "mixes"),
        ([0], b"\x80\xff\xff\xff\xff\xff\x00", "too large"),
        ([0], b"\x80\xff\xff\xff\x7f", "early"),
        ([0], b"\x80\x00" + b"\xff\x00" * 2, "256"),
        ([0], b"\x80\x00" + b"\xfe\x00" * 2 + b"\x00", "left over"),
        ([0], b"\x80\x01" + bytes(16) + b"\x00" + b"\xfe\x00" * 2, "no kind or no id"),
        (range(7), b"", "the land has 6"),
    ],
)
def test_faults_are_named(chunks: list[int], data: bytes, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Mirror(LAND).apply(chunks, data)


def test_a_wrong_land_or_chunk_is_refused() -> None:
    now = wire_rows(empty_state())
    with pytest.raises(ValueError, match="whole chunks"):
        Mirror((0, 0, 17, 16))
    with pytest.raises(IndexError, match="chunk 6 of a land with 6"):
        encode_key(now, 6)
    with pytest.raises(ValueError, match="land"):
        encode_tick(replace(now, land=(0, 0, 48, 32)), now)


def test_looks() -> None:
    state = empty_state()
    put(state, 1, 40 * 64, 20 * 64, DEER)
    state.rows[[HEALTH, DOWN_TICKS], 0] = 1, 3
    assert wire_rows(state).cols[0, 6] == 1 | LOOK_DOWN


def test_what_a_body_bears_is_shown_to_who_comes_later_and_as_soon_as_it_changes() -> None:
    """And costs a byte of an entry, only for those who bear something."""
    state = empty_state()
    for entity in (1, 2, 3):
        put(state, entity, 40 * 64, 20 * 64)
    bare = len(encode_key(wire_rows(state), 0))
    state.rows[WEAPON, :3] = 1 + SWORD, 1 + BOW, 0
    state.rows[ARMOUR, :3] = 1 + COAT, 0, 0
    before = wire_rows(state)
    assert (before.cols[:, LOOK] >> GEAR).tolist() == [GEAR_SWORD | GEAR_COAT, GEAR_BOW, 0]
    assert len(encode_key(before, 0)) == bare + 2
    mirror = Mirror(LAND)
    mirror.apply(range(CHUNKS), all_keys(before))
    assert mirror.cols.tobytes() == before.cols.tobytes()
    state.rows[WEAPON, :3] = 0, 1 + SWORD, 0  # the first breaks, the second takes another into its hand
    now = wire_rows(state, (), before)
    index, data = encode_tick(before, now)
    mirror.apply(index[:, 0], data)
    assert (mirror.cols[:, LOOK] >> GEAR).tolist() == [GEAR_COAT, GEAR_SWORD, 0]


def test_gear_that_nobody_can_bear_is_refused() -> None:
    state = empty_state()
    put(state, 1, 40 * 64, 20 * 64)
    state.rows[WEAPON, 0] = 1 + SWORD
    key = encode_key(wire_rows(state), 0)
    assert key[10] == GEAR_SWORD
    for gear in (3, 7):
        with pytest.raises(ValueError, match="bears what nobody can"):
            Mirror(LAND).apply([0], key[:10] + bytes([gear]) + key[11:])
    with pytest.raises(ValueError, match="no kind or no id"):
        Mirror(LAND).apply([0], key[:10] + bytes([GEAR_SWORD]) + key[10:])

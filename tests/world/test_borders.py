"""Who crosses a border, what a body's bytes are, and what is seen across."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.world.lands import column, flat, key, place, put, run, two_halves
from world.borders import add_asset, entity_of, image_of, read_image
from world.events import Event, Kind
from world.ghosts import GHOST_BYTES, read_ghosts, show, unpack_ghosts
from world.invariants import check, holdings, holdings_of
from world.kinds import PILE, PLAYER, VILLAGER, WOLF
from world.state import ASSET_HOLDER, COINS, HOP, State, X
from world.tick import Inputs, advance, sleep
from world.units import BORDER_MARGIN, REGION_ROWS, ROWS_RESERVED_PER_NEIGHBOUR, TILE


def cross(west: State, east: State, ticks: int, room: int = 10) -> list[tuple[int, int, bytes]]:
    """Advance both sides, carrying departures over the border."""
    departures = []
    for tick in range(ticks):
        out = advance(west, Inputs(key(tick), open=(room,), ghosts=show(east)))
        departures += out.departures
        advance(east, Inputs(key(tick), arrivals=[image for _, _, image in out.departures], ghosts=out.ghosts))
        check(west)
        check(east)
    return departures


def test_a_walker_crosses_with_all_it_owns_and_keeps_its_pace() -> None:
    west, east = two_halves()
    walker = put(west, PLAYER, 29.5, 10.5, intent_x=127, coins=7, goods_0=3)
    add_asset(west, 99, walker, 1, 12345)
    departures = cross(west, east, 30)
    assert [(neighbour, entity) for neighbour, entity, _ in departures] == [(0, walker)]
    assert west.row(walker) == -1 and west.assets_used == 0
    assert column(east, walker, HOP) == 1 and column(east, walker, COINS) == 7
    assert holdings(east) == (7, [99]) and east.assets[ASSET_HOLDER, 0] == walker
    assert place(east, walker)[0] == pytest.approx(29.5 + 4 * 29 / 20, abs=0.3)


def test_it_leaves_only_when_its_centre_is_past_by_the_margin() -> None:
    west, _ = two_halves()
    margin = BORDER_MARGIN / TILE
    stays, goes = put(west, PLAYER, 31.5, 5.5), put(west, PLAYER, 31.5, 10.5)
    for entity, past in ((stays, margin - 0.001), (goes, margin)):
        west.rows[X, west.row(entity)] = round((32 - 1 / TILE + past) * TILE)
    out = run(west, 1, open=(5,))[0]
    assert [entity for _, entity, _ in out.departures] == [goes]
    assert Event(Kind.LEFT, goes, 1, 0) in out.events
    assert west.row(stays) >= 0


def test_a_closed_border_is_solid() -> None:
    west, _ = two_halves()
    walkers = [put(west, PLAYER, 29.5, 3.5 + 2 * n, intent_x=127, intent_y=10 * n) for n in range(4)]
    assert not any(out.departures for out in run(west, 60))
    check(west)
    for walker in walkers:
        assert 32 < place(west, walker)[0] < 32 + BORDER_MARGIN / TILE
    assert place(west, walkers[3])[1] > 10.5, "it slides along the border"


def test_no_more_leave_than_there_is_room_for_in_the_order_of_rows() -> None:
    west, _ = two_halves()
    walkers = [put(west, PLAYER, 31.5, 3.5 + 2 * n, intent_x=127) for n in range(5)]
    leaving = [entity for out in run(west, 12, open=(2,))[:5] for _, entity, _ in out.departures]
    assert leaving[:2] == walkers[:2]
    for out in run(west, 12, open=(1,)):
        assert len(out.departures) <= 1
    check(west)


def test_npcs_cross_too() -> None:
    west, east = two_halves()
    wolf = put(west, WOLF, 31.9, 10.5, intent_x=127, mode=8, mode_ticks=100)
    cross(west, east, 20)
    assert east.row(wolf) >= 0


def test_arrivals_always_find_a_row_because_births_and_piles_leave_some() -> None:
    west, _ = two_halves()
    while len(west.index) < REGION_ROWS - ROWS_RESERVED_PER_NEIGHBOUR:
        put(west, PILE, 5.5, 5.5, mode_ticks=10)
    with pytest.raises(OverflowError, match="no room for player"):
        advance(west, Inputs(key(1), births=((1 << 60, 0),)))
    donor, _ = two_halves()
    images = []
    for n in range(ROWS_RESERVED_PER_NEIGHBOUR):
        entity = (1 << 50) + n
        put_image = image_of(donor, put(donor, PLAYER, 10.5, 1.5 + n))
        images.append(put_image[:4] + entity.to_bytes(8, "little") + put_image[12:])
    out = advance(west, Inputs(key(2), arrivals=images))
    assert sum(event.kind == Kind.ARRIVED for event in out.events) == ROWS_RESERVED_PER_NEIGHBOUR


def test_sleep_and_waking_change_nothing() -> None:
    state = flat()
    player = put(state, PLAYER, 20.5, 20.5, coins=5, goods_0=4, hop=3)
    add_asset(state, 7, player, 1, 1)
    add_asset(state, 5, player, 1, 2)
    before = image_of(state, player)
    image = sleep(state, player)
    assert state.row(player) == -1 and holdings(state) == (0, [])
    assert entity_of(image) == (player, 3, PLAYER)
    assert holdings_of(image) == (5, [5, 7])
    out = advance(state, Inputs(key(1), arrivals=[image]))
    assert Event(Kind.WOKE, player) in out.events
    assert image_of(state, player) == before


def test_the_same_body_twice_is_refused() -> None:
    state = flat()
    player = put(state, PLAYER, 20.5, 20.5)
    with pytest.raises(ValueError, match="is here already"):
        advance(state, Inputs(key(1), arrivals=[image_of(state, player)]))


def test_an_asset_twice_is_refused() -> None:
    state, other = flat(), flat()
    one, two = put(state, PLAYER, 20.5, 20.5), put(state, PLAYER, 24.5, 20.5)
    add_asset(state, 7, one, 1, 1)
    image = sleep(state, one)
    add_asset(state, 7, two, 1, 1)
    with pytest.raises(ValueError, match="asset 7"):
        advance(state, Inputs(key(1), arrivals=[image]))
    assert len(other.index) == 0


def _image() -> bytes:
    state = flat()
    player = put(state, PLAYER, 20.5, 20.5, coins=5)
    for asset in (4, 9):
        add_asset(state, asset, player, 1, asset)
    return image_of(state, player)


def test_every_truncation_of_an_image_is_refused() -> None:
    image = _image()
    for size in range(len(image)):
        with pytest.raises(ValueError):
            read_image(image[:size])
    with pytest.raises(ValueError):
        read_image(image + b"\0")


@given(st.integers(0, len(_image()) - 1), st.integers(1, 255))
def test_a_damaged_image_is_refused_or_is_another_image(at: int, flip: int) -> None:
    image = bytearray(_image())
    image[at] ^= flip
    try:
        read = read_image(bytes(image))
    except ValueError:
        return
    assert read.entity > 0 and read.columns.min() >= -(2**31)


@given(st.binary(max_size=400))
def test_strange_bytes_are_no_image_and_no_ghosts(data: bytes) -> None:
    with pytest.raises(ValueError):
        read_image(data)
    if data:
        with pytest.raises(ValueError):
            unpack_ghosts(data)


def test_ghosts_are_the_bodies_near_the_border() -> None:
    west, east = two_halves()
    shown = [put(west, kind, x, 10.5 + n, mode_ticks=9) for n, (kind, x) in enumerate([(PLAYER, 31.5), (PILE, 30.1)])]
    put(west, VILLAGER, 29.9, 20.5)
    packed = show(west)
    assert len(packed) == 1 and len(packed[0]) == 2 * GHOST_BYTES
    assert unpack_ghosts(packed[0])["id"].tolist() == shown
    ghosts = read_ghosts(east, packed)
    assert sorted(ghosts.index) == sorted(shown)
    assert show(east) == [b""]


def test_of_two_images_the_higher_hop_wins_and_a_body_here_beats_its_ghost() -> None:
    west, east = two_halves()
    player = put(west, PLAYER, 31.5, 10.5)
    old = show(west)[0]
    west.rows[HOP, west.row(player)] = 4
    new = show(west)[0]
    middle = flat(96, 32, (32, 0, 64, 32), [(0, 0, 32, 32), (64, 0, 96, 32)])
    for order in ((old, new), (new, old)):
        assert read_ghosts(middle, order).table.shape[0] == 1
    assert read_ghosts(middle, (old, new)).table[0, 3] == 1
    assert read_ghosts(middle, (new, old)).table[0, 3] == 0
    west.rows[X, west.row(player)] = round(32.1 * TILE)
    advance(east, Inputs(key(1), arrivals=[sleep(west, player)]))
    assert len(read_ghosts(east, [new]).ids) == 0


def test_a_ghost_off_the_window_is_refused() -> None:
    state = flat(128, 32, (96, 0, 128, 32), [(0, 0, 96, 32)])
    far = flat(128, 32)
    put(far, PLAYER, 10.5, 10.5)
    far.borders, far.border_boxes = ((0, 0, 96, 32),), state.border_boxes
    with pytest.raises(ValueError, match="off the window"):
        read_ghosts(state, show(far))


def test_a_ghost_record_is_laid_out_as_documented() -> None:
    west, _ = two_halves()
    player = put(west, PLAYER, 31.5, 10.25, vx=-3, vy=4, hop=2, facing=6, down_ticks=1)
    expected = player.to_bytes(8, "little")
    words = (round(31.5 * TILE), round(10.25 * TILE), -3, 4, 2)
    expected += b"".join(word.to_bytes(4, "little", signed=True) for word in words)
    assert show(west) == [expected + bytes([PLAYER, 6, 1, 0])]

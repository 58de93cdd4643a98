"""Between ticks the client shows smooth motion, one true image of each body, and its own body without delay."""

import numpy as np
import pytest

from clients.own_body import OwnBody
from clients.view import UNKNOWN, View, printable, short_name
from world.borders import remove
from world.delta import encode_key, encode_tick
from world.events import Event, Kind
from world.kinds import PLAYER, WOLF
from world.mirror import Mirror
from world.movement import velocity
from world.shown import LOOK, LOOK_LEAVING, WireRows, wire_rows
from world.species import SPEED
from world.state import DOWN_TICKS, HEALTH, HOP, KIND, VX, VY, State
from world.state import X as STATE_X
from world.state import Y as STATE_Y
from world.tilemap import GROUND, TREE, WALL, WATER
from world.units import TICK_MS, TILE

WEST, EAST = (0, 0, 32, 32), (32, 0, 64, 32)
SIZE = (64, 32)
ME = 7


def state_of(land: tuple[int, int, int, int]) -> State:
    shape = (SIZE[1], SIZE[0])
    terrain, feature = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    terrain[4:6, 4:9] = WATER
    feature[10, 10] = TREE
    return State(land, SIZE, (), (0, 0), terrain, feature, np.zeros(shape, np.uint8))


def put(state: State, entity: int, x: float, y: float, kind: int = PLAYER) -> int:
    row = state.take_row(entity)
    state.rows[[KIND, STATE_X, STATE_Y, HEALTH], row] = kind, int(x * TILE), int(y * TILE), 50
    return row


class Shower:
    """A region that shows a view every tick, through real deltas."""

    def __init__(self, view: View, state: State, region: int = 1, at_ms: float = 0.0) -> None:
        self.view, self.state, self.region, self.tick, self.now_ms = view, state, region, 100, at_ms
        self.rows: WireRows = wire_rows(state)
        self.mirror = Mirror(state.land)
        chunks = range(len(self.rows.starts) - 1)
        self.mirror.apply(chunks, b"".join(encode_key(self.rows, chunk) for chunk in chunks))
        view.show(self.now_ms, region, self.tick, self.mirror, anew=True)

    def tell(
        self, events: tuple[Event, ...] = (), lead: float = 0.0, late_ms: float = 0.0, leaving: tuple[bytes, ...] = ()
    ) -> None:
        self.tick += 1
        self.now_ms += TICK_MS
        now = wire_rows(self.state, leaving, self.rows)
        index, data = encode_tick(self.rows, now, events)
        seen = self.mirror.apply(index[:, 0], data)
        self.rows = now
        self.view.show(self.now_ms + late_ms, self.region, self.tick, self.mirror, seen, lead=lead)


def place(view: View, entity: int, now_ms: float) -> tuple[float, float]:
    bodies = view.bodies(now_ms)
    (row,) = np.flatnonzero(bodies.ids == entity).tolist()
    return float(bodies.x[row]), float(bodies.y[row])


def test_others_move_smoothly_one_tick_behind() -> None:
    view, state = View(SIZE), state_of(WEST)
    row = put(state, 3, 2.5, 20.5, WOLF)
    shower = Shower(view, state)
    for _ in range(20):
        state.rows[STATE_X, row] += 9 * 1024
        shower.tell(late_ms=0)
    at_now = place(view, 3, shower.now_ms + TICK_MS)[0]
    assert at_now == pytest.approx(state.rows[STATE_X, row] / TILE, abs=0.01)
    steps = np.diff([place(view, 3, shower.now_ms + ms)[0] for ms in range(0, 51, 5)])
    assert steps == pytest.approx(np.full(10, 9 / 640), abs=1e-6)


def test_jitter_is_ironed_out() -> None:
    view, state = View(SIZE), state_of(WEST)
    row = put(state, 3, 2.5, 20.5, WOLF)
    shower = Shower(view, state)
    drawn = []
    for tick in range(60):
        late = (tick * 7 % 5) * 4.0
        state.rows[STATE_X, row] += 9 * 1024
        for ms in range(0, 50, 10):
            if tick > 20:
                drawn.append(place(view, 3, shower.now_ms + late + ms)[0] - (shower.now_ms + late + ms) * 9 / 64 / 50)
        shower.tell(late_ms=late)
    assert max(drawn) - min(drawn) < 0.03


def test_a_body_that_stops_stays_where_it_stopped() -> None:
    view, state = View(SIZE), state_of(WEST)
    row = put(state, 3, 2.5, 20.5, WOLF)
    shower = Shower(view, state)
    for tick in range(8):
        if tick < 4:
            state.rows[STATE_X, row] += 9 * 1024
        shower.tell()
    for ms in (0, 30, 50, 100, 500):
        assert place(view, 3, shower.now_ms + ms)[0] == pytest.approx(state.rows[STATE_X, row] / TILE, abs=0.02)


def test_a_late_frame_lets_bodies_go_on_for_one_tick_only() -> None:
    view, state = View(SIZE), state_of(WEST)
    row = put(state, 3, 2.5, 20.5, WOLF)
    shower = Shower(view, state)
    for _ in range(5):
        state.rows[STATE_X, row] += 9 * 1024
        shower.tell()
    last = state.rows[STATE_X, row] / TILE
    assert place(view, 3, shower.now_ms + 2 * TICK_MS)[0] == pytest.approx(last + 9 / 64, abs=0.02)
    assert place(view, 3, shower.now_ms + 9 * TICK_MS)[0] == pytest.approx(last + 9 / 64, abs=0.02)


def test_of_two_images_the_higher_hop_is_shown_and_of_equals_the_one_that_stays() -> None:
    view, west, east = View(SIZE), state_of(WEST), state_of(EAST)
    row = put(west, 5, 31.9, 8.5)
    there = Shower(view, west, region=1)
    here = Shower(view, east, region=2)
    west.rows[HOP, row] = 3
    image = remove(west, 5)
    put(east, 5, 32.2, 8.5)
    east.rows[HOP, east.row(5)] = 3
    there.tell(leaving=(image,))
    here.tell()
    assert there.mirror.cols[0, LOOK] & LOOK_LEAVING
    assert place(view, 5, here.now_ms + TICK_MS)[0] == pytest.approx(32.2, abs=0.02)
    assert view.find(5) == (int(32.2 * 64), int(8.5 * 64), PLAYER)
    east.rows[HOP, east.row(5)] = 2
    here.tell()
    there.tell(leaving=(image,))
    assert place(view, 5, here.now_ms + TICK_MS)[0] == pytest.approx(31.9, abs=0.02)


def test_tiles_appear_and_change_and_their_chunks_are_to_be_painted_again() -> None:
    view, state = View(SIZE), state_of(WEST)
    assert (view.terrain == UNKNOWN).all()
    shower = Shower(view, state)
    assert view.terrain[5, 5] == WATER
    assert view.feature[10, 10] == TREE
    assert view.blocked[5, 5] == 1
    assert view.blocked[10, 10] == 1
    assert (view.terrain[:, 32:] == UNKNOWN).all()
    before = view.painted.copy()
    state.set_tile(20, 20, WALL, 0, 0)
    shower.tell()
    assert view.terrain[20, 20] == WALL
    assert view.blocked[20, 20] == 1
    assert (view.painted != before).any()
    again = view.painted.copy()
    shower.tell()
    assert (view.painted == again).all()


def test_what_is_said_is_shown_for_a_while_and_cannot_turn_lines_around() -> None:
    view, state = View(SIZE), state_of(WEST)
    put(state, 3, 5.5, 20.5)
    shower = Shower(view, state)
    shower.tell((Event(Kind.SPOKE, 3, text="hi\u202e\nthere\x00"), Event(Kind.HIT, 9, 3, 5, 45)))
    assert view.speech[3][0] == "hithere"
    assert 3 in view.flashes
    assert [happening.event.kind for happening in view.happenings] == [Kind.SPOKE, Kind.HIT]
    view.advance(shower.now_ms + 1_000)
    assert 3 in view.speech
    assert 3 not in view.flashes
    view.advance(shower.now_ms + 60_000)
    assert not view.speech
    for speaker in range(1, 500):
        view._happened(Event(Kind.SPOKE, speaker, text="x"), 0)
    assert len(view.speech) <= 64
    assert len(view.happenings) <= 200


def test_names_are_short_and_differ() -> None:
    names = [short_name(1 << 48 | number) for number in range(1, 1001)]
    assert all(len(name) == 6 for name in names)
    assert len(set(names)) > 990
    assert printable("Grüße, 世界!") == "Grüße, 世界!"


class Server:
    """The rules' walk of one body over open ground, which hears of an intent `delay` ticks after it was given."""

    def __init__(self, state: State, row: int, delay: int) -> None:
        self.state, self.row, self.intents = state, row, [(0, 0)] * delay

    def tick(self, intent: tuple[int, int]) -> None:
        self.intents.append(intent)
        dx, dy = self.intents.pop(0)
        rows, row = self.state.rows, self.row
        vx, vy = velocity(int(rows[VX, row]), int(rows[VY, row]), dx, dy, int(SPEED[PLAYER]), GROUND)
        rows[[VX, VY], row] = vx, vy
        rows[[STATE_X, STATE_Y], row] += np.array([vx, vy], np.int32)


def walk_about(
    delay: int, shoved_at: int = -1, frame_late_ms: tuple[float, ...] = (0.0,)
) -> tuple[list[tuple[float, float]], View, State]:
    """Where the own body was drawn every 10 ms of a walk with turns, the server's answer coming `delay` ticks later."""
    view, state = View(SIZE, ME), state_of(WEST)
    row = put(state, ME, 12.5, 20.5)
    shower = Shower(view, state)
    server = Server(state, row, delay)
    turns = {5: (127, 0), 30: (0, 127), 45: (-127, 0), 70: (0, 0)}
    drawn = []
    for tick in range(100):
        if tick in turns:
            view.own.walk(*turns[tick])
        for ms in range(0, 50, 10):
            now = shower.now_ms + ms
            view.advance(now)
            drawn.append(place(view, ME, now))
        server.tick(view.own.intent)
        if tick == shoved_at:
            state.rows[STATE_Y, row] -= TILE
        shower.tell(lead=float(delay), late_ms=frame_late_ms[tick % len(frame_late_ms)])
    return drawn, view, state


def test_a_body_that_comes_over_a_border_goes_on_smoothly() -> None:
    """Its new region shows it first without a step; it is drawn on its way from where the old one showed it."""
    view, west, east = View(SIZE), state_of(WEST), state_of(EAST)
    row, step = put(west, 3, 31.5, 20.5), 13 * 1024
    near, far = Shower(view, west, 1), Shower(view, east, 2)
    drawn: list[float] = []
    for tick in range(12):
        if tick == 5:  # it takes a step on either side
            x = int(west.rows[STATE_X, row]) + step
            west.rows[STATE_X, row] = x
            image = remove(west, 3)
            row = put(east, 3, (x + step) / TILE, 20.5)
            east.rows[HOP, row] = 1
            near.tell(leaving=(image,))
        elif tick > 5:
            east.rows[STATE_X, row] += step
            near.tell()
        else:
            west.rows[STATE_X, row] += step
            near.tell()
        far.tell()
        drawn += [place(view, 3, near.now_ms + ms)[0] for ms in range(0, 50, 10)]
    assert np.abs(np.diff(drawn)).max() < 1.4 * step / TILE
    assert drawn[-1] > 33.5


def test_own_moves_are_shown_at_once() -> None:
    drawn, _, _ = walk_about(delay=6)
    standing, walking = drawn[5 * 5 - 1], drawn[5 * 5 + 15]
    assert standing == pytest.approx((12.5, 20.5), abs=0.02)
    assert walking[0] > standing[0] + 0.2


@pytest.mark.parametrize("delay", [1, 2, 4, 8])
@pytest.mark.parametrize("late", [(0.0,), (0.0, 18.0, 3.0, 9.0, 24.0)])
def test_own_walk_is_never_pulled_back_and_ends_where_the_server_says(delay: int, late: tuple[float, ...]) -> None:
    drawn, _, state = walk_about(delay, frame_late_ms=late)
    jumps = np.abs(np.diff(np.array(drawn), axis=0)).max()
    assert jumps < 0.11, "full speed is 0.04 tiles in 10 ms"
    row = state.row(ME)
    end = state.rows[STATE_X, row] / TILE, state.rows[STATE_Y, row] / TILE
    assert drawn[-1] == pytest.approx(end, abs=0.05)
    east_way = np.array(drawn)[5 * 5 + 10 : 28 * 5, 0]
    assert (np.diff(east_way) > -0.005).all()


def test_a_shove_is_blended_in() -> None:
    drawn, _, state = walk_about(delay=2, shoved_at=50)
    assert np.abs(np.diff(np.array(drawn), axis=0)).max() < 0.35
    assert drawn[-1][1] == pytest.approx(state.rows[STATE_Y, state.row(ME)] / TILE, abs=0.05)


def test_own_body_stops_at_walls_before_the_server_says_so() -> None:
    view, state = View(SIZE, ME), state_of(WEST)
    put(state, ME, 12.5, 10.5)
    shower = Shower(view, state)
    view.own.walk(-127, 0)
    for ms in range(0, 1500, 10):
        view.advance(shower.now_ms + ms)
    x, y = place(view, ME, shower.now_ms + 1500)
    assert x == pytest.approx(11 + 0.35, abs=0.03)
    assert y == pytest.approx(10.5, abs=0.02)


def test_the_fallen_do_not_walk() -> None:
    view, state = View(SIZE, ME), state_of(WEST)
    row = put(state, ME, 12.5, 20.5)
    shower = Shower(view, state)
    view.own.walk(127, 0)
    state.rows[DOWN_TICKS, row] = 60
    shower.tell()
    view.advance(shower.now_ms + 400)
    assert place(view, ME, shower.now_ms + 400)[0] == pytest.approx(12.5, abs=0.3)
    assert view.own.intent == (0, 0)


def test_a_window_that_slept_starts_from_the_servers_word() -> None:
    own = OwnBody()
    ground, open_land = np.zeros((32, 64), np.uint8), np.zeros((32, 64), np.uint8)
    own.seen(0, 1, 10, (640, 640), (0, 0), 0.0, ground, open_land)
    own.walk(127, 0)
    own.advance(60_000, ground, open_land)
    assert own.at(60_000)[0] < 10.6
    own.seen(60_000, 1, 1210, (1280, 640), (0, 0), 0.0, ground, open_land)
    assert own.at(60_000)[0] == pytest.approx(20.0, abs=0.05)

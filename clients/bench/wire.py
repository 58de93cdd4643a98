"""`everloom bench wire`: the bytes of view frames for each body in them, where all walk, as a gateway makes them.

24 observers stand on the scene of the physics bench, thinned so that what a player is shown holds 444 bodies. Frames
are those of `regions.views`: header, mask, pieces; not counted are the framing of websockets and what is below.
"""

import time
from typing import Any, Final

import numpy as np

from clients.bench.engines import Everloom
from clients.bench.scene import make_scene
from regions.messages import Delta, Keys
from regions.views import RegionView, anchor, rectangle
from world.delta import encode_key, encode_tick
from world.land import hashed
from world.shown import PER_TILE, STEP_X, STEP_Y, wire_rows
from world.state import HEALTH, HOP, Counter, State
from world.tilemap import GROUND, NONE, WALL
from world.units import CHUNK_TILES

SIDE: Final = 256
BODIES: Final = 7104  # 444 in 64 x 64 tiles, which is what a player away from the map's edge is shown
OBSERVERS: Final = 24
WARM_TICKS: Final = 100
TICKS: Final = 200
REACH: Final = 32  # tiles that a view reaches from an observer at most
Row = dict[str, Any]


def wire() -> Row:
    """One row."""
    state = _state()
    engine = Everloom(make_scene(BODIES, SIDE), state.rows[:, :BODIES])
    for _ in range(WARM_TICKS):
        engine.aim()
        engine.tick()
    before, chunks = wire_rows(state), SIDE // CHUNK_TILES
    view = RegionView(1, (0, 0, chunks, chunks), era=1, term=1)
    keys = [encode_key(before, chunk) for chunk in range(chunks * chunks)]
    ends = tuple(np.cumsum([0, *map(len, keys)]).tolist())
    view.keys(Keys(1, 1, 1, 0, 0, 1, tuple(range(chunks * chunks)), ends, b"".join(keys)))
    places = [REACH + hashed(9, salt, np.arange(OBSERVERS), 0) % (SIDE - 2 * REACH) for salt in (1, 2)]
    seen = [
        rectangle(anchor((-9, -9), int(x) * PER_TILE, int(y) * PER_TILE), (0, 0, chunks, chunks))
        for x, y in zip(*places, strict=True)
    ]
    size = shown = moving = 0
    spent = 0.0
    for tick in range(1, TICKS + 1):
        engine.aim()
        engine.tick()
        began = time.thread_time()
        now = wire_rows(state, (), before)
        index, data = encode_tick(before, now)
        spent += time.thread_time() - began
        before = now
        offsets = (*index[:, 1].tolist(), len(data))
        view.delta(
            50 * tick, Delta(1, 1, 1, tick, tick, tick, 0, bytes(32), tuple(index[:, 0].tolist()), offsets, data)
        )
        bodies = np.diff(now.starts)
        walking = np.add.reduceat(np.append((now.cols[:, [STEP_X, STEP_Y]] != 0).any(axis=1), False), now.starts[:-1])
        for rect in seen:
            chosen = list(view.chunk_list(rect))
            size += len(view.frame(rect)[0])
            shown += int(bodies[chosen].sum())
            moving += int(walking[chosen].sum())
    frames = TICKS * OBSERVERS
    return {
        "workload": f"{BODIES} bodies that walk, all awake, {OBSERVERS} observers with views of 64 x 64 tiles: "
        f"{shown / frames:.0f} visible to each, {moving / frames:.0f} of them moving; {TICKS} ticks; no handovers",
        "bytes_per_moving_body": round(size / moving, 3),
        "bytes_per_visible_body": round(size / shown, 3),
        "kbit_per_s_per_client": round(size / frames * 20 * 8 / 1000),
        "encode_us": round(spent / TICKS * 1e6),
    }


def _state() -> State:
    scene = make_scene(BODIES, SIDE)
    layers = np.where(scene.blocked != 0, WALL, GROUND).astype(np.uint8), np.full((SIDE, SIDE), NONE, np.uint8)
    state = State((0, 0, SIDE, SIDE), (SIDE, SIDE), (), (0, 0), *layers, np.zeros((SIDE, SIDE), np.uint8))
    state.counters[Counter.ERA] = 1
    for _ in range(BODIES):
        state.take_row(state.new_id())
    state.rows[HEALTH, :BODIES], state.rows[HOP, :BODIES] = 60, 1
    return state

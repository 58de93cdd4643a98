"""What is compiled before a world begins: showing it compiles nothing more."""

import numpy as np
import pytest

from clients.kernels import warm_shown
from world.delta import encode_tick
from world.delta_write import write_chunks
from world.events import Event, Kind
from world.kinds import PLAYER
from world.shown import wire_rows
from world.state import KIND, State


@pytest.mark.parametrize("events", [(), (Event(Kind.SPOKE, 1, text="hello"),)])
def test_no_kernel_is_compiled_when_a_region_is_shown(events: tuple[Event, ...]) -> None:
    warm_shown()
    warmed = set(write_chunks.signatures)
    ground = np.zeros((32, 32), np.uint8)
    state = State((0, 0, 32, 32), (32, 32), (), (0, 0), ground.copy(), ground.copy(), ground.copy())
    state.rows[KIND, state.take_row(1)] = PLAYER
    before = wire_rows(state)
    _, data = encode_tick(before, wire_rows(state, (), before), events)
    assert (b"hello" in data) == bool(events)
    assert set(write_chunks.signatures) == warmed

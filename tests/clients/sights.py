"""A small patch of world before a player's eyes, for tests of what keys and pointer mean there."""

import numpy as np

from clients.controls import Sight
from clients.draw.camera import Camera
from clients.draw.panel import Panel
from clients.view import View
from world.delta import encode_key
from world.kinds import PLAYER
from world.mirror import Mirror
from world.shown import wire_rows
from world.state import DOWN_TICKS, HEALTH, KIND, State, X, Y
from world.tilemap import TREE
from world.units import TILE

LAND = (0, 0, 32, 32)
ME = 11
NOW_MS = 10_000.0


def sight(*others: tuple[int, float, float], down: int = -1, trees: tuple[tuple[int, int], ...] = ()) -> Sight:
    """The own body, ME, at (16.5, 16.5); others as (kind, x, y) with the ids ME + 1 ...; `down` is the place of one
    (0: the own body) that lies on the ground."""
    empty = np.zeros((32, 32), np.uint8)
    feature = empty.copy()
    for x, y in trees:
        feature[y, x] = TREE
    state = State(LAND, (32, 32), (), (0, 0), empty, feature, empty.copy())
    for entity, (kind, x, y) in enumerate([(PLAYER, 16.5, 16.5), *others], ME):
        row = state.take_row(entity)
        state.rows[[KIND, X, Y, HEALTH], row] = kind, int(x * TILE), int(y * TILE), 30
        state.rows[DOWN_TICKS, row] = 20 if entity - ME == down else 0
    view, mirror, rows = View((32, 32), ME), Mirror(LAND), wire_rows(state)
    mirror.apply(range(4), b"".join(encode_key(rows, chunk) for chunk in range(4)))
    view.show(NOW_MS, 1, 1, mirror, anew=True)
    view.advance(NOW_MS)
    return Sight(view, view.bodies(NOW_MS), Camera(16.5, 16.5, 640, 480, 2), Panel(), NOW_MS)

"""The physics engines that are measured: the project's own kernel, Box2D v3 (pyb2d3) and Chipmunk (pymunk).

Each takes the scene, walks every body a tick nearer to its goal (`steer`, the same compiled function for all) and
exchanges whole arrays with its engine where that can; one thread each. The foreign ones come with
`pip install everloom[bench]`; where one is not installed it is left out.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Final, Protocol

import numpy as np

from clients.bench.scene import RADIUS, Goals, Int64s, Scene, steer
from world.collision import Ground, settle_circles
from world.kinds import VILLAGER
from world.species import KINDS
from world.state import COLUMNS, KIND, VX, VY, Int32s, X, Y
from world.units import TICKS_PER_SECOND, TILE
from world.walls import walls_around

SECONDS: Final = 1 / TICKS_PER_SECOND
PER_SECOND: Final = TILE / TICKS_PER_SECOND  # Q16 a tick for one unit a second


class Engine(Protocol):
    """One scene in one engine."""

    def aim(self) -> None:
        """New goals for those whose turn it is; part of the scene, not of the engine's work."""

    def tick(self) -> None:
        """Steering, one step of 50 ms."""

    def places(self) -> tuple[Int64s, Int64s]:
        """Where the bodies are, Q16."""


class Everloom:
    """`world.collision` on rows of a region's state."""

    def __init__(self, scene: Scene, rows: Int32s | None = None) -> None:
        """With `rows` (int32[COLUMNS, bodies], else new ones) the bodies are those of a state."""
        self._rows = np.zeros((COLUMNS, scene.bodies), np.int32) if rows is None else rows
        self._rows[KIND], self._rows[X], self._rows[Y] = VILLAGER, scene.xs, scene.ys
        self._radius, self._mass = np.full(KINDS, RADIUS, np.int64), np.ones(KINDS, np.int64)
        self._ghosts, borders, room = (np.zeros(shape, np.int64) for shape in ((0, 3), (0, 4), 0))
        land = np.array([0, 0, scene.side, scene.side], np.int64)
        self._ground = Ground(scene.blocked, walls_around(scene.blocked), 0, 0, land, borders, room)
        self._goals, self._number = Goals(scene), 0

    def aim(self) -> None:
        self._number += 1
        self._goals.renew(self._number, self._rows[X], self._rows[Y])

    def tick(self) -> None:
        rows = self._rows
        steer(rows[X], rows[Y], rows[VX], rows[VY], self._goals.xs, self._goals.ys)
        settle_circles(rows, rows.shape[1], self._radius, self._mass, self._ghosts, self._ground)

    def places(self) -> tuple[Int64s, Int64s]:
        return self._rows[X].astype(np.int64), self._rows[Y].astype(np.int64)


class Box2D:
    """pyb2d3, 4 sub-steps, no friction, no rotation, sleeping off."""

    def __init__(self, scene: Scene) -> None:
        import pyb2d3

        self._world = pyb2d3.World(gravity=(0.0, 0.0))
        self._world.sleeping_enabled = False
        material = pyb2d3.surface_material(friction=0.0, restitution=0.0)
        shape = pyb2d3.shape_def(density=1.0, material=material)
        ground = self._world.create_static_body(position=(0.0, 0.0))
        for x, y, width in _runs(scene):
            ground.create_shape(shape, pyb2d3.box(width / 2, 0.5, (x + width / 2, y + 0.5), 0.0))
        self._bodies = pyb2d3.Bodies()
        circle = pyb2d3.circle(radius=RADIUS / TILE)
        for x, y in zip(scene.xs / TILE, scene.ys / TILE, strict=True):
            body = self._world.create_dynamic_body(position=(x, y), fixed_rotation=True)
            body.create_shape(shape, circle)
            self._bodies.append(body.id)
        self._goals, self._number = Goals(scene), 0

    def aim(self) -> None:
        self._number += 1
        self._goals.renew(self._number, *self.places())

    def tick(self) -> None:
        xs, ys = self.places()
        speeds = (self._bodies.get_linear_velocities() * PER_SECOND).astype(np.int64)
        steer(xs, ys, speeds[:, 0], speeds[:, 1], self._goals.xs, self._goals.ys)
        self._bodies.set_linear_velocities((speeds / PER_SECOND).astype(np.float32))
        self._world.step(SECONDS, 4)

    def places(self) -> tuple[Int64s, Int64s]:
        places = (self._bodies.get_positions().astype(np.float64) * TILE).astype(np.int64)
        return places[:, 0], places[:, 1]


class Chipmunk:
    """pymunk, 2 sub-steps of 10 iterations, arrays in and out by its batch module."""

    def __init__(self, scene: Scene) -> None:
        import pymunk
        import pymunk.batch

        self._batch, self._space = pymunk.batch, pymunk.Space()
        self._space.iterations = 10
        for x, y, width in _runs(scene):
            corners = [(x, y), (x + width, y), (x + width, y + 1), (x, y + 1)]
            self._space.add(pymunk.Poly(self._space.static_body, corners))
        for x, y in zip(scene.xs / TILE, scene.ys / TILE, strict=True):
            body = pymunk.Body(1.0, float("inf"))
            body.position = x, y
            self._space.add(body, pymunk.Circle(body, RADIUS / TILE))
        self._goals, self._number = Goals(scene), 0
        self._read_buffer, self._write_buffer = pymunk.batch.Buffer(), pymunk.batch.Buffer()

    def _read(self, fields: Any) -> Any:
        self._read_buffer.clear()
        self._batch.get_space_bodies(self._space, fields, self._read_buffer)
        return np.frombuffer(self._read_buffer.float_buf(), np.float64)

    def aim(self) -> None:
        self._number += 1
        self._goals.renew(self._number, *self.places())

    def tick(self) -> None:
        fields = self._batch.BodyFields
        read = self._read(fields.POSITION | fields.VELOCITY).reshape(-1, 4)
        found = (read * (TILE, TILE, PER_SECOND, PER_SECOND)).astype(np.int64)
        xs, ys, vx, vy = (np.ascontiguousarray(found[:, column]) for column in range(4))
        steer(xs, ys, vx, vy, self._goals.xs, self._goals.ys)
        self._write_buffer.set_float_buf(np.ascontiguousarray(np.stack([vx, vy], axis=1) / PER_SECOND))
        self._batch.set_space_bodies(self._space, fields.VELOCITY, self._write_buffer)
        for _ in range(2):
            self._space.step(SECONDS / 2)

    def places(self) -> tuple[Int64s, Int64s]:
        places = (self._read(self._batch.BodyFields.POSITION).reshape(-1, 2) * TILE).astype(np.int64)
        return places[:, 0], places[:, 1]


ENGINES: Final[dict[str, tuple[str, Callable[[Scene], Engine]]]] = {
    "everloom": ("world", Everloom),
    "pyb2d3": ("pyb2d3", Box2D),
    "pymunk": ("pymunk", Chipmunk),
}
"""By name: the package it needs, and what makes one of a scene."""


def installed() -> dict[str, Callable[[Scene], Engine]]:
    """The engines whose packages are here, ours first."""
    return {name: make for name, (package, make) in ENGINES.items() if find_spec(package)}


def _runs(scene: Scene) -> list[tuple[int, int, int]]:
    """Blocked tiles as (x, y, width): each row's neighbouring ones together, so that engines carry fewer shapes."""
    found = []
    for y, row in enumerate(scene.blocked):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row, [0]]).astype(np.int8)))
        found += [(int(x), y, int(end - x)) for x, end in edges.reshape(-1, 2)]
    return found

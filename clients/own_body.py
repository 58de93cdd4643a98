"""The player's own body as it will be: moves are shown at once, and the server's word is blended in.

The rules' own arithmetic (`world.movement`, `world.walls`) runs here on what the client knows: the tiles, and not
who else stands in the way. Times are milliseconds of one clock, given as arguments. Not here: everybody else
(`clients.view`).
"""

from collections import deque
from typing import Final

import numpy as np
import numpy.typing as npt

from world.kinds import PLAYER
from world.movement import facing, pace, velocity
from world.species import RADIUS, SPEED
from world.state import Bytes2
from world.tilemap import GROUND, TERRAINS
from world.units import TICK_MS, TILE, WIRE_STEP
from world.walls import off_walls, walls_around

TICKS_KEPT: Final = 40  # intents remembered, to walk them again from an older place
TICKS_BEHIND_MAX: Final = 10  # a window that slept longer starts again from the server's word
SNAP: Final = 2 * TILE  # an error this large is a jump (a fall, a gate), not a slip
CLOCK_SHARE: Final = 0.1
SETTLED_WITHIN: Final = 0.8
SLIP_MS: Final = 120  # a slip is worn off to 1/e in this time
SHOWN_STEP: Final = 2 * WIRE_STEP  # positions on the wire are this coarse: a smaller error is none


class OwnBody:
    """One body walked ahead of its server, in Q16 as the rules keep it."""

    def __init__(self) -> None:
        self.known = False
        self.facing = 2
        self.intent = (0, 0)
        self._at = np.zeros(4, np.int64)  # x, y, vx, vy
        self._before = np.zeros(2, np.int64)
        self._slip = np.zeros(2, np.float64)
        self._slip_ms = 0.0
        self._next_ms = 0.0
        self._ticks = 0  # walked so far
        self._region = -1  # whose ticks are compared with the own ones: own = the region's + _settled, when seen
        self._ahead = 0.0
        self._settled = 0
        self._speed = int(SPEED[PLAYER])
        self._intents: deque[tuple[int, int]] = deque(maxlen=TICKS_KEPT)

    def walk(self, dx: int, dy: int) -> None:
        """From the next tick on walk this way, as `world.actions.Move` has it; (0, 0) stands."""
        self.intent = (dx, dy)

    def wounded(self, level: int) -> None:
        """Its health as it is shown, in sixteenths (LOOK_LEVEL): wounds slow it."""
        self._speed = pace(int(SPEED[PLAYER]), level, 16)

    def advance(self, now_ms: float, terrain: Bytes2, blocked: Bytes2) -> None:
        """Walk the ticks up to now over tiles of the whole world (uint8[height, width])."""
        if not self.known or now_ms - self._next_ms > TICKS_BEHIND_MAX * TICK_MS:
            self._next_ms = max(self._next_ms, now_ms)
        while self.known and self._next_ms <= now_ms:
            self._before[:] = self._at[:2]
            self._intents.append(self.intent)
            self._ticks += 1
            self._step(self._at, self.intent, terrain, blocked)
            self._next_ms += TICK_MS
        self.facing = facing(self.intent[0], self.intent[1], self.facing)

    def seen(
        self,
        now_ms: float,
        region: int,
        tick: int,
        place: tuple[int, int],
        step: tuple[int, int],
        lead: float,
        terrain: Bytes2,
        blocked: Bytes2,
    ) -> None:
        """At its tick a region shows the body at a place, after a step (both in wire units), `lead` ticks late.

        The intents since then are walked again from there. Where that ends elsewhere, the difference is worn off.
        """
        again = np.array([*place, *step], np.int64) * WIRE_STEP
        again[:2] += WIRE_STEP // 2
        since = self._ticks_since(region, tick, lead)
        for intent in list(self._intents)[-since:] if since > 0 else ():
            self._step(again, intent, terrain, blocked)
        error = self._at[:2] - again[:2]
        if self.known and np.abs(error).max() < SHOWN_STEP:
            return
        if not self.known or np.abs(error).max() > SNAP:
            self._slip[:] = 0
            self._before[:] = again[:2]
            self.known = True
        else:
            self._slip = self._slip_at(now_ms) + error
            self._before -= error
        self._slip_ms = now_ms
        self._at = again

    def _ticks_since(self, region: int, tick: int, lead: float) -> int:
        """How many own ticks a region's tick lies back.

        Which own tick goes with which of the region's is settled once and changed only when the measurement is off by
        most of a tick: frames come early and late, and each change is a slip.
        """
        ahead = self._ticks - lead - tick
        if region != self._region or abs(ahead - self._ahead) > TICKS_BEHIND_MAX:
            self._region, self._ahead, self._settled = region, ahead, round(ahead)
        self._ahead += (ahead - self._ahead) * CLOCK_SHARE
        if abs(self._ahead - self._settled) > SETTLED_WITHIN:
            self._settled = round(self._ahead)
        return min(max(self._ticks - self._settled - tick, 0), TICKS_KEPT)

    def forget(self) -> None:
        """It is not shown any more: wait for the server's word."""
        self.known = False
        self._intents.clear()

    def at(self, now_ms: float) -> tuple[float, float]:
        """Where to draw it, in tiles: between its last two ticks, and what is left of a slip besides."""
        part = min(max(1 - (self._next_ms - now_ms) / TICK_MS, 0.0), 1.0)
        x, y = self._before + (self._at[:2] - self._before) * part + self._slip_at(now_ms)
        return float(x) / TILE, float(y) / TILE

    @property
    def moving(self) -> bool:
        return bool(np.abs(self._at[:2] - self._before).max() > WIRE_STEP)

    def _slip_at(self, now_ms: float) -> npt.NDArray[np.float64]:
        left: npt.NDArray[np.float64] = self._slip * np.exp(-(now_ms - self._slip_ms) / SLIP_MS)
        return left

    def _step(self, at: npt.NDArray[np.int64], intent: tuple[int, int], terrain: Bytes2, blocked: Bytes2) -> None:
        """One tick as the rules walk it, but for the push of others. Changes `at`."""
        x, y, vx, vy = (int(value) for value in at)
        tile_x, tile_y = x >> 16, y >> 16
        ground = GROUND
        if 0 <= tile_y < terrain.shape[0] and 0 <= tile_x < terrain.shape[1]:
            ground = int(terrain[tile_y, tile_x])
        vx, vy = velocity(vx, vy, intent[0], intent[1], self._speed, ground if ground < len(TERRAINS) else GROUND)
        x2, y2 = off_walls(_walls_at(blocked, (x + vx) >> 16, (y + vy) >> 16), x + vx, y + vy, int(RADIUS[PLAYER]))
        at[:] = x2, y2, x2 - x, y2 - y


def _walls_at(blocked: Bytes2, tile_x: int, tile_y: int) -> int:
    """Which tiles around one are blocked, as `world.walls.walls_around` has it; none around one off the world."""
    top, left = max(tile_y - 1, 0), max(tile_x - 1, 0)
    near = blocked[top : tile_y + 2, left : tile_x + 2]
    if not (0 <= tile_y - top < near.shape[0] and 0 <= tile_x - left < near.shape[1]):
        return 0
    return int(walls_around(near)[tile_y - top, tile_x - left])

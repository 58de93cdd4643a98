"""One bot that costs little beside what is measured: real login, MACs, hash chain and heads; of a view only the header.

It reads whole frames only until it has seen where its body stands; from then on it goes by its own reckoning. Not here:
the process that holds hundreds of them (`clients.bench.light`).
"""

import asyncio
import math
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import msgspec

from archive.keys import Ed25519Key
from clients.bots.behaviours import whims
from clients.bots.ledger import Ledger
from clients.seen import Seen
from clients.session import Acknowledged, Session
from regions.errors import RecordError
from regions.protocol import TOLD, VIEW, rate_step
from world.actions import Move
from world.kinds import PLAYER
from world.species import SPEED
from world.units import TILE

TURN_PROBABILITY: Final = 0.1
DIRECTIONS: Final = 16
PENDING_MAX: Final = 48
CROSSING_S: Final = 0.5  # before and after the news of a crossing, in which its longest gap is looked for
NORTH: Final = [
    (round(math.cos(2 * math.pi * one / DIRECTIONS), 4), round(math.sin(2 * math.pi * one / DIRECTIONS), 4))
    for one in range(DIRECTIONS)
]
FULL_TILES_S: Final = int(SPEED[PLAYER]) * 20 / TILE


class Orders(msgspec.Struct, frozen=True):
    """`walk`: open (random turns, reflected by the land's edge), point (everyone to `goal`), border (to and fro over
    the line x = goal[0]). One bot in `one_in` walks so, those who begin nearest the line, the others open. `speed` in
    tiles a second; `land` and `goal` in tiles."""

    host: str
    port: int
    count: int
    seed: int
    walk: str
    speed: float
    land: tuple[float, float]
    seconds: float
    ledger: str = ""
    goal: tuple[float, float] = (0.0, 0.0)
    pause_s: float = 0.0  # after the word to begin, before measuring
    one_in: int = 1
    probes: int = 0  # bots that read every frame whole, and note how far their body jumps between two


@dataclass
class Counted:
    """Of all bots of this process while it measures."""

    measuring: bool = False
    bytes: int = 0
    frames: int = 0
    sent: int = 0
    acked: int = 0
    lat_ms: list[float] = field(default_factory=list)
    gap_ms: list[float] = field(default_factory=list)
    late_ms: Counter[int] = field(default_factory=Counter)
    steps: Counter[int] = field(default_factory=Counter)
    anew: int = 0
    slowed: int = 0
    crossed: int = 0
    cross_gap_ms: list[float] = field(default_factory=list)
    jumps: list[float] = field(default_factory=list)


class Bot(asyncio.Protocol):
    """One websocket, its session, and where its body should be."""

    def __init__(self, number: int, orders: Orders, counted: Counted, ledger: Ledger | None) -> None:
        self.orders, self.counted, self.ledger = orders, counted, ledger
        self.random = whims(orders.seed, str(number))
        self.session = Session(Ed25519Key(self.random.randbytes(32)))
        self.seen: Seen | None = None
        self.region = -1  # where its last action was recorded
        self.place: tuple[float, float] | None = None
        self.way = self.random.randrange(DIRECTIONS)
        self.walk = orders.walk
        self.transport: asyncio.Transport | None = None
        self.lost = ""
        self.frames = 0  # while measuring
        self.probe = number < orders.probes
        self.jumped: tuple[float, float] | None = None  # where a probe saw its body last
        self._crossed_s = -9.0
        self._longest_ms = 0.0
        self._turn_s = 0.0
        self._held = b""
        self._open = False
        self._shown_s = 0.0
        self._reset_s = 0.0
        self._at_s = 0.0
        self._mask = os.urandom(4)

    @property
    def ready(self) -> bool:
        """Its body is awake, and its place known."""
        return self.place is not None

    # The connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        key = "AAAAAAAAAAAAAAAAAAAAAA=="
        transport.write(
            f"GET / HTTP/1.1\r\nHost: {self.orders.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = self.lost or str(exc or "closed by the gateway")

    def data_received(self, data: bytes) -> None:
        if self.counted.measuring:
            self.counted.bytes += len(data)
        held, at = self._held + data, 0
        if not self._open:
            end = held.find(b"\r\n\r\n")
            if end < 0:
                self._held = held
                return
            self._open, at = True, end + 4
            self._say(self.session.opened(self.random.randbytes(32)))
        size = len(held)
        while size - at >= 2:
            length, head = held[at + 1], 2
            if length == 126:
                if size - at < 4:
                    break
                length, head = int.from_bytes(held[at + 2 : at + 4]), 4
            elif length == 127:
                if size - at < 10:
                    break
                length, head = int.from_bytes(held[at + 2 : at + 10]), 10
            end = at + head + length
            if end > size:
                break
            opcode = held[at] & 15
            if opcode == 2:
                self._frame(held, at + head, end)
            elif opcode == 9:
                self._write(held[at + head : end], 10)
            at = end
        self._held = held[at:]

    def _say(self, frames: list[bytes]) -> None:
        for frame in frames:
            self._write(frame, 2)

    def _write(self, payload: bytes, opcode: int) -> None:
        size, mask = len(payload), self._mask
        head = bytes((0x80 | opcode, 0x80 | size)) if size < 126 else bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2)
        repeated = (mask * (size // 4 + 1))[:size]
        masked = (int.from_bytes(payload) ^ int.from_bytes(repeated)).to_bytes(size)
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(head + mask + masked)

    # What is shown and told.

    def _frame(self, held: bytes, begin: int, end: int) -> None:
        now_s = time.monotonic()
        if held[begin] == VIEW:
            self._view(held, begin, end, now_s)
            self._say(self.session.signed_head(int(time.time() * 1000)))
        elif held[begin] == TOLD:
            try:
                frames, news = self.session.told(int(time.time() * 1000), held[begin + 1 : end])
            except RecordError as error:
                self.lost = str(error)
                return
            self._say(frames)
            for one in news:
                if isinstance(one, Acknowledged):
                    self._acked(one)
            if self.seen is None and self.session.welcome is not None and self.place is None:
                self.seen = Seen(self.session.welcome.regions)

    def _acked(self, one: Acknowledged) -> None:
        if self.ledger is not None:
            self.ledger.note(one)
        if one.region and one.region != self.region:
            now_s = time.monotonic()
            if self.region > 0:
                self._turn_s = now_s + self.random.uniform(0.1, 0.5)
                if self.counted.measuring:
                    self.counted.crossed += 1
                    self._crossed_s = now_s
            self.region = one.region
        if self.counted.measuring:
            self.counted.acked += 1
            self.counted.lat_ms.append(time.time() * 1000 - one.action.acted_ms)

    def _view(self, held: bytes, begin: int, end: int, now_s: float) -> None:
        if self.seen is not None:
            self._look(held[begin:end])
        counted, flags = self.counted, held[begin + 2]
        if not counted.measuring:
            self._shown_s = 0.0
            return
        counted.late_ms[held[begin + 3] * 4] += 1
        counted.steps[rate_step(flags)] += 1
        counted.slowed += flags & 2 > 0
        counted.anew += flags & 1
        counted.frames += 1
        if now_s - self._shown_s > 0.001:  # those of one moment are one look at the world
            self.frames += 1
            if self._shown_s:
                gap_ms = (now_s - self._shown_s) * 1000
                counted.gap_ms.append(gap_ms)
                self._longest_ms = max(self._longest_ms, gap_ms)
            self._shown_s = now_s
        if self._crossed_s > 0 and now_s - self._crossed_s > CROSSING_S:
            counted.cross_gap_ms.append(self._longest_ms)
            self._crossed_s = -9.0
        elif self._crossed_s <= 0:
            self._longest_ms = self._longest_ms * (now_s - self._reset_s < CROSSING_S)
            self._reset_s = now_s if not self._longest_ms else self._reset_s

    def _look(self, frame: bytes) -> None:
        assert self.seen is not None
        try:
            self.seen.take(frame)
        except RecordError as error:
            self.lost = str(error)
            return
        body = self.seen.find(self.session.entity) if self.session.entity else None
        if body is None:
            return
        place = body.x / 64, body.y / 64
        if self.place is None:
            self.place = place
            near = abs(place[0] - self.orders.goal[0]) * self.orders.one_in <= self.orders.land[0] / 2
            self.walk = self.orders.walk if near or self.orders.one_in == 1 else "open"
        if not self.probe:
            self.seen = None
        elif body.region == frame[1]:
            if self.jumped is not None and self.counted.measuring:
                self.counted.jumps.append(math.hypot(place[0] - self.jumped[0], place[1] - self.jumped[1]))
            self.jumped = place

    # What it does.

    def act(self) -> None:
        """Ten times a second: turn or not, and say so."""
        orders = self.orders
        if self.place is None or self.lost or len(self.session.pending) >= PENDING_MAX:
            return
        now_s = time.monotonic()
        passed_s, self._at_s = min(now_s - (self._at_s or now_s), 0.5), now_s
        x, y = self.place
        dx, dy = NORTH[self.way]
        share = orders.speed / FULL_TILES_S
        x, y = x + dx * orders.speed * passed_s, y + dy * orders.speed * passed_s
        if self.walk == "point":
            goal_x, goal_y = orders.goal
            angle = math.atan2(goal_y - y, goal_x - x)
            near = math.hypot(goal_x - x, goal_y - y) < 6
            if not near:
                self.way = round(angle / (2 * math.pi) * DIRECTIONS) % DIRECTIONS
            elif self.random.random() < TURN_PROBABILITY:
                self.way = self.random.randrange(DIRECTIONS)
        elif self.walk == "border":
            self._to_and_fro(now_s)
        elif self.random.random() < TURN_PROBABILITY:
            self.way = self.random.randrange(DIRECTIONS)
        wide, high = orders.land
        dx, dy = NORTH[self.way]
        if (x < 1 and dx < 0) or (x > wide - 1 and dx > 0):
            dx = -dx
        if (y < 1 and dy < 0) or (y > high - 1 and dy > 0):
            dy = -dy
        self.way = round(math.atan2(dy, dx) / (2 * math.pi) * DIRECTIONS) % DIRECTIONS
        self.place = min(max(x, 0.5), wide - 0.5), min(max(y, 0.5), high - 0.5)
        dx, dy = NORTH[self.way]
        self._say(self.session.act(int(time.time() * 1000), Move(round(127 * share * dx), round(127 * share * dy))))
        self.counted.sent += self.counted.measuring

    def stand(self) -> None:
        """Walk no more, so that nobody is on the way over a border when bodies are counted."""
        if self.place is not None and not self.lost and self.session.room:
            self._say(self.session.act(int(time.time() * 1000), Move(0, 0)))

    def _to_and_fro(self, now_s: float) -> None:
        """Over the line x = goal[0] and back: once over it on a little, then round."""
        if self._turn_s and now_s >= self._turn_s:
            east = -DIRECTIONS // 4 < (self.way + DIRECTIONS // 4) % DIRECTIONS - DIRECTIONS // 4 < DIRECTIONS // 4
            self.way = (DIRECTIONS // 2 if east else 0) + self.random.choice((-1, 0, 0, 1))
            self.way %= DIRECTIONS
            self._turn_s = 0.0
        elif self.region < 0 and self.place is not None:
            self.way = 0 if self.place[0] < self.orders.goal[0] else DIRECTIONS // 2

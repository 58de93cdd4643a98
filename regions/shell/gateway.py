"""The gateway process: sockets (`regions.shell.lines`) and the bus around `regions.gateway`; started by the agent.

It reads its settings as one line of JSON from standard input, writes one line, {"listening": port}, when clients may
come, then {"alive": true} with its figures twice a second, and ends when standard input brings another line or ends,
or on SIGTERM. The settings:

    bus, token      where NATS is, and the secret it asks for
    world, short    the world's id and its short name, both in hex
    regions         how many there are, the world's process included
    rectangles      the regions' rectangles in chunks [x0, y0, x1, y1]; the world's process is first: [0, 0, 0, 0]
    tiles           [width, height] of the world; absent: as far as the rectangles go
    host, port      where to listen; port 0: any
    name            the gateway's, at most 32 letters and digits; answers from regions come to it
    limits          what strangers may do, where it is to differ from `regions.config`: fields of `strangers.Limits`
"""

import asyncio
import gc
import json
import signal
import sys
import time
from collections import deque
from typing import Annotated, Final

import msgspec
import numpy as np
from msgspec import Meta
from setproctitle import setproctitle

from regions.config import CLIENTS_MAX, REGIONS_MAX
from regions.errors import ConfigError
from regions.gateway import Gateway
from regions.gateway_verbs import Close, Effect, Event, Heard, LetIn, Publish, Send, Timer
from regions.looks import Looks
from regions.shell.doorway import room_for_files
from regions.shell.lines import Lines
from regions.shell.nats import Bus, connect
from regions.strangers import Limits
from regions.websocket import header
from regions.wishes import Door
from world.delta import key_bytes
from world.mirror import Mirror
from world.shown import BODY_COLUMNS
from world.units import CHUNK_TILES

SETTINGS_BYTES_MAX: Final = 64 * 1024
PUBLISH_WAITING_MAX: Final = 4_096
ALIVE_S: Final = 0.5
FILES_BESIDES: Final = 128  # file descriptors that are no client's
GOING_AWAY: Final = 1001

Rectangle = tuple[int, int, int, int]


class Settings(msgspec.Struct, frozen=True):
    """See the module's docstring."""

    bus: str
    token: str
    world: str
    short: str
    regions: int
    rectangles: tuple[Rectangle, ...]
    port: int
    name: Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9_-]+$")]
    host: str = "127.0.0.1"
    tiles: tuple[int, int] = (0, 0)
    looks: Looks = ()
    limits: Limits = Limits()

    def door(self) -> Door:
        """What the core needs to know. Raises ConfigError when the settings contradict one another."""
        if len(self.rectangles) != self.regions or not 1 <= self.regions <= REGIONS_MAX + 1:
            raise ConfigError(
                f"{self.regions} regions and {len(self.rectangles)} rectangles; at most {REGIONS_MAX + 1}"
            )
        world = bytes.fromhex(self.world)
        if len(world) != 32:
            raise ConfigError(f"the world's id has {len(world)} bytes; expected 32")
        reach = (max(one[2] for one in self.rectangles), max(one[3] for one in self.rectangles))
        tiles = self.tiles if self.tiles != (0, 0) else (reach[0] * CHUNK_TILES, reach[1] * CHUNK_TILES)
        return Door(world, self.name, tiles, self.rectangles, self.limits.login_ms, self.looks)


class Shell:
    """Carries out what the core decides. One asyncio loop; nothing is awaited between an event and its effects."""

    def __init__(self, core: Gateway, bus: Bus, short: str, limits: Limits | None = None) -> None:
        self.core = core
        self._bus = bus
        self._short = short
        self._to_publish: deque[Publish] = deque(maxlen=PUBLISH_WAITING_MAX)  # at most once: the oldest are dropped
        self._published = asyncio.Event()
        self._events: deque[Event] = deque()  # those that carrying out another brings about
        self._busy = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms = 0
        self._loop = asyncio.get_running_loop()
        self._clock_ms = time.time() * 1000 - time.monotonic() * 1000
        self.lines = Lines(limits or Limits(), self._now_ms, self.step)

    def step(self, event: Event) -> None:
        """Give the core an event and carry out what it wants; then the events that this brings about."""
        self._events.append(event)
        if self._busy:
            return
        self._busy = True
        try:
            while self._events:
                self._carry_out(self.core.step(self._now_ms(), self._events.popleft()))
        finally:
            self._busy = False
        self._wind()

    def heard(self, subject: str, data: bytes) -> None:
        """A message came over the bus."""
        self.step(Heard(data))

    async def publish(self) -> None:
        """Send what is to go over the bus, for ever."""
        while True:
            while self._to_publish:
                one = self._to_publish.popleft()
                await self._bus.publish(f"{self._short}.{one.subject}", one.data)
            self._published.clear()
            await self._published.wait()

    async def tell_alive(self) -> None:
        """Say that this process is neither stopped nor stuck, for ever."""
        while True:
            sys.stdout.write(json.dumps({"alive": True} | self._figures()) + "\n")
            sys.stdout.flush()
            await asyncio.sleep(ALIVE_S)

    def _figures(self) -> dict[str, int]:
        core = self.core
        sights = {"frames_sent": core.figures.frames, "frames_left_out": core.sights.skipped}
        return self.lines.figures() | sights | {"keyframes": core.sights.keyframes}

    def _now_ms(self) -> int:
        return int(self._clock_ms + time.monotonic() * 1000)

    def _carry_out(self, effects: list[Effect]) -> None:
        """Each client's frames go with a single write, as each is a call of the system, which costs more than the rest.

        They go last, so whoever is closed gets its own before.
        """
        writes: dict[int, bytes] = {}
        for effect in effects:
            if type(effect) is Send:  # nearly all of them
                peer, frame = effect.peer, effect.frame
                writes[peer] = writes.get(peer, b"") + header(len(frame)) + frame
                continue
            match effect:
                case Publish():
                    self._to_publish.append(effect)
                    self._published.set()
                case LetIn(peer):
                    self.lines.let_in(peer)
                case Close(peer, code, reason):
                    self.lines.write(peer, writes.pop(peer, b""))
                    self.lines.part(peer, code, reason, at_once=effect.at_once, fault=effect.fault)
        for peer, data in writes.items():
            self.lines.write(peer, data)

    def _wind(self) -> None:
        """Let the timer go off when the core wants it."""
        due_ms = self.core.due_ms
        if self._timer is not None:
            if due_ms == self._timer_ms:
                return
            self._timer.cancel()
        self._timer_ms = due_ms
        self._timer = self._loop.call_later(max(due_ms - self._now_ms(), 0) / 1000 + 0.0005, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self.step(Timer())


def _warm() -> None:
    """Compile or load the kernels before the first client waits for them."""
    mirror = Mirror((0, 0, CHUNK_TILES, CHUNK_TILES))
    ids, cols = np.ones(1, np.int64), np.ones((1, BODY_COLUMNS), np.int32)
    mirror.apply([0], key_bytes(ids, cols, np.zeros(CHUNK_TILES * CHUNK_TILES, np.uint8), 0, 0))
    mirror.apply([0], b"\0")
    gc.freeze()


async def run(settings: Settings, ended: asyncio.Event) -> None:
    """Serve until `ended`."""
    files = room_for_files(CLIENTS_MAX + settings.limits.strangers + FILES_BESIDES)
    strangers = min(settings.limits.strangers, max(files - CLIENTS_MAX - FILES_BESIDES, files // 4))
    outside = await connect(settings.bus, settings.token, f"gateway {settings.name}")
    limits = msgspec.structs.replace(settings.limits, strangers=strangers)
    shell = Shell(Gateway(settings.door()), outside.bus, settings.short, limits)
    publishing = asyncio.create_task(shell.publish())
    try:
        for subject in ("delta.*", "beat.*", "answer", f"answer.{settings.name}"):
            await outside.bus.subscribe(f"{settings.short}.{subject}", shell.heard)
        port = shell.lines.listen(settings.host, settings.port)
        shell.step(Timer())
        sys.stdout.write(f'{{"listening": {port}}}\n')
        sys.stdout.flush()
        alive = asyncio.create_task(shell.tell_alive())
        try:
            await ended.wait()
        finally:
            alive.cancel()
            shell.lines.close(GOING_AWAY, "this gateway ends; come again")
    finally:
        publishing.cancel()
        await outside.close()


async def _main() -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, ended.set)
    reader = asyncio.StreamReader(limit=SETTINGS_BYTES_MAX)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    settings = msgspec.json.decode(await reader.readline(), type=Settings)

    async def watch() -> None:
        await reader.read(1)
        ended.set()

    _warm()
    watching = asyncio.create_task(watch())
    try:
        await run(settings, ended)
    finally:
        watching.cancel()


if __name__ == "__main__":
    setproctitle("everloom: gateway")
    asyncio.run(_main())

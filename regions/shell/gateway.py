"""The gateway process: websockets and the bus around `regions.gateway`; started by the agent.

It reads its settings as one line of JSON from standard input, writes one line, {"listening": port}, when clients may
come, then {"alive": true} twice a second, and ends when standard input brings another line or ends, or on SIGTERM. The
settings:

    bus, token      where NATS is, and the secret it asks for
    world, short    the world's id and its short name, both in hex
    regions         how many there are, the world's process included
    rectangles      the regions' rectangles in chunks [x0, y0, x1, y1]; the world's process is first: [0, 0, 0, 0]
    tiles           [width, height] of the world; absent: as far as the rectangles go
    host, port      where to listen; port 0: any
    name            the gateway's, at most 32 letters and digits; answers from regions come to it
"""

import asyncio
import contextlib
import gc
import http
import logging
import os
import signal
import socket
import sys
import time
from collections import deque
from typing import Annotated, Final

import msgspec
import numpy as np
from msgspec import Meta
from setproctitle import setproctitle
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.protocol import State

from regions.config import CLIENT_FRAME_BYTES_MAX, REGIONS_MAX
from regions.errors import ConfigError
from regions.gateway import Gateway
from regions.gateway_verbs import Backlog, Close, Closed, Connected, Event, Framed, Heard, Publish, Send, Timer
from regions.shell.nats import Bus, connect
from regions.wishes import Door
from world.delta import key_bytes
from world.mirror import Mirror
from world.shown import BODY_COLUMNS
from world.units import CHUNK_TILES

SETTINGS_BYTES_MAX: Final = 64 * 1024
PUBLISH_WAITING_MAX: Final = 4_096
SOCKET_BYTES: Final = 64 * 1024  # the system's buffer per client, small so that a slow one is noticed
OPEN_S_MAX: Final = 5
CLOSE_S_MAX: Final = 2
PING_S: Final = 20
ALIVE_S: Final = 0.5
FRAMES_WAITING_MAX: Final = 32  # of one client; then its socket is read no further
TEXT_REFUSED: Final = 1003

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
        return Door(world, self.name, tiles, self.rectangles)


class Shell:
    """Carries out what the core decides. One asyncio loop; nothing is awaited between an event and its effects."""

    def __init__(self, core: Gateway, bus: Bus, short: str) -> None:
        self.core = core
        self._bus = bus
        self._short = short
        self._sockets: dict[int, ServerConnection] = {}
        self._numbers = 0
        self._behind: set[int] = set()  # clients whose sockets hold unsent bytes
        self._to_publish: deque[Publish] = deque(maxlen=PUBLISH_WAITING_MAX)  # at most once: the oldest are dropped
        self._published = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms = 0
        self._loop = asyncio.get_running_loop()
        self._clock_ms = time.time() * 1000 - time.monotonic() * 1000

    def step(self, event: Event) -> None:
        """Give the core an event and carry out what it wants."""
        writes: dict[int, list[bytes]] = {}
        for effect in self.core.step(self._now_ms(), event):
            if isinstance(effect, Send):
                writes.setdefault(effect.peer, []).append(effect.frame)
            else:
                self._carry_out(effect)
        for number, frames in writes.items():
            self._write(number, frames)
        for number in list(self._behind):
            self._measure(number)
        self._wind()

    def heard(self, subject: str, data: bytes) -> None:
        """A message came over the bus."""
        self.step(Heard(data))

    async def meet(self, client: ServerConnection) -> None:
        """Serve one websocket until it is gone."""
        self._numbers += 1
        number = self._numbers
        self._sockets[number] = client
        stream = client.transport.get_extra_info("socket")
        if stream is not None:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
        self.step(Connected(number, os.urandom(48)))
        try:
            async for frame in client:
                if isinstance(frame, str):
                    await client.close(TEXT_REFUSED, "binary frames only")
                    break
                self.step(Framed(number, frame))
        except ConnectionClosed:
            pass
        finally:
            self._sockets.pop(number, None)
            self._behind.discard(number)
            self.step(Closed(number))

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
            sys.stdout.write('{"alive": true}\n')
            sys.stdout.flush()
            await asyncio.sleep(ALIVE_S)

    def _now_ms(self) -> int:
        return int(self._clock_ms + time.monotonic() * 1000)

    def _write(self, number: int, frames: list[bytes]) -> None:
        """Send frames with a single write, as each write is a call of the system, which costs more than all the rest.

        A server's uncompressed frame is a short header and the bytes, so websockets is not asked for each of them.
        """
        client = self._sockets.get(number)
        if client is None or client.state is not State.OPEN:
            return
        client.transport.write(b"".join(part for frame in frames for part in (_header(len(frame)), frame)))
        if client.transport.get_write_buffer_size():
            self._behind.add(number)

    def _carry_out(self, effect: Publish | Close) -> None:
        if isinstance(effect, Publish):
            self._to_publish.append(effect)
            self._published.set()
            return
        client = self._sockets.get(effect.peer)
        if client is not None:
            task = self._loop.create_task(_close(client, effect))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def _measure(self, number: int) -> None:
        client = self._sockets.get(number)
        unsent = client.transport.get_write_buffer_size() if client is not None else 0
        self.core.step(self._now_ms(), Backlog(number, unsent))
        if not unsent:
            self._behind.discard(number)

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


def _header(size: int) -> bytes:
    """Of a server's binary frame (RFC 6455, 5.2): final, opcode 2, not masked, its length in the shortest form."""
    if size < 126:
        return bytes((0x82, size))
    return b"\x82\x7e" + size.to_bytes(2) if size < 65_536 else b"\x82\x7f" + size.to_bytes(8)


async def _close(client: ServerConnection, effect: Close) -> None:
    if effect.at_once:
        client.transport.abort()
        return
    reason = effect.reason.encode()[:120].decode(errors="ignore")  # a close frame holds 123 bytes
    with contextlib.suppress(ConnectionClosed):
        await client.close(effect.code, reason)


def _greet(client: ServerConnection, request: Request) -> Response | None:
    """Answer a browser that is no game client in words."""
    if request.headers.get("Upgrade", "").lower() == "websocket":
        return None
    return client.respond(http.HTTPStatus.OK, "This is a gateway of an Everloom world: connect with a websocket.\n")


def _warm() -> None:
    """Compile or load the kernels before the first client waits for them."""
    mirror = Mirror((0, 0, CHUNK_TILES, CHUNK_TILES))
    ids, cols = np.ones(1, np.int64), np.ones((1, BODY_COLUMNS), np.int32)
    mirror.apply([0], key_bytes(ids, cols, np.zeros(CHUNK_TILES * CHUNK_TILES, np.uint8), 0, 0))
    mirror.apply([0], b"\0")
    gc.freeze()


async def run(settings: Settings, ended: asyncio.Event) -> None:
    """Serve until `ended`."""
    quiet = logging.getLogger("everloom.gateway")  # strangers' broken handshakes are no news
    quiet.addHandler(logging.NullHandler())
    quiet.propagate = False
    outside = await connect(settings.bus, settings.token, f"gateway {settings.name}")
    shell = Shell(Gateway(settings.door()), outside.bus, settings.short)
    publishing = asyncio.create_task(shell.publish())
    try:
        for subject in ("delta.*", "beat.*", "answer", f"answer.{settings.name}"):
            await outside.bus.subscribe(f"{settings.short}.{subject}", shell.heard)
        server = serve(
            shell.meet,
            settings.host,
            settings.port,
            compression=None,
            max_size=CLIENT_FRAME_BYTES_MAX,
            max_queue=FRAMES_WAITING_MAX,
            open_timeout=OPEN_S_MAX,
            close_timeout=CLOSE_S_MAX,
            ping_interval=PING_S,
            process_request=_greet,
            logger=quiet,
        )
        async with server as listening:
            shell.step(Timer())
            port = listening.sockets[0].getsockname()[1]
            sys.stdout.write(f'{{"listening": {port}}}\n')
            sys.stdout.flush()
            alive = asyncio.create_task(shell.tell_alive())
            try:
                await ended.wait()
            finally:
                alive.cancel()
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

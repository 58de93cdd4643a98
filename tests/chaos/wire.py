"""A TCP proxy whose lines can be cut, gone half-open, or throttled: between players and the gateway, and between the
world's own processes and NATS.

A NATS client says its name in its first words, so one process's line can be hurt alone. Bytes are handed on as they
come; what a half-open line loses is lost for good, so it never carries anything again, as on a real broken path.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

HELD_BYTES_MAX: Final = 256 * 1024  # of a throttled line, before its sender is read no further
PUMP_S: Final = 0.02
NAME: Final = re.compile(rb'^CONNECT \{.*?"name": ?"([^"]*)"')
NAME_BYTES_MAX: Final = 4096

UP, DOWN = 0, 1  # towards the server, towards the client


class End(asyncio.Protocol):
    """One socket of a line."""

    def __init__(self, line: "Line", side: int) -> None:
        self.line, self.side = line, side
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(high=HELD_BYTES_MAX)
        self.line.opened(self.side)

    def data_received(self, data: bytes) -> None:
        self.line.carry(self.side, data)

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        self.line.closed(self.side)

    def pause_writing(self) -> None:
        self.line.ends[1 - self.side].pause(True)

    def resume_writing(self) -> None:
        self.line.ends[1 - self.side].pause(False)

    def pause(self, paused: bool) -> None:
        """Read no further, or again."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading() if paused else self.transport.resume_reading()


@dataclass(eq=False)
class Line:
    """One proxied connection. `lost` says in which directions bytes vanish; `rate` is bytes per second, 0: any."""

    wire: "Wire"
    ends: list[End] = field(default_factory=list)
    name: str = ""
    lost: list[bool] = field(default_factory=lambda: [False, False])
    rate: int = 0
    held: list[bytearray] = field(default_factory=lambda: [bytearray(), bytearray()])
    first: bytearray = field(default_factory=bytearray)
    dialling: "asyncio.Task[None] | None" = None

    def opened(self, side: int) -> None:
        """A client came: find the server; its first words may come before the server is there."""
        if side == 0:
            self.wire.lines.add(self)
            self.dialling = asyncio.create_task(self._dial())

    async def _dial(self) -> None:
        loop = asyncio.get_running_loop()
        self.ends[0].pause(True)
        try:
            await loop.create_connection(lambda: self.ends[1], "127.0.0.1", self.wire.target)
        except OSError:
            self.cut()
            return
        if self.ends[0].transport is None:
            self.cut()  # the client did not wait
        self.ends[0].pause(False)

    def carry(self, side: int, data: bytes) -> None:
        """Bytes from one end for the other."""
        if side == 0 and not self.name and self.wire.named and len(self.first) < NAME_BYTES_MAX:
            self.first += data
            if found := NAME.match(bytes(self.first)):
                self.name = found[1].decode(errors="replace").partition(" g")[0]
                self.wire.met(self)
        if self.lost[side]:
            return
        if self.rate or self.held[side]:
            self.held[side] += data
            if len(self.held[side]) > HELD_BYTES_MAX:
                self.ends[side].pause(True)
            return
        other = self.ends[1 - side].transport
        if other is not None:
            other.write(data)

    def pump(self, seconds: float) -> None:
        """Let a throttled line's bytes go on."""
        for side in (UP, DOWN):
            held, other = self.held[side], self.ends[1 - side].transport
            if not held:
                continue
            share = len(held) if not self.rate else int(self.rate * seconds) + 1
            if other is not None and not self.lost[side]:
                other.write(bytes(held[:share]))
            del held[:share]
            if len(held) <= HELD_BYTES_MAX:
                self.ends[side].pause(False)

    def closed(self, side: int) -> None:
        """One end is gone; the other learns of it only if the line still carries that way."""
        other = self.ends[1 - side].transport
        if other is None:
            self.wire.lines.discard(self)
        elif not self.lost[side]:
            other.close()

    def cut(self) -> None:
        """Reset both ends."""
        for end in self.ends:
            if end.transport is not None:
                end.transport.abort()
        self.wire.lines.discard(self)


class Wire:
    """Listens on `face` for connections to `target`. `named`: they are NATS clients, which say who they are."""

    def __init__(self, face: int, target: int, named: bool) -> None:
        self.face, self.target, self.named = face, target, named
        self.lines: set[Line] = set()
        self.meet: Callable[[Line], None] | None = None  # what befalls new lines while a fault lasts
        self.accepted = 0
        self._server: asyncio.Server | None = None
        self._pumping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Listen; a `face` of 0 becomes the port that was found."""

        def accept() -> asyncio.Protocol:
            line = Line(self)
            line.ends = [End(line, 0), End(line, 1)]
            self.accepted += 1
            if not self.named:
                self.met(line)
            return line.ends[0]

        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(accept, "127.0.0.1", self.face)
        self.face = self._server.sockets[0].getsockname()[1]
        self._pumping = asyncio.create_task(self._pump())

    async def close(self) -> None:
        """Listen no more, and cut everything."""
        if self._server is not None:
            self._server.close()
        if self._pumping is not None:
            self._pumping.cancel()
        for line in list(self.lines):
            line.cut()

    def met(self, line: Line) -> None:
        """A new line: whatever hurts lines now hurts it, too."""
        if self.meet is not None:
            self.meet(line)

    async def _pump(self) -> None:
        while True:
            await asyncio.sleep(PUMP_S)
            for line in list(self.lines):
                if line.held[UP] or line.held[DOWN]:
                    line.pump(PUMP_S)

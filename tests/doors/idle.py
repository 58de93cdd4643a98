"""Sockets that say little or nothing, by thousands, and how long a gateway puts up with each."""

import contextlib
import selectors
import socket
import time
from collections import defaultdict
from typing import Final

from tests.doors.wire import REQUEST, frame

READ_BYTES: Final = 65_536
WAYS: Final = ("says nothing", "begins a request", "drips a request", "opens and says nothing", "drips a frame")
DRIP_S: Final = 0.25
HALF_FRAME: Final = frame(bytes(4_000))[:3_000]


class Idle:
    """Sockets to one port, `ways` in turn, each address used for so many."""

    def __init__(self, port: int, ways: tuple[str, ...], first_address: int, per_address: int) -> None:
        self.port, self.ways, self.per_address = port, ways, per_address
        self.first = first_address
        self.open: dict[socket.socket, tuple[str, float]] = {}
        self.cut_s: dict[str, list[float]] = defaultdict(list)
        self.refused = 0
        self._made = 0
        self._drops: dict[socket.socket, bytes] = {}
        self._chosen = selectors.EpollSelector()

    def come(self, count: int) -> None:
        """Open so many more."""
        for _ in range(count):
            place = self.first + self._made // self.per_address
            way = self.ways[self._made % len(self.ways)]
            self._made += 1
            stream = socket.socket()
            try:
                stream.bind((f"127.0.{4 + place // 250}.{1 + place % 250}", 0))
                stream.settimeout(10)
                stream.connect(("127.0.0.1", self.port))
                self._begin(stream, way)
            except OSError:
                self.refused += 1
                stream.close()
                continue
            stream.setblocking(False)
            self.open[stream] = way, time.monotonic()
            self._chosen.register(stream, selectors.EVENT_READ)

    def watch(self, seconds: float) -> None:
        """Let time pass; note who is cut, and let the drips drip."""
        until, drip_at = time.monotonic() + seconds, 0.0
        while (now := time.monotonic()) < until and self.open:
            if now >= drip_at:
                drip_at = now + DRIP_S
                for stream in list(self._drops):
                    with contextlib.suppress(OSError):
                        stream.send(self._drops[stream][:1])
                    self._drops[stream] = self._drops[stream][1:]
            for key, _ in self._chosen.select(0.05):
                assert isinstance(key.fileobj, socket.socket)
                self._readable(key.fileobj)

    def leave(self) -> None:
        """Close all."""
        for stream in list(self.open):
            self._close(stream)

    def _begin(self, stream: socket.socket, way: str) -> None:
        if way == "begins a request":
            stream.sendall(REQUEST[:-4])
        elif way == "drips a request":
            self._drops[stream] = REQUEST
        elif way != "says nothing":
            stream.sendall(REQUEST)
            if way == "drips a frame":
                self._drops[stream] = HALF_FRAME

    def _readable(self, stream: socket.socket) -> None:
        way, since = self.open[stream]
        try:
            if stream.recv(READ_BYTES):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self.cut_s[way].append(time.monotonic() - since)
        self._close(stream)

    def _close(self, stream: socket.socket) -> None:
        del self.open[stream]
        self._drops.pop(stream, None)
        self._chosen.unregister(stream)
        stream.close()

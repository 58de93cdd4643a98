"""The listening sockets of a gateway: takes strangers from the system's queue at a pace, and turns some away.

A few at a time, and so many a second; the others wait in the system, so that those in play go first. Not here: who may
come (`regions.strangers`), and what becomes of a socket that came (`regions.shell.lines`).
"""

import asyncio
import resource
import socket
from collections.abc import Callable
from typing import Final

from regions.bucket import Bucket
from regions.config import ARRIVALS_BURST, ARRIVALS_PER_SECOND
from regions.strangers import Strangers, network

QUEUE_MAX: Final = 4_096  # sockets that wait in the system
ACCEPTS_AT_ONCE: Final = 8
PAUSE_S: Final = 0.005  # until accepting is tried again
FULL_S: Final = 0.2  # the same when the system has no more file descriptors


class Doorway:
    """Calls `came` with each socket that may stay, counted in `strangers`, and where it is from.

    `full` is called when the system has no room for another: it should close one.
    """

    def __init__(
        self,
        strangers: Strangers,
        now_ms: Callable[[], int],
        came: Callable[[socket.socket, str], None],
        full: Callable[[], None],
    ) -> None:
        self._strangers, self._now_ms, self._came, self._full = strangers, now_ms, came, full
        self._loop = asyncio.get_running_loop()
        self._arrivals = Bucket(ARRIVALS_PER_SECOND, ARRIVALS_BURST, now_ms())
        self._listening: list[socket.socket] = []

    def open(self, host: str, port: int, send_bytes: int) -> int:
        """Listen; the port, any free one for 0. `send_bytes`: the system's buffer for each socket that comes.

        OSError when that cannot be.
        """
        for family, kind, protocol, _, where in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            one = socket.socket(family, kind, protocol)
            self._listening.append(one)
            one.setblocking(False)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # What is accepted has these from the beginning.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_bytes)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.bind((where[0], port or self._port(), *where[2:]))
            one.listen(QUEUE_MAX)
            self._listen_again(one)
        return self._port()

    def close(self) -> None:
        """Let nobody else come."""
        for one in self._listening:
            self._loop.remove_reader(one)
            one.close()

    def _port(self) -> int:
        return int(self._listening[0].getsockname()[1])

    def _knocked(self, listening: socket.socket) -> None:
        now_ms = self._now_ms()
        for _ in range(ACCEPTS_AT_ONCE):
            if not self._arrivals.take(now_ms):
                self._rest(listening, PAUSE_S)
                return
            try:
                stream, address = listening.accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue
            except OSError:  # no file descriptor is left, or no memory
                self._full()
                self._rest(listening, FULL_S)
                return
            where = network(address[0])
            if self._strangers.come(now_ms, where):
                stream.setblocking(False)
                self._came(stream, where)
            else:
                stream.close()

    def _rest(self, listening: socket.socket, seconds: float) -> None:
        self._loop.remove_reader(listening)
        self._loop.call_later(seconds, self._listen_again, listening)

    def _listen_again(self, listening: socket.socket) -> None:
        if listening.fileno() >= 0:
            self._loop.add_reader(listening, self._knocked, listening)


def room_for_files(wanted: int) -> int:
    """Ask the system for so many file descriptors; how many this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft

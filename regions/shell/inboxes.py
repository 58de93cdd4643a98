"""Many sockets that may have something to read, waited for through one descriptor of asyncio's loop.

The loop spends more on waking a reader than a short read costs, so sockets are read in passes: a little apart while
there is something, so that what many clients send in between costs one waking. Not here: the reading.
"""

import asyncio
import contextlib
import selectors
import socket
from collections.abc import Callable
from typing import Final, Generic, TypeVar

_Reader = TypeVar("_Reader")
PASS_S: Final = 0.002  # from a pass that found something to the next; who sends crumbs is read often enough to be cut


class Inboxes(Generic[_Reader]):
    """Calls `read` with what was given to `add` for each of the sockets that have something now."""

    def __init__(self, read: Callable[[list[_Reader]], None]) -> None:
        self._read = read
        self._loop = asyncio.get_running_loop()
        self._selector = selectors.DefaultSelector()
        self._next: asyncio.TimerHandle | None = None  # None: the next pass is when some socket has something
        self._wait()

    def add(self, stream: socket.socket, reader: _Reader) -> None:
        """Wait for this socket, too."""
        self._selector.register(stream, selectors.EVENT_READ, reader)

    def drop(self, stream: socket.socket) -> None:
        """Wait for it no more, if it was waited for; needed before it is closed."""
        with contextlib.suppress(KeyError):
            self._selector.unregister(stream)

    def close(self) -> None:
        """Wait for nothing more."""
        if self._next is not None:
            self._next.cancel()
        else:
            self._loop.remove_reader(self._selector)
        self._selector.close()

    def _wait(self) -> None:
        self._next = None
        self._loop.add_reader(self._selector, self._pass)

    def _pass(self) -> None:
        ready = self._selector.select(0)
        if not ready:
            self._wait()
            return
        if self._next is None:
            self._loop.remove_reader(self._selector)
        self._next = self._loop.call_later(PASS_S, self._pass)
        self._read([key.data for key, _ in ready])

"""Many players in one process who all come back at once, on plain sockets, and then only take what they are sent.

Reads its orders as one line of JSON: `port`, `addresses` to come from in turn, `count`, `seed`, `nice`. Then each line
{"at": seconds of the monotonic clock, "over_s": seconds} makes all of them leave and come (back) at that time, spread
over so long; answered with a line once all are in, or after WAIT_S: each one's milliseconds until its Welcome, how
often it was told to come again later, and how often it was turned away. They wait then as the client's library does.
"""

import contextlib
import json
import os
import random
import select
import selectors
import socket
import sys
import time
from typing import Any, Final

from archive.keys import Ed25519Key
from clients.connection import BACKOFF_S
from clients.session import Parted, Session
from regions.errors import RecordError
from tests.doors.wire import PONG, REQUEST, frame, told

WAIT_S: Final = 60.0
DRAIN_S: Final = 0.2
ALIVE_S: Final = 8.0
READ_BYTES: Final = 65_536


class Returner:
    """One player."""

    def __init__(self, address: str, wallet: Ed25519Key) -> None:
        self.address = address
        self.session = Session(wallet)
        self.stream: socket.socket | None = None
        self.held = b""
        self.come_at = 0.0
        self.in_ms = 0.0
        self.again = self.turned_away = self.attempts = 0


class Returners:
    """All of one process."""

    def __init__(self, orders: dict[str, Any]) -> None:
        draw = random.Random(orders["seed"])
        self.port = orders["port"]
        addresses = orders["addresses"]
        self.draw = draw
        self.all = [
            Returner(addresses[i % len(addresses)], Ed25519Key(draw.randbytes(32))) for i in range(orders["count"])
        ]
        self.chosen = selectors.EpollSelector()
        self.room = bytearray(READ_BYTES)
        self.drained_at = self.alive_at = 0.0

    def come(self, at: float, over_s: float) -> dict[str, Any]:
        """All leave, and come at a time; what became of each."""
        self._idle_until(at)
        for i, one in enumerate(self.all):
            self._leave(one)
            one.session.welcome, one.in_ms, one.attempts = None, 0.0, 0
            one.again = one.turned_away = 0
            one.come_at = at + over_s * i / len(self.all)
        waiting = list(self.all)
        while waiting and time.monotonic() < at + over_s + WAIT_S:
            now = time.monotonic()
            for one in waiting:
                if one.stream is None and not one.in_ms and one.come_at <= now:
                    self._connect(one)
            for key, _ in self.chosen.select(0.005):
                self._readable(key.data, at)
            waiting = [one for one in waiting if not one.in_ms]
            self._drain()
        return {
            "ms": [round(one.in_ms, 1) for one in self.all if one.in_ms],
            "not_in": len(waiting),
            "again": sum(one.again for one in self.all),
            "turned_away": sum(one.turned_away for one in self.all),
        }

    def wait_for_words(self) -> str:
        """Play on until there is a line to read."""
        poll = select.poll()
        poll.register(sys.stdin, select.POLLIN)
        while not poll.poll(50):
            self._drain()
        return sys.stdin.readline()

    def _idle_until(self, at: float) -> None:
        while time.monotonic() < at:
            self._drain()
            time.sleep(max(min(at - time.monotonic(), 0.02), 0))

    def _connect(self, one: Returner) -> None:
        stream = socket.socket()
        stream.setblocking(False)
        try:
            stream.bind((one.address, 0))
            with contextlib.suppress(BlockingIOError):
                stream.connect(("127.0.0.1", self.port))
        except OSError:
            stream.close()
            self._later(one)
            return
        one.stream, one.held = stream, b""
        self.chosen.register(stream, selectors.EVENT_WRITE, one)

    def _readable(self, one: Returner, since: float) -> None:
        stream = one.stream
        assert stream is not None
        try:
            if self.chosen.get_key(stream).events == selectors.EVENT_WRITE:
                first = one.session.opened(self.draw.randbytes(32))
                stream.sendall(REQUEST + b"".join(map(frame, first)))
                self.chosen.modify(stream, selectors.EVENT_READ, one)
                return
            data = stream.recv(READ_BYTES)
            if not data:
                raise ConnectionResetError
            arrays, one.held = told(one.held + data)
            for array in arrays:
                answers, news = one.session.told(int(time.time() * 1000), array)
                stream.sendall(b"".join(map(frame, answers)))
                for said in news:
                    if isinstance(said, Parted):
                        one.again += 1
                        self._later(one, said.again_ms / 1000)
                        return
        except (OSError, RecordError):
            one.turned_away += 1
            self._later(one)
            return
        if one.session.welcome is not None:
            one.in_ms = (time.monotonic() - since) * 1000
            one.held = b""
            self.chosen.unregister(stream)

    def _later(self, one: Returner, wait_s: float = 0.0) -> None:
        self._leave(one)
        backoff_s = BACKOFF_S[min(one.attempts, len(BACKOFF_S) - 1)] * self.draw.uniform(0.5, 1.5)
        one.attempts += 1
        one.come_at = time.monotonic() + max(wait_s, backoff_s) * self.draw.uniform(1, 1.25)

    def _leave(self, one: Returner) -> None:
        if one.stream is not None:
            with contextlib.suppress(KeyError):
                self.chosen.unregister(one.stream)
            one.stream.close()
            one.stream = None

    def _drain(self) -> None:
        """Take what those in play are sent, without looking at it, and show now and then that they live."""
        now = time.monotonic()
        if now - self.drained_at < DRAIN_S:
            return
        self.drained_at = now
        shows = now - self.alive_at > ALIVE_S
        if shows:
            self.alive_at = now
        for one in self.all:
            if one.in_ms and one.stream is not None:
                with contextlib.suppress(OSError):
                    one.stream.recv_into(self.room, READ_BYTES, socket.MSG_TRUNC)
                    if shows:
                        one.stream.send(frame(b"", PONG))


def main() -> None:
    """Come and go as ordered."""
    orders = json.loads(sys.stdin.readline())
    os.nice(orders["nice"])
    returners = Returners(orders)
    print("ready", flush=True)
    while words := returners.wait_for_words():
        wish = json.loads(words)
        print(json.dumps(returners.come(wish["at"], wish["over_s"])), flush=True)


if __name__ == "__main__":
    main()

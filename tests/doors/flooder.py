"""One flooder, a process of its own: connects, writes malformed frames until it is cut, connects again at once.

Reads its orders as one line of JSON: `address` to come from, `seed`, `nice`, `every_s` (between two connections, 0: at
once), and `periods`, [begin, end, port] in seconds of the monotonic clock; writes one line of JSON per period. What is
counted as sent are frames that the system took for the socket: the door may have read them or closed before. Flooders
run at the lowest priority, as attackers have machines of their own and may not take this one's time from the world they
attack; one that comes now and then at ordinary priority measures how soon an offender is cut.
"""

import json
import os
import random
import select
import socket
import sys
import time
from collections import Counter
from typing import Any, Final

from archive.keys import Ed25519Key
from clients.session import Session
from regions import protocol
from regions.handshake import seal
from tests.doors.malformed import Kind, kinds
from tests.doors.wire import REQUEST, frame, told

LOGIN_EVERY: Final = 12  # each so many connections one logs in first, and misbehaves then
CUT_S_MAX: Final = 12.0
WAYS: Final = ("wrong MAC", "number twice", "numbers skipped", "more than may be")


class Flooder:
    """The socket in hand and the counts of one period."""

    def __init__(self, address: str, seed: int) -> None:
        self.address = address
        self.random = random.Random(seed)
        self.kinds = kinds()
        self.wallet = Ed25519Key(self.random.randbytes(32))
        self.begin()

    def begin(self) -> None:
        """Count anew."""
        self.connections = self.frames = self.sent_bytes = self.logins = self.not_cut = 0
        self.cut_ms: list[float] = []
        self.by_kind: Counter[str] = Counter()

    def visit(self, port: int, ends: float) -> None:
        """One connection, from its opening to its cut."""
        stream = socket.socket()
        try:
            stream.bind((self.address, 0))
            stream.settimeout(2)
            stream.connect(("127.0.0.1", port))
            self.connections += 1
            if self.connections % LOGIN_EVERY == 0:
                self.misbehave_within(stream, ends)
            else:
                kind = self.random.choice(self.kinds)
                stream.sendall(kind.opening)
                self.flood(stream, kind, ends)
        except OSError:
            pass  # refused, cut, or the queue is full: again
        finally:
            stream.close()

    def flood(self, stream: socket.socket, kind: Kind, ends: float) -> None:
        """Write until the other side has closed."""
        stream.setblocking(False)
        size = len(kind.batch) / kind.frames
        began, at = time.perf_counter(), 0
        self.by_kind[kind.name] += 1
        poll = select.poll()
        poll.register(stream, select.POLLIN | select.POLLOUT)
        sent = 0
        try:
            while time.monotonic() < ends and time.perf_counter() - began < CUT_S_MAX:
                happened = poll.poll(200)
                if any(event & ~select.POLLOUT for _, event in happened) and not stream.recv(65_536):
                    self.cut_ms.append((time.perf_counter() - began) * 1000)
                    return
                try:
                    wrote = stream.send(memoryview(kind.batch)[at:])
                except BlockingIOError:
                    poll.modify(stream, select.POLLIN)  # full: wait until it is cut
                    continue
                sent += wrote
                at = (at + wrote) % len(kind.batch)
            self.not_cut += time.monotonic() < ends
        except OSError:
            self.cut_ms.append((time.perf_counter() - began) * 1000)
        finally:
            self.frames += int(sent / size)
            self.sent_bytes += sent

    def misbehave_within(self, stream: socket.socket, ends: float) -> None:
        """Log in, with the same key as before or a new one, and then send what a player may not."""
        wallet = self.wallet if self.random.random() < 0.5 else Ed25519Key(self.random.randbytes(32))
        session = Session(wallet)
        stream.settimeout(CUT_S_MAX)
        (first,) = session.opened(self.random.randbytes(32))
        stream.sendall(REQUEST + frame(first))
        held = b""
        while session.welcome is None:
            data = stream.recv(65_536)
            if not data or time.monotonic() > ends:
                return
            held += data
            arrays, held = told(held)
            for array in arrays:
                for one in session.told(0, array)[0]:
                    stream.sendall(frame(one))
        self.logins += 1
        way = self.random.choice(WAYS)
        key, number = session._key, session.frames_sent
        good = seal(key, number + 1, session_look())
        bad = {
            "wrong MAC": good[:-1] + bytes([good[-1] ^ 1]),
            "number twice": seal(key, number, session_look()),
            "numbers skipped": seal(key, number + 2, session_look()),
        }
        if way in bad:
            batch = frame(bad[way]) * 500
        else:
            batch = b"".join(frame(seal(key, number + 1 + i, session_look())) for i in range(500))
        self.flood(stream, Kind(f"logged in: {way}", b"", batch, 500), ends)

    def told(self) -> dict[str, Any]:
        """The period's counts."""
        return {
            "connections": self.connections,
            "frames": self.frames,
            "bytes": self.sent_bytes,
            "logins": self.logins,
            "cuts": len(self.cut_ms),
            "not_cut": self.not_cut,
            "cut_ms": [round(one, 2) for one in self.cut_ms],
            "by_kind": dict(self.by_kind),
        }


def session_look() -> bytes:
    """LookAgain: what a player may say at any time."""
    return protocol.encode(protocol.LookAgain())


def main() -> None:
    """Flood as ordered."""
    orders = json.loads(sys.stdin.readline())
    os.nice(orders["nice"])
    flooder = Flooder(orders["address"], orders["seed"])
    for begin, end, port in orders["periods"]:
        time.sleep(max(begin - time.monotonic(), 0))
        flooder.begin()
        while time.monotonic() < end:
            flooder.visit(port, end)
            time.sleep(orders["every_s"])
        print(json.dumps(flooder.told()), flush=True)


if __name__ == "__main__":
    main()

"""The same load, sent to nobody: accepts, reads once, throws it away and closes, as often as a gateway accepts.

A process of its own; prints its port, and ends when its standard input does.
"""

import contextlib
import selectors
import socket
import sys
import time
from typing import Final

from regions.bucket import Bucket
from regions.config import ARRIVALS_BURST, ARRIVALS_PER_SECOND

READ_BYTES: Final = 4_096


def main() -> None:
    """Sink until told."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=4_096)
    print(listening.getsockname()[1], flush=True)
    chosen = selectors.DefaultSelector()
    chosen.register(sys.stdin, selectors.EVENT_READ)
    chosen.register(listening, selectors.EVENT_READ)
    pace = Bucket(ARRIVALS_PER_SECOND, ARRIVALS_BURST, 0)
    room = bytearray(READ_BYTES)
    while True:
        for key, _ in chosen.select():
            if key.fileobj is sys.stdin:
                return
            if key.fileobj is not listening:
                assert isinstance(key.fileobj, socket.socket)
                chosen.unregister(key.fileobj)
                with contextlib.suppress(OSError):
                    key.fileobj.recv_into(room)
                key.fileobj.close()
            elif pace.take(int(time.monotonic() * 1000)):
                stream, _ = listening.accept()
                stream.setblocking(False)
                chosen.register(stream, selectors.EVENT_READ)
            else:
                time.sleep(0.005)


if __name__ == "__main__":
    main()

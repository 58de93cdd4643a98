"""Stores served on a real socket, and bundles of a wanted size."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256

import uvicorn

from archive.bundle import pack
from archive.data_item import sign_item
from archive.errors import Missing
from archive.keys import Ed25519Key, b64
from archive.stores.catalogue import Listed
from regions.ao.gateway import Endpoints

KEY = Ed25519Key(b"\7" * 32)
CHUNK = 256 << 10


@contextmanager
def served(endpoints: Endpoints) -> Iterator[str]:
    """The real application on a real socket, in a thread; its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(endpoints.application(), log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        until = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < until, "uvicorn did not start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()


def of_size(bytes_wanted: int) -> bytes:
    """A bundle of one item, of exactly so many bytes."""
    empty = len(pack([sign_item(KEY, b"", [("n", "v")])]))
    item = sign_item(KEY, bytes(byte % 251 for byte in range(bytes_wanted - empty)), [("n", "v")])
    bundle = pack([item])
    assert len(bundle) == bytes_wanted
    return bundle


class Blobs:
    """A source of data that is no bundle, as L1 transactions may carry."""

    def __init__(self, datas: Sequence[bytes]) -> None:
        self.datas = {b64(sha256(data).digest()): data for data in datas}

    def piece(self, bundle: str, offset: int, size: int) -> bytes:
        return self.datas[bundle][offset : offset + size]

    def get(self, item_id: str) -> bytes:
        raise Missing(item_id, "no items here")

    def items(self, bundle: str) -> Sequence[Listed]:
        return ()

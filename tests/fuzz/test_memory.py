"""Memory: what a stranger sends takes at most twice itself and what it is permitted to become, and a little.

Here are the inputs that ask for the most; during a fuzzing run every input is measured, too.
"""

import struct
import zlib
from collections.abc import Callable

import pytest
import zstandard

from archive import assets, bundle, chronicle, segment, snapshot
from archive.compression import compress
from archive.errors import Damaged
from archive.keys import b64
from tests.fuzz.replay import weigh
from tests.fuzz.target import Target, at_most, objects
from tests.fuzz.targets import TARGETS

MIB = 1 << 20
ROW = 200  # bytes of an asset held, as Python's objects


def announced(size: int) -> bytes:
    """A frame of so many zeros, that says so: 8 KB for a quarter of a gigabyte."""
    settings = zstandard.ZstdCompressionParameters.from_level(3, source_size=size, write_content_size=True)
    packer = zstandard.ZstdCompressor(compression_params=settings).compressobj(size)
    return b"".join([*(packer.compress(bytes(MIB)) for _ in range(size // MIB)), packer.flush()])


def direct(decode: Callable[[bytes], object], permitted: Callable[[int], int]) -> Target:
    """A target of a decoder as it stands."""
    return Target("direct", decode, (Damaged,), lambda: [], {}, permitted)


def frames(head: bytes, content: bytes) -> bytes:
    return head + compress(content, 3)


BOMBS: dict[str, tuple[Target, Callable[[], bytes]]] = {
    "a frame that announces more than allowed": (TARGETS["compression"], lambda: announced(256 * MIB)),
    "a snapshot that announces more than allowed": (
        direct(snapshot.decode, lambda size: 0),
        lambda: struct.pack("<16sIQ32s32s", snapshot.MAGIC, 1, 1, bytes(32), bytes(32)) + announced(256 * MIB),
    ),
    "a snapshot of all that is allowed, with a wrong hash": (
        direct(snapshot.decode, at_most(snapshot.STATE_BYTES_MAX)),
        lambda: struct.pack("<16sIQ32s32s", snapshot.MAGIC, 1, 1, bytes(32), bytes(32)) + announced(64 * MIB),
    ),
    "a segment of as many records as allowed, all empty": (
        direct(segment.decode, at_most(segment.RECORDS_MAX * 200)),
        lambda: frames(
            struct.pack("<16sIQI32s32s", segment.MAGIC, 1, 1, segment.RECORDS_MAX, bytes(32), bytes(32)),
            bytes(4 * segment.RECORDS_MAX) + b"\xff" * (2 * segment.RECORDS_MAX),
        ),
    ),
    "a table of as many assets as allowed": (
        direct(assets.decode_table, at_most(100_000 * ROW)),
        lambda: frames(
            struct.pack("<16sI", assets.MAGIC, 100_000),
            struct.pack("<200000Q", *[2**40] * 100_000, *[2**41] * 100_000) + bytes(200_000),
        ),
    ),
    "a bundle that says it holds 2^255 items": (TARGETS["bundle"], lambda: b"\xff" * 32 + bytes(10_000)),
    "a bundle of as many items as allowed, of which none is one": (
        TARGETS["bundle"],
        lambda: (
            (bundle.BUNDLE_ITEMS_MAX).to_bytes(32, "little")
            + b"".join((116).to_bytes(32, "little") + n.to_bytes(32, "little") for n in range(bundle.BUNDLE_ITEMS_MAX))
            + bytes(116 * bundle.BUNDLE_ITEMS_MAX)
        ),
    ),
    "a chronicle of empty objects": (direct(chronicle.decode, objects), lambda: b"{}\n" * 300_000),
    "a chronicle nested as deep as it goes": (direct(chronicle.decode, objects), lambda: b'{"a":' * 100_000),
    "a manifest nested as deep as it goes": (TARGETS["manifest"], lambda: b'{"regions":' + b"[" * 500_000),
    "a bus message of a million empty things": (TARGETS["bus-message"], lambda: b"\x9c\x05" + b"\xdd\0\x0f\0\0" * 9),
    "a batch that says it has four thousand million inputs": (
        TARGETS["bus-message"],
        lambda: b"\x93\1\xa1g\xdd\xff\xff\xff\xff",
    ),
    "a client's frame that says it has four gigabytes": (
        TARGETS["client-frame"],
        lambda: b"\x93\3\1\xc6\xff\xff\xff\xff",
    ),
    "a transaction of ten megabytes": (
        TARGETS["transaction"],
        lambda: b'{"format":2,"data":"' + b64(bytes(3 * MIB)).encode() + b'"}',
    ),
    "a websocket's opening of one long header": (
        TARGETS["websocket-opening"],
        lambda: b"GET / HTTP/1.1\r\n" + b"a:" * MIB,
    ),
    "a websocket of nothing but pings": (TARGETS["websocket-frames"], lambda: b"\xff" + b"\x89\x80aaaa" * 20_000),
    "a picture of a megapixel": (
        TARGETS["picture"],
        lambda: png(1024, 1024),
    ),
}


def png(width: int, height: int) -> bytes:
    """The largest that is drawn, of one colour."""
    parts = (b"IHDR", struct.pack(">IIBBBBB", width, height, 4, 3, 0, 0, 0)), (b"PLTE", b"abc")
    pixels = b"IDAT", zlib.compress(bytes((width // 2 + 1) * height))
    chunks = [len(data).to_bytes(4) + name + data + bytes(4) for name, data in (*parts, pixels)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("name", BOMBS)
def test_an_input_takes_no_more_than_twice_itself_and_what_it_may_become(name: str) -> None:
    target, make = BOMBS[name]
    raw = make()
    peak, allowed = weigh(target, raw)
    assert peak <= allowed, f"{peak} bytes for {len(raw)}; {allowed} are allowed"

"""What a flooder sends: websocket frames and requests that no client may send, encoded beforehand, in many kinds.

Each kind is bytes to write after (or instead of) the opening request. The first frame is the offence, or, where single
frames are allowed and only their number is not, the flood is.
"""

import random
import struct
from dataclasses import dataclass
from typing import Final

from archive.keys import Ed25519Key
from regions import protocol
from regions.protocol import Act, Hello, LoginSigned
from tests.doors.wire import REQUEST, frame

BATCH_BYTES: Final = 24 * 1024
_draw = random.Random(20261122)


@dataclass(frozen=True)
class Kind:
    """One way of being malformed. `opening` goes first, once; then `batch`, `frames` frames of it, again and again."""

    name: str
    opening: bytes
    batch: bytes
    frames: int


def _kind(name: str, *frames: bytes, opening: bytes = REQUEST) -> Kind:
    """A batch of about BATCH_BYTES of these frames in turn."""
    times = max(BATCH_BYTES // sum(map(len, frames)), 1)
    return Kind(name, opening, b"".join(frames) * times, times * len(frames))


def hello(seed: int) -> bytes:
    """A Hello that is right, of a wallet made from `seed`."""
    key = Ed25519Key(seed.to_bytes(32))
    return protocol.encode(Hello(protocol.VERSION, key.public, key.public))


def kinds() -> list[Kind]:
    """All of them, the same in every process."""
    noise = [_draw.randbytes(_draw.randrange(20, 120)) for _ in range(64)]
    deep = b"\x91" * 3_000 + b"\xc0"
    return [
        _kind("a request that is none", noise[0], opening=b""),
        _kind("headers without end", b"X-Padding: " + b"a" * 50 + b"\r\n", opening=b"GET / HTTP/1.1\r\n"),
        _kind("garbage after the opening", *noise),
        _kind("unmasked", frame(b"x" * 40, mask=b"")),
        _kind("reserved bits", frame(b"x" * 40, rsv=5)),
        _kind("unknown opcode", frame(b"x" * 40, opcode=11)),
        _kind("text", frame(b"words" * 8, opcode=1)),
        _kind("8 exabytes announced", b"\x82\xff" + struct.pack(">Q", 2**63 - 1) + bytes(40)),
        _kind("oversized", frame(bytes(4_200))),
        _kind("length not shortest", b"\x82\xfe\x00\x10" + bytes(20)),
        _kind("fragments without end", frame(b"x", fin=False), *[frame(b"x" * 30, opcode=0, fin=False)] * 30),
        _kind("continuation of nothing", frame(b"x" * 30, opcode=0)),
        _kind("pings", frame(b"x" * 30, opcode=9)),
        _kind("pongs", frame(b"x" * 30, opcode=10)),
        _kind("large pings", frame(b"x" * 126, opcode=9)),
        _kind("half a close code", frame(b"\x03", opcode=8)),
        _kind("random MessagePack", *[frame(one) for one in noise]),
        _kind("deep MessagePack", frame(deep)),
        _kind("a map of 4 billion", frame(b"\xdf\xff\xff\xff\xff")),
        _kind("Hello of another version", frame(protocol.encode(Hello(9, bytes(32), bytes(32))))),
        _kind("an action before the login", frame(protocol.encode(Act(1, b"\x93\x01\x00\x00")))),
        _kind("Hello after Hello", frame(hello(7))),
        _kind("Hello, then garbage", frame(hello(8)), *[frame(one) for one in noise[:16]]),
        _kind("Hello of low order", frame(protocol.encode(Hello(protocol.VERSION, bytes(32), bytes(32))))),
        _kind("a signature out of turn", frame(protocol.encode(LoginSigned(bytes(64))))),
    ]

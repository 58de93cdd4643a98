"""A client's side of the door on a plain socket: the opening request, its own frames, and what the gateway told.

For clients that must cost next to nothing. Nothing here is checked as a real client would (`clients.connection`).
"""

from typing import Final

REQUEST: Final = (
    b"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
CLOSE: Final = 8
PONG: Final = 10


def frame(payload: bytes, opcode: int = 2, fin: bool = True, rsv: int = 0, mask: bytes = b"\1\2\3\4") -> bytes:
    """A client's frame, as wrong as wanted; an empty mask leaves it unmasked."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    size = len(payload)
    marked = 0x80 if mask else 0
    if size < 126:
        head = bytes((first, marked | size))
    elif size < 65_536:
        head = bytes((first, marked | 126)) + size.to_bytes(2)
    else:
        head = bytes((first, marked | 127)) + size.to_bytes(8)
    if mask:
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    return head + mask + payload


def frames(held: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The (opcode, payload) of each whole frame after the opening's answer, and the bytes that are not whole yet."""
    found = []
    if held.startswith(b"HTTP"):
        end = held.find(b"\r\n\r\n")
        if end < 0:
            return [], held
        held = held[end + 4 :]
    while len(held) >= 2:
        size, head = held[1], 2
        if size == 126:
            size, head = int.from_bytes(held[2:4]), 4
        elif size == 127:
            size, head = int.from_bytes(held[2:10]), 10
        if len(held) < head + size:
            break
        found.append((held[0] & 0x0F, held[head : head + size]))
        held = held[head + size :]
    return found, held


def told(held: bytes) -> tuple[list[bytes], bytes]:
    """Of those frames, the arrays that a gateway told (`regions.protocol`, byte 1); view frames are left out."""
    found, held = frames(held)
    return [payload[1:] for opcode, payload in found if opcode == 2 and payload[:1] == b"\1"], held

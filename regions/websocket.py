"""The server's side of a websocket (RFC 6455), strictly and within limits: a stranger's bytes to frames, and back.

A core: bytes in, values out. Not here: sockets and deadlines (`regions.shell.lines`). A client's message is one binary
frame of at most CLIENT_FRAME_BYTES_MAX; a text, a fragment, an extension or an unmasked frame ends the connection. Own
code, because the library's connection holds 13 KB for a stranger who has said nothing, reads 256 KiB at a time before
anyone may object, and answers any number of pings; tests hold it to what the library says.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from regions.config import CLIENT_FRAME_BYTES_MAX, OPENING_BYTES_MAX

BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10
CONTROL_BYTES_MAX: Final = 125
HEADERS_MAX: Final = 64
HEADERS_KEPT: Final = 4_096  # of frames, by size

PROTOCOL_ERROR: Final = 1002  # close codes
TEXT_REFUSED: Final = 1003
FRAGMENT_REFUSED: Final = 1008
TOO_LARGE: Final = 1009

GREETING: Final = "This is a gateway of an Everloom world: connect with a websocket.\n"
_END: Final = b"\r\n\r\n"
_WHOLE: Final = 0x80 | BINARY
_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Broken(Exception):
    """What a client may not send: the websocket close code, and words."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Frame(NamedTuple):
    """A whole frame; `opcode` is BINARY, CLOSE, PING or PONG."""

    opcode: int
    payload: bytes


class Opening(NamedTuple):
    """The answer to a request, whether a websocket is open now, and what came behind the request."""

    answer: bytes
    opened: bool
    rest: bytes


def opening(held: bytes) -> Opening | None:
    """Answer the request that opens a connection; None: it is not whole yet.

    Raises Broken as soon as it cannot become one.
    """
    if not b"GET ".startswith(held[:4]):
        raise Broken(PROTOCOL_ERROR, "not a GET request")
    end = held.find(_END, 0, OPENING_BYTES_MAX)
    if end < 0:
        if len(held) >= OPENING_BYTES_MAX:
            raise Broken(TOO_LARGE, f"a request of more than {OPENING_BYTES_MAX} bytes")
        return None
    headers = _headers(held[:end])
    if "websocket" not in _words(headers.get(b"upgrade", b"")):
        return Opening(_plain("200 OK", GREETING), False, b"")
    if headers.get(b"sec-websocket-version") != b"13":
        return Opening(
            _plain("426 Upgrade Required", "websocket version 13\n", "Sec-WebSocket-Version: 13\r\n"), False, b""
        )
    key = headers.get(b"sec-websocket-key", b"")
    if "upgrade" not in _words(headers.get(b"connection", b"")) or not _is_key(key):
        return Opening(_plain("400 Bad Request", "not a websocket's opening\n"), False, b"")
    accept = base64.b64encode(hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest())
    answer = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + accept
        + _END
    )
    return Opening(answer, True, held[end + len(_END) :])


def _headers(head: bytes) -> dict[bytes, bytes]:
    lines = head.split(b"\r\n", HEADERS_MAX + 1)
    words = lines[0].split(b" ")
    if len(words) != 3 or words[2] != b"HTTP/1.1":
        raise Broken(PROTOCOL_ERROR, "not an HTTP/1.1 request")
    if len(lines) > HEADERS_MAX + 1:
        raise Broken(TOO_LARGE, f"more than {HEADERS_MAX} headers")
    headers: dict[bytes, bytes] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise Broken(PROTOCOL_ERROR, "a line that is no header")
        name, value = name.lower(), value.strip()
        headers[name] = headers[name] + b", " + value if name in headers else value
    return headers


def _words(value: bytes) -> list[str]:
    return [word.strip() for word in value.decode("latin-1").lower().split(",")]


def _is_key(key: bytes) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        return False


def _plain(status: str, text: str, more: str = "") -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(text)}\r\n{more}"
        f"Connection: close\r\n\r\n{text}"
    ).encode()


class Incoming:
    """The bytes of one open websocket, cut into frames. It never holds more than one unfinished frame."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def whole(self, data: bytes) -> bytes | None:
        """The message, if these bytes are one short frame and no other is unfinished: what nearly all reads bring."""
        size = len(data) - 6
        if 0 <= size < 126 and data[0] == _WHOLE and data[1] == 0x80 | size and not self._held:
            return _unmask(data[6:], data[2:6])
        return None

    def frames(self, data: bytes) -> Iterator[Frame]:
        """The frames that these bytes complete. Raises Broken at the first thing that no client may send."""
        held, at = self._held + data, 0
        self._held = b""
        while at < len(held):
            cut = _cut(held, at)
            if cut is None:
                self._held = held[at:]
                return
            frame, at = cut
            yield frame


def _cut(held: bytes, at: int) -> tuple[Frame, int] | None:
    """The frame that begins at `at` and where it ends; None: it is not whole yet."""
    left = len(held) - at
    opcode = _opcode(held[at])
    if left < 2:
        return None
    second = held[at + 1]
    if not second & 0x80:
        raise Broken(PROTOCOL_ERROR, "a frame that is not masked")
    size, head = second & 0x7F, 2
    if opcode >= CLOSE and size > CONTROL_BYTES_MAX:
        raise Broken(PROTOCOL_ERROR, f"a control frame above {CONTROL_BYTES_MAX} bytes")
    if size == 127:  # 64 bits of length, all of which are above the limit
        raise Broken(TOO_LARGE, f"a frame above {CLIENT_FRAME_BYTES_MAX} bytes")
    if size == 126:
        if left < 4:
            return None
        size, head = int.from_bytes(held[at + 2 : at + 4]), 4
        if size < 126:
            raise Broken(PROTOCOL_ERROR, "a length that is not in its shortest form")
        if size > CLIENT_FRAME_BYTES_MAX:
            raise Broken(TOO_LARGE, f"a frame of {size} bytes; the limit is {CLIENT_FRAME_BYTES_MAX}")
    if opcode == CLOSE and size == 1:
        raise Broken(PROTOCOL_ERROR, "half a close code")
    begin = at + head + 4
    end = begin + size
    if end > len(held):
        return None
    return Frame(opcode, _unmask(held[begin:end], held[begin - 4 : begin])), end


def _opcode(first: int) -> int:
    opcode = first & 0x0F
    if first & 0x70 or (opcode > BINARY and opcode not in (CLOSE, PING, PONG)):
        raise Broken(PROTOCOL_ERROR, f"a frame that begins with {first:02x}")
    if opcode == 1:
        raise Broken(TEXT_REFUSED, "binary frames only")
    if opcode >= CLOSE and not first & 0x80:
        raise Broken(PROTOCOL_ERROR, "a control frame in fragments")
    if opcode == 0 or not first & 0x80:
        raise Broken(FRAGMENT_REFUSED, "a message is one frame, not several fragments")
    return opcode


def _unmask(payload: bytes, mask: bytes) -> bytes:
    """Or mask: it is the same."""
    size = len(payload)
    repeated = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(repeated)).to_bytes(size)


@lru_cache(HEADERS_KEPT)
def header(size: int, opcode: int = BINARY) -> bytes:
    """Of a server's frame (5.2): final, not masked, its length in the shortest form."""
    if size < 126:
        return bytes((0x80 | opcode, size))
    first = bytes((0x80 | opcode,))
    return first + b"\x7e" + size.to_bytes(2) if size < 65_536 else first + b"\x7f" + size.to_bytes(8)


def control(opcode: int, payload: bytes = b"") -> bytes:
    """A server's ping, pong or close frame."""
    return header(len(payload), opcode) + payload


def closing(code: int, reason: str) -> bytes:
    """A server's close frame; words too long for it are cut."""
    words = reason.encode()[: CONTROL_BYTES_MAX - 2].decode(errors="ignore")
    return control(CLOSE, code.to_bytes(2) + words.encode())

"""Writes a PNG file whose bytes depend on nothing but the picture.

A zlib build may compress as it likes, and then one asset would have two pictures. So the deflate stream is written
here: one block of RFC 1951's fixed Huffman codes, in which only a byte that repeats is ever referred back to. Rows
equal to the one above are stored as its difference (filter Up), so enlarged pixels are cheap. Not here: reading PNG.
"""

import struct
import zlib
from collections.abc import Sequence
from typing import Final

COLOURS_MAX: Final = 16
SIDE_MAX: Final = 4096
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_RUN_MAX: Final = 258


def png(pixels: Sequence[Sequence[int]], palette: Sequence[tuple[int, int, int]], scale: int = 1) -> bytes:
    """A PNG of rows of palette indices, each pixel `scale` wide and high; four bits a pixel (RFC 2083).

    ValueError for a picture without pixels, one wider or higher than SIDE_MAX, or more than COLOURS_MAX colours.
    """
    height, width = len(pixels) * scale, len(pixels[0]) * scale if pixels else 0
    if not (0 < width <= SIDE_MAX and 0 < height <= SIDE_MAX and 0 < len(palette) <= COLOURS_MAX):
        raise ValueError(
            f"a picture of {width} x {height} in {len(palette)} colours; at most {SIDE_MAX} and {COLOURS_MAX}"
        )
    raw = bytearray()
    for row in pixels:
        raw += b"\0" + _packed(row, scale)
        raw += (b"\2" + bytes((width + 1) // 2)) * (scale - 1)
    body = b"\x78\x01" + _deflate(bytes(raw)) + zlib.adler32(raw).to_bytes(4, "big")
    header = struct.pack(">IIBBBBB", width, height, 4, 3, 0, 0, 0)
    colours = b"".join(bytes(colour) for colour in palette)
    chunks = ((b"IHDR", header), (b"PLTE", colours), (b"IDAT", body), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks)


def _packed(row: Sequence[int], scale: int) -> bytes:
    wide = [colour for colour in row for _ in range(scale)]
    wide += [0] * (len(wide) & 1)
    return bytes(wide[i] << 4 | wide[i + 1] for i in range(0, len(wide), 2))


def _chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")


def _deflate(raw: bytes) -> bytes:
    """One final block with the fixed codes: literals, and runs as a match at distance 1."""
    bits = _Bits()
    bits.put(0b011, 3)
    at = 0
    while at < len(raw):
        ahead = raw[at : at + _RUN_MAX + 1]
        run = len(ahead) - len(ahead.lstrip(ahead[:1]))
        bits.code(*_literal(raw[at]))
        at += 1
        if run > 3:
            at += run - 1
            _put_match(bits, run - 1)
    bits.code(0, 7)
    return bits.bytes()


def _literal(byte: int) -> tuple[int, int]:
    return (0x30 + byte, 8) if byte < 144 else (0x190 + byte - 144, 9)


def _put_match(bits: "_Bits", length: int) -> None:
    """A match of 3 to 258 bytes at distance 1 (RFC 1951, 3.2.5 and 3.2.6)."""
    if length == _RUN_MAX:
        symbol, extra, width = 285, 0, 0
    elif length < 11:
        symbol, extra, width = 254 + length, 0, 0
    else:
        width = (length - 3).bit_length() - 3
        symbol, extra = 257 + 4 * width + ((length - 3) >> width), (length - 3) & ((1 << width) - 1)
    bits.code(*((symbol - 256, 7) if symbol < 280 else (0xC0 + symbol - 280, 8)))
    bits.put(extra, width)
    bits.code(0, 5)


class _Bits:
    """Bits packed from the low end of each byte."""

    def __init__(self) -> None:
        self.done = bytearray()
        self.held = 0
        self.count = 0

    def put(self, value: int, width: int) -> None:
        self.held |= value << self.count
        self.count += width
        while self.count >= 8:
            self.done.append(self.held & 255)
            self.held >>= 8
            self.count -= 8

    def code(self, value: int, width: int) -> None:
        """A Huffman code, which goes in from its high end."""
        self.put(int(f"{value:0{width}b}"[::-1], 2), width)

    def bytes(self) -> bytes:
        return bytes(self.done) + bytes([self.held]) * (self.count > 0)

"""A small PNG as coloured half blocks for a terminal.

Reads only what `world.png` writes (palette of four bits a pixel, rows plain or as the difference to the one above) and
refuses all else: pictures come from a store, and anyone may have made them.
"""

import struct
import zlib
from typing import Final

from rich.text import Text

WIDTH_MAX: Final = 64  # characters
SIDE_MAX: Final = 1024
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def half_blocks(png: bytes) -> Text:
    """The picture, two rows of pixels to a line of text, made smaller to fit. ValueError for any other bytes."""
    width, height, palette, rows = _read(png)
    step = max(-(-width // WIDTH_MAX), 1)
    if width % 32 == 0 and width // 32 <= SIDE_MAX // 32:
        step = width // 32  # the world's own pictures are 32 pixels wide, enlarged
    text = Text()
    for y in range(0, height - height % (2 * step), 2 * step):
        text.append("  ")
        for x in range(0, width, step):
            upper, lower = (palette[_pixel(rows[line], x) % len(palette)] for line in (y, y + step))
            text.append("▀", style=f"rgb({','.join(map(str, upper))}) on rgb({','.join(map(str, lower))})")
        text.append("\n")
    return text


def _pixel(row: bytes, x: int) -> int:
    return row[x // 2] >> 4 if x % 2 == 0 else row[x // 2] & 15


def _read(png: bytes) -> tuple[int, int, list[tuple[int, int, int]], list[bytes]]:
    if not png.startswith(_SIGNATURE):
        raise ValueError("no PNG")
    parts: dict[bytes, bytes] = {}
    at = len(_SIGNATURE)
    while at + 12 <= len(png):
        (size,) = struct.unpack_from(">I", png, at)
        name, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        if len(data) != size or name in parts:
            raise ValueError(f"a PNG cut short, or with two parts {name!r}")
        parts[name] = data
        at += size + 12
    if len(parts.get(b"IHDR", b"")) != 13 or b"IDAT" not in parts or len(parts.get(b"PLTE", b"")) % 3:
        raise ValueError("a PNG that lacks its parts")
    width, height, *form = struct.unpack(">IIBBBBB", parts[b"IHDR"])
    if form != [4, 3, 0, 0, 0] or not (0 < width <= SIDE_MAX and 0 < height <= SIDE_MAX):
        raise ValueError(f"a PNG of another form: {width} x {height}, {form}")
    colours = parts.get(b"PLTE", b"")
    palette = [(colours[i], colours[i + 1], colours[i + 2]) for i in range(0, len(colours), 3)]
    if not palette:
        raise ValueError("a PNG without colours")
    return width, height, palette, _rows(parts[b"IDAT"], width, height)


def _rows(packed: bytes, width: int, height: int) -> list[bytes]:
    line = (width + 1) // 2
    try:
        raw = zlib.decompressobj().decompress(packed, (line + 1) * height + 1)
    except zlib.error as error:
        raise ValueError(f"a PNG whose pixels cannot be read: {error}") from None
    if len(raw) != (line + 1) * height:
        raise ValueError(f"{len(raw)} bytes of pixels for {width} x {height}")
    rows: list[bytes] = []
    above = bytes(line)
    for y in range(height):
        kind, row = raw[y * (line + 1)], raw[y * (line + 1) + 1 : (y + 1) * (line + 1)]
        if kind not in (0, 2):
            raise ValueError(f"a PNG whose row {y} has filter {kind}")
        above = row if kind == 0 else bytes((a + b) & 255 for a, b in zip(row, above))
        rows.append(above)
    return rows

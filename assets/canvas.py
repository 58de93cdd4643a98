"""A grid of RGBA pixels to paint on, in integers only, and the PNG file it becomes."""

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

Colour = tuple[int, int, int]
CLEAR = (0, 0, 0, 0)


def hashed(*numbers: int) -> int:
    """32 bits that look unrelated for neighbouring numbers."""
    value = 0x9E3779B97F4A7C15
    for number in numbers:
        value = (value ^ number & 2**64 - 1) * 0xBF58476D1CE4E5B9 & 2**64 - 1
        value ^= value >> 29
    value = value * 0x94D049BB133111EB & 2**64 - 1
    return value >> 32


def noise(seed: int, x: int, y: int, cell: int, wrap: int) -> int:
    """Smooth noise 0..255 with features of `cell` pixels that repeats every `wrap` pixels (a multiple of cell)."""
    cells = wrap // cell
    left, top = x // cell, y // cell
    fx, fy = _eased(x % cell, cell), _eased(y % cell, cell)

    def corner(column: int, row: int) -> int:
        return hashed(seed, column % cells, row % cells) & 255

    upper = corner(left, top) * (256 - fx) + corner(left + 1, top) * fx
    lower = corner(left, top + 1) * (256 - fx) + corner(left + 1, top + 1) * fx
    return (upper * (256 - fy) + lower * fy) >> 16


def _eased(at: int, cell: int) -> int:
    t = at * 256 // cell
    return t * t * (768 - 2 * t) >> 16


def mixed(a: Colour, b: Colour, part: int) -> Colour:
    """The colour `part`/256 of the way from a to b."""
    return (
        a[0] + (b[0] - a[0]) * part // 256,
        a[1] + (b[1] - a[1]) * part // 256,
        a[2] + (b[2] - a[2]) * part // 256,
    )


class Canvas:
    """Pixels of a picture, clear at first; what is painted outside is lost."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.rows: list[list[tuple[int, int, int, int]]] = [[CLEAR] * width for _ in range(height)]

    def put(self, x: int, y: int, colour: Colour, alpha: int = 255) -> None:
        if 0 <= x < self.width and 0 <= y < self.height:
            self.rows[y][x] = (*colour, alpha)

    def clear(self, x: int, y: int) -> None:
        if 0 <= x < self.width and 0 <= y < self.height:
            self.rows[y][x] = CLEAR

    def at(self, x: int, y: int) -> tuple[int, int, int, int]:
        return self.rows[y][x] if 0 <= x < self.width and 0 <= y < self.height else CLEAR

    def box(self, x: int, y: int, width: int, height: int, colour: Colour) -> None:
        for row in range(y, y + height):
            for column in range(x, x + width):
                self.put(column, row, colour)

    def blob(self, x: int, y: int, wide: int, high: int, colour_at: Callable[[int, int], Colour | None]) -> None:
        """An ellipse around (x, y), in half pixels like its radii; `colour_at` gets -256..256 along each axis."""
        for row in range((y - high) // 2, (y + high) // 2 + 1):
            for column in range((x - wide) // 2, (x + wide) // 2 + 1):
                dx, dy = (2 * column + 1 - x) * 256 // wide, (2 * row + 1 - y) * 256 // high
                if dx * dx + dy * dy <= 65536:
                    colour = colour_at(dx, dy)
                    if colour is not None:
                        self.put(column, row, colour)

    def outline(self, colour: Colour) -> None:
        """Surround what is painted by a line, where there is room."""
        edge = [
            (x, y)
            for y in range(self.height)
            for x in range(self.width)
            if self.at(x, y)[3] == 0
            and any(self.at(x + dx, y + dy)[3] == 255 for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)))
        ]
        for x, y in edge:
            self.put(x, y, colour)

    def paste(self, other: "Canvas", x: int, y: int, mirrored: bool = False) -> None:
        for row in range(other.height):
            for column in range(other.width):
                pixel = other.rows[row][other.width - 1 - column if mirrored else column]
                if pixel[3]:
                    self.put(x + column, y + row, pixel[:3], pixel[3])

    def save(self, path: Path) -> None:
        """Write a PNG file, eight bits a channel; without the alpha channel if all is opaque."""
        opaque = all(pixel[3] == 255 for row in self.rows for pixel in row)
        size = 3 if opaque else 4
        raw = b"".join(b"\0" + b"".join(bytes(pixel[:size]) for pixel in row) for row in self.rows)
        header = (
            self.width.to_bytes(4, "big") + self.height.to_bytes(4, "big") + bytes([8, 2 if opaque else 6, 0, 0, 0])
        )
        chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b""))
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks))


def strip(pictures: Sequence[Canvas]) -> Canvas:
    """Pictures of one size side by side."""
    whole = Canvas(sum(picture.width for picture in pictures), pictures[0].height)
    x = 0
    for picture in pictures:
        whole.paste(picture, x, 0)
        x += picture.width
    return whole


def _chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

"""Tiled's XML files, read with limits: the document, and each layer exactly as the file has it.

A map is a stranger's file: every count, size and path is checked before it is believed, and whatever is wrong raises
`MapError`. Here a layer is raw (any orientation, GIDs with their flip bits); what the game makes of one is
`clients.map_files`. Format: doc.mapeditor.org, "TMX Map Format".
"""

import base64
import binascii
import hashlib
import io
import os
import re
import xml.etree.ElementTree as etree
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import zstandard

FILE_BYTES_MAX = 128 * 2**20
ELEMENTS_MAX = 4_000_000
CELLS_MAX = 2 * 4096 * 4096
"""Most tiles that all layers of one map may have together."""
COORDINATE_MAX = 2**30
GROUP_DEPTH_MAX = 32

FLIPS = 0xE000_0000
"""The GID bits for horizontal, vertical and diagonal flips, which `expected.json` of the reference maps counts."""
GID = 0x0FFF_FFFF
"""What is left of a GID without flips and without the hexagonal rotation bit: the tile."""

_SHAPES = ("ellipse", "point", "polygon", "polyline", "text", "capsule")


class MapError(Exception):
    """A map file that cannot be used: which file, what is wrong with it, and what to do."""

    def __init__(self, file: Path | str, what: str, to_do: str) -> None:
        super().__init__(f"{file}: {what}; {to_do}")
        self.file = str(file)
        self.what = what
        self.to_do = to_do


@dataclass(frozen=True)
class RawLayer:
    """One layer as the file has it; `name` has the groups around it in front, as group/layer."""

    kind: str
    """`tilelayer` or `objectgroup`."""
    name: str
    encoding: str = ""
    """`csv`, `xml`, `base64`, `base64+gzip`, `base64+zlib` or `base64+zstd`."""
    chunks: int = 0
    parts: tuple[tuple[int, int, npt.NDArray[np.uint32]], ...] = ()
    """Left, top and uint32[height, width] of GIDs: one part in a finite map, one for each chunk in an infinite one."""
    objects: tuple[etree.Element, ...] = field(default=(), repr=False)

    def cells(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
        """x, y and GID of the tiles that are there, sorted by y, then x."""
        found = [(np.nonzero(gids), left, top, gids) for left, top, gids in self.parts]
        xs = np.concatenate([at[1] + left for at, left, _, _ in found] or [np.zeros(0, np.int64)])
        ys = np.concatenate([at[0] + top for at, _, top, _ in found] or [np.zeros(0, np.int64)])
        gids = np.concatenate([gids[at] for at, _, _, gids in found] or [np.zeros(0, np.uint32)])
        order = np.lexsort((xs, ys))
        return xs[order], ys[order], gids[order]

    def sha256(self) -> str:
        """The hash of the lines `x,y,gid` of its cells, in order, joined with a newline."""
        xs, ys, gids = (column.tolist() for column in self.cells())
        lines = "\n".join(f"{x},{y},{gid}" for x, y, gid in zip(xs, ys, gids, strict=True))
        return hashlib.sha256(lines.encode()).hexdigest()

    def summary(self) -> dict[str, object]:
        """What `map check` prints of it."""
        if self.kind == "objectgroup":
            shapes = [shape_of(element) for element in self.objects]
            counts = {shape: shapes.count(shape) for shape in dict.fromkeys(shapes)}
            return {"kind": self.kind, "name": self.name, "objects": len(shapes), "shapes": counts}
        xs, ys, gids = self.cells()
        bounds = [int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())] if len(xs) else None
        return {
            "kind": self.kind,
            "name": self.name,
            "encoding": self.encoding,
            "chunks": self.chunks,
            "nonempty": len(xs),
            "flipped": int(np.count_nonzero(gids & FLIPS)),
            "bounds": bounds,
        }


def raw_layers(path: Path) -> list[RawLayer]:
    """The tile and object layers of a .tmx map of any orientation, in file order; image layers are left out.

    Raises MapError.
    """
    return layers_of(read_xml(path, "map"), path)


def layers_of(root: etree.Element, path: Path) -> list[RawLayer]:
    """`raw_layers` of a document that has been read."""
    room = CELLS_MAX
    layers = []
    for element, name in _walk(root, path, "", 0):
        if element.tag == "objectgroup":
            layers.append(RawLayer("objectgroup", name, objects=tuple(element.findall("object"))))
        else:
            layers.append(_tile_layer(root, element, name, path, room))
            room -= sum(gids.size for _, _, gids in layers[-1].parts)
    return layers


def shape_of(element: etree.Element) -> str:
    """What an object is: a template's instance, a tile, or a shape; a rectangle has no mark of its own."""
    for attribute, shape in (("template", "template"), ("gid", "tile")):
        if attribute in element.attrib:
            return shape
    return next((shape for shape in _SHAPES if element.find(shape) is not None), "rectangle")


def read_file(path: Path, limit: int = FILE_BYTES_MAX) -> bytes:
    """A regular file's bytes. Raises MapError when it is missing or longer than `limit`."""
    try:
        if not path.is_file():
            raise MapError(path, "there is no such file", "check the path")
        with path.open("rb") as file:
            data = file.read(min(limit, os.fstat(file.fileno()).st_size) + 1)  # room is taken for all that is asked for
    except (OSError, ValueError) as error:
        raise MapError(path, f"cannot be read ({error})", "check the path and its permissions") from error
    if len(data) > limit:
        raise MapError(path, f"is larger than {limit} bytes", "save it with compressed layers, or cut the map")
    return data


def read_xml(path: Path, root_tag: str) -> etree.Element:
    """The root of an XML file, which must be a `root_tag`. Raises MapError, for a DOCTYPE too."""
    parser = etree.XMLParser(target=_Builder(path))  # noqa: S314 - the builder refuses a DOCTYPE
    try:
        parser.feed(read_file(path))
        root = parser.close()
    except (etree.ParseError, LookupError, ValueError) as error:
        raise MapError(path, f"is not well-formed XML ({error})", "open it in Tiled and save it again") from error
    if not isinstance(root, etree.Element) or root.tag != root_tag:
        raise MapError(path, f"holds <{root.tag}>, not <{root_tag}>", "name a map saved by Tiled as .tmx")
    return root


def beside(root: Path, path: Path, source: str) -> Path:
    """The file that `path` names as `source`; it must lie in the folder `root` or below. Raises MapError."""
    try:
        target = (path.parent / source).resolve()
        inside = not Path(source).is_absolute() and target.is_relative_to(root.resolve())
    except (OSError, ValueError) as error:
        raise MapError(path, f"names a file that cannot be ({error})", "correct the path in Tiled") from error
    if not inside:
        raise MapError(path, f"names {source!r}, outside the map's own folder", "move that file beside the map")
    return target


def integer(element: etree.Element, name: str, path: Path, low: int, high: int, default: int | None = None) -> int:
    """An attribute that must be a whole number from low to high. Raises MapError."""
    text = element.get(name)
    if text is None and default is not None:
        return default
    value = int(text) if text is not None and re.fullmatch(r"-?[0-9]{1,10}", text) else None
    if value is None or not low <= value <= high:
        what = f"<{element.tag}> has {name}={text!r}: expected a whole number, {low} to {high}"
        raise MapError(path, what, "open it in Tiled and save it again")
    return value


class _Builder(etree.TreeBuilder):
    """Builds the tree of one document and stops at what a map has no use for."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._elements = 0

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise MapError(self._path, f"declares a DOCTYPE ({name!r})", "maps need none: remove it")

    def start(self, tag: str, attrs: dict[str, str]) -> etree.Element:
        self._elements += 1
        if self._elements > ELEMENTS_MAX:
            raise MapError(self._path, f"has more than {ELEMENTS_MAX} elements", "save its layers as CSV or base64")
        return super().start(tag, attrs)


def _walk(parent: etree.Element, path: Path, prefix: str, depth: int) -> Iterator[tuple[etree.Element, str]]:
    if depth > GROUP_DEPTH_MAX:
        raise MapError(path, f"has groups within groups more than {GROUP_DEPTH_MAX} deep", "flatten them in Tiled")
    for element in parent:
        name = prefix + element.get("name", "")
        if element.tag in ("layer", "objectgroup"):
            yield element, name
        elif element.tag == "group":
            yield from _walk(element, path, name + "/", depth + 1)


def _tile_layer(root: etree.Element, element: etree.Element, name: str, path: Path, room: int) -> RawLayer:
    data = element.find("data")
    if data is None:
        raise MapError(path, f"layer {name!r} has no <data>", "open it in Tiled and save it again")
    compression = data.get("compression", "")
    encoding = data.get("encoding", "xml") + (f"+{compression}" if compression else "")
    chunks = data.findall("chunk")
    parts = []
    for piece in chunks or [data]:
        holder = piece if chunks else element
        default = None if chunks else (integer(root, "width", path, 1, 65536), integer(root, "height", path, 1, 65536))
        width = integer(holder, "width", path, 1, 65536, default and default[0])
        height = integer(holder, "height", path, 1, 65536, default and default[1])
        room -= width * height
        if room < 0:
            raise MapError(path, f"has more than {CELLS_MAX} tiles in its layers", "cut the map or join layers")
        left = integer(piece, "x", path, -COORDINATE_MAX, COORDINATE_MAX) if chunks else 0
        top = integer(piece, "y", path, -COORDINATE_MAX, COORDINATE_MAX) if chunks else 0
        try:
            gids = _decode(piece, encoding, width * height)
        except (ValueError, binascii.Error, zlib.error, zstandard.ZstdError) as error:
            what = f"layer {name!r} ({width} x {height} tiles, {encoding}) cannot be decoded: {error}"
            raise MapError(path, what, "open it in Tiled and save it again") from error
        parts.append((left, top, gids.reshape(height, width)))
    return RawLayer("tilelayer", name, encoding, len(chunks), tuple(parts))


def _decode(piece: etree.Element, encoding: str, cells: int) -> npt.NDArray[np.uint32]:
    """The GIDs of a layer or chunk of so many cells; never unpacks more than they take."""
    text = piece.text or ""
    if encoding == "csv":
        if not re.fullmatch(r"[0-9,\s]*", text) or text.count(",") != cells - 1:
            raise ValueError(f"expected {cells} numbers with commas between, found {text.count(',') + 1}")
        return _gids([int(number) for number in text.split(",")])
    if encoding == "xml":
        tiles = piece.findall("tile")
        if len(tiles) != cells:
            raise ValueError(f"expected {cells} <tile> elements, found {len(tiles)}")
        return _gids([int(tile.get("gid", "0")) for tile in tiles])
    packed = base64.b64decode("".join(text.split()), validate=True)
    data = _unpack(packed, encoding, 4 * cells)
    if len(data) != 4 * cells:
        raise ValueError(f"expected {4 * cells} bytes, found {len(data)}")
    return np.frombuffer(data, "<u4").astype(np.uint32)


def _gids(numbers: list[int]) -> npt.NDArray[np.uint32]:
    if max(numbers) > 2**32 - 1 or min(numbers) < 0:
        raise ValueError(f"a GID is {max(numbers)}: expected 0 to {2**32 - 1}")
    return np.array(numbers, np.uint32)


def _unpack(packed: bytes, encoding: str, expected: int) -> bytes:
    if encoding == "base64":
        return packed
    if encoding in ("base64+zlib", "base64+gzip"):
        unpacker = zlib.decompressobj(31 if encoding == "base64+gzip" else 15)
        data = unpacker.decompress(packed, expected + 1)
        if len(data) <= expected and not unpacker.eof:
            raise ValueError(f"the compressed data ends early, after {len(data)} of {expected} bytes")
        return data
    if encoding == "base64+zstd":
        frame = zstandard.get_frame_parameters(packed)
        if frame.content_size not in (expected, zstandard.CONTENTSIZE_UNKNOWN):
            raise ValueError(f"expected {expected} bytes, the zstd frame announces {frame.content_size}")
        reader = zstandard.ZstdDecompressor(max_window_size=2**26).stream_reader(io.BytesIO(packed))
        return bytes(reader.read(expected + 1))
    raise ValueError("an encoding that is not csv or base64, alone or with gzip, zlib or zstd")

"""What a Tiled map's tiles and objects stand for: its tilesets' and objects' words, read by pytiled-parser.

That library opens whatever file a map names, unpacks without limits, and fails on tilesets without `tilecount`. So
`clients.tiled` reads every file, and the library is handed single elements: a tileset with its count filled in and only
its tiles' classes and properties left, an object with its template already laid under it.
"""

import copy
import math
import xml.etree.ElementTree as etree
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path

from pytiled_parser.parsers.tmx.tiled_object import parse as parse_object
from pytiled_parser.parsers.tmx.tileset import parse as parse_tileset
from pytiled_parser.tiled_object import Ellipse, Rectangle, Tile, TiledObject
from pytiled_parser.tileset import Tile as TilesetTile

from clients.tiled import GID, MapError, RawLayer, beside, integer, read_xml
from world.tilemap import FEATURES, FLOOR, NONE, TERRAINS, WALL

KEEP = 255
"""A tile leaves the terrain, or the feature, below it as it is."""

PLACES = {
    "home": "homes",
    "field": "fields",
    "player": "player_spawns",
    "deer": "deer_spawns",
    "wolf": "wolf_spawns",
    "market": "markets",
    "camp": "camps",
}
"""The word an object carries, and the list of the map it belongs to."""

_TERRAIN = {name: code for code, name in enumerate(TERRAINS)} | {"bridge": FLOOR}
_FEATURE = {name: code for code, name in enumerate(FEATURES)}
_MALFORMED = (KeyError, ValueError, TypeError, AttributeError, IndexError, OverflowError)
_SAVE_AGAIN = "open it in Tiled and save it again"


@dataclass
class Marks:
    """The tiles of all tilesets of a map, by GID without flip bits."""

    codes: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Terrain and feature, either may be `KEEP`, of the tiles that are marked."""
    first: list[int] = field(default_factory=list)
    end: list[int] = field(default_factory=list)
    """First GID of each tileset, rising, and one past its last."""
    strange: list[str] = field(default_factory=list)
    """Words in a tile's `terrain` or `feature` that mean nothing here."""

    def known(self, gid: int) -> bool:
        at = bisect_right(self.first, gid) - 1
        return at >= 0 and gid < self.end[at]


@dataclass(frozen=True)
class Place:
    """Where something begins: the name of the map's list, and a rectangle of tiles, ends included."""

    list_name: str
    x0: int
    y0: int
    x1: int
    y1: int


def tile_marks(root: etree.Element, path: Path) -> Marks:
    """What the tiles of a map's tilesets stand for. Raises MapError."""
    marks = Marks()
    for element in sorted(root.findall("tileset"), key=lambda e: integer(e, "firstgid", path, 1, GID)):
        first = integer(element, "firstgid", path, 1, GID)
        file, source = path, element.get("source")
        if source is not None:
            file = beside(path.parent, path, source)
            if file.suffix.lower() in (".json", ".tsj"):
                raise MapError(file, "is a tileset in JSON, which is not read", "save it as .tsx in Tiled")
            element = read_xml(file, "tileset")
        plain, end = _plain_tileset(element, file)
        try:
            tiles = parse_tileset(plain, first, "utf-8").tiles or {}
        except _MALFORMED as error:
            what = f"tileset {element.get('name')!r} is not as Tiled writes it ({error!r})"
            raise MapError(file, what, _SAVE_AGAIN) from error
        marks.first.append(first)
        marks.end.append(first + end)
        for number, tile in tiles.items():
            codes = _codes(tile, f"tile {number} of {element.get('name')!r}", marks.strange)
            if codes != (KEEP, KEEP):
                marks.codes[first + number] = codes
    return marks


def spawn_places(layers: list[RawLayer], path: Path, tile_width: int, tile_height: int) -> list[Place]:
    """The objects that carry one of the words of `PLACES` as class or name, in tiles. Raises MapError."""
    templates: dict[Path, etree.Element] = {}
    places = []
    for layer in layers:
        for element in layer.objects:
            merged = _merged(element, path, templates)
            words = (merged.get("class"), merged.get("type"), merged.get("name"))
            list_name = next((PLACES[word.lower()] for word in words if word and word.lower() in PLACES), None)
            if list_name is None:
                continue
            try:
                item = parse_object(merged, "utf-8")
            except _MALFORMED as error:
                what = f"object {element.get('id')!r} of layer {layer.name!r} is not as Tiled writes it ({error!r})"
                raise MapError(path, what, _SAVE_AGAIN) from error
            places.append(_place(list_name, item, path, tile_width, tile_height))
    return places


def _plain_tileset(element: etree.Element, file: Path) -> tuple[etree.Element, int]:
    """The tileset with nothing but what is needed here, and how many tile numbers it has."""
    name = element.get("name", "")
    width = integer(element, "tilewidth", file, 1, 65536)
    height = integer(element, "tileheight", file, 1, 65536)
    tiles = element.findall("tile")
    highest = max((integer(tile, "id", file, 0, GID - 1) for tile in tiles), default=-1)
    columns = integer(element, "columns", file, 0, GID, -1)
    count = integer(element, "tilecount", file, 0, GID, -1)
    if count < 0 or columns < 0:
        across, down = _grid(element, file, width, height)
        columns = across if columns < 0 else columns
        count = across * down if count < 0 else count
        if count == 0 and highest < 0:
            what = f"tileset {name!r} has neither `tilecount` nor an image with its size"
            raise MapError(file, what, _SAVE_AGAIN)
    attributes = {"name": name, "tilewidth": str(width), "tileheight": str(height)}
    plain = etree.Element("tileset", attributes | {"columns": str(columns), "tilecount": str(count)})
    for tile in tiles:
        kept = etree.SubElement(plain, "tile", {k: v for k, v in tile.attrib.items() if k in ("id", "type", "class")})
        kept.extend(tile.findall("properties"))
    return plain, max(count, highest + 1)


def _grid(element: etree.Element, file: Path, width: int, height: int) -> tuple[int, int]:
    """Columns and rows of the tileset's image: format 1.0 left it to the reader to count them."""
    image = element.find("image")
    if image is None or image.get("width") is None or image.get("height") is None:
        return 0, 0
    spacing = integer(element, "spacing", file, 0, 65536, 0)
    margin = integer(element, "margin", file, 0, 65536, 0)
    across = integer(image, "width", file, 1, 2**20) - 2 * margin + spacing
    down = integer(image, "height", file, 1, 2**20) - 2 * margin + spacing
    return max(0, across // (width + spacing)), max(0, down // (height + spacing))


def _codes(tile: TilesetTile, where: str, strange: list[str]) -> tuple[int, int]:
    """Terrain and feature of a tile, from its properties before its class."""
    properties = {name.lower(): value for name, value in (tile.properties or {}).items()}
    terrain = feature = KEEP
    for name, table in (("terrain", _TERRAIN), ("feature", _FEATURE)):
        word = str(properties.get(name, tile.class_ or "")).lower()
        if word in table and name == "terrain":
            terrain = table[word]
        elif word in table:
            feature = table[word]
        elif name in properties:
            strange.append(f"{where} has {name} {word!r}: expected one of {', '.join(table)}")
    stops = [properties[name] for name in ("solid", "collides") if name in properties]
    if (terrain, feature) == (KEEP, KEEP) and stops:
        terrain = WALL if any(str(value).lower() in ("true", "1") for value in stops) else FLOOR
    if terrain != KEEP and feature == KEEP:
        feature = NONE
    return terrain, feature


def _merged(element: etree.Element, path: Path, templates: dict[Path, etree.Element]) -> etree.Element:
    """The object with its template's attributes and shape under its own."""
    source = element.get("template")
    if source is None:
        return element
    file = beside(path.parent, path, source)
    if file not in templates:
        found = read_xml(file, "template").find("object")
        if found is None:
            raise MapError(file, "has no <object>", _SAVE_AGAIN)
        templates[file] = found
    merged = copy.deepcopy(templates[file])
    merged.attrib.update({name: value for name, value in element.attrib.items() if name != "template"})
    merged.attrib.pop("template", None)
    return merged


def _place(list_name: str, item: TiledObject, path: Path, tile_width: int, tile_height: int) -> Place:
    x, y = item.coordinates.x, item.coordinates.y
    wide, tall = (item.size.width, item.size.height) if item.size else (0.0, 0.0)
    if not all(math.isfinite(value) and abs(value) < 2**40 for value in (x, y, wide, tall)):
        raise MapError(path, f"object {item.id} lies at ({x}, {y}), {wide} x {tall}", "move it onto the map in Tiled")
    if isinstance(item, Tile):
        x, y, wide, tall = x + wide / 2, y - tall / 2, 0.0, 0.0
    elif not isinstance(item, Rectangle | Ellipse):
        wide, tall = 0.0, 0.0
    x0, y0 = math.floor(x / tile_width), math.floor(y / tile_height)
    x1, y1 = math.ceil((x + wide) / tile_width) - 1, math.ceil((y + tall) / tile_height) - 1
    return Place(list_name, x0, y0, max(x0, x1), max(y0, y1))

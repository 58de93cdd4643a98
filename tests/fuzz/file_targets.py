"""Targets: files that come from elsewhere: maps, recorded walks, a store's folder, a bot's ledger, a world's directory.

An input that stands for several files is their bytes, parted by three zero bytes.
"""

import base64
import gzip
import json
import shutil
import zlib
from functools import lru_cache
from pathlib import Path
from zlib import crc32

import zstandard

from archive import bundle, checkpoint
from archive.data_item import sign_item
from archive.errors import ArchiveError
from archive.keys import Ed25519Key
from archive.stores import index_file
from archive.stores.bundle_files import BundleFiles, bundle_name
from archive.stores.catalogue import listing
from archive.stores.disk import DiskStore
from clients import look_files, map_files, tiled
from clients.bots import ledger, walks
from regions import looks
from regions.errors import ConfigError, RecordError
from regions.shell.files import WorldDir
from regions.shell.spool import SpoolDir
from tests.fuzz import seeds
from tests.fuzz.scratch import folder
from tests.fuzz.target import Target, at_most, objects
from world.species import SpeciesError

KEY = Ed25519Key(bytes([9]) * 32)
PART = b"\0\0\0"
MIB = 1 << 20


def _write(raw: bytes, *names: str) -> Path:
    """The parts of an input as files; the first one's path."""
    place = folder() / "files"
    place.mkdir(exist_ok=True)
    for name, part in zip(names, [*raw.split(PART, len(names) - 1), *[b""] * len(names)], strict=False):
        (place / name).write_bytes(part)
    return place / names[0]


# Maps.

WORDS = """<tileset name="words" tilewidth="16" tileheight="16" tilecount="9" columns="3">
<image source="w.png" width="48" height="48"/>
<tile id="0"><properties><property name="terrain" value="water"/></properties></tile><tile id="1">
<properties><property name="solid" type="bool" value="true"/></properties></tile><tile id="2" type="mud"/></tileset>"""
THING = '<template><object name="home" type="home" width="32" height="16"><ellipse/></object></template>'


def _tmx(data: str, more: str = "", head: str = 'width="3" height="2"') -> bytes:
    start = (
        f'<map orientation="orthogonal" tilewidth="16" tileheight="16" {head}><tileset firstgid="1" source="w.tsx"/>'
    )
    whole = (
        f'<?xml version="1.0" encoding="UTF-8"?>{start}<layer name="l" width="3" height="2">{data}</layer>{more}</map>'
    )
    return PART.join((whole.encode(), WORDS.encode(), THING.encode()))


def _tiled_seeds() -> list[bytes]:
    cells = b"".join(gid.to_bytes(4, "little") for gid in (1, 2, 3, 0, 1, 0))
    packed = {
        "gzip": gzip.compress(cells, mtime=0),
        "zlib": zlib.compress(cells),
        "zstd": zstandard.compress(cells),
        "": cells,
    }
    texts = [
        f'<data encoding="base64" compression="{name}">{base64.b64encode(raw).decode()}</data>'
        for name, raw in packed.items()
    ]
    objects = (
        '<objectgroup name="o"><object id="1" name="player" x="4" y="4"/><object id="2" template="t.tx" x="1" y="1"/>'
        '<object id="3" type="deer" x="16" y="0"><polygon points="0,0 4,4"/></object>'
        '<object id="4" name="wolf" gid="2" x="0" y="16" width="16" height="16"/></objectgroup>'
    )
    chunk = '<data encoding="csv"><chunk x="-16" y="0" width="2" height="2">1,2,3,0</chunk></data>'
    tiles = "<data>" + '<tile gid="1"/>' * 6 + "</data>"
    group = (
        '<group name="g"><objectgroup name="p"><object name="field" x="1" y="1"><point/></object></objectgroup></group>'
    )
    return [
        _tmx('<data encoding="csv">1,2,3,\n0,1,0</data>', objects + group),
        _tmx(chunk, head='infinite="1"'),
        _tmx(tiles),
        *map(_tmx, texts),
    ]


def _tiled(raw: bytes) -> object:
    path = _write(raw, "map.tmx", "w.tsx", "t.tx")
    for layer in tiled.raw_layers(path):
        layer.summary()
    return map_files.read_map(path)


def _moving_ai(raw: bytes) -> object:
    return map_files.read_map(_write(raw, "a.map"))


def _scenarios(raw: bytes) -> object:
    return map_files.load_scen(_write(raw, "a.scen"))


MAP = b"type octile\nheight 3\nwidth 4\nmap\n.G@T\nSW..\nO...\n"
SCEN = b"version 1\n0\ta.map\t4\t3\t0\t0\t2\t1\t2.41421356\n\n1 a.map 4 3 0 0 3 1 3\n"


# Recorded walks.


def _rows(raw: bytes) -> object:
    return walks.read_walks(_write(raw, "walks.txt"))


def _splines(raw: bytes) -> object:
    return walks.read_walks(_write(raw, "walks.vsp", "H.txt"))


ROWS = b"# framerate: 8\n1 0 0.5 1 0\n1 40 2.5 1 0\n\n2 3 100 200 0\n2 60 900 1 1\n"
VSP = b"1 - splines\n2 - points\n0.0 1.0 0 90.0 - x\n5.0 1.0 100 90.0\n" + PART + b"1 0 0\n0 1 0\n0 0 1\n"


# A store's folder.


def _store(raw: bytes) -> object:
    """Lines of an index, whose checksums are made to fit, and after them a bundle, which lies under its own hash."""
    place = folder() / "store"
    shutil.rmtree(place, ignore_errors=True)
    index, _, packed = raw.partition(PART)
    name = bundle_name(packed)
    files = BundleFiles(place)
    path = files.path(name)
    path.parent.mkdir(parents=True)
    path.write_bytes(packed)
    lines = [text.replace(b"BUNDLE", name.encode()) for text in index.split(b"\n")]
    (place / "index").write_bytes(b"".join(b"%08x %s\n" % (crc32(text), text) for text in lines))
    store = DiskStore(place)
    found = []
    for item_id in list(store.ids())[:8]:
        try:
            found.append(store.get(item_id))
        except ArchiveError:
            continue
    store.query({"Type": "a"})
    store.listed()
    return found, store.check()


@lru_cache(maxsize=1)
def _store_seeds() -> list[bytes]:
    items = [sign_item(KEY, data, [("Type", "a"), ("ü", "b")]) for data in (b"x", b"y" * 50)]
    packed = bundle.pack(items)
    head = json.dumps([index_file.MAGIC, "0" * 32]).encode()
    line = index_file.line("BUNDLE", listing(packed))[9:-1]
    return [head + b"\n" + line + PART + packed, head + PART + packed, PART + packed, head + b"\n" + line + PART]


def _spool(raw: bytes) -> object:
    """A bundle file among the checkpoints that wait, and what is read of it at the next start."""
    spool = SpoolDir(folder() / "spool")
    shutil.rmtree(spool.path, ignore_errors=True)
    place = spool.path / f"{1:05d}-{1:012d}"
    place.mkdir(parents=True)
    (place / "0000.bundle").write_bytes(raw)
    assert spool.waiting(1) == [1]
    return spool.read(1, 1)


def _spool_seeds() -> list[bytes]:
    items = [item for item in seeds.items() if len(item.raw) < 3000 and item.tag("Type") != checkpoint.TYPE]
    return [bundle.pack([*items[:1], manifest]) for manifest in seeds.items(checkpoint.TYPE)]


# What lies beside a world, and bots' ledgers.


def _about(raw: bytes) -> object:
    return WorldDir(_write(raw, "world.json").parent).read_about()


def _ledger(raw: bytes) -> object:
    """Entries parted by three zero bytes; their lengths and checksums are made to fit."""
    parts = raw.split(PART)
    framed = b"".join(ledger._frame.pack(len(part), crc32(part)) + part for part in parts)
    path = _write(ledger.MAGIC + framed, "bots.ledger")
    return list(ledger.read(path))


def _ledger_seeds() -> list[bytes]:
    filled = bytes([7]) * 64
    entries = [
        bytes([ledger.ACTION]) + filled[: ledger._action.size - 1] + b"body",
        bytes([ledger.UNDONE]) + filled[: ledger._undone.size - 1],
        bytes([ledger.SYNCED]) + filled[: ledger._synced.size - 1],
    ]
    return [PART.join(entries), *entries]


TARGETS = (
    Target(
        "map-tiled",
        _tiled,
        (map_files.MapError,),
        _tiled_seeds,
        {
            "clients.tiled": (
                "raw_layers",
                "layers_of",
                "read_xml",
                "beside",
                "integer",
                "_Builder",
                "_walk",
                "_tile_layer",
                "_decode",
                "_gids",
                "_unpack",
                "shape_of",
                "RawLayer.cells",
                "RawLayer.summary",
            ),
            "clients.tiled_marks": (
                "tile_marks",
                "spawn_places",
                "_plain_tileset",
                "_grid",
                "_codes",
                "_merged",
                "_place",
                "Marks.known",
            ),
            "clients.map_files": ("_read_tiled", "_extent", "_lay", "_finish", "_open_tiles", "_main_piece", "_choose"),
        },
        at_most(24 * tiled.CELLS_MAX),
        words=(b'width="4096"', b"<chunk ", b'template="t.tx"', b"nan", b"1e300", b"<!DOCTYPE a>", b"<group>", b"-1"),
    ),
    Target(
        "map-octile",
        _moving_ai,
        (map_files.MapError,),
        lambda: [MAP],
        {"clients.map_files": ("_read_moving_ai", "_text"), "clients.tiled": ("read_file",)},
        at_most(8 * MIB),
    ),
    Target(
        "map-scenarios",
        _scenarios,
        (map_files.MapError,),
        lambda: [SCEN],
        {"clients.map_files": ("load_scen",)},
        objects,
    ),
    Target(
        "walks-rows",
        _rows,
        (ValueError,),
        lambda: [ROWS],
        {"clients.bots.walks": ("read_walks", "_rows", "_walk", "_number")},
        objects,
    ),
    Target(
        "walks-splines",
        _splines,
        (ValueError,),
        lambda: [VSP],
        {"clients.bots.walks": ("read_walks", "_splines", "_walk", "_homography", "_number")},
        objects,
    ),
    Target(
        "store-folder",
        _store,
        (ArchiveError,),
        _store_seeds,
        {
            "archive.stores.index_file": ("read", "_checked", "_generation", "_parse", "_unreadable"),
            "archive.stores.bundle_files": ("BundleFiles.names", "BundleFiles.read", "BundleFiles.whole"),
            "archive.stores.catalogue": ("listing", "Catalogue.add", "Catalogue.query"),
            "archive.stores.disk": ("DiskStore._refresh", "DiskStore._read_index", "DiskStore._item"),
        },
        at_most(4 * MIB),
        words=(b'["', b"1e999", b"-1", b"../", b"[[[[[[[[", b"null", b'"", ', b"9" * 30),
    ),
    Target(
        "spool",
        _spool,
        (ArchiveError,),
        _spool_seeds,
        {"regions.shell.spool": ("SpoolDir.read", "SpoolDir.waiting", "read_part")},
        objects,
        longest=16384,
    ),
    Target(
        "world-file",
        _about,
        (ConfigError,),
        lambda: [b'{"charter":"a","world":"b","store":"c"}'],
        {"regions.shell.files": ("WorldDir.read_about",)},
        objects,
        shape="json",
    ),
    Target(
        "looks",
        looks.read_looks,
        (RecordError,),
        lambda: [b'[[14,"fox","quadruped",[13132844,12081712],16051424,75,0],[3,"deer","antlered",[1]]]', b"[]"],
        {"regions.looks": ("read_looks",)},
        objects,
        shape="json",
    ),
    Target(
        "look-file",
        lambda raw: look_files.read_look("fox.look", raw.decode("utf-8", "replace"), 14, "fox"),
        (SpeciesError,),
        lambda: [b'shape = "quadruped"\ncolours = ["#c8642c", "#b85a30"] # two\nbelly = "#f4ece0"\nsize = 75\n'],
        {"clients.look_files": ("read_look",)},
        objects,
        shape="text",
    ),
    Target("ledger", _ledger, (ValueError,), _ledger_seeds, {"clients.bots.ledger": ("read", "_payloads")}, objects),
)

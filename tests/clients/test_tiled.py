"""Tiled's files, layer by layer: what the reference maps hold, and every bad file refused by name."""

import base64
import gzip
import json
import zlib
from functools import partial
from pathlib import Path

import pytest
import zstandard

from clients import tiled
from clients.tiled import MapError, raw_layers
from tests.shared_data import SHARED, needs_shared

TILED = SHARED / "data" / "tiled"


@needs_shared
def test_every_reference_map_reads_as_expected() -> None:
    expected = json.loads((TILED / "expected.json").read_text())
    files = sorted(str(file.relative_to(TILED)) for file in TILED.rglob("*.tmx"))
    assert files == sorted(expected)
    for name, described in expected.items():
        found = []
        for layer in raw_layers(TILED / name):
            extra = {"sha256": layer.sha256()} if layer.kind == "tilelayer" else {}
            found.append(layer.summary() | extra)
        assert found == described["layers"], name


def tmx(tmp_path: Path, layers: str, attributes: str = "", before: str = "") -> Path:
    """A map of 2 x 2 tiles with these layers."""
    file = tmp_path / "map.tmx"
    size = 'width="2" height="2" tilewidth="16" tileheight="16"'
    file.write_text(f'{before}<map orientation="orthogonal" {size} {attributes}>{layers}</map>')
    return file


def layer(data: str, name: str = "ground") -> str:
    return f'<layer name="{name}" width="2" height="2">{data}</layer>'


GIDS = b"".join(gid.to_bytes(4, "little") for gid in (1, 0, 0x80000002, 3))


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("csv", '<data encoding="csv">\n1,0,\n2147483650,3\n</data>'),
        ("xml", '<data><tile gid="1"/><tile/><tile gid="2147483650"/><tile gid="3"/></data>'),
        ("base64", f'<data encoding="base64">\n {base64.b64encode(GIDS).decode()}\n</data>'),
        *(
            (
                f"base64+{name}",
                f'<data encoding="base64" compression="{name}">{base64.b64encode(pack(GIDS)).decode()}</data>',
            )
            for name, pack in (
                ("gzip", partial(gzip.compress, mtime=0)),
                ("zlib", zlib.compress),
                ("zstd", zstandard.ZstdCompressor().compress),
                ("zstd", zstandard.ZstdCompressor(write_content_size=False).compress),
            )
        ),
    ],
)
def test_every_encoding_gives_the_same_cells(tmp_path: Path, encoding: str, data: str) -> None:
    (read,) = raw_layers(tmx(tmp_path, layer(data)))
    assert read.encoding == encoding
    xs, ys, gids = read.cells()
    assert (xs.tolist(), ys.tolist(), gids.tolist()) == ([0, 0, 1], [0, 1, 1], [1, 0x80000002, 3])
    assert read.summary()["flipped"] == 1 and read.summary()["bounds"] == [0, 0, 1, 1]


def packed(name: str, data: bytes) -> str:
    return layer(f'<data encoding="base64" compression="{name}">{base64.b64encode(data).decode()}</data>')


BOMB = bytes(64 * 2**20)


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        (packed("zlib", zlib.compress(BOMB)), "expected 16 bytes, found 17"),
        (packed("gzip", gzip.compress(BOMB, mtime=0)), "expected 16 bytes, found 17"),
        (packed("zstd", zstandard.compress(BOMB)), "the zstd frame announces 67108864"),
        (packed("zstd", zstandard.ZstdCompressor(write_content_size=False).compress(BOMB)), "16 bytes, found 17"),
        (packed("zlib", zlib.compress(GIDS)[:-5]), "ends early"),
        (packed("zlib", GIDS), "incorrect header check"),
        (packed("zstd", GIDS), "cannot be decoded"),
        (packed("zstd", zstandard.compress(GIDS)[:-3]), "cannot be decoded"),
        (packed("lzma", GIDS), r"ground.*2 x 2 tiles, base64\+lzma.*an encoding that is not"),
        (packed("gzip", gzip.compress(GIDS[:12], mtime=0)), "expected 16 bytes, found 12"),
        (layer('<data encoding="base64">!!!!</data>'), "cannot be decoded"),
        (layer('<data encoding="csv">1,2,3</data>'), "expected 4 numbers with commas between, found 3"),
        (layer('<data encoding="csv">1,2,3,x</data>'), "cannot be decoded"),
        (layer('<data encoding="csv">1,2,3,</data>'), "cannot be decoded"),
        (layer('<data encoding="csv">1,2,3,4294967296</data>'), "GID is 4294967296"),
        (layer(f'<data encoding="csv">1,2,3,{"9" * 5000}</data>'), "cannot be decoded"),
        (layer("<data><tile gid='1'/></data>"), "expected 4 <tile> elements, found 1"),
        (layer("<data><tile gid='1'/><tile gid='-1'/><tile/><tile/></data>"), "GID"),
        ("<layer name='bare' width='2' height='2'/>", "layer 'bare' has no <data>"),
        ("<layer name='a' width='two' height='2'><data/></layer>", "width='two': expected a whole number, 1 to 65536"),
        ("<layer name='a' width='65536' height='65536'><data/></layer>", "more than 33554432 tiles in its layers"),
        ("<layer name='a'><data><chunk x='9999999999' y='0' width='1' height='1'/></data></layer>", "x='9999999999'"),
        ("<group>" * 40 + layer("<data/>") + "</group>" * 40, "more than 32 deep"),
    ],
)
def test_bad_layers_are_refused_with_file_reason_and_remedy(tmp_path: Path, layers: str, says: str) -> None:
    with pytest.raises(MapError, match=says) as caught:
        raw_layers(tmx(tmp_path, layers))
    assert caught.value.file.endswith("map.tmx") and caught.value.to_do


def test_many_layers_together_are_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiled, "CELLS_MAX", 11)
    two = layer('<data encoding="csv">1,2,3,4</data>') * 2
    assert len(raw_layers(tmx(tmp_path, two))) == 2
    with pytest.raises(MapError, match="more than 11 tiles"):
        raw_layers(tmx(tmp_path, two + layer('<data encoding="csv">1,2,3,4</data>')))


LAUGHS = (
    "<?xml version='1.0'?><!DOCTYPE map [<!ENTITY a 'ha'>"
    + "".join(f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)


@pytest.mark.parametrize(
    "before",
    [LAUGHS, "<!DOCTYPE map SYSTEM 'file:///etc/passwd'>", "<!DOCTYPE map [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"],
)
def test_entities_are_never_expanded(tmp_path: Path, before: str) -> None:
    with pytest.raises(MapError, match="declares a DOCTYPE"):
        raw_layers(tmx(tmp_path, layer("<data>&i;</data>"), before=before))


@pytest.mark.parametrize(
    "data", [b"", b"not xml", b"<map", b"PK\x03\x04zip", b"<map>\x00</map>", b"\xff\xfe<", b"<map>&x;</map>"]
)
def test_what_is_not_xml_is_refused(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "map.tmx"
    file.write_bytes(data)
    with pytest.raises(MapError, match="is not well-formed XML"):
        raw_layers(file)


def test_other_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MapError, match="there is no such file"):
        raw_layers(tmp_path / "absent.tmx")
    with pytest.raises(MapError, match="there is no such file"):
        raw_layers(tmp_path)
    with pytest.raises(MapError, match="there is no such file"):
        raw_layers(Path("/dev/zero"))
    file = tmp_path / "map.tmx"
    file.write_text("<tileset/>")
    with pytest.raises(MapError, match="holds <tileset>, not <map>"):
        raw_layers(file)
    monkeypatch.setattr(tiled, "ELEMENTS_MAX", 3)
    with pytest.raises(MapError, match="more than 3 elements"):
        raw_layers(tmx(tmp_path, layer("<data/>" * 5)))
    with pytest.raises(MapError, match="larger than 5 bytes"):
        tiled.read_file(file, 5)


def test_a_very_deep_document_harms_nothing(tmp_path: Path) -> None:
    depth = 200_000
    assert raw_layers(tmx(tmp_path, "<a>" * depth + "</a>" * depth)) == []

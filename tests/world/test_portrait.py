"""An asset's words and picture follow from its traits alone, and never change once minted."""

import hashlib
import json
import random
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shared_data import SHARED, needs_shared
from world.items import ASSET_KINDS, FIND, MASTERPIECE, PROP, SKIN
from world.png import png
from world.portrait import SIDE, TRAITS_MAX, erc721, named, picture, picture_png
from world.relics import ACCENTS, FORMS, MATERIALS

GOLDEN = Path(__file__).parents[1] / "golden" / "portrait.json"
every_traits = st.integers(0, TRAITS_MAX)
every_kind = st.integers(1, len(ASSET_KINDS) - 1)


def read_png(data: bytes) -> tuple[int, int, list[bytes], bytes]:
    """A reader of its own: width, height, unfiltered rows and palette; every check sum is checked."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + size]
        assert zlib.crc32(name + body) == struct.unpack_from(">I", data, at + 8 + size)[0]
        chunks[name] = body
        at += 12 + size
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, colour, rest) == (4, 3, [0, 0, 0])
    raw = zlib.decompress(chunks[b"IDAT"])
    stride = (width + 1) // 2
    rows: list[bytes] = []
    for y in range(height):
        filtered = raw[y * (stride + 1) : (y + 1) * (stride + 1)]
        above = rows[-1] if filtered[0] == 2 else bytes(stride)
        rows.append(bytes((a + b) & 255 for a, b in zip(filtered[1:], above)))
    assert len(raw) == height * (stride + 1)
    return width, height, rows, chunks[b"PLTE"]


@settings(deadline=None, max_examples=50)
@given(every_traits, every_kind)
def test_the_file_holds_the_picture(traits: int, kind: int) -> None:
    pixels, palette = picture(traits, kind)
    width, height, rows, colours = read_png(picture_png(traits, kind))
    assert (width, height) == (320, 320)
    assert colours == b"".join(bytes(colour) for colour in palette)
    for y in range(0, height, 10):
        wide = [half for byte in rows[y] for half in (byte >> 4, byte & 15)]
        assert wide == [colour for colour in pixels[y // 10] for _ in range(10)]
        assert rows[y : y + 10] == [rows[y]] * 10


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.integers(0, 15), min_size=700, max_size=700), min_size=1, max_size=3), st.integers(1, 3))
def test_any_pixels_are_written(pixels: list[list[int]], scale: int) -> None:
    _, _, rows, _ = read_png(png(pixels, [(i, i, i) for i in range(16)], scale))
    wide = [half for byte in rows[0] for half in (byte >> 4, byte & 15)]
    assert wide == [colour for colour in pixels[0] for _ in range(scale)]


@pytest.mark.parametrize(
    "run", [*range(1, 40), 63, 64, 65, 66, 130, 131, 162, 163, 226, 227, 256, 257, 258, 259, 260, 600]
)
def test_runs_of_every_length(run: int) -> None:
    pixels = [[1, 2] + [3, 3] * run + [4, 5]]
    _, _, rows, _ = read_png(png(pixels, [(0, 0, 0)] * 6))
    assert rows == [b"\x12" + b"\x33" * run + b"\x45"]


def test_impossible_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="0 x 0"):
        png([], [(0, 0, 0)])
    with pytest.raises(ValueError, match="17 colours"):
        png([[0]], [(0, 0, 0)] * 17)
    with pytest.raises(ValueError, match="63 bits"):
        picture(TRAITS_MAX + 1, FIND)
    with pytest.raises(ValueError, match="kind 0"):
        named(1, 0)


def test_golden_pictures_and_metadata() -> None:
    """Archived metadata and pictures can be drawn again from the traits; a change here would say they were forged."""
    golden = json.loads(GOLDEN.read_text())
    assert len(golden) >= 8
    for case in golden:
        traits, kind = int(case["traits"], 16), case["kind"]
        assert hashlib.sha256(picture_png(traits, kind)).hexdigest() == case["sha256"]
        assert named(traits, kind) == case["named"]


def test_relics_are_the_same_left_and_right_and_fill_their_frame() -> None:
    for form in FORMS:
        assert all(inner <= outer <= SIDE // 2 for inner, outer in zip(form.inner, form.outer))
        assert all(outer == 0 or inner < outer for inner, outer in zip(form.inner, form.outer)), form.name
        assert sum(1 for outer in form.outer if outer) >= 18, form.name
    for kind in (FIND, MASTERPIECE, SKIN, PROP):
        assert sum(1 for form in FORMS if form.kind == kind) >= 3
    for rare in range(4):
        assert sum(1 for material in MATERIALS if material.lowest <= rare <= material.highest) >= 4
    assert all(len(material.tones) == 5 for material in MATERIALS)
    assert all(len(accent.tones) == 3 for accent in ACCENTS)


def test_a_thousand_finds_look_different() -> None:
    draw = random.Random(3)
    pictures = {picture_png(draw.getrandbits(63), FIND) for _ in range(300)}
    assert len(pictures) >= 299
    assert max(len(data) for data in pictures) < 4096


@settings(deadline=None)
@given(every_traits, every_kind, st.integers(1, TRAITS_MAX))
def test_metadata_reads_as_wallets_expect(traits: int, kind: int, asset: int) -> None:
    metadata = erc721(asset, traits, kind, "ar://picture", "a-world")
    assert json.loads(json.dumps(metadata)) == metadata
    assert set(metadata) == {"name", "description", "image", "attributes"}
    assert len(metadata["name"]) <= 80
    assert len(metadata["description"]) <= 300
    assert metadata["image"] == "ar://picture"
    kinds = [attribute["trait_type"] for attribute in metadata["attributes"]]
    assert len(set(kinds)) == len(kinds)
    assert all(set(attribute) == {"trait_type", "value"} for attribute in metadata["attributes"])
    assert all(isinstance(attribute["value"], str) for attribute in metadata["attributes"])


@needs_shared
def test_metadata_fits_the_published_schema() -> None:
    schema = json.loads((SHARED / "vectors" / "nft" / "erc721_metadata.schema.json").read_text())
    metadata = erc721(7, 123456789, FIND, "ar://picture")
    for name, rule in schema["properties"].items():
        assert rule["type"] == "string"
        assert isinstance(metadata[name], str)
        assert metadata[name]


@needs_shared
def test_collections_of_others_keep_their_attributes() -> None:
    """Real names, quotes inside and all, go through JSON as attributes unharmed."""
    bags = json.loads((SHARED / "vectors" / "nft" / "loot_bags_1_200.json").read_text())
    for bag in bags:
        for slots in bag.values():
            attributes = [{"trait_type": slot, "value": name} for slot, name in slots.items()]
            metadata = erc721(1, 1, FIND, "ar://picture") | {"attributes": attributes}
            again = json.loads(json.dumps(metadata))
            assert {entry["trait_type"]: entry["value"] for entry in again["attributes"]} == slots

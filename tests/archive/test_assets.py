"""Assets' items as other software reads them, the table of holders, the chronicle's lines."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import assets, chronicle
from archive.assets import Face, Held, Where
from archive.compression import compress
from archive.errors import ArchiveError, Damaged
from archive.keys import Ed25519Key, b64
from regions.holdings import face, metadata
from world.items import FIND
from world.portrait import TRAITS_MAX

KEY = Ed25519Key(bytes(range(32)))
WORLD = b64(bytes(range(32)))
WHERE = Where(WORLD, 2, 7)
ROWS = st.lists(
    st.tuples(st.integers(1, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**16 - 1)),
    unique_by=lambda row: row[0],
    max_size=40,
)


@given(rows=ROWS)
def test_a_table_comes_back_in_the_order_of_ids(rows: list[tuple[int, int, int]]) -> None:
    held = [Held(*row) for row in rows]
    assert assets.decode_table(assets.encode_table(held)) == sorted(held)


def test_an_asset_in_two_places_has_no_table() -> None:
    with pytest.raises(ArchiveError, match="asset 0000000000000007 is in two places"):
        assets.encode_table([Held(7, 1, 1), Held(8, 1, 1), Held(7, 2, 2)])


@given(raw=st.binary(max_size=200))
def test_any_other_bytes_are_no_table(raw: bytes) -> None:
    with pytest.raises(Damaged):
        assets.decode_table(raw)


def test_a_table_that_is_cut_short_or_out_of_order_is_refused() -> None:
    raw = assets.encode_table([Held(7, 1, 1), Held(9, 2, 1)])
    for end in range(len(raw)):
        with pytest.raises(Damaged):
            assets.decode_table(raw[:end])
    twice = b"".join(number.to_bytes(8, "little") for number in (7, 0, 1, 1)) + bytes(4)
    with pytest.raises(Damaged, match="does not come after"):
        assets.decode_table(assets.MAGIC + (2).to_bytes(4, "little") + compress(twice))
    with pytest.raises(Damaged, match="36 bytes of content for 3 assets"):
        assets.decode_table(assets.MAGIC + (3).to_bytes(4, "little") + compress(twice))


def test_an_asset_is_read_as_any_wallet_reads_one() -> None:
    """ERC-721 JSON whose image is a permanent item, ANS-110 tags, the Universal Data License."""
    asset, traits = 1 << 48 | 5, 0x2A5B_1234_9ABC_DEF0
    look = face(asset, FIND, traits)
    picture = assets.sign_picture(KEY, WHERE, look)
    words = metadata(WORLD, asset, FIND, traits, assets.image_uri(picture))
    item = assets.sign_metadata(KEY, WHERE, look, words)
    for one in (picture, item):
        one.verify()
        assert one.tag("Title") == look.title and len(look.title) <= 150
        assert (one.tag("Implements"), one.tag("Asset"), one.tag("World")) == ("ANS-110", "0001000000000005", WORLD)
        assert (one.tag("Era"), one.tag("Checkpoint")) == ("2", "7")
        assert one.tag("License") == "dE0rmDfl9_OWjkDznNEXHaSO_JohJkRolvMzaCroUdw"
        assert len(one.tag("Description") or "") <= 300
        for topic in look.topics:
            assert one.tag(f"Topic:{topic}") == topic
    assert picture.tag("Type") == "image" and picture.tag("Content-Type") == "image/png"
    assert picture.data.startswith(b"\x89PNG\r\n\x1a\n")
    assert item.tag("Type") == "token" and item.tag("Content-Type") == "application/json"
    found = json.loads(item.data)
    assert found["name"] == look.title and found["image"] == f"ar://{b64(picture.id)}"
    assert {"trait_type", "value"} == set(found["attributes"][0])


@given(traits=st.integers(0, TRAITS_MAX), kind=st.integers(1, 4))
def test_every_asset_s_words_fit_their_tags(traits: int, kind: int) -> None:
    look = face(1, kind, traits)
    assert len(look.title) <= assets.TITLE_MAX and len(look.description) <= assets.DESCRIPTION_MAX
    assets.sign_metadata(KEY, WHERE, look, b"{}").verify()


def test_longer_words_are_cut_to_what_ans_110_allows() -> None:
    item = assets.sign_picture(KEY, WHERE, Face(1, "t" * 200, "d" * 400, (), b"png"))
    assert item.tag("Title") == "t" * 150 and item.tag("Description") == "d" * 300


# The collection.


def test_a_collection_is_read_as_marketplaces_read_one() -> None:
    ids = [b64(bytes([number]) * 32) for number in range(20)]
    item = assets.sign_collection(KEY, WORLD, 2, 7, ids)
    item.verify()
    words = json.loads(item.data)
    assert (words["version"], words["kind"]) == (2, "arweave-native-token-assets")
    assert words["name"] and words["description"] and (words["assetCount"], words["assets"]) == (20, ids)
    assert item.tag("Type") == "Collection-Manifest" and item.tag("Content-Type") == "application/json"
    assert assets.decode_collection(item.data) == ids


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"[" * 9000, b"\xff", b'{"kind": 1}'])
def test_other_json_is_no_collection(raw: bytes) -> None:
    with pytest.raises(Damaged):
        assets.decode_collection(raw)


def test_a_collection_that_miscounts_or_names_no_ids_is_refused() -> None:
    raw = assets.encode_collection(WORLD, [WORLD])
    for other in (raw.replace(b'"assetCount":1', b'"assetCount":2'), raw.replace(WORLD.encode(), b"x" * 42)):
        with pytest.raises(Damaged):
            assets.decode_collection(other)


def test_collections_cost_a_world_no_more_than_its_assets_do() -> None:
    """A list of all assets at each new one would grow with their square."""
    listed = lines = 0
    for count in range(1, 20_000):
        if assets.collection_due(listed, count - listed):
            listed, lines = count, lines + count
        assert count - listed <= count // 16
    assert lines < 18 * 20_000


# The chronicle.

WORDS = st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text(max_size=30), max_size=4)


@given(lines=st.lists(WORDS, max_size=8))
def test_a_chronicle_s_lines_come_back(lines: list[dict[str, object]]) -> None:
    raw = chronicle.encode(lines)
    assert raw.count(b"\n") == len(lines)
    assert chronicle.decode(raw) == lines


def test_words_of_any_alphabet_stay_on_their_line() -> None:
    lines = [{"text": "a\u2028b\x85c\r\nd"}, {"text": "\ud800 half a letter"}, {"text": "Grüße, 世界"}]
    raw = chronicle.encode(lines)
    assert chronicle.decode(raw) == lines and "Grüße, 世界".encode() in raw


@pytest.mark.parametrize("raw", [b"{}", b"{}\n[]\n", b"nonsense\n", b"\xff\n", b"[" * 9000 + b"\n"])
def test_other_text_is_no_chronicle(raw: bytes) -> None:
    with pytest.raises(Damaged):
        chronicle.decode(raw)

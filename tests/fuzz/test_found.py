"""What fuzzing found, kept: each input, or what it came down to, and what must come of it."""

import json
from pathlib import Path
from zlib import crc32

import msgspec
import pytest

from archive import bundle
from archive.data_item import sign_item
from archive.errors import ArchiveError
from archive.keys import Ed25519Key
from archive.stores.bundle_files import BundleFiles, bundle_name
from archive.stores.disk import DiskStore
from clients.bots.walks import read_walks
from clients.item_words import held
from clients.seen import Seen
from regions import founding, region_state
from regions.errors import RecordError
from regions.gateway import Gateway
from regions.gateway_verbs import Heard
from regions.messages import Answer, Delta, Keys, encode
from regions.views import RegionView
from tests.fuzz import seeds, wire_targets
from tests.fuzz.wire_targets import BUS, ENTERING, at_gateway
from world.mirror import Mirror


@pytest.mark.parametrize("rectangle", [(-6, 0, 8, 4), (0, 0, 1 << 40, 1), (0, 0, 4, 300)])
def test_a_welcome_with_rectangles_that_no_world_has_is_refused(rectangle: tuple[int, int, int, int]) -> None:
    """They raised ValueError, which ended the client."""
    with pytest.raises(RecordError):
        Seen(((0, 0, 0, 0), rectangle))


def test_a_welcome_names_no_more_regions_than_view_frames_can() -> None:
    """Two megabytes of them took a thousand times as much memory."""
    with pytest.raises(RecordError, match="257 regions"):
        Seen(((0, 0, 4, 4),) * 257)


@pytest.mark.parametrize(
    "text",
    [
        "1 0 0 0\n1 99 1e999 0\n",
        "# framerate: 0\n1 0 0 0\n1 99 1 0\n",
        "# framerate: nan\n1 0 0 0\n1 99 1 0\n",
        "inf 0 0 0\n1 99 1 0\n",
    ],
)
def test_walks_with_numbers_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    """They raised OverflowError, or gave walks of infinite and undefined places."""
    path = tmp_path / "walks.txt"
    path.write_text(text)
    with pytest.raises(ValueError):
        read_walks(path)


@pytest.mark.parametrize("homography", ["", "1 2", "0 0 0 0 0 0 0 0 0", "nan 0 0 0 1 0 0 0 1", None])
def test_splines_without_a_homography_are_refused(tmp_path: Path, homography: str | None) -> None:
    """They raised FileNotFoundError, warned, or gave walks of undefined places."""
    path = tmp_path / "walks.vsp"
    path.write_text("1 - splines\n2 - points\n0.0 1.0 0 90.0\n5.0 1.0 100 90.0\n")
    if homography is not None:
        (tmp_path / "H.txt").write_text(homography)
    with pytest.raises(ValueError):
        read_walks(path)


def test_a_state_in_another_encoding_is_no_state() -> None:
    """It was read, and the region that went on from it had another state hash than the snapshot it came from."""
    raw = seeds.played()[0].region(0).encode()
    first = raw.index(b"\xc4\x20")
    longer = raw[:first] + b"\xc5\x00\x20" + raw[first + 2 :]  # the first id's length in two bytes
    assert region_state.decode(raw, founding.rules_of(0), bytes(32)).encode() == raw
    with pytest.raises(RecordError, match="one encoding"):
        region_state.decode(longer, founding.rules_of(0), bytes(32))


@pytest.mark.parametrize("chunk", [2**31, -(2**31) - 1, 2**63, 2**64 - 1])
def test_a_delta_of_a_chunk_beyond_all_numbers_is_refused(chunk: int) -> None:
    """numpy raised OverflowError, which ended the gateway that heard it."""
    with pytest.raises(ValueError):
        Mirror((0, 0, 64, 64)).apply((chunk,), b"\0")
    gateway = Gateway(at_gateway().door)
    if 0 <= chunk < 2**64:
        one = Delta(1, 1, 1, 5, 9, 0, 0, bytes(32), (chunk,), (0, 1), b"\0")
        keys = Keys(1, 1, 1, 4, 0, 1, (chunk,), (0, 1), b"\0")
        for message in (one, keys):
            gateway.step(wire_targets.NOW_MS, Heard(encode(message)))
        assert gateway.figures.messages_bad == 1


def test_keys_that_leave_chunks_out_are_refused() -> None:
    """A client who looked at what was left out ended the gateway with a KeyError."""
    mirror = Mirror((0, 0, 64, 64))
    mirror.apply(range(16), seeds.shown()[0][17:])
    first = mirror.key(0)
    view = RegionView(1, (0, 0, 8, 4))
    with pytest.raises(ValueError, match="keys of 1 chunks; region 1 has 32"):
        view.keys(Keys(1, 0, 0, 3, 0, 1, (0,), (0, len(first)), first))
    assert view.keys_wanted


@pytest.mark.parametrize("verdict", [99, 2**31 - 1])
def test_a_login_refused_for_a_reason_that_nobody_knows_is_told_by_its_number(verdict: int) -> None:
    """The unknown number raised ValueError and ended the gateway."""
    here = at_gateway()
    answer = here.answers(Answer(here.entity, 0, 1, here.login_chain, verdict, 1))
    effects = wire_targets._gateway(msgspec.msgpack.encode([(ENTERING, b""), (BUS, answer)]))
    assert f"reason {verdict}" in repr(effects)


def deep(depth: int = 100_000) -> bytes:
    """JSON that no recursion survives."""
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize("kind", ["token", "Everloom-Chronicle", "Everloom-Manifest", "Everloom-Era"])
def test_an_item_whose_json_is_nested_beyond_reading_is_said_to_be_damaged(kind: str) -> None:
    """`archive show` ended with RecursionError."""
    item = sign_item(Ed25519Key(bytes([9]) * 32), deep(), [("Type", kind)])
    with pytest.raises(ArchiveError):
        list(held(item))


BAD_LINES = (
    deep(),
    b'["", []]',
    b'["../../../../etc/hostname", []]',
    b'["BUNDLE", [["ITEM", 1e999, 200, "OWNER", []]]]',
    b'["BUNDLE", [["ITEM", -1, 200, "OWNER", []]]]',
    b'["BUNDLE", [["ITEM", 99999999999999999999, 200, "OWNER", []]]]',
    b'["BUNDLE", [["ITEM", 96, -1, "OWNER", []]]]',
    b'["BUNDLE", [["ITEM", 96, 200, "OWNER", [["a", 1]]]]]',
    b'["BUNDLE", [["ITEM", true, 200, "OWNER", []]]]',
)


@pytest.mark.parametrize("line", BAD_LINES, ids=[str(one[:40]) for one in BAD_LINES])
def test_an_index_line_that_no_store_wrote_is_damage_and_names_no_file(tmp_path: Path, line: bytes) -> None:
    """Lines with a right checksum raised RecursionError, OverflowError or IndexError, and could name any file."""
    item = sign_item(Ed25519Key(bytes([9]) * 32), b"x", [("Type", "a")])
    packed = bundle.pack([item])
    path = BundleFiles(tmp_path).path(bundle_name(packed))
    path.parent.mkdir(parents=True)
    path.write_bytes(packed)
    line = (
        line.replace(b"BUNDLE", bundle_name(packed).encode()).replace(b"ITEM", b"A" * 43).replace(b"OWNER", b"B" * 43)
    )
    head = json.dumps(["everloom-index-1", "0" * 32]).encode()
    (tmp_path / "index").write_bytes(b"".join(b"%08x %s\n" % (crc32(text), text) for text in (head, line)))
    store = DiskStore(tmp_path)
    assert len(list(store.ids())) == 1
    assert "is damaged" in str(store.problems)
    assert store.query({"Type": "a"}) == list(store.ids())

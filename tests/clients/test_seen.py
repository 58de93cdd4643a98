"""View frames as a client reads them: what a gateway makes is read, anything else is refused and changes nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.seen import NOTHING, Seen
from regions.errors import RecordError
from regions.messages import Keys
from regions.protocol import FLAG_ANEW
from regions.views import RegionView
from tests.regions.little_world import START_MS, LittleWorld
from world.delta import encode_key
from world.shown import LOOK_LEAVING, WireRows, wire_rows

REGIONS = ((0, 0, 0, 0), (0, 0, 4, 4), (4, 0, 8, 4))


def rows_of(world: LittleWorld, index: int) -> WireRows:
    region = world.cores[index].region
    assert region is not None
    return wire_rows(region.bodies, ())


def shown_once() -> tuple[RegionView, bytes]:
    """A region's view and a frame of all of it."""
    world = LittleWorld(tiles=(128, 64))
    world.advance(START_MS + 200)
    rows = rows_of(world, 1)
    keys = [encode_key(rows, chunk) for chunk in range(16)]
    ends = tuple(int(end) for end in np.cumsum([0, *map(len, keys)]))
    view = RegionView(1, (0, 0, 4, 4))
    view.keys(Keys(1, 0, 0, 3, 0, 1, tuple(range(16)), ends, b"".join(keys)))
    return view, view.key_frame((0, 0, 4, 4), frozenset(), anew=True)


VIEW, WHOLE = shown_once()


def test_a_frame_of_a_gateway_is_read_with_its_numbers() -> None:
    seen = Seen(REGIONS)
    frame = seen.take(WHOLE)
    assert (frame.region, frame.tick, frame.anew, frame.keys, frame.slowed) == (1, 3, True, 16, False)
    assert list(seen.regions[1].mirror.held) == list(range(16))
    assert seen.tile(3, 3) == 0 and seen.tile(70, 3) == -1 and seen.tile(-1, 0) == -1


def test_a_smaller_rectangle_forgets_the_rest_and_an_empty_one_everything() -> None:
    seen = Seen(REGIONS)
    seen.take(WHOLE)
    seen.take(VIEW.key_frame((1, 1, 2, 2), frozenset(range(16)), anew=False))
    assert list(seen.regions[1].mirror.held) == [5, 6, 9, 10]
    seen.take(VIEW.key_frame(NOTHING, frozenset(), anew=False))
    assert not len(seen.regions[1].mirror.held) and seen.find(1) is None


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda raw: raw[:10], "the least is 20"),
        (lambda raw: raw[:1] + b"\x07" + raw[2:], "region 7"),
        (lambda raw: raw[:16] + bytes([3, 0, 4, 4]) + raw[20:], "rectangle"),
        (lambda raw: raw[:2] + b"\x81" + raw[3:], "flags"),
        (lambda raw: raw[:-1], "ends within"),
        (lambda raw: raw + b"\0", "too many"),
        (lambda raw: raw[:20] + b"\xff\xff" + b"\xff" * 9, "ends within a length"),
    ],
)
def test_a_broken_frame_is_refused_with_words(change: object, words: str) -> None:
    seen = Seen(REGIONS)
    with pytest.raises(RecordError, match=words):
        seen.take(change(WHOLE))  # type: ignore[operator]
    assert not len(seen.regions[1].mirror.held)


@settings(max_examples=300)
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_flipped_byte_is_read_or_refused_and_never_more(at: int, flip: int) -> None:
    raw = bytearray(WHOLE)
    raw[at] ^= flip
    seen = Seen(REGIONS)
    try:
        frame = seen.take(bytes(raw))
    except RecordError:
        return
    assert frame.region in seen.regions and len(seen.regions[frame.region].mirror.held) <= 16


@given(st.sampled_from((WHOLE[:2], WHOLE[:20])), st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(head: bytes, raw: bytes) -> None:
    seen = Seen(REGIONS)
    region = seen.regions[1]
    try:
        frame = seen.take(head + raw)
    except RecordError as error:
        assert str(error) and region.tick == region.n == -1 and not len(region.mirror.held)
    else:
        assert (frame.region, frame.tick, frame.n) == (1, region.tick, region.n)


def test_of_two_images_of_a_body_the_true_one_is_found() -> None:
    """EXAMPLES 4: the higher hop; of equal hops the one that is not leaving."""
    seen = Seen(REGIONS)
    for index, hop, look, x in ((1, 7, LOOK_LEAVING, 100), (2, 7, 0, 200)):
        mirror = seen.regions[index].mirror
        mirror.ids = np.array([5], np.int64)
        mirror.cols = np.array([[x, 10, 0, 0, 1, 0, look, hop]], np.int32)
    body = seen.find(5)
    assert body is not None and (body.region, body.x) == (2, 200)
    seen.regions[1].mirror.cols[0, 7] = 8
    body = seen.find(5)
    assert body is not None and body.region == 1
    assert FLAG_ANEW == 1

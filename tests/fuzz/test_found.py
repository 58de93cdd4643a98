"""What fuzzing found, kept: each input, or what it came down to, and what must come of it."""

from pathlib import Path

import pytest

from clients.bots.walks import read_walks
from clients.seen import Seen
from regions.errors import RecordError


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

"""What was compressed comes back, and nothing else is decompressed: no bombs, no trailing bytes, no broken frames."""

import subprocess
import sys
from contextlib import suppress

import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from archive.compression import LEVEL_MAX, WINDOW_BYTES_MAX, compress, decompress
from archive.errors import ArchiveError, Damaged

LIMIT = 1 << 20


@given(st.binary(max_size=5000), st.integers(1, LEVEL_MAX))
def test_content_comes_back(data: bytes, level: int) -> None:
    assert decompress(compress(data, level), len(data)) == data


@pytest.mark.parametrize("level", [1, 3, LEVEL_MAX])
def test_large_content_stays_within_the_window(level: int) -> None:
    data = bytes(range(256)) * 50_000
    frame = compress(data, level)
    assert zstandard.get_frame_parameters(frame).window_size <= WINDOW_BYTES_MAX
    assert decompress(frame, len(data)) == data


def test_levels_are_bounded() -> None:
    for level in (-5, 0, LEVEL_MAX + 1):
        with pytest.raises(ArchiveError, match=f"level {level}, allowed 1 to 19"):
            compress(b"", level)


def _frame(data: bytes, **settings: int) -> bytes:
    level = zstandard.ZstdCompressionParameters.from_level(3, **settings)
    return zstandard.ZstdCompressor(compression_params=level).compress(data)


def _without_size(data: bytes) -> bytes:
    compressor = zstandard.ZstdCompressor(write_content_size=False)
    return compressor.compress(data)


# RFC 8878: a 4-byte content size, a window of 2^(10 + 17) bytes, and "hello" in one last raw block.
WIDE_WINDOW = b"\x28\xb5\x2f\xfd" + b"\x80" + b"\x88" + (5).to_bytes(4, "little") + b"\x29\0\0hello"
SKIPPABLE = b"\x50\x2a\x4d\x18" + (8).to_bytes(4, "little") + b"12345678"
HELLO = compress(b"hello" * 100)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (compress(bytes(LIMIT + 1)), "1048577 bytes of content, limit 1048576"),
        (_without_size(b"hello"), "does not say how long"),
        (WIDE_WINDOW, "a window of 134217728 bytes, limit 8388608"),
        (HELLO + b"\0", "unused data|bytes"),
        (HELLO + HELLO, "unused data|bytes"),
        (HELLO[:-1], "did not decompress full frame"),
        (SKIPPABLE, "frame"),
        (SKIPPABLE + HELLO, "frame"),
        (HELLO[:4], "frame header"),
        (b"", "frame header"),
        (compress(b"") + b"\0", "announces no content, but 8 bytes follow"),
        (compress(b"")[:-1], "announces no content, but 6 bytes follow"),
        (_frame(b"hello" * 20, write_checksum=True)[:-4] + b"\0\0\0\0", "checksum"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_frames_are_refused(frame: bytes, reason: str) -> None:
    with pytest.raises(Damaged, match=reason):
        decompress(frame, LIMIT)


def test_a_frame_that_announces_less_than_it_holds_is_refused() -> None:
    frame = bytearray(_frame(b"x" * 200, write_content_size=1))
    assert frame[4:6] == b"\x20\xc8"  # a single segment of 200 bytes
    for announced in (0, 1, 199, 201, 255):
        frame[5] = announced
        with pytest.raises(Damaged):
            decompress(bytes(frame), LIMIT)


def test_a_dictionary_is_refused() -> None:
    dictionary = zstandard.train_dictionary(4096, [b"sample number %d of many" % n * 10 for n in range(500)])
    with pytest.raises(Damaged, match="needs dictionary"):
        decompress(zstandard.ZstdCompressor(dict_data=dictionary).compress(b"sample number 3"), LIMIT)


def test_a_bomb_costs_no_memory() -> None:
    """A frame of 1 GiB of zeros is 32 KiB; it is refused by a process that may use 200 MB more than it does."""
    bomb_and_refusal = """
import resource, sys
import zstandard
from archive.compression import decompress
from archive.errors import Damaged
chunks = zstandard.ZstdCompressor().compressobj(size=1 << 30)
bomb = b"".join(chunks.compress(bytes(1 << 20)) for _ in range(1024)) + chunks.flush()
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (200 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    decompress(bomb, 1 << 20)
except Damaged as error:
    print(error)
"""
    run = subprocess.run(
        [sys.executable, "-c", bomb_and_refusal], check=False, capture_output=True, text=True, timeout=60
    )
    assert run.stdout == "zstd frame: 1073741824 bytes of content, limit 1048576\n", run.stderr


@given(st.binary(max_size=300), st.binary(max_size=60), st.data())
@example(b"", b"", None)
def test_any_bytes_are_decompressed_or_refused(content: bytes, noise: bytes, data: st.DataObject | None) -> None:
    frame = bytearray(compress(content))
    if data is not None:
        start = data.draw(st.integers(0, len(frame)))
        frame[start : start + data.draw(st.integers(0, 8))] = noise
    for raw in (bytes(frame), noise):
        with suppress(ArchiveError):
            assert len(decompress(raw, LIMIT)) <= LIMIT

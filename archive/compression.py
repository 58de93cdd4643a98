"""Compression (zstd, one frame) that can be undone without trusting what was compressed.

Not a checksum and not canonical: other versions of zstd compress to other bytes, so hash and sign what was compressed.
"""

import zstandard

from archive.errors import ArchiveError, Damaged

WINDOW_BYTES_MAX = 8 << 20
LEVEL_MAX = 19  # higher levels use windows above 8 MiB
EMPTY_BLOCK = b"\x01\0\0"  # RFC 8878: last, raw, 0 bytes
EMPTY_CHECKSUM = b"\x99\xe9\xd8\x51"  # the low half of XXH64 of nothing


def compress(data: bytes, level: int = 3) -> bytes:
    """One zstd frame that says how long its content is and carries a checksum."""
    if not 1 <= level <= LEVEL_MAX:
        raise ArchiveError("zstd frame", f"level {level}, allowed 1 to {LEVEL_MAX}")
    settings = zstandard.ZstdCompressionParameters.from_level(
        level, source_size=len(data), write_content_size=True, write_checksum=True
    )
    return bytes(zstandard.ZstdCompressor(compression_params=settings).compress(data))


def decompress(data: bytes, limit: int) -> bytes:
    """The content of exactly one frame of at most `limit` bytes. Raises `Damaged` for any other bytes.

    The header is read first: zstd allocates what it announces, and heeds a limit only where it announces nothing.
    Trailing bytes are refused, as two different byte strings would decode to one content.
    """
    try:
        header = zstandard.get_frame_parameters(data)
    except zstandard.ZstdError as error:
        raise Damaged("zstd frame", f"{len(data)} bytes without a frame header: {error}") from None
    if header.content_size in (zstandard.CONTENTSIZE_UNKNOWN, zstandard.CONTENTSIZE_ERROR):
        raise Damaged("zstd frame", "does not say how long its content is")
    if header.content_size > limit:
        raise Damaged("zstd frame", f"{header.content_size} bytes of content, limit {limit}")
    if header.window_size > WINDOW_BYTES_MAX:
        raise Damaged("zstd frame", f"a window of {header.window_size} bytes, limit {WINDOW_BYTES_MAX}")
    if header.dict_id:
        raise Damaged("zstd frame", f"needs dictionary {header.dict_id}")
    if header.content_size == 0:
        return _empty(data, header.has_checksum)
    decompressor = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES_MAX)
    try:
        content = bytes(decompressor.decompress(data, max_output_size=limit, allow_extra_data=False))
    except zstandard.ZstdError as error:
        raise Damaged("zstd frame", str(error)) from None
    if len(content) != header.content_size:
        raise Damaged("zstd frame", f"{len(content)} bytes of content where the header says {header.content_size}")
    return content


def _empty(data: bytes, has_checksum: bool) -> bytes:
    """python-zstandard returns nothing for a header that announces nothing, whatever follows it: so look."""
    rest = data[zstandard.frame_header_size(data) :]
    if rest != EMPTY_BLOCK + (EMPTY_CHECKSUM if has_checksum else b""):
        raise Damaged("zstd frame", f"announces no content, but {len(rest)} bytes follow that are not an empty block")
    return b""

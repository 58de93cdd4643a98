"""The tag section of a data item: pairs of text in Avro's array encoding.

A reader keeps the raw bytes beside the pairs: Avro allows the same tags in several encodings, and the signature covers
the bytes as they came. Text that is not UTF-8 is refused, because two readers would show it differently.
Sources: ANS-104 section 2.1 (128 tags, names to 1,024 bytes, values to 3,072, neither empty), arbundles' limit of 4,096
bytes for the section, the Avro 1.11 binary encoding.
"""

from collections.abc import Iterable

from archive.errors import ArchiveError, Damaged

TAGS_MAX = 128
NAME_BYTES_MAX = 1024
VALUE_BYTES_MAX = 3072
TAG_BYTES_MAX = 4096
VARINT_BYTES_MAX = 10  # 64 bits in groups of 7

Tags = tuple[tuple[str, str], ...]


def encode_tags(tags: Iterable[tuple[str, str]]) -> bytes:
    """One positive Avro block and its terminator; no tags give no bytes. Raises `ArchiveError` beyond a limit."""
    pairs = list(tags)
    if not pairs:
        return b""
    if len(pairs) > TAGS_MAX:
        raise ArchiveError("tags", f"{len(pairs)} tags, limit {TAGS_MAX}")
    parts = [_encode_long(len(pairs))]
    for name, value in pairs:
        parts.append(_encode_text("name", name, NAME_BYTES_MAX))
        parts.append(_encode_text("value", value, VALUE_BYTES_MAX))
    raw = b"".join(parts) + b"\0"
    if len(raw) > TAG_BYTES_MAX:
        raise ArchiveError("tags", f"{len(raw)} bytes of tags, limit {TAG_BYTES_MAX}")
    return raw


def decode_tags(raw: bytes, count: int) -> Tags:
    """Reads exactly `count` tags from exactly all of `raw`; any number of blocks, with or without byte sizes.

    Raises `Damaged` for anything else, whatever the bytes.
    """
    if len(raw) > TAG_BYTES_MAX:
        raise Damaged("tags", f"{len(raw)} bytes of tags, limit {TAG_BYTES_MAX}")
    if count > TAGS_MAX:
        raise Damaged("tags", f"{count} tags, limit {TAGS_MAX}")
    if not raw and count == 0:
        return ()
    tags: list[tuple[str, str]] = []
    position = 0
    while True:
        block, position = _decode_long(raw, position)
        if block == 0:
            break
        block_end = None
        if block < 0:
            size, position = _decode_long(raw, position)
            block, block_end = -block, position + size
        if len(tags) + block > count:
            raise Damaged("tags", f"at least {len(tags) + block} tags where the header says {count}")
        for _ in range(block):
            name, position = _decode_text(raw, position, "name", NAME_BYTES_MAX)
            value, position = _decode_text(raw, position, "value", VALUE_BYTES_MAX)
            tags.append((name, value))
        if block_end is not None and block_end != position:
            raise Damaged("tags", f"a block says it ends at byte {block_end}, but ends at {position}")
    if position != len(raw):
        raise Damaged("tags", f"{len(raw)} bytes of tags, but the array ends at byte {position}")
    if len(tags) != count:
        raise Damaged("tags", f"{len(tags)} tags where the header says {count}")
    return tuple(tags)


def _encode_long(value: int) -> bytes:
    zigzag = value << 1
    out = bytearray()
    while zigzag > 0x7F:
        out.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    out.append(zigzag)
    return bytes(out)


def _encode_text(what: str, text: str, limit: int) -> bytes:
    try:
        raw = text.encode()
    except UnicodeEncodeError as error:
        raise ArchiveError("tags", f"{what} cannot be written as UTF-8: {error.reason}") from None
    if not 1 <= len(raw) <= limit:
        raise ArchiveError("tags", f"{what} of {len(raw)} bytes, allowed 1 to {limit}")
    return _encode_long(len(raw)) + raw


def _decode_long(raw: bytes, position: int) -> tuple[int, int]:
    zigzag = 0
    for index in range(VARINT_BYTES_MAX):
        if position + index >= len(raw):
            raise Damaged("tags", f"cut short inside a number at byte {len(raw)}")
        byte = raw[position + index]
        zigzag |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            if zigzag >= 1 << 64:
                break
            return (zigzag >> 1) ^ -(zigzag & 1), position + index + 1
    raise Damaged("tags", f"the number at byte {position} is longer than 64 bits")


def _decode_text(raw: bytes, position: int, what: str, limit: int) -> tuple[str, int]:
    size, start = _decode_long(raw, position)
    if not 1 <= size <= limit:
        raise Damaged("tags", f"{what} of {size} bytes at byte {position}, allowed 1 to {limit}")
    if start + size > len(raw):
        raise Damaged("tags", f"{what} at byte {start} needs {size} bytes, {len(raw) - start} are left")
    try:
        return raw[start : start + size].decode(), start + size
    except UnicodeDecodeError as error:
        raise Damaged("tags", f"{what} at byte {start} is not UTF-8: {error.reason}") from None

"""The disk store's index: one line a bundle, so that opening a store need not read the bundles.

    crc32 of the rest, 8 hex digits | space | JSON | newline
    first line's JSON:  ["everloom-index-1", generation]      32 random hex digits, new with every rewrite
    other lines' JSON:  [bundle, [[id, offset, size, owner, [[name, value]...]]...]]

Lines are only ever appended, a bundle at a time; a repair writes the file anew beside it and renames it into place.
Derived data: not synced, never trusted over the bundles, and whatever is wrong with it is healed by reading those.
"""

import json
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final
from zlib import crc32

import msgspec
from msgspec import Meta

from archive.bundle import BUNDLE_BYTES_MAX
from archive.data_item import ITEM_BYTES_MAX, ITEM_BYTES_MIN
from archive.stores.catalogue import Listed

MAGIC = "everloom-index-1"
LINE_BYTES_MAX = 8 * BUNDLE_BYTES_MAX  # a bundle of nothing but tags, each byte escaped as \u00xx

Name = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{43}\Z")]  # a bundle's becomes a path, so it is nothing else
Offset = Annotated[int, Meta(ge=0, le=BUNDLE_BYTES_MAX)]
Size = Annotated[int, Meta(ge=ITEM_BYTES_MIN, le=ITEM_BYTES_MAX)]
_head: Final = msgspec.json.Decoder(tuple[str, Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]])
_bundle: Final = msgspec.json.Decoder(tuple[Name, list[tuple[Name, Offset, Size, Name, tuple[tuple[str, str], ...]]]])


@dataclass
class Progress:
    """How far a reader has read which generation of the index."""

    generation: str | None = None  # "" once the index was found to be unreadable
    position: int = 0


@dataclass
class Reading:
    """What one look at the index brought."""

    restarted: bool = False  # another generation than before: forget what was read of the last one
    bundles: list[tuple[str, list[Listed]]] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)
    partial: bool = False  # the last line lacks its newline: being written, or torn


def read(path: Path, progress: Progress) -> Reading:
    """Reads the lines added since `progress`, and moves it on. Damage, or no file at all, is reported once."""
    reading = Reading()
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return _unreadable(reading, progress, "the index is missing")
    with os.fdopen(descriptor, "rb") as file:
        head = file.readline(128)
        generation = _generation(head)
        if generation is None:
            return _unreadable(reading, progress, "the index has no valid first line")
        size = os.fstat(file.fileno()).st_size
        if generation != progress.generation or size < progress.position:
            reading.restarted = True
            progress.generation, progress.position = generation, len(head)
        file.seek(progress.position)
        while line := file.readline(LINE_BYTES_MAX):
            if not line.endswith(b"\n"):
                reading.partial = True
                break
            bundle = _parse(line)
            if bundle is None:
                reading.damage.append(f"the index line at byte {progress.position} is damaged")
            else:
                reading.bundles.append(bundle)
            progress.position += len(line)
    return reading


def line(bundle: str, listed: Sequence[Listed]) -> bytes:
    """The index line of one bundle."""
    items = [[item.id, item.offset, item.size, item.owner, item.tags] for item in listed]
    return _line([bundle, items])


def whole(bundles: Iterable[tuple[str, Sequence[Listed]]]) -> Iterable[bytes]:
    """The lines of a new index, of a new generation."""
    yield _line([MAGIC, secrets.token_hex(16)])
    for bundle, listed in bundles:
        yield line(bundle, listed)


def _unreadable(reading: Reading, progress: Progress, why: str) -> Reading:
    if progress.generation != "":
        reading.restarted = True
        reading.damage.append(why)
        progress.generation, progress.position = "", 0
    return reading


def _line(content: list[object]) -> bytes:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return b"%08x %s\n" % (crc32(text), text)


def _checked(line: bytes, decoder: "msgspec.json.Decoder[Any]") -> Any:
    """What a line holds, or None."""
    text = line[9:-1]
    if line[:9] != b"%08x " % crc32(text) or line[-1:] != b"\n":
        return None
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _generation(line: bytes) -> str | None:
    found: tuple[str, str] | None = _checked(line, _head)
    return found[1] if found is not None and found[0] == MAGIC else None


def _parse(line: bytes) -> tuple[str, list[Listed]] | None:
    found = _checked(line, _bundle)
    return None if found is None else (found[0], [Listed(*item) for item in found[1]])

"""The chronicle: key events of a world as lines that people read, and programs too.

A chronicle item's data is UTF-8 text, one JSON object a line, sorted keys, each line ended by a newline; whoever fills
it decides on the fields. Not compressed: it is there to be read. The item's tags, in this order:
Data-Protocol=Everloom, Type=Everloom-Chronicle, Content-Type=application/x-ndjson, World, Era, Checkpoint.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from archive.data_item import DataItem, sign_item
from archive.errors import ArchiveError, Damaged
from archive.keys import Key

TYPE: Final = "Everloom-Chronicle"
BYTES_MAX: Final = 32 << 20


def encode(lines: Iterable[Mapping[str, Any]]) -> bytes:
    """The bytes of a chronicle. Raises `ArchiveError` above BYTES_MAX."""
    texts = [json.dumps(line, ensure_ascii=False, sort_keys=True, separators=(",", ":")) for line in lines]
    raw = "".join(text + "\n" for text in texts).encode(errors="backslashreplace")
    if len(raw) > BYTES_MAX:
        raise ArchiveError("chronicle", f"{len(raw)} bytes, limit {BYTES_MAX}")
    return raw


def decode(raw: bytes) -> list[dict[str, Any]]:
    """Read a chronicle. Raises `Damaged` for any other bytes."""
    if len(raw) > BYTES_MAX:
        raise Damaged("chronicle", f"{len(raw)} bytes, limit {BYTES_MAX}")
    if raw and not raw.endswith(b"\n"):
        raise Damaged("chronicle", "cut short: its last line has no end")
    lines: list[dict[str, Any]] = []
    try:
        for text in raw.decode().split("\n")[:-1]:
            line = json.loads(text)
            if not isinstance(line, dict):
                raise Damaged("chronicle", f"line {len(lines) + 1} is not a JSON object")
            lines.append(line)
    except (ValueError, RecursionError) as error:
        raise Damaged("chronicle", f"line {len(lines) + 1}: {error}") from None
    return lines


def tags(world: str, era: int, checkpoint: int) -> list[tuple[str, str]]:
    """The tags of a chronicle's item."""
    return [
        ("Data-Protocol", "Everloom"),
        ("Type", TYPE),
        ("Content-Type", "application/x-ndjson"),
        ("World", world),
        ("Era", str(era)),
        ("Checkpoint", str(checkpoint)),
    ]


def sign(key: Key, world: str, era: int, checkpoint: int, lines: Iterable[Mapping[str, Any]]) -> DataItem:
    """The chronicle as an item signed by a node."""
    return sign_item(key, encode(lines), tags(world, era, checkpoint))

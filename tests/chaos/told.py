"""What players were told is done: the bots' ledgers, read on while they are written (format: `clients.bots.ledger`)."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from clients.bots import ledger

FRAME: Final = struct.Struct("<HI")
ACTION: Final = struct.Struct("<BQQQHBH32s")


@dataclass
class Ledgers:
    """The actions that players were told are done, as far as they were not yet found in the archive."""

    folder: Path
    told: dict[tuple[int, int], tuple[bytes, int, int, int]] = field(default_factory=dict)
    places: dict[Path, int] = field(default_factory=dict)
    entries: int = 0

    def read(self) -> Iterator[tuple[int, int, bytes, int, int, int]]:
        """What was added since: entity, number, chain, region, record, status."""
        for path in sorted(self.folder.glob("*.ledger")):
            at = self.places.get(path, len(ledger.MAGIC))
            with path.open("rb") as file:
                file.seek(at)
                raw = file.read()
            begin = 0
            while len(raw) - begin >= FRAME.size:
                size, crc = FRAME.unpack_from(raw, begin)
                payload = raw[begin + FRAME.size : begin + FRAME.size + size]
                if len(payload) < size or zlib.crc32(payload) != crc:
                    break  # being written, or torn by a kill
                begin += FRAME.size + size
                if payload[0] == ledger.ACTION:
                    _, entity, number, n, region, status, _, chain = ACTION.unpack_from(payload)
                    self.entries += 1
                    yield entity, number, chain, region, n, status
            self.places[path] = at + begin

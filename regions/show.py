"""What clients see of a region: each durable tick as one delta message, and key frames for who lost the place."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from regions import letters
from regions.compute import Folded
from regions.messages import Delta, Keys
from regions.record import Record
from regions.region_state import Region
from world.delta import encode_key, encode_tick
from world.shown import WireRows, wire_rows

KEYS_BYTES_MAX = 384 * 1024  # of one part


class Show:
    """Holds what was shown last; encodes what changed once, for everyone."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.era = self.term = 0
        self.tick_shown = 0
        self.rows: WireRows | None = None

    def begin(self, region: Region) -> None:
        """Start anew from a loaded state."""
        self.rows = wire_rows(region.bodies, letters.in_flight(region.state))
        self.era, self.tick_shown = region.state.era, region.state.tick

    def tick(self, region: Region, record: Record, folded: Folded, head: bytes, late_ms: int) -> Delta:
        """The delta message of a tick that has just become durable."""
        before = self.rows
        now = wire_rows(region.bodies, letters.in_flight(region.state), before)
        assert before is not None
        index, data = encode_tick(before, now, folded.events)
        self.rows, self.era, self.term, self.tick_shown = now, record.era, record.term, record.tick
        offsets = [int(row[1]) for row in index]
        return Delta(
            region=self.index,
            era=record.era,
            term=record.term,
            tick=record.tick,
            n=record.n,
            archived=region.state.archived,
            late_ms=late_ms,
            hash=head,
            chunks=tuple(int(row[0]) for row in index),
            offsets=(*offsets, len(data)),
            data=data,
        )

    def key_frames(self) -> Iterator[Keys]:
        """Key frames of every chunk, in parts that fit a message."""
        assert self.rows is not None
        parts: list[tuple[list[int], list[bytes]]] = [([], [])]
        size = 0
        for chunk in range(len(self.rows.starts) - 1):
            key = encode_key(self.rows, chunk)
            if size + len(key) > KEYS_BYTES_MAX:
                parts.append(([], []))
                size = 0
            parts[-1][0].append(chunk)
            parts[-1][1].append(key)
            size += len(key)
        for place, (chunks, keys) in enumerate(parts):
            ends = np.cumsum([0, *map(len, keys)])
            offsets = tuple(int(end) for end in ends)
            assert all(a <= b for a, b in pairwise(offsets))
            data = b"".join(keys)
            yield Keys(
                self.index, self.era, self.term, self.tick_shown, place, len(parts), tuple(chunks), offsets, data
            )

"""What the archivist's core is told, and what it asks its shell to do, as values."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from regions.messages import Message

# Events.


class Records(Struct, frozen=True):
    """The next records of a region's log: (number, bytes)."""

    index: int
    records: tuple[tuple[int, bytes], ...]


class SnapshotFiles(Struct, frozen=True):
    """The answer to ReadSnapshots: by partition index, the newest file's bytes; empty where there is none."""

    files: Mapping[int, bytes]


class Spooled(Struct, frozen=True):
    """A checkpoint is safe in the spool, which now holds so many bytes."""

    number: int
    spool_bytes: int


class Uploaded(Struct, frozen=True):
    """Every store has handed back every item of a checkpoint."""

    number: int


class Failed(Struct, frozen=True):
    """Spooling or uploading a checkpoint did not work out; it is tried again."""

    number: int
    reason: str
    spoilt: bool = False  # what the spool holds cannot be read: no store will ever take it


class Unspooled(Struct, frozen=True):
    """A confirmed checkpoint's files are gone from the spool, which now holds so many bytes."""

    spool_bytes: int


class Superseded(Struct, frozen=True):
    """The store holds an owner-signed charter of a later era: this world's history goes on elsewhere."""

    era: int


class FinalOrder(Struct, frozen=True):
    """A planned stop has begun: the regions with land have ended. Order the last checkpoint."""


class Stop(Struct, frozen=True):
    """Every region has ended at these records: make the last checkpoint exactly there."""

    ends: Mapping[int, int]


class Timer(Struct, frozen=True):
    """The time asked for by Wake has come."""


Event = Records | SnapshotFiles | Spooled | Uploaded | Failed | Unspooled | Superseded | FinalOrder | Stop | Timer

# Effects, to be carried out in order.


class Follow(Struct, frozen=True):
    """Read a region's log from this record on, and go on reading."""

    index: int
    first: int


class ReadSnapshots(Struct, frozen=True):
    """Read each region's newest local snapshot file up to a record (None: the newest)."""

    up_to: Mapping[int, int | None]


class Spool(Struct, frozen=True):
    """Write a checkpoint's bundles to files, the manifest in the last of them."""

    number: int
    bundles: tuple[bytes, ...]


class Upload(Struct, frozen=True):
    """Put a spooled checkpoint's bundles into every store, in order, and read everything back."""

    number: int


class Unspool(Struct, frozen=True):
    """Delete a confirmed checkpoint's files."""

    number: int


class Publish(Struct, frozen=True):
    """Send a message; `subject` without the world's short name."""

    subject: str
    message: Message


class Tell(Struct, frozen=True):
    """One JSON line to whoever started this process."""

    words: dict[str, Any]


class Wake(Struct, frozen=True):
    """Give a Timer at this time; an earlier Wake is replaced."""

    at_ms: int


class End(Struct, frozen=True):
    """Nothing more to do."""

    status: int


Effect = Follow | ReadSnapshots | Spool | Upload | Unspool | Publish | Tell | Wake | End

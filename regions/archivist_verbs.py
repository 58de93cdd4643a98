"""What the archivist's core is told, and what it asks its shell to do, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from regions.messages import Message

# Events.


@dataclass(frozen=True)
class Records:
    """The next records of a region's log: (number, bytes)."""

    index: int
    records: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True)
class SnapshotFiles:
    """The answer to ReadSnapshots: by partition index, the newest file's bytes; empty where there is none."""

    files: Mapping[int, bytes]


@dataclass(frozen=True)
class Spooled:
    """A checkpoint is safe in the spool, which now holds so many bytes."""

    number: int
    spool_bytes: int


@dataclass(frozen=True)
class Uploaded:
    """Every store has handed back every item of a checkpoint."""

    number: int


@dataclass(frozen=True)
class Failed:
    """Spooling or uploading a checkpoint did not work out; it is tried again."""

    number: int
    reason: str
    spoilt: bool = False  # what the spool holds cannot be read: no store will ever take it


@dataclass(frozen=True)
class Unspooled:
    """A confirmed checkpoint's files are gone from the spool, which now holds so many bytes."""

    spool_bytes: int


@dataclass(frozen=True)
class Superseded:
    """The store holds an owner-signed charter of a later era: this world's history goes on elsewhere."""

    era: int


@dataclass(frozen=True)
class FinalOrder:
    """A planned stop has begun: the regions with land have ended. Order the last checkpoint."""


@dataclass(frozen=True)
class Stop:
    """Every region has ended at these records: make the last checkpoint exactly there."""

    ends: Mapping[int, int]


@dataclass(frozen=True)
class Timer:
    """The time asked for by Wake has come."""


Event = Records | SnapshotFiles | Spooled | Uploaded | Failed | Unspooled | Superseded | FinalOrder | Stop | Timer

# Effects, to be carried out in order.


@dataclass(frozen=True)
class Follow:
    """Read a region's log from this record on, and go on reading."""

    index: int
    first: int


@dataclass(frozen=True)
class ReadSnapshots:
    """Read each region's newest local snapshot file up to a record (None: the newest)."""

    up_to: Mapping[int, int | None]


@dataclass(frozen=True)
class Spool:
    """Write a checkpoint's bundles to files, the manifest in the last of them."""

    number: int
    bundles: tuple[bytes, ...]


@dataclass(frozen=True)
class Upload:
    """Put a spooled checkpoint's bundles into every store, in order, and read everything back."""

    number: int


@dataclass(frozen=True)
class Unspool:
    """Delete a confirmed checkpoint's files."""

    number: int


@dataclass(frozen=True)
class Publish:
    """Send a message; `subject` without the world's short name."""

    subject: str
    message: Message


@dataclass(frozen=True)
class Tell:
    """One JSON line to whoever started this process."""

    words: dict[str, Any]


@dataclass(frozen=True)
class Wake:
    """Give a Timer at this time; an earlier Wake is replaced."""

    at_ms: int


@dataclass(frozen=True)
class End:
    """Nothing more to do."""

    status: int


Effect = Follow | ReadSnapshots | Spool | Upload | Unspool | Publish | Tell | Wake | End

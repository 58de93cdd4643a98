"""What a region core is told, and what it asks its shell to do: the verbs of the outside, as values."""

from dataclasses import dataclass

from regions.messages import Message
from regions.region_state import Region
from regions.seat import Witness

# Events.


@dataclass(frozen=True)
class Loaded:
    """The newest usable snapshot as a region, the log's records after it, and who has seen the log before."""

    region: Region
    records: list[bytes]
    witnesses: tuple[Witness, ...] = ()


@dataclass(frozen=True)
class Settled:
    """What became of an append: `outcome` is durable, taken, behind, unknown, full or impossible."""

    outcome: str
    position: int
    reason: str = ""


@dataclass(frozen=True)
class ReadBack:
    """The record that stands at a position."""

    position: int
    raw: bytes


@dataclass(frozen=True)
class Received:
    """A message from the bus."""

    message: Message


@dataclass(frozen=True)
class Timer:
    """The time asked for by Wake has come."""


@dataclass(frozen=True)
class Stop:
    """Go on to the end of the span, leave a snapshot, and end."""


Event = Loaded | Settled | ReadBack | Received | Timer | Stop

# Effects, to be carried out in order.


@dataclass(frozen=True)
class Append:
    """Append these bytes at this position of the region's log."""

    position: int
    raw: bytes


@dataclass(frozen=True)
class ReadAt:
    """Read the record at this position."""

    position: int


@dataclass(frozen=True)
class Load:
    """The state is spoilt: load the snapshot and the log again."""


@dataclass(frozen=True)
class Publish:
    """Send a message to `letter.<region>`, `answer.<gateway>`, or everyone: `delta`, `beat`."""

    subject: str
    message: Message


@dataclass(frozen=True)
class Snapshot:
    """Write the state after record `n` as a local snapshot file. `raw` hashes to that record's state hash."""

    era: int
    n: int
    head: bytes
    raw: bytes


@dataclass(frozen=True)
class Trim:
    """A confirmed checkpoint holds the log up to this record: drop it there, later ones stay."""

    n: int


@dataclass(frozen=True)
class Wake:
    """Give a Timer at this time; an earlier Wake is replaced."""

    at_ms: int


@dataclass(frozen=True)
class End:
    """The process ends: why, whether an operator must look, and whether another owner has the seat."""

    reason: str
    alarm: bool = False
    fenced: bool = False


Effect = Append | ReadAt | Load | Publish | Snapshot | Trim | Wake | End

"""What a region core is told, and what it asks its shell to do: the verbs of the outside, as values."""

from msgspec import Struct

from regions.messages import Message
from regions.region_state import Region
from regions.seat import Witness

# Events.


class Loaded(Struct, frozen=True):
    """The newest usable snapshot as a region, the log's records after it, and who has seen the log before."""

    region: Region
    records: list[bytes]
    witnesses: tuple[Witness, ...] = ()


class Settled(Struct, frozen=True):
    """What became of an append: `outcome` is durable, taken, behind, unknown, full or impossible."""

    outcome: str
    position: int
    reason: str = ""


class ReadBack(Struct, frozen=True):
    """The record that stands at a position."""

    position: int
    raw: bytes


class Witnessed(Struct, frozen=True):
    """Who had seen the log when `Seek` was carried out for this position."""

    position: int
    witnesses: tuple[Witness, ...]


class Received(Struct, frozen=True):
    """A message from the bus."""

    message: Message


class Timer(Struct, frozen=True):
    """The time asked for by Wake has come."""


class Stop(Struct, frozen=True):
    """Go on to the end of the span, leave a snapshot, and end."""


Event = Loaded | Settled | ReadBack | Witnessed | Received | Timer | Stop

# Effects, to be carried out in order.


class Append(Struct, frozen=True):
    """Append these bytes at this position of the region's log."""

    position: int
    raw: bytes


class ReadAt(Struct, frozen=True):
    """Read the record at this position."""

    position: int


class Seek(Struct, frozen=True):
    """Ask who has seen the log, as when it was loaded, now that our record stands at this position."""

    position: int


class Load(Struct, frozen=True):
    """The state is spoilt: load the snapshot and the log again."""


class Publish(Struct, frozen=True):
    """Send a message to `letter.<region>`, `answer.<gateway>`, or everyone: `delta`, `beat`."""

    subject: str
    message: Message


class Snapshot(Struct, frozen=True):
    """Write the state after record `n` as a local snapshot file. `raw` hashes to that record's state hash."""

    era: int
    n: int
    head: bytes
    raw: bytes


class Trim(Struct, frozen=True):
    """A confirmed checkpoint holds the log up to this record: drop it there, later ones stay."""

    n: int


class Wake(Struct, frozen=True):
    """Give a Timer at this time; an earlier Wake is replaced."""

    at_ms: int


class End(Struct, frozen=True):
    """The process ends: why, whether an operator must look, and whether another owner has the seat."""

    reason: str
    alarm: bool = False
    fenced: bool = False


Effect = Append | ReadAt | Seek | Load | Publish | Snapshot | Trim | Wake | End

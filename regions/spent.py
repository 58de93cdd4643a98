"""What the processes of a world say of their own work, for operators: where the time goes, how far behind logs are.

Subjects, below the world's short name `w`; the bus is at most once, and nobody acts on any of this:

    w.spent.<region index>   an owner's process, twice a second: Spent
    w.running                a machine's agent, once a second: Running

Not in `regions.messages`, as the fold's own closure holds that: how a tick is measured is no part of the rules.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from regions.errors import RecordError
from world.phases import Phase

PHASES: Final = len(Phase)
PROCESSES_MAX: Final = 256
SPENT_BYTES_MAX: Final = 64 * 1024

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Index = Annotated[int, Meta(ge=0, le=65_535)]
ByPhase = Annotated[tuple[Count, ...], Meta(min_length=PHASES, max_length=PHASES)]
Name = Annotated[str, Meta(max_length=64)]


class Spent(msgspec.Struct, array_like=True, frozen=True, tag=1, forbid_unknown_fields=True):
    """Since the message before, in microseconds: how long the owner's process worked, by phase, over `ticks` ticks.

    `busiest` is each phase's share of the tick that took longest. An append is waiting, not work: the sum over
    `appends` of them, the longest, and since when the one under way waits. `late_ms` is the latest begin of a tick.
    """

    region: Index
    era: Index
    n: Count  # newest durable record
    archived: Count  # newest record in a confirmed checkpoint
    over: Count  # wall time
    cpu: Count
    ticks: Count
    work: ByPhase
    busiest: ByPhase
    appends: Count
    append: Count
    append_max: Count
    append_waits: Count
    late_ms: Count


class Process(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """One process by what `ps` calls it: CPU since it began in microseconds, resident memory in KiB."""

    name: Name
    cpu: Count
    memory: Count


class Running(msgspec.Struct, array_like=True, frozen=True, tag=2, forbid_unknown_fields=True):
    """A machine: when this was read (monotonic, microseconds), its processes, and what gateways and archivist count.

    `lag_ms`: what losing everything but the store would undo now.
    """

    at: Count
    processes: Annotated[tuple[Process, ...], Meta(max_length=PROCESSES_MAX)]
    checkpoint: Count
    lag_ms: Count
    door: Annotated[dict[Name, Count], Meta(max_length=64)]
    restarts: Count
    words: Annotated[tuple[str, ...], Meta(max_length=16)]  # the newest for the operator


_decoder: Final[msgspec.msgpack.Decoder[Spent | Running]] = msgspec.msgpack.Decoder(Spent | Running)
_encoder: Final = msgspec.msgpack.Encoder()


def encode(said: Spent | Running) -> bytes:
    """The bytes of a message."""
    return _encoder.encode(said)


def decode(raw: bytes) -> Spent | Running:
    """Read a message. Raises RecordError for any bytes that are not one."""
    if len(raw) > SPENT_BYTES_MAX:
        raise RecordError(f"a message of {len(raw)} bytes; the limit is {SPENT_BYTES_MAX}")
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RecordError(f"not a message: {error}") from None

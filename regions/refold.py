"""Folds records on request: the way in for whoever re-runs history under this very Module (`regions.shell.confined`).

It is part of the Module, so what is asked and answered stays as it is whatever a later release makes of the fold. Both
are one MessagePack array each, its first element the tag below. Not here: pipes, and what the process may do.

A region's bodies are bytes to the asker. Of the state beside them (`regions.region_state.RegionState`) an answer
carries the fields that changed since the last one, by name, each the MessagePack of its value.
"""

import hashlib
from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from archive.data_item import parse_item
from regions import compute, founding, region_state
from regions.charter import read_charter
from regions.config import RECORD_BYTES_MAX, STATE_BYTES_MAX
from regions.errors import ChainBroken, Diverged, FoldFailed, RecordError
from regions.record import decode, record_hash
from regions.region_state import Region

Index = Annotated[int, Meta(ge=0, lt=2**16)]
Bytes = Annotated[bytes, Meta(max_length=STATE_BYTES_MAX)]
Words = Annotated[str, Meta(max_length=4_096)]
WORDS_MAX: Final = 2_000


class Asked(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A request about the region with this partition index."""

    index: Index


class Genesis(Asked, tag=1, frozen=True):
    """The region as it was founded, from the first era's charter item and the Map item, whole and checked."""

    charter: Bytes
    map: Bytes


class Load(Asked, tag=2, frozen=True):
    """The region as a snapshot has it; `head` is the hash of its newest record."""

    state: Bytes
    head: Bytes


class Apply(Asked, tag=3, frozen=True):
    """`compute.apply` of a record of the log."""

    record: Annotated[bytes, Meta(max_length=RECORD_BYTES_MAX)]


class Refold(Asked, tag=4, frozen=True):
    """`compute.fold` of what a record was given: what it says came of it is not compared."""

    record: Annotated[bytes, Meta(max_length=RECORD_BYTES_MAX)]


class BeginEra(Asked, tag=5, frozen=True):
    """These bodies, from where on new ids carry this era: bytes for bytes."""

    bodies: Bytes
    era: Annotated[int, Meta(ge=1, lt=2**15)]


class Encode(Asked, tag=6, frozen=True):
    """The bodies' canonical bytes."""


class Ready(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True, tag=0):
    """Said once, before anything is asked: the file that `world` was imported from."""

    world: Words


class Did(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True, tag=1):
    """Done: the newest record's hash, the fields that changed, and the record's verdicts."""

    head: Bytes
    fields: dict[Words, Bytes]
    verdicts: tuple[int, ...] = ()


class Bodies(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True, tag=2):
    """The bodies' canonical bytes."""

    raw: Bytes


class Failed(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True, tag=3):
    """Not done. `kind`: chain, diverged, fold or record as in `regions.errors`, else the name of what was raised."""

    kind: Words
    words: Words


Request = Genesis | Load | Apply | Refold | BeginEra | Encode
Answer = Did | Bodies | Failed
Said = Ready | Answer
KINDS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (ChainBroken, "chain"),
    (Diverged, "diverged"),
    (FoldFailed, "fold"),
    (RecordError, "record"),
)
_requests: Final[msgspec.msgpack.Decoder[Request]] = msgspec.msgpack.Decoder(Request)
_said: Final[msgspec.msgpack.Decoder[Said]] = msgspec.msgpack.Decoder(Said)
_encoder: Final = msgspec.msgpack.Encoder()


def read_request(raw: bytes) -> Request:
    """What is asked. Raises RecordError for any other bytes."""
    try:
        return _requests.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RecordError(f"not a request to a Module: {error}") from None


def read_said(raw: bytes) -> Said:
    """What was answered. Raises RecordError for any other bytes."""
    try:
        return _said.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RecordError(f"not an answer of a Module: {error}") from None


def answering() -> Callable[[bytes], bytes]:
    """Something that answers one request after the other, with regions of its own."""
    regions: dict[int, Region] = {}
    told: dict[int, dict[str, bytes]] = {}

    def answer(raw: bytes) -> bytes:
        try:
            return _encoder.encode(_done(regions, told, read_request(raw)))
        except Exception as error:  # whatever it is, the asker is told: the rules are a stranger's to it
            kind = next((name for which, name in KINDS if isinstance(error, which)), type(error).__name__)
            return _encoder.encode(Failed(kind, str(error)[:WORDS_MAX]))

    return answer


def _done(regions: dict[int, Region], told: dict[int, dict[str, bytes]], asked: Request) -> Answer:
    index = asked.index
    verdicts: tuple[int, ...] = ()
    match asked:
        case Genesis():
            regions[index], told[index] = _founded(asked), {}
        case Load():
            region = region_state.decode(asked.state, founding.rules_of(index), asked.head)
            regions[index], told[index] = region, {}
        case Apply():
            verdicts = compute.apply(regions[index], asked.record)[0].verdicts
        case Refold():
            verdicts = compute.fold(regions[index], decode(asked.record)).verdicts
            regions[index].head = record_hash(asked.record)
        case BeginEra():
            rules = founding.rules_of(index)
            bodies = rules.decode(asked.bodies)
            rules.begin_era(bodies, asked.era)
            return Bodies(rules.encode(bodies))
        case Encode():
            return Bodies(regions[index].rules.encode(regions[index].bodies))
    state: Any = regions[index].state
    fields = {name: _encoder.encode(getattr(state, name)) for name in state.__struct_fields__}
    changed = {name: raw for name, raw in fields.items() if told[index].get(name) != raw}
    told[index] = fields
    return Did(regions[index].head, changed, verdicts)


def _founded(asked: Genesis) -> Region:
    charter, item = read_charter(asked.charter)
    world_map = founding.read_map(parse_item(asked.map))
    return founding.genesis(charter, item.id, hashlib.sha256(item.owner).digest(), asked.index, world_map)

"""What a region's fold carries from record to record, beside the bodies that the rules keep.

Everything here is in the snapshot and under the state hash. The bytes are one MessagePack array, dictionaries sorted by
key: equal states have equal bytes.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec

from regions.config import STATE_BYTES_MAX
from regions.errors import RecordError
from regions.messages import Own
from regions.parcels import Abroad, Claimed, Left, Parcel, Passed
from regions.record import Confirmed, Mail, Order, OwnerSaid
from world.phases import Mark, unmarked
from world.tick import Inputs, Outputs


class Rules(Protocol):
    """The rules as the fold sees them; a state is theirs alone. `world` gives the real ones, tests small ones."""

    def advance(self, state: Any, inputs: Inputs, mark: Mark = unmarked) -> Outputs:
        """One tick, in place; `mark` is told what is begun."""

    def command(self, state: Any, era: int, said: "Command") -> "Commanded":
        """What the world's process does with an input of its own; regions with land refuse it."""

    def encode(self, state: Any) -> bytes:
        """Canonical bytes."""

    def decode(self, raw: bytes) -> Any:
        """The state again; ValueError for any other bytes."""

    def free_rows(self, state: Any) -> int:
        """Rows that no body has."""

    def has(self, state: Any, entity: int) -> bool:
        """Whether the body is here."""

    def ghosts_fit(self, state: Any, ghosts: bytes) -> bool:
        """Whether these bytes are what a neighbour can show of its bodies: what is not never gets into a record."""

    def sleep(self, state: Any, entity: int) -> bytes:
        """Take a body out; its image comes back through Inputs.arrivals."""

    def entity_of(self, image: bytes) -> tuple[int, int, int]:
        """Id, hop and kind of an image; ValueError for any other bytes."""

    def own(self, state: Any, entity: int) -> Own:
        """A player's goods, as told to that player alone."""

    def carried(self, image: bytes) -> Own:
        """The goods of a body that is not in a row: asleep, or on its way."""

    def holder(self, state: Any, asset: int) -> int:
        """The body here that holds an asset; 0: none."""

    def take_out(self, state: Any, entity: int, asset: int) -> tuple[int, int] | None:
        """Take an asset out of the world from a body here; its kind and traits, None when it is not that body's."""

    def put_in(self, state: Any, entity: int, asset: int, kind: int, traits: int) -> bool:
        """Hand an asset from outside to a body; False when it is not here, or has no room."""

    def abroad(self, state: Any, asset: int) -> Abroad | None:
        """Who holds an asset outside; only the world's process knows any."""

    def hop(self, state: Any, entity: int) -> int:
        """Handovers of a body so far."""

    def counts(self, state: Any) -> tuple[int, int]:
        """Bodies, and how many of them move."""

    def begin_era(self, state: Any, era: int) -> None:
        """From here new ids carry this era."""


@dataclass
class Commanded:
    """Verdict (world.events.Refusal) and mail as (receiver's partition index, kind, body)."""

    verdict: int
    mail: list[tuple[int, int, bytes]]


@dataclass(frozen=True)
class Newcomer:
    """A wallet that asks for a body, and its address."""

    wallet: bytes
    address: bytes


Command = Newcomer | Order | Confirmed | OwnerSaid | Passed | Left | Claimed


class Struct(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """A MessagePack array with exactly these fields; mutable, as the fold writes to it."""


class Player(Struct):
    """Who controls a body. Travels with it."""

    entity: int
    wallet: bytes
    session: int  # number of the login that made the controller; 0: none yet
    session_key: bytes
    number: int  # last action admitted
    chain: bytes  # hash chain over admitted actions
    signed: int  # last action that a head covers
    tail: list[bytes]  # chain hashes of the actions after `signed`
    address: bytes  # of the wallet, as AO has it (regions.outside)
    outside: int  # the wallet's last outside item with a number
    idle: int  # ticks without an action, counted in spans


class Sleeper(Struct):
    """A body that left its row: `image` as the rules made it; empty when it was never born."""

    player: Player
    image: bytes


class Neighbour(Struct):
    """What this region and one neighbour owe each other. All numbers have no gaps."""

    index: int  # in the partition; 0 is the world's process
    sent: int  # last mail sent to it
    outbox: list[Mail]  # sent and not yet named consumed
    taken: int  # last mail of its that was consumed here
    leaving: int  # handovers sent to it
    credit: int  # the highest of them it holds a row for
    arrived: int  # handovers of its consumed here
    granted: int  # the highest of its for which a row is reserved here
    era: int  # the newest letter heard
    term: int
    n: int
    hash: bytes
    ghosts: bytes  # from that letter, as long as it is fresh


class Entry(Struct):
    """Something that gets an AO nonce of its own: mail (source index, number, hash), or an outside item (0, 0, id).

    `process` is the mailbox that an item is for; empty: the region itself. `cause` as in `regions.record.Mail`.
    """

    source: int
    number: int
    hash: bytes
    n: int
    time_ms: int
    process: bytes = b""
    cause: bytes = b""


class Span(Struct):
    """Records `first`..`last` whose assignments the scheduler has yet to sign; `hash` is record `last`'s."""

    first: int
    last: int
    hash: bytes
    time_ms: int
    entries: list[Entry]


class Line(Struct):
    """AO's numbering of a process: last nonce given (-1: none), id of that assignment, its Hash-Chain."""

    nonce: int
    last: bytes
    chain: bytes


class Assignments(Struct):
    """AO's numbering of this region, as `Line`, and of the mailboxes that wallets spawned in it."""

    nonce: int
    last: bytes
    chain: bytes
    open: list[Entry]  # of the span that runs
    waiting: list[Span]
    mailboxes: dict[bytes, Line]  # only the world's process has any


class Told(Struct):
    """A key event of the chronicle: its own number, record, time, and the event as world.events has it."""

    number: int
    n: int
    time_ms: int
    event: tuple[int, int, int, int, int, str]


class RegionState(Struct):
    """The fold's state without the rules' part. `previous` is the hash of record n - 1, once n was folded."""

    world: bytes
    region: bytes
    index: int
    module: bytes
    owner: bytes  # address of the world's owner: SHA-256 of its RSA modulus
    era: int
    era_item: bytes
    term: int
    n: int
    tick: int
    time_ms: int
    previous: bytes
    roster: int
    nodes: list[bytes]  # public keys of the nodes in the roster
    partition: int
    claim_node: bytes
    claim_process: bytes
    link: bytes
    links_left: int
    entropy: bytes
    players: dict[int, Player]
    sleepers: dict[int, Sleeper]
    neighbours: list[Neighbour]
    assignments: Assignments
    items: list[bytes]  # ids of the newest outside items without a number, oldest first
    escrow: list[Parcel]  # oldest first
    parked: list[tuple[int, Mail]]  # mail that made a rule raise: (sender, whole mail)
    halted: str  # why no tick may follow; empty when all is well
    halted_at: int  # the record that said so
    chronicle: list[Told]
    chronicle_next: int
    checkpoint: int  # newest confirmed one this region knows of
    archived: int  # its own newest record in it
    trim: int  # its own log may be cut up to here


_decoder: Final[msgspec.msgpack.Decoder[tuple[RegionState, bytes]]] = msgspec.msgpack.Decoder(tuple[RegionState, bytes])
_encoder: Final = msgspec.msgpack.Encoder()


@dataclass
class Region:
    """A region as the fold holds it: protocol state, the rules' state, and the hash of the newest record."""

    state: RegionState
    bodies: Any
    rules: Rules
    head: bytes  # hash of record state.n

    def encode(self) -> bytes:
        """Canonical bytes of the whole state: what the state hash is taken over, and what a snapshot holds."""
        self.state.players = dict(sorted(self.state.players.items()))
        self.state.sleepers = dict(sorted(self.state.sleepers.items()))
        self.state.assignments.mailboxes = dict(sorted(self.state.assignments.mailboxes.items()))
        return _encoder.encode((self.state, self.rules.encode(self.bodies)))

    def digest(self) -> bytes:
        """SHA-256 of `encode()`."""
        return hashlib.sha256(self.encode()).digest()


def decode(raw: bytes, rules: Rules, head: bytes) -> Region:
    """A region from its bytes and the hash of its newest record. Raises RecordError for any other bytes."""
    if len(raw) > STATE_BYTES_MAX:
        raise RecordError(f"a state of {len(raw)} bytes; the limit is {STATE_BYTES_MAX}")
    try:
        state, bodies = _decoder.decode(raw)
        region = Region(state, rules.decode(bodies), rules, head)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ValueError) as error:
        raise RecordError(f"not a region's state: {error}") from None
    if region.encode() != raw:
        raise RecordError(f"region {state.index}, record {state.n}: a state that is not in its one encoding")
    return region

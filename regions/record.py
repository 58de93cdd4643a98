"""The record: what one tick appends to a region's log, and its bytes.

A record is one MessagePack array, fields in the order of `Record`; nested structs are arrays too, inputs are arrays
that begin with their tag. Byte strings are raw (ids and hashes 32 bytes, Ed25519 signatures 64), integers are
MessagePack integers, absent values are empty byte strings or nil as noted. There is one encoding for one record: the
shortest MessagePack form of every value, so `encode(decode(x)) == x` or x is refused.

    hash(record) = SHA-256(bytes of the record)
    previous     = hash of record n - 1; for record 1 of era 1 it is SHA-256("everloom-genesis" | region id)

A record number `n` counts every record; a claim counts in `n` and not in `tick`. The log keeps record n at sequence n.

Signatures made with a node's key cover the bytes that `claim_message` and `head_message` return.
"""

import hashlib
from typing import Annotated, Final, final

import msgspec
from msgspec import Meta

from regions.config import RECORD_BYTES_MAX, RECORD_FORMAT, REPLY_BYTES_MAX
from regions.errors import RecordError

Hash = Annotated[bytes, Meta(min_length=32, max_length=32)]
MaybeHash = Annotated[bytes, Meta(max_length=32)]
Key = Annotated[bytes, Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, Meta(min_length=64, max_length=64)]
MaybeSignature = Annotated[bytes, Meta(max_length=64)]
Maker = Annotated[bytes, Meta(min_length=16, max_length=16)]
Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Small = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class Struct(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A MessagePack array with exactly these fields."""


# Inputs: what the outside asked for, in the order in which the fold takes them.


@final
class Acted(Struct, tag=1, frozen=True):
    """A player's action. `session` is the number of the login that certified the session it came from."""

    entity: Number
    number: Number
    session: Number
    body: Annotated[bytes, Meta(max_length=512)]  # as world.actions reads it


class Login(Struct, tag=2, frozen=True):
    """A numbered action that makes a session key the player's controller; the wallet signed `login_message`."""

    entity: Number
    number: Number
    wallet: Key
    session_key: Key
    nonce: Annotated[bytes, Meta(min_length=16, max_length=16)]
    expires_ms: Number
    signature: Signature


@final
class Head(Struct, tag=3, frozen=True):
    """A player's signature over the hash chain of its actions; `seen` is the newest record hash it has been shown."""

    entity: Number
    number: Number
    chain: Hash
    seen: MaybeHash
    signature: Signature


class Outside(Struct, tag=4, frozen=True):
    """A whole signed ANS-104 item from an outside wallet (regions.outside). `entity` is the wallet's body here, 0 when
    a stranger only reads or asks for a body; `number` the wallet's, as the item says, 0 when it carries none."""

    item: Annotated[bytes, Meta(max_length=65_536)]
    entity: Number
    number: Number


class SpanSigned(Struct, tag=5, frozen=True):
    """The scheduler's signatures for a span, or for its next items where it has very many: per item, in order, the
    item's own (empty: an outside item) and its assignment's."""

    first: Number
    last: Number
    block_height: Number
    signatures: tuple[tuple[MaybeSignature, Signature], ...]


class Birth(Struct, tag=6, frozen=True):
    """To the world's process: a wallet without a body asks for one. `request` is what the wallet signed at login."""

    wallet: Key
    session_key: Key
    nonce: Annotated[bytes, Meta(min_length=16, max_length=16)]
    expires_ms: Number
    signature: Signature


class Order(Struct, tag=7, frozen=True):
    """In the world's process: checkpoint `number` is to be made by `maker`; `full` asks for whole snapshots.

    A maker is one archivist process, by 16 random bytes of its own. Whoever's order stands last in the log may have
    checkpoints confirmed, and only those it ordered; what was ordered from another before is skipped.
    """

    number: Number
    full: bool
    maker: Maker


class Confirmed(Struct, tag=8, frozen=True):
    """To the world's process: the manifest of checkpoint `number` was read back and verified from every store.

    `ends` are (region id, last record in the checkpoint, trim bound) for each region; `maker` gave the last order.
    """

    number: Number
    manifest: Hash
    maker: Maker
    ends: tuple[tuple[Hash, Number, Number], ...]
    node: Key
    signature: Signature


class OwnerSaid(Struct, tag=9, frozen=True):
    """A whole ANS-104 item signed by the world's owner: lift a halt, change the roster, a new Module."""

    item: Annotated[bytes, Meta(max_length=65_536)]


class Issued(Struct, tag=10, frozen=True):
    """A node's signature over the item by which an asset in escrow will leave (regions.escrow)."""

    asset: Number
    node: Key
    signature: Signature


Input = Acted | Login | Head | Outside | SpanSigned | Birth | Order | Confirmed | OwnerSaid | Issued


class Mail(Struct, frozen=True):
    """A message from one region to another, applied exactly once. `kind` as in regions.letters.

    `cause`: the id of the outside item that it was sent for; empty where the world moved by itself.
    """

    number: Number
    kind: Small
    body: Annotated[bytes, Meta(max_length=16_384)]
    cause: MaybeHash = b""


class Heard(Struct, frozen=True):
    """What one tick took from one neighbour's letter: `region` is the neighbour's index (0: the world's process)."""

    region: Small
    era: Small
    term: Number
    n: Number
    hash: Hash
    consumed: Number  # of our mail, by them
    room: Number  # the highest handover number for which they hold a row
    mail: tuple[Mail, ...]
    ghosts: bytes  # as the rules pack them
    signature: MaybeSignature  # over letter_message when it carried mail


class Sent(Struct, frozen=True):
    """What a record says to one neighbour: last number sent, hashes of the new mail and of the ghosts, room granted."""

    region: Small
    number: Number
    mail: tuple[Hash, ...]
    ghosts: MaybeHash  # empty when there are none
    room: Number


class Claim(Struct, frozen=True):
    """The start of a term: who owns the region from here, and the hash chain its draws will be revealed from."""

    node: Key
    process: Annotated[bytes, Meta(min_length=16, max_length=16)]  # random: tells my record from another's
    commitment: Hash  # SHA-256 applied `links` times to a secret
    links: Small
    era_item: Hash  # the owner-signed item that opened this era
    signature: Signature


class Record(Struct, frozen=True):
    """One record. The fields up to `halt` are what the fold is given; the rest is what it gave."""

    format: Small
    era: Small
    term: Number
    n: Number
    tick: Number
    previous: Hash
    time_ms: Number  # previous + clamp(clock - previous, 1, 1000); a claim: max(previous + 1, clock). No rule reads it
    module: Hash  # id of the Module item whose rules made this
    roster: Small
    partition: Small
    claim: Claim | None
    link: MaybeHash  # SHA-256(link) is the link before it, or the commitment; empty in a claim
    inputs: tuple[Input, ...]
    heard: tuple[Heard, ...]
    fresh: Number  # bit i: neighbour i had a letter younger than LETTER_FRESH_MS by the owner's clock
    parked: tuple[
        tuple[Small, Number], ...
    ]  # (neighbour, number) of mail that makes a rule raise: kept whole, not applied
    halt: Annotated[str, Meta(max_length=1024)]  # a fold without inputs raised this: no tick, nobody serves; else empty
    verdicts: tuple[
        int, ...
    ]  # one per input, world.events.Refusal; 0 is done; RULE_FAILED is given: the rule is not run
    replies: tuple[Annotated[bytes, Meta(max_length=REPLY_BYTES_MAX)], ...]  # per Outside, in order; as regions.replies
    sent: tuple[Sent, ...]
    events: MaybeHash  # SHA-256 of the events' bytes; empty when nothing happened
    state_hash: MaybeHash  # when n % SPAN == 0: of the state after this record
    head: MaybeSignature  # when n % SPAN == 0: the node's signature over head_message


_decoder: Final[msgspec.msgpack.Decoder[Record]] = msgspec.msgpack.Decoder(Record)
_encoder: Final = msgspec.msgpack.Encoder()


def encode(record: Record) -> bytes:
    """The bytes of a record. Raises RecordError above RECORD_BYTES_MAX."""
    raw = _encoder.encode(record)
    if len(raw) > RECORD_BYTES_MAX:
        raise RecordError(f"record {record.n} has {len(raw)} bytes; the limit is {RECORD_BYTES_MAX}")
    return raw


def decode(raw: bytes) -> Record:
    """Read a record. Raises RecordError for any bytes that are not the one encoding of a record."""
    if len(raw) > RECORD_BYTES_MAX:
        raise RecordError(f"a record of {len(raw)} bytes; the limit is {RECORD_BYTES_MAX}")
    try:
        record = _decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RecordError(f"not a record: {error}") from None
    if record.format != RECORD_FORMAT:
        raise RecordError(f"record format {record.format}; this program reads {RECORD_FORMAT}")
    if _encoder.encode(record) != raw:
        raise RecordError(f"record {record.n} is not in its one encoding")
    return record


def record_hash(raw: bytes) -> bytes:
    """The hash that the next record names as `previous`."""
    return hashlib.sha256(raw).digest()


def genesis_hash(region: bytes) -> bytes:
    """What record 1 of era 1 names as `previous`."""
    return hashlib.sha256(b"everloom-genesis" + region).digest()


def claim_message(region: bytes, era: int, term: int, n: int, previous: bytes, claim: Claim) -> bytes:
    """What a node signs to claim a region."""
    fields = (region, era, term, n, previous, claim.node, claim.process, claim.commitment, claim.links, claim.era_item)
    return b"everloom-claim-1\0" + _encoder.encode(fields)


def head_message(region: bytes, era: int, term: int, n: int, previous: bytes, state_hash: bytes) -> bytes:
    """What a node signs in record n: the chain up to record n - 1, and the state after n."""
    return b"everloom-head-1\0" + _encoder.encode((region, era, term, n, previous, state_hash))


def login_message(world: bytes, login: Login | Birth) -> bytes:
    """What a wallet signs to certify a session key: bound to one world, one challenge, one day."""
    return b"everloom-login-1\0" + world + login.session_key + login.nonce + login.expires_ms.to_bytes(8, "little")


def first_chain(entity: int) -> bytes:
    """A player's chain hash before its first action."""
    return hashlib.sha256(b"everloom-player" + entity.to_bytes(8, "little")).digest()


def player_chain(chain: bytes, number: int, body: bytes) -> bytes:
    """The hash chain over a player's admitted actions: SHA-256(chain before | number as u64 little-endian | body)."""
    return hashlib.sha256(chain + number.to_bytes(8, "little") + body).digest()


def player_head_message(world: bytes, era: int, entity: int, number: int, chain: bytes, seen: bytes) -> bytes:
    """What a session key signs about its actions: world, era, player, number, chain hash, newest record hash seen."""
    numbers = era.to_bytes(4, "little") + entity.to_bytes(8, "little") + number.to_bytes(8, "little")
    return b"everloom-head-of-player-1\0" + world + numbers + chain + seen


def login_body(login: Login) -> bytes:
    """What a login contributes to the player's hash chain in place of an action's bytes."""
    return b"login" + login.session_key + login.nonce

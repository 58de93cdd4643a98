"""What processes say to one another over the bus: MessagePack arrays, named by direction.

Subjects, all below the world's short name `w` (the first 12 characters of its id in hex):

    w.in.<region index>      gateways and AO doors -> a region: Batch, KeyWanted, Question
    w.where                  gateways -> every region: Where
    w.letter.<region index>  regions -> a region: Letter
    w.delta.<region index>   a region -> everyone: Delta, one a tick
    w.answer.<gateway>       a region -> a gateway or AO door: Answers, Here, Keys, Told
    w.answer                 a region -> every gateway: Answers with what changed hands and who left
    w.beat.<region index>    an owner -> everyone: Beat, when it is late or waiting
    w.world                  anyone -> the world's process: Batch (births, checkpoint orders, confirmations)

The bus is at most once: whatever must arrive is said again until a record shows that it did.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from regions.config import LETTER_BYTES_MAX
from regions.errors import RecordError
from regions.record import (
    Acted,
    Birth,
    Confirmed,
    Hash,
    Head,
    Login,
    Mail,
    MaybeSignature,
    Number,
    Order,
    Outside,
    OwnerSaid,
)
from regions.record import Small as Index

GatewayName = Annotated[str, Meta(max_length=32, pattern=r"\A[A-Za-z0-9_-]+\Z")]  # it becomes part of a subject


class Batch(msgspec.Struct, array_like=True, frozen=True, tag=1, forbid_unknown_fields=True):
    """Inputs for a region in the order in which the gateway took them. `gateway` names where answers go; `era` is the
    one they were meant for, and no other takes them (0: births, which are the same in any)."""

    gateway: GatewayName
    inputs: tuple[Acted | Login | Head | Outside | Birth | Order | Confirmed | OwnerSaid, ...]
    era: Index = 0


class Where(msgspec.Struct, array_like=True, frozen=True, tag=2, forbid_unknown_fields=True):
    """Asks every region whether it holds the body of a wallet; those that do answer `Here`."""

    gateway: GatewayName
    wallet: Hash


class Here(msgspec.Struct, array_like=True, frozen=True, tag=3, forbid_unknown_fields=True):
    """The body of `wallet` is in `region` (`leaving`: in its outbox only). Of several answers the highest hop holds."""

    region: Index
    wallet: Hash
    entity: Number
    hop: Number
    number: Number  # last action admitted
    chain: Hash
    era: Index
    leaving: bool
    asleep: bool


class Answer(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """What became of an input of `entity`. `status` is one of the STATUS_ constants; the rest is the receipt.

    done: `number`, `chain` are the action's own, `verdict` its world.events.Refusal; record and hash are the answer's.
    Every other status carries the last number admitted and its chain hash.
    """

    entity: Number
    status: Index
    number: Number
    chain: Hash
    verdict: Index
    session: Number


STATUS_DONE: Final = 0  # in a durable record
STATUS_LAST: Final = 1  # already done, as every number up to the last
STATUS_BUSY: Final = 2  # not spent: send again later
STATUS_MOVED: Final = 3  # not here: look at where the body went
STATUS_SUPERSEDED: Final = 4  # a newer session controls the body
STATUS_UNSIGNED: Final = 5  # sign a head that covers it, then send again
STATUS_HEAD: Final = 6  # a head was recorded: `number` is what it covers
STATUS_INVALID: Final = 7  # a signature or certificate that does not hold: refused, not spent
STATUS_GAP: Final = 8  # what comes before it has not come: send from last + 1 in order


class Own(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A player's own goods, told to that player alone when they change. Assets are (id, kind, traits).

    `worn` is 1 + the item in hand, 1 + the item worn, the id of the skin worn; each 0: none.
    """

    entity: Number
    coins: int
    goods: tuple[int, ...]
    assets: tuple[tuple[int, int, int], ...]
    worn: tuple[int, int, int] = (0, 0, 0)


class Answers(msgspec.Struct, array_like=True, frozen=True, tag=4, forbid_unknown_fields=True):
    """Everything durable record `n` says to one gateway's players. `left` are (entity, region it went to, hop)."""

    region: Index
    era: Index
    n: Number
    hash: Hash
    answers: tuple[Answer, ...]
    own: tuple[Own, ...]
    left: tuple[tuple[int, int, int], ...]


class Delta(msgspec.Struct, array_like=True, frozen=True, tag=5, forbid_unknown_fields=True):
    """What changed in a region in a tick, encoded once (world.delta): chunks[i]'s bytes at offsets[i]:offsets[i + 1].

    `late_ms` is how late the tick began; `archived` the newest record in a confirmed checkpoint.
    """

    region: Index
    era: Index
    term: Number
    tick: Number
    n: Number
    archived: Number
    late_ms: Number
    hash: Hash
    chunks: tuple[int, ...]
    offsets: tuple[int, ...]
    data: bytes


class KeyWanted(msgspec.Struct, array_like=True, frozen=True, tag=6, forbid_unknown_fields=True):
    """A gateway that has no copy of a region, or lost its place, asks for all its chunks."""

    gateway: GatewayName


class Keys(msgspec.Struct, array_like=True, frozen=True, tag=7, forbid_unknown_fields=True):
    """Key frames of chunks as they stood after `tick`; a region's answer comes in parts of at most 512 KiB."""

    region: Index
    era: Index
    term: Number
    tick: Number
    part: Index
    parts: Index
    chunks: tuple[int, ...]
    offsets: tuple[int, ...]
    data: bytes


class Letter(msgspec.Struct, array_like=True, frozen=True, tag=8, forbid_unknown_fields=True):
    """What a region tells a neighbour after a durable record. `sender` and the receiver are partition indices.

    `mail` is not yet consumed mail for the receiver, oldest first; `consumed` the receiver's mail consumed here;
    `room` the highest handover number of the receiver for which a row is reserved; `archived` reserved, 0.
    Signed by the owner's node over `letter_message` when it carries mail.
    """

    sender: Index
    era: Index
    term: Number
    n: Number
    hash: Hash
    consumed: Number
    room: Number
    mail: tuple[Mail, ...]
    ghosts: bytes
    node: Hash
    signature: MaybeSignature


class Beat(msgspec.Struct, array_like=True, frozen=True, tag=10, forbid_unknown_fields=True):
    """An owner is alive; `state` says what it does: serving, waiting for the log (and why), halted."""

    region: Index
    term: Number
    n: Number
    tick: Number
    state: Annotated[str, Meta(max_length=256)]
    entities: Number
    moving: Number
    players: Number
    handovers: Number
    ticks: Number
    ticks_late: Number
    era: Index  # owners of an era that is over may still beat


class Question(msgspec.Struct, array_like=True, frozen=True, tag=11, forbid_unknown_fields=True):
    """Asks a region for a read (regions.replies) that no record holds, for the address `asker`; `tags` as an item's."""

    gateway: GatewayName
    reference: Annotated[bytes, Meta(min_length=16, max_length=16)]
    kind: Annotated[str, Meta(max_length=32)]
    asker: Annotated[bytes, Meta(max_length=32)]
    tags: Annotated[tuple[tuple[str, str], ...], Meta(max_length=16)]


class Told(msgspec.Struct, array_like=True, frozen=True, tag=12, forbid_unknown_fields=True):
    """The reply to a question, of the state after durable record `n`."""

    reference: Annotated[bytes, Meta(min_length=16, max_length=16)]
    n: Number
    reply: bytes


Message = Batch | Where | Here | Answers | Delta | KeyWanted | Keys | Letter | Beat | Question | Told

_decoder: Final[msgspec.msgpack.Decoder[Message]] = msgspec.msgpack.Decoder(Message)
_encoder: Final = msgspec.msgpack.Encoder()
MESSAGE_BYTES_MAX: Final = max(LETTER_BYTES_MAX, 1024 * 1024)


def encode(message: Message) -> bytes:
    """The bytes of a message."""
    return _encoder.encode(message)


def decode(raw: bytes) -> Message:
    """Read a message. Raises RecordError for any bytes that are not one."""
    if len(raw) > MESSAGE_BYTES_MAX:
        raise RecordError(f"a message of {len(raw)} bytes; the limit is {MESSAGE_BYTES_MAX}")
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RecordError(f"not a message: {error}") from None


def letter_message(world: bytes, letter: Letter, receiver: int) -> bytes:
    """What a node signs in a letter that carries mail."""
    fields = (
        world,
        receiver,
        letter.sender,
        letter.era,
        letter.term,
        letter.n,
        letter.hash,
        letter.consumed,
        letter.room,
    )
    return b"everloom-letter-1\0" + _encoder.encode((fields, letter.mail))

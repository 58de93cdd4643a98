"""Outbox, inbox numbers, ghosts, room: the part of the fold that deals with neighbours.

Mail kinds are numbers that stand in records. A handover's body is the MessagePack array [image, player or nil, hop].
"""

import hashlib
from typing import Final

import msgspec

from regions.config import MAIL_BYTES_MAX, OUTBOX_MAX
from regions.errors import RecordError
from regions.parcels import Claimed, Left, Returned
from regions.record import Heard, Mail, Sent
from regions.region_state import Neighbour, Player, RegionState
from world.units import ROWS_RESERVED_PER_NEIGHBOUR

HANDOVER: Final = 1  # an entity with all it owns
RULES: Final = 2  # what a rule says across a border: a blow, a changed tile
BORN: Final = 3  # world -> region: [entity, wallet, address]; the body sleeps until its first login
CONFIRMED: Final = 4  # world -> region: [checkpoint, archived record, trim bound]
LEFT: Final = 5  # region -> world: an asset that is outside now; this and the next two as regions.parcels has them
CLAIMED: Final = 6  # region -> world: a wallet asks for an asset that it holds outside
RETURNED: Final = 7  # world -> region: it is that wallet's body's

WORLD: Final = 0  # partition index of the world's process


class Handover(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """An entity on its way: the rules' image, and its controller when it is a player's."""

    image: bytes
    player: Player | None


class Born(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A new player's entity id, wallet and address (regions.outside)."""

    entity: int
    wallet: bytes
    address: bytes


class Archived(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A confirmed checkpoint: number, the receiver's newest record in it, and up to where its log may be cut."""

    checkpoint: int
    n: int
    trim: int


_encoder: Final = msgspec.msgpack.Encoder()
_handover: Final = msgspec.msgpack.Decoder(Handover)
_born: Final = msgspec.msgpack.Decoder(Born)
_archived: Final = msgspec.msgpack.Decoder(Archived)
_left: Final = msgspec.msgpack.Decoder(Left)
_claimed: Final = msgspec.msgpack.Decoder(Claimed)
_returned: Final = msgspec.msgpack.Decoder(Returned)
Body = Handover | Born | Archived | Left | Claimed | Returned


def encode_body(body: Body) -> bytes:
    """The bytes of a mail's body."""
    return _encoder.encode(body)


def decode_body(mail: Mail) -> Body | bytes:
    """The body of a mail, by its kind. Raises RecordError for any other bytes."""
    try:
        if mail.kind == HANDOVER:
            return _handover.decode(mail.body)
        if mail.kind == BORN:
            return _born.decode(mail.body)
        if mail.kind == CONFIRMED:
            return _archived.decode(mail.body)
        if mail.kind == LEFT:
            return _left.decode(mail.body)
        if mail.kind == CLAIMED:
            return _claimed.decode(mail.body)
        if mail.kind == RETURNED:
            return _returned.decode(mail.body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RecordError(f"mail {mail.number}: {error}") from None
    if mail.kind != RULES:
        raise RecordError(f"mail {mail.number} has kind {mail.kind}, which is none of 1..7")
    return mail.body


def mail_hash(mail: Mail) -> bytes:
    """What the sender's record says of a mail, and what `verify` holds the receiver's copy against."""
    return hashlib.sha256(_encoder.encode(mail)).digest()


def neighbour(state: RegionState, index: int) -> Neighbour:
    """The neighbour with this partition index. Raises RecordError when there is none."""
    for one in state.neighbours:
        if one.index == index:
            return one
    raise RecordError(f"region {state.index} has no neighbour {index}")


def hear(state: RegionState, heard: Heard) -> list[Mail]:
    """Take one letter into the state: what they consumed leaves the outbox, room becomes credit.

    Returns the mail to apply. Raises RecordError when the letter is not newer than the last one heard, names numbers
    never sent, or its mail does not begin at the next number: admission never lets such a letter into a record.
    """
    near = neighbour(state, heard.region)
    if (heard.era, heard.term, heard.n) <= (near.era, near.term, near.n):
        raise RecordError(f"a letter of record {heard.n} after one of record {near.n}, from region {heard.region}")
    if heard.consumed > near.sent:
        raise RecordError(f"region {heard.region} says it consumed mail {heard.consumed}; {near.sent} were sent")
    for place, mail in enumerate(heard.mail):
        if mail.number != near.taken + 1 + place:
            raise RecordError(f"mail {mail.number} from region {heard.region}; the next is {near.taken + 1 + place}")
    near.era, near.term, near.n, near.hash = heard.era, heard.term, heard.n, heard.hash
    near.outbox = [mail for mail in near.outbox if mail.number > heard.consumed]
    near.credit = max(near.credit, heard.room)
    near.ghosts = heard.ghosts
    near.taken += len(heard.mail)
    near.arrived += sum(mail.kind == HANDOVER for mail in heard.mail)
    if near.arrived > near.granted:
        raise RecordError(f"region {heard.region} sent handover {near.arrived}; rows were granted up to {near.granted}")
    return list(heard.mail)


def post(state: RegionState, index: int, kind: int, body: bytes, cause: bytes = b"") -> Mail:
    """Put a mail into the outbox of a neighbour; it goes out with the next letters until they consume it.

    `cause` as in `Mail`.
    """
    near = neighbour(state, index)
    if len(body) > MAIL_BYTES_MAX:
        raise RecordError(f"mail of {len(body)} bytes to region {index}; the limit is {MAIL_BYTES_MAX}")
    near.sent += 1
    near.leaving += kind == HANDOVER
    mail = Mail(near.sent, kind, body, cause)
    near.outbox.append(mail)
    return mail


def may_leave(near: Neighbour) -> int:
    """How many bodies may leave for this neighbour now: its credit, as far as the outbox has places."""
    return max(0, min(near.credit - near.leaving, OUTBOX_MAX - len(near.outbox)))


def reserved(state: RegionState) -> int:
    """Rows promised to neighbours and not yet filled."""
    return sum(near.granted - near.arrived for near in state.neighbours)


def room_for_births(state: RegionState, free_rows: int) -> int:
    """Rows for bodies that come from no neighbour: all but those kept for each neighbour, promised yet or not."""
    landed = sum(near.index != WORLD for near in state.neighbours)
    return free_rows - landed * ROWS_RESERVED_PER_NEIGHBOUR


def grant(state: RegionState, free_rows: int) -> None:
    """Promise rows to each neighbour with land, in turn, as far as free rows go; a promise is never taken back."""
    spare = free_rows - reserved(state)
    landed = [near for near in state.neighbours if near.index != WORLD]
    while spare > 0:
        wanting = [near for near in landed if near.granted < near.arrived + ROWS_RESERVED_PER_NEIGHBOUR]
        if not wanting:
            return
        for near in wanting[:spare]:
            near.granted += 1
        spare -= len(wanting[:spare])


def in_flight(state: RegionState) -> list[bytes]:
    """The images of bodies that left and were not yet consumed, in order: shown where they stood."""
    out: list[bytes] = []
    for near in state.neighbours:
        for mail in near.outbox:
            if mail.kind == HANDOVER:
                body = decode_body(mail)
                assert isinstance(body, Handover)
                out.append(body.image)
    return out


def sent_to(near: Neighbour, new: list[Mail], ghosts: bytes) -> Sent:
    """What the record says to this neighbour."""
    ghost_hash = hashlib.sha256(ghosts).digest() if ghosts else b""
    return Sent(near.index, near.sent, tuple(map(mail_hash, new)), ghost_hash, near.granted)

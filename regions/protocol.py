"""What a websocket client and a gateway say to one another. Binary frames only; compression is off.

**Client to gateway.** The first two frames are bare MessagePack arrays, `Hello` and `Login`. Every later frame is

    number (u64 little-endian, 1, 2, 3 ...) | MessagePack array | MAC (16 bytes)

MAC = BLAKE2s(number | array, key=K, digest_size=16). A frame is at most 4 KiB, and one websocket frame (no
fragments). A wrong MAC or number closes the socket.

**Keys.** The gateway's `Challenge` carries `point`, a fresh public point on Ed25519's curve in its compressed form; the
client's `Hello` carries `session`, its Ed25519 public key, which is such a point too. The shared secret is the u
coordinate, as X25519 gives it (RFC 7748), of gateway secret x session point = session secret x gateway point; the
session secret is the clamped scalar of RFC 8032. K = BLAKE2s(u | nonce, person=b"everloom", digest_size=32).

**Login.** The wallet signs `regions.record.login_message`; the session key signs heads
(`regions.record.player_head_message`) at least once a second while it acts.

**Gateway to client.** Byte 0 says which: 1 is a MessagePack array (the `Told` union), 2 is a view frame:

    u8 2 | u8 region | u8 flags | u8 lateness in ms / 4 | u32 tick | u32 record n (low bits)
    | u32 records not yet archived | u8 x0, y0, w, h: a rectangle of chunks of the region
    | mask (ceil(w * h / 8) bytes, bit i: chunk x0 + i % w, y0 + i // w)
    | per set bit: varint (length << 1 | key), then that many bytes (world.delta; key: a keyframe)

Flags: 1 = this frame begins anew (forget what you hold of the region), 2 = frames before it were left out, as the
client does not keep up; the next two bits are a step s: for the crowd in view updates come every 2 ** s ticks, several
frames at a time, and no frame is left out. A chunk outside
the rectangle is no longer kept up to date. Integers are little-endian; a varint has seven bits a byte, low bits first.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from regions.config import CLIENT_FRAME_BYTES_MAX
from regions.errors import RecordError
from regions.looks import Looks
from regions.record import Hash, Key, MaybeHash, Number, Signature, Small

TOLD: Final = 1
VIEW: Final = 2
FLAG_ANEW: Final = 1
FLAG_SLOWED: Final = 2
RATE_SHIFT: Final = 2
MAC_BYTES: Final = 16
VERSION: Final = 1
REFUSED_MS_MAX: Final = 3_600_000


class Hello(msgspec.Struct, array_like=True, frozen=True, tag=1, forbid_unknown_fields=True):
    """Opens the conversation: protocol version, wallet public key (Ed25519), fresh session public key (Ed25519)."""

    version: Small
    wallet: Key
    session: Key


class LoginSigned(msgspec.Struct, array_like=True, frozen=True, tag=2, forbid_unknown_fields=True):
    """The wallet's signature over login_message(world, session, nonce, expires) of the challenge."""

    signature: Signature


class Act(msgspec.Struct, array_like=True, frozen=True, tag=3, forbid_unknown_fields=True):
    """Action `number` (the last acknowledged + 1, without gaps) with its body as world.actions reads it."""

    number: Number
    body: Annotated[bytes, Meta(max_length=512)]


class SignedHead(msgspec.Struct, array_like=True, frozen=True, tag=4, forbid_unknown_fields=True):
    """The session key's signature over everything up to action `number`."""

    number: Number
    chain: Hash
    seen: MaybeHash
    signature: Signature


class LookAgain(msgspec.Struct, array_like=True, frozen=True, tag=5, forbid_unknown_fields=True):
    """The client lost its place: send key frames of everything in view."""


Said = Hello | LoginSigned | Act | SignedHead | LookAgain


class Challenge(msgspec.Struct, array_like=True, frozen=True, tag=1, forbid_unknown_fields=True):
    """World id, gateway name, single-use nonce, when the session ends (ms since 1970), the gateway's point."""

    world: Hash
    gateway: str
    nonce: Annotated[bytes, Meta(min_length=16, max_length=16)]
    expires_ms: Number
    point: Key


class Welcome(msgspec.Struct, array_like=True, frozen=True, tag=2, forbid_unknown_fields=True):
    """You are `entity`; your login was action `number`, after which your chain hash is `chain`.

    `regions` are the regions' rectangles in chunks (x0, y0, x1, y1) by index; index 0 is the world's process, empty.
    """

    entity: Number
    era: Small
    number: Number
    chain: Hash
    world_tiles: tuple[int, int]
    regions: tuple[tuple[int, int, int, int], ...]


class Acked(msgspec.Struct, array_like=True, frozen=True, tag=3, forbid_unknown_fields=True):
    """A receipt: action `number` is in durable record `n` (with this hash) of `region`; `chain` is yours after it.

    `verdict` 0 is done, else a world.events.Refusal. With `status` STATUS_LAST every number up to it is done. With
    STATUS_UNSIGNED `number` is the last that is done, and a head over it or over the action after it is wanted.
    """

    number: Number
    chain: Hash
    verdict: Small
    status: Small
    region: Small
    n: Number
    hash: Hash


class Having(msgspec.Struct, array_like=True, frozen=True, tag=4, forbid_unknown_fields=True):
    """Your goods: coins, goods by world.items, assets as (id, kind, traits).

    `worn` is 1 + the item in hand, 1 + the item worn, the id of the skin worn; each 0: none.
    """

    coins: int
    goods: tuple[int, ...]
    assets: tuple[tuple[int, int, int], ...]
    worn: tuple[int, int, int] = (0, 0, 0)


class Status(msgspec.Struct, array_like=True, frozen=True, tag=5, forbid_unknown_fields=True):
    """Words for the player: why the world waits, that it was restored, what was undone."""

    text: str


class NewEra(msgspec.Struct, array_like=True, frozen=True, tag=6, forbid_unknown_fields=True):
    """The world was restored: era `era` knows your actions up to `number` (chain `chain`); later ones are undone."""

    era: Small
    number: Number
    chain: Hash


class Refused(msgspec.Struct, array_like=True, frozen=True, tag=7, forbid_unknown_fields=True):
    """The conversation ends: what was wrong, what to do. `again_ms`: come again after so long; 0: nothing is said."""

    reason: str
    again_ms: Annotated[int, Meta(ge=0, le=REFUSED_MS_MAX)] = 0


class Superseded(msgspec.Struct, array_like=True, frozen=True, tag=8, forbid_unknown_fields=True):
    """Your body is controlled by a newer session; this one is over. Last number and chain hash of the body."""

    number: Number
    chain: Hash


class Shapes(msgspec.Struct, array_like=True, frozen=True, tag=9, forbid_unknown_fields=True):
    """How the world's own species look; after a Welcome, where a world has any."""

    looks: Looks


Told = Challenge | Welcome | Acked | Having | Status | NewEra | Refused | Superseded | Shapes

_said: Final[msgspec.msgpack.Decoder[Said]] = msgspec.msgpack.Decoder(Said)
_told: Final[msgspec.msgpack.Decoder[Told]] = msgspec.msgpack.Decoder(Told)
_encoder: Final = msgspec.msgpack.Encoder()


def encode(message: Said | Told) -> bytes:
    """The MessagePack bytes of a message."""
    return _encoder.encode(message)


def decode_said(raw: bytes) -> Said:
    """Read what a client said. Raises RecordError for any other bytes, and above CLIENT_FRAME_BYTES_MAX."""
    if len(raw) > CLIENT_FRAME_BYTES_MAX:
        raise RecordError(f"a frame of {len(raw)} bytes; the limit is {CLIENT_FRAME_BYTES_MAX}")
    try:
        return _said.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RecordError(f"not a client frame: {error}") from None


def decode_told(raw: bytes) -> Told:
    """Read what a gateway told. Raises RecordError for any other bytes."""
    try:
        return _told.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RecordError(f"not a gateway frame: {error}") from None


def rate_step(flags: int) -> int:
    """How far the update rate has fallen for a crowd: a frame comes every 2 ** step ticks."""
    return flags >> RATE_SHIFT & 3

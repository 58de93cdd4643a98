"""The key that a client and a gateway agree on, and the MAC it makes of every later frame (regions.protocol, Keys).

Both ends use it. A session key is an Ed25519 key whose point also serves for X25519; whoever holds no library for that
can compute the same with points on the Edwards curve alone. Not here: who may log in, and what a frame says.
"""

import hashlib
import hmac
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from regions.errors import RecordError
from regions.protocol import MAC_BYTES

P: Final = 2**255 - 19
NUMBER_BYTES: Final = 8
FRAME_BYTES_MIN: Final = NUMBER_BYTES + 1 + MAC_BYTES


def to_u(point: bytes) -> bytes:
    """The u coordinate of a compressed Edwards point (RFC 7748): (1 + y) / (1 - y).

    Raises RecordError for the neutral point and for a y that is not written as its remainder modulo p.
    """
    y = int.from_bytes(point, "little") & (1 << 255) - 1
    if len(point) != 32 or y >= P or y == 1:
        raise RecordError(f"{point.hex()} is no point to agree on a key with")
    return ((1 + y) * pow(1 - y, -1, P) % P).to_bytes(32, "little")


def to_point(u: bytes) -> bytes:
    """The compressed Edwards point, its sign 0, with this u coordinate: y = (u - 1) / (u + 1)."""
    value = int.from_bytes(u, "little")
    return ((value - 1) * pow(value + 1, -1, P) % P).to_bytes(32, "little")


def gateway_point(secret: bytes) -> bytes:
    """What a gateway shows of its 32 secret bytes in `Challenge.point`."""
    return to_point(X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw())


def gateway_key(secret: bytes, session: bytes, nonce: bytes) -> bytes:
    """K, as the gateway computes it. Raises RecordError for a session point of low order."""
    return _key(X25519PrivateKey.from_private_bytes(secret), session, nonce)


def client_key(seed: bytes, point: bytes, nonce: bytes) -> bytes:
    """K, as the client computes it from its Ed25519 session seed. Raises RecordError for a point of low order."""
    return _key(X25519PrivateKey.from_private_bytes(hashlib.sha512(seed).digest()[:32]), point, nonce)


def _key(secret: X25519PrivateKey, point: bytes, nonce: bytes) -> bytes:
    u = X25519PublicKey.from_public_bytes(to_u(point))
    try:
        shared = secret.exchange(u)
    except ValueError:  # the shared secret is zero
        raise RecordError(f"{point.hex()} is a point of low order") from None
    return hashlib.blake2s(shared + nonce, digest_size=32, person=b"everloom").digest()


def is_signed(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the holder of an Ed25519 key signed; never for a key of low order, whose signatures prove nothing."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        X25519PrivateKey.from_private_bytes(bytes(32)).exchange(X25519PublicKey.from_public_bytes(to_u(public)))
    except (InvalidSignature, ValueError):
        return False
    return True


def seal(key: bytes, number: int, array: bytes) -> bytes:
    """Frame `number` of a client: number, array, MAC."""
    frame = number.to_bytes(NUMBER_BYTES, "little") + array
    return frame + hashlib.blake2s(frame, digest_size=MAC_BYTES, key=key).digest()


def unseal(key: bytes, number: int, frame: bytes) -> bytes:
    """The array of a client's frame. Raises RecordError unless it is frame `number`, made with this key."""
    if len(frame) < FRAME_BYTES_MIN:
        raise RecordError(f"a frame of {len(frame)} bytes; the least is {FRAME_BYTES_MIN}")
    body = frame[:-MAC_BYTES]
    mac = hashlib.blake2s(body, digest_size=MAC_BYTES, key=key).digest()
    if not hmac.compare_digest(mac, frame[-MAC_BYTES:]):
        raise RecordError(f"frame {number} has a wrong MAC")
    found = int.from_bytes(body[:NUMBER_BYTES], "little")
    if found != number:
        raise RecordError(f"frame number {found}; expected {number}")
    return body[NUMBER_BYTES:]

"""Sealing a secret for the world's owner: the scheduler's key lies in the store, readable with the owner's key alone.

RSA-OAEP with SHA-256 for both hashes and an empty label.
"""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key

from archive.data_item import parse_item
from archive.errors import ArchiveError, Damaged, Missing
from archive.keys import Ed25519Key, RsaKey, b64
from archive.restore import search
from archive.stores import Store

TYPE = "Everloom-Sealed-Key"
_OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


def seal(owner: RsaKey, secret: bytes) -> bytes:
    """Encrypt for the owner's key."""
    numbers = rsa.RSAPublicNumbers(65537, int.from_bytes(owner.public, "big"))
    return numbers.public_key().encrypt(secret, _OAEP)


def unseal(owner: RsaKey, sealed: bytes) -> bytes:
    """Decrypt with the owner's key. Raises Damaged for what was not sealed for it."""
    private = load_der_private_key(owner.to_der(), None)
    assert isinstance(private, rsa.RSAPrivateKey)
    try:
        return private.decrypt(sealed, _OAEP)
    except ValueError:
        raise Damaged("sealed key", "it was not sealed for this owner's key") from None


def sealed_scheduler(store: Store, world: str, owner: RsaKey, public: bytes) -> Ed25519Key:
    """The world's scheduler key out of the store. Raises Missing when no sealed key there is the charter's."""
    for item_id in search(store, {"Type": TYPE, "World": world}):
        item = parse_item(store.get(item_id))
        try:
            key = Ed25519Key.from_seed(unseal(owner, item.data))
        except (ArchiveError, ValueError):
            continue
        if key.public == public:
            return key
    raise Missing(world, f"no sealed key in the store gives the scheduler {b64(public)} with this owner's key")

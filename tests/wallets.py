"""Keys of outside wallets for tests: what signs AO items in browsers and on servers."""

from functools import lru_cache
from typing import Any

import coincurve
from Crypto.Hash import keccak

from archive.keys import ARWEAVE, ED25519, ETHEREUM, Ed25519Key, RsaKey


class EthereumKey:
    """Signs as an Ethereum wallet's `personal_sign` does; has what `archive.keys.Key` has."""

    signature_type = ETHEREUM

    def __init__(self, secret: bytes) -> None:
        self._private = coincurve.PrivateKey(secret)
        self.public = self._private.public_key.format(compressed=False)

    def sign(self, message: bytes) -> bytes:
        prefixed = b"\x19Ethereum Signed Message:\n%d" % len(message) + message
        digest = keccak.new(digest_bits=256, data=prefixed).digest()
        raw = self._private.sign_recoverable(digest, hasher=None)
        return raw[:64] + bytes([27 + raw[64]])


@lru_cache(maxsize=1)
def rsa() -> RsaKey:
    """One RSA-4096 key for all tests of a process: making one takes seconds."""
    return RsaKey.generate()


def wallet_key(signature_type: int, name: str = "wallet") -> Any:
    """A key of this signature type."""
    secret = name.encode().ljust(32, b".")
    if signature_type == ARWEAVE:
        return rsa()
    return Ed25519Key(secret) if signature_type == ED25519 else EthereumKey(secret)

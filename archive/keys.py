"""Keys and signatures: make them, check them, name their owners, keep them in files.

Signs with RSA (Arweave) and Ed25519; also checks the Ethereum and Solana signatures of ANS-104. A signature made
elsewhere, such as in a wallet, comes in through `data_item.assemble`. Says nothing about whether a key is *allowed*:
anyone can sign, so a reader also compares the owner with the ones it expects.
"""

import base64
import json
import os
import re
import secrets
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from archive.errors import ArchiveError, Damaged, Missing

ARWEAVE: Final = 1
ED25519: Final = 2
ETHEREUM: Final = 3
SOLANA: Final = 4
TYPED_ETHEREUM: Final = 7

# ANS-104: bytes of signature and of owner by signature type. Types 5, 6 (Aptos) and 101 (KYVE) are not read.
SIZES: Final[Mapping[int, tuple[int, int]]] = {
    ARWEAVE: (512, 512),
    ED25519: (64, 32),
    ETHEREUM: (65, 65),
    SOLANA: (64, 32),
    TYPED_ETHEREUM: (65, 42),
}

RSA_EXPONENT: Final = 65537
RSA_BITS: Final = 4096
RSA_NUMBERS: Final = ("n", "e", "d", "p", "q", "dp", "dq", "qi")
SALT_BYTES: Final = 32  # what browsers' arweave-js signs with; readers must take any salt
SECP256K1_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
# Ed25519 points of order 1 to 8, sign bit cleared (libsodium's list). Under such a key one signature fits many
# messages, so items of different content would share an id.
SMALL_ORDER: Final = frozenset(
    bytes.fromhex(point)
    for point in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)
KEY_FILE_BYTES_MAX: Final = 16_384
PUBLIC_KEYS_CACHED: Final = 1024


def b64(raw: bytes) -> str:
    """Base64url without padding, as Arweave writes ids and addresses."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The inverse of `b64`, for exactly the texts `b64` writes; raises `Damaged` for padding, strays and loose bits."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text) or len(text) % 4 == 1:
        raise Damaged(repr(text[:64]), f"{len(text)} characters that are not base64url without padding")
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if b64(raw) != text:
        raise Damaged(repr(text[:64]), "base64url whose last character carries stray bits")
    return raw


def address(owner: bytes) -> str:
    """The Arweave address of a public key: base64url of its SHA-256."""
    return b64(sha256(owner).digest())


class Ed25519Key:
    """An Ed25519 private key; signs data items of type 2."""

    signature_type: Final = ED25519

    def __init__(self, seed: bytes) -> None:
        if len(seed) != 32:
            raise ArchiveError("Ed25519 key", f"a seed of {len(seed)} bytes, expected 32")
        self.seed = bytes(seed)
        self._private = Ed25519PrivateKey.from_private_bytes(self.seed)
        self.public = self._private.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> "Ed25519Key":
        return cls(secrets.token_bytes(32))

    @classmethod
    def from_seed(cls, seed: bytes) -> "Ed25519Key":
        return cls(seed)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object]) -> "Ed25519Key":
        """Reads an RFC 8037 key; raises `Damaged` when it is none, or its public half belongs to another seed."""
        key = cls(_jwk_bytes(jwk, "d", 32))
        if (jwk.get("kty"), jwk.get("crv")) != ("OKP", "Ed25519") or _jwk_bytes(jwk, "x", 32) != key.public:
            raise Damaged("Ed25519 key", "not an OKP/Ed25519 JWK, or its x is not the public key of its d")
        return key

    def to_jwk(self) -> dict[str, str]:
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(self.public), "d": b64(self.seed)}

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)


class RsaKey:
    """A 4096-bit RSA private key (an Arweave wallet); signs data items of type 1 and Arweave transactions."""

    signature_type: Final = ARWEAVE

    def __init__(self, private: rsa.RSAPrivateKey) -> None:
        numbers = private.public_key().public_numbers()
        if private.key_size != RSA_BITS or numbers.e != RSA_EXPONENT:
            raise ArchiveError("RSA key", f"{private.key_size} bits, exponent {numbers.e}; expected 4096 and 65537")
        self._private = private
        self.public = numbers.n.to_bytes(RSA_BITS // 8, "big")

    @classmethod
    def generate(cls, bits: int = RSA_BITS) -> "RsaKey":
        return cls(rsa.generate_private_key(RSA_EXPONENT, bits))

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, object]) -> "RsaKey":
        """Reads an Arweave key file (RFC 7518); raises `Damaged` when its numbers are absent or do not fit together."""
        n, e, d, p, q, dp, dq, qi = (int.from_bytes(_jwk_bytes(jwk, name)) for name in RSA_NUMBERS)
        try:
            if jwk.get("kty") != "RSA":
                raise ValueError("kty is not RSA")
            return cls(rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, rsa.RSAPublicNumbers(e, n)).private_key())
        except ValueError as error:
            raise Damaged("RSA key", f"not a private key: {error}") from None

    def to_der(self) -> bytes:
        """The private key as unencrypted PKCS #8, for what only a cryptographic library does with it."""
        return self._private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def to_jwk(self) -> dict[str, str]:
        private = self._private.private_numbers()
        public = private.public_numbers
        numbers = {"n": public.n, "e": public.e, "d": private.d, "p": private.p, "q": private.q}
        numbers |= {"dp": private.dmp1, "dq": private.dmq1, "qi": private.iqmp}
        return {"kty": "RSA"} | {name: b64(n.to_bytes((n.bit_length() + 7) // 8)) for name, n in numbers.items()}

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message, padding.PSS(padding.MGF1(SHA256()), SALT_BYTES), SHA256())


Key = Ed25519Key | RsaKey


def verify(signature_type: int, owner: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `owner` made `signature` over `message` (for a data item: its 48-byte deep hash). Never raises.

    Ethereum signatures must have a low s and the v (27 or 28) that recovers the owner: anything else would let a
    stranger give one signed item a second id. RSA-PSS takes any salt length.
    """
    if SIZES.get(signature_type) != (len(signature), len(owner)):
        return False
    try:
        if signature_type == ARWEAVE:
            scheme = padding.PSS(padding.MGF1(SHA256()), padding.PSS.AUTO)
            _rsa_public(owner).verify(signature, message, scheme, SHA256())
            return True
        if signature_type == ETHEREUM:
            return _recover(signature, _personal_digest(message)) == owner
        if signature_type == TYPED_ETHEREUM:
            account = bytes.fromhex(owner.decode("ascii").removeprefix("0x"))
            recovered = _recover(signature, _typed_digest(message, account))
            return recovered is not None and owner[:2] == b"0x" and _keccak(recovered[1:])[12:] == account
        if owner[:31] + bytes([owner[31] & 0x7F]) in SMALL_ORDER:
            return False
        signed = message if signature_type == ED25519 else message.hex().encode()
        crypto_sign_open(signature + signed, owner)
        return True
    except (InvalidSignature, BadSignatureError, UnsupportedAlgorithm, ValueError):
        return False


def save_key(path: Path | str, key: Key) -> None:
    """Writes a JWK file only its user may read (0600), whole or not at all; never replaces a file: it may be a key."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                json.dump(key.to_jwk(), file)
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, path)
        finally:
            os.unlink(temporary)
    except FileExistsError:
        raise ArchiveError(str(path), "a file is there already; a key is never written over one") from None
    except OSError as error:
        raise ArchiveError(str(path), f"key not saved: {error.strerror}") from None


def load_key(path: Path | str) -> Key:
    """Reads a key file of `save_key` or an Arweave wallet; raises `Missing` or `Damaged`."""
    try:
        with open(path, "rb") as file:
            raw = file.read(KEY_FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        raise Missing(str(path), "no such key file") from None
    except OSError as error:
        raise ArchiveError(str(path), f"key not read: {error.strerror}") from None
    if len(raw) > KEY_FILE_BYTES_MAX:
        raise Damaged(str(path), f"more than {KEY_FILE_BYTES_MAX} bytes, too many for a key")
    try:
        jwk = json.loads(raw)
    except (ValueError, RecursionError):
        raise Damaged(str(path), "not JSON, so not a key file") from None
    if not isinstance(jwk, dict):
        raise Damaged(str(path), "not a JSON object, so not a key file")
    return Ed25519Key.from_jwk(jwk) if jwk.get("kty") == "OKP" else RsaKey.from_jwk(jwk)


def _jwk_bytes(jwk: Mapping[str, object], name: str, size: int | None = None) -> bytes:
    text = jwk.get(name)
    if not isinstance(text, str):
        raise Damaged("key", f"a JWK without the text {name!r}")
    raw = unb64(text)
    if size is not None and len(raw) != size:
        raise Damaged("key", f"{name} has {len(raw)} bytes, expected {size}")
    return raw


@lru_cache(PUBLIC_KEYS_CACHED)
def _rsa_public(owner: bytes) -> rsa.RSAPublicKey:
    return rsa.RSAPublicNumbers(RSA_EXPONENT, int.from_bytes(owner)).public_key()


def ethereum_address(owner: bytes) -> bytes:
    """The 20-byte account of a 65-byte uncompressed public key."""
    return _keccak(owner[1:])[12:]


def ethereum_text(account: bytes) -> str:
    """A 20-byte account as 0x and 40 hex digits, in the mixed case that EIP-55 uses as a checksum."""
    plain = account.hex()
    digest = _keccak(plain.encode()).hex()
    return "0x" + "".join(one.upper() if int(mark, 16) > 7 else one for one, mark in zip(plain, digest))


def _keccak(raw: bytes) -> bytes:
    from Crypto.Hash import keccak  # noqa: PLC0415  # slow to load, and few programs meet an Ethereum signature

    return bytes(keccak.new(digest_bits=256, data=raw).digest())


def _personal_digest(message: bytes) -> bytes:
    """EIP-191 `personal_sign`."""
    return _keccak(b"\x19Ethereum Signed Message:\n%d" % len(message) + message)


def _typed_digest(message: bytes, account: bytes) -> bytes:
    """EIP-712 as arbundles' TypedEthereumSigner lays it out: domain Bundlr 1, a hash and the signer's account."""
    domain = _keccak(b"EIP712Domain(string name,string version)") + _keccak(b"Bundlr") + _keccak(b"1")
    struct = _keccak(b"Bundlr(bytes Transaction hash,address address)") + _keccak(message) + account.rjust(32, b"\0")
    return _keccak(b"\x19\x01" + _keccak(domain) + _keccak(struct))


def _recover(signature: bytes, digest: bytes) -> bytes | None:
    """The uncompressed public key (65 bytes) that made r, s, v; none when s is high or v is not 27 or 28."""
    if int.from_bytes(signature[32:64]) > SECP256K1_HALF_ORDER or signature[64] not in (27, 28):
        return None
    import coincurve  # noqa: PLC0415  # as above

    try:
        compact = signature[:64] + bytes([signature[64] - 27])
        return bytes(coincurve.PublicKey.from_signature_and_message(compact, digest, hasher=None).format(False))
    except Exception:  # coincurve raises plain Exception where no key can be recovered
        return None

"""Signatures verify only as they were made; keys come back from their files; base64url has one spelling."""

import json
import os
from contextlib import suppress
from pathlib import Path

import coincurve
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from archive.errors import ArchiveError, Damaged, Missing
from archive.keys import SMALL_ORDER, Ed25519Key, Key, RsaKey, address, b64, load_key, save_key, unb64, verify

MESSAGE = bytes(range(48))
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@given(st.binary(max_size=100))
def test_base64url_comes_back(raw: bytes) -> None:
    assert unb64(b64(raw)) == raw


@given(st.text(max_size=12))
def test_base64url_has_one_spelling(text: str) -> None:
    with suppress(ArchiveError):
        assert b64(unb64(text)) == text


@pytest.mark.parametrize("text", ["A", "AB=", "AA==", "AB", "AAB", "A+/A", "AAAA\n", " AAA", "ＡAAA", "AAAAA"])
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(Damaged, match="base64url"):
        unb64(text)


def test_an_address_is_the_hash_of_the_key() -> None:
    assert address(b"") == "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"


def test_ed25519_agrees_with_rfc_8032() -> None:
    """Section 7.1, test 2."""
    key = Ed25519Key.from_seed(bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
    assert key.public.hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert key.sign(b"\x72") == signature
    assert verify(2, key.public, b"\x72", signature)


def test_a_signature_fits_one_message_and_one_key(rsa_key: RsaKey, key: Ed25519Key) -> None:
    others: dict[int, Key] = {1: RsaKey.generate(), 2: Ed25519Key.generate()}
    signers: list[Key] = [rsa_key, key]
    for signer in signers:
        kind = signer.signature_type
        signature = signer.sign(MESSAGE)
        assert verify(kind, signer.public, MESSAGE, signature)
        assert not verify(kind, signer.public, MESSAGE[:-1], signature)
        assert not verify(kind, others[kind].public, MESSAGE, signature)
        assert not verify(kind, signer.public, MESSAGE, bytes(len(signature)))
        assert not verify(kind, signer.public, MESSAGE, signature[:-1])
        assert not verify(kind, signer.public[:-1], MESSAGE, signature)
        for other_kind in (-1, 0, 3, 4, 5, 6, 7, 101, 1 << 16):
            assert not verify(other_kind, signer.public, MESSAGE, signature)


def test_every_flipped_bit_of_an_ed25519_signature_is_noticed(key: Ed25519Key) -> None:
    signature = key.sign(MESSAGE)
    for bit in range(8 * len(signature)):
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        assert not verify(2, key.public, MESSAGE, bytes(changed)), bit


def test_a_second_spelling_of_an_ed25519_signature_is_refused(key: Ed25519Key) -> None:
    """S and S + the group's order satisfy one equation; only the smaller is a signature (RFC 8032, 5.1.7)."""
    signature = key.sign(MESSAGE)
    twin = int.from_bytes(signature[32:], "little") + ED25519_ORDER
    assert not verify(2, key.public, MESSAGE, signature[:32] + twin.to_bytes(32, "little"))


def test_keys_under_which_one_signature_fits_every_message_are_refused() -> None:
    """With the neutral point as key, S = 0 and R = neutral satisfy S B = R + k A for every k: one id, any content."""
    neutral = b"\1" + bytes(31)
    for kind in (2, 4):
        assert not verify(kind, neutral, MESSAGE, neutral + bytes(32))
    for point in SMALL_ORDER:
        for sign in (0, 0x80):
            owner = point[:31] + bytes([point[31] | sign])
            assert not any(verify(2, owner, bytes([n]), neutral + bytes(32)) for n in range(16))


def _ethereum_signature(secret: bytes, message: bytes) -> tuple[bytes, bytes]:
    """Owner and signature as a wallet's personal_sign makes them; Keccak comes from the module under test."""
    from archive.keys import _personal_digest

    private = coincurve.PrivateKey(secret)
    signature = private.sign_recoverable(_personal_digest(message), hasher=None)
    return private.public_key.format(False), signature[:64] + bytes([27 + signature[64]])


def test_an_ethereum_signature_has_one_spelling() -> None:
    owner, signature = _ethereum_signature(b"\x07" * 32, MESSAGE)
    assert verify(3, owner, MESSAGE, signature)
    flipped_v = signature[:64] + bytes([27 + 28 - signature[64]])
    high_s = (SECP256K1_ORDER - int.from_bytes(signature[32:64])).to_bytes(32)
    for twin in (
        flipped_v,
        signature[:32] + high_s + flipped_v[64:],
        signature[:32] + high_s + signature[64:],
        *(signature[:64] + bytes([v]) for v in (0, 1, 2, 3, 26, 29, 30, 31, 255)),
        bytes(65),
        bytes(64) + b"\x1b",
        b"\xff" * 64 + b"\x1b",
    ):
        assert not verify(3, owner, MESSAGE, twin)


def test_a_solana_signature_is_over_the_hash_in_hex(key: Ed25519Key) -> None:
    assert verify(4, key.public, MESSAGE, key.sign(MESSAGE.hex().encode()))
    assert not verify(4, key.public, MESSAGE, key.sign(MESSAGE))


@given(st.sampled_from([1, 2, 3, 4, 7]), st.binary(max_size=48), st.data())
def test_any_owner_and_signature_get_an_answer(kind: int, message: bytes, data: st.DataObject) -> None:
    sizes = {1: (512, 512), 2: (64, 32), 3: (65, 65), 4: (64, 32), 7: (65, 42)}[kind]
    signature, owner = (data.draw(st.binary(min_size=size, max_size=size)) for size in sizes)
    assert verify(kind, owner, message, signature) is False


@pytest.mark.parametrize(
    "owner", [bytes(512), bytes(511) + b"\1", bytes(511) + b"\3", b"\xff" * 512, b"\xff" * 511 + b"\xfe"]
)
def test_moduli_that_are_none_get_an_answer(owner: bytes) -> None:
    assert verify(1, owner, MESSAGE, b"\1" * 512) is False


@pytest.mark.parametrize(
    "owner", [b"0x" + b"g" * 40, b"\xff" * 42, b"0X" + b"0" * 40, b"0x" + b"0" * 39 + b" ", b" " * 42]
)
def test_accounts_that_are_none_get_an_answer(owner: bytes) -> None:
    assert verify(7, owner, MESSAGE, b"\1" * 64 + b"\x1b") is False


def test_keys_come_back_from_their_files(tmp_path: Path, rsa_key: RsaKey, key: Ed25519Key) -> None:
    for name, saved in (("rsa.json", rsa_key), ("ed25519.json", key)):
        save_key(tmp_path / name, saved)
        loaded = load_key(tmp_path / name)
        assert type(loaded) is type(saved)
        assert loaded.public == saved.public
        assert verify(loaded.signature_type, saved.public, MESSAGE, loaded.sign(MESSAGE))
        assert os.stat(tmp_path / name).st_mode & 0o777 == 0o600
    assert sorted(os.listdir(tmp_path)) == ["ed25519.json", "rsa.json"]


def test_the_files_are_standard_jwk(rsa_key: RsaKey, key: Ed25519Key) -> None:
    assert set(rsa_key.to_jwk()) == {"kty", "n", "e", "d", "p", "q", "dp", "dq", "qi"}
    assert (rsa_key.to_jwk()["e"], unb64(rsa_key.to_jwk()["n"])) == ("AQAB", rsa_key.public)
    assert key.to_jwk() == {"kty": "OKP", "crv": "Ed25519", "x": b64(key.public), "d": b64(key.seed)}


def test_a_key_is_never_written_over_a_file(tmp_path: Path, key: Ed25519Key) -> None:
    path = tmp_path / "key.json"
    path.write_text("precious")
    with pytest.raises(ArchiveError, match="never written over"):
        save_key(path, key)
    assert (path.read_text(), os.listdir(tmp_path)) == ("precious", ["key.json"])


def test_a_key_that_cannot_be_written_leaves_nothing(tmp_path: Path, key: Ed25519Key) -> None:
    with pytest.raises(ArchiveError, match="key not saved: No such file"):
        save_key(tmp_path / "absent" / "key.json", key)
    with pytest.raises(ArchiveError, match="key not saved"):
        save_key(tmp_path / ("n" * 300), key)
    assert os.listdir(tmp_path) == []


def test_files_that_hold_no_key_are_refused(tmp_path: Path, rsa_key: RsaKey, key: Ed25519Key) -> None:
    okp, jwk = key.to_jwk(), rsa_key.to_jwk()
    wrong = [
        "",
        "{",
        "[]",
        "[" * 20_000,
        "x" * 20_000,
        "{}",
        json.dumps(okp | {"x": b64(bytes(32))}),
        json.dumps(okp | {"d": b64(bytes(31))}),
        json.dumps(okp | {"d": 5}),
        json.dumps(okp | {"crv": "X25519"}),
        json.dumps({name: text for name, text in jwk.items() if name != "d"}),
        json.dumps(jwk | {"p": jwk["q"]}),
        json.dumps(jwk | {"d": jwk["n"]}),
        json.dumps(jwk | {"n": "AQAB"}),
        json.dumps(jwk | {"kty": "EC"}),
    ]
    path = tmp_path / "key.json"
    for text in wrong:
        path.write_text(text)
        with pytest.raises(Damaged):
            load_key(path)
    with pytest.raises(Missing, match="no such key file"):
        load_key(tmp_path / "absent.json")
    with pytest.raises(ArchiveError, match="key not read: Is a directory"):
        load_key(tmp_path)


def test_keys_of_other_sizes_are_refused() -> None:
    with pytest.raises(ArchiveError, match="2048 bits"):
        RsaKey.generate(2048)
    with pytest.raises(ArchiveError, match="exponent 3; expected 4096 and 65537"):
        RsaKey(rsa.generate_private_key(3, 2048))
    with pytest.raises(ArchiveError, match="31 bytes, expected 32"):
        Ed25519Key.from_seed(bytes(31))


def test_a_key_does_not_show_its_secret(rsa_key: RsaKey, key: Ed25519Key) -> None:
    for secret, shown in ((key.seed.hex(), repr(key)), (rsa_key.to_jwk()["d"], repr(rsa_key))):
        assert secret not in shown
    assert "seed" not in str(key)


def test_ecdsa_recovery_agrees_with_another_library() -> None:
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    from archive.keys import _personal_digest

    owner, signature = _ethereum_signature(b"\x09" * 32, MESSAGE)
    der = encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:64]))
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), owner)
    public.verify(der, _personal_digest(MESSAGE), ec.ECDSA(Prehashed(SHA256())))

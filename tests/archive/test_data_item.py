"""Items agree with the reference vectors, come back as made, and are refused when one byte is not as signed."""

from contextlib import suppress
from hashlib import sha256
from typing import Any

import coincurve
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.bundle import BUNDLE_BYTES_MAX
from archive.data_item import ITEM_BYTES_MAX, ITEM_BYTES_MIN, assemble, parse_item, sign_item, signing_message
from archive.errors import ArchiveError, Damaged, Forged
from archive.keys import Ed25519Key, RsaKey, _personal_digest, b64
from archive.tags import encode_tags
from tests.archive.vectors import ARWEAVE, ITEM_CASES, NETWORK, check_item, name_of, raw_of
from tests.shared_data import needs_shared

TAGS = [("Type", "Event"), ("Größe", "3")]
short_texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
optional_32 = st.none() | st.binary(min_size=32, max_size=32)

# Where the vectors call a refusal a choice (strictness "spec-only" or "policy"), this archive refuses, as `valid` says:
# a v that does not recover the signer gives one item two ids; tags with empty parts, without a terminator or with bytes
# after it are read differently by others.
CHOICES = {
    "t3_bad_v_flipped",
    "bad_empty_tag_name",
    "bad_empty_tag_value",
    "bad_tag_missing_terminator",
    "bad_tag_trailing_bytes",
}


@needs_shared
def test_the_vectors_hold_no_choice_that_was_not_made() -> None:
    assert {case["name"] for case in ITEM_CASES if "strictness" in case} == CHOICES
    assert len(ITEM_CASES) == 67


@needs_shared
@pytest.mark.parametrize("case", [case for case in ITEM_CASES if case["valid"]], ids=name_of)
def test_valid_vectors_are_read_and_verified(case: dict[str, Any]) -> None:
    raw = raw_of(case)
    item = parse_item(raw)
    item.verify()
    assert item.raw == raw
    assert (b64(item.id), item.signature_type, b64(item.owner)) == (case["id"], case["signature_type"], case["owner"])
    assert item.address == case["owner_address"]
    assert (item.target and b64(item.target), item.anchor and b64(item.anchor)) == (case["target"], case["anchor"])
    assert list(item.tags) == [(tag["name"], tag["value"]) for tag in case["tags"]]
    assert (len(item.data), b64(sha256(item.data).digest())) == (case["data_size"], case["data_sha256"])
    parts = (item.signature_type, item.owner, item.target, item.anchor, item.raw_tags, item.data)
    assert b64(signing_message(*parts)) == case["deep_hash"]


@needs_shared
@pytest.mark.parametrize("case", [case for case in ITEM_CASES if not case["valid"]], ids=name_of)
def test_vectors_that_are_not_valid_are_refused(case: dict[str, Any]) -> None:
    with pytest.raises((Damaged, Forged)):
        parse_item(raw_of(case)).verify()


def _network_items() -> list[tuple[str, dict[str, Any]]]:
    return sorted(NETWORK.get("items", {}).items())


@needs_shared
@pytest.mark.parametrize(("name", "expected"), _network_items())
def test_items_of_the_network(name: str, expected: dict[str, Any]) -> None:
    raw = (ARWEAVE / "items" / name).read_bytes()
    assert sha256(raw).hexdigest() == expected["sha256"]
    item = parse_item(raw)
    item.verify()
    check_item(item, expected)


@needs_shared
@pytest.mark.parametrize("name", [name for name, _ in _network_items()])
def test_every_flipped_byte_of_an_item_is_noticed(name: str) -> None:
    raw = (ARWEAVE / "items" / name).read_bytes()
    for position in range(len(raw)):
        changed = bytearray(raw)
        changed[position] ^= 1 << position % 8
        with pytest.raises((Damaged, Forged)):
            parse_item(bytes(changed)).verify()


def test_every_flipped_bit_of_an_item_of_ours_is_noticed(key: Ed25519Key) -> None:
    raw = sign_item(key, b"data", TAGS, bytes(32), bytes(range(32))).raw
    for bit in range(8 * len(raw)):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((Damaged, Forged)):
            parse_item(bytes(changed)).verify()


@given(st.binary(max_size=300), st.lists(st.tuples(short_texts, short_texts), max_size=5), optional_32, optional_32)
def test_an_item_comes_back_as_made(
    data: bytes, tags: list[tuple[str, str]], target: bytes | None, anchor: bytes | None
) -> None:
    item = sign_item(Ed25519Key(bytes(32)), data, tags, target, anchor)
    item.verify()
    again = parse_item(item.raw)
    assert again == item
    assert (again.data, again.tags, again.target, again.anchor) == (data, tuple(tags), target, anchor)
    assert again.id == sha256(item.signature).digest()


def test_rsa_items_verify_and_get_a_new_id_each_time(rsa_key: RsaKey) -> None:
    first, second = (sign_item(rsa_key, b"data", TAGS) for _ in range(2))
    first.verify()
    second.verify()
    assert first.id != second.id
    assert first.data == second.data


def test_a_signature_made_elsewhere_is_put_in() -> None:
    wallet = coincurve.PrivateKey(b"\x05" * 32)
    owner = wallet.public_key.format(False)
    message = signing_message(3, owner, None, None, encode_tags(TAGS), b"data")
    signature = wallet.sign_recoverable(_personal_digest(message), hasher=None)
    item = assemble(3, owner, signature[:64] + bytes([27 + signature[64]]), None, None, TAGS, b"data")
    item.verify()
    assert parse_item(item.raw) == item
    with pytest.raises(Forged, match=f"type 3 does not match owner {item.address}"):
        assemble(3, owner, item.signature, None, None, TAGS, b"other").verify()


def test_a_genuine_payload_in_a_strangers_item_names_the_stranger(key: Ed25519Key) -> None:
    """Verifying proves who signed, not that it was the one hoped for: readers compare the owner."""
    genuine = sign_item(key, b"data", TAGS)
    wrapped = sign_item(Ed25519Key(b"\1" * 32), genuine.data, genuine.tags)
    wrapped.verify()
    assert wrapped.owner != genuine.owner


def test_the_first_tag_of_a_name_counts(key: Ed25519Key) -> None:
    item = sign_item(key, b"", [("a", "1"), ("b", "2"), ("a", "3")])
    assert (item.tag("a"), item.tag("b"), item.tag("c")) == ("1", "2", None)


def test_parts_of_wrong_size_are_not_put_together(key: Ed25519Key) -> None:
    signature = bytes(64)
    for parts, reason in (
        ((5, key.public, signature, None, None, [], b""), "signature type 5 is not supported"),
        ((2, key.public[:31], signature, None, None, [], b""), "owner of 31 bytes, type 2 has 64 and 32"),
        ((2, key.public, signature[:1], None, None, [], b""), "signature of 1"),
        ((2, key.public, signature, b"x", None, [], b""), "target of 1 bytes, expected 32"),
        ((2, key.public, signature, None, bytes(33), [], b""), "anchor of 33 bytes, expected 32"),
        ((2, key.public, signature, None, None, [("", "x")], b""), "name of 0 bytes"),
        ((2, key.public, signature, None, None, [], bytes(ITEM_BYTES_MAX)), f"limit is {ITEM_BYTES_MAX}"),
    ):
        with pytest.raises(ArchiveError, match=reason):
            assemble(*parts)


def test_limits_fit_together(key: Ed25519Key) -> None:
    assert 32 + 64 + ITEM_BYTES_MAX == BUNDLE_BYTES_MAX
    assert len(sign_item(key, b"", []).raw) == ITEM_BYTES_MIN
    with pytest.raises(Damaged, match="117 bytes, limit 116"):
        parse_item(sign_item(key, b"x", []).raw, limit=ITEM_BYTES_MIN)


@given(st.binary(max_size=400))
def test_any_bytes_are_an_item_or_refused(raw: bytes) -> None:
    with suppress(ArchiveError):
        assert parse_item(raw).raw == raw


@settings(max_examples=300)
@given(st.integers(0, 200), st.integers(0, 40), st.binary(max_size=40))
def test_an_item_with_a_piece_replaced_is_read_or_refused(start: int, size: int, piece: bytes) -> None:
    raw = bytearray(sign_item(Ed25519Key(bytes(32)), b"data", TAGS, bytes(32)).raw)
    raw[start : start + size] = piece
    with suppress(ArchiveError):
        item = parse_item(bytes(raw))
        assert item.raw == bytes(raw)
        item.verify()

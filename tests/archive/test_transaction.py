"""Transactions of the network verify, come back as read, and are refused with any byte changed."""

import json
from contextlib import suppress
from dataclasses import fields, replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.errors import ArchiveError, Damaged, Forged
from archive.keys import RsaKey, b64, unb64
from archive.transaction import Transaction, parse_transaction, sign_transaction
from tests.archive.vectors import ARWEAVE, MERKLE_TX, NETWORK, data_of
from tests.shared_data import needs_shared

NAMES = sorted(NETWORK.get("txs", {}))


@pytest.fixture(scope="module")
def transaction(rsa_key: RsaKey) -> Transaction:
    return sign_transaction(rsa_key, b"data", [("Type", "Bundle")], last_tx=bytes(48), reward=7)


@needs_shared
@pytest.mark.parametrize("name", NAMES)
def test_transactions_of_the_network(name: str) -> None:
    raw = (ARWEAVE / "txs" / name).read_bytes()
    expected = NETWORK["txs"][name]
    read = parse_transaction(raw)
    read.verify()
    assert (b64(read.id), read.format, read.address) == (expected["id"], expected["format"], expected["address"])
    assert [[name.decode(), value.decode()] for name, value in read.tags] == expected["tags"]
    assert (str(read.data_size), str(read.quantity)) == (expected["data_size"], expected["quantity"])
    assert b64(read.target) == expected["target"]
    assert read.to_json() | {"data_tree": []} == json.loads(raw)


@needs_shared
@pytest.mark.parametrize("name", NAMES)
def test_every_flipped_byte_of_a_transaction_is_noticed(name: str) -> None:
    read = parse_transaction((ARWEAVE / "txs" / name).read_bytes())
    changes: list[dict[str, Any]] = [{"quantity": read.quantity + 1}, {"reward": read.reward + 1}]
    if read.format == 2:
        changes.append({"data_size": read.data_size + 1})
    for field in fields(read):
        value = getattr(read, field.name)
        if isinstance(value, bytes):
            for position in range(len(value)):
                flipped = bytearray(value)
                flipped[position] ^= 1 << position % 8
                changes.append({field.name: bytes(flipped)})
    for number, (key, value) in enumerate(read.tags):
        for changed in ((key + b"x", value), (key, value[:-1]), (value, key)):
            changes.append({"tags": (*read.tags[:number], changed, *read.tags[number + 1 :])})
    assert len(changes) > 1000
    for change in changes:
        with pytest.raises(Forged):
            replace(read, **change).verify()


@needs_shared
def test_a_transaction_of_arweave_js() -> None:
    case = MERKLE_TX["tx_v2"]
    read = parse_transaction(case["valid"])
    read.verify()
    assert b64(read.signing_message()) == case["signature_data_deep_hash"]
    read.verify_data(data_of(case["data_seed"], read.data_size))
    with pytest.raises(Forged, match="Merkle root"):
        read.verify_data(data_of("other", read.data_size))
    with pytest.raises(Forged, match=f"1 bytes of data, signed were {read.data_size}"):
        read.verify_data(b"x")
    with pytest.raises(Forged):
        parse_transaction(case["valid"] | {"reward": case["invalid_reward_changed"]}).verify()


def test_a_transaction_of_ours_comes_back(transaction: Transaction) -> None:
    transaction.verify()
    assert parse_transaction(json.dumps(transaction.to_json()).encode()) == transaction
    without_data = parse_transaction(transaction.to_json(with_data=False))
    assert (without_data.data, without_data.data_size) == (b"", 4)
    without_data.verify()
    with pytest.raises(Forged, match="Merkle root"):
        replace(transaction, data=b"tada").verify()


def test_format_1_signs_its_data(rsa_key: RsaKey, transaction: Transaction) -> None:
    unsigned = replace(transaction, format=1, data_root=b"", signature=b"")
    signature = rsa_key.sign(unsigned.signing_message())
    signed = replace(unsigned, signature=signature, id=sha256(signature).digest())
    parse_transaction(signed.to_json()).verify()
    with pytest.raises(Forged, match="signature does not match"):
        replace(signed, data=b"tada").verify()
    with pytest.raises(Forged, match="the signature's hash is"):
        replace(signed, id=bytes(32)).verify()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 3}, "format '3', known are 1 and 2"),
        ({"format": True}, "format 'True'"),
        ({"format": "2"}, "format '2'"),
        ({"id": "AA"}, "id of 1 bytes"),
        ({"id": 5}, "id is not text"),
        ({"target": "A"}, "base64url"),
        ({"target": "AAAA"}, "target of 3 bytes"),
        ({"last_tx": "AAAA"}, "last_tx of 3 bytes"),
        ({"owner": "AQAB"}, "only RSA-4096 is read"),
        ({"quantity": "-1"}, "quantity is not a whole number"),
        ({"quantity": "01"}, "quantity is not a whole number"),
        ({"quantity": "1\n"}, "quantity is not a whole number"),
        ({"quantity": "٣"}, "quantity is not a whole number"),
        ({"quantity": 5}, "quantity is not a whole number"),
        ({"reward": "1" * 5000}, "at most 26 digits"),
        ({"data_size": None}, "data_size is not a whole number"),
        ({"tags": {}}, "tags are not a list"),
        ({"tags": [1]}, "tags are not a list of objects"),
        ({"tags": [{"name": 1, "value": ""}]}, "name is not text"),
        ({"tags": [{"name": "AA", "value": "AA"}] * 129}, "129 tags of 258 bytes, limits 128 and 2048"),
        ({"tags": [{"name": "AA", "value": "A" * 4000}]}, "1 tags of 3001 bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_json_that_is_no_transaction_is_refused(transaction: Transaction, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(Damaged, match=reason):
        parse_transaction(transaction.to_json() | change)


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"5", b"{", b"\xff", b"[" * 100_000, b" " * (17 << 20)], ids=lambda raw: raw[:3]
)
def test_bytes_that_are_no_transaction_are_refused(raw: bytes) -> None:
    with pytest.raises(Damaged):
        parse_transaction(raw)


@given(st.data())
def test_any_json_is_a_transaction_or_refused(transaction: Transaction, data: st.DataObject) -> None:
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    )
    changed = transaction.to_json() | {data.draw(st.sampled_from(sorted(transaction.to_json()))): data.draw(anything)}
    with suppress(ArchiveError):
        parse_transaction(json.dumps(changed).encode()).verify()


def test_what_cannot_go_up_is_not_signed(rsa_key: RsaKey) -> None:
    with pytest.raises(ArchiveError, match="129 tags of 258 bytes"):
        sign_transaction(rsa_key, b"", [("a", "b")] * 129, last_tx=b"", reward=0)


def test_ids_are_base64url_in_json(transaction: Transaction) -> None:
    assert unb64(str(transaction.to_json()["id"])) == transaction.id

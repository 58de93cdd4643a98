"""Data roots and proofs agree with arweave-js and the network, and a proof that was changed proves nothing."""

import json
from hashlib import sha256
from typing import Any

import pytest

from archive.errors import Damaged
from archive.keys import b64, unb64
from archive.merkle import CHUNK_BYTES_MAX, CHUNK_BYTES_MIN, check_proof, chunks, data_root, split
from tests.archive.vectors import ARWEAVE, MERKLE_TX, NETWORK, data_of, name_of
from tests.shared_data import needs_shared


@needs_shared
@pytest.mark.parametrize("case", MERKLE_TX.get("merkle", []), ids=name_of)
def test_roots_and_proofs_of_arweave_js(case: dict[str, Any]) -> None:
    data = data_of(case["seed"], case["size"])
    root = data_root(data)
    assert (sha256(data).hexdigest(), b64(root)) == (case["data_sha256"], case["data_root"])
    made = {(chunk.offset, b64(chunk.proof), chunk.start, chunk.end) for chunk in chunks(data)}
    for proof in case["proofs"]:
        assert (proof["offset"], proof["data_path"], proof["min"], proof["max"]) in made
        proven = check_proof(root, case["size"], proof["offset"], unb64(proof["data_path"]))
        assert (proven.start, proven.end) == (proof["min"], proof["max"])
        assert proven.data_hash == sha256(data[proven.start : proven.end]).digest()


@needs_shared
def test_a_root_of_the_reference_tests() -> None:
    case = NETWORK["merkle"][0]
    data = (ARWEAVE / "merkle" / case["file"]).read_bytes()
    made = chunks(data)
    assert (len(data), b64(data_root(data)), len(split(len(data)))) == (case["size"], case["data_root"], case["chunks"])
    assert b"".join(data[chunk.start : chunk.end] for chunk in made) == data


@needs_shared
def test_a_proof_without_its_data() -> None:
    case = NETWORK["merkle"][1]
    root, proof = unb64(case["data_root"]), unb64(case["proof_data_path"])
    assert check_proof(root, case["size"], case["proof_offset"], proof).end == case["chunk_end"]


@needs_shared
def test_a_chunk_of_the_network() -> None:
    case = NETWORK["merkle"][2]
    served = json.loads((ARWEAVE / "merkle" / case["file"]).read_text())
    chunk = unb64(served["chunk"])
    proven = check_proof(unb64(case["data_root"]), case["size"], case["proof_offset"], unb64(served["data_path"]))
    assert (proven.data_hash, proven.end - proven.start) == (sha256(chunk).digest(), len(chunk))


@pytest.mark.parametrize("size", [1, CHUNK_BYTES_MAX, CHUNK_BYTES_MAX + 1, 2 * CHUNK_BYTES_MAX + 5, 900_000, 1_310_720])
def test_chunks_cover_the_data_and_prove_every_byte(size: int) -> None:
    data = data_of("cover", size)
    made = chunks(data)
    assert [chunk.start for chunk in made] == [0, *(chunk.end for chunk in made[:-1])]
    assert made[-1].end == size
    assert all(chunk.end - chunk.start <= CHUNK_BYTES_MAX for chunk in made)
    if len(made) > 1:
        assert all(chunk.end - chunk.start >= CHUNK_BYTES_MIN for chunk in made)
    for chunk in made:
        for offset in (chunk.start, chunk.offset):
            proven = check_proof(data_root(data), size, offset, chunk.proof)
            assert (proven.start, proven.end) == (chunk.start, chunk.end)


def test_no_data_has_no_root() -> None:
    assert (data_root(b""), chunks(b"")) == (b"", [])


def test_a_proof_for_another_byte_is_refused() -> None:
    data = data_of("other", 700_000)
    first, second, _ = chunks(data)
    for offset, proof in ((second.start, first.proof), (first.offset, second.proof), (-1, first.proof)):
        with pytest.raises(Damaged):
            check_proof(data_root(data), len(data), offset, proof)
    with pytest.raises(Damaged, match="byte 700000 asked for, the data has 700000"):
        check_proof(data_root(data), len(data), 700_000, second.proof)


def test_a_changed_or_cut_proof_is_refused() -> None:
    data = data_of("flip", 700_000)
    chunk = chunks(data)[1]
    for position in range(len(chunk.proof)):
        changed = bytearray(chunk.proof)
        changed[position] ^= 1 << position % 8
        with pytest.raises(Damaged):
            check_proof(data_root(data), len(data), chunk.offset, bytes(changed))
    for size in range(len(chunk.proof)):
        with pytest.raises(Damaged):
            check_proof(data_root(data), len(data), chunk.offset, chunk.proof[:size])
    with pytest.raises(Damaged, match="limit 262144"):
        check_proof(data_root(data), len(data), chunk.offset, bytes(300_000))

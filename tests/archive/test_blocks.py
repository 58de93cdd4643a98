"""Blocks name the block before, their bytes and their transactions; nothing of that can be changed unseen."""

import json
from hashlib import sha256, sha384
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import blocks
from archive.blocks import Header
from archive.errors import ArchiveError, Damaged, Missing
from archive.keys import RsaKey, b64
from archive.merkle import check_proof, chunk_hashes, leaf_proofs, leaf_root
from archive.transaction import Transaction, sign_transaction
from archive.weave import BUNDLE_NAME, Weave

SIZES = (1, 256 << 10, (256 << 10) + 1, 3 * (256 << 10), 777)


@pytest.fixture(scope="session")
def transactions(rsa_key: RsaKey) -> list[Transaction]:
    return [sign_transaction(rsa_key, bytes([n]) * size, [], last_tx=b"", reward=0) for n, size in enumerate(SIZES)]


def chain(transactions: list[Transaction]) -> list[Header]:
    """Two transactions in the first block, the others in the second."""
    first = blocks.follow(None, transactions[:2], 1_700_000_000)
    return [first, blocks.follow(first, transactions[2:], 1_600_000_000)]


def test_a_second_reader_of_ids(transactions: list[Transaction]) -> None:
    def blob(raw: bytes) -> bytes:
        return sha384(sha384(b"blob%d" % len(raw)).digest() + sha384(raw).digest()).digest()

    def listed(hashes: list[bytes]) -> bytes:
        found = sha384(b"list%d" % len(hashes)).digest()
        for one in hashes:
            found = sha384(found + one).digest()
        return found

    for header in chain(transactions):
        numbers = [header.height, header.timestamp, header.weave_size, header.block_size]
        height, timestamp, weave_size, block_size = (blob(b"%d" % one) for one in numbers)
        txs = listed([blob(one) for one in header.txs])
        parts = [blob(b"everloom-block-1"), height, blob(header.previous), timestamp, weave_size, block_size]
        assert header.id == listed([*parts, blob(header.tx_root), txs])


def test_blocks_follow_one_another_and_count_the_weave(transactions: list[Transaction]) -> None:
    first, second = chain(transactions)
    assert (first.height, first.previous, first.start, first.weave_size) == (0, b"", 0, SIZES[0] + SIZES[1])
    assert (second.height, second.previous, second.start) == (1, first.id, first.weave_size)
    assert second.weave_size == sum(SIZES) and second.timestamp == first.timestamp, "time does not run backwards"
    blocks.check_follows(first, None)
    blocks.check_follows(second, first)
    blocks.check_holds(second, transactions[2:])
    for wrong in ((second, None), (first, first), (first, second)):
        with pytest.raises(Damaged):
            blocks.check_follows(*wrong)
    for others in (transactions[:2], transactions[2:4], transactions[:1:-1], []):
        with pytest.raises(Damaged):
            blocks.check_holds(second, others)


@pytest.mark.parametrize("field", ["height", "timestamp", "weave_size", "block_size", "tx_root", "previous", "txs"])
def test_every_field_is_under_the_id(transactions: list[Transaction], field: str) -> None:
    header = chain(transactions)[1]
    value: Any = getattr(header, field)
    other = value + 1 if isinstance(value, int) else bytes(len(value)) if isinstance(value, bytes) else value[:1]
    changed = Header(**{**{name: getattr(header, name) for name in header.__dataclass_fields__}, field: other})
    assert changed.id != header.id
    words = blocks.to_json(changed) | {"indep_hash": b64(header.id)}
    with pytest.raises(Damaged, match="it says another"):
        blocks.from_json(words)


def test_a_block_comes_back_from_its_json(transactions: list[Transaction]) -> None:
    for header in chain(transactions):
        words = json.loads(json.dumps(blocks.to_json(header)))
        assert blocks.from_json(words | {"nonce": "", "diff": "0"}) == header
        for field, value in (
            ("height", -1),
            ("height", True),
            ("height", 1.5),
            ("weave_size", "01"),
            ("weave_size", "9" * 30),
            ("txs", "x"),
            ("txs", ["x"]),
            ("txs", [1]),
            ("tx_root", "?"),
            ("tx_root", None),
            ("previous_block", "A" * 43),
            ("indep_hash", None),
            ("timestamp", None),
        ):
            with pytest.raises(ArchiveError):
                blocks.from_json(words | {field: value})
        for missing in words:
            with pytest.raises(ArchiveError):
                blocks.from_json({name: value for name, value in words.items() if name != missing})


def test_a_block_has_transactions_with_data_and_not_too_many(rsa_key: RsaKey, transactions: list[Transaction]) -> None:
    empty = sign_transaction(rsa_key, b"", [], last_tx=b"", reward=0)
    for wrong in ([], [empty], [transactions[0]] * (blocks.TXS_MAX + 1)):
        with pytest.raises(ArchiveError):
            blocks.follow(None, wrong, 1)


@given(sizes=st.lists(st.integers(1, 10**12), min_size=1, max_size=40), data=st.data())
def test_any_byte_of_a_block_leads_to_its_leaf(sizes: list[int], data: st.DataObject) -> None:
    leaves, total = [], 0
    for number, size in enumerate(sizes):
        total += size
        leaves.append((sha256(b"%d" % number).digest(), total))
    proofs = leaf_proofs(leaves)
    place = data.draw(st.integers(0, total - 1))
    number = next(index for index, (_, end) in enumerate(leaves) if place < end)
    proven = check_proof(leaf_root(leaves), total, place, proofs[number])
    assert (proven.data_hash, proven.end) == leaves[number] and proven.start == leaves[number][1] - sizes[number]
    with pytest.raises(Damaged):
        check_proof(leaf_root(leaves), total, (place + sizes[number]) % total, proofs[number][:-1])


def test_a_weave_finds_bytes_transactions_and_blocks(rsa_key: RsaKey, transactions: list[Transaction]) -> None:
    weave = Weave()
    datas = [bytes([n]) * size for n, size in enumerate(SIZES)]
    for header, held, raws in zip(chain(transactions), (transactions[:2], transactions[2:]), (datas[:2], datas[2:])):
        weave.add(header, held, [chunk_hashes(raw) for raw in raws])
    end = 0
    for one, size in zip(transactions, SIZES):
        assert weave.at(end + 1).transaction is one and weave.at(end + size).transaction is one
        end += size
        assert (weave.find(b64(one.id)).end, weave.find(b64(one.id)).start) == (end, end - size)
    assert weave.size == end and weave.newest is not None and weave.block(b64(weave.newest.id)) == weave.newest
    for wrong in (0, end + 1, -1):
        with pytest.raises(Missing):
            weave.at(wrong)
    for ask in (weave.find, weave.block):
        with pytest.raises(Missing):
            ask("x" * 43)
    more = [sign_transaction(rsa_key, b"more", [(BUNDLE_NAME, "name")], last_tx=b"", reward=0)]
    header = blocks.follow(weave.newest, more, 1)
    with pytest.raises(Damaged, match="hashes of its chunks"):
        weave.add(header, more, [chunk_hashes(b"else")])
    assert weave.size == end
    weave.add(header, more, [chunk_hashes(b"more")])
    assert weave.laid[-1].bundle == "name" and "name" in weave.bundles

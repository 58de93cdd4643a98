"""Blocks of a local weave: the transactions of a store in an order that cannot be changed afterwards.

A block's header names the block before, how many bytes there are up to its end (the weave), and the Merkle root over
the data roots of its transactions (`archive.merkle`, offsets counted from the block's beginning), so that a chunk with
its two proofs, `data_path` and `tx_path`, shows which bytes stand at an offset of the weave. As on Arweave an offset is
that of a byte counted from 1. A block's id is, of 48 bytes,

    deep hash of ["everloom-block-1", height, previous, timestamp, weave size, block size, tx root, [id of each tx]]

numbers as decimal text, `previous` empty in block 0. Nothing is mined here and nobody votes: a chain proves its own
order and completeness, and two chains that are alike up to a height hold the same bytes up to there.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from archive.deep_hash import Tree, deep_hash
from archive.errors import ArchiveError, Damaged
from archive.keys import b64, unb64
from archive.merkle import leaf_proofs, leaf_root
from archive.transaction import Transaction

MAGIC: Final = b"everloom-block-1"
ID_BYTES: Final = 48
TXS_MAX: Final = 1_000
NUMBER_MAX: Final = 2**63 - 1


@dataclass(frozen=True)
class Header:
    """What a block says of itself; times are seconds since 1970."""

    height: int
    previous: bytes
    timestamp: int
    weave_size: int
    block_size: int
    tx_root: bytes
    txs: tuple[bytes, ...]

    @cached_property
    def id(self) -> bytes:
        """48 bytes; Arweave's `indep_hash`."""
        numbers = [str(one).encode() for one in (self.height, self.timestamp, self.weave_size, self.block_size)]
        height, timestamp, weave_size, block_size = numbers
        txs: list[Tree] = list(self.txs)
        return deep_hash([MAGIC, height, self.previous, timestamp, weave_size, block_size, self.tx_root, txs])

    @property
    def start(self) -> int:
        """Bytes of the weave before this block."""
        return self.weave_size - self.block_size


def ends(transactions: Sequence[Transaction]) -> list[int]:
    """Where each transaction's data ends in its block."""
    total, found = 0, []
    for one in transactions:
        total += one.data_size
        found.append(total)
    return found


def follow(previous: Header | None, transactions: Sequence[Transaction], timestamp: int) -> Header:
    """The block of these transactions after `previous`. Raises `ArchiveError` for none, too many, or empty ones."""
    if not 1 <= len(transactions) <= TXS_MAX:
        raise ArchiveError("block", f"{len(transactions)} transactions, allowed 1 to {TXS_MAX}")
    if empty := [b64(one.id) for one in transactions if not one.data_size]:
        raise ArchiveError(empty[0], "a transaction without data has no place in the weave")
    size = sum(one.data_size for one in transactions)
    return Header(
        height=previous.height + 1 if previous is not None else 0,
        previous=previous.id if previous is not None else b"",
        timestamp=max(timestamp, previous.timestamp if previous is not None else 0),
        weave_size=size + (previous.weave_size if previous is not None else 0),
        block_size=size,
        tx_root=leaf_root([(one.data_root, end) for one, end in zip(transactions, ends(transactions))]),
        txs=tuple(one.id for one in transactions),
    )


def tx_paths(transactions: Sequence[Transaction]) -> list[bytes]:
    """For each transaction of a block the proof of its data root against the block's `tx_root`."""
    return leaf_proofs([(one.data_root, end) for one, end in zip(transactions, ends(transactions))])


def check_follows(header: Header, previous: Header | None) -> None:
    """Raises `Damaged` unless the block is the next after `previous` (None: the first)."""
    height, before = (0, b"") if previous is None else (previous.height + 1, previous.id)
    name = f"block {header.height}"
    if (header.height, header.previous) != (height, before):
        raise Damaged(name, f"follows {b64(header.previous) or 'nothing'}, expected {b64(before)} at height {height}")
    start, earliest = (0, 0) if previous is None else (previous.weave_size, previous.timestamp)
    if header.start != start or header.block_size < 1:
        raise Damaged(name, f"its {header.block_size} bytes begin after {header.start} of the weave, expected {start}")
    if header.timestamp < earliest:
        raise Damaged(name, f"its time {header.timestamp} lies before {earliest}, that of the block before")


def check_holds(header: Header, transactions: Sequence[Transaction]) -> None:
    """Raises `Damaged` or `Forged` unless these are the block's transactions, each signed by its owner."""
    if tuple(one.id for one in transactions) != header.txs:
        raise Damaged(f"block {header.height}", f"names {len(header.txs)} transactions, not these {len(transactions)}")
    for one in transactions:
        one.verify()
    leaves = [(one.data_root, end) for one, end in zip(transactions, ends(transactions))]
    if leaf_root(leaves) != header.tx_root or (leaves[-1][1] if leaves else 0) != header.block_size:
        raise Damaged(f"block {header.height}", "its tx_root and size are not those of its transactions")


def to_json(header: Header) -> dict[str, Any]:
    """A block as Arweave's nodes show one: of their fields those that mean something here."""
    return {
        "indep_hash": b64(header.id),
        "previous_block": b64(header.previous),
        "height": header.height,
        "timestamp": header.timestamp,
        "weave_size": str(header.weave_size),
        "block_size": str(header.block_size),
        "tx_root": b64(header.tx_root),
        "txs": [b64(one) for one in header.txs],
    }


def from_json(fields: Mapping[str, Any]) -> Header:
    """Read `to_json`, whatever else is in it. Raises `Damaged` unless the id is that of the fields."""
    txs = fields.get("txs")
    if not isinstance(txs, list) or len(txs) > TXS_MAX:
        raise Damaged("block", f"txs is no list of up to {TXS_MAX} ids")
    header = Header(
        height=_number(fields, "height"),
        previous=_bytes(fields.get("previous_block"), (0, ID_BYTES)),
        timestamp=_number(fields, "timestamp"),
        weave_size=_number(fields, "weave_size"),
        block_size=_number(fields, "block_size"),
        tx_root=_bytes(fields.get("tx_root"), (32,)),
        txs=tuple(_bytes(one, (32,)) for one in txs),
    )
    if fields.get("indep_hash") != b64(header.id):
        raise Damaged(f"block {header.height}", f"its fields give the id {b64(header.id)}, it says another")
    return header


def _number(fields: Mapping[str, Any], name: str) -> int:
    found = fields.get(name)
    if isinstance(found, str) and re.fullmatch(r"0|[1-9][0-9]{0,18}", found, re.ASCII):
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found <= NUMBER_MAX:
        raise Damaged("block", f"{name} is no whole number of 0 to {NUMBER_MAX}")
    return found


def _bytes(found: object, sizes: tuple[int, ...]) -> bytes:
    raw = unb64(found) if isinstance(found, str) and len(found) <= 64 else None
    if raw is None or len(raw) not in sizes:
        raise Damaged("block", f"a hash that is not base64url of one of {sizes} bytes")
    return raw

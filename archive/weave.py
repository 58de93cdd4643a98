"""A chain of blocks in memory: which transaction's bytes stand at an offset of the weave, and the proof of it.

Holds headers and transactions without their data; the data is read by whoever serves it. No I/O.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from archive import blocks
from archive.blocks import Header
from archive.errors import Damaged, Missing
from archive.keys import b64
from archive.merkle import leaf_proofs, leaf_root, split
from archive.transaction import Transaction

BUNDLE_NAME: Final = "Bundle"  # the tag with the SHA-256 of a bundle's bytes, the name it has in a store


def bundle_of(transaction: Transaction) -> str:
    """The name of the bundle that a transaction says its data is; empty when it names none."""
    named = (value for key, value in transaction.tags if key == BUNDLE_NAME.encode())
    return next(named, b"").decode(errors="replace")


@dataclass(frozen=True)
class Laid:
    """A transaction in the weave: its block's height, its last byte's offset, the proof of its data root, and SHA-256
    of each chunk of its data."""

    transaction: Transaction
    height: int
    end: int
    tx_path: bytes
    hashes: tuple[bytes, ...]

    @property
    def start(self) -> int:
        """Bytes of the weave before it."""
        return self.end - self.transaction.data_size

    @property
    def bundle(self) -> str:
        """The name of the bundle that is its data; empty when it names none."""
        return bundle_of(self.transaction)

    def chunk(self, place: int) -> tuple[int, int, bytes, bytes]:
        """The chunk with byte `place` of the data (from 0): its bounds [start, end), its SHA-256, its data_path."""
        bounds = split(self.transaction.data_size)
        number = next(index for index, (start, end) in enumerate(bounds) if start <= place < end)
        paths = leaf_proofs([(digest, end) for digest, (_, end) in zip(self.hashes, bounds)])
        return *bounds[number], self.hashes[number], paths[number]


class Weave:
    """Blocks from height 0 on."""

    def __init__(self) -> None:
        self.headers: list[Header] = []
        self.laid: list[Laid] = []
        self.bundles: set[str] = set()
        self._by_id: dict[str, Laid] = {}
        self._heights: dict[str, int] = {}
        self._ends: list[int] = []

    @property
    def newest(self) -> Header | None:
        """The newest block."""
        return self.headers[-1] if self.headers else None

    @property
    def size(self) -> int:
        """Bytes of the weave."""
        return self.headers[-1].weave_size if self.headers else 0

    def add(self, header: Header, transactions: Sequence[Transaction], hashes: Sequence[Sequence[bytes]]) -> None:
        """Append a block, checked; `hashes` are of each transaction's chunks. Raises `Damaged` or `Forged`, and then
        has not changed."""
        blocks.check_follows(header, self.newest)
        blocks.check_holds(header, transactions)
        for one, found in zip(transactions, hashes, strict=True):
            bounds = split(one.data_size)
            if len(bounds) != len(found) or leaf_root(list(zip(found, (end for _, end in bounds)))) != one.data_root:
                raise Damaged(b64(one.id), "the hashes of its chunks do not lead to its data_root")
        paths = blocks.tx_paths(transactions)
        for one, end, path, found in zip(transactions, blocks.ends(transactions), paths, hashes):
            laid = Laid(one, header.height, header.start + end, path, tuple(found))
            self.laid.append(laid)
            self.bundles.add(laid.bundle)
            self._by_id.setdefault(b64(one.id), laid)
            self._ends.append(laid.end)
        self._heights[b64(header.id)] = header.height
        self.headers.append(header)  # last: another thread may be reading

    def transactions(self, header: Header) -> tuple[Transaction, ...]:
        """A block's transactions, in order."""
        return tuple(self._by_id[b64(one)].transaction for one in header.txs)

    def find(self, transaction_id: str) -> Laid:
        """A transaction by id. Raises `Missing`."""
        laid = self._by_id.get(transaction_id)
        if laid is None:
            raise Missing(ascii(transaction_id[:64]), f"no transaction of this weave, which has {len(self.laid)}")
        return laid

    def at(self, offset: int) -> Laid:
        """The transaction with the byte at an offset, counted from 1. Raises `Missing`."""
        if not 1 <= offset <= self.size:
            raise Missing("weave", f"byte {offset} asked for, it has bytes 1 to {self.size}")
        return self.laid[bisect_left(self._ends, offset)]

    def block(self, block_id: str) -> Header:
        """A block by id. Raises `Missing`."""
        height = self._heights.get(block_id)
        if height is None:
            raise Missing(ascii(block_id[:64]), f"no block of this weave, which has {len(self.headers)}")
        return self.headers[height]

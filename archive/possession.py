"""Proving that a store still has the bytes it once took: random chunks by a public seed, as Arweave's miners are asked.

Nobody knows the offsets before the seed is known, and who has lost a share of the weave answers that share of them
wrongly. A proof holds against a block header alone: tx_path leads from its tx_root to a data root, data_path from there
to the chunk's hash. It shows that the bytes could be had at that moment, not that they lie there, nor that they will.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from archive.blocks import Header
from archive.errors import ArchiveError, Damaged
from archive.library import Chunk
from archive.merkle import check_proof

SEED_BYTES_MAX: Final = 64
CHALLENGES_MAX: Final = 10_000


@dataclass(frozen=True)
class Possessed:
    """What a proof shows: the chunk stands at [start, end) of the data with this root, which has `size` bytes."""

    data_root: bytes
    size: int
    start: int
    end: int


def offsets(seed: bytes, weave_size: int, count: int) -> list[int]:
    """Which bytes of a weave, counted from 1, a seed asks for. Raises `ArchiveError` beyond a limit.

    Number i is 1 + SHA-256("everloom-audit-1" | seed | i as u64 little-endian) mod weave size.
    """
    if not 1 <= len(seed) <= SEED_BYTES_MAX or not 1 <= count <= CHALLENGES_MAX:
        reason = f"a seed of {len(seed)} bytes and {count} challenges, allowed 1 to {SEED_BYTES_MAX}, {CHALLENGES_MAX}"
        raise ArchiveError("audit", reason)
    if weave_size < 1:
        raise ArchiveError("audit", "the weave is empty")
    drawn = (sha256(b"everloom-audit-1" + seed + number.to_bytes(8, "little")).digest() for number in range(count))
    return [1 + int.from_bytes(one) % weave_size for one in drawn]


def check_possession(header: Header, offset: int, chunk: Chunk) -> Possessed:
    """Hold the chunk with the byte at `offset` of the weave against the header of its block. Raises `Damaged`."""
    in_block = offset - 1 - header.start
    laid = check_proof(header.tx_root, header.block_size, in_block, chunk.tx_path)
    size = laid.end - laid.start
    proven = check_proof(laid.data_hash, size, in_block - laid.start, chunk.data_path)
    if len(chunk.data) != proven.end - proven.start or sha256(chunk.data).digest() != proven.data_hash:
        raise Damaged("chunk", f"{len(chunk.data)} bytes that are not those with the proven hash, at byte {offset}")
    return Possessed(laid.data_hash, size, proven.start, proven.end)

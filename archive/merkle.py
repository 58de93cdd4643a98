"""Arweave's Merkle tree over the 256 KiB chunks of a transaction's data: its root, and proofs for single chunks. A
block's tree over the data roots of its transactions is of the same kind (`leaf_root`, `leaf_proofs`).

A leaf hashes the chunk's SHA-256 with the offset at which it ends; a branch hashes its two halves with the offset
between them; an odd node is handed up as it is. Source: arweave-js `src/common/lib/merkle.ts`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise

from archive.errors import Damaged

CHUNK_BYTES_MAX = 256 << 10
CHUNK_BYTES_MIN = 32 << 10
NOTE_BYTES = 32
LEAF_BYTES = 32 + NOTE_BYTES
BRANCH_BYTES = 32 + 32 + NOTE_BYTES
PROOF_BYTES_MAX = 256 << 10  # what Arweave nodes take


@dataclass(frozen=True)
class Chunk:
    """A piece [start, end) of the data with the proof that leads from the root to it.

    `offset` is its last byte, by which a node is told the chunk.
    """

    start: int
    end: int
    proof: bytes

    @property
    def offset(self) -> int:
        return max(self.end - 1, 0)


@dataclass(frozen=True)
class Proven:
    """What a proof says of the byte asked for: the SHA-256 of its chunk, which is [start, end) of the data."""

    data_hash: bytes
    start: int
    end: int


@dataclass(frozen=True)
class _Node:
    id: bytes
    end: int
    head: bytes  # what a proof through this node says of it
    children: tuple["_Node", ...]


def split(size: int) -> list[tuple[int, int]]:
    """Where chunks start and end. A multiple of 256 KiB ends with an empty chunk, which is hashed but not sent."""
    bounds = [0]
    while (rest := size - bounds[-1]) >= CHUNK_BYTES_MAX:
        too_small = 0 < rest - CHUNK_BYTES_MAX < CHUNK_BYTES_MIN
        bounds.append(bounds[-1] + ((rest + 1) // 2 if too_small else CHUNK_BYTES_MAX))
    return list(pairwise([*bounds, size]))


def chunk_hashes(data: bytes) -> list[bytes]:
    """SHA-256 of each of the chunks that `split` gives, an empty last one included."""
    view = memoryview(data)
    return [sha256(view[start:end]).digest() for start, end in split(len(data))]


def data_root(data: bytes) -> bytes:
    """The 32-byte root a transaction signs; empty for no data."""
    return _tree(data).id if data else b""


def chunks(data: bytes) -> list[Chunk]:
    """The chunks to upload, in order, each with its proof."""
    return [chunk for chunk in _proofs(_tree(data)) if chunk.end > chunk.start] if data else []


def leaf_root(leaves: Sequence[tuple[bytes, int]]) -> bytes:
    """The root over (hash, offset at which it ends), offsets rising; empty for no leaves."""
    return _grown([_leaf(*leaf) for leaf in leaves]).id if leaves else b""


def leaf_proofs(leaves: Sequence[tuple[bytes, int]]) -> list[bytes]:
    """A proof for each of the leaves that `leaf_root` takes; `check_proof` follows it."""
    return [chunk.proof for chunk in _proofs(_grown([_leaf(*leaf) for leaf in leaves]))] if leaves else []


def check_proof(root: bytes, size: int, offset: int, proof: bytes) -> Proven:
    """Follows a proof from the root to the chunk with byte `offset` of `size` bytes of data; `Damaged` if it fails."""
    if not 0 <= offset < size:
        raise Damaged("merkle proof", f"byte {offset} asked for, the data has {size}")
    if len(proof) > PROOF_BYTES_MAX:
        raise Damaged("merkle proof", f"{len(proof)} bytes, limit {PROOF_BYTES_MAX}")
    expected, start, end = root, 0, size
    position = 0
    while len(proof) - position >= BRANCH_BYTES:
        left, right, note = _cut(proof, position, 32, 32, NOTE_BYTES)
        position += BRANCH_BYTES
        if _join(left, right, note) != expected:
            raise Damaged("merkle proof", f"the branch ending at byte {position} has another hash than its parent says")
        middle = int.from_bytes(note)
        expected, start, end = (left, start, min(end, middle)) if offset < middle else (right, max(start, middle), end)
    if len(proof) - position != LEAF_BYTES:
        raise Damaged("merkle proof", f"{len(proof) - position} bytes where the leaf's {LEAF_BYTES} should be")
    data_hash, note = _cut(proof, position, 32, NOTE_BYTES)
    if _join(data_hash, note) != expected:
        raise Damaged("merkle proof", "the leaf has another hash than its parent says")
    leaf_end = int.from_bytes(note)
    if not start <= offset < min(end, leaf_end):
        raise Damaged("merkle proof", f"leads to bytes {start} to {min(end, leaf_end)}, byte {offset} was asked for")
    return Proven(data_hash, start, min(end, leaf_end))


def _proofs(root: _Node) -> list[Chunk]:
    found: list[Chunk] = []
    pending = [(root, b"")]
    while pending:
        node, proof = pending.pop()
        proof += node.head
        if not node.children:
            start = found[-1].end if found else 0
            found.append(Chunk(start, node.end, proof))
        pending += [(child, proof) for child in reversed(node.children)]
    return found


def _tree(data: bytes) -> _Node:
    return _grown([_leaf(digest, end) for digest, (_, end) in zip(chunk_hashes(data), split(len(data)))])


def _grown(nodes: list[_Node]) -> _Node:
    while len(nodes) > 1:
        nodes = [_branch(*nodes[at : at + 2]) for at in range(0, len(nodes), 2)]
    return nodes[0]


def _leaf(data_hash: bytes, end: int) -> _Node:
    note = end.to_bytes(NOTE_BYTES)
    return _Node(_join(data_hash, note), end, data_hash + note, ())


def _branch(left: _Node, right: _Node | None = None) -> _Node:
    if right is None:
        return left
    note = left.end.to_bytes(NOTE_BYTES)
    return _Node(_join(left.id, right.id, note), right.end, left.id + right.id + note, (left, right))


def _join(*parts: bytes) -> bytes:
    return sha256(b"".join(sha256(part).digest() for part in parts)).digest()


def _cut(raw: bytes, position: int, *sizes: int) -> list[bytes]:
    fields = []
    for size in sizes:
        fields.append(raw[position : position + size])
        position += size
    return fields

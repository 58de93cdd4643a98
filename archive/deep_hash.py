"""Arweave's deep hash (SHA-384 over a tree of byte strings): what data items and format 2 transactions sign.

Source: arweave-js `src/common/lib/deepHash.ts`; the same fold in arbundles and HyperBEAM.
"""

from collections.abc import Sequence
from hashlib import sha384
from typing import TypeAlias

from archive.errors import ArchiveError

DEPTH_MAX = 32  # real trees are three deep (transaction, tags, tag)

Tree: TypeAlias = bytes | Sequence["Tree"]


def deep_hash(tree: Tree) -> bytes:
    """The 48-byte hash of a byte string or of a (nested) list of them.

    A blob is H(H("blob" + length) + H(bytes)); a list folds its elements' hashes into H("list" + length).
    Raises `ArchiveError` when nested deeper than 32 lists.
    """
    return _hash(tree, 0)


def _hash(tree: Tree, depth: int) -> bytes:
    if isinstance(tree, bytes | bytearray | memoryview):
        size = len(tree)
        return sha384(sha384(b"blob%d" % size).digest() + sha384(tree).digest()).digest()
    if depth == DEPTH_MAX:
        raise ArchiveError("deep hash", f"lists nested deeper than {DEPTH_MAX}")
    folded = sha384(b"list%d" % len(tree)).digest()
    for element in tree:
        folded = sha384(folded + _hash(element, depth + 1)).digest()
    return folded

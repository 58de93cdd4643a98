"""The deep hash agrees with arbundles and arweave-js, and is bounded in depth."""

from typing import Any

import pytest

from archive.deep_hash import DEPTH_MAX, Tree, deep_hash
from archive.errors import ArchiveError
from archive.keys import b64
from tests.archive.vectors import DEEP_HASHES, NETWORK, name_of, tree_of
from tests.shared_data import needs_shared


@needs_shared
@pytest.mark.parametrize("case", DEEP_HASHES, ids=name_of)
def test_vectors_of_arbundles(case: dict[str, Any]) -> None:
    assert b64(deep_hash(tree_of(case["input_base64url"]))) == case["deep_hash_sha384"]


@needs_shared
def test_vectors_of_the_reference_tests() -> None:
    def tree(encoded: Any) -> Tree:
        return bytes.fromhex(encoded) if isinstance(encoded, str) else [tree(element) for element in encoded]

    cases = NETWORK["deep_hash"]["vectors"]
    assert len(cases) == 3
    for case in cases:
        assert deep_hash(tree(case["input_hex"])).hex() == case["sha384_deep"]


def test_where_one_blob_ends_matters() -> None:
    shapes: list[Tree] = [b"ab", [b"ab"], [b"a", b"b"], [[b"a"], b"b"], [b"ab", b""], [b"", b"ab"], []]
    assert len({deep_hash(shape) for shape in shapes}) == len(shapes)
    assert all(len(deep_hash(shape)) == 48 for shape in shapes)


def test_depth_is_bounded() -> None:
    def nested(depth: int) -> Tree:
        return [nested(depth - 1)] if depth else b""

    deep_hash(nested(DEPTH_MAX))
    with pytest.raises(ArchiveError, match="32"):
        deep_hash(nested(DEPTH_MAX + 1))

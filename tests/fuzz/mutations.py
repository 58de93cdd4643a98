"""Random changes to seeds: of bytes, and of the trees that MessagePack and JSON stand for.

Both the short form and atheris (as its custom mutator) use them, so that inputs get past a parser.
"""

import json
from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec

from tests.fuzz.target import Shape

EDGES = (0, 1, 2, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 4095, 4096, 32767, 32768, 65535, 65536)
EDGES += (*(2**bits + step for bits in (31, 32, 53, 63) for step in (-1, 0, 1)), 2**64 - 1, -1, -128, -(2**63))
TEXTS = ("", "\0", "\u00e9", "\U0001f300", "\ud800", "../" * 4, "a" * 300, "1e999", "NaN", "9" * 5000)


def mutate(
    data: bytes, random: Random, shape: Shape, others: Sequence[bytes] = (), words: Sequence[bytes] = ()
) -> bytes:
    """Another input, made from this one; `others` lend it parts."""
    if shape in ("msgpack", "json") and random.random() < 0.8:
        changed = _mutate_tree(data, random, shape, others)
        if changed is not None:
            return changed
    return _mutate_bytes(data, random, others, words)


def _mutate_bytes(data: bytes, random: Random, others: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    out = bytearray(data)
    for _ in range(1 << random.randrange(4)):
        at = random.randrange(len(out) + 1)
        match random.randrange(9):
            case 0 if out:
                out[at % len(out)] ^= 1 << random.randrange(8)
            case 1 if out:
                out[at % len(out)] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
            case 2:
                out[at:at] = random.randbytes(random.choice((1, 2, 4, 8)))
            case 3:
                del out[at : at + random.choice((1, 2, 4, 8, 32, 256))]
            case 4:
                size = random.choice((1, 2, 4, 8, 32))
                value = random.choice(EDGES) % (1 << 8 * size)
                out[at : at + size] = value.to_bytes(size, random.choice(("little", "big")))
            case 5:
                size, begin = random.choice((1, 4, 16, 64)), random.randrange(len(out) + 1)
                out[at:at] = out[begin : begin + size]
            case 6 if others:
                other = random.choice(others)
                begin = random.randrange(len(other) + 1)
                out[at : at + random.choice((0, 8, 64))] = other[begin : begin + random.choice((4, 16, 64, 512))]
            case 7:
                del out[at:]
            case 8 if words:
                out[at : at + random.choice((0, 1, 8))] = random.choice(words)
    return bytes(out)


def _mutate_tree(data: bytes, random: Random, shape: Shape, others: Sequence[bytes]) -> bytes | None:
    tree = _read(data, shape)
    if tree is None:
        return None
    other = _read(random.choice(others), shape) if others else tree
    for _ in range(1 << random.randrange(3)):
        tree = _change(tree, random, other)
    return _write(tree, shape)


def _read(data: bytes, shape: Shape) -> Any:
    try:
        return msgspec.msgpack.decode(data) if shape == "msgpack" else json.loads(data)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def _write(tree: Any, shape: Shape) -> bytes | None:
    try:
        if shape == "msgpack":
            return msgspec.msgpack.encode(tree)
        return json.dumps(tree, sort_keys=True, separators=(",", ":")).encode()
    except (TypeError, ValueError, OverflowError, RecursionError):
        return None


def _change(tree: Any, random: Random, other: Any) -> Any:
    """The tree with one node changed, copied as far as it changed."""
    if isinstance(tree, list) and tree and random.random() < 0.8:
        at = random.randrange(len(tree))
        return [*tree[:at], _change(tree[at], random, other), *tree[at + 1 :]]
    if isinstance(tree, dict) and tree and random.random() < 0.8:
        key = random.choice(list(tree))
        return tree | {key: _change(tree[key], random, other)}
    return _changed(tree, random, other)


def _changed(node: Any, random: Random, other: Any) -> Any:
    if random.random() < 0.15:
        return _node_of(other, random)
    if isinstance(node, bool):
        return not node
    if isinstance(node, int):
        return random.choice((node + 1, node - 1, random.choice(EDGES), node ^ 1 << random.randrange(40)))
    if isinstance(node, bytes):
        return _changed_bytes(node, random)
    if isinstance(node, str):
        at = random.randrange(len(node) + 1)
        return random.choice((random.choice(TEXTS), node[:at], node + node[at:], node[:at] + "~" + node[at + 1 :]))
    if isinstance(node, list) and node:
        at = random.randrange(len(node))
        return random.choice(([*node, node[at]], node[:at] + node[at + 1 :], node[::-1], node * 3, [], [node]))
    if isinstance(node, dict) and node:
        key = random.choice(list(node))
        return random.choice(({k: v for k, v in node.items() if k != key}, node | {"strange": 1}, {}, [node]))
    return random.choice((None, 0, 2**63, b"", "", [], [None], 0.5, True))


def _changed_bytes(node: bytes, random: Random) -> bytes:
    if node and random.random() < 0.6:  # many byte strings hold an array of their own
        inner = _mutate_tree(node, random, "msgpack", ())
        if inner is not None and isinstance(_read(node, "msgpack"), list):
            return inner
    return random.choice((_mutate_bytes(node, random, (), ()), random.randbytes(len(node)), bytes(len(node)), b""))


def _node_of(tree: Any, random: Random) -> Any:
    while isinstance(tree, list | dict) and tree and random.random() < 0.7:
        tree = random.choice(tree if isinstance(tree, list) else list(tree.values()))
    return tree

"""Items of outside wallets for property tests: signed, and asking for anything."""

from typing import Any

from hypothesis import strategies as st

from archive.data_item import sign_item
from archive.keys import Ed25519Key, b64
from regions import outside
from tests.wallets import EthereumKey

KEY = Ed25519Key(b"w" * 32)
"""Of the wallet that has a body."""

Tags = list[tuple[str, str]]
KEYS: tuple[Any, ...] = (KEY, KEY, Ed25519Key(b"u" * 32), EthereumKey(b"v" * 32))
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
KINDS = st.sampled_from([*outside.READS, *outside.ACTS])
NAMES = st.sampled_from(["X", "Y", "Recipient", "Quantity", "Item", "Count", "Asset", "Cursor", "Target"])
VALUES = st.one_of(
    st.integers(-300, 300).map(str),
    TEXT,
    st.sampled_from(["9" * 19, "9" * 20, "0", b64(KEY.public), "0x" + "ab" * 20, "everyone"]),
)
NUMBERS: st.SearchStrategy[Tags] = st.one_of(
    st.just([]),
    st.tuples(st.integers(0, 2), st.integers(0, 60)).map(lambda pair: [("Number", f"{pair[0]}.{pair[1]}")]),
    TEXT.map(lambda text: [("Number", text)]),
)


def asked() -> st.SearchStrategy[tuple[Tags, bytes]]:
    """Tags, but for the number, and data."""
    sound = st.sampled_from(
        [
            [("Action", "Move"), ("X", "127"), ("Y", "-3")],
            [("Action", "Give"), ("Recipient", "1"), ("Quantity", "1")],
            [("Action", "Give"), ("Recipient", "2"), ("Item", "1"), ("Count", "1")],
            [("Action", "Give"), ("Recipient", b64(KEY.public)), ("Asset", "7")],
        ]
    )
    kind = st.one_of(KINDS, KINDS, TEXT).map(lambda kind: [("Action", kind)])
    some = st.builds(list.__add__, kind, st.lists(st.tuples(NAMES, VALUES), max_size=5))
    data = st.one_of(TEXT.map(str.encode), st.binary(max_size=150))
    return st.tuples(st.one_of(sound, some, some), data)


def signed(key: Any, tags: Tags, number: Tags, data: bytes, target: bytes) -> bytes:
    """The item's bytes."""
    return sign_item(key, data, [*tags, *number, ("Data-Protocol", "ao"), ("Type", "Message")], target).raw


def items(processes: dict[int, bytes]) -> st.SearchStrategy[bytes]:
    """Signed items of wallets with a body and without, under any number and for any process; of one in three a byte
    was changed after signing."""

    def bent(key: Any, said: tuple[Tags, bytes], number: Tags, target: bytes, bend: int) -> bytes:
        raw = bytearray(signed(key, said[0], number, said[1], target))
        if bend % 3 == 0:
            raw[bend % len(raw)] ^= 1 + bend % 255
        return bytes(raw)

    targets = st.sampled_from([*processes.values(), bytes(32)])
    return st.builds(bent, st.sampled_from(KEYS), asked(), NUMBERS, targets, st.integers(0, 10**6))

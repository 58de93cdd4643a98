"""Bundles of a handy size; and a store is believed only when it hands back what it was given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import upload
from archive.bundle import pack, unpack
from archive.data_item import DataItem, sign_item
from archive.errors import ArchiveError, Damaged, Forged, Missing
from archive.keys import Ed25519Key, b64
from archive.stores.memory import MemoryStore

KEY = Ed25519Key(bytes(range(32)))


def items(sizes: list[int]) -> list[DataItem]:
    """Items with so much data each."""
    return [sign_item(KEY, number.to_bytes(4, "little") + bytes(size), []) for number, size in enumerate(sizes)]


@given(sizes=st.lists(st.integers(0, 3000), max_size=12), wanted=st.integers(500, 5000))
def test_items_are_packed_in_order_within_the_size_wanted(sizes: list[int], wanted: int) -> None:
    made = items(sizes)
    packed = upload.bundles(made, wanted)
    assert [one.raw for raw in packed for one in unpack(raw)] == [one.raw for one in made]
    for raw in packed:
        assert len(raw) <= wanted + 32 or len(unpack(raw)) == 1


class Fickle(MemoryStore):
    """A store that loses or alters what it took, as long as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.loses: set[str] = set()
        self.alters: set[str] = set()
        self.puts = 0

    def put_bundle(self, bundle: bytes) -> list[str]:
        self.puts += 1
        return super().put_bundle(bundle)

    def get(self, item_id: str) -> bytes:
        if item_id in self.loses:
            raise Missing(item_id, "gone")
        raw = super().get(item_id)
        return raw[:-1] if item_id in self.alters else raw


def test_every_store_is_read_back() -> None:
    made = items([10, 20, 30])
    ids = [b64(one.id) for one in made]
    one, other = MemoryStore(), Fickle()
    assert upload.put_and_check([one, other], pack(made)) == ids
    assert [one.get(item_id) for item_id in ids] == [other.get(item_id) for item_id in ids]


def test_what_a_store_does_not_hand_back_is_not_stored() -> None:
    made = items([10, 20, 30])
    store, victim = Fickle(), b64(made[1].id)
    store.loses = {victim}
    with pytest.raises(Missing):
        upload.put_and_check([store], pack(made))
    store.loses, store.alters = set(), {victim}
    with pytest.raises(Damaged, match="are not the"):
        upload.put_and_check([store], pack(made))
    store.alters = set()
    puts = store.puts
    upload.put_and_check([store], pack(made))
    assert store.puts == puts, "what is there whole is not put again"


def test_only_signed_items_are_put() -> None:
    raw = bytearray(pack(items([10])))
    raw[-1] ^= 1
    with pytest.raises(Forged):
        upload.put_and_check([MemoryStore()], bytes(raw))
    with pytest.raises(ArchiveError):
        upload.put_and_check([MemoryStore()], b"no bundle")


def test_pauses_grow_to_a_limit_and_are_spread() -> None:
    longest = [upload.pause_ms(attempt, 1.0) for attempt in range(1, 12)]
    assert longest[:3] == [500, 1000, 2000] and longest[-1] == upload.PAUSE_MS_MAX
    assert upload.pause_ms(10**6, 0.0) == upload.PAUSE_MS_MAX // 2
    assert upload.pause_ms(3, 0.0) == 1000

"""What every store promises, asked of the memory store and the disk store alike."""

from pathlib import Path

import pytest

from archive.bundle import BUNDLE_TAGS, pack
from archive.data_item import DataItem, sign_item
from archive.errors import ArchiveError, Damaged, Forged, Missing
from archive.keys import Ed25519Key, RsaKey, b64
from archive.stores import State, Store
from archive.stores.disk import DiskStore
from archive.stores.memory import MemoryStore

KEY = Ed25519Key(b"\3" * 32)
OTHER = Ed25519Key(b"\4" * 32)


def item_of(number: int, key: Ed25519Key = KEY, **tags: str) -> DataItem:
    return sign_item(key, b"item %d" % number, sorted(tags.items()))


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else DiskStore(tmp_path / "store")


def test_what_was_put_is_there(store: Store, rsa_key: RsaKey) -> None:
    items = [item_of(1), item_of(2, a="b"), sign_item(rsa_key, b"rsa", []), sign_item(KEY, b"", [])]
    for item in items:
        item_id = store.put(item.raw)
        assert item_id == b64(item.id)
        assert store.get(item_id) == item.raw
        assert store.confirm(item_id) is State.STORED
    assert list(store.ids()) == [b64(item.id) for item in reversed(items)]


def test_a_bundle_is_put_as_its_items(store: Store) -> None:
    items = [item_of(number, n=str(number)) for number in range(5)]
    ids = store.put_bundle(pack(items))
    assert ids == [b64(item.id) for item in items]
    assert [store.get(item_id) for item_id in ids] == [item.raw for item in items]
    assert store.query({"n": "3"}) == [ids[3]]
    assert store.put_bundle(pack([])) == []


def test_a_bundle_in_an_item_stays_one_item(store: Store) -> None:
    outer = sign_item(KEY, pack([item_of(1)]), BUNDLE_TAGS)
    store.put(outer.raw)
    assert list(store.ids()) == [b64(outer.id)]


def test_putting_again_changes_nothing(store: Store) -> None:
    items = [item_of(number) for number in range(3)]
    bundle = pack(items)
    ids = store.put_bundle(bundle)
    for _ in range(2):
        assert store.put_bundle(bundle) == ids
        assert [store.put(item.raw) for item in items] == ids
        assert store.put_bundle(pack([*items[1:], item_of(3)]))[:2] == ids[1:]
    assert list(store.ids()) == [b64(item_of(3).id), *reversed(ids)]
    assert all(store.get(item_id) == item.raw for item_id, item in zip(ids, items))


def test_the_same_content_signed_twice_is_two_items(store: Store, rsa_key: RsaKey) -> None:
    first, second = (sign_item(rsa_key, b"same", [("a", "b")]) for _ in range(2))
    assert store.put(first.raw) != store.put(second.raw)
    assert store.query({"a": "b"}) == [b64(second.id), b64(first.id)]


def test_nothing_is_kept_that_does_not_verify(store: Store) -> None:
    good = item_of(1)
    with pytest.raises(Forged):
        store.put(good.raw[:-1] + b"x")
    with pytest.raises(Damaged):
        store.put(good.raw[:50])
    with pytest.raises(Forged):
        store.put_bundle(pack([good, item_of(2)])[:-1] + b"x")
    with pytest.raises(Damaged):
        store.put_bundle(pack([good])[:-1])
    assert list(store.ids()) == []


@pytest.mark.parametrize("item_id", ["", "x", "A" * 43, "../../../etc/passwd", "A" * 42 + "\n", "é" * 43, "\ud800"])
def test_what_is_not_there_is_missing(store: Store, item_id: str) -> None:
    store.put(item_of(1).raw)
    for ask in (store.get, store.confirm):
        with pytest.raises(Missing) as caught:
            ask(item_id)
        assert str(caught.value).isascii()
        assert str(caught.value).isprintable()
    with pytest.raises(Missing):
        store.query({}, after=item_id)


def test_queries_match_all_tags_and_the_owner(store: Store) -> None:
    a = store.put(item_of(1, kind="segment", region="harbour").raw)
    b = store.put(item_of(2, kind="segment", region="forest").raw)
    c = store.put(item_of(3, OTHER, kind="segment", region="forest").raw)
    d = store.put(sign_item(KEY, b"twice", [("kind", "x"), ("kind", "segment"), ("kind", "x")]).raw)
    mine, others = item_of(1).address, item_of(1, OTHER).address
    assert store.query({"kind": "segment"}) == [d, c, b, a]
    assert store.query({"kind": "segment", "region": "forest"}) == [c, b]
    assert store.query({"region": "forest", "kind": "segment"}, owner=others) == [c]
    assert store.query({}, owner=mine) == [d, b, a]
    assert store.query({"kind": "x"}) == [d]
    assert store.query({"kind": "segment", "region": "sea"}) == []
    assert store.query({"segment": "kind"}) == []
    assert store.query({}, owner="nobody") == []


def test_queries_come_in_pages(store: Store) -> None:
    ids = [store.put(item_of(number, parity=str(number % 2)).raw) for number in range(23)]
    for tags, expected in (({}, ids), ({"parity": "1"}, ids[1::2])):
        pages, after = [], None
        while page := store.query(tags, limit=4, after=after):
            pages.append(page)
            after = page[-1]
        assert [item_id for page in pages for item_id in page] == expected[::-1]
        assert all(len(page) == 4 for page in pages[:-1])
    # A page may go on after an item that does not match itself.
    assert store.query({"parity": "1"}, limit=2, after=ids[10]) == [ids[9], ids[7]]
    assert len(store.query({}, limit=10_000)) == 23
    for limit in (0, -1, 10_001):
        with pytest.raises(ValueError, match=f"limit {limit}, allowed 1 to 10000"):
            store.query({}, limit=limit)


def test_errors_are_archive_errors(store: Store) -> None:
    for raw in (b"", b"\0" * 32, bytes(200)):
        with pytest.raises(ArchiveError):
            store.put(raw)

"""The Arweave store against a real arlocal: what it promises, who pays for what, and how it is found again."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.bundle import pack
from archive.data_item import DataItem, sign_item
from archive.errors import ArchiveError, Missing
from archive.keys import Ed25519Key, RsaKey, address, b64
from archive.stores import State
from archive.stores.arweave import ArweaveStore
from archive.stores.gateway import Gateway, Patience
from archive.stores.journal import Journal
from archive.upload import put_and_check
from tests.archive.arlocal_server import Arlocal

KEY = Ed25519Key(b"\3" * 32)
OTHER = Ed25519Key(b"\4" * 32)
QUICK = Patience(connect_s=2, read_s=10, answer_s=20, tries=2, pause_s_max=0.05, resend_s=0)


def items_of(world: str, count: int, size: int = 200, key: Ed25519Key = KEY) -> list[DataItem]:
    """Items no two of which are alike; sizes differ."""
    data = random.Random(f"{world}{count}{size}")
    return [
        sign_item(key, data.randbytes(size + number), [("World", world), ("Type", "Thing"), ("Number", str(number))])
        for number in range(count)
    ]


@pytest.fixture
def store(arlocal: Arlocal, payer: RsaKey, tmp_path: Path) -> Iterator[ArweaveStore]:
    store = ArweaveStore(Gateway(arlocal.url, QUICK), Journal.opened(tmp_path / "journal"), payer, depth=3)
    yield store
    store.close()


def test_what_was_put_is_there_for_a_reader_who_knows_nothing(store: ArweaveStore, arlocal: Arlocal) -> None:
    items = items_of("W1", 20)
    assert put_and_check([store], pack(items)) == [b64(item.id) for item in items]
    arlocal.mine()
    reader = ArweaveStore(Gateway(arlocal.url, QUICK))
    assert [reader.get(b64(item.id)) for item in items] == [item.raw for item in items]
    with pytest.raises(Missing):
        reader.get("A" * 43)
    with pytest.raises(ArchiveError, match="read only"):
        reader.put(items[0].raw)
    reader.close()


def test_a_bundle_of_many_chunks(store: ArweaveStore, arlocal: Arlocal) -> None:
    items = items_of("W2", 3, 400_000)
    put_and_check([store], pack(items))
    assert store.get(b64(items[1].id)) == items[1].raw


def test_items_are_found_by_tags_and_owner_page_after_page(store: ArweaveStore, arlocal: Arlocal) -> None:
    items = items_of("W3", 130)
    put_and_check([store], pack(items))
    put_and_check([store], pack(items_of("W3", 3, key=OTHER)))
    arlocal.mine()
    reader = ArweaveStore(Gateway(arlocal.url, QUICK))
    found, after = list[str](), None
    while page := reader.query({"World": "W3", "Type": "Thing"}, KEY_ADDRESS, 50, after):
        found += page
        after = page[-1]
    assert sorted(found) == sorted(b64(item.id) for item in items)
    assert reader.query({"World": "W3", "Number": "7"}, KEY_ADDRESS) == [b64(items[7].id)]
    assert reader.query({"World": "nowhere"}) == []
    reader.close()


KEY_ADDRESS = address(KEY.public)


def test_an_item_is_submitted_until_it_lies_deep_enough(store: ArweaveStore, arlocal: Arlocal) -> None:
    (item,) = items_of("W4", 1)
    (item_id,) = put_and_check([store], pack([item]))
    assert store.confirm(item_id) is State.SUBMITTED
    arlocal.mine()
    assert store.confirm(item_id) is State.SUBMITTED
    for _ in range(3):
        arlocal.mine()
    assert store.confirm(item_id) is State.PERMANENT


def test_nobody_pays_twice(store: ArweaveStore, arlocal: Arlocal, payer: RsaKey, tmp_path: Path) -> None:
    bundle = pack(items_of("W5", 3))
    put_and_check([store], bundle)
    arlocal.mine()
    paid = arlocal.balance(address(payer.public))
    store.put_bundle(bundle)
    put_and_check([store], bundle)
    # Not even after the journal was lost.
    other = ArweaveStore(Gateway(arlocal.url, QUICK), Journal.opened(tmp_path / "other"), payer)
    other.put_bundle(bundle)
    other.close()
    assert arlocal.balance(address(payer.public)) == paid
    other.close()


def test_an_upload_broken_off_goes_on_with_the_same_transaction(
    store: ArweaveStore, arlocal: Arlocal, payer: RsaKey, tmp_path: Path
) -> None:
    items = items_of("W6", 4, 300_000)
    bundle = pack(items)
    sent: list[str] = []
    real = store.gateway.post

    def post(path: str, body: object) -> object:
        sent.append(path)
        if sent.count("/chunk") == 3:
            raise ArchiveError("cable", "cut")
        return real(path, body)

    store.gateway.post = post  # type: ignore[method-assign, assignment]
    before = arlocal.balance(address(payer.public))
    with pytest.raises(ArchiveError, match="cut"):
        store.put_bundle(bundle)
    store.close()
    first = store.journal and next(iter(store.journal))
    assert first
    assert (first.posted, first.chunks) == (True, 2)
    again = ArweaveStore(Gateway(arlocal.url, QUICK), Journal.opened(tmp_path / "journal"), payer)
    requests: list[str] = []
    real = again.gateway.post
    again.gateway.post = lambda path, body: (requests.append(path), real(path, body))[1]  # type: ignore[method-assign]
    put_and_check([again], bundle)
    assert again.journal
    assert next(iter(again.journal)).id == first.id
    assert requests == ["/chunk"] * (len(bundle) // (256 << 10) + 1 - 2)
    again.close()
    arlocal.mine()
    assert before - arlocal.balance(address(payer.public)) == int(first.signed["reward"])

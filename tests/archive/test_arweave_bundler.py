"""Bundles that go up through a bundler; and what the client of a gateway does not put up with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.bundle import pack
from archive.data_item import parse_item
from archive.errors import ArchiveError, Damaged, Missing
from archive.keys import RsaKey, b64
from archive.stores import State
from archive.stores.arweave import ArweaveStore
from archive.stores.gateway import Gateway, Patience
from archive.stores.journal import Journal
from archive.stores.submission import upload_url
from archive.upload import put_and_check
from tests.archive.lying_gateway import LyingGateway
from tests.archive.test_arweave import items_of

QUICK = Patience(connect_s=1, read_s=0.3, answer_s=0.3, tries=3, pause_s_max=0.01, resend_s=0)


@pytest.fixture
def gateway() -> Iterator[LyingGateway]:
    gateway = LyingGateway()
    yield gateway
    gateway.close()


@pytest.fixture
def store(gateway: LyingGateway, rsa_key: RsaKey, tmp_path: Path) -> Iterator[ArweaveStore]:
    journal = Journal.opened(tmp_path / "journal")
    store = ArweaveStore(Gateway(gateway.url, QUICK), journal, rsa_key, bundler=gateway.url, depth=3)
    yield store
    store.close()


def test_a_bundler_is_given_one_item_and_no_transaction_is_paid(
    store: ArweaveStore, gateway: LyingGateway, rsa_key: RsaKey
) -> None:
    items = items_of("W", 5)
    put_and_check([store], pack(items))
    (outer,) = gateway.items.values()
    assert outer.owner == rsa_key.public and outer.data == pack(items) and not gateway.transactions
    reader = ArweaveStore(Gateway(gateway.url, QUICK))
    assert reader.get(b64(items[3].id)) == items[3].raw
    reader.close()


def test_how_deep_an_item_lies_is_told_by_its_block(store: ArweaveStore, gateway: LyingGateway) -> None:
    bundle = pack(items_of("W", 1))
    (item_id,) = put_and_check([store], bundle)
    (entry,) = list(store.journal or ())
    assert store.note_depth(entry.bundle) is State.STORED  # not read back, as far as was noted
    store.note_read_back(entry.bundle)
    assert store.note_depth(entry.bundle) is State.SUBMITTED
    assert store.confirm(item_id) is State.SUBMITTED
    gateway.mined = 10
    assert store.note_depth(entry.bundle) is State.PERMANENT
    assert store.confirm(item_id) is State.PERMANENT


@pytest.mark.parametrize("lie", ["forgets", "mumbles", "broken"])
def test_a_bundler_s_word_is_nothing_and_the_same_item_is_sent_again(
    lie: str, store: ArweaveStore, gateway: LyingGateway
) -> None:
    bundle = pack(items_of("W", 3))
    gateway.turn(lie)
    with pytest.raises(ArchiveError):
        put_and_check([store], bundle)
    gateway.turn("honest")
    put_and_check([store], bundle)
    assert len(gateway.items) == 1


def test_an_upload_endpoint_is_taken_as_given() -> None:
    assert upload_url("https://up.example") == "https://up.example/tx/arweave"
    assert upload_url("https://up.example/") == "https://up.example/tx/arweave"
    assert upload_url("https://up.example/v1/tx") == "https://up.example/v1/tx"
    with pytest.raises(ArchiveError, match="no bundler's address"):
        upload_url("up.example")


def test_answers_are_bounded_in_bytes_and_time(gateway: LyingGateway, store: ArweaveStore) -> None:
    put_and_check([store], pack(items_of("W", 3, 5_000)))
    (which,) = gateway.items
    with pytest.raises(Damaged, match="an answer of more than 1000 bytes"):
        store.gateway.get(f"/raw/{which}", 1_000)
    assert len(store.gateway.beginning(f"/raw/{which}", 100).body) == 100
    gateway.turn("slow")
    with pytest.raises(ArchiveError, match="GET failed 3 times, the last with ReadTimeout"):
        store.gateway.get("/info")
    asked = gateway.asked
    gateway.turn("busy")
    with pytest.raises(ArchiveError, match="failed 3 times, the last with status 429: go away"):
        store.gateway.get("/info")
    assert gateway.asked - asked == 3


def test_a_price_that_would_empty_a_wallet_is_not_paid(gateway: LyingGateway, rsa_key: RsaKey, tmp_path: Path) -> None:
    store = ArweaveStore(Gateway(gateway.url, QUICK), Journal.opened(tmp_path / "other"), rsa_key)
    gateway.turn("dear")
    with pytest.raises(ArchiveError, match=r"winston for .* bytes, the limit here is"):
        store.put_bundle(pack(items_of("W", 1)))
    assert not gateway.transactions and not list(store.journal or ())
    store.close()


def test_one_process_at_a_time_uploads_and_a_damaged_entry_is_as_good_as_lost(
    store: ArweaveStore, gateway: LyingGateway, tmp_path: Path
) -> None:
    put_and_check([store], pack(items_of("W", 1)))
    with pytest.raises(ArchiveError, match="another process is uploading"):
        Journal.opened(tmp_path / "journal")
    (entry,) = list(store.journal or ())
    path = tmp_path / "journal" / f"{entry.bundle}.json"
    assert list(Journal(tmp_path / "journal")) == [entry]
    with pytest.raises(ArchiveError, match="opened to be read"):
        Journal(tmp_path / "journal").keep(entry)
    for spoilt in (b"", b"{", path.read_bytes()[:-2], path.read_bytes().replace(entry.id.encode(), b"../x")):
        path.write_bytes(spoilt)
        assert list(Journal(tmp_path / "journal")) == []


def test_a_single_item_is_put_and_a_missing_one_is_missing(store: ArweaveStore) -> None:
    (item,) = items_of("W", 1)
    item_id = store.put(item.raw)
    assert parse_item(store.get(item_id)) == item
    assert list(store.ids()) == [item_id]
    for unknown in ("", "x", "A" * 43, "../../etc/passwd", "\ud800"):
        with pytest.raises(Missing) as caught:
            store.get(unknown)
        assert str(caught.value).isascii()
    with pytest.raises(Missing):
        store.query({"World": "W"}, after="A" * 43)
    with pytest.raises(ValueError, match="limit 0"):
        store.query({}, limit=0)

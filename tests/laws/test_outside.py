"""Outside wallets: a signed item is read or done once, under its number, by the region it names, and the record that
holds it says all that anyone will ever be told of it."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as replace_struct

from archive.data_item import DataItem, sign_item
from archive.keys import ARWEAVE, ED25519, ETHEREUM, Ed25519Key
from regions import compute, messages, outside, replies
from regions.config import OUTSIDE_PER_TICK, SPAN
from regions.drafts import draft
from regions.errors import RecordError
from regions.letters import WORLD
from regions.record import Outside, SpanSigned
from regions.region_state import Region
from tests.brittle import Brittle
from tests.cluster import Cluster
from tests.wallets import AO, EthereumKey, Wallet, recorded, rsa, wallet_key
from world.events import Refusal
from world.state import COINS, Counter, X, Y, make_id


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(population=(2, 0, 0))


@pytest.mark.parametrize("signer", [ED25519, ARWEAVE, ETHEREUM])
def test_any_wallet_joins_moves_and_is_told_its_inventory(cluster: Cluster, signer: int) -> None:
    wallet = Wallet(cluster, wallet_key(signer))
    entity = wallet.join()
    region = cluster.region(1)
    before = region.bodies.rows[[X, Y], region.bodies.row(entity)].tolist()
    assert wallet.send(wallet.item("Move", 1, wallet.next(), X=-127, Y=0), 1) == [(messages.STATUS_DONE, 0)]
    cluster.ticks(20)
    assert region.bodies.rows[[X, Y], region.bodies.row(entity)].tolist() != before
    words = json.loads(wallet.ask("Inventory")["Data"])
    assert (words["Entity"], words["Coins"], words["Next"]) == (entity, 0, "1.3")
    named = wallet.ask("Inventory")["Tags"]["Account"]
    assert named.startswith("0x") == (signer == ETHEREUM)
    assert wallet.ask("Balance", Recipient=named)["Data"] == "0"
    assert cluster.replay(1).digest() == region.digest()


def test_what_is_said_without_a_number_is_heard_once(cluster: Cluster) -> None:
    wallet = Wallet(cluster)
    wallet.join()
    said = wallet.item("Say", 1, data=b"hello")
    assert wallet.send(said, 1) == [(messages.STATUS_DONE, 0)]
    assert wallet.send(said, 1) == [(messages.STATUS_LAST, 0)]
    recorded(cluster, 1, said)


def test_a_number_is_spent_once_and_in_order(cluster: Cluster) -> None:
    wallet = Wallet(cluster)
    wallet.join()
    first, second = (wallet.item("Move", 1, wallet.next(), X=5, Y=5) for _ in range(2))
    assert wallet.send(second, 1) == [(messages.STATUS_LAST, 0)]
    assert wallet.send(first, 1) == [(messages.STATUS_DONE, 0)]
    assert wallet.send(first, 1) == [(messages.STATUS_LAST, 0)]
    assert wallet.send(second, 1) == [(messages.STATUS_DONE, 0)]
    again = wallet.item("Move", 1, "1.3", X=9, Y=9)
    assert wallet.send(again, 1) == [(messages.STATUS_LAST, 0)]


def test_two_that_come_in_one_tick_are_both_taken_in_order(cluster: Cluster) -> None:
    wallet = Wallet(cluster)
    wallet.join()
    items = [wallet.item("Move", 1, wallet.next(), X=x, Y=0) for x in (1, 2, 3)]
    wallet.answers.clear()
    cluster.send(1, *(Outside(item.raw, 0, 0) for item in items), gateway=wallet.name)
    cluster.ticks(3)
    assert [answer.chain for answer in wallet.answers] == [item.id for item in items]
    assert len({recorded(cluster, 1, item)[0].n for item in items}) == 1


def test_forged_replayed_and_foreign_items_change_nothing(cluster: Cluster) -> None:
    wallet = Wallet(cluster)
    wallet.join()
    good = wallet.item("Say", 1, data=b"mine")
    forged = replace(good, data=b"yours")
    elsewhere = wallet.item("Say", 2, data=b"there")
    other_era = wallet.item("Move", 1, "2.2", X=1, Y=1)
    unnumbered = wallet.item("Move", 1, X=1, Y=1)
    stranger = Wallet(cluster, Ed25519Key(b"s" * 32), "stranger")
    before = cluster.region(1).digest(), len(cluster.records(1))
    for item in (forged, elsewhere, other_era, unnumbered):
        assert wallet.send(item, 1) == [(messages.STATUS_INVALID, 0)]
    for item in (stranger.item("Say", 1, data=b"who?"), stranger.item("Give", 1, "1.1", Recipient=1, Quantity=1)):
        assert stranger.send(item, 1) == [(messages.STATUS_MOVED, 0)]
    assert not any(record.replies for record in cluster.records(1)[before[1] :])


def test_a_wallet_may_say_the_same_again_by_signing_again(cluster: Cluster) -> None:
    """RSA-PSS signs with random salt: aoconnect puts nothing else into a message that would tell two of them apart."""
    wallet = Wallet(cluster, rsa())
    wallet.join()
    one = wallet.item("Say", 1, data=b"once")
    again = sign_item(wallet.key, one.data, one.tags, one.target, one.anchor)
    assert one.id != again.id
    assert wallet.send(one, 1) == [(messages.STATUS_DONE, 0)]
    assert wallet.send(again, 1) == [(messages.STATUS_DONE, 0)]
    assert wallet.send(again, 1) == [(messages.STATUS_LAST, 0)]


def test_the_v_flip_of_an_ethereum_signature_is_refused(cluster: Cluster) -> None:
    wallet = Wallet(cluster, EthereumKey(b"e" * 32))
    wallet.join()
    one = wallet.item("Say", 1, data=b"once")
    flipped = replace(one, signature=one.signature[:64] + bytes([one.signature[64] ^ 7]))
    assert {one.signature[64], flipped.signature[64]} == {27, 28}
    assert wallet.send(flipped, 1) == [(messages.STATUS_INVALID, 0)]


def test_a_gift_changes_holders_and_is_refused_when_it_is_not_ones_own(cluster: Cluster) -> None:
    rich, poor = Wallet(cluster), Wallet(cluster, rsa(), "poor")
    giver, taker = rich.join(), poor.join()
    bodies = cluster.region(1).bodies
    coins = _coins(bodies, giver, 7)
    _meet(bodies, giver, taker)
    address = poor.ask("Inventory")["Tags"]["Account"]
    gift = rich.item("Give", 1, rich.next(), Recipient=address, Quantity=5)
    assert rich.send(gift, 1) == [(messages.STATUS_DONE, 0)]
    assert json.loads(poor.ask("Balance")["Data"]) == 5
    _meet(bodies, giver, taker)
    greedy = poor.item("Give", 1, poor.next(), Recipient=giver, Quantity=6)
    assert poor.send(greedy, 1) == [(messages.STATUS_DONE, Refusal.NOT_ENOUGH)]
    assert json.loads(rich.ask("Balance")["Data"]) == coins - 5
    assert json.loads(rich.ask("Balances")["Data"])[address] == "5"


def _meet(bodies: Any, one: int, other: int) -> None:
    bodies.rows[[X, Y], bodies.row(other)] = bodies.rows[[X, Y], bodies.row(one)]


def _coins(bodies: Any, entity: int, coins: int) -> int:
    bodies.rows[COINS, bodies.row(entity)] += coins
    bodies.counters[Counter.COINS_MINTED] += coins
    return int(bodies.rows[COINS, bodies.row(entity)])


def test_a_strangers_read_is_answered_and_a_bad_name_is_an_error_in_the_record(cluster: Cluster) -> None:
    stranger = Wallet(cluster)
    info = stranger.ask("Info")
    assert info["Tags"]["Ticker"] == "COIN" and json.loads(info["Data"])["Era"] == 1
    assert "nobody" in stranger.ask("Balance", Recipient=77)["Error"]
    assert "Error" in stranger.ask("Holder", Asset="none")
    assert json.loads(stranger.ask("Chronicle")["Data"]) == []


@pytest.mark.parametrize("era", [1, 4, 35, 2**15 - 1])
def test_an_assets_number_is_decimal_in_every_era(era: int) -> None:
    """In eras 4 to 35 it has sixteen digits, as many as its name in tags has hex digits."""
    asset = make_id(era, 3, 7)
    assert outside.asset_of(replies.Unsigned("Holder", (("Asset", str(asset)),))) == asset


@pytest.mark.parametrize("wrong", ["0", "-1", str(2**63), str(2**63 + 5), "7f", ""])
def test_what_is_no_assets_number_is_refused(wrong: str) -> None:
    with pytest.raises(RecordError, match="Asset"):
        outside.asset_of(replies.Unsigned("Withdraw", (("Asset", wrong),)))


def test_an_item_gets_a_nonce_of_its_own(cluster: Cluster) -> None:
    wallet = Wallet(cluster)
    item = wallet.item("Info", 1)
    wallet.send(item, 1)
    cluster.ticks(2 * SPAN)
    spans = [said for record in cluster.records(1) for said in record.inputs if isinstance(said, SpanSigned)]
    assert sum(signature == b"" for span in spans for signature, _ in span.signatures) == 1


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ([("Action", "Rob")], "is none of"),
        ([("Action", "Move"), ("X", "one"), ("Y", "1")], "whole number"),
        ([("Action", "Move"), ("X", "500"), ("Y", "1")], "Move"),
        ([("Action", "Give"), ("Recipient", "1"), ("Quantity", "-1")], "Give"),
        ([("Action", "Give"), ("Recipient", "bob"), ("Quantity", "1")], "no address"),
        ([("Action", "Give"), ("Recipient", "9" * 19), ("Quantity", "1")], "Give"),
        ([("Action", "Give"), ("Quantity", "1")], "no address"),
        ([("Action", "Info"), ("Number", "1")], "era"),
        ([("Action", "Info"), ("Number", "1.0")], "era"),
        ([("Action", "Info"), ("Number", "01.1")], "era"),
    ],
)
def test_what_makes_no_request_is_named(tags: list[tuple[str, str]], words: str) -> None:
    item = sign_item(Ed25519Key(bytes(32)), b"", [*tags, *AO], target=bytes(32))
    with pytest.raises(RecordError, match=words):
        outside.read(item.raw)


def test_a_sleeper_wakes_to_act(cluster: Cluster) -> None:
    wallet = Wallet(cluster)
    entity = wallet.join()
    region = cluster.region(1)
    region.state.players[entity].idle = 10**6
    cluster.ticks(SPAN + 1)
    assert entity in region.state.sleepers
    assert json.loads(wallet.ask("Inventory")["Data"])["Asleep"]
    assert wallet.send(wallet.item("Say", 1, wallet.next(), data=b"up"), 1) == [(messages.STATUS_DONE, 0)]
    assert entity in region.state.players


def test_an_item_for_a_body_that_left_is_not_spent(cluster: Cluster) -> None:
    wallet = Wallet(cluster)
    entity = wallet.join()
    bodies = cluster.region(1).bodies
    row = bodies.row(entity)
    bodies.rows[X, row] = (64 << 16) - 3000
    assert wallet.send(wallet.item("Move", 1, wallet.next(), X=127, Y=0), 1) == [(messages.STATUS_DONE, 0)]
    cluster.ticks(80)
    assert entity in cluster.region(2).state.players
    stop = wallet.item("Move", 1, wallet.next(), X=0, Y=0)
    assert wallet.send(stop, 1) == [(messages.STATUS_MOVED, 0)]
    there = wallet.item("Move", 2, f"1.{wallet.number}", X=0, Y=0)
    assert wallet.send(there, 2) == [(messages.STATUS_DONE, 0)]


def test_an_item_that_makes_a_rule_raise_is_refused_and_the_wallet_goes_on() -> None:
    """The region is built anew for it: whoever admits items has to look at that one from then on."""
    cluster = Cluster(rules=lambda index: Brittle())
    wallet = Wallet(cluster)
    wallet.join()
    broken = wallet.item("Say", 1, wallet.next(), data=b"break")
    assert wallet.send(broken, 1) == [(messages.STATUS_DONE, Refusal.RULE_FAILED)]
    for word in (b"well", b"fine"):
        assert wallet.send(wallet.item("Say", 1, wallet.next(), data=word), 1) == [(messages.STATUS_DONE, 0)]
    assert wallet.send(broken, 1) == [(messages.STATUS_LAST, 0)]
    assert cluster.replay(1).digest() == cluster.region(1).digest()


def test_a_read_whose_answer_raises_is_refused_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster()
    wallet = Wallet(cluster)
    wallet.join()
    sound, item = replies.reply, wallet.item("Inventory", 1, wallet.next())

    def raises(region: Region, asked: outside.Asked, own: int) -> bytes:
        if asked.item.id == item.id:
            raise ZeroDivisionError("a fault in what tells")
        return sound(region, asked, own)

    monkeypatch.setattr(replies, "reply", raises)
    assert wallet.send(item, 1) == [(messages.STATUS_DONE, Refusal.RULE_FAILED)]
    assert recorded(cluster, 1, item)[1] == b""
    assert cluster.replay(1).digest() == cluster.region(1).digest()


def test_what_is_remembered_of_waiting_items_is_bounded_by_those_that_wait(cluster: Cluster) -> None:
    """Also where the queue is never empty: a stranger's reads cost memory only until a record holds them."""
    wallet, stranger = Wallet(cluster), Wallet(cluster, name="stranger")
    wallet.join()
    items = cluster.cores[1].scheduler.items  # type: ignore[union-attr]
    for number in range(4):
        for _ in range(OUTSIDE_PER_TICK + 1 - len(items.queue)):
            cluster.send(1, Outside(stranger.item("Info", 1).raw, 0, 0), gateway="stranger")
        if not number:
            cluster.send(1, Outside(wallet.item("Say", 1, wallet.next(), data=b"hi").raw, 0, 0), gateway=wallet.name)
        cluster.ticks(1)
        assert items.queue and len(items._unnumbered) + len(items._last) <= len(items.queue) + OUTSIDE_PER_TICK


Change = Callable[[Outside, Wallet, Wallet], Outside]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda said, own, other: replace_struct(said, entity=0), "is not its next"),
        (lambda said, own, other: replace_struct(said, entity=said.entity + 1), "does not have here"),
        (lambda said, own, other: replace_struct(said, number=0), "taken as"),
        (lambda said, own, other: replace_struct(said, number=said.number + 1), "taken as"),
        (lambda said, own, other: anew(said, own.item("Move", 1, "1.4", X=1, Y=1), 4), "is not its next"),
        (lambda said, own, other: anew(said, own.item("Move", 1, "1.2", X=1, Y=1), 2), "is not its next"),
        (lambda said, own, other: anew(said, own.item("Move", 1, "2.3", X=1, Y=1)), "taken as"),
        (lambda said, own, other: anew(said, own.item("Move", 2, "1.3", X=1, Y=1)), "another process"),
        (lambda said, own, other: anew(said, other.item("Move", 1, "1.3", X=1, Y=1)), "does not have here"),
        (lambda said, own, other: anew(said, own.item("Move", 1, X=1, Y=1), 0), "without a number"),
        (lambda said, own, other: anew(said, own.item("Rob", 1, "1.3")), "is none of"),
        (lambda said, own, other: replace_struct(said, item=said.item[:-1]), "cut short"),
    ],
)
def test_a_record_that_takes_an_item_wrongly_cannot_be_folded(cluster: Cluster, change: Change, words: str) -> None:
    """However its owner came to write it: live, replay and verify refuse it alike."""
    wallet, other = Wallet(cluster), Wallet(cluster, name="other")
    wallet.join()
    other.join()
    for _ in range(2):
        wallet.send(wallet.item("Move", 1, wallet.next(), X=1, Y=1), 1)
    record = [one for one in cluster.records(1) if one.replies][-1]
    (said,) = record.inputs
    assert isinstance(said, Outside) and said.number == 3
    region = cluster.replay(1, upto=record.n - 1)
    with pytest.raises(RecordError, match=words):
        compute.fold(region, replace_struct(record, inputs=(change(said, wallet, other),), verdicts=()))


def anew(said: Outside, item: DataItem, number: int = 3) -> Outside:
    """Another item in its place."""
    return replace_struct(said, item=item.raw, number=number)


def test_a_record_cannot_hold_an_item_without_a_number_again(cluster: Cluster) -> None:
    wallet = Wallet(cluster)
    wallet.join()
    wallet.ask("Info")
    record = [one for one in cluster.records(1) if one.replies][-1]
    cluster.ticks(SPAN)
    region = cluster.replay(1)
    given = draft(region, region.state.time_ms + 1, region.state.tick + 1)
    link = cluster.cores[1].links[-1]
    with pytest.raises(RecordError, match="taken already"):
        compute.fold(region, replace_struct(given, link=link, inputs=record.inputs))


def test_a_mailbox_is_spawned_under_the_worlds_module_and_keeps_what_is_posted(cluster: Cluster) -> None:
    wallet = Wallet(cluster)
    module = cluster.charter.module
    process = [("Data-Protocol", "ao"), ("Type", "Process"), ("Variant", "ao.TN.1"), ("Scheduler", "s")]
    other = sign_item(wallet.key, b"", [*process, ("Module", "A" * 43)])
    box = sign_item(wallet.key, b"", [*process, ("Module", module)])
    early = sign_item(wallet.key, b"x", [("Action", "Hi"), *AO], target=box.id)
    assert wallet.send(other, WORLD) == [(messages.STATUS_INVALID, 0)]
    assert wallet.send(early, WORLD) == [(messages.STATUS_INVALID, 0)]
    assert wallet.send(box, 1) == [(messages.STATUS_INVALID, 0)]
    assert wallet.send(box, WORLD) == [(messages.STATUS_DONE, 0)]
    assert wallet.send(box, WORLD) != [(messages.STATUS_DONE, 0)]
    posted = [sign_item(wallet.key, text, [("Action", "Hi"), *AO], target=box.id) for text in (b"one", b"two")]
    assert [wallet.send(one, WORLD) for one in posted] == [[(messages.STATUS_DONE, 0)]] * 2
    assert wallet.send(posted[0], WORLD) == [(messages.STATUS_LAST, 0)]
    for _ in range(3 * SPAN):
        cluster.ticks(20)
    line = cluster.region(WORLD).state.assignments.mailboxes[box.id]
    assert line.nonce == 2 and len(line.last) == 32
    assert cluster.replay(WORLD).digest() == cluster.region(WORLD).digest()


def test_an_arweave_address_may_begin_as_an_ethereum_one() -> None:
    """One in 4,096 does."""
    text = "0x" + "A" * 41
    assert outside.address_text(outside.address_bytes(text)) == text and len(outside.address_bytes(text)) == 32
    for wrong in ("0x" + "ab" * 19, "0x" + "ab" * 21, "0x" + "ab " * 13 + "a", "0x" + "A" * 40 + "B"):
        with pytest.raises(RecordError):
            outside.address_bytes(wrong)

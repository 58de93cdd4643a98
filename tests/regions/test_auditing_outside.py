"""An auditor on what outside wallets asked for: their items, the verdicts, what they were told, and the nonces."""

from dataclasses import replace as replace_dataclass
from functools import lru_cache
from typing import Any

import pytest
from msgspec.structs import replace

from archive.data_item import parse_item, sign_item
from archive.errors import Diverged, Forged
from archive.keys import Ed25519Key
from regions import assignments, compute
from regions.config import SPAN
from regions.errors import RecordError
from regions.record import Outside, Record, SpanSigned
from regions.region_state import Region
from tests.archived import Archived
from tests.audits import audited, fault
from tests.forger import retell
from tests.wallets import Wallet
from world.events import Refusal


@lru_cache(maxsize=1)
def asked_world() -> tuple[Archived, list[Outside]]:
    """A wallet asked for a body, walked, was told its goods; its items in region 1. A planned stop."""
    world = Archived()
    wallet = Wallet(world)
    wallet.join()
    for _ in range(3):
        wallet.send(wallet.item("Move", 1, wallet.next(), X=1, Y=0), 1)
        wallet.ask("Balance")
    world.ticks(SPAN)  # so that the scheduler signs their nonces
    world.checkpoint(3)
    world.stop_in_order()
    items = [said for record in world.records(1) for said in record.inputs if isinstance(said, Outside)]
    assert [said.number for said in items] == [1, 0, 2, 0, 3, 0, 4, 0]
    return world, items


def test_what_wallets_asked_is_proved() -> None:
    world, _ = asked_world()
    assert audited(world.store, world).state_hash == world.manifest().state_hash


def place_of(world: Archived, item: Outside) -> int:
    return next(record.n for record in world.records(1) if item in record.inputs)


@pytest.mark.parametrize("index", range(8))
def test_an_item_that_its_wallet_did_not_sign_is_forged(index: int) -> None:
    """The node changes a tag or the data, and makes all that follows from it; a signature it has not."""
    world, items = asked_world()
    item = parse_item(items[index].item)
    tags = [(name, "2" if (name, value) == ("X", "1") else value) for name, value in item.tags]
    changed = sign_item(Ed25519Key(b"f" * 32), item.data + b"!", tags, item.target, item.anchor)
    raw = replace_dataclass(changed, owner=item.owner, signature=item.signature).raw

    def change(region: int, record: Record) -> Record:
        inputs = [replace(said, item=raw) if said == items[index] else said for said in record.inputs]
        return replace(record, inputs=tuple(inputs)) if region == 1 else record

    error = fault(retell(world, change), world)
    assert isinstance(error, Forged) and (error.region, error.record) == ("1", place_of(world, items[index]))
    assert "an outside item is not what it says" in error.reason


@pytest.mark.parametrize("what", ["verdicts", "replies"])
def test_what_a_wallet_is_told_follows_from_its_item(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The node says another verdict, or answers a read with something else, and signs that."""
    world, items = asked_world()
    lied_of = items[3] if what == "replies" else items[2]
    honest = compute.fold

    def lying(region: Region, given: Record) -> compute.Folded:
        folded = honest(region, given)
        if lied_of in given.inputs:
            folded.verdicts = (int(Refusal.NOT_ENOUGH),) if what == "verdicts" else folded.verdicts
            folded.replies = (b'{"Data":"1000000"}',) if what == "replies" else folded.replies
        return folded

    with monkeypatch.context() as context:
        context.setattr(compute, "fold", lying)
        store = retell(world, lambda index, record: record)
    error = fault(store, world)
    assert isinstance(error, Diverged) and (error.region, error.record) == ("1", place_of(world, lied_of))
    assert what in error.reason


def test_a_left_out_item_is_missed_by_the_next_number() -> None:
    world, items = asked_world()

    def change(index: int, record: Record) -> Record:
        return replace(record, inputs=tuple(said for said in record.inputs if said != items[2]))

    with pytest.raises(RecordError, match="is not its next"):
        retell(world, change)


def test_the_scheduler_does_not_sign_what_a_wallet_has_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    world, _ = asked_world()
    honest = assignments.sign_span

    def again(*given: Any) -> SpanSigned:
        said = honest(*given)
        return replace(said, signatures=tuple((first or bytes(64), second) for first, second in said.signatures))

    with monkeypatch.context() as context:
        context.setattr(assignments, "sign_span", again)
        store = retell(world, lambda index, record: record)
    error = fault(store, world)
    assert isinstance(error, Forged) and "was signed again" in error.reason

"""AO's numbering of a region's log (EXAMPLES 9): nonces, hash chain and signatures, recomputed here by hand."""

import base64
import hashlib
from itertools import pairwise

import pytest

from archive.data_item import DataItem, assemble
from regions import assignments
from regions.compute import apply
from regions.config import SIGNATURES_PER_RECORD, SPAN
from regions.errors import RecordError
from regions.letters import mail_hash
from regions.record import SpanSigned, record_hash
from regions.region_state import Entry
from tests.cluster import SCHEDULER, Cluster, Player
from world.actions import Move


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def second_reading(cluster: Cluster, index: int) -> list[tuple[DataItem, DataItem]]:
    """(item, assignment) for every nonce after 0, built from the log and the signatures in it alone, all verified."""
    process, module = cluster.processes[index], cluster.region(index).state.module
    raws, records = cluster.raws(index), cluster.records(index)
    last, chain = base64_bytes(cluster.charter.seats[index].assignment), hashlib.sha256(process).digest()
    found: list[tuple[DataItem, DataItem]] = []
    signed = [said for record in records for said in record.inputs if isinstance(said, SpanSigned)]
    for said in signed:
        span = records[said.first - 1 : said.last]
        mails = [(one.region, mail, record.time_ms) for record in span for one in record.heard for mail in one.mail]
        assert not any(mail.cause for _, mail, _ in mails)  # nobody outside asked for anything
        parts: list[tuple[list[tuple[str, str]], bytes, int]] = []
        for source, mail, time_ms in mails:
            tags = [
                ("Action", "Mail"),
                ("From-Process", text(cluster.processes[source])),
                ("From-Module", text(module)),
                ("Reference", str(mail.number)),
                ("Data-Protocol", "ao"),
                ("Type", "Message"),
                ("Variant", "ao.TN.1"),
            ]
            parts.append((tags, mail_hash(mail).hex().encode(), time_ms))
        advance = [("Action", "Advance"), ("First", str(said.first)), ("Last", str(said.last))]
        advance += [("Data-Protocol", "ao"), ("Type", "Message"), ("Variant", "ao.TN.1")]
        parts.append((advance, record_hash(raws[said.last - 1]).hex().encode(), span[-1].time_ms))
        assert len(parts) == len(said.signatures)
        for (tags, data, time_ms), (item_signature, signature) in zip(parts, said.signatures):
            item = assemble(2, SCHEDULER.public, item_signature, process, None, tags, data)
            chain = hashlib.sha256(last + chain).digest()
            tags = [
                ("Process", text(process)),
                ("Epoch", "0"),
                ("Nonce", str(len(found) + 1)),
                ("Hash-Chain", text(chain)),
                ("Block-Height", str(said.block_height)),
                ("Timestamp", str(time_ms)),
                ("Data-Protocol", "ao"),
                ("Type", "Assignment"),
                ("Variant", "ao.TN.1"),
                ("Message", text(item.id)),
            ]
            assignment = assemble(2, SCHEDULER.public, signature, None, None, tags, b"")
            item.verify()
            assignment.verify()
            last = assignment.id
            found.append((item, assignment))
    state = cluster.region(index).state.assignments
    assert (state.nonce, state.last, state.chain) == (len(found), last, chain)
    return found


def base64_bytes(words: str) -> bytes:
    return base64.urlsafe_b64decode(words + "=")


@pytest.fixture(scope="module")
def lived() -> Cluster:
    cluster = Cluster(population=(30, 10, 0))
    player = Player(cluster).enter(region=1)
    for step in range(40):
        player.act(Move(127 if step < 20 else -127, 0))
        player.send(player.head())
        cluster.ticks(4)
    return cluster


def test_every_view_can_rebuild_nonces_hash_chain_and_items_from_the_log(lived: Cluster) -> None:
    for index in lived.processes:
        found = second_reading(lived, index)
        names = [item.tag("Action") for item, _ in found]
        spans = lived.region(index).state.n // SPAN
        assert names.count("Advance") in (spans, spans - 1)
        assert [int(one.tag("Nonce") or 0) for _, one in found] == list(range(1, len(found) + 1))
    assert "Mail" in [item.tag("Action") for item, _ in second_reading(lived, 2)]


def test_mail_comes_before_the_advance_of_its_span_and_timestamps_are_the_records(lived: Cluster) -> None:
    found = second_reading(lived, 2)
    for (item, one), (_, after) in pairwise(found):
        assert int(one.tag("Timestamp") or 0) <= int(after.tag("Timestamp") or 0)
        if item.tag("Action") == "Advance":
            first, last = int(item.tag("First") or 0), int(item.tag("Last") or 0)
            assert last - first + 1 == SPAN and last % SPAN == 0
            assert item.data.decode() == record_hash(lived.raws(2)[last - 1]).hex()


def test_the_first_assignment_is_the_process_items_own(lived: Cluster) -> None:
    for index, process in lived.processes.items():
        (item,) = [one for one in lived.founded.items if text(one.id) == lived.charter.seats[index].assignment]
        item.verify()
        assert (item.tag("Nonce"), item.tag("Process"), item.tag("Message")) == ("0", text(process), None)
        assert item.tag("Hash-Chain") == text(hashlib.sha256(process).digest())


def test_signatures_stand_in_a_later_record_than_their_span(lived: Cluster) -> None:
    for record in lived.records(1):
        for said in record.inputs:
            if isinstance(said, SpanSigned):
                assert said.last < record.n <= said.last + 3


def test_a_restored_view_shows_the_same_ids(lived: Cluster) -> None:
    region = lived.replay(1)
    assert region.state.assignments == lived.region(1).state.assignments


def test_a_span_left_unsigned_is_signed_by_any_later_record() -> None:
    cluster = Cluster(scheduler=False)
    cluster.ticks(80)
    assert len(cluster.region(1).state.assignments.waiting) == 2
    cluster.scheduler = SCHEDULER
    cluster.kill(1)
    cluster.start(1, snapshot=True)
    cluster.ticks(4)
    assert cluster.region(1).state.assignments.waiting == []
    second_reading(cluster, 1)


def test_a_span_with_very_many_items_is_signed_in_several_records(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(scheduler=False)
    cluster.ticks(70)
    state, count = cluster.region(2).state, 10
    state.assignments.waiting[0].entries = [Entry(1, number, bytes(32), 9, 1_000 + number) for number in range(count)]
    whole = assignments.sign_span(SCHEDULER, state, cluster.processes, 0)
    monkeypatch.setattr(assignments, "SIGNATURES_PER_RECORD", 3)
    assert SIGNATURES_PER_RECORD > 3
    parts: list[tuple[bytes, bytes]] = []
    before = len(state.assignments.waiting)
    while len(state.assignments.waiting) == before:
        said = assignments.sign_span(SCHEDULER, state, cluster.processes, 0)
        assert len(said.signatures) <= 3
        assignments.take_signatures(state, said)
        parts += said.signatures
    assert tuple(parts) == whole.signatures and len(parts) == count + 1
    assert state.assignments.nonce == count + 1


def test_signatures_for_no_span_or_another_are_refused(lived: Cluster) -> None:
    region = lived.replay(1, 31)
    said = SpanSigned(1, 32, 0, ((bytes(64), bytes(64)),))
    with pytest.raises(RecordError, match="no span waits"):
        assignments.take_signatures(region.state, said)
    apply(region, lived.raws(1)[31])
    assignments.close_span(region.state, 33, region.head, 1)
    for wrong in (
        SpanSigned(2, 32, 0, said.signatures),
        SpanSigned(1, 32, 0, ()),
        SpanSigned(1, 32, 0, said.signatures * 9),
    ):
        with pytest.raises(RecordError, match=r"the span that waits is 1\.\.32"):
            assignments.take_signatures(region.state, wrong)

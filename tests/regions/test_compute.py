"""The fold: what the record's given fields do to the state, beyond what the laws' tests show."""

import pytest
from msgspec.structs import replace

from regions import region_state
from regions.compute import KEY_EVENTS, apply, events_bytes, fold, open_era
from regions.config import CHRONICLE_KEPT
from regions.errors import FoldFailed, RecordError
from regions.record import Record, decode, encode
from regions.region_state import Region
from tests.brittle import Brittle
from tests.cluster import Cluster, Player
from tests.laws.quarry import crowd, generous, quarry, walk_and_trade
from world.actions import Move, Speak
from world.events import Event, Kind

__all__ = ["generous"]


@pytest.fixture(scope="module")
def lived() -> Cluster:
    cluster = Cluster()
    player = Player(cluster).enter(region=1)
    for step in range(20):
        player.act(Move(5 * step, 20))
        player.act(Speak(f"{step}"))
        player.send(player.head())
        cluster.ticks(2)
    return cluster


def before(cluster: Cluster, n: int, index: int = 1) -> Region:
    return cluster.replay(index, n - 1)


def given_of(record: Record) -> Record:
    """The fields that were decided before the fold."""
    return replace(record, verdicts=(), sent=(), events=b"", state_hash=b"", head=b"")


def test_the_given_fields_alone_give_the_outcome(lived: Cluster) -> None:
    region = lived.genesis(1)
    for raw in lived.raws(1)[:50]:
        record, again = decode(raw), before(lived, decode(raw).n)
        folded = fold(again, given_of(record))
        found = (folded.verdicts, folded.sent, folded.events_hash, folded.state_hash)
        assert found == (record.verdicts, record.sent, record.events, record.state_hash)
        apply(region, raw)
        assert again.digest() == region.digest()


def test_a_state_read_back_at_any_record_goes_on_alike(lived: Cluster) -> None:
    region, raws = lived.genesis(1), lived.raws(1)
    for raw in raws:
        copy = region_state.decode(region.encode(), region.rules, region.head)
        apply(copy, raw)
        apply(region, raw)
        assert copy.encode() == region.encode()


def test_the_order_in_which_players_came_does_not_show(lived: Cluster) -> None:
    cluster = Cluster()
    for number in range(4):
        Player(cluster, f"p{number}").enter(region=1)
    region = cluster.region(1)
    digest = region.digest()
    region.state.players = dict(reversed(region.state.players.items()))
    assert region.digest() == digest


def test_a_rule_that_raises_is_told_from_a_record_that_does_not_fit() -> None:
    cluster = Cluster(rules=lambda index: Brittle())
    player = Player(cluster).enter(region=1)
    cluster.ticks(1)
    player.act(Speak("fine"))
    cluster.ticks(2)
    record = next(decode(raw) for raw in reversed(cluster.raws(1)) if decode(raw).inputs)
    said = record.inputs[0]
    broken = replace(record, inputs=(replace(said, body=b"\x92\x0b\xa5break"),))
    with pytest.raises(FoldFailed, match="with 1 inputs: ZeroDivisionError"):
        fold(before(cluster, record.n), broken)
    with pytest.raises(RecordError, match="the next is"):
        fold(before(cluster, record.n), replace(record, inputs=(replace(said, number=9),)))
    with pytest.raises(RecordError, match="not admissible here"):
        fold(before(cluster, record.n), replace(record, inputs=(replace(said, session=9),)))


def test_the_chronicle_keeps_key_events_and_no_more_than_its_limit(
    generous: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regions.compute.CHRONICLE_KEPT", 1)
    assert CHRONICLE_KEPT > 1
    cluster = Cluster(land=quarry)
    players = crowd(cluster, 3)
    walk_and_trade(cluster, players, 90, seed=1)
    state = cluster.region(1).state
    assert state.chronicle_next > 2 and [told.number for told in state.chronicle] == [state.chronicle_next - 1]
    assert all(told.event[0] in KEY_EVENTS for told in state.chronicle)


def test_an_era_begins_with_a_claim_and_nothing_else() -> None:
    cluster = Cluster()
    cluster.ticks(5)
    record = decode(cluster.raws(1)[-1])
    region = before(cluster, record.n)
    open_era(region, 2, b"e" * 32, 2, region.state.nodes, region.state.module)
    assert (region.state.era, region.state.term, region.state.roster) == (2, 0, 2)
    with pytest.raises(RecordError):
        fold(region, replace(record, era=2, term=0, roster=2))
    with pytest.raises(RecordError, match="cannot follow era 2"):
        open_era(region, 2, b"e" * 32, 2, [], region.state.module)


def test_events_have_one_form() -> None:
    assert events_bytes([Event(Kind.SPOKE, 7, text="hé")]) == b"\x91\x96\x09\x07\x00\x00\x00\xa3h\xc3\xa9"


def test_a_record_that_says_a_rule_failed_runs_without_it(lived: Cluster) -> None:
    """The one verdict that is given, not found: the rule is not run, its number is spent all the same."""
    raws = lived.raws(1)
    record = next(decode(raw) for raw in raws if any(type(said).__name__ == "Acted" for said in decode(raw).inputs))
    place = next(place for place, said in enumerate(record.inputs) if type(said).__name__ == "Acted")
    verdicts = tuple(13 if at == place else verdict for at, verdict in enumerate(record.verdicts))
    region = before(lived, record.n)
    folded = fold(region, replace(record, verdicts=verdicts))
    assert folded.verdicts[place] == 13
    said = record.inputs[place]
    assert region.state.players[said.entity].number >= said.number  # type: ignore[union-attr]
    assert encode(replace(record, verdicts=verdicts)) != encode(record)


def test_a_claim_or_halt_carries_nothing_else(lived: Cluster) -> None:
    records = lived.records(1)
    busy = next(record for record in records if record.inputs and record.heard)
    claim = records[0]
    for wrong in ({"inputs": busy.inputs}, {"heard": busy.heard}, {"fresh": 1}, {"parked": ((2, 1),)}, {"halt": "x"}):
        with pytest.raises(RecordError):
            fold(lived.genesis(1), replace(given_of(claim), **wrong))  # type: ignore[arg-type]
        if "halt" not in wrong:
            halt = replace(given_of(busy), inputs=(), heard=(), fresh=0, halt="why", tick=busy.tick - 1)
            with pytest.raises(RecordError):
                fold(before(lived, busy.n), replace(halt, **wrong))  # type: ignore[arg-type]
            fold(before(lived, busy.n), halt)


def test_no_neighbour_is_fresh_that_is_not_there(lived: Cluster) -> None:
    record = lived.records(1)[-1]
    with pytest.raises(RecordError, match="more neighbours fresh"):
        fold(before(lived, record.n), replace(given_of(record), fresh=record.fresh | 2))


def test_a_state_too_large_to_be_read_back_halts_the_region(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster()
    size = len(cluster.region(1).encode())
    monkeypatch.setattr("regions.compute.STATE_BYTES_MAX", size - 10)
    cluster.ticks(40)
    assert f"the limit is {size - 10}" in cluster.region(1).state.halted and cluster.region(1).state.n == 32
    assert not cluster.ended


def test_news_for_a_neighbour_that_is_away_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regions.compute.OUTBOX_MAX", 3)
    cluster = Cluster(rules=lambda index: Brittle())
    player = Player(cluster).enter(region=1)
    cluster.kill(2)
    for _ in range(6):
        player.act(Speak("curse"))
        player.send(player.head())
        cluster.ticks(2)
    near = next(near for near in cluster.region(1).state.neighbours if near.index == 2)
    assert [mail.number for mail in near.outbox] == [1, 2, 3] and near.sent == 3
    assert cluster.replay(1).digest() == cluster.region(1).digest()

"""Law 6: every record names the hash of the one before; a gap, fork or damage is refused, never skipped."""

import random

import pytest
from msgspec.structs import replace

from regions.beginning import WITNESS_RECORDS, WITNESS_RECORDS_MAX, heard_by, remembered, standing, windows
from regions.compute import apply
from regions.config import CLOCK_STEP_MS_MAX
from regions.errors import ChainBroken, Diverged, FoldFailed, RecordError
from regions.record import decode, encode, record_hash
from regions.region_state import Region
from regions.seat import Witness
from regions.seats import PATIENCE_MS
from regions.verbs import Effect, End, Loaded, Publish, Snapshot
from tests.cluster import Cluster, Player
from world.actions import Move, Speak

REFUSED = (RecordError, FoldFailed)


@pytest.fixture(scope="module")
def lived() -> Cluster:
    """Two regions with a player who walked and spoke; region 1's log has two claims and more than two spans."""
    cluster = Cluster()
    player = Player(cluster).enter(region=1)
    for step in range(12):
        player.act(Move(20 * step, -10))
        player.act(Speak(f"step {step}"))
        player.send(player.head())
        cluster.ticks(4)
    cluster.kill(1)
    cluster.start(1, snapshot=True)
    cluster.ticks(30)
    return cluster


def fold(cluster: Cluster, raws: list[bytes], index: int = 1) -> Region:
    region = cluster.genesis(index)
    for raw in raws:
        apply(region, raw)
    return region


def test_the_chain_holds_from_genesis_to_head(lived: Cluster) -> None:
    raws = lived.raws(1)
    records = [decode(raw) for raw in raws]
    assert [record.n for record in records] == list(range(1, len(raws) + 1))
    assert [record.previous for record in records[1:]] == [record_hash(raw) for raw in raws[:-1]]
    assert fold(lived, raws).digest() == lived.region(1).digest()
    ticks = [record.tick for record in records]
    assert all(b - a == (record.claim is None) for a, b, record in zip(ticks, ticks[1:], records[1:]))


def test_a_gap_is_refused(lived: Cluster) -> None:
    raws = lived.raws(1)
    with pytest.raises(ChainBroken, match="record number: expected 40, found 41"):
        fold(lived, raws[:39] + raws[40:])


def test_a_record_twice_is_refused(lived: Cluster) -> None:
    raws = lived.raws(1)
    with pytest.raises(ChainBroken):
        fold(lived, raws[:40] + raws[39:])


def test_a_fork_is_refused(lived: Cluster) -> None:
    """Another record 40, made by the same owner from the same state: its successors do not follow it."""
    raws = lived.raws(1)
    other = Cluster(seed=2)
    other.ticks(len(raws))
    with pytest.raises(REFUSED):
        fold(lived, raws[:39] + other.raws(1)[39:41])
    forged = encode(replace(decode(raws[39]), time_ms=decode(raws[39]).time_ms + 1))
    with pytest.raises(ChainBroken, match="previous hash of record 41"):
        fold(lived, [*raws[:39], forged, raws[40]])


def test_another_regions_log_is_refused(lived: Cluster) -> None:
    with pytest.raises(ChainBroken):
        fold(lived, lived.raws(2)[:1])


def test_a_flipped_bit_anywhere_in_a_log_is_noticed(lived: Cluster) -> None:
    raws, rng = lived.raws(1), random.Random(6)
    for _ in range(150):
        place = rng.randrange(len(raws) - 1)
        damaged = bytearray(raws[place])
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        region = fold(lived, raws[:place]) if place < 8 else fold_near(lived, place)
        with pytest.raises(REFUSED):
            for raw in (bytes(damaged), raws[place + 1]):
                apply(region, raw)


_NEAR: dict[int, bytes] = {}


def fold_near(cluster: Cluster, place: int) -> Region:
    """The region before record `place` + 1, from a state kept on the way."""
    from regions import region_state

    raws, start = cluster.raws(1), place - place % 8
    if start not in _NEAR:
        _NEAR[start] = fold(cluster, raws[:start]).encode()
    before = record_hash(raws[start - 1])
    region = region_state.decode(_NEAR[start], cluster.region(1).rules, before)
    for raw in raws[start:place]:
        apply(region, raw)
    return region


def test_a_flipped_bit_in_the_newest_record_is_noticed_by_whoever_has_seen_it(lived: Cluster) -> None:
    raws = lived.raws(1)
    damaged = bytearray(raws[-1])
    damaged[12] ^= 1
    told = serve(lived, [*raws[:-1], bytes(damaged)], Witness(1, len(raws), record_hash(raws[-1]), "region 2"))
    assert told.alarm


@pytest.mark.parametrize("field", ["claim", "head"])
def test_a_claim_or_head_that_the_node_did_not_sign_is_refused(lived: Cluster, field: str) -> None:
    raws = lived.raws(1)
    place = 0 if field == "claim" else 31
    record = decode(raws[place])
    if record.claim is not None:
        forged = replace(record, claim=replace(record.claim, signature=bytes(64)))
    else:
        forged = replace(record, head=bytes(64))
    with pytest.raises(RecordError, match="does not carry the signature"):
        fold(lived, [*raws[:place], encode(forged)])


def test_what_a_record_says_of_its_outcome_is_held_against_a_fold(lived: Cluster) -> None:
    raws = lived.raws(1)
    place = next(place for place, raw in enumerate(raws) if decode(raw).events)
    for forged in (
        replace(decode(raws[place]), events=bytes(32)),
        replace(decode(raws[place]), verdicts=(*decode(raws[place]).verdicts, 1)),
        replace(decode(raws[place]), sent=()),
    ):
        with pytest.raises(Diverged):
            fold(lived, [*raws[:place], encode(forged)])
    with pytest.raises(Diverged, match="state hash"):
        fold(lived, [*raws[:31], encode(replace(decode(raws[31]), state_hash=bytes(32)))])


def test_a_record_out_of_its_place_is_refused(lived: Cluster) -> None:
    raws = lived.raws(1)
    record = decode(raws[20])
    for forged in (
        replace(record, term=2),
        replace(record, era=2),
        replace(record, tick=record.tick + 1),
        replace(record, time_ms=decode(raws[19]).time_ms),
        replace(record, time_ms=decode(raws[19]).time_ms + CLOCK_STEP_MS_MAX + 1),
        replace(record, link=bytes(32)),
        replace(record, module=bytes(32)),
        replace(record, partition=7),
    ):
        with pytest.raises(RecordError):
            fold(lived, [*raws[:20], encode(forged)])


def test_a_claim_by_a_node_outside_the_roster_is_refused(lived: Cluster) -> None:
    first = decode(lived.raws(1)[0])
    assert first.claim is not None
    with pytest.raises(RecordError, match="not admissible"):
        fold(lived, [encode(replace(first, claim=replace(first.claim, node=bytes(32))))])


def serve(cluster: Cluster, raws: list[bytes], *witnesses: Witness) -> End:
    """What a process says that is to serve region 1 from these records."""
    from regions.process import RegionCore

    core = RegionCore(cluster.cores[1].seat, random.Random(1).randbytes, None)
    effect, *_ = core.step(cluster.now_ms, Loaded(cluster.genesis(1), raws, witnesses))
    return effect if isinstance(effect, End) else End("served")


def test_a_log_that_was_set_back_alone_is_not_served(lived: Cluster) -> None:
    """EXAMPLES 7: region 2 heard what region 1's log has lost."""
    raws = lived.raws(1)
    near = next(near for near in lived.region(2).state.neighbours if near.index == 1)
    witness = Witness(near.era, near.n, near.hash, "region 2's log")
    assert near.n > len(raws) - 3
    assert serve(lived, raws, witness) == End("served")
    told = serve(lived, raws[: near.n - 10], witness)
    assert (
        told.alarm
        and f"the log ends at record {near.n - 10}, but region 2's log has seen record {near.n}" in told.reason
    )


def test_neighbours_that_went_on_for_long_without_a_region_are_still_its_witnesses() -> None:
    """What region 2 saw of region 1 before 1 fell silent stands 200 records back in its log."""
    cluster = Cluster()
    Player(cluster).enter(region=1)
    cluster.ticks(40)
    cluster.kill(1)
    cluster.ticks(200)
    raws, log = cluster.raws(1), cluster.raws(2)
    found: list[Witness] = []
    for begin, count in windows(1, len(log)):
        assert not found
        found = heard_by(2, 1, enumerate(log[begin - 1 : begin - 1 + count], begin))
        if found:
            break
    near = next(near for near in cluster.replay(2).state.neighbours if near.index == 1)
    assert found[-1].n == near.n and begin < len(log) - WITNESS_RECORDS
    (witness,) = remembered(cluster.replay(2), 1)
    assert (witness.era, witness.n, witness.hash) == (near.era, near.n, near.hash)
    cluster.start(1)
    assert serve(cluster, raws[: near.n - 10], *found).alarm


@pytest.mark.parametrize(("first", "last"), [(0, 0), (1, 0), (5, 4), (7, 7), (1, 5000), (903, 1000), (0, 3)])
def test_windows_cover_a_log_once_from_its_end(first: int, last: int) -> None:
    seen = [n for begin, count in windows(first, last) for n in reversed(range(begin, begin + count))]
    assert seen == list(range(last, max(first, 1) - 1, -1))
    assert all(0 < count <= WITNESS_RECORDS_MAX for _, count in windows(first, last))


def slept() -> tuple[Cluster, Player, int]:
    """Region 1's owner has waited for its record `n` for longer than another machine would."""
    cluster = Cluster()
    player = Player(cluster).enter(region=1)
    cluster.held.add(1)
    player.act(Move(20, 0))
    cluster.ticks(2)
    n = cluster.waiting[1].position
    cluster.run(PATIENCE_MS + 50)
    return cluster, player, n


def test_an_owner_that_slept_while_the_log_went_on_and_was_set_back_to_where_it_fell_asleep_tells_nobody() -> None:
    cluster, player, n = slept()
    cluster.seen[1] = (Witness(1, n + 20, bytes(32), "region 2's log"),)  # of another owner's, gone from the log
    told: list[Effect] = []
    cluster.watch = lambda index, effect: told.append(effect) if index == 1 else None
    player.heard()
    cluster.settle(1)
    assert cluster.ended[1].fenced and f"region 2's log has seen record {n + 20}" in cluster.ended[1].reason
    assert not [one for one in told if isinstance(one, Publish | Snapshot)] and player.heard() == []


def test_an_owner_that_slept_goes_on_where_nobody_has_seen_more() -> None:
    cluster, player, n = slept()
    cluster.seen[1] = (Witness(1, n - 1, record_hash(cluster.raws(1)[n - 2]), "region 2's log"),)
    cluster.held.clear()
    cluster.settle(1)
    cluster.ticks(4)
    assert not cluster.ended and cluster.replay(1).state.n > n and player.heard()


def test_a_log_that_stands_beside_a_witness_is_not_served(lived: Cluster) -> None:
    raws = lived.raws(1)
    told = serve(lived, raws, Witness(1, len(raws) - 5, bytes(32), "region 2's log"))
    assert told.alarm and "forked" in told.reason


def test_a_witness_of_the_very_record_of_the_snapshot_is_heeded(lived: Cluster) -> None:
    from regions.process import RegionCore

    loaded = lived.loaded(1, snapshot=True, witnesses=(Witness(1, lived.snapshots[1].n, bytes(32), "region 2"),))
    (effect,) = RegionCore(lived.cores[1].seat, random.Random(1).randbytes, None).step(lived.now_ms, loaded)
    assert isinstance(effect, End) and effect.alarm and "forked" in effect.reason


def test_a_state_that_the_log_ends_at_is_held_against_its_last_record(lived: Cluster) -> None:
    from regions.process import RegionCore

    raws = lived.raws(1)
    for last, alarmed in (raws[-1], False), (raws[-2], True):
        region = fold(lived, raws)
        own = standing(region.state.era, [(region.state.n, last)])
        effect, *_ = RegionCore(lived.cores[1].seat, random.Random(1).randbytes, None).step(
            lived.now_ms, Loaded(region, [], tuple(own))
        )
        assert isinstance(effect, End) == alarmed


def test_a_witness_of_another_era_says_nothing(lived: Cluster) -> None:
    assert serve(lived, lived.raws(1), Witness(0, 10**6, bytes(32), "an old manifest")) == End("served")


def test_a_damaged_log_is_not_served(lived: Cluster) -> None:
    raws = lived.raws(1)
    told = serve(lived, [*raws[:10], raws[10][:-1], *raws[11:]])
    assert told.alarm and "not a record" in told.reason

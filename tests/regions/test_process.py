"""One region as a core: loading, claiming, ticking, stopping; its clock, its letters, its links."""

import random
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from archive.keys import Ed25519Key
from regions import messages, region_state
from regions.compute import apply
from regions.config import (
    APPEND_BACKOFF_MS,
    CLOCK_STEP_MS_MAX,
    LETTER_FRESH_MS,
    SPAN,
)
from regions.messages import Batch, Beat, Delta, Keys, KeyWanted
from regions.process import RegionCore
from regions.record import Acted, SpanSigned
from regions.shell.memory_log import Fault
from regions.verbs import Append, Effect, End, Loaded, Publish, Received, Settled, Snapshot, Stop, Timer, Wake
from tests.cluster import NODE, Cluster, Player
from world.actions import Move, Speak, encode_action
from world.units import TICK_MS


def seen_by(cluster: Cluster, index: int) -> list[Effect]:
    effects: list[Effect] = []
    cluster.watch = lambda one, effect: effects.append(effect) if one == index else None
    return effects


def seen_while(cluster: Cluster, index: int, ms: int) -> list[Effect]:
    effects = seen_by(cluster, index)
    cluster.run(ms)
    return effects


def published(effects: list[Effect], kind: type) -> list[Any]:
    return [effect.message for effect in effects if isinstance(effect, Publish) and isinstance(effect.message, kind)]


def test_a_process_loads_claims_and_serves() -> None:
    cluster = Cluster(start=False)
    cluster.held.add(1)
    cluster.start(1)
    core = cluster.cores[1]
    assert core.phase == "claiming" and cluster.waiting[1].position == 1
    assert core.step(cluster.now_ms, Received(KeyWanted("g"))) == []  # nobody is served yet
    cluster.settle(1)
    assert core.phase == "serving"


def test_a_node_outside_the_roster_does_not_claim() -> None:
    cluster = Cluster(start=False)
    cluster.start(1)
    seat = replace(cluster.cores[1].seat, node=Ed25519Key(b"x" * 32))
    (end,) = RegionCore(seat, random.Random(1).randbytes, None).step(0, Loaded(cluster.genesis(1), []))
    assert isinstance(end, End) and end.alarm and "may not claim" in end.reason


def test_one_record_a_tick_at_20_hz() -> None:
    cluster = Cluster()
    before = len(cluster.raws(1))
    cluster.run(10_000)
    assert len(cluster.raws(1)) - before == 10_000 // TICK_MS


def test_time_goes_on_by_the_clock_between_one_and_a_thousand_milliseconds_a_record() -> None:
    cluster = Cluster()
    cluster.logs.faults.extend([Fault.FULL] * 60)
    cluster.run(12_000)
    cluster.logs.faults.clear()
    cluster.run(1_000)
    cluster.stop(1)  # up to 32 records in no time
    times = [record.time_ms for record in cluster.records(1)]
    steps = {after - before for before, after in pairwise(times)}
    assert min(steps) == 1 and max(steps) == CLOCK_STEP_MS_MAX
    assert cluster.ended[1].reason == "stopped as planned"


def test_ticks_that_came_late_are_made_up_for_half_a_period_apart_at_the_closest() -> None:
    cluster = Cluster()
    n = cluster.region(1).state.n
    cluster.logs.faults.extend([Fault.FULL] * 8)  # of both regions: each waits ever longer
    cluster.run(1_000)
    times = [record.time_ms for record in cluster.records(1) if record.n > n]
    steps = [after - before for before, after in pairwise(times)]
    assert max(steps) > 2 * TICK_MS and min(steps) >= TICK_MS // 2 and min(steps) < TICK_MS
    assert cluster.region(1).state.n - n in range(19, 22)


def test_after_a_pause_the_world_slows_down_instead_of_catching_up() -> None:
    cluster = Cluster()
    cluster.logs.faults.extend([Fault.LOST_UNKNOWN] * 12)
    n = cluster.region(1).state.n
    cluster.run(3_000)
    cluster.logs.faults.clear()
    assert cluster.region(1).state.n - n < 3_000 // TICK_MS
    n = cluster.region(1).state.n
    cluster.run(1_000)
    assert cluster.region(1).state.n - n in range(19, 22)


def test_an_unanswered_append_is_repeated_ever_more_slowly() -> None:
    cluster = Cluster()
    at: list[int] = []
    cluster.watch = lambda index, effect: (
        at.append(cluster.now_ms) if index == 1 and isinstance(effect, Append) else None
    )
    cluster.logs.leaderless = True
    cluster.run(5_000)
    pauses = [b - a for a, b in pairwise(at)]
    assert pauses[: len(APPEND_BACKOFF_MS)] == list(APPEND_BACKOFF_MS)
    assert set(pauses[len(APPEND_BACKOFF_MS) :]) == {APPEND_BACKOFF_MS[-1]}
    cluster.logs.leaderless = False
    cluster.run(1_000)
    assert not cluster.ended


def test_an_owner_that_waits_says_so_and_why() -> None:
    cluster = Cluster()
    effects = seen_by(cluster, 1)
    cluster.logs.leaderless = True
    cluster.run(3_000)
    beats = published(effects, Beat)
    assert len(beats) >= 5 and all("no answer" in beat.state for beat in beats[1:])
    assert {beat.n for beat in beats} == {cluster.region(1).state.n - 1}
    cluster.logs.leaderless = False
    effects.clear()
    cluster.run(2_000)
    assert published(effects, Beat)[-1].state == "serving"


def test_every_span_ends_with_a_state_hash_a_signed_head_and_a_snapshot() -> None:
    cluster = Cluster()
    effects = seen_by(cluster, 1)
    cluster.ticks(3 * SPAN)
    snapshots = [effect for effect in effects if isinstance(effect, Snapshot)]
    assert [one.n % SPAN for one in snapshots] == [0] * 3
    for record in cluster.records(1):
        assert bool(record.state_hash) == bool(record.head) == (record.n % SPAN == 0)
    for one in snapshots:
        assert cluster.replay(1, one.n).encode() == one.raw


def test_going_on_from_a_snapshot_gives_the_same_bytes_as_never_having_stopped() -> None:
    cluster = Cluster(population=(10, 6, 2))
    player = Player(cluster).enter(region=1)
    for step in range(30):
        player.act(Move(step * 8 - 120, 30))
        player.send(player.head())
        cluster.ticks(3)
    for index in cluster.processes:
        file = cluster.snapshots.get(index)
        if file is None:
            continue
        region = region_state.decode(file.raw, cluster.region(index).rules, file.head)
        assert region.encode() == file.raw
        for raw in cluster.raws(index)[file.n :]:
            apply(region, raw)
        assert region.digest() == cluster.region(index).digest() and region.head == cluster.region(index).head


def test_a_claim_whose_links_are_used_up_is_made_anew_and_nobody_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("regions.claims", "regions.chain"):
        monkeypatch.setattr(f"{module}.CLAIM_LINKS", 10)
    cluster = Cluster()
    player = Player(cluster).enter(region=1)
    player.heard()
    for _ in range(40):
        player.act(Speak("hm"))
        player.send(player.head())
        cluster.ticks(1)
    cluster.ticks(3)
    claims = [record.n for record in cluster.records(1) if record.claim is not None]
    assert len(claims) > 4 and {b - a for a, b in pairwise(claims)} == {11}
    done = [answer.number for answer in player.heard() if answer.status == messages.STATUS_DONE]
    assert done == list(range(2, 42))
    assert cluster.replay(1).digest() == cluster.region(1).digest() and not cluster.ended


def test_a_planned_stop_goes_on_to_the_end_of_the_span_and_takes_no_more_actions() -> None:
    cluster = Cluster()
    player = Player(cluster).enter(region=1)
    cluster.held.add(1)
    cluster.ticks(1)
    player.heard()
    cluster.give(1, Stop())
    player.act(Move(1, 1))
    cluster.held.clear()
    cluster.settle(1)
    last = cluster.records(1)[-1]
    assert cluster.ended[1] == End("stopped as planned") and last.n % SPAN == 0 and last.state_hash
    assert player.heard() == []  # not spent
    assert cluster.cores[1].step(cluster.now_ms, Timer()) == []


def test_a_stop_before_it_served_ends_at_once() -> None:
    cluster = Cluster(start=False)
    cluster.held.add(1)
    cluster.start(1)
    cluster.give(1, Stop())
    assert cluster.ended[1].reason == "stopped before it served"


def test_a_region_that_is_stopped_leaves_its_neighbours_a_solid_border() -> None:
    cluster = Cluster()
    player = Player(cluster).enter(region=1)
    cluster.stop(2)
    player.act(Move(127, 0))
    player.send(player.head())
    cluster.run(6_000)
    assert player.region == 1 and cluster.records(1)[-1].fresh == 0
    cluster.kill(2)
    cluster.start(2, snapshot=True)
    cluster.run(4_000)
    assert player.region == 2


def test_a_neighbour_is_fresh_as_long_as_its_letters_are_young() -> None:
    cluster = Cluster()
    cluster.ticks(3)
    assert cluster.records(1)[-1].fresh == 1
    cluster.kill(2)
    fresh: list[int] = []
    for _ in range(8):
        cluster.ticks(1)
        fresh.append(cluster.records(1)[-1].fresh)
    assert fresh == sorted(fresh, reverse=True) and 0 < sum(fresh) <= LETTER_FRESH_MS // TICK_MS + 1


def test_whoever_lost_its_place_gets_all_chunks_as_of_a_durable_tick() -> None:
    cluster = Cluster(population=(20, 10, 0))
    effects = seen_by(cluster, 1)
    cluster.say(1, KeyWanted("g1"))
    keys = published(effects, Keys)
    assert keys and {one.tick for one in keys} == {cluster.region(1).state.tick}
    chunks = [chunk for one in keys for chunk in one.chunks]
    assert chunks == list(range((64 // 16) * (64 // 16)))
    assert all(one.offsets[-1] == len(one.data) for one in keys)


def test_one_delta_a_tick_and_none_for_a_claim() -> None:
    cluster = Cluster()
    effects = seen_by(cluster, 1)
    cluster.ticks(20)
    deltas = published(effects, Delta)
    assert [delta.tick for delta in deltas] == list(range(deltas[0].tick, deltas[0].tick + 20))
    effects.clear()
    cluster.kill(1)
    cluster.start(1, snapshot=True)
    assert published(effects, Delta) == []


def test_all_gateways_that_asked_are_told_who_left_and_only_one_gets_the_answer() -> None:
    cluster = Cluster()
    player, other = Player(cluster, "one").enter(region=1), Player(cluster, "two").enter(region=1)
    player.act(Move(127, 0))
    player.send(player.head())
    other.told.clear()
    player.told.clear()
    cluster.ticks(60)
    for one in (player, other):
        left = [gone for message in one.told if isinstance(message, messages.Answers) for gone in message.left]
        assert left == [(player.entity, 2, 1)]
    foreign = [answer for message in other.told if isinstance(message, messages.Answers) for answer in message.answers]
    assert foreign == []


def test_timers_and_settlings_that_come_late_do_no_harm() -> None:
    cluster = Cluster()
    core = cluster.cores[1]
    cluster.held.add(1)
    cluster.ticks(1)
    n = core.pending.record.n  # type: ignore[union-attr]
    assert [type(one) for one in core.step(cluster.now_ms + 1, Timer())] == [Wake]
    assert core.step(cluster.now_ms + 1, Settled("durable", n - 1)) == []
    wake = core.step(cluster.now_ms + 1, Settled("unknown", n))[-1]
    assert isinstance(wake, Wake)
    assert core.step(wake.at_ms - 1, Timer())[-1] == wake
    assert [type(one) for one in core.step(wake.at_ms, Timer())] == [Append, Wake]
    assert [type(one) for one in core.step(wake.at_ms, Timer())][-1:] == [Wake]


def test_an_owner_without_a_new_record_says_ten_times_a_second_that_it_lives() -> None:
    """Another machine takes 300 ms without record or beat for a death."""
    cluster = Cluster()
    cluster.ticks(20)
    idle, busy = (published(seen_while(cluster, index, 3_000), Beat) for index in (0, 1))
    assert len(idle) >= 25 and len(busy) <= 7  # the world's process has a record a second to make
    cluster.held.add(1)
    waiting = published(seen_while(cluster, 1, 3_000), Beat)
    assert len(waiting) >= 25 and {beat.n for beat in waiting} == {waiting[0].n}


def test_the_scheduler_key_is_needed_for_nothing_but_signatures() -> None:
    one, other = Cluster(scheduler=True), Cluster(scheduler=False)
    for cluster in (one, other):
        cluster.ticks(50)
    assert any(isinstance(said, SpanSigned) for record in one.records(1) for said in record.inputs)
    assert not any(record.inputs for record in other.records(1))
    assert NODE.public == other.region(1).state.claim_node


def test_what_was_meant_for_another_era_is_not_taken() -> None:
    """Simulation, seed 57: an archivist that slept through a restore had a checkpoint confirmed in the new era."""
    cluster = Cluster()
    player = Player(cluster).enter()
    player.statuses()
    said = Acted(player.entity, player.number + 1, player.session, encode_action(Move(1, 0)))
    for era in (2, 3):
        cluster.say(player.region, Batch(player.name, (said,), era))
        cluster.ticks(2)
    assert (
        player.statuses() == [] and cluster.region(player.region).state.players[player.entity].number == player.number
    )
    cluster.say(player.region, Batch(player.name, (said,), 1))
    cluster.ticks(2)
    assert player.statuses() == [(messages.STATUS_DONE, said.number)]

"""The way to the archive: nothing left out, nothing twice, whatever dies or is away meanwhile."""

import random
from typing import Any

import pytest
from msgspec.structs import replace

from archive.checkpoint import Manifest
from archive.keys import unb64
from archive.stores.memory import MemoryStore
from regions import archivist, archivist_verbs, compute
from regions.archivist_verbs import Event, Spooled
from regions.config import SNAPSHOT_EVERY_CHECKPOINTS, SPAN
from regions.errors import ChainBroken
from regions.followed import Followed
from regions.record import Confirmed, Order, decode, encode
from tests.archived import Archived, restored
from tests.audits import audited, play
from tests.cluster import Player
from tests.forger import chain
from world.actions import Gather


def inputs(world: Archived, kind: type) -> list[Any]:
    """Inputs of a kind in the world's log that were not refused."""
    return [
        said
        for record in world.records(0)
        for said, verdict in zip(record.inputs, record.verdicts)
        if isinstance(said, kind) and not verdict
    ]


def manifests(world: Archived) -> list[Manifest]:
    """The world's manifests of this era, oldest first."""
    return [manifest for _, manifest in chain(world)]


def test_checkpoints_are_ordered_made_and_confirmed_in_the_world_s_log() -> None:
    world = Archived()
    player = Player(world).enter()
    play(world, 100, player)
    world.checkpoint(3)
    orders, confirmed = inputs(world, Order), inputs(world, Confirmed)
    assert [order.number for order in orders][:3] == [1, 2, 3]
    assert [one.number for one in confirmed][:3] == [1, 2, 3]
    by_id = dict(chain(world))
    for one in confirmed:
        manifest = next(manifest for item_id, manifest in by_id.items() if unb64(item_id) == one.manifest)
        assert [(unb64(end.process), end.end, end.snapshot_before) for end in manifest.regions] == list(one.ends)
    assert audited(world.store, world).checkpoint >= 3


def test_the_first_checkpoint_of_an_era_is_whole_and_every_tenth() -> None:
    world = Archived(interval_ms=1_700)
    world.checkpoint(2 * SNAPSHOT_EVERY_CHECKPOINTS + 2)
    whole = [manifest.number for manifest in manifests(world) if manifest.full]
    assert whole == [1, 1 + SNAPSHOT_EVERY_CHECKPOINTS, 1 + 2 * SNAPSHOT_EVERY_CHECKPOINTS]
    for manifest in manifests(world):
        for end in manifest.regions[1:]:
            assert end.snapshot_n % SPAN == 0 and end.snapshot is not None


def test_logs_are_trimmed_up_to_the_second_newest_confirmed_snapshot() -> None:
    world = Archived(interval_ms=1_700)
    world.checkpoint(2 * SNAPSHOT_EVERY_CHECKPOINTS + 2)
    world.run(3_000)
    newest = [manifest for manifest in manifests(world) if manifest.full][-1]
    for index in (1, 2):
        end = newest.regions[index]
        assert 0 < end.snapshot_before < end.snapshot_n
        assert world.logs.info(world.log(index)).first == end.snapshot_before + 1
    # A process replaced now, and one restored from the store, both have all they need.
    world.kill(1)
    world.start(1)
    world.kill_archivist()
    world.start_archivist()
    world.run(4_000)
    assert audited(world.store, world).state_hash == world.manifest().state_hash
    assert restored(world).charter.era == 2


def test_a_planned_stop_ends_with_a_whole_checkpoint_at_the_logs_ends() -> None:
    world = Archived()
    player = Player(world).enter()
    play(world, 50, player)
    words = world.stop_in_order()
    manifest = world.manifest()
    assert manifest.full and manifest.number == words["checkpoint"]
    for index, end in enumerate(manifest.regions):
        region = world.region(index)
        assert (end.end, end.snapshot_n, end.state_hash) == (region.state.n, region.state.n, region.digest().hex())
        assert end.end % SPAN == 0
    assert words["state_hash"] == manifest.state_hash
    assert world.archivist_status == 0


def test_the_world_goes_on_after_a_planned_stop_and_confirms_its_last_checkpoint() -> None:
    world = Archived()
    world.run(4_000)
    last = world.stop_in_order()["checkpoint"]
    for index in world.processes:
        world.start(index)
    world.start_archivist()
    world.checkpoint(last + 2)
    numbers = [one.number for one in inputs(world, Confirmed)]  # the last one's, or that of the next, which covers it
    assert numbers == sorted(set(numbers)) and {*range(1, last), last + 2} <= set(numbers)
    assert audited(world.store, world).void == []


def test_a_planned_stop_whose_order_does_not_come_through() -> None:
    """The world's process is gone already: the last checkpoint is made all the same, and ordered afterwards."""
    world = Archived()
    world.run(4_000)
    for index in world.processes:
        world.stop(index)
    world.until(lambda: all(index in world.ended for index in world.processes))
    world.hear(archivist_verbs.Stop({index: world.region(index).state.n for index in world.processes}))
    world.until(lambda: world.archivist_status is not None)
    manifest = world.manifest()
    assert world.archivist_status == 0 and manifest.ordered == 0
    for index in world.processes:
        world.start(index)
    world.start_archivist()
    world.checkpoint(manifest.number + 1)
    assert audited(world.store, world).checkpoint >= manifest.number + 1
    again = restored(world)
    again.checkpoint(again.manifest().number if again.archivist is None else again.archivist.built + 1)


@pytest.mark.parametrize("seed", range(6))
def test_an_archivist_killed_between_any_two_effects_is_replaced_without_loss(seed: int) -> None:
    world = Archived(interval_ms=1_000, seed=seed + 1)
    player = Player(world).enter()
    draw = random.Random(seed)
    killed = 0
    for _ in range(14):
        world.die_after = draw.randint(1, 24)
        play(world, draw.randint(8, 30), player)
        if world.archivist is None:
            killed += 1
            world.start_archivist()
        world.die_after = 0
    assert killed > 5
    assert world.archivist is not None
    world.checkpoint(world.archivist.built + 1)
    numbers = [one.number for one in inputs(world, Confirmed)]
    assert numbers == sorted(set(numbers))
    found = audited(world.store, world)
    assert found.checkpoint == world.archivist.built and found.void == []


@pytest.mark.parametrize("seed", range(4))
def test_regions_killed_and_messages_lost_leave_no_gap(seed: int) -> None:
    world = Archived(interval_ms=1_200, seed=seed + 20)
    player = Player(world).enter()
    draw = random.Random(seed)
    for _ in range(8):
        index = draw.choice([0, 1, 2])
        world.mute = draw.randint(0, 3)
        world.kill(index)
        world.run(draw.randint(100, 900))
        world.start(index)
        play(world, 10, player)
    world.mute = 0
    assert world.archivist is not None
    world.checkpoint(world.archivist.built + 1)
    assert audited(world.store, world).void == []


def test_while_the_store_is_away_the_spool_grows_and_is_caught_up_in_order() -> None:
    world = Archived(interval_ms=1_500)
    player = Player(world).enter()
    world.checkpoint(1)
    core = world.archivist
    assert core is not None
    world.away = True
    play(world, 200, player)
    assert core.built >= 5 and core.confirmed < core.built - 3
    assert sorted(world.spool) == list(range(core.confirmed + 1, core.built + 1))
    assert any("is not stored yet" in str(words.get("warning")) for words in world.told)
    # A new archivist finds in the spool what is not in the store.
    world.kill_archivist()
    world.start_archivist()
    core = world.archivist
    assert core is not None and len(core.storing.queue) == len(world.spool)
    world.away = False
    built = core.built
    world.checkpoint(built)
    assert not world.spool and core.storing.spool_bytes == 0
    assert audited(world.store, world).checkpoint >= built


def test_what_is_lost_of_the_spool_is_filed_anew_from_the_logs() -> None:
    world = Archived(interval_ms=1_500)
    player = Player(world).enter()
    world.checkpoint(1)
    world.away = True
    play(world, 160, player)
    world.kill_archivist()
    waiting = sorted(world.spool)
    assert len(waiting) >= 4
    del world.spool[waiting[1]]
    world.start_archivist()
    core = world.archivist
    assert core is not None and core.built == waiting[0]
    world.away = False
    world.checkpoint(waiting[-1] + 1)
    found = audited(world.store, world)
    assert found.checkpoint > waiting[-1] and found.void == []


def test_at_the_spool_s_limit_no_checkpoint_is_ordered_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archivist, "SPOOL_BYTES_MAX", 20_000)
    world = Archived(interval_ms=1_000)
    world.checkpoint(1)
    world.away = True
    world.run(30_000)
    core = world.archivist
    assert core is not None
    built = core.built
    assert world.spool and core.storing.spool_bytes >= 20_000 and "its limit is 20000" in core.status()["paused"]
    world.run(10_000)
    assert core.built == built and core.status()["lag_ms"] > 20_000
    assert all(trim == 0 for trim in world.trims.values())
    world.away = False
    world.run(65_000)
    assert core.status()["paused"] == "" and core.confirmed > built and core.status()["lag_ms"] < 5_000
    assert audited(world.store, world).void == []


class Lying(MemoryStore):
    """A store that says it took a bundle, and loses an item of it, or hands out other bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.lies = ""
        self.lied = 0

    def put_bundle(self, bundle: bytes) -> list[str]:
        if self.lies == "loses":
            self.lied += 1
            return []
        return super().put_bundle(bundle)

    def get(self, item_id: str) -> bytes:
        raw = super().get(item_id)
        if self.lies == "alters":
            self.lied += 1
            return raw[:-1] + bytes([raw[-1] ^ 1])
        return raw


@pytest.mark.parametrize("lies", ["loses", "alters"])
def test_a_store_s_word_confirms_nothing(lies: str) -> None:
    store = Lying()
    world = Archived(store, interval_ms=1_500)
    world.checkpoint(1)
    store.lies = lies
    world.run(6_000)
    core = world.archivist
    assert core is not None and store.lied and core.confirmed < core.built
    confirmed = core.confirmed
    world.run(3_000)
    assert core.confirmed == confirmed
    store.lies = ""
    world.checkpoint(core.built)
    assert audited(world.store, world).checkpoint == core.built


def test_no_key_event_is_missed_or_told_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even when more happen between two checkpoints than a state keeps."""
    monkeypatch.setattr(compute, "CHRONICLE_KEPT", 4)
    world = Archived(interval_ms=3_000)
    player = Player(world).enter()
    for tick in range(140):
        player.act(Gather(1, 1))
        if tick % 10 == 9:
            player.send(player.head())
        world.ticks(1)
    world.stop_in_order()
    found = audited(world.store, world)
    assets = [one.asset for manifest in manifests(world) for one in manifest.assets]
    told = [end.told for end in world.manifest().regions]
    assert len(assets) == len(set(assets)) == sum(told) > 30
    assert found.void == []


def test_an_archivist_meets_a_later_era_and_ends() -> None:
    world = Archived()
    world.checkpoint(1)
    world.hear(archivist_verbs.Superseded(2))
    assert world.archivist_status == 1
    assert world.told[-1]["superseded"] == 2 and world.told[-1]["alarm"]


def test_an_archivist_that_sees_a_forked_log_ends_with_an_alarm() -> None:
    world = Archived()
    world.checkpoint(1)
    core = world.archivist
    assert core is not None
    seen = core.followed[1].seen
    record = decode(world.raws(1)[-1])
    forked = encode(replace(record, n=seen + 1, previous=bytes(32), state_hash=b"", head=b""))
    world.hear(archivist_verbs.Records(1, ((seen + 1, forked),)))
    assert world.archivist_status == 2 and "previous hash" in world.told[-1]["reason"]


def test_an_archivist_that_begins_before_the_archive_s_end_knows_a_log_that_does_not_lead_there() -> None:
    """Set back and gone on with while the store was away: filed on top, no reader would ever get past it."""
    world = Archived()
    world.checkpoint(1)
    end = world.manifest().regions[1]
    for forks in (False, True):
        followed = Followed.after(1, end, [end.end - 2], founded=True)
        assert followed.base == end.end - 2
        followed.take(end.end - 1, world.raws(1)[end.end - 2])
        raw = world.raws(1)[end.end - 1]
        if not forks:
            followed.take(end.end, raw)
            continue
        record = decode(raw)
        with pytest.raises(ChainBroken, match=f"hash of archived record {end.end}"):
            followed.take(end.end, encode(replace(record, time_ms=record.time_ms + 1)))


def test_a_damaged_local_snapshot_is_passed_over() -> None:
    world = Archived()
    world.checkpoint(1)
    for files in world.files.values():
        for n in files:
            files[n] = files[n][:-3]
    world.checkpoint(3)
    assert audited(world.store, world).checkpoint >= 3


def test_a_reader_waits_when_more_is_held_than_one_checkpoint_should_bring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archivist, "HELD_BYTES_MAX", 2_000)
    world = Archived(interval_ms=60_000)
    world.checkpoint(1)
    world.run(5_000)
    core = world.archivist
    assert core is not None and core.full(1) and core.followed[1].bytes_held > 2_000
    core.wanted = {1: core.followed[1].seen + 1}
    assert not core.full(1)


def test_the_same_cut_gives_the_same_items() -> None:
    """So a checkpoint that was half stored before a crash is not stored twice."""
    world = Archived()
    seen: list[list[bytes]] = []
    world.before_upload = lambda number: seen.append(list(world.spool[number]))
    world.checkpoint(1)
    assert seen
    before = set(world.store.ids())
    for part in seen[0]:
        world.store.put_bundle(part)
    assert set(world.store.ids()) == before


def test_status_tells_what_losing_all_but_the_store_would_undo() -> None:
    world = Archived(interval_ms=5_000)
    world.checkpoint(1)
    world.run(2_000)
    core = world.archivist
    assert core is not None
    status = core.status()
    lost = core.newest_ms - world.manifest().time_ms
    assert status["lag_ms"] == lost and 1_000 < lost < 8_000
    assert [words for words in world.told if "lag_ms" in words]


class SlowSpool(Archived):
    """A spool on a slow disk: what is written is durable only when the test says so."""

    held: list[Spooled]

    def hear(self, event: Event) -> None:
        """Hold back that a checkpoint is spooled."""
        if isinstance(event, Spooled):
            self.held = [*getattr(self, "held", []), event]
        else:
            super().hear(event)

    def spooled(self) -> None:
        """It is now."""
        held, self.held = getattr(self, "held", []), []
        for event in held:
            super().hear(event)


def test_while_a_checkpoint_is_being_spooled_the_next_one_is_ordered_once_and_no_other() -> None:
    world = SlowSpool(interval_ms=1_000)
    player = Player(world).enter()
    for _ in range(4):
        play(world, 80, player)  # far longer than the interval
        assert world.archivist is not None
        assert max(order.number for order in inputs(world, Order)) <= world.archivist.built + 1
        world.spooled()
    play(world, 40, player)
    world.spooled()
    world.run(500)
    assert len(manifests(world)) >= 4
    assert audited(world.store, world).void == []


def test_a_checkpoint_that_rots_in_the_spool_is_made_anew() -> None:
    """Simulation, seed 221: a torn file was offered to the store again and again, and nothing was archived any more."""
    world = Archived(interval_ms=1_000)
    world.checkpoint(1)
    world.away = True
    world.until(lambda: bool(world.spool))
    (number,) = list(world.spool)[:1]
    world.hear(archivist_verbs.Failed(number, "cut short", spoilt=True))
    assert world.archivist_status == 1 and world.told[-1]["replaced"]
    world.spool[number] = tuple(part[:-7] for part in world.spool[number])
    world.away = False
    world.start_archivist()
    world.checkpoint(number + 1)
    assert audited(world.store, world).checkpoint >= number + 1

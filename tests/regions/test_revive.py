"""The way back: from the store alone the world is what it was at the cut, and goes on (laws 7, 8, 9)."""

from typing import Any

import pytest
from msgspec.structs import replace

from archive import snapshot
from archive.bundle import pack
from archive.checkpoint import Manifest
from archive.cut import violations
from archive.errors import ArchiveError, Damaged, Diverged, Forged, Missing
from archive.keys import Ed25519Key, b64, unb64
from archive.stores.memory import MemoryStore
from regions import compute, revive
from regions.charter import sign_charter
from regions.errors import RecordError
from regions.filing import held_at, numbers_of
from regions.region_state import Region
from regions.world_process import Registry
from tests.archived import Archived, restored, revive_from
from tests.audits import audited, play
from tests.cluster import NODE, OWNER, Player
from tests.forger import chain
from tests.simulation import small_rules
from world.actions import Gather, Move

STRANGER = Ed25519Key(b"9" * 32)


def played(ticks: int = 120, checkpoints: int = 3) -> tuple[Archived, list[Player]]:
    """A world with players on both sides of the border, cut off in the middle of everything."""
    world = Archived()
    players = [Player(world).enter(), Player(world, "q").enter()]
    play(world, ticks, *players)
    world.checkpoint(checkpoints)
    return world, players


def folded(world: Archived, index: int, upto: int) -> Region:
    """A region folded from its founding, without the archive."""
    region = world.genesis(index)
    for raw in world.raws(index)[:upto]:
        compute.apply(region, raw)
    return region


def test_a_checkpoint_without_snapshots_of_its_own_restores_to_an_independent_fold() -> None:
    world, _ = played()
    found = revive.find(world.store)
    assert not found.manifest.full and any(end.end % 32 for end in found.manifest.regions)
    regions = revive.load(world.store, found, world.kit)
    for index, region in enumerate(regions):
        independent = folded(world, index, found.manifest.regions[index].end)
        assert region.encode() == independent.encode() and region.head == independent.head
    made = revive_from(world)
    assert made.state_hash.hex() == found.manifest.state_hash


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_every_checkpoint_is_a_consistent_cut_that_restores(number: int) -> None:
    world, _ = played(checkpoints=4)
    item_id, manifest = chain(world)[number - 1]
    regions = revive.load(world.store, revive.find(world.store, item_id), world.kit)
    assert violations(manifest.ends(), {index: numbers_of(one.state) for index, one in enumerate(regions)}) == []
    for index, region in enumerate(regions):
        assert region.encode() == folded(world, index, manifest.regions[index].end).encode()


def test_the_restored_world_goes_on_with_new_logs_terms_and_ids() -> None:
    world, players = played()
    cut = world.manifest()
    second = restored(world)
    assert second.charter.era == 2 and second.charter.world == world.charter.world
    assert second.charter.roster == world.charter.roster + 1
    for index, end in enumerate(cut.regions):
        assert second.first[index] == end.end + 1
        state = second.region(index).state
        assert (state.era, state.term, state.n >= end.end + 1) == (2, 1, True)
    # Another player is born: its id carries the era.
    stranger = Player(second, "new")
    stranger.be_born()
    assert stranger.entity >> 48 == 2
    player = returned(second, players[0])
    assert player.number < players[0].number, "what was not archived is undone"
    player.login()
    second.ticks(3)
    player.act(Move(127, 0))
    second.ticks(3)
    assert player.answers[-1].verdict == 0 and player.answers[-1].number == player.number
    second.checkpoint(cut.number + 2)
    assert audited(second.store, world).eras == [1, 2]


def returned(world: Archived, player: Player) -> Player:
    """A player who comes back after a restore, and is told where it stands."""
    back = Player(world, player.name.removeprefix("g-"))
    here = back.where()
    assert here is not None and here.wallet == player.wallet.public
    back.entity, back.region, back.number, back.chain, back.hop = (
        here.entity, here.region, here.number, here.chain, here.hop,
    )  # fmt: skip
    return back


def test_every_asset_and_coin_is_there_exactly_once_after_a_restore() -> None:
    world, _ = played()
    found = revive.find(world.store)
    before = revive.load(world.store, found, world.kit)
    second = restored(world)
    second.run(3_000)
    manifest = second.manifest()
    assert manifest.number > found.manifest.number and manifest.assets == []

    def assets(regions: list[Region], ends: Manifest) -> list[int]:
        return sorted(one.asset for _, one in held_at(dict(enumerate(regions)), ends.regions, world.kit))

    again = revive.load(second.store, revive.find(second.store), world.kit)
    was, now = assets(before, found.manifest), assets(again, manifest)
    assert was and was == now and len(set(now)) == len(now)


def test_two_worlds_restored_from_one_checkpoint_fold_alike() -> None:
    """What is archived is all there is: nothing else decides how the world goes on but what is asked of it."""
    world, _ = played()
    one, two = (revive.load(world.store, revive.find(world.store), world.kit) for _ in range(2))
    assert [region.encode() for region in one] == [region.encode() for region in two]
    first, second = revive_from(world), revive_from(world)
    assert first.charter == second.charter
    assert {i: n for i, (n, _) in first.snapshots.items()} == {i: n for i, (n, _) in second.snapshots.items()}


def test_an_era_that_made_no_checkpoint_leads_back_to_the_one_it_began_from() -> None:
    world, _ = played()
    made = revive_from(world)
    world.store.put_bundle(pack(made.items))
    found = revive.find(world.store)
    assert found.opening.era == 2 and found.manifest.era == 1 and found.manifest_id == made.manifest_id
    third = restored(world)
    assert third.charter.era == 3 and third.charter.checkpoint == made.manifest_id
    third.run(6_000)
    found_again = audited(third.store, world)
    assert found_again.eras == [1, 3] and b64(made.charter_item.id) in found_again.void


def test_without_the_owner_s_key_the_world_gets_a_new_name() -> None:
    world, players = played()
    second = restored(world, STRANGER)
    assert second.charter.world != world.charter.world
    assert second.charter.named_before == world.charter.world
    registry = second.region(0).bodies
    assert isinstance(registry, Registry)
    assert [region for _, region in registry.regions] == [second.processes[index] for index in (1, 2)]
    player = returned(second, players[0])
    player.login()
    second.ticks(3)
    player.act(Gather(1, 1))
    second.ticks(3)
    assert player.answers[-1].number == player.number
    second.run(5_000)
    assert audited(second.store, world, of=second.charter.world).eras == [1, 2]
    # The old world is untouched by what the new one does.
    assert revive.find(world.store, world.charter.world).opening.era == 1
    with pytest.raises(ArchiveError, match="2 worlds"):
        revive.find(world.store)
    third = restored(second, STRANGER, which=second.charter.world)
    assert third.charter.world == second.charter.world and third.charter.era == 3


def test_only_a_new_world_may_begin_at_an_older_checkpoint() -> None:
    world, _ = played()
    older = chain(world)[1][0]
    with pytest.raises(ArchiveError, match="is not the newest checkpoint"):
        revive_from(world, which=older)
    second = restored(world, STRANGER, which=older)
    second.run(4_000)
    assert second.charter.checkpoint == older
    assert audited(second.store, world, of=second.charter.world).eras == [1, 2]


def test_two_charters_of_one_era_are_not_chosen_between() -> None:
    world, _ = played()
    made = revive_from(world)
    owner: Any = OWNER
    rival = sign_charter(owner, replace(made.charter, nodes=[b64(STRANGER.public)]))
    world.store.put_bundle(pack([*made.items, rival]))
    with pytest.raises(Forged, match="two charters open era 2"):
        revive.find(world.store)


def test_a_damaged_or_missing_object_is_named_with_its_region() -> None:
    world, _ = played()
    newest_id, newest = chain(world)[-1]
    end = newest.regions[1]
    for victim in (end.snapshot, end.segments[-1].id):
        assert victim is not None
        store = MemoryStore()
        for item_id in reversed(list(world.store.ids())):
            if item_id != victim:
                store.put(world.store.get(item_id))
        with pytest.raises(Missing) as caught:
            revive.load(store, revive.find(store), world.kit)
        assert caught.value.object == victim and caught.value.region == "1"
    assert revive.find(world.store).manifest_id == newest_id


def test_a_state_that_is_not_the_manifest_s_is_not_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    world, _ = played()
    monkeypatch.setattr(small_rules, "GATHERED", 3)
    with pytest.raises(Diverged) as caught:
        revive.load(world.store, revive.find(world.store), world.kit)
    assert caught.value.region in ("1", "2")


def test_a_store_without_a_world_or_a_checkpoint_says_so() -> None:
    with pytest.raises(Missing, match="no charter"):
        revive.find(MemoryStore())
    world = Archived(interval_ms=60_000)
    with pytest.raises(Missing, match="no checkpoint"):
        revive.find(world.store)
    with pytest.raises(Missing):
        revive.find(world.store, b64(bytes(32)))


def test_a_charter_is_adopted_only_at_its_cut() -> None:
    world, _ = played()
    made = revive_from(world)
    found = revive.find(world.store)
    region = revive.load(world.store, found, world.kit)[1]
    region.head = bytes(32)
    with pytest.raises(RecordError, match="does not begin at record"):
        revive.adopt(region, made.charter, made.charter_item.id, bytes(32))


def test_the_first_snapshots_of_an_era_hold_the_opened_states() -> None:
    world, _ = played()
    made = revive_from(world)
    for index, (n, raw) in made.snapshots.items():
        found = snapshot.decode_file(raw)
        assert (found.era, found.n, b64(found.head)) == (2, n, made.charter.cut[index].hash if made.charter.cut else "")
    assert unb64(made.charter.nodes[0]) == NODE.public
    with pytest.raises(Damaged):
        snapshot.decode_file(made.snapshots[0][1][:-1])

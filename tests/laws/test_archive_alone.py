"""Law 9, Archive alone: with every log, snapshot and process gone, the store brings the world back, equal hash; under
its owner's key as itself, under another as a new world that names the old."""

import pytest

from archive.keys import Ed25519Key
from regions import compute, revive
from tests.archived import Archived, Settler, restored, revive_from
from tests.audits import audited
from tests.cluster import OWNER
from tests.laws.quarry import crowd, generous, quarry, walk_and_trade

__all__ = ["generous"]


@pytest.mark.parametrize("owner", [OWNER, Ed25519Key(b"9" * 32)], ids=["owner", "stranger"])
def test_the_store_alone_brings_the_world_back(owner: Ed25519Key, generous: None) -> None:
    world = Archived(small=False, land=quarry, population=(12, 10, 4), interval_ms=1_000)
    walk_and_trade(world, crowd(world, 3), 60, seed=8)
    assert world.archivist is not None
    world.checkpoint(world.archivist.built + 1)
    manifest = world.manifest()
    lost = [world.region(index).state.n - end.end for index, end in enumerate(manifest.regions)]
    made = revive_from(world, owner)
    assert made.state_hash.hex() == manifest.state_hash and any(lost)
    again = restored(world, owner, land=quarry, population=(12, 10, 4))
    assert (again.charter.world == world.charter.world) == (owner is OWNER)
    assert again.charter.named_before == (None if owner is OWNER else world.charter.world)
    begun = {index: again.loaded(index).region for index in again.processes}
    walk_and_trade(again, [Settler(again, name).enter() for name in ("s", "t")], 30, seed=9)
    for index, region in begun.items():
        for raw in again.raws(index)[region.state.n + 1 - again.first[index] :]:
            compute.apply(region, raw)
        assert region.encode() == again.region(index).encode()
    assert again.archivist is not None
    again.checkpoint(again.archivist.built + 1)
    found = audited(again.store, world, of=again.charter.world)
    assert found.eras == [1, 2] and found.state_hash == again.manifest().state_hash
    assert revive.find(again.store, again.charter.world).manifest.number == found.checkpoint

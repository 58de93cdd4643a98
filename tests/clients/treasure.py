"""A world in which somebody finds things and gives them on, across a border too; its store, on disk."""

from functools import lru_cache
from pathlib import Path

import pytest

from archive.stores.disk import DiskStore
from tests.archived import Archived
from tests.cluster import Player
from tests.laws.quarry import quarry, tile_of
from world import economy
from world.actions import Gather, GiveAsset, Move
from world.state import ASSET_HOLDER, ASSET_ID


def assets_of(world: Archived, player: Player) -> list[int]:
    """What a player holds, where it is now."""
    bodies = world.region(player.region).bodies
    held = bodies.assets[:, : bodies.assets_used]
    return [int(asset) for asset in held[ASSET_ID][held[ASSET_HOLDER] == player.entity]]


def gather(world: Archived, player: Player, wanted: int) -> None:
    """Break stones until so many finds are had."""
    for turn in range(200):
        if len(assets_of(world, player)) >= wanted:
            return
        x, y = tile_of(world, player)
        player.act(Gather(x + turn % 3 - 1, y + turn // 3 % 3 - 1), covered=True)
        world.ticks(21)
    raise AssertionError(f"no {wanted} finds in 200 turns")


def give(world: Archived, giver: Player, receiver: Player, asset: int) -> None:
    giver.act(GiveAsset(receiver.entity, asset), covered=True)
    world.ticks(4)
    assert asset in assets_of(world, receiver)


def walk(world: Archived, players: list[Player], region: int, speed: int) -> None:
    """Walk east or west together until all are in a region."""
    for _ in range(300):
        if all(player.region == region for player in players):
            break
        for player in players:
            player.act(Move(speed, 0), covered=True)
        world.ticks(2)
    for player in players:
        player.act(Move(0, 0), covered=True)
    world.ticks(2)


@lru_cache(maxsize=1)
def treasure() -> tuple[Archived, list[Player], int]:
    """Two regions; one asset was found in region 1, given, carried to region 2, given back; others were found too.
    Stopped in order. The players, and the asset. Not to be changed."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(economy, "FIND_ODDS", 1)
        world = Archived(small=False, land=quarry, interval_ms=3_000)
        finder, friend = (Player(world, name).enter(region=1) for name in ("finder", "friend"))
        gather(world, finder, 3)
        asset = assets_of(world, finder)[0]
        give(world, finder, friend, asset)
        world.checkpoint(world.archivist.confirmed + 1 if world.archivist is not None else 1)
        walk(world, [finder, friend], 2, 127)
        give(world, friend, finder, asset)
        world.checkpoint(world.archivist.confirmed + 2 if world.archivist is not None else 2)
        world.stop_in_order()
    return world, [finder, friend], asset


def on_disk(world: Archived, folder: Path) -> DiskStore:
    """The world's store, bundle by bundle, in a folder."""
    disk = DiskStore(folder)
    for bundle in world.store._bundles.values():
        disk.put_bundle(bundle)
    return disk

"""The scenes of the crowds' benchmarks are what the fixed workload says."""

import pytest

from clients.bench.crowds import SCENES, UNIT, meadow, scenes
from world.units import CHUNK_TILES


@pytest.mark.parametrize(("players", "units"), [(50, 47.4), (100, 81), (250, 142), (500, 209), (1000, 303)])
def test_the_square_is_as_large_as_the_workload_has_it(players: int, units: float) -> None:
    side = scenes(players, 10.0)["openworld"].side
    assert side % CHUNK_TILES == 0 and abs(side - units * UNIT) <= CHUNK_TILES / 2 + 0.1


def test_players_appear_all_over_a_flat_square_always_the_same() -> None:
    scene = scenes(500, 10.0)["openworld"]
    world_map = meadow(scene)
    assert (world_map.width, world_map.height) == (scene.side, scene.side)
    assert not world_map.terrain.any() and not world_map.feature.any()
    places = world_map.player_spawns
    assert len(places) >= 500 and (places == meadow(scene).player_spawns).all()
    assert places.min() < scene.side / 10 and places.max() > scene.side * 9 / 10


def test_every_scene_has_its_name() -> None:
    assert tuple(scenes(500, 10.0)) == SCENES
    assert all(scene.name == name for name, scene in scenes(500, 10.0).items())

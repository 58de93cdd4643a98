"""A place worth crossing and fighting for: rocks that hold coins and finds, a village and beasts along a border; and
players who make use of it all."""

import random

import numpy as np
import pytest

from tests.cluster import Cluster, Player
from world import economy
from world.actions import Gather, GiveAsset, GiveCoins, Move, Strike
from world.state import ASSET_HOLDER, ASSET_ID, X, Y
from world.tilemap import ROCK, TileMap, make_map


def quarry(width: int, height: int) -> TileMap:
    """A meadow with rocks around the place where players begin, and a village, deer and wolves along the border."""
    terrain, feature = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    x, y = width // 2 - 3, height // 2
    feature[y - 1 : y + 2 : 2, x - 3 : x + 4] = ROCK
    near = [(width // 2 + dx, dy) for dx in (-3, 2) for dy in range(8, height - 8, 8)]
    return make_map(
        terrain, feature, homes=near, fields=near[::-1], player_spawns=[(x, y)], deer_spawns=near, wolf_spawns=near[:2]
    )


@pytest.fixture
def generous(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every stone holds a coin and a find."""
    monkeypatch.setattr(economy, "COIN_ODDS", 1)
    monkeypatch.setattr(economy, "FIND_ODDS", 1)


def crowd(cluster: Cluster, size: int) -> list[Player]:
    return [Player(cluster, f"p{number}").enter(region=1) for number in range(size)]


def tile_of(cluster: Cluster, player: Player) -> tuple[int, int]:
    bodies = cluster.region(player.region).bodies
    row = bodies.row(player.entity)
    return int(bodies.rows[X, row]) >> 16, int(bodies.rows[Y, row]) >> 16


def walk_and_trade(cluster: Cluster, players: list[Player], steps: int, seed: int) -> None:
    """Players gather, fight, give, and cross the border to and fro."""
    rng = random.Random(seed)
    for step in range(steps):
        for player in players:
            state = cluster.region(player.region).state if player.region in cluster.cores else None
            if state is None or player.entity not in state.players or cluster.cores[player.region].phase != "serving":
                continue
            known = state.players[player.entity]
            player.number, player.chain = known.number, known.chain
            bodies = cluster.region(player.region).bodies
            x, y = tile_of(cluster, player)
            other = rng.choice(players).entity
            mine = [int(one) for one in bodies.assets[ASSET_ID][bodies.assets[ASSET_HOLDER] == player.entity]] or [1]
            action = rng.choice(
                [
                    Move(127 if step % 120 < 60 else -127, rng.randrange(-60, 60)),
                    Gather(min(max(x + rng.randrange(-1, 2), 0), 127), min(max(y + rng.randrange(-1, 2), 0), 63)),
                    GiveCoins(other, 1),
                    GiveAsset(other, rng.choice(mine)),
                    Strike(other),
                ]
            )
            player.act(action, covered=True)
        cluster.ticks(1)

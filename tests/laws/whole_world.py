"""What all regions of a cluster hold together: where each body is, and what there is of coins and assets."""

from collections import Counter
from dataclasses import dataclass, field

from regions import letters
from regions.letters import Handover
from tests.cluster import Cluster
from world import borders, invariants
from world.state import COINS
from world.state import Counter as Figure


@dataclass
class Whole:
    """The world at one moment, handovers in flight included."""

    places: Counter[int] = field(default_factory=Counter)  # in how many places a body is
    players: Counter[int] = field(default_factory=Counter)  # in how many places a player's numbers are
    coins: int = 0
    assets: list[int] = field(default_factory=list)
    coins_made: int = 0  # minted less burned
    assets_minted: int = 0
    flying: int = 0  # handovers that their receiver has not consumed

    def image(self, image: bytes) -> None:
        """Count a body that is no row."""
        read = borders.read_image(image)
        self.places[read.entity] += 1
        self.coins += int(read.columns[COINS])
        self.assets += [asset for asset, _, _ in read.assets]


def look(cluster: Cluster) -> Whole:
    """What is there, as of the records that are in the logs. No append may be held."""
    whole = Whole()
    for index in cluster.processes:
        if not index:
            continue
        region = cluster.region(index)
        bodies, state = region.bodies, region.state
        whole.places.update(int(entity) for entity in bodies.index)
        coins, assets = invariants.holdings(bodies)
        whole.coins += coins
        whole.assets += assets
        whole.coins_made += int(bodies.counters[Figure.COINS_MINTED] - bodies.counters[Figure.COINS_BURNED])
        whole.assets_minted += int(bodies.counters[Figure.ASSETS_MINTED])
        whole.players.update(state.players.keys())
        for entity, sleeper in state.sleepers.items():
            whole.players[entity] += 1
            if sleeper.image:
                whole.image(sleeper.image)
        mails = [mail for _, mail in state.parked]
        for near in state.neighbours:
            taken = letters.neighbour(cluster.region(near.index).state, index).taken if near.index else near.sent
            mails += [mail for mail in near.outbox if mail.number > taken]
        for mail in mails:
            body = letters.decode_body(mail)
            if isinstance(body, Handover):
                whole.flying += 1
                whole.image(body.image)
                whole.players.update([body.player.entity] if body.player is not None else [])
    return whole


def check(cluster: Cluster) -> Whole:
    """One place for everything, and nothing lost or made from nothing."""
    whole = look(cluster)
    twice = [entity for entity, count in whole.places.items() if count != 1]
    assert not twice, f"bodies in several places: {twice}"
    split = [entity for entity, count in whole.players.items() if count != 1]
    assert not split, f"players in several places: {split}"
    assert whole.coins == whole.coins_made
    assert len(whole.assets) == len(set(whole.assets)) == whole.assets_minted
    return whole

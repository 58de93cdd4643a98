"""Law 8, Consistent cut: at every checkpoint each pair of regions agrees on its mail and letters, and the world as a
whole holds what it made, each thing once."""

from dataclasses import dataclass
from typing import Any, cast

from archive.cut import violations
from regions import revive
from regions.filing import numbers_of
from regions.messages import Letter
from regions.region_state import Region
from tests.archived import Archived
from tests.forger import chain
from tests.laws.quarry import crowd, generous, quarry, walk_and_trade
from tests.laws.whole_world import check

__all__ = ["generous"]


@dataclass
class AtCut:
    """The regions of a checkpoint, looked at as a cluster is."""

    regions: list[Region]

    @property
    def processes(self) -> list[int]:
        """Partition indices."""
        return list(range(len(self.regions)))

    def region(self, index: int) -> Region:
        """A region as the checkpoint has it."""
        return self.regions[index]


def test_every_checkpoint_of_a_busy_border_is_a_consistent_cut(generous: None) -> None:
    world = Archived(small=False, land=quarry, population=(12, 10, 4), interval_ms=700)
    players = crowd(world, 4)
    # Every other second mail does not get through: a cut falls between bodies' leaving and their arrival.
    world.lost = lambda sender, subject, message: (
        isinstance(message, Letter) and bool(message.mail) and bool(sender) and world.now_ms // 1000 % 2 == 0
    )
    walk_and_trade(world, players, 120, seed=5)
    world.lost = lambda sender, subject, message: False
    assert world.archivist is not None
    world.checkpoint(world.archivist.built + 1)
    in_flight = 0
    assets: list[int] = []
    for manifest_id, manifest in chain(world):
        regions = revive.load(world.store, revive.find(world.store, manifest_id), world.kit)
        numbers = {index: numbers_of(region.state) for index, region in enumerate(regions)}
        assert violations(manifest.ends(), numbers) == []
        whole = check(cast(Any, AtCut(regions)))
        in_flight += whole.flying
        assets = whole.assets
    assert len(chain(world)) >= 5 and assets
    assert in_flight, "the script must be cut while bodies are on their way"

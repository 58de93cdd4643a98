"""One era of a world: its charter, its keys and rules, and what its logs are called."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any, Final, cast

from archive.data_item import DataItem
from archive.keys import Ed25519Key
from archive.restore import Opening
from regions import founding, holdings
from regions.charter import Charter
from regions.founding import Founded
from regions.holdings import Kit
from regions.region_state import Region, Rules
from regions.revive import opening_of
from regions.world_process import WorldRules
from tests.cluster import grass
from tests.simulation import small_rules
from tests.simulation.small_rules import SmallRules
from world.tilemap import TileMap

START_MS: Final = 1_700_000_000_000
REGIONS: Final = 4
ROWS: Final = 8  # of a region with small rules: few, so that regions fill up
OWNER, SCHEDULER = (Ed25519Key(bytes([number]) * 32) for number in (1, 2))
NODES: Final = tuple(Ed25519Key(bytes([10 + number]) * 32) for number in range(3))


@dataclass(frozen=True)
class Era:
    """What every process of an era knows."""

    charter: Charter
    charter_item: DataItem
    full_rules: bool

    @cached_property
    def number(self) -> int:
        """1 is the founding's."""
        return self.charter.era

    @property
    def charter_id(self) -> bytes:
        """The charter's item."""
        return self.charter_item.id

    @cached_property
    def owner(self) -> bytes:
        """The owner's address."""
        return sha256(self.charter_item.owner).digest()

    @cached_property
    def opening(self) -> Opening:
        """The charter as the archive's readers want it."""
        return opening_of(self.charter_item.raw)

    @cached_property
    def processes(self) -> dict[int, bytes]:
        """Region ids by partition index."""
        return self.charter.processes()

    @cached_property
    def world(self) -> bytes:
        """The world's id."""
        return self.processes[0]

    @property
    def scheduler(self) -> Ed25519Key:
        """The world's AO scheduler key."""
        return SCHEDULER

    def log(self, index: int) -> str:
        """The name of a region's log."""
        return self._logs[index]

    @cached_property
    def _logs(self) -> dict[int, str]:
        return {index: f"E{self.number}-{index}" for index in self.processes}


@lru_cache(maxsize=2)
def founded(full_rules: bool) -> tuple[Founded, TileMap]:
    """A world for three machines. Its owner's key is an Ed25519 one: an RSA key takes seconds to make, and no rule of
    the world knows the difference."""
    owner: Any = OWNER
    shape, tiles = ((2, 2), (96, 96)) if full_rules else ((REGIONS, 1), (128, 32))
    population = (2, 2, 1) if full_rules else (0, 0, 0)
    world_map = grass(*tiles)
    nodes = [key.public for key in NODES[1:]]
    made = founding.found(owner, SCHEDULER, NODES[0], world_map, shape, population, START_MS, lambda seed: seed, nodes)
    return made, world_map


def _small(altered: bool) -> SmallRules:
    return SmallRules(REGIONS, wanderers=1, rows=ROWS, gathered=3 if altered else 1)


def kit(full_rules: bool, altered: bool = False) -> Kit:
    """What is needed of the rules. `altered`: those of another Module."""
    made, world_map = founded(full_rules)
    owner = sha256(OWNER.public).digest()

    def genesis(index: int) -> Region:
        region = founding.genesis(made.charter, made.charter_item.id, owner, index, world_map)
        if not full_rules and index:
            rules = _small(altered)
            region.rules, region.bodies = rules, rules.fresh(index)
        return region

    if full_rules:
        return holdings.kit(genesis)
    small = small_rules

    def rules_of(index: int) -> Rules:
        return cast(Rules, _small(altered) if index else WorldRules())

    return Kit(rules_of, genesis, small.holdings, small.face, small.metadata, small.line)

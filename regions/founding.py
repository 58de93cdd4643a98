"""Founding a world: the items its owner signs, and the state of each region before its first record.

What the founding makes is put into the store before anything runs. `genesis` needs only what is in the store, so that
`verify` can begin where the world began.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from archive.compression import compress, decompress
from archive.data_item import DataItem, sign_item
from archive.keys import Ed25519Key, RsaKey, address, b64, unb64
from regions import assignments
from regions.charter import Charter, Seats, first_charter, partition, sign_charter
from regions.config import STATE_BYTES_MAX
from regions.land_rules import LandRules
from regions.module import module_bytes
from regions.record import genesis_hash
from regions.region_state import Neighbour, Region, RegionState, Rules
from regions.world_process import Registry, WorldRules
from world import tilemap
from world.genesis import genesis as land_genesis
from world.tilemap import TileMap

VARIANT = "ao.TN.1"


@dataclass(frozen=True)
class Founded:
    """A new world: all items to be put, in order, and its charter."""

    charter: Charter
    charter_item: DataItem
    items: list[DataItem]


def found(
    owner: RsaKey,
    scheduler: Ed25519Key,
    node: Ed25519Key,
    world_map: TileMap,
    shape: tuple[int, int],
    population: tuple[int, int, int],
    now_ms: int,
    seal: Callable[[bytes], bytes],
    nodes: Sequence[bytes] = (),
) -> Founded:
    """Make a world on this map, cut into shape = (columns, rows) regions. `seal` encrypts for the owner's key; `nodes`
    are the public keys of more machines that may run it."""
    module = module_item(owner)
    height, width = world_map.terrain.shape
    map_tags = [("Type", "Everloom-Map"), ("Width", str(width)), ("Height", str(height)), ("Content-Encoding", "zstd")]
    map_item = sign_item(owner, compress(tilemap.encode(world_map)), map_tags)
    lands = [(0, 0, 0, 0), *partition(width, height, *shape)]
    processes: list[DataItem] = []
    for index, land in enumerate(lands):
        tags = process_tags(module, map_item, scheduler, index, land, b64(processes[0].id) if processes else "")
        processes.append(sign_item(owner, b"everloom", tags))
    firsts = [assignments.first_assignment(scheduler, process.id, now_ms) for process in processes]
    seats = [
        Seats(b64(process.id), land, b64(first.id))
        for process, land, first in zip(processes, lands, firsts, strict=True)
    ]
    charter = first_charter(
        module, map_item, (width, height), seats, scheduler.public, [node.public, *nodes], population
    )
    sealed_tags = [("Type", "Everloom-Sealed-Key"), ("World", charter.world), ("Encryption", "RSA-OAEP-SHA256")]
    sealed = sign_item(owner, seal(scheduler.seed), sealed_tags)
    signed = sign_charter(owner, charter)
    return Founded(charter, signed, [module, map_item, *processes, *firsts, sealed, signed])


def module_item(owner: RsaKey) -> DataItem:
    """The Module item of the installed rules, signed by the world's owner."""
    tags = [
        ("Data-Protocol", "ao"),
        ("Type", "Module"),
        ("Variant", VARIANT),
        ("Module-Format", "everloom-python-1"),
        ("Input-Encoding", "everloom-record-1"),
        ("Output-Encoding", "everloom-record-1"),
        ("Content-Encoding", "zstd"),
    ]
    return sign_item(owner, module_bytes(), tags)


def process_tags(
    module: DataItem, map_item: DataItem, scheduler: Ed25519Key, index: int, land: tuple[int, ...], world: str
) -> list[tuple[str, str]]:
    """Tags of a region's Process item; `world` is the id of the world's own process, empty in that one's."""
    tags = [
        ("Data-Protocol", "ao"),
        ("Type", "Process"),
        ("Variant", VARIANT),
        ("Module", b64(module.id)),
        ("Scheduler", address(scheduler.public)),
        ("Name", "world" if index == 0 else f"region {index}"),
        ("Index", str(index)),
        ("Map", b64(map_item.id)),
    ]
    return [*tags, ("Land", ",".join(map(str, land))), ("World", world)] if world else tags


def read_map(item: DataItem) -> TileMap:
    """The map of a Map item. Raises ArchiveError or ValueError for any other bytes."""
    return tilemap.decode(decompress(item.data, STATE_BYTES_MAX))


def rules_of(index: int) -> Rules:
    """The rules of a seat: the world's process has its own."""
    return WorldRules() if index == 0 else LandRules()


def genesis(charter: Charter, charter_item: bytes, owner: bytes, index: int, world_map: TileMap) -> Region:
    """A region before its first record, from what the founding put into the store. `owner` is the owner's address."""
    seat = charter.seats[index]
    process = unb64(seat.process)
    near = charter.neighbours(index)
    rules = rules_of(index)
    bodies: object
    if index == 0:
        lands = [(other, unb64(charter.seats[other].process)) for other in range(1, len(charter.seats))]
        bodies = Registry(
            era=1,
            regions=lands,
            wallets={},
            born=0,
            ordered=0,
            maker=b"",
            since=0,
            ordered_full=False,
            confirmed=0,
            manifest=b"",
            abroad={},
        )
    else:
        borders = [charter.seats[other].land for other in near if other]
        regions = len(charter.seats) - 1
        bodies = land_genesis(world_map, seat.land, borders, index, regions, charter.population)
    state = RegionState(
        world=unb64(charter.world),
        region=process,
        index=index,
        module=unb64(charter.module),
        owner=owner,
        era=1,
        era_item=charter_item,
        term=0,
        n=0,
        tick=0,
        time_ms=0,
        previous=genesis_hash(process),
        roster=charter.roster,
        nodes=[unb64(node) for node in charter.nodes],
        partition=charter.partition,
        claim_node=b"",
        claim_process=b"",
        link=b"",
        links_left=0,
        entropy=b"",
        players={},
        sleepers={},
        neighbours=[_stranger(other) for other in near],
        assignments=assignments.begin(process, unb64(seat.assignment)),
        items=[],
        escrow=[],
        parked=[],
        halted="",
        halted_at=0,
        chronicle=[],
        chronicle_next=1,
        checkpoint=0,
        archived=0,
        trim=0,
    )
    return Region(state, bodies, rules, genesis_hash(process))


def _stranger(index: int) -> Neighbour:
    return Neighbour(
        index=index,
        sent=0,
        outbox=[],
        taken=0,
        leaving=0,
        credit=0,
        arrived=0,
        granted=0,
        era=0,
        term=0,
        n=0,
        hash=b"",
        ghosts=b"",
    )

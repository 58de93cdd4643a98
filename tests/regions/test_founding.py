"""Founding a world: everything that `genesis` and `verify` need is in the items, signed and named."""

import hashlib
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from archive.compression import compress, decompress
from archive.data_item import DataItem, parse_item
from archive.errors import ArchiveError
from archive.keys import ED25519, address, b64, unb64, verify
from regions import assignments, module, region_state
from regions.charter import read_charter
from regions.compute import fold
from regions.errors import RecordError
from regions.founding import Founded, genesis, read_map, rules_of
from regions.record import claim_message, genesis_hash
from tests.cluster import OWNER, SCHEDULER, Cluster, founded, grass, region_owner
from world.tilemap import TileMap

POPULATION = (8, 6, 2)


@pytest.fixture(scope="module")
def world() -> tuple[Founded, TileMap]:
    return founded((128, 64), (2, 1), POPULATION, grass)


def of_type(world: tuple[Founded, TileMap], kind: str) -> list[DataItem]:
    return [item for item in world[0].items if item.tag("Type") == kind]


def test_every_item_is_signed_and_reads_back_from_its_bytes(world: tuple[Founded, TileMap]) -> None:
    for item in world[0].items:
        again = parse_item(item.raw)
        again.verify()
        assert again == item
        assert item.owner in (OWNER.public, SCHEDULER.public)
    assert len({item.id for item in world[0].items}) == len(world[0].items)


def test_a_regions_id_is_the_id_of_its_process_item(world: tuple[Founded, TileMap]) -> None:
    processes = of_type(world, "Process")
    assert [b64(item.id) for item in processes] == [seat.process for seat in world[0].charter.seats]
    for index, item in enumerate(processes):
        assert item.tag("Index") == str(index) and item.tag("Module") == world[0].charter.module
        assert item.tag("Scheduler") == address(SCHEDULER.public) and item.tag("Data-Protocol") == "ao"
        assert (item.tag("World"), item.tag("Land") is None) == (
            (None, True) if index == 0 else (world[0].charter.world, False)
        )


def test_the_module_holds_the_closure_of_the_fold(world: tuple[Founded, TileMap]) -> None:
    (item,) = of_type(world, "Module")
    assert item.tag("Module-Format") == "everloom-python-1"
    files = dict(module.read_sources(item.data))
    assert {"regions/compute.py", "regions/players.py", "regions/lift.py", "world/tick.py", "world/units.py"} <= set(
        files
    )
    assert not any(name.startswith(("clients/", "regions/shell/", "tests/")) for name in files)
    assert not {"regions/process.py", "regions/scheduler.py", "regions/gateway.py"} & set(files)
    assert module.differences(item.data) == []
    assert "regions/compute.py" in module.differences(changed(item.data))


def changed(data: bytes) -> bytes:
    whole: Any = msgspec.msgpack.decode(decompress(data, module.MODULE_BYTES_MAX))
    whole[2] = [(name, text + "#" if name == "regions/compute.py" else text) for name, text in whole[2]]
    return compress(msgspec.msgpack.encode(whole))


def test_the_map_reads_back(world: tuple[Founded, TileMap]) -> None:
    (item,) = of_type(world, "Everloom-Map")
    assert (read_map(item).terrain == world[1].terrain).all()
    with pytest.raises((ArchiveError, ValueError)):
        read_map(DataItem(2, b"", b"", None, None, b"", (), item.data[:-3]))


def test_the_schedulers_key_is_kept_sealed(world: tuple[Founded, TileMap]) -> None:
    (item,) = of_type(world, "Everloom-Sealed-Key")
    assert item.data == SCHEDULER.seed  # these tests' seal is no seal; the real one is RSA-OAEP to the owner


def test_genesis_depends_on_the_founding_alone(world: tuple[Founded, TileMap]) -> None:
    charter, item = read_charter(world[0].charter_item.raw, region_owner())
    for index in range(3):
        one = genesis(charter, item.id, region_owner(), index, read_map(of_type(world, "Everloom-Map")[0]))
        other = genesis(world[0].charter, item.id, region_owner(), index, world[1])
        assert one.digest() == other.digest()
        state = one.state
        assert one.head == state.previous == genesis_hash(unb64(charter.seats[index].process))
        assert (state.n, state.tick, state.term, state.era, state.era_item) == (0, 0, 0, 1, item.id)
        assert [near.index for near in state.neighbours] == charter.neighbours(index)
        assert state.assignments == assignments.begin(state.region, unb64(charter.seats[index].assignment))
        again = region_state.decode(one.encode(), rules_of(index), one.head)
        assert again.digest() == one.digest()


def test_those_who_live_in_the_world_live_in_one_region_each(world: tuple[Founded, TileMap]) -> None:
    regions = [genesis(world[0].charter, bytes(32), region_owner(), index, world[1]) for index in (1, 2)]
    ids = [entity for region in regions for entity in region.bodies.index]
    assert len(ids) == len(set(ids)) == sum(POPULATION)


def test_nothing_comes_before_a_claim() -> None:
    cluster = Cluster(start=False)
    cluster.start(1)
    cluster.run(200)
    first, tick = cluster.records(1)[:2]
    region = cluster.genesis(1)
    with pytest.raises(RecordError, match="draw links are used up"):
        fold(region, replace(tick, n=1, term=0, previous=region.head, time_ms=1))
    claim = first.claim
    assert claim is not None and first.n == 1 and claim.era_item == cluster.founded.charter_item.id
    message = claim_message(cluster.processes[1], 1, 1, 1, first.previous, claim)
    assert verify(ED25519, claim.node, message, claim.signature)


def test_each_link_is_the_one_before_it_hashed() -> None:
    cluster = Cluster()
    cluster.ticks(10)
    first = cluster.records(1)[0].claim
    assert first is not None
    link = first.commitment
    for record in cluster.records(1)[1:]:
        assert hashlib.sha256(record.link).digest() == link
        link = record.link

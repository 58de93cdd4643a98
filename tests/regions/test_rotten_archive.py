"""Every byte of a small archive flipped, and every object cut short anywhere: the full verify notices and names it."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import pytest

from archive.bundle import pack
from archive.data_item import parse_item
from archive.errors import ArchiveError
from archive.stores.disk import DiskStore
from archive.stores.memory import MemoryStore
from archive.verify import Checked
from tests.archived import Archived
from tests.audits import audited
from tests.cluster import Player
from world.actions import Gather

SAMPLED = 499  # of the Module item, which is large, one byte in so many


class Rotten(MemoryStore):
    """A store that hands out other bytes for one item."""

    def __init__(self, honest: MemoryStore) -> None:
        self._bundles, self._catalogue = honest._bundles, honest._catalogue
        self.rotten: dict[str, bytes] = {}

    def get(self, item_id: str) -> bytes:
        return self.rotten.get(item_id) or super().get(item_id)


@lru_cache(maxsize=1)
def small_archive() -> tuple[Archived, Checked]:
    """One player, one asset at least, two checkpoints; its items found good once."""
    world = Archived(wanderers=0, interval_ms=1_700, shape=(1, 1), tiles=(64, 64))
    player = Player(world).enter()
    while not world.region(1).bodies.bodies[player.entity].assets:
        player.act(Gather(1, 1))
        world.ticks(1)
    player.send(player.head())
    world.checkpoint(1)
    assert world.archivist is not None
    world.archivist.next_order_ms = world.now_ms
    world.checkpoint(2)
    checked = Checked()
    assert audited(world.store, world, checked=checked).checkpoint == 2
    kinds = {parse_item(world.store.get(item_id)).tag("Content-Type") for item_id in world.store.ids()}
    assert {"image/png", "application/json", "application/x-ndjson"} <= kinds
    return world, checked


def objects() -> Iterator[tuple[str, bytes, int]]:
    """Every item of the archive: id, bytes, and one byte in how many to try."""
    world, _ = small_archive()
    for item_id in world.store.ids():
        raw = world.store.get(item_id)
        yield item_id, raw, SAMPLED if parse_item(raw).tag("Type") == "Module" else 1


def rot(store: Rotten, item_id: str, raw: bytes) -> None:
    """Verify must name the object."""
    world, checked = small_archive()
    store.rotten = {item_id: raw}
    with pytest.raises(ArchiveError) as caught:
        audited(store, world, checked=checked)
    assert caught.value.object == item_id, (caught.value, item_id)


def test_every_flipped_byte_is_noticed_and_named() -> None:
    world, _ = small_archive()
    store = Rotten(world.store)
    tried = 0
    for item_id, raw, step in objects():
        for place in range(0, len(raw), step):
            flipped = bytearray(raw)
            flipped[place] ^= 1 << place % 8
            rot(store, item_id, bytes(flipped))
            tried += 1
    assert tried > 10_000
    store.rotten = {}
    assert audited(store, world).checkpoint == 2


def test_every_truncation_is_noticed_and_named() -> None:
    world, _ = small_archive()
    store = Rotten(world.store)
    tried = 0
    for item_id, raw, step in objects():
        for end in range(1, len(raw), step):
            rot(store, item_id, raw[:end])
            tried += 1
    assert tried > 10_000


def test_swapped_items_are_noticed_and_named() -> None:
    world, _ = small_archive()
    store = Rotten(world.store)
    found = list(objects())
    assert len({raw for _, raw, _ in found}) == len(found) > 10
    for (item_id, _, _), (_, other, _) in pairwise(found):
        rot(store, item_id, other)


@pytest.mark.parametrize("step", [97])
def test_rot_on_the_disk_is_noticed_in_every_bundle(tmp_path: Path, step: int) -> None:
    """Whole bundles lie on the disk: their headers, too, are part of what must be whole."""
    world, checked = small_archive()
    disk = DiskStore(tmp_path / "store")
    items = [parse_item(world.store.get(item_id)) for item_id in reversed(list(world.store.ids()))]
    items = (
        [item for item in items if item.tag("Type") != "Module"],
        [item for item in items if item.tag("Type") == "Module"],
    )
    for part in items:
        disk.put_bundle(pack(part))
    assert audited(DiskStore(tmp_path / "store"), world, checked=checked).checkpoint == 2
    bundles = sorted((tmp_path / "store" / "bundles").rglob("*"), key=lambda path: path.name)
    for path in [path for path in bundles if path.is_file()]:
        whole = path.read_bytes()
        for place in range(0, len(whole), step * (1 + 9 * (len(whole) > 60_000))):
            rotten = bytearray(whole)
            rotten[place] ^= 1
            for raw in (bytes(rotten), whole[:place]):
                path.write_bytes(raw)
                store = DiskStore(tmp_path / "store")
                assert store.check(), f"byte {place} of {path.name}"
        path.write_bytes(whole)

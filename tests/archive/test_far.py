"""What Arweave has that this machine has not: a later era, or a later checkpoint of a machine that was set back."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from archive.bundle import pack
from archive.checkpoint import TYPE
from archive.data_item import DataItem, parse_item
from archive.errors import ArchiveError
from archive.stores.arweave import ArweaveStore
from archive.stores.disk import DiskStore
from regions.revive import opening_of
from regions.shell.far import Far
from regions.shell.remote import Remote
from tests.archived import Archived


class There:
    """One bundle at a gateway."""

    def __init__(self, items: list[DataItem]) -> None:
        self.raw = pack(items)

    def bundles(self, world: str) -> Iterator[Any]:
        yield SimpleNamespace(id="one", tag=lambda name: "its name")

    def bundle(self, bundle: str) -> bytes:
        return self.raw


def test_a_machine_that_was_set_back_files_nothing_beside_what_it_had_filed(tmp_path: Path) -> None:
    """The image of a machine from before its newest checkpoint: its store, its logs and its snapshots agree."""
    world = Archived()
    world.checkpoint(2)
    items = [parse_item(world.store.get(item_id)) for item_id in world.store.ids()]
    newest = next(item for item in items if item.tag("Type") == TYPE)
    assert newest.tag("Checkpoint") == "2"
    disk = DiskStore(tmp_path / "store")
    disk.put_bundle(pack([item for item in items if item is not newest]))
    opening = opening_of(world.charter_item.raw)

    def later(nodes: tuple[bytes, ...]) -> int:
        far = Far(Remote("https://example.org", "nobody"), tmp_path, disk)
        far._store = cast(ArweaveStore, There([newest]))
        return far.later_era(replace(opening, nodes=nodes))

    assert later(()) == 0, "a stranger's word"
    with pytest.raises(ArchiveError, match=r"has checkpoint 2 of this era.* was set back"):
        later(opening.nodes)
    disk.put(newest.raw)
    assert later(opening.nodes) == 0

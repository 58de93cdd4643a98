"""What `everloom restore` writes survives a power cut once `world.json` is there."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from archive.data_item import sign_item
from archive.keys import Ed25519Key
from archive.stores.disk import DiskStore
from clients import restore
from regions.revive import Revived
from regions.shell.files import WorldDir

WORLD = "w" * 43


def test_the_copied_store_is_synced_before_the_world_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = DiskStore(tmp_path / "source")
    charter = source.put(sign_item(Ed25519Key.generate(), b"a charter", []).raw)
    synced: set[int] = set()
    forgotten: list[Path] = []
    fsync, write_about = os.fsync, WorldDir.write_about

    def syncing(handle: int) -> None:
        fsync(handle)
        synced.add(os.fstat(handle).st_ino)

    def naming(self: WorldDir, world: str, charter: str, store: Path) -> None:
        forgotten.extend(path for path in self.path.rglob("*") if path.stat().st_ino not in synced)
        write_about(self, world, charter, store)

    monkeypatch.setattr("os.fsync", syncing)
    monkeypatch.setattr(WorldDir, "write_about", naming)
    made = cast(Revived, SimpleNamespace(charter=SimpleNamespace(world=WORLD), snapshots={1: (7, b"a snapshot")}))
    restore._write(WorldDir(tmp_path / "w"), source, made, charter, {"node": Ed25519Key.generate()})
    assert forgotten == []
    assert WorldDir(tmp_path / "w").read_about()["charter"] == charter
    assert WorldDir(tmp_path / "w").store().get(charter) == source.get(charter)

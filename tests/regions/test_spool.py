"""Checkpoints that wait for a store survive a crash whole, and are checked when they are read back."""

from pathlib import Path

import pytest

from archive.checkpoint import read_item
from archive.errors import ArchiveError, Damaged
from regions.shell.spool import SpoolDir
from tests.archived import Archived


@pytest.fixture(scope="module")
def checkpoints() -> dict[int, tuple[bytes, ...]]:
    """The bundles of two checkpoints."""
    world = Archived(interval_ms=1_000)
    found: dict[int, tuple[bytes, ...]] = {}
    world.before_upload = lambda number: found.update({number: world.spool[number]})
    world.checkpoint(2)
    return found


def test_what_is_written_is_read_back(tmp_path: Path, checkpoints: dict[int, tuple[bytes, ...]]) -> None:
    spool = SpoolDir(tmp_path / "spool")
    assert spool.waiting(1) == [] and spool.bytes() == 0
    for number, parts in sorted(checkpoints.items(), reverse=True):
        spool.write(1, number, parts)
        spool.write(1, number, parts)
    assert spool.waiting(1) == [1, 2] and spool.waiting(2) == []
    assert spool.bytes() == sum(len(part) for parts in checkpoints.values() for part in parts)
    assert read_item(spool.read(1, 2)[-1]).number == 2
    spool.drop(1, 1)
    spool.drop(1, 1)
    assert spool.waiting(1) == [2]


def test_a_crash_while_writing_leaves_nothing_that_counts(
    tmp_path: Path, checkpoints: dict[int, tuple[bytes, ...]]
) -> None:
    spool = SpoolDir(tmp_path / "spool")
    (spool.path / ".00001-000000000001").mkdir(parents=True)
    (spool.path / ".00001-000000000001" / "0000.bundle").write_bytes(b"half")
    (spool.path / "notes").mkdir()
    assert spool.waiting(1) == []
    spool.write(1, 1, checkpoints[1])
    assert spool.waiting(1) == [1] and read_item(spool.read(1, 1)[-1]).number == 1


def test_damage_is_noticed(tmp_path: Path, checkpoints: dict[int, tuple[bytes, ...]]) -> None:
    spool = SpoolDir(tmp_path / "spool")
    spool.write(1, 1, checkpoints[1])
    (path,) = spool.parts(1, 1)
    raw = path.read_bytes()
    for rotten in (raw[:-1], raw[:-1] + bytes([raw[-1] ^ 1]), b""):
        path.write_bytes(rotten)
        with pytest.raises(ArchiveError):
            spool.read(1, 1)
    path.unlink()
    with pytest.raises(Damaged, match="holds no items"):
        spool.read(1, 1)

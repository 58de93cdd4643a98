"""A world whose store is away: its regions can begin all the same, and a folder that is not the store gets nothing."""

import asyncio
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from archive.errors import ArchiveError, Missing
from archive.keys import RsaKey, unb64
from archive.snapshot import Snapshot, encode_file
from regions.charter import Cut, sign_charter
from regions.errors import ConfigError
from regions.shell.agent import Machine
from regions.shell.archivist import Shell
from regions.shell.files import WorldDir, write_whole
from regions.shell.wiring import found_world
from regions.storing import Queued
from tests.archived import Archived
from world.generate import generate


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world whose region 1 has run long enough for a local snapshot."""
    home = tmp_path_factory.mktemp("founded") / "w"
    directory = WorldDir(home)
    found_world(directory, generate(1), (2, 1), (10, 10, 2))
    region, _ = directory.newest_region(1, directory.store())
    state = region.state
    directory.write_snapshot(1, state.n, encode_file(Snapshot(state.era, state.n, region.head, region.encode())))
    return home


@pytest.fixture
def home(founded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(founded, tmp_path / "w"))


def begin(home: Path) -> bytes:
    """What region 1 would begin with, as its process asks for it, and what the agent and the archivist ask for."""
    directory = WorldDir(home)
    store = directory.store()
    charter, _, _ = directory.charter(store)
    directory.check_module(charter, store)
    directory.world_map(charter, store)
    region, problems = directory.newest_region(1, store)
    assert problems == []
    return region.digest()


def test_a_region_that_began_once_begins_again_without_the_store(home: Path) -> None:
    digest = begin(home)
    (home / "store").rename(home / "away")
    assert begin(home) == digest


def test_a_world_that_goes_on_in_a_later_era_does_not_begin_again(home: Path) -> None:
    """Restored elsewhere from this very store: what a machine that comes back acknowledged would be lost."""
    directory = WorldDir(home)
    store = directory.store()
    charter, _, _ = directory.charter(store)
    directory.check_era(charter, store)
    cut = [Cut(0, seat.process) for seat in charter.seats]
    later = replace(charter, era=2, roster=charter.roster + 1, checkpoint=charter.world, cut=cut)
    stranger = sign_charter(RsaKey.generate(), later)
    store.put(stranger.raw)
    directory.check_era(charter, store)
    store.put(sign_charter(directory.owner_key(), later).raw)

    async def up() -> int:
        return await Machine(directory, "127.0.0.1", 0).run()

    with pytest.raises(ConfigError, match="goes on in era 2"):
        asyncio.run(up())
    assert not (home / "log").exists(), "not even its log"
    (home / "store").rename(home / "away")
    directory.check_era(charter, store)


def test_a_damaged_copy_is_passed_over_and_a_store_that_never_was_there_is_said(home: Path) -> None:
    digest = begin(home)
    for path in (home / "items").iterdir():
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 1
        path.write_bytes(raw)
    assert begin(home) == digest
    shutil.rmtree(home / "items")
    (home / "store").rename(home / "away")
    with pytest.raises(ArchiveError):
        begin(home)


def test_an_empty_folder_in_the_store_s_place_gets_no_checkpoint(home: Path) -> None:
    """The store's disk is not mounted: what were put there would be hidden once it is."""
    about = WorldDir(home)
    shell = Shell({"world_dir": str(home), "bus": "", "token": "", "interval_ms": 1_000})
    world = Archived()
    world.checkpoint(2)
    manifest = replace(world.manifest(), previous=None)
    shell.core.storing.queue = [Queued("", manifest)]
    (home / "spool" / f"{1:05d}-{manifest.number:012d}").mkdir(parents=True)
    assert shell._put_all(manifest.number) == 0
    shell.core.storing.queue = [Queued("", replace(manifest, previous="A" * 43))]
    with pytest.raises(Missing):  # a store that lacks the checkpoint before
        shell._put_all(manifest.number)
    (home / "store").rename(home / "away")
    (home / "store").mkdir()
    shell.core.storing.queue = [Queued("", manifest)]
    shell.store = about.store()
    with pytest.raises(Missing):
        shell._put_all(manifest.number)
    assert len(unb64(about.read_about()["charter"])) == 32


def test_a_write_that_fails_leaves_no_half_file_to_keep_the_disk_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "a.snap", b"x" * 1000)
    assert list(tmp_path.iterdir()) == []

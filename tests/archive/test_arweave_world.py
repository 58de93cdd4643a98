"""A whole world on a real arlocal: published there, verified, replayed and restored from its address alone, and a new
era that is put there first, where the old one's archivist meets it."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from archive.bundle import pack
from archive.data_item import parse_item
from archive.errors import ArchiveError
from archive.keys import RsaKey, save_key
from archive.publish import bundles_of, carry
from archive.restore import Opening
from archive.stores.disk import DiskStore
from archive.stores.gateway import Gateway
from clients import archive_publish, archive_view, restore, verify
from clients.history import open_history
from clients.source import opened
from regions.errors import ConfigError
from regions.revive import address_of
from regions.shell.far import Far
from regions.shell.files import WorldDir, read_owner_key
from regions.shell.remote import Remote
from tests.archive.arlocal_server import Arlocal
from tests.archive.test_arweave import QUICK, items_of
from tests.clients.lived import lived


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lived world's store on disk."""
    world, _ = lived()
    home = tmp_path_factory.mktemp("home")
    disk = DiskStore(home / "store")
    items = [parse_item(world.store.get(item_id)) for item_id in reversed(list(world.store.ids()))]
    for start in range(0, len(items), 12):
        disk.put_bundle(pack(items[start : start + 12]))
    return home


@pytest.fixture(scope="module")
def remote(arlocal: Arlocal, payer: RsaKey, home: Path) -> Remote:
    save_key(home / "payer.json", payer)
    return Remote(arlocal.url, str(home / "payer.json"), depth=2)


@pytest.fixture(scope="module")
def world(home: Path, remote: Remote, arlocal: Arlocal) -> str:
    """The world's id, once it is published; and a stranger's bundle with its tag."""
    assert archive_publish.run(home / "store", remote, "", True) == 0
    found, _ = lived()
    stranger = remote.open(home / "stranger")
    stranger.put_bundle(pack(items_of(found.charter.world, 2)))
    stranger.close()
    arlocal.mine()
    return found.charter.world


def last_line(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out.strip().splitlines()[-1])


def test_status_tells_submitted_from_permanent(
    world: str,
    home: Path,
    arlocal: Arlocal,
    capsys: pytest.CaptureFixture[str],
) -> None:
    archive_view.status(home / "store", True)
    told = last_line(capsys)
    (one,) = told["worlds"]
    assert told["gateways"] == [arlocal.url]
    assert (told["states"]["stored"]["items"], told["states"]["permanent"]["items"]) == (0, 0)
    assert one["submitted"]["checkpoint"] == one["checkpoint"] and one["permanent"] is None
    assert one["submitted"]["lag_s"] > 0
    for _ in range(3):
        arlocal.mine()
    archive_view.status(home / "store", True)
    told = last_line(capsys)
    assert told["states"]["permanent"]["items"] == told["items"]
    assert told["worlds"][0]["permanent"]["checkpoint"] == one["checkpoint"]
    DiskStore(home / "store").put(items_of("elsewhere", 1)[0].raw)
    archive_view.status(home / "store", True)
    assert last_line(capsys)["states"]["stored"]["items"] == 1


def test_a_world_is_verified_from_the_address_alone(
    world: str,
    arlocal: Arlocal,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert verify.run(world, arlocal.url, "", True) == 0
    told = last_line(capsys)
    assert told["ok"] and told["state_hash"] == lived()[0].manifest().state_hash
    assert verify.run(told["checkpoint"], arlocal.url, "", True) == 0
    with pytest.raises(ArchiveError), opened(arlocal.url, "A" * 43, Console(stderr=True)):
        pass


def test_the_past_is_shown_from_the_address_alone(world: str, arlocal: Arlocal) -> None:
    with opened(arlocal.url, world, Console(stderr=True)) as source:
        history = open_history(source, world)
        assert history.end(1) == lived()[0].manifest().regions[1].end
        assert history.segment(1, 1).records


def test_a_world_is_restored_from_the_address_and_its_new_era_is_put_there_first(
    world: str,
    remote: Remote,
    arlocal: Arlocal,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Under a new id, as nobody has the owner's key; then that world under its own.
    assert restore.run(world, arlocal.url, tmp_path / "a", None, True) == 0
    first = last_line(capsys)
    assert first["named_before"] == world and Remote.of(tmp_path / "a") is None
    assert archive_publish.run(tmp_path / "a" / "store", remote, first["world"], True) == 0
    arlocal.mine()
    owner = tmp_path / "a" / "keys" / "owner.json"
    with pytest.raises(ConfigError, match="--payer"):
        restore.run(first["world"], arlocal.url, tmp_path / "b", owner, True)
    assert restore.run(first["world"], arlocal.url, tmp_path / "b", owner, True, remote) == 0
    again = last_line(capsys)
    assert (again["world"], again["era"]) == (first["world"], first["era"] + 1)
    assert again["state_hash"] == first["state_hash"]
    assert Remote.of(tmp_path / "b") == remote
    # The machine that runs the era before learns of it, and uploads nothing more.
    shutil.copytree(tmp_path / "a", tmp_path / "c")
    directory = WorldDir(tmp_path / "c")
    far = Far(remote, directory.path, directory.store(), QUICK)
    mine = Opening("", first["world"], first["era"], address_of(read_owner_key(owner)), (), ())
    assert far.later_era(mine) == again["era"]
    assert far.later_era(replace(mine, era=again["era"])) == 0
    assert far.later_era(replace(mine, owner=bytes(32))) == 0
    far.close()


def test_nothing_is_paid_for_that_is_there_already(
    world: str,
    home: Path,
    remote: Remote,
    payer: RsaKey,
    arlocal: Arlocal,
    tmp_path: Path,
) -> None:
    """Not even by somebody who publishes a copy, from another machine and another wallet."""
    other = RsaKey.generate()
    save_key(tmp_path / "other.json", other)
    shutil.copytree(home / "store", tmp_path / "store")
    disk = DiskStore(tmp_path / "store")
    there = Remote(arlocal.url, str(tmp_path / "other.json")).open(tmp_path)
    carried = carry(disk, there, bundles_of(disk, world))
    there.close()
    assert carried.problem is None and carried.bundles >= 4


def test_a_gateway_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="failed 2 times"):
        Gateway("http://127.0.0.1:9", QUICK).get("/info")
    with pytest.raises(ArchiveError, match="no gateway's address"):
        Gateway("ftp://127.0.0.1")
    with pytest.raises(ConfigError, match="payer"):
        Remote("http://127.0.0.1:9", str(tmp_path / "none.json")).choose(tmp_path)


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where there are terminals nobody waits for kernels: `lived` has compiled them."""
    for module in (verify, restore):
        monkeypatch.setattr(module, "ensure_compiled", lambda say: 0.0)
    yield

"""`everloom up --arweave` on real processes: the gateway breaks, the world goes on, the archivist is killed meanwhile,
and once the gateway is back everything is there, up to a planned stop's last checkpoint."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.keys import RsaKey, save_key
from archive.mirror import Mirror
from archive.restore import newest_manifest, newest_opening
from archive.stores.arweave import ArweaveStore
from archive.stores.disk import DiskStore
from archive.stores.gateway import Gateway
from clients.source import copy
from regions.revive import opening_of
from tests.archive.lying_gateway import LyingGateway
from tests.regions.live_world import LiveWorld, wait_for

SHOWN = re.compile(r"checkpoint (\d+) stored, (\d+) submitted to Arweave, (\d+) permanent")


@pytest.fixture
def gateway() -> Iterator[LyingGateway]:
    gateway = LyingGateway()
    yield gateway
    gateway.close()


def waiting(home: Path) -> int:
    """How many checkpoints are in the spool."""
    return len(list((home / "spool").glob("0*"))) if (home / "spool").is_dir() else 0


def shown(world: LiveWorld) -> str:
    """What the operator was shown, without the breaks of its lines."""
    return " ".join("".join(world.said).split())


def ticks(world: LiveWorld) -> int:
    """The newest tick that the operator was shown."""
    return max((int(found) for found in re.findall(r"1: tick (\d+)", shown(world))), default=0)


def test_the_world_goes_on_while_its_gateway_does_not(gateway: LyingGateway, rsa_key: RsaKey, tmp_path: Path) -> None:
    home = tmp_path / "w"
    save_key(tmp_path / "payer.json", rsa_key)
    chosen = ("--arweave", gateway.url, "--payer", str(tmp_path / "payer.json"), "--depth", "2")
    world = LiveWorld(home, "--npcs", "60", "--checkpoint-every", "1s", *chosen)
    try:
        world.wait_until_it_lives()
        wait_for(lambda: len(gateway.whole()) >= 3, 60, "the first checkpoint to be at the gateway")
        gateway.turn("broken")
        wait_for(lambda: waiting(home) >= 4, 60, "checkpoints to wait in the spool")
        before = ticks(world)
        world.kill("archivist")
        had = waiting(home)
        wait_for(lambda: waiting(home) >= had + 2 and ticks(world) > before, 60, "the world and its archivist to go on")
        gateway.turn("honest")
        wait_for(lambda: waiting(home) <= 1, 60, "the spool to be caught up")
        wait_for(lambda: SHOWN.search(shown(world)), 30, "the operator to be shown how far it is")
        summary = world.stop()
    finally:
        if world.process.poll() is None:
            world.kill_everything()
    assert summary["ticks"] > 100
    disk = DiskStore(home / "store")
    newest = newest_manifest(disk, newest_opening(disk, opening_of))
    assert newest is not None and newest[0] == summary["checkpoint"]
    reader = ArweaveStore(Gateway(gateway.url))
    assert copy(Mirror(reader, DiskStore(tmp_path / "copy")), summary["world"]).chain[-1][0] == summary["checkpoint"]
    reader.close()
    assert json.loads((home / "arweave.json").read_text())["gateway"] == gateway.url

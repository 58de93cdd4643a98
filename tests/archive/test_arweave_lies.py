"""A gateway that lies at each step in turn: nothing that it does not truly hold is confirmed, no log is trimmed past
what is, the world never waits; and when it turns honest, all is caught up, and nothing was paid for twice.

The archivist's core runs beside the regions' cores on a virtual clock; its stores are the shell's own, in a thread,
over real HTTP.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import cast

import pytest

from archive import checkpoint
from archive.bundle import BUNDLE_TAGS, pack, read_header
from archive.checkpoint import Manifest
from archive.data_item import sign_item
from archive.errors import ArchiveError
from archive.keys import Ed25519Key, RsaKey, save_key
from archive.mirror import Mirror
from archive.stores.arweave import ArweaveStore
from archive.stores.bundle_files import bundle_name
from archive.stores.disk import DiskStore
from archive.stores.gateway import Gateway, Patience
from archive.stores.memory import MemoryStore
from clients.source import copy
from regions import archivist_verbs as verbs
from regions.revive import opening_of
from regions.shell.far import Far
from regions.shell.remote import Remote
from regions.shell.spool import SpoolDir
from regions.shell.stores import Stores
from tests.archive.lying_gateway import LIES, PRICE, LyingGateway
from tests.archived import Archived

QUICK = Patience(
    connect_s=1, read_s=0.3, answer_s=0.3, bytes_a_second=1 << 25, tries=2, pause_s_max=0.02, resend_s=0.05
)
STRANGER = Ed25519Key(b"\x13" * 32)
HARMLESS = ("old", "strangers", "mumbles")  # nothing that was put is missing: such a gateway may confirm


class Kept(Archived):
    """A world whose archivist stores on a disk and at a gateway."""

    several = True

    def __init__(self, home: Path, gateway: LyingGateway, payer: RsaKey) -> None:
        self.home, self.gateway = home, gateway
        save_key(home / "payer.json", payer)
        self.remote = Remote(gateway.url, str(home / "payer.json"), depth=3)
        self.files_of_spool = SpoolDir(home / "spool")
        self.pool = ThreadPoolExecutor(1)
        self.uploading: tuple[int, Future[int]] | None = None
        self.stores: Stores | None = None
        self.made: dict[int, tuple[Manifest, list[str]]] = {}
        super().__init__(cast(MemoryStore, DiskStore(home / "store")), interval_ms=1_000)

    def _upload(self, number: int) -> None:
        assert self.archivist is not None
        opening = opening_of(self.charter_item.raw)
        if self.stores is None:
            disk = cast(DiskStore, self.store)
            far = Far(self.remote, self.home, disk, QUICK)
            self.stores = Stores(disk, far, self.files_of_spool, self.charter, opening)
        for one, parts in self.spool.items():
            self.files_of_spool.write(1, one, parts)
        for one in self.archivist.storing.queue:
            parts = self.spool[one.manifest.number]
            self.made[one.manifest.number] = one.manifest, [bundle_name(part) for part in parts]
        previous = self.archivist.storing.queue[0].manifest.previous
        self.uploading = number, self.pool.submit(self.stores.put_all, number, previous)

    def feed(self) -> None:
        """Bring the archivist what its stores answered, too; a tick lasts a little longer while they do not."""
        super().feed()
        if self.uploading is None:
            return
        number, future = self.uploading
        wait([future], 0.02)
        if future.done():
            self.uploading = None
            try:
                later = future.result()
                self.hear(verbs.Superseded(later) if later else verbs.Uploaded(number))
            except (ArchiveError, OSError) as error:
                self.hear(verbs.Failed(number, str(error)))
            for one in set(self.files_of_spool.waiting(1)) - set(self.spool):
                self.files_of_spool.drop(1, one)

    def kill_archivist(self) -> None:
        """And what it had under way."""
        super().kill_archivist()
        if self.uploading is not None:
            self.uploading[1].exception()
        self.uploading = None
        self.close()

    def close(self) -> None:
        """End what waits for the gateway."""
        if self.stores is not None:
            self.stores.close()
        self.stores = None

    def check(self) -> None:
        """What is confirmed is at the gateway, all of it, and no log was trimmed past it."""
        if self.archivist is None or not (confirmed := self.archivist.confirmed):
            return
        whole = self.gateway.whole()
        for number in range(1, confirmed + 1):
            assert set(self.made[number][1]) <= whole.keys(), f"checkpoint {number} was confirmed and is not there"
        for index, end in enumerate(self.made[confirmed][0].regions):
            assert self.logs.info(self.log(index)).first - 1 <= end.snapshot_before

    def live(self, ms: int) -> None:
        """Let the world go on, and hold everything against what the gateway really has."""
        before = {index: self.region(index).state.n for index in self.processes if index}
        for _ in range(ms // 500):
            self.run(500)
            self.check()
        for index, n in before.items():
            assert self.region(index).state.n - n >= ms // 50 - 2, f"region {index} waited"


@pytest.fixture
def gateway() -> Iterator[LyingGateway]:
    gateway = LyingGateway()
    yield gateway
    gateway.close()


@pytest.fixture
def world(gateway: LyingGateway, tmp_path: Path, rsa_key: RsaKey) -> Iterator[Kept]:
    world = Kept(tmp_path, gateway, rsa_key)
    yield world
    world.kill_archivist()
    world.pool.shutdown()


def tempt(world: Kept) -> None:
    """Strangers' bundles with this world's tags: one whose header names our items and holds something else; one that
    holds a stranger's manifest of a checkpoint to come, rightly signed by the stranger."""
    tags = dict(BUNDLE_TAGS) | {"App-Name": "Everloom", "World": world.charter.world}
    ours = next(iter(world.gateway.whole().values()))
    entries = read_header(ours)
    header = ours[: entries[0].offset]
    spoilt = header + bytes(len(ours) - len(header))
    manifest_tags = [("Type", checkpoint.TYPE), ("World", world.charter.world), ("Era", "1"), ("Checkpoint", "999")]
    forged = pack([sign_item(STRANGER, b"{}", manifest_tags)])
    world.gateway.stranger = [("S" * 42 + "A", spoilt, tags), ("S" * 42 + "E", forged, tags)]


@pytest.mark.parametrize("lie", LIES)
def test_no_lie_confirms_anything_and_honesty_catches_up(lie: str, world: Kept, gateway: LyingGateway) -> None:
    world.checkpoint(2)
    world.check()
    tempt(world)
    gateway.turn(lie)
    world.live(1_000)  # an upload may have been under way
    assert world.archivist is not None
    before = world.archivist.confirmed
    world.live(5_000)
    if lie not in HARMLESS:
        assert world.archivist.confirmed <= before + 1
        assert world.archivist.built >= before + 3
        assert len(world.spool) >= 3
    world.kill_archivist()
    world.live(500)
    world.start_archivist()
    world.live(1_000)
    built = world.archivist.built
    gateway.turn("honest")
    world.checkpoint(built + 1)
    world.check()
    whole = gateway.whole()
    assert gateway.paid == PRICE * sum(map(len, whole.values()))
    assert len(whole) == len(gateway.transactions)
    # A reader who has only the address finds that very checkpoint, strangers or not.
    gateway.turn("strangers")
    reader = ArweaveStore(Gateway(gateway.url, QUICK))
    history = copy(Mirror(reader, DiskStore(world.home / "copy")), world.charter.world)
    reader.close()
    assert history.chain[-1][1].number >= world.archivist.confirmed
    assert [one.number for _, one in history.chain] == list(range(1, history.chain[-1][1].number + 1))


def test_a_long_outage_is_caught_up_in_few_rounds(world: Kept, gateway: LyingGateway) -> None:
    """Sixteen checkpoints are on their way at once, so what a gateway takes its time for, it takes once for all."""
    world.checkpoint(1)
    gateway.turn("broken")
    world.live(13_000)
    assert world.archivist is not None
    built = world.archivist.built
    assert len(world.spool) >= 10
    gateway.turn("honest")
    world.until(lambda: world.archivist is not None and world.archivist.storing.stored_number > 1, 90_000)
    assert all(set(world.made[number][1]) <= gateway.whole().keys() for number in range(1, min(built, 16) + 1))
    world.checkpoint(built)
    assert gateway.paid == PRICE * sum(map(len, gateway.whole().values()))

"""A world's directory: what lies where, written so that a crash leaves the old file or the new one.

keys/owner.json      the owner's RSA key; may be taken away (offline) once the world is founded
keys/node.json       this node's Ed25519 key
keys/scheduler.json  the world's AO scheduler key
world.json           the id of the charter in force, and where the store is
store/               the local permanent store (--store moves it)
log/                 the log server's own
snapshots/<index>/   local snapshots, <record number>.snap
spool/               segments that wait for a store
items/               the charter, the Module and the map, so that a region can begin while the store is away
ledgers/             what bots of `everloom up` were told is done
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from archive.data_item import parse_item
from archive.errors import ArchiveError
from archive.keys import Ed25519Key, RsaKey, b64, load_key, unb64
from archive.stores.disk import DiskStore
from regions import founding, holdings
from regions.beginning import newest_state
from regions.charter import Charter, read_charter
from regions.config import SNAPSHOTS_KEPT, STATE_BYTES_MAX
from regions.errors import ConfigError
from regions.holdings import Kit
from regions.module import differences
from regions.region_state import Region
from regions.revive import later_era, opening_of
from world.tilemap import TileMap


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all: temporary name, fsync, rename, fsync of the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)  # on a full disk half a file would keep it full
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@dataclass(frozen=True)
class WorldDir:
    """One world on this machine."""

    path: Path

    @property
    def about(self) -> Path:
        return self.path / "world.json"

    @property
    def exists(self) -> bool:
        """Whether a world is here: then nothing founds another one in its place."""
        return self.about.exists()

    def read_about(self) -> dict[str, str]:
        """`charter` (item id), `world` (its id), `store` (folder). Raises ConfigError."""
        try:
            about = json.loads(self.about.read_text(encoding="utf-8"))
            return {name: str(about[name]) for name in ("charter", "world", "store")}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{self.about}: {error}; is this a world's directory?") from None

    def write_about(self, world: str, charter: str, store: Path) -> None:
        """Say which charter is in force: the last step of a founding or a restore."""
        inside = store.resolve() == (self.path / "store").resolve()
        about = {"charter": charter, "store": "store" if inside else str(store.resolve()), "world": world}
        write_whole(self.about, json.dumps(about, indent=1).encode() + b"\n")

    def store(self) -> DiskStore:
        """The local permanent store of this world."""
        return DiskStore(self.path / self.read_about()["store"])

    def charter(self, store: DiskStore) -> tuple[Charter, bytes, bytes]:
        """The charter in force, its item's id, the owner's address. ConfigError, ArchiveError, RecordError."""
        about = self.read_about()
        charter, item = read_charter(self.item(store, about["charter"]))
        if charter.world != about["world"] or item.id != unb64(about["charter"]):
            raise ConfigError(f"{self.about} names world {about['world']}, its charter world {charter.world}")
        return charter, item.id, hashlib.sha256(item.owner).digest()

    def item(self, store: DiskStore, item_id: str) -> bytes:
        """An item of the founding: the copy kept here, else the store's, which is then kept. Raises ArchiveError."""
        path = self.path / "items" / item_id
        try:
            raw = path.read_bytes()
            item = parse_item(raw)
            item.verify()
            if b64(item.id) == item_id:
                return raw
        except (OSError, ArchiveError):
            pass  # not kept yet, or damaged: the store decides
        raw = store.get(item_id)
        with contextlib.suppress(OSError):
            write_whole(path, raw)
        return raw

    def key(self, name: str) -> Ed25519Key:
        """The node's or scheduler's key. Raises ConfigError."""
        path = self.path / "keys" / f"{name}.json"
        try:
            key = load_key(path)
        except (OSError, ArchiveError, ValueError) as error:
            raise ConfigError(f"{path}: {error}") from None
        if not isinstance(key, Ed25519Key):
            raise ConfigError(f"{path} holds an RSA key where an Ed25519 key is needed")
        return key

    def owner_key(self) -> RsaKey:
        """The owner's key. Raises ConfigError."""
        return read_owner_key(self.path / "keys" / "owner.json")

    def snapshots(self, index: int) -> list[Path]:
        """Local snapshot files of a region, newest first."""
        folder = self.path / "snapshots" / str(index)
        return sorted((path for path in folder.glob("*.snap") if path.stem.isdigit()), reverse=True)

    def write_snapshot(self, index: int, n: int, data: bytes) -> None:
        """Keep a snapshot; older ones than SNAPSHOTS_KEPT go."""
        folder = self.path / "snapshots" / str(index)
        write_whole(folder / f"{n:012d}.snap", data)
        for old in self.snapshots(index)[SNAPSHOTS_KEPT:]:
            old.unlink(missing_ok=True)

    def newest_region(self, index: int, store: DiskStore) -> tuple[Region, list[str]]:
        """The state to begin from (`regions.beginning.newest_state`), and what was passed over.

        Raises ConfigError, ArchiveError, RecordError.
        """
        charter, charter_id, _ = self.charter(store)
        files = ((f"{n:012d}.snap", raw) for n, raw in self.snapshot_files(index))
        return newest_state(charter, charter_id, self.kit(store), index, files, store)

    def snapshot_files(self, index: int) -> Iterator[tuple[int, bytes]]:
        """Local snapshot files of a region as (record, bytes), newest first."""
        for path in self.snapshots(index):
            try:
                with path.open("rb") as file:
                    yield int(path.stem), file.read(STATE_BYTES_MAX + 1)
            except OSError:
                continue  # pruned a moment ago, or unreadable: an older one will do

    def kit(self, store: DiskStore) -> Kit:
        """What is needed of the rules, with this world's founding. ConfigError, ArchiveError, RecordError."""
        charter, charter_id, owner = self.charter(store)
        world_map: list[TileMap] = []  # read when it is first needed: few processes begin at the founding

        def genesis(index: int) -> Region:
            world_map[:] = world_map or [self.world_map(charter, store)]
            return founding.genesis(charter, charter_id, owner, index, world_map[0])

        return holdings.kit(genesis)

    def check_module(self, charter: Charter, store: DiskStore) -> None:
        """Refuse to run a world under other rules than its Module's. Raises ConfigError, ArchiveError."""
        changed = differences(parse_item(self.item(store, charter.module)).data)
        if changed:
            raise ConfigError(
                f"world {charter.world} runs under Module {charter.module}, which is not what is installed:"
                f" {', '.join(changed[:5])}{' and more' if len(changed) > 5 else ''} differ; install the release that"
                " made it, or have the world go on under these rules with `everloom upgrade`, which its owner signs"
            )

    def check_era(self, charter: Charter, store: DiskStore) -> None:
        """Refuse to run an era that is over: whatever were done in it would count for nothing. Raises ConfigError."""
        later = 0
        with contextlib.suppress(ArchiveError):  # the store is away: the archivist looks again when it is back
            later = later_era(store, opening_of(self.item(store, self.read_about()["charter"])))
        if later:
            raise ConfigError(
                f"world {charter.world} goes on in era {later}, which its owner opened; {self.path} is still in era"
                f" {charter.era}. Run it where it was restored, or give an upgrade that was broken off once more"
            )

    def world_map(self, charter: Charter, store: DiskStore) -> TileMap:
        """The map the world was founded on."""
        return founding.read_map(parse_item(self.item(store, charter.map)))


def read_owner_key(path: Path) -> RsaKey:
    """An owner's key file. Raises ConfigError."""
    try:
        key = load_key(path)
    except (OSError, ArchiveError, ValueError) as error:
        raise ConfigError(f"{path}: {error}; the owner's key is an RSA-4096 JWK file") from None
    if not isinstance(key, RsaKey):
        raise ConfigError(f"{path} is not an RSA key; the world's owner signs with RSA-4096")
    return key


def log_name(charter: Charter, index: int) -> str:
    """The stream of a region's log: era, world, partition index."""
    return f"E{charter.era}-{charter.short}-{index}"

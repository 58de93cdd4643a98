"""`everloom restore`: a world out of its store alone, into an empty directory.

The new era's charter is put into the store it came from and read back before anything else is written, so that no other
restore can open the same era unseen. The store is then copied into the world's directory.
"""

import json
import os
import shutil
import time
from pathlib import Path

from rich.console import Console

from archive.bundle import pack
from archive.data_item import parse_item
from archive.errors import ArchiveError
from archive.keys import Ed25519Key, RsaKey, b64, save_key, unb64
from archive.stores.disk import DiskStore
from clients.kernels import ensure_compiled
from regions import founding, revive
from regions.errors import ConfigError
from regions.holdings import kit
from regions.shell.files import WorldDir, read_owner_key
from regions.shell.seals import seal, sealed_scheduler


def run(which: str, store: Path, world: Path, owner_key: Path | None, as_json: bool) -> int:
    """Restore and report; the exit status. Raises ConfigError and ArchiveError in words for people."""
    console = Console(stderr=True)
    began = time.monotonic()
    source = open_store(store)
    if world.exists() and any(world.iterdir()):
        raise ConfigError(f"{world} is not empty; a world is restored into an empty directory")
    if (store.resolve() / "x").is_relative_to(world.resolve()):
        raise ConfigError(f"the store {store} lies inside {world}; copy it elsewhere first")
    ensure_compiled(lambda text: console.print(text, highlight=False))
    owner = read_owner_key(owner_key) if owner_key is not None else RsaKey.generate()
    found = revive.find(source, which)
    same = revive.address_of(owner) == found.opening.owner
    if owner_key is not None and not same:
        raise ConfigError(
            f"{owner_key} is not the key of world {found.opening.world}'s owner; without --owner-key the world is"
            " restored under a new id"
        )
    console.print(f"checkpoint {found.manifest.number} of era {found.manifest.era}: {found.manifest_id}")
    world_map = founding.read_map(parse_item(source.get(found.charter.map)))
    rules = kit(lambda index: founding.genesis(found.charter, found.charter_id, found.owner, index, world_map))
    regions = revive.load(source, found, rules)
    console.print(f"{len(regions) - 1} regions rebuilt, up to records {[region.state.n for region in regions]}")
    node = Ed25519Key.generate()
    scheduler = Ed25519Key.generate()
    if same:
        scheduler = sealed_scheduler(source, found.opening.world, owner, unb64(found.charter.scheduler))
    now_ms = time.time_ns() // 1_000_000
    made = revive.revive(source, found, regions, owner, node, scheduler, now_ms, lambda secret: seal(owner, secret))
    source.put_bundle(pack(made.items))
    charter_id = b64(made.charter_item.id)
    if parse_item(source.get(charter_id)).id != made.charter_item.id:
        raise ArchiveError(charter_id, "the store did not give back the new era's charter")
    _write(WorldDir(world), source, made, charter_id, {"owner": owner, "node": node, "scheduler": scheduler})
    summary = {
        "world": made.charter.world,
        "named_before": made.charter.named_before,
        "checkpoint": made.manifest_id,
        "era": made.charter.era,
        "state_hash": made.state_hash.hex(),
        "seconds": round(time.monotonic() - began, 2),
    }
    console.print(f"era {made.charter.era} opens in {world}: everloom up --world {world}")
    if as_json:
        print(json.dumps(summary))
    return 0


def _write(
    directory: WorldDir, source: DiskStore, made: revive.Revived, charter_id: str, keys: dict[str, Ed25519Key | RsaKey]
) -> None:
    folder = directory.path / "keys"
    folder.mkdir(parents=True, mode=0o700)
    os.chmod(folder, 0o700)
    for name, key in keys.items():
        save_key(folder / f"{name}.json", key)
    for index, (n, data) in made.snapshots.items():
        directory.write_snapshot(index, n, data)
    shutil.copytree(source.folder, directory.path / "store", symlinks=False)
    DiskStore(directory.path / "store").get(charter_id)
    directory.write_about(made.charter.world, charter_id, directory.path / "store")


def open_store(folder: Path) -> DiskStore:
    """A store that is there. Raises ConfigError."""
    if not folder.is_dir():
        raise ConfigError(f"there is no store at {folder}; name one with --from")
    return DiskStore(folder)

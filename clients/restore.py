"""`everloom restore`: a world out of its store alone, into an empty directory.

The new era's charter is put into the store it came from and read back before anything else is written, so that no other
restore can open the same era unseen. The store is then copied into the world's directory, which goes on keeping its
archive where it came from.
"""

import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final

from rich.console import Console

from archive.bundle import pack
from archive.data_item import parse_item
from archive.errors import ArchiveError
from archive.keys import Ed25519Key, RsaKey, b64, save_key, unb64
from archive.stores.bundle_files import bundle_name
from archive.stores.disk import DiskStore
from clients.archive_publish import until_there
from clients.kernels import ensure_compiled
from clients.source import is_url, opened
from regions import founding, revive
from regions.charter import read_charter
from regions.errors import ConfigError
from regions.holdings import kit
from regions.shell.files import WorldDir, read_owner_key
from regions.shell.nats_store import sync_store
from regions.shell.remote import Remote
from regions.shell.seals import seal, sealed_scheduler

WAIT_S: Final = 1800.0  # for a gateway to show the new era


def run(
    which: str, store: Path | str, world: Path, owner_key: Path | None, as_json: bool, remote: Remote | None = None
) -> int:
    """Restore and report; the exit status. `remote` says where a gateway's new era is to be put, and who pays.

    Raises ConfigError and ArchiveError in words for people.
    """
    console = Console(stderr=True)
    began = time.monotonic()
    if world.exists() and any(world.iterdir()):
        raise ConfigError(f"{world} is not empty; a world is restored into an empty directory")
    if not is_url(store) and (Path(store).resolve() / "x").is_relative_to(world.resolve()):
        raise ConfigError(f"the store {store} lies inside {world}; copy it elsewhere first")
    if is_url(store) and owner_key is not None and remote is None:
        raise ConfigError(f"the new era is written to {store} before anything else: name who pays, with --payer")
    owner = read_owner_key(owner_key) if owner_key is not None else RsaKey.generate()
    ensure_compiled(lambda text: console.print(text, highlight=False))
    with opened(store, which, console) as source:
        summary = _restore(source, which, world, owner, owner_key, remote, console)
    summary["seconds"] = round(time.monotonic() - began, 2)
    console.print(f"era {summary['era']} opens in {world}: everloom up --world {world}")
    if as_json:
        print(json.dumps(summary))
    return 0


def _restore(
    source: DiskStore,
    which: str,
    world: Path,
    owner: RsaKey,
    owner_key: Path | None,
    remote: Remote | None,
    console: Console,
) -> dict[str, object]:
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
        newest, _ = read_charter(source.get(found.opening.id))  # the checkpoint may be of the world it was made from
        scheduler = sealed_scheduler(source, found.opening.world, owner, unb64(newest.scheduler))
    now_ms = time.time_ns() // 1_000_000
    made = revive.revive(source, found, regions, owner, node, scheduler, now_ms, lambda secret: seal(owner, secret))
    source.put_bundle(pack(made.items))
    charter_id = b64(made.charter_item.id)
    if parse_item(source.get(charter_id)).id != made.charter_item.id:
        raise ArchiveError(charter_id, "the store did not give back the new era's charter")
    if remote is not None:
        put_far(source, bundle_name(pack(made.items)), remote, console)
    _write(WorldDir(world), source, made, charter_id, {"owner": owner, "node": node, "scheduler": scheduler})
    if remote is not None:
        remote.choose(world)
    return {
        "world": made.charter.world,
        "named_before": made.charter.named_before,
        "checkpoint": made.manifest_id,
        "era": made.charter.era,
        "state_hash": made.state_hash.hex(),
    }


def put_far(source: DiskStore, name: str, remote: Remote, console: Console) -> None:
    """Have the new era at the gateway, read back, before anything is written here."""
    with tempfile.TemporaryDirectory(prefix="everloom-") as folder:
        there = remote.open(Path(folder))
        try:
            until_there(there, source, [name], console, WAIT_S)
        finally:
            there.close()
    console.print(f"the new era is at {remote.gateway}", highlight=False)


def _not_its_key(folder: str, names: list[str]) -> list[str]:
    """The key with which a store signs its own bundles' transactions: no two stores may sign with one."""
    return [name for name in names if name == "key" and Path(folder).name == "weave"]


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
    shutil.copytree(source.folder, directory.path / "store", symlinks=False, ignore=_not_its_key)
    sync_store(directory.path)  # copied files are not synced, and `world.json` must never name a torn store
    DiskStore(directory.path / "store").get(charter_id)
    directory.write_about(made.charter.world, charter_id, directory.path / "store")

"""Founds a world in a directory: keys, items in the store, and the file that says which world this is."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from archive.bundle import pack
from archive.keys import Ed25519Key, RsaKey, b64, save_key
from archive.stores.disk import DiskStore
from regions.errors import ConfigError
from regions.founding import found
from regions.looks import Look, looks_item
from regions.shell.files import WorldDir
from regions.shell.seals import seal
from world.tilemap import TileMap

FREE_BYTES_MIN = 256 * 1024 * 1024


def found_world(
    directory: WorldDir,
    world_map: TileMap,
    shape: tuple[int, int],
    population: tuple[int, int, int],
    store: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
    looks: tuple[Look, ...] = (),
) -> None:
    """Make a new world: everything it is made of is in the store before `world.json` names it.

    `looks` are of its own species.

    Raises ConfigError where a world is already, or the directory holds something else, ValueError for a bad shape.
    """
    if directory.exists:
        raise ConfigError(f"there is a world in {directory.path} already; a world is founded once")
    leftovers = [name for name in ("log", "snapshots") if (directory.path / name).exists()]
    if leftovers:
        raise ConfigError(
            f"{directory.path} holds {' and '.join(leftovers)} but no world.json: it is the rest of a world;"
            " restore it from its store into an empty directory, or choose another"
        )
    directory.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    free = shutil.disk_usage(directory.path).free
    if free < FREE_BYTES_MIN:
        raise ConfigError(f"{directory.path}: {free} bytes free; a world wants at least {FREE_BYTES_MIN}")
    say("making the owner's key (RSA-4096)")
    owner, scheduler, node = RsaKey.generate(), Ed25519Key.generate(), Ed25519Key.generate()
    keys = directory.path / "keys"
    keys.mkdir(mode=0o700, exist_ok=True)
    os.chmod(keys, 0o700)
    for name, key in (("owner", owner), ("node", node), ("scheduler", scheduler)):
        save_key(keys / f"{name}.json", key)
    say("signing the Module, the map, and a Process for each region")
    now_ms = time.time_ns() // 1_000_000
    founded = found(owner, scheduler, node, world_map, shape, population, now_ms, lambda secret: seal(owner, secret))
    where = store if store is not None else directory.path / "store"
    shown = [looks_item(owner, founded.charter.world, looks)] if looks else []
    kept = DiskStore(where).put_bundle(pack([*shown, *founded.items]))
    charter = b64(founded.charter_item.id)
    if charter not in kept:
        raise ConfigError(f"the store at {where} did not keep the charter {charter}")
    directory.write_about(founded.charter.world, charter, where)

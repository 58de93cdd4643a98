"""`everloom archive mirror`: copies another store over HTTP, block by block, and goes on where it stopped.

Kept is what verifies: a block that follows the one before, its transactions under its tx_root, their data under their
data roots, and every item in it under its owner's signature. As long as the copy has no blocks of its own it keeps the
other's, so that both can be audited at the same offsets; else it keeps the bundles, in blocks of its own.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from archive.errors import ArchiveError, Damaged, Forged, Missing
from archive.keys import b64
from archive.merkle import chunk_hashes
from archive.stores.bundle_files import bundle_name
from archive.stores.catalogue import listing
from archive.stores.disk import DiskStore
from archive.stores.local_weave import LocalWeave
from archive.transaction import Transaction
from archive.weave import bundle_of
from clients.weave_reader import WeaveReader


@dataclass
class Mirrored:
    """What one run brought."""

    blocks: int = 0
    bundles: int = 0
    bytes: int = 0
    healed: int = 0
    same_chain: bool = True


def run(url: str, folder: Path, check: bool, as_json: bool) -> int:
    """Mirror and report."""
    console = Console(stderr=True, soft_wrap=True)
    began = time.monotonic()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("blocks", total=None)
        done = mirror(url, folder, check, lambda at, total: bar.update(task, completed=at, total=total))
    words = vars(done) | {"from": url, "to": str(folder), "seconds": round(time.monotonic() - began, 2)}
    if as_json:
        print(json.dumps(words))
        return 0
    chain = "its very blocks" if done.same_chain else "in blocks of this store's own"
    print(f"{folder} has all that {url} has, {chain}: {done.bundles} bundles, {done.bytes} bytes came new")
    if done.healed:
        print(f"{done.healed} bundles that were lost or damaged here were fetched again")
    return 0


def mirror(url: str, folder: Path, check: bool = False, progress: Any = lambda at, total: None) -> Mirrored:
    """Bring a folder what a server has. `check` reads every bundle here too, and fetches damaged ones again.

    Raises ArchiveError at the first thing that does not verify; what came before it is kept.
    """
    reader, disk, done = WeaveReader(url), DiskStore(folder), Mirrored()
    folder.mkdir(parents=True, exist_ok=True)
    local = LocalWeave(disk)
    try:
        local.refresh()
        done.same_chain = _same_chain(reader, local)
        done.healed = _heal(reader, local, disk, check) if done.same_chain else 0
        height = reader.height()
        first = len(local.weave.headers) if done.same_chain else 0
        before = local.weave.newest if done.same_chain else None
        for header in reader.headers(first, before):
            transactions = reader.transactions(header)
            datas = [b"" if _has(disk, one) and not done.same_chain else _data(reader, one) for one in transactions]
            if done.same_chain:
                local.take(header, transactions, [chunk_hashes(data) for data in datas])
            for one, data in zip(transactions, datas):
                if data and not _has(disk, one):
                    disk.put_bundle(data)
                    done.bundles, done.bytes = done.bundles + 1, done.bytes + len(data)
            done.blocks += 1
            progress(header.height + 1, height + 1)
        if not done.same_chain:
            local.extend()
        return done
    finally:
        reader.close()


def _same_chain(reader: WeaveReader, local: LocalWeave) -> bool:
    """Whether one chain goes on where the other ends; blocks of a store's own are never given up."""
    ours = local.weave.headers
    if not ours:
        return not local.store.bundles()
    shared = min(len(ours) - 1, reader.height())
    return reader.header(shared).id == ours[shared].id


def _heal(reader: WeaveReader, local: LocalWeave, disk: DiskStore, check: bool) -> int:
    """Fetch what the chain names and the folder lacks: a mirror may have been stopped between the two, or lost it."""
    healed = 0
    for laid in local.weave.laid:
        if _has(disk, laid.transaction) and not (check and _damaged(disk, laid.bundle)):
            continue
        disk.put_bundle(_data(reader, laid.transaction))
        healed += 1
    return healed


def _damaged(disk: DiskStore, name: str) -> bool:
    try:
        disk.bundle(name)
    except (Missing, Damaged):
        return True
    return False


def _has(disk: DiskStore, transaction: Transaction) -> bool:
    name = bundle_of(transaction)
    if name not in disk.bundles():
        return False
    try:
        return bool(disk.piece(name, 0, 1))
    except ArchiveError:
        return False


def _data(reader: WeaveReader, transaction: Transaction) -> bytes:
    """A bundle, every item in it checked."""
    data = reader.data(transaction)
    if bundle_name(data) != bundle_of(transaction):
        raise Forged(
            b64(transaction.id), f"its data is bundle {bundle_name(data)}, it names {bundle_of(transaction)!r}"
        )
    listing(data)
    return data

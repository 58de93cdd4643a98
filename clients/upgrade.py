"""`everloom upgrade`: a stopped world goes on under the installed rules, its history staying under those that made it.

The owner signs the new Module and a charter that opens an era with it, at the checkpoint where the world stopped; both
are in the store and read back before anything else is written. Every log then begins anew with a claim that names the
charter; every record names its Module. Stopped half-way, the command does the rest when it is given again.
"""

import asyncio
import json
import shutil
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from rich.console import Console

from archive.bundle import pack
from archive.errors import ArchiveError, Diverged
from archive.keys import RsaKey, b64, unb64
from archive.restore import fetch
from archive.snapshot import Snapshot, encode_file
from archive.stores.bundle_files import bundle_name
from archive.stores.disk import DiskStore
from clients.restore import put_far
from regions import founding, revive
from regions.charter import Charter, read_charter
from regions.config import LOG_BYTES_TOTAL
from regions.errors import ConfigError
from regions.holdings import kit
from regions.module import differences
from regions.region_state import Region
from regions.revive import Found
from regions.shell.files import WorldDir, log_name, read_owner_key
from regions.shell.nats import connect
from regions.shell.nats_log import Log
from regions.shell.nats_server import NatsServer
from regions.shell.remote import Remote
from regions.shell.spool import SpoolDir

HELP = "run it once more under the release it was made with, and stop it in order"


def run(world: Path, owner_key: Path | None, as_json: bool) -> int:
    """Upgrade and report; the exit status. Raises ConfigError and ArchiveError in words for people."""
    console = Console(stderr=True)
    began = time.monotonic()
    directory = WorldDir(world)
    store = directory.store()
    charter, _, owned_by = directory.charter(store)
    changed = differences(fetch(store, charter.module).data)
    if not changed:
        raise ConfigError(f"{world} runs under the installed rules already: Module {charter.module}")
    owner = read_owner_key(owner_key) if owner_key is not None else directory.owner_key()
    if sha256(owner.public).digest() != owned_by:
        raise ConfigError(f"{owner_key or world} has not the key of the owner of world {charter.world}, who must sign")
    console.print(f"the rules change in {len(changed)} files: {', '.join(changed[:5])}", highlight=False)
    heads = asyncio.run(_heads(directory, charter))
    charter_id = upgraded(directory, store, owner, heads, Remote.of(world), console)
    shutil.rmtree(world / "log")  # of the era before, and in the store to the last record, as is what was spooled
    spool = SpoolDir(world / "spool")
    for number in spool.waiting(charter.era):
        spool.drop(charter.era, number)
    now, _, _ = directory.charter(store)
    told = {"world": now.world, "era": now.era, "module": now.module, "module_before": charter.module}
    told |= {"checkpoint": now.checkpoint, "charter": charter_id}
    console.print(f"era {now.era} opens under Module {now.module}: everloom up --world {world}", highlight=False)
    if as_json:
        print(json.dumps(told | {"seconds": round(time.monotonic() - began, 2)}))
    return 0


async def _heads(directory: WorldDir, charter: Charter) -> list[int]:
    """Where each region's log ends. Raises ServerError, also when the world runs, and LogError."""
    server = NatsServer(directory.path, LOG_BYTES_TOTAL)
    await server.start()
    try:
        outside = await connect(server.url, server.token, "upgrade")
        try:
            return [(await Log(outside, log_name(charter, index)).info()).last for index in range(len(charter.seats))]
        finally:
            await outside.close()
    finally:
        await server.stop()


def upgraded(
    directory: WorldDir,
    store: DiskStore,
    owner: RsaKey,
    heads: Sequence[int],
    remote: Remote | None,
    console: Console,
) -> str:
    """Open the next era of a stopped world, whose logs end at these records, under the installed rules; the charter's
    item id. Raises ConfigError, ArchiveError."""
    charter, charter_id, _ = directory.charter(store)
    found = revive.find(store, charter.world)
    if found.charter_id != charter_id:
        raise ConfigError(f"the newest checkpoint in {store.folder} is not of the era that {directory.path} is in")
    regions = _standing(store, found, heads)
    if found.opening.era == charter.era:
        made = _open(directory, store, found, regions, owner, remote, console)
    else:  # an upgrade that was stopped half-way has signed the charter already
        made = found.opening.id
        opened, _ = read_charter(store.get(made))
        if changed := differences(fetch(store, opened.module).data):
            raise ConfigError(f"era {opened.era} was opened under yet other rules ({', '.join(changed[:5])} differ)")
        for region in regions:
            revive.adopt(region, opened, unb64(made), found.opening.owner)
    for region in regions:
        state = region.state
        file = encode_file(Snapshot(state.era, state.n, region.head, region.encode()))
        directory.write_snapshot(state.index, state.n, file)
    directory.write_about(charter.world, made, store.folder)
    return made


def _standing(store: DiskStore, found: Found, heads: Sequence[int]) -> list[Region]:
    """Every region's state where the world stopped, as the installed rules read it."""
    for index, (end, head) in enumerate(zip(found.manifest.regions, heads, strict=True)):
        if not end.end == end.snapshot_n == head:
            raise ConfigError(
                f"region {index}'s log ends at record {head}, the newest checkpoint at {end.end}, its snapshot at"
                f" {end.snapshot_n}: the world was not stopped in order; {HELP}"
            )
    try:
        return revive.load(store, found, kit(lambda index: _nothing(found)))
    except Diverged as error:
        raise ConfigError(
            f"the states of {found.manifest_id} cannot be carried over: {error}; the installed rules keep them in"
            " another form, and no migration is known"
        ) from None


def _nothing(found: Found) -> Region:
    raise ArchiveError(found.manifest_id, "a checkpoint without snapshots")


def _open(
    directory: WorldDir,
    store: DiskStore,
    found: Found,
    regions: Sequence[Region],
    owner: RsaKey,
    remote: Remote | None,
    console: Console,
) -> str:
    node, scheduler = directory.key("node"), directory.key("scheduler")
    others = [unb64(one) for one in found.charter.nodes if unb64(one) != node.public]
    now_ms = time.time_ns() // 1_000_000
    module = founding.module_item(owner)
    made = revive.revive(store, found, regions, owner, node, scheduler, now_ms, bytes, others, module)
    packed = pack(made.items)
    store.put_bundle(packed)
    charter_id = b64(made.charter_item.id)
    for item_id in (charter_id, made.charter.module):
        fetch(store, item_id, [owner.public])
    if remote is not None:
        put_far(store, bundle_name(packed), remote, console)
    return charter_id

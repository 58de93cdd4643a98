"""`everloom verify`: history re-executed from the store alone; names what is damaged, forged or diverges."""

import json
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, TextColumn

from archive.data_item import parse_item
from archive.errors import ArchiveError, Diverged, Forged
from archive.stores import Store
from archive.stores.disk import DiskStore
from archive.verify import verify
from clients.kernels import ensure_compiled
from clients.source import opened
from regions import founding
from regions.auditing import Auditor
from regions.charter import Charter
from regions.errors import ConfigError
from regions.holdings import Kit, kit
from regions.module import differences
from regions.revive import opening_of, which_world


def run(which: str, store: Path | str, since: str, as_json: bool) -> int:
    """Verify and report; exit status 1 when anything is wrong."""
    console = Console(stderr=True)
    ensure_compiled(lambda text: console.print(text, highlight=False))
    if since and not since.isdigit():
        raise ConfigError(f"--since takes a checkpoint's number, not {since!r}")
    began = time.monotonic()
    try:
        with opened(store, which, console) as source:
            summary = _verify(source, which, int(since) if since else None, console, began)
    except ArchiveError as error:
        summary = failure(error)
        console.print(f"[bold red]{error}[/]", highlight=False)
    if as_json:
        print(json.dumps(summary))
    elif summary["ok"]:
        console.print(
            f"[green]proved[/]: {summary['records']} records re-executed in {summary['seconds']} s,"
            f" {summary['times_real_time']} times real time; state {summary['state_hash']}",
            highlight=False,
        )
    return 0 if summary["ok"] else 1


def _verify(source: DiskStore, which: str, since: int | None, console: Console, began: float) -> dict[str, Any]:
    auditor = Auditor(source.get, lambda charter, item_id, owner: kit_of(source, charter, item_id, owner))
    world, until = which_world(source, which)
    columns = (*Progress.get_default_columns(), TextColumn("{task.fields[rate]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total, rate="")
            rate = f"{done / max(1e-9, time.monotonic() - began):.0f} a second"
            bar.update(tasks[what], completed=done, total=total, rate=rate)

        also = source.check()
        proved = verify(
            source, opening_of, auditor, world=world, until=until, since=since, progress=progress, also=also
        )
    seconds = time.monotonic() - began
    return {
        "ok": True,
        "world": proved.world,
        "era": proved.era,
        "checkpoint": proved.manifest_id,
        "records": proved.records,
        "objects": proved.objects,
        "seconds": round(seconds, 2),
        "world_seconds": round(auditor.world_seconds, 1),
        "times_real_time": round(auditor.world_seconds / max(1e-9, seconds), 1),
        "state_hash": proved.state_hash,
        "void": proved.void,
        "heads_naming_unknown_records": auditor.strange,
    }


def failure(error: ArchiveError) -> dict[str, Any]:
    """What `--json` says of a failure: the kind of fault, the object, the region and the record."""
    kind = "diverged" if isinstance(error, Diverged) else "forged" if isinstance(error, Forged) else "damaged"
    where = {"object": error.object, "region": error.region, "record": error.record, "reason": error.reason}
    return {"ok": False, kind: where}


def kit_of(store: Store, charter: Charter, charter_id: bytes, owner: bytes) -> Kit:
    """The installed rules, if they are the very ones of the charter's Module. Raises ConfigError, ArchiveError."""
    changed = differences(parse_item(store.get(charter.module)).data)
    if changed:
        raise Diverged(
            charter.module,
            f"the history was made under another Module than what is installed: {', '.join(changed[:5])} differ;"
            " verify it with the release that made it",
        )
    world_map = founding.read_map(parse_item(store.get(charter.map)))
    return kit(lambda index: founding.genesis(charter, charter_id, owner, index, world_map))

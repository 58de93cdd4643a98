"""`everloom verify`: history re-executed from the store alone; names what is damaged, forged or diverges."""

import json
import time
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, TextColumn

from archive.errors import ArchiveError, Diverged, Forged
from archive.keys import b64
from archive.restore import fetch
from archive.stores import Store
from archive.stores.disk import DiskStore
from archive.verify import verify
from clients.kernels import ensure_compiled
from clients.source import opened
from regions import founding
from regions.afar import far_kit
from regions.auditing import Auditor
from regions.charter import Charter
from regions.errors import ConfigError
from regions.holdings import Kit, kit
from regions.module import differences, other_versions
from regions.revive import opening_of, which_world
from regions.shell.confined import Confined, Limits


def run(which: str, store: Path | str, since: str, as_json: bool, run_module: bool = False) -> int:
    """Verify and report; exit status 1 when anything is wrong. `run_module`: see `Rules`."""
    console = Console(stderr=True)
    ensure_compiled(lambda text: console.print(text, highlight=False))
    if since and not since.isdigit():
        raise ConfigError(f"--since takes a checkpoint's number, not {since!r}")
    began = time.monotonic()
    try:
        with opened(store, which, console) as source:
            summary = _verify(source, which, int(since) if since else None, run_module, console, began)
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
        if void := summary["void"]:
            console.print(f"void, as no checkpoint that counts names them: {len(void)} items (--json lists them)")
        if strange := summary["heads_naming_unknown_records"]:
            console.print(f"players say in {strange} heads that they were shown records which history does not have")
        for module in summary["modules_run"]:
            console.print(f"run for it, confined: Module {module}", highlight=False)
        if others := summary["locked_with_other_packages"]:
            console.print(f"packages it was locked with, and others are here: {', '.join(others)}", highlight=False)
    return 0 if summary["ok"] else 1


def _verify(
    source: DiskStore, which: str, since: int | None, run_module: bool, console: Console, began: float
) -> dict[str, Any]:
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
        with Rules(source, run_module) as rules:
            auditor = Auditor(source.get, rules.kit_of)
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
        "modules_run": list(rules.ran),
        "locked_with_other_packages": [words for others in rules.ran.values() for words in others],
    }


def failure(error: ArchiveError) -> dict[str, Any]:
    """What `--json` says of a failure: the kind of fault, the object, the region and the record."""
    kind = "diverged" if isinstance(error, Diverged) else "forged" if isinstance(error, Forged) else "damaged"
    where = {"object": error.object, "region": error.region, "record": error.record, "reason": error.reason}
    return {"ok": False, kind: where}


class Rules:
    """By which rules each era is re-executed: the installed ones, where they are the ones of its Module; else, with
    `run_module`, the archived Module in a process of its own (`regions.shell.confined`), if the world's owner signed
    it; else none. `ran` are the Modules that were run, with the packages they were locked with in other versions
    than are installed. Use it as a context: processes end with it.
    """

    def __init__(self, store: Store, run_module: bool, limits: Limits | None = None) -> None:
        self.store, self.run_module, self.limits = store, run_module, limits
        self.ran: dict[str, list[str]] = {}
        self.owners: set[bytes] = set()  # a world that was given a new id keeps the Module its first owner signed
        self._open = ExitStack()

    def __enter__(self) -> "Rules":
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def kit_of(self, charter: Charter, charter_id: bytes, owner: bytes) -> Kit:
        """As `regions.auditing.KitOf`. Raises ArchiveError, ValueError."""
        self.owners.add(owner)
        module = fetch(self.store, charter.module)
        changed = differences(module.data)
        map_item = fetch(self.store, charter.map)
        if not changed:
            world_map = founding.read_map(map_item)
            return kit(lambda index: founding.genesis(charter, charter_id, owner, index, world_map))
        if not self.run_module:
            raise Diverged(
                charter.module,
                f"era {charter.era} was made under another Module than what is installed: {', '.join(changed[:5])}"
                " differ; verify it with --run-module, or with the release that made it, or begin in a later era with"
                " --since",
            )
        if sha256(module.owner).digest() not in self.owners:
            raise Forged(
                charter.module, f"this Module is signed by {module.address}, not by the world's owner: not run"
            )
        alone = self._open.enter_context(Confined(charter.module, module.data, self.limits))
        self.ran[charter.module] = other_versions(module.data)
        return far_kit(charter.module, alone.ask, self.store.get(b64(charter_id)), map_item.raw)

"""`everloom archive publish`: a local store's bundles brought to Arweave, until each item of each was read back."""

import json
import random
import time
from pathlib import Path
from typing import Final

from rich.console import Console

from archive.errors import ArchiveError
from archive.keys import address
from archive.publish import bundles_of, carry
from archive.stores.arweave import ArweaveStore
from archive.stores.disk import DiskStore
from archive.upload import pause_ms
from clients.source import opened, shown
from regions.errors import ConfigError
from regions.shell.remote import Remote

WAIT_S: Final = 3600.0  # without anything new being read back


def run(store: Path, remote: Remote, world: str, as_json: bool) -> int:
    """Publish and report; 1 when not everything was read back. Raises ConfigError, ArchiveError."""
    console = Console(stderr=True)
    began = time.monotonic()
    with opened(store, "", console) as disk:
        names = bundles_of(disk, world) if world else list(disk.bundles())
        if not names:
            raise ConfigError(f"{store} holds nothing" + (f" of world {world}" if world else ""))
        there = remote.open(store.parent)
        try:
            console.print(
                f"{len(names)} bundles to {remote.gateway}, paid by {address(remote.key().public)}", highlight=False
            )
            summary = _all(disk, there, names, console, WAIT_S)
        finally:
            there.close()
    summary |= {"seconds": round(time.monotonic() - began, 2)}
    if as_json:
        print(json.dumps(summary))
    else:
        print(
            f"{summary['read_back']} of {len(names)} bundles are there ({summary['bytes']} bytes), read back and equal"
        )
    return 0 if summary["read_back"] == len(names) else 1


def _all(disk: DiskStore, there: ArweaveStore, names: list[str], console: Console, wait_s: float) -> dict[str, object]:
    """Carry until all was read back, or nothing new was for so long."""
    attempt, newest, ends = 0, -1, 0.0
    while True:
        with shown(console, "bundles read back") as progress:
            carried = carry(disk, there, names, progress)
        if carried.bundles > newest:
            attempt, newest, ends = 0, carried.bundles, time.monotonic() + wait_s
        words: dict[str, object] = {"bundles": len(names), "read_back": carried.bundles, "bytes": carried.bytes}
        if carried.problem is None:
            return words
        attempt += 1
        console.print(f"{carried.bundles} of {len(names)} are there; {carried.problem}", highlight=False)
        if time.monotonic() > ends:
            return words | {"problem": str(carried.problem)}
        time.sleep(pause_ms(attempt, random.random()) / 1000)  # noqa: S311


def until_there(there: ArweaveStore, disk: DiskStore, names: list[str], console: Console, wait_s: float) -> None:
    """As `_all`, for what must be there before anything else is done. Raises ArchiveError when it is not."""
    words = _all(disk, there, names, console, wait_s)
    if "problem" in words:
        raise ArchiveError(there.gateway.url, str(words["problem"]))

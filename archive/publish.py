"""Brings the bundles of a local store to Arweave, oldest first, until each item of each was read back.

Some bundles are sent ahead of those that still wait to be read back: a gateway may take minutes to show what it took,
and takes no longer for sixteen. What was read back once is not asked for again. When to come again is the caller's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from archive.bundle import read_header
from archive.errors import ArchiveError, Missing
from archive.keys import b64
from archive.stores.arweave import ArweaveStore
from archive.stores.disk import DiskStore
from archive.upload import check

AHEAD: Final = 16  # bundles that were sent and not yet read back


@dataclass
class Carried:
    """What came of it: bundles and bytes that are there, read back now or before; and the first thing in the way."""

    bundles: int = 0
    bytes: int = 0
    problem: ArchiveError | None = None
    missing: list[str] = field(default_factory=list)  # bundles that are not there yet, so far as was tried


def carry(
    source: DiskStore,
    target: ArweaveStore,
    names: Sequence[str],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Carried:
    """Have these bundles of `source` in `target`. A bundle that is damaged in `source` raises `ArchiveError`; what the
    gateway does not do is told in the result, and done again the next time."""
    carried = Carried()
    waiting = []
    for name in names:
        entry = target.sent(name)
        if entry is not None and entry.read_back:
            carried.bundles, carried.bytes = carried.bundles + 1, carried.bytes + entry.size
        else:
            waiting.append(name)
    for start in range(0, len(waiting), AHEAD):
        few = waiting[start : start + AHEAD]
        _send(source, target, few, carried)
        for name in few:
            if name not in carried.missing:
                _read_back(source, target, name, carried)
            progress(carried.bundles, len(names))
        if carried.missing:
            carried.missing += waiting[start + AHEAD :]
            break
    return carried


def _send(source: DiskStore, target: ArweaveStore, names: Sequence[str], carried: Carried) -> None:
    """Hand over what was not handed over yet; the first that is not taken keeps back those after it."""
    for place, name in enumerate(names):
        try:
            target.put_bundle(source.bundle(name))
        except ArchiveError as error:
            carried.problem = carried.problem or error
            carried.missing += names[place:]
            return


def _read_back(source: DiskStore, target: ArweaveStore, name: str, carried: Carried) -> None:
    bundle = source.bundle(name)
    try:
        for entry in read_header(bundle):
            check(target, b64(entry.id), bundle[entry.offset : entry.offset + entry.size])
    except ArchiveError as error:
        carried.problem = carried.problem or error
        carried.missing.append(name)
        return
    target.note_read_back(name)
    carried.bundles, carried.bytes = carried.bundles + 1, carried.bytes + len(bundle)


def bundles_of(source: DiskStore, world: str) -> list[str]:
    """Names of the bundles of a store that hold anything of a world, oldest first."""
    found = []
    for name, items in source.bundles().items():
        if any(item.id == world or ("World", world) in item.tags for item in items):
            found.append(name)
    return found


def settle(target: ArweaveStore, most: int = 8) -> None:
    """Look up how deep the oldest few lie that were read back and are not permanent; what the gateway has lost since is
    noted, for `carry` to bring it again."""
    assert target.journal is not None
    waiting = [entry for entry in target.journal if entry.read_back and not entry.permanent]
    for entry in sorted(waiting, key=lambda one: one.signed_ms)[:most]:
        try:
            target.note_depth(entry.bundle)
        except Missing:
            target.note_lost(entry.bundle)
        except ArchiveError:
            return

"""What `--from` names: a store's folder, or a gateway's address, from where a world's history is copied first.

Of a gateway nothing is believed: the copy holds what the chain from the world owner's charters names, each item
checked, and commands then read the copy as they read any folder.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from archive.data_item import parse_item
from archive.errors import ArchiveError, Missing
from archive.history import History
from archive.keys import b64
from archive.mirror import Mirror, copy_history
from archive.restore import Opening, search
from archive.stores.disk import DiskStore
from regions.charter import read_charter
from regions.looks import TYPE as LOOKS
from regions.revive import opening_of, which_world
from regions.shell.seals import TYPE as SEALED


def is_url(where: Path | str) -> bool:
    """Whether `--from` names a gateway."""
    return str(where).startswith(("http://", "https://"))


@contextmanager
def opened(where: Path | str, which: str, console: Console) -> Iterator[DiskStore]:
    """The store, or a copy of what a gateway has of the world or up to the checkpoint that is named, for as long as it
    is needed. Raises ArchiveError."""
    if not is_url(where):
        folder = Path(where)
        if not (folder / "bundles").is_dir():
            raise Missing(str(folder), "no store is here; --from names a world's folder `store`, a copy, or a gateway")
        yield DiskStore(folder)
        return
    from archive.stores.arweave import ArweaveStore
    from archive.stores.gateway import Gateway

    with tempfile.TemporaryDirectory(prefix="everloom-") as folder_name:
        kept = DiskStore(folder_name)
        source = ArweaveStore(Gateway(str(where)))
        try:
            with shown(console, "reading items") as progress:
                copy(Mirror(source, kept), which, progress)
        finally:
            source.close()
        yield kept


def copy(mirror: Mirror, which: str, progress: Callable[[int, int], None] = lambda done, total: None) -> History:
    """Fetch a world's history, up to the checkpoint that is named. Raises ArchiveError."""
    world, until = which_world(mirror, which)
    history = History.read(mirror, opening_of, world, until)
    copy_history(mirror, history, lambda opening: _more(mirror, opening), progress)
    return history


def _more(mirror: Mirror, opening: Opening) -> Iterable[str]:
    """What a charter names that only charters know of: the rules, the map, first assignments, the sealed key, looks."""
    charter, _ = read_charter(mirror.get(opening.id))
    beside: list[str] = []
    for kind in (SEALED, LOOKS):
        for item_id in search(mirror, {"Type": kind, "World": opening.world}, b64(opening.owner)):
            try:
                parse_item(mirror.get(item_id)).verify()
                beside.append(item_id)
            except ArchiveError:
                continue  # one that is not there is missed when it is needed
    return [charter.module, charter.map, *(seat.assignment for seat in charter.seats), *beside]


@contextmanager
def shown(console: Console, what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar where there is a terminal."""
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)

"""Where an archivist begins: the newest checkpoint that the store has, and what the spool adds to it."""

from collections.abc import Iterable
from dataclasses import dataclass

from archive.assets import decode_table
from archive.checkpoint import Manifest, read_item
from archive.data_item import DataItem
from archive.errors import ArchiveError
from archive.keys import b64
from archive.restore import Opening, fetch, newest_manifest
from archive.stores import Store
from regions.collecting import NOTHING, collected, follow
from regions.filing import Place
from regions.storing import Queued


@dataclass(frozen=True)
class Resumed:
    """The place to go on from, the checkpoints that wait in the spool, and which of those are of no use, and why."""

    place: Place
    queued: list[Queued]
    useless: list[tuple[int, str]]


def resume(
    store: Store, opening: Opening, spooled: Iterable[tuple[int, list[DataItem] | str]], several: bool = False
) -> Resumed:
    """How far the archive of an era has come. `spooled` are (number, items or why they cannot be read), rising.

    What is of no use is filed anew: the logs hold all that is not confirmed. With `several` stores, what this one has
    and the spool still holds is not known to be in the others, and waits on. Raises ArchiveError.
    """
    newest = newest_manifest(store, opening)
    if newest is None and opening.checkpoint is not None:
        newest = opening.checkpoint, read_item(fetch(store, opening.checkpoint))
    filed = _assets(fetch(store, newest[1].table)) if newest is not None else frozenset[int]()
    have = collected(lambda item_id: fetch(store, item_id), newest[1]) if newest is not None else NOTHING
    queued: list[Queued] = []
    useless: list[tuple[int, str]] = []
    for number, items in spooled:
        try:
            item_id, manifest = _manifest(opening.era, number, items)
            if several and newest is not None and number <= newest[1].number and newest[1].era == opening.era:
                fetch(store, item_id, opening.nodes)
                queued.append(Queued(item_id, manifest))
                continue
            if newest is not None and item_id == newest[0]:
                raise ArchiveError(f"spool {opening.era}-{number}", "is stored already")
            if manifest.previous != (newest[0] if newest is not None else None):
                raise ArchiveError(f"spool {opening.era}-{number}", "does not follow the checkpoint before it")
        except ArchiveError as error:
            useless.append((number, str(error)))
            continue
        queued.append(Queued(item_id, manifest))
        assert not isinstance(items, str)
        filed |= _assets(next(item for item in items if b64(item.id) == manifest.table))
        have = follow(have, manifest)
        newest = item_id, manifest
    place = Place(*newest, filed, have) if newest is not None else Place(None, None, frozenset())
    return Resumed(place, queued, useless)


def _manifest(era: int, number: int, items: list[DataItem] | str) -> tuple[str, Manifest]:
    where = f"spool {era}-{number}"
    if isinstance(items, str):
        raise ArchiveError(where, items)
    if not items:
        raise ArchiveError(where, "holds no items")
    manifest = read_item(items[-1])
    if (manifest.era, manifest.number) != (era, number):
        raise ArchiveError(where, f"holds checkpoint {manifest.era}.{manifest.number}")
    return b64(items[-1].id), manifest


def _assets(table: DataItem) -> frozenset[int]:
    return frozenset(held.asset for held in decode_table(table.data))

"""Items on their way into stores: bundles of a handy size, put, read back, compared; tried again later and later.

Confirmed means that every configured store has handed back each item, byte for byte as it was put. A store's own word
that it took something is not that. When to try again is the caller's to arrange; `pause_ms` says how long to wait.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from archive.bundle import BUNDLE_BYTES_MAX, BUNDLE_ITEMS_MAX, pack, read_entry, read_header
from archive.data_item import DataItem
from archive.errors import ArchiveError, Damaged, Missing
from archive.keys import b64
from archive.stores import Store

BUNDLE_BYTES: Final = 4 << 20  # a bundle is closed when the next item would make it larger
PAUSE_MS: Final = 500
PAUSE_MS_MAX: Final = 10_000  # so that what waits through a minute of outage is soon on its way again


def bundles(items: Iterable[DataItem], bytes_wanted: int = BUNDLE_BYTES) -> list[bytes]:
    """Pack items in order; an item larger than `bytes_wanted` gets a bundle of its own.

    Raises `ArchiveError` for an item that no bundle takes.
    """
    packed: list[bytes] = []
    waiting: list[DataItem] = []
    size = 0
    for item in items:
        more = len(item.raw) + 64
        if waiting and (size + more > bytes_wanted or len(waiting) >= BUNDLE_ITEMS_MAX):
            packed.append(pack(waiting))
            waiting, size = [], 0
        if more + 32 > BUNDLE_BYTES_MAX:
            raise ArchiveError(b64(item.id), f"{more} bytes, a bundle's limit is {BUNDLE_BYTES_MAX}")
        waiting.append(item)
        size += more
    return [*packed, pack(waiting)] if waiting else packed


def put_and_check(stores: Sequence[Store], bundle: bytes) -> list[str]:
    """Put a bundle into every store that lacks an item of it, and read every item back from every store.

    Returns the items' ids. Raises `ArchiveError` at the first store that does not hand back what it was given; doing it
    again later changes nothing in the stores that have it.
    """
    entries = read_header(bundle)
    raws = {b64(entry.id): bundle[entry.offset : entry.offset + entry.size] for entry in entries}
    for entry in entries:
        read_entry(bundle, entry).verify()
    for store in stores:
        if any(not _holds(store, item_id, raw) for item_id, raw in raws.items()):
            store.put_bundle(bundle)
            for item_id, raw in raws.items():
                check(store, item_id, raw)
    return list(raws)


def check(store: Store, item_id: str, raw: bytes) -> None:
    """Read an item back. Raises `Missing`, or `Damaged` when other bytes come back."""
    back = store.get(item_id)
    if back != raw:
        raise Damaged(item_id, f"the store handed back {len(back)} bytes that are not the {len(raw)} that were put")


def _holds(store: Store, item_id: str, raw: bytes) -> bool:
    try:
        check(store, item_id, raw)
    except (Missing, Damaged):
        return False
    return True


def pause_ms(attempt: int, draw: float) -> int:
    """How long to wait after failed attempt number `attempt` (1, 2, ...); `draw` in 0..1 spreads the waiters."""
    longest = min(PAUSE_MS_MAX, PAUSE_MS * 2 ** min(attempt - 1, 16))
    return int(longest * (0.5 + 0.5 * draw))

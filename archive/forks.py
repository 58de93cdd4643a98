"""Segments that no checkpoint counts, held against history: where both have a record, it is the same one.

What a crash left behind, or an archivist that was replaced, has the records of the one log there was. A node that shows
one history to some and another to others has signed both; whoever puts the two together finds it out here.
"""

from collections.abc import Iterable, Mapping, Sequence

from archive import segment
from archive.checkpoint import Manifest
from archive.data_item import parse_item
from archive.errors import Damaged, Forged
from archive.keys import b64
from archive.restore import Opening
from archive.stores import Store


class Beside:
    """The segments among `void` items, which were found whole and signed. `check` takes them up as history goes by."""

    def __init__(self, store: Store, void: Iterable[str]) -> None:
        self.store = store
        self._found: dict[tuple[str, int], list[tuple[int, int, str]]] = {}  # by process and era: first, last, id
        for item_id in void:
            item = parse_item(store.get(item_id))
            if item.tag("Type") != segment.TYPE:
                continue
            try:
                whose, part = segment.read_item(item)
            except Damaged:
                continue  # anyone may put an item with such tags
            runs = self._found.setdefault((whose.process, part.era), [])
            runs.append((part.first, part.last, item_id))

    def check(self, opening: Opening, manifest: Manifest, hashes: Mapping[int, Sequence[bytes]]) -> None:
        """Hold them against the records, by their hashes, that a checkpoint adds. Raises `Forged`, naming the item."""
        for index, end in enumerate(manifest.regions):
            for first, last, item_id in self._found.get((end.process, manifest.era), ()):
                if first > end.end or last < end.first:
                    continue
                item = parse_item(self.store.get(item_id))
                if item.owner not in opening.nodes:
                    continue
                _, part = segment.read_item(item)
                for n in range(max(first, end.first), min(last, end.end) + 1):
                    found, known = part.hashes[n - first], hashes[index][n - end.first]
                    if found != known:
                        reason = f"its record {n} hashes to {b64(found)}, that of history to {b64(known)}: a fork"
                        raise Forged(item_id, reason, region=str(index), record=n)

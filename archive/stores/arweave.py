"""Arweave as a store, through a gateway that is believed nothing: bundles go up as transactions or through a bundler,
and every item that is handed out was cut from a bundle the gateway gave, and checked.

Gateways keep an item's parts apart and most do not hand out an item as it was signed. So an item is looked for in the
bundles: the one that GraphQL says it is in, where the gateway says that, and else, newest first, those tagged as this
world's, whose headers list what they hold. Without a payer's key the store can only be read.
"""

import re
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final

from msgspec.structs import replace

from archive.bundle import BUNDLE_BYTES_MAX, BUNDLE_ITEMS_MAX, BUNDLE_TAGS, pack, read_header
from archive.data_item import ITEM_BYTES_MAX, ITEM_BYTES_MIN, parse_item
from archive.errors import ArchiveError, Damaged, Forged, Missing
from archive.keys import RsaKey, b64
from archive.stores import State
from archive.stores.bundle_files import bundle_name
from archive.stores.catalogue import QUERY_LIMIT_MAX, Place, listing
from archive.stores.gateway import Gateway, Node
from archive.stores.journal import Journal, Sent
from archive.stores.submission import Submission, confirmations

DEPTH: Final = 20  # confirmations that make an item permanent
HELD_BYTES_MAX: Final = 128 << 20  # of bundles, in memory
HEAD_BYTES: Final = 32 + 64 * 500  # of a bundle's beginning that is read first
BUNDLES_MAX: Final = 100_000  # that are looked through for one item
PLACES_MAX: Final = 8  # an item is known in; anyone may put it into one more bundle
CURSORS_MAX: Final = 10_000
ID: Final = re.compile(r"[A-Za-z0-9_-]{43}")


class ArweaveStore:
    """See `archive.stores.Store` for the methods. `journal`, `payer` and `bundler` are for who writes."""

    def __init__(
        self,
        gateway: Gateway,
        journal: Journal | None = None,
        payer: RsaKey | None = None,
        bundler: str | None = None,
        depth: int = DEPTH,
    ) -> None:
        self.gateway, self.journal, self.depth = gateway, journal, depth
        self.bundler = bundler
        self._submission: Submission | None = None
        if journal is not None and payer is not None:
            self._submission = Submission(gateway, journal, payer, bundler, self.bundle)
        self._places: dict[str, list[Place]] = {}
        self._seen: set[str] = set()  # bundles whose header is in `_places`, or is none
        self._held: OrderedDict[str, bytes] = OrderedDict()
        self._cursors: OrderedDict[tuple[object, str], str] = OrderedDict()

    def close(self) -> None:
        """End what waits for the gateway, and let another process upload."""
        self.gateway.close()
        if self.journal is not None:
            self.journal.close()

    # Writing.

    def put(self, raw_item: bytes) -> str:
        return self.put_bundle(pack([parse_item(raw_item)]))[0]

    def put_bundle(self, bundle: bytes) -> list[str]:
        """As `Store.put_bundle`, but for this: on return it was handed over, and may take minutes to be read back."""
        listed = listing(bundle)
        if self._submission is None or self.journal is None:
            raise ArchiveError(self.gateway.url, "is read only here; a payer's key file is needed to write")
        name = bundle_name(bundle)
        before = self.journal.get(name)
        waited_s = time.time() - before.sent_ms / 1000 if before is not None and before.posted else -1.0
        lost = waited_s >= self.gateway.patience.resend_s
        entry = self._submission.send(name, bundle, listed, again=lost)
        for item in listed:
            self._add_place(item.id, Place(entry.id, item.offset, item.size), first=True)
        self._seen.add(entry.id)
        self._held.pop(entry.id, None)  # what counts is what the gateway hands back from now on
        return [item.id for item in listed]

    def sent(self, name: str) -> Sent | None:
        """How far a bundle has come, by its name."""
        return self.journal.get(name) if self.journal is not None else None

    def note_read_back(self, name: str) -> None:
        """Write down that every item of a bundle was read back and compared."""
        entry = self.sent(name)
        if entry is not None and self.journal is not None and not entry.read_back:
            self.journal.keep(replace(entry, read_back=True))

    def note_lost(self, name: str) -> None:
        """Write down that the gateway no longer has a bundle that was read back: it must be brought again."""
        entry = self.sent(name)
        if entry is not None and self.journal is not None:
            self.journal.keep(replace(entry, read_back=False, permanent=False, sent_ms=0))

    def note_depth(self, name: str) -> State:
        """Look up how deep a bundle that was read back lies, and write down when it is deep enough."""
        entry = self.sent(name)
        if entry is None or not entry.read_back:
            return State.STORED
        if not entry.permanent:
            depth = confirmations(self.gateway, entry)
            if depth is None:
                raise Missing(entry.id, f"{self.gateway.url} knew this transaction, and does no longer")
            if depth < self.depth:
                return State.SUBMITTED
            if self.journal is not None:
                self.journal.keep(replace(entry, permanent=True))
        return State.PERMANENT

    # Reading.

    def get(self, item_id: str) -> bytes:
        failures: list[ArchiveError] = []
        for place in self._candidates(item_id):
            try:
                raw = self._cut(item_id, place)
            except (Missing, Damaged, Forged) as error:
                self._drop(item_id, place)  # for now: it may be the gateway that is at fault, not the bundle
                failures.append(error)
                continue
            self._add_place(item_id, place, first=True)
            return raw
        if failures:
            raise failures[0]
        raise Missing(item_id, f"{self.gateway.url} names no bundle that holds it")

    def bundle_of(self, item_id: str) -> bytes:
        """The bundle that an item was read from, and the item verified in it. Raises as `get`."""
        self.get(item_id)
        return self.bundle(self._places[item_id][0].bundle)

    def query(
        self, tags: Mapping[str, str], owner: str | None = None, limit: int = 100, after: str | None = None
    ) -> list[str]:
        """As `Store.query`, in the gateway's word: items that are no such thing may be among them, and some missing."""
        if not 1 <= limit <= QUERY_LIMIT_MAX:
            raise ValueError(f"limit {limit}, allowed 1 to {QUERY_LIMIT_MAX}")
        asked = (tuple(sorted(tags.items())), owner)
        cursor = self._cursors.get((asked, after)) if after is not None else None
        waiting = after is not None and cursor is None  # until that id comes by
        found: list[str] = []
        for place, node in self.gateway.search(tags, owner, cursor):
            if node.tag("Bundle-Format") is not None or not ID.fullmatch(node.id):
                continue
            if not waiting:
                found.append(node.id)
                self._cursors[asked, node.id] = place
                while len(self._cursors) > CURSORS_MAX:
                    self._cursors.popitem(last=False)
                if len(found) == limit:
                    break
            elif node.id == after:
                waiting = False
        if waiting:
            raise Missing(str(ascii(after))[:64], "the query was to go on after this item, which is not listed")
        return found

    def confirm(self, item_id: str) -> State:
        self.get(item_id)
        for place in self._places[item_id]:
            depth = confirmations(self.gateway, Sent("", place.bundle, 0, {}))
            if depth is not None and depth >= self.depth:
                return State.PERMANENT
        return State.SUBMITTED

    def ids(self) -> Iterator[str]:
        """Every item of every bundle that is tagged as Everloom's, newest bundle first."""
        seen: set[str] = set()
        for bundle in self.bundles():
            for entry in read_header(self.bundle(bundle.id)):
                if (item_id := b64(entry.id)) not in seen:
                    seen.add(item_id)
                    yield item_id

    def _candidates(self, item_id: str) -> Iterator[Place]:
        """Where an item may be, the likeliest first. Anyone may upload a bundle whose header claims to hold it, and
        what GraphQL says of it is a hint: so whoever is not content with one goes on to the next."""
        if not ID.fullmatch(item_id):
            raise Missing(ascii(item_id[:64]), "is no item's id")
        tried: set[str] = set()

        def fresh() -> Iterator[Place]:
            for place in list(self._places.get(item_id, ())):
                if place.bundle not in tried:
                    tried.add(place.bundle)
                    yield place

        yield from fresh()
        node = self.gateway.one(item_id)
        if node is not None and node.bundledIn is not None:
            self._take_header(node.bundledIn.id)
            yield from fresh()
        world = node.tag("World") if node is not None else None
        for bundle in chain(self.bundles(world), self.bundles() if world is not None else ()):
            if bundle.id not in tried:
                self._take_header(bundle.id, again=bool(tried))
                yield from fresh()

    def bundles(self, world: str | None = None) -> Iterator[Node]:
        """What the gateway lists as Everloom's bundles, or one world's, newest first; anyone may tag theirs so."""
        tags = dict(BUNDLE_TAGS) | {"App-Name": "Everloom"} | ({"World": world} if world is not None else {})
        for number, (_, node) in enumerate(self.gateway.search(tags, None)):
            if number == BUNDLES_MAX:
                raise ArchiveError(self.gateway.url, f"lists more than {BUNDLES_MAX} bundles")
            if ID.fullmatch(node.id):
                yield node

    def _take_header(self, bundle: str, again: bool = False) -> None:
        """Note what a bundle says it holds; one that cannot be read holds nothing for now. `again`: of an item that
        many bundles claim to hold not all places may have been noted."""
        if (bundle in self._seen and not again) or not ID.fullmatch(bundle):
            return
        try:
            head = self._beginning(bundle, HEAD_BYTES)
            count = int.from_bytes(head[:32], "little")
            if HEAD_BYTES < 32 + 64 * count <= 32 + 64 * BUNDLE_ITEMS_MAX:
                head = self._beginning(bundle, 32 + 64 * count)
            places = list(_places(bundle, head))
        except (Missing, Damaged):
            return
        self._seen.add(bundle)
        for item_id, place in places:
            self._add_place(item_id, place)

    def _beginning(self, bundle: str, size: int) -> bytes:
        for path in (f"/raw/{bundle}", f"/{bundle}"):
            answer = self.gateway.beginning(path, size)
            if answer.status in (200, 206):
                return answer.body
        raise Missing(bundle, f"{self.gateway.url} has no data of it (status {answer.status})")

    def _add_place(self, item_id: str, place: Place, first: bool = False) -> None:
        places = self._places.setdefault(item_id, [])
        if first and place in places:
            places.remove(place)
        if place not in places:
            places.insert(0 if first else len(places), place)
            del places[PLACES_MAX:]

    def _drop(self, item_id: str, place: Place) -> None:
        """Forget a place that did not hold what its bundle's header said."""
        self._held.pop(place.bundle, None)
        self._seen.discard(place.bundle)
        places = self._places.get(item_id, [])
        if place in places:
            places.remove(place)

    def _cut(self, item_id: str, place: Place) -> bytes:
        raw = self.bundle(place.bundle)[place.offset : place.offset + place.size]
        item = parse_item(raw)
        if b64(item.id) != item_id:
            raise Damaged(item_id, f"bundle {place.bundle} has item {b64(item.id)} in its place")
        item.verify()
        return raw

    def bundle(self, bundle: str) -> bytes:
        """A whole bundle, its items not verified. Raises `Missing` or `Damaged`."""
        if bundle in self._held:
            self._held.move_to_end(bundle)
            return self._held[bundle]
        for path in (f"/raw/{bundle}", f"/{bundle}"):
            answer = self.gateway.get(path, BUNDLE_BYTES_MAX)
            if answer.status == 200:
                break
        else:
            raise Missing(bundle, f"{self.gateway.url} has no data of it (status {answer.status})")
        try:
            read_header(answer.body)
        except Damaged as error:
            raise Damaged(bundle, error.reason) from None
        self._held[bundle] = answer.body
        while sum(map(len, self._held.values())) > HELD_BYTES_MAX and len(self._held) > 1:
            self._held.popitem(last=False)
        return answer.body


def _places(bundle: str, head: bytes) -> Iterator[tuple[str, Place]]:
    """What a bundle's header, followed by anything or nothing, says of its items. Raises `Damaged`."""
    count = int.from_bytes(head[:32], "little")
    offset = 32 + 64 * count
    if count > BUNDLE_ITEMS_MAX or len(head) < max(32, offset):
        raise Damaged(bundle, f"{len(head)} bytes are not the header of a bundle of up to {BUNDLE_ITEMS_MAX} items")
    for start in range(32, 32 + 64 * count, 64):
        size = int.from_bytes(head[start : start + 32], "little")
        if not ITEM_BYTES_MIN <= size <= ITEM_BYTES_MAX or offset + size > BUNDLE_BYTES_MAX:
            raise Damaged(bundle, f"an item of {min(size, 1 << 63)} bytes at byte {offset}")
        yield b64(head[start + 32 : start + 64]), Place(bundle, offset, size)
        offset += size

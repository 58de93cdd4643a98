"""A permanent store that, when told to, is away, forgets what it took, cuts short what it hands out, or answers as of
yesterday. Beneath it everything that was really put stays."""

from collections.abc import Callable, Iterator, Mapping
from random import Random

from archive.errors import ArchiveError, Missing
from archive.stores import State
from archive.stores.memory import MemoryStore


class LyingStore:
    """`archive.stores.Store` with one `mood` at a time: "", "store away", "store forgets", "store truncates",
    "store is old"."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.kept = MemoryStore()
        self.mood = ""
        self.put_count = 0
        self.hidden: set[str] = set()  # what a store that answers old does not know yet
        self.met: Callable[[str], None] = lambda kind: None

    def begin(self, mood: str) -> None:
        """Be so from now on."""
        self.mood, self.hidden = mood, set()
        if mood == "store is old":
            ids = list(self.kept.ids())
            self.hidden = set(ids[: self.random.randrange(1, 1 + min(len(ids), 60))])

    def _here(self) -> None:
        if self.mood == "store away":
            self.met(self.mood)
            raise ArchiveError("store", "does not answer")

    def put(self, raw_item: bytes) -> str:
        self._here()
        return self.kept.put(raw_item)

    def put_bundle(self, bundle: bytes) -> list[str]:
        self._here()
        if self.mood == "store forgets":
            self.met(self.mood)
            scratch = MemoryStore()
            return scratch.put_bundle(bundle)
        return self.kept.put_bundle(bundle)

    def get(self, item_id: str) -> bytes:
        self._here()
        if item_id in self.hidden:
            self.met(self.mood)
            raise Missing(item_id, "not in this store")
        raw = self.kept.get(item_id)
        if self.mood == "store truncates" and self.random.random() < 0.5:
            self.met(self.mood)
            return raw[: self.random.randrange(len(raw))]
        return raw

    def query(
        self, tags: Mapping[str, str], owner: str | None = None, limit: int = 100, after: str | None = None
    ) -> list[str]:
        self._here()
        found = self.kept.query(tags, owner, limit, after)
        if any(one in self.hidden for one in found):
            self.met(self.mood)
        return [one for one in found if one not in self.hidden]

    def confirm(self, item_id: str) -> State:
        self._here()
        return self.kept.confirm(item_id)

    def ids(self) -> Iterator[str]:
        self._here()
        return (one for one in self.kept.ids() if one not in self.hidden)

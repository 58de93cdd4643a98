"""The local permanent store: a folder of bundles, each under the hash of its bytes, never changed and never deleted.

Beside `bundle_files` lie `index` (see `index_file`) and `lock`, held while writing. `put` returns once the bundle is
synced, renamed into place, and its folder synced: a crash at any moment loses nothing that was returned for. Any number
of processes may read and write one folder; writers take turns. Needs a POSIX file system of this machine. After the
index had to be rebuilt, "newest first" goes by the bundles' modification times.
"""

import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from archive.bundle import pack
from archive.data_item import parse_item
from archive.errors import ArchiveError, Damaged, Missing
from archive.keys import b64
from archive.stores import State, index_file
from archive.stores.bundle_files import BundleFiles, bundle_name, write_all
from archive.stores.catalogue import Catalogue, Listed, Place, listing

LOCK_WAIT_S = 30.0
LOCK_RETRY_S = 0.01
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
PROBLEMS_MAX = 1000


class DiskStore:
    """Keeps items in a folder, which the first put makes; see `archive.stores.Store` for the methods.

    May be used from several threads. `problems` names files that are not what they should be; those are never served.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.problems: list[ArchiveError] = []
        self._files = BundleFiles(self.folder)
        self._index = self.folder / "index"
        self._progress = index_file.Progress()
        self._catalogue = Catalogue()
        self._found: list[str] = []  # bundles that the index lacks
        self._index_sound = False
        self._cleared = False  # what crashed writers left behind was deleted
        self._guard = threading.RLock()

    def put(self, raw_item: bytes) -> str:
        item = parse_item(raw_item)
        item_id = b64(item.id)
        with suppress(Missing, Damaged):
            if self.get(item_id) == raw_item:
                return item_id
        return self.put_bundle(pack([item]))[0]

    def put_bundle(self, bundle: bytes) -> list[str]:
        listed = listing(bundle)
        name = bundle_name(bundle)
        with self._guard, self._writing(len(bundle)):
            self._files.keep(name, bundle)
            if name not in self._catalogue.bundles:
                self._append(index_file.line(name, listed))
                self._refresh()
        return [item.id for item in listed]

    def get(self, item_id: str) -> bytes:
        with self._guard, self._reading():
            if item_id not in self._catalogue:
                self._refresh()
            places = list(self._catalogue.places(item_id))
        failures: list[ArchiveError] = []
        for place in places:
            try:
                return self._item(item_id, place)
            except ArchiveError as error:
                failures.append(error)
        raise failures[0]

    def query(
        self, tags: Mapping[str, str], owner: str | None = None, limit: int = 100, after: str | None = None
    ) -> list[str]:
        with self._guard, self._reading():
            self._refresh()
            return self._catalogue.query(tags, owner, limit, after)

    def confirm(self, item_id: str) -> State:
        self.get(item_id)
        return State.STORED

    def ids(self) -> Iterator[str]:
        with self._guard, self._reading():
            self._refresh()
            return iter(list(self._catalogue.ids()))

    def listed(self) -> list[tuple[Listed, Path]]:
        """Every item as the catalogue has it, oldest first, with the file of a bundle that holds it."""
        with self._guard, self._reading():
            self._refresh()
            found: dict[str, tuple[Listed, Path]] = {}
            for name, items in self._catalogue.bundles.items():
                for item in items:
                    found.setdefault(item.id, (item, self._files.path(name)))
            return list(found.values())

    def bundles(self) -> dict[str, Sequence[Listed]]:
        """Every bundle by name, in the order they were indexed, with its items."""
        with self._guard, self._reading():
            self._refresh()
            return dict(self._catalogue.bundles)

    def items(self, bundle: str) -> Sequence[Listed]:
        """What is in a bundle; nothing for one that is not here."""
        return self._catalogue.bundles.get(bundle, ())

    def piece(self, bundle: str, offset: int, size: int) -> bytes:
        """Bytes of a bundle that `bundles` named, as they lie on the disk, not verified; fewer where it ends."""
        if bundle not in self._catalogue.bundles:
            raise Missing(repr(bundle[:64]), "no bundle of this name is in the store")
        return self._files.read(bundle, offset, size)[:size]

    def bundle(self, name: str) -> bytes:
        """A bundle whose bytes have the hash it is named by. Raises `Missing` or `Damaged`."""
        if name not in self._catalogue.bundles:
            raise Missing(repr(name[:64]), "no bundle of this name is in the store")
        return self._files.whole(name)

    def written_s(self, bundle: str) -> int:
        """When a bundle's file was written, in seconds since 1970."""
        with self._reading():
            return int(self._files.path(bundle).stat().st_mtime) if bundle in self._catalogue.bundles else 0

    def check(self, progress: Callable[[int, int], None] = lambda done, total: None) -> list[ArchiveError]:
        """Reads every bundle whole and returns what is wrong in the folder; `progress` is told bundles done and all."""
        with self._guard, self._reading():
            self._progress = index_file.Progress()
            self._refresh()
            wrong, names = list(self.problems), list(self._catalogue.bundles)
        for done, name in enumerate(names, 1):
            try:
                listing(self._files.whole(name))
            except Missing:
                pass  # among the problems already
            except ArchiveError as error:
                wrong.append(error)
            progress(done, len(names))
        return wrong

    def _refresh(self) -> bool:
        """Takes in what other processes wrote, and falls back on the bundles themselves where the index is no good.

        Returns whether the index ends within a line: one being written or, for who holds the lock, a torn one.
        """
        reading = self._read_index()
        while reading.damage or reading.restarted:
            # First the files, then what was indexed meanwhile: then at most the bundle being written is not indexed.
            indexed, problems = set(self._catalogue.bundles), list[ArchiveError]()
            names = self._files.names(problems.append)
            if names:
                problems += [Damaged(str(self._index), why) for why in reading.damage]
            reading = self._read_index()
            if not reading.restarted:
                problems += [Missing(name, "indexed, but the file is gone") for name in sorted(indexed - set(names))]
                problems += self._add_unindexed(names)
                self.problems = (self.problems + problems)[:PROBLEMS_MAX]
        return reading.partial

    def _read_index(self) -> index_file.Reading:
        reading = index_file.read(self._index, self._progress)
        if reading.restarted:
            self._catalogue = Catalogue()
            self._index_sound = True
            self._found = []
            self.problems = []
        if reading.damage:
            self._index_sound = False
        for name, listed in reading.bundles:
            self._catalogue.add(name, listed)
        return reading

    def _add_unindexed(self, names: Iterable[str]) -> list[ArchiveError]:
        problems = []
        for name in names:
            if name not in self._catalogue.bundles:
                try:
                    self._catalogue.add(name, listing(self._files.whole(name)))
                    self._found.append(name)
                except ArchiveError as error:
                    problems.append(error)
        return problems

    def _item(self, item_id: str, place: Place) -> bytes:
        raw = self._files.read(place.bundle, place.offset, place.size)
        try:
            item = parse_item(raw)
            item.verify()
        except ArchiveError as error:
            raise Damaged(item_id, f"damaged in bundle {place.bundle} at byte {place.offset}: {error.reason}") from None
        if b64(item.id) != item_id:
            raise Damaged(item_id, f"bundle {place.bundle} holds {b64(item.id)} at byte {place.offset} instead")
        return raw

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ArchiveError(str(self.folder), f"the store cannot be read: {error.strerror}") from None

    @contextmanager
    def _writing(self, needed: int) -> Iterator[None]:
        """Holds the folder's lock, with the index whole and this process up to date."""
        try:
            self._files.make_folder(self.folder)
            with self._locked():
                if not self._cleared:
                    self._files.clear_incoming()
                    self._cleared = True
                torn = self._refresh()
                if torn or self._found or not self._index_sound:
                    self._repair()
                yield
        except OSError as error:
            if error.errno not in FULL:
                raise ArchiveError(str(self.folder), f"the store cannot be written: {error.strerror}") from None
            reason = f"no room for a bundle of {needed} bytes ({self._free_bytes()} bytes free): {error.strerror}"
            raise ArchiveError(str(self.folder), reason) from None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            deadline = time.monotonic() + LOCK_WAIT_S
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        reason = f"another process has held the lock for {LOCK_WAIT_S} s"
                        raise ArchiveError(str(self.folder), reason) from None
                    time.sleep(LOCK_RETRY_S)
            yield
        finally:
            os.close(descriptor)  # which unlocks, too; so does the end of the process

    def _free_bytes(self) -> int:
        nearest = next(path for path in (self.folder, *self.folder.absolute().parents) if path.exists())
        status = os.statvfs(nearest)
        return status.f_bavail * status.f_frsize

    def _append(self, line: bytes) -> None:
        descriptor = os.open(self._index, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            write_all(descriptor, line)
        finally:
            os.close(descriptor)

    def _repair(self) -> None:
        """Makes durable what a crashed process left behind, and writes the index anew."""
        for name in self._found:
            self._files.seal(name)
        self._files.write(self._index, index_file.whole(self._catalogue.bundles.items()))
        self._refresh()

"""A folder of files that are each named by the hash of their bytes, written so that a crash leaves all or nothing.

    bundles/A/B/<43 characters>   base64url(SHA-256 of the file); A and B are the name's first two
    incoming/<32 hex digits>      being written, or left behind by a crash: never promised to anyone
    damaged/<name>.<16 digits>    found not to be what its name says, and moved aside when it was put again

Raises `OSError` as it comes from the system where it writes; `DiskStore` names it. One process may write at a time.
"""

import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext, suppress
from hashlib import sha256
from pathlib import Path

from archive.bundle import BUNDLE_BYTES_MAX
from archive.errors import ArchiveError, Damaged, Missing
from archive.keys import b64

NAME = re.compile(r"[A-Za-z0-9_-]{43}")  # for fullmatch: `$` would let a trailing newline through
FAN_OUT = re.compile(r"[A-Za-z0-9_-]")
INCOMING = re.compile(r"[0-9a-f]{32}")
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def bundle_name(bundle: bytes) -> str:
    """The name a bundle is kept under."""
    return b64(sha256(bundle).digest())


class BundleFiles:
    """The bundles below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._synced: set[Path] = set()  # folders whose own names are known to be on the disk

    def names(self, report: Callable[[ArchiveError], None]) -> list[str]:
        """Every bundle's name, oldest file first; whatever else lies among them is reported."""
        found = []
        for first in self._fan_out(self.folder / "bundles", report):
            for second in self._fan_out(first, report):
                for entry in os.scandir(second):
                    if NAME.fullmatch(entry.name) and Path(entry.path) == self.path(entry.name) and _is_file(entry):
                        found.append((entry.stat(follow_symlinks=False).st_mtime_ns, entry.name))
                    else:
                        report(Damaged(repr(entry.path), "a foreign file among the bundles"))
        return [name for _, name in sorted(found)]

    def read(self, name: str, offset: int, size: int) -> bytes:
        """Up to `size` bytes of a bundle, not verified. Raises `Missing` or `Damaged`."""
        try:
            with os.fdopen(os.open(self.path(name), READ), "rb") as file:
                file.seek(offset)
                there = os.fstat(file.fileno()).st_size - offset
                return file.read(min(size, max(there, 0) + 1))  # Python takes room for all that is asked for
        except FileNotFoundError:
            raise Missing(name, "the file of this bundle is gone") from None
        except OSError as error:
            raise Damaged(name, f"the file of this bundle cannot be read: {error.strerror}") from None

    def whole(self, name: str) -> bytes:
        """A bundle whose bytes have the hash it is named by. Raises `Missing` or `Damaged`."""
        raw = self.read(name, 0, BUNDLE_BYTES_MAX + 1)
        if (found := bundle_name(raw)) != name:
            raise Damaged(name, f"the file of this name holds {len(raw)} bytes with the hash {found}")
        return raw

    def keep(self, name: str, bundle: bytes) -> None:
        """Writes a bundle; on return it is durable. One that is there is left alone, a damaged one moved aside."""
        path = self.path(name)
        self.make_folder(path.parent)
        if os.path.lexists(path):
            try:
                self.whole(name)
            except Damaged:
                self._set_aside(path)
            else:
                self.seal(name)
                return
        self.write(path, [bundle])

    def seal(self, name: str) -> None:
        """Makes a bundle durable that a crashed process may have left between two of its steps."""
        path = self.path(name)
        _sync(path, READ)
        self.make_folder(path.parent)
        _sync(path.parent)

    def write(self, path: Path, parts: Iterable[bytes]) -> None:
        """Puts a file in place whole and durable, or not at all."""
        self.make_folder(self.folder / "incoming")
        temporary = self.folder / "incoming" / secrets.token_hex(16)
        descriptor = os.open(temporary, CREATE, 0o644)
        try:
            try:
                for part in parts:
                    write_all(descriptor, part)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.rename(temporary, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        _sync(path.parent)

    def clear_incoming(self) -> None:
        """Deletes what crashed writers left behind."""
        self.make_folder(self.folder / "incoming")
        for name in os.listdir(self.folder / "incoming"):
            if INCOMING.fullmatch(name):
                os.unlink(self.folder / "incoming" / name)

    def make_folder(self, path: Path) -> None:
        """Makes a folder, and those above it, whose names survive a crash."""
        if path in self._synced:
            return
        if path != self.folder:
            self.make_folder(path.parent)
        elif not path.parent.exists():
            self._make_above(path.parent)
        with suppress(FileExistsError):
            os.mkdir(path)
        if path != self.folder and path.is_symlink():
            raise NotADirectoryError(20, "a link where a folder should be", str(path))
        with suppress(PermissionError) if path == self.folder else nullcontext():
            _sync(path.parent)  # an operator's folder may lie in one that we may not open
        self._synced.add(path)

    def _make_above(self, path: Path) -> None:
        if not path.parent.exists():
            self._make_above(path.parent)
        os.mkdir(path)
        _sync(path.parent)

    def path(self, name: str) -> Path:
        return self.folder / "bundles" / name[0] / name[1] / name

    def _fan_out(self, parent: Path, report: Callable[[ArchiveError], None]) -> Iterator[Path]:
        if not parent.exists():
            return
        for entry in os.scandir(parent):
            if FAN_OUT.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                yield Path(entry.path)
            else:
                report(Damaged(repr(entry.path), "a foreign file among the bundles"))

    def _set_aside(self, path: Path) -> None:
        aside = self.folder / "damaged"
        self.make_folder(aside)
        os.rename(path, aside / f"{path.name}.{secrets.token_hex(8)}")
        _sync(aside)


def write_all(descriptor: int, raw: bytes) -> None:
    """Writes all of `raw`, however many calls that takes."""
    view = memoryview(raw)
    while view:
        view = view[os.write(descriptor, view) :]


def _is_file(entry: "os.DirEntry[str]") -> bool:
    return entry.is_file(follow_symlinks=False)


def _sync(path: Path, flags: int = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

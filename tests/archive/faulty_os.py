"""The `os` module with faults: stands in for it inside `archive.stores`, fails at one call, and can lose power.

Knows what a POSIX file system promises after a power cut: a file's bytes only up to the last fsync of the file, a name
only after an fsync of its folder. `lose_power` takes back everything else, which is the worst the disk may do; the two
other cuts take back only bytes or only names, as disks also write in other orders.
"""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

COUNTED = ("open", "write", "fsync", "rename", "mkdir", "unlink")


class Killed(BaseException):
    """The process is no more: from here on no call has an effect."""


class FaultyOs:
    """Passes everything on to `os`, but `fail(call)` decides at the n-th counted call (n from 1)."""

    def __init__(self, fail_at: int = 0, fault: int | None = None) -> None:
        self.fail_at = fail_at
        self.fault = fault  # an errno to raise once; none means the process is killed
        self.calls: list[str] = []
        self.dead = False
        self._paths: dict[int, Path] = {}  # open descriptors
        self._synced_sizes: dict[int, int] = {}  # by inode, of files that were written
        self._names: list[tuple[Path, Callable[[], None]]] = []  # folder not yet synced, how to take it back

    def __getattr__(self, name: str) -> Any:
        original = getattr(os, name)
        return self._counted(name, original) if name in COUNTED else original

    def _counted(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            if self.dead:
                raise Killed
            self.calls.append(name)
            if len(self.calls) == self.fail_at:
                if name == "write":
                    original(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                if self.fault is not None:
                    raise OSError(self.fault, os.strerror(self.fault))
                self.dead = True
                raise Killed
            return getattr(self, f"_{name}", original)(*arguments)

        return call

    def _open(self, path: Path | str, flags: int, mode: int = 0o777) -> int:
        path = Path(path)
        new = bool(flags & os.O_CREAT) and not path.exists()
        descriptor = os.open(path, flags, mode)
        self._paths[descriptor] = path
        if new:
            self._names.append((path.parent, lambda: path.unlink(missing_ok=True)))
            self._synced_sizes[os.fstat(descriptor).st_ino] = 0
        elif flags & (os.O_WRONLY | os.O_RDWR):
            self._synced_sizes.setdefault(os.fstat(descriptor).st_ino, os.fstat(descriptor).st_size)
        return descriptor

    def _write(self, descriptor: int, raw: memoryview) -> int:
        size = len(raw) if len(raw) < 200 else len(raw) // 2  # short writes are legal, so they happen
        return os.write(descriptor, raw[:size])

    def _fsync(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        path = self._paths[descriptor]
        if path.is_dir():
            self._names = [(folder, undo) for folder, undo in self._names if folder != path]
        else:
            self._synced_sizes[status.st_ino] = status.st_size

    def _rename(self, source: Path, target: Path) -> None:
        source, target = Path(source), Path(target)
        replaced = target.read_bytes() if target.exists() else None

        def undo() -> None:
            if target.exists():
                os.rename(target, source)
            if replaced is not None:
                target.write_bytes(replaced)

        os.rename(source, target)
        self._names.append((target.parent, undo))

    def _mkdir(self, path: Path) -> None:
        os.mkdir(path)
        self._names.append((Path(path).parent, lambda: shutil.rmtree(path, ignore_errors=True)))

    def revive(self) -> None:
        """Another process goes on where the killed one stopped; what was not synced still is not."""
        self.dead, self.fail_at = False, 0

    def lose_power(self, root: Path, *, names: bool = True, data: bool = True) -> None:
        """Takes back what was not synced: names, bytes of files, or both."""
        if data:
            for path in root.rglob("*"):
                size = self._synced_sizes.get(path.stat().st_ino) if path.is_file() else None
                if size is not None and size < path.stat().st_size:
                    os.truncate(path, size)
        for _, undo in reversed(self._names if names else []):
            undo()


FULL_DISK = errno.ENOSPC
BROKEN_DISK = errno.EIO

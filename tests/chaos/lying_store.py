"""A store's folder that fails and lies: a FUSE file system over an honest folder, run as a process of its own.

`python -m tests.chaos.lying_store BELOW MOUNT`; each line on standard input names what it does from now on:

    honest      hands everything on to the folder below
    away        every call fails with EIO: the disk was pulled out
    empty       shows and fills another folder, BELOW.empty: the disk was not mounted
    flips       says that it wrote, and has changed a bit in every block
    truncates   says that it wrote, and has kept half of every block
    forgets     says that it wrote, and has dropped it
    garbles     hands out every block of a bundle with a bit changed; what lies below is whole

Needs libfuse 3, mfusepy and the right to mount. Only what a `DiskStore` does is served.
"""

import errno
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

MODES: Final = ("honest", "away", "empty", "flips", "truncates", "forgets", "garbles")
CACHED_S: Final = 0.0


class Operations:
    """What libfuse calls. One thread."""

    use_ns = True

    def __init__(self, below: Path) -> None:
        self.below, self.elsewhere = str(below), str(below) + ".empty"
        os.makedirs(self.elsewhere, exist_ok=True)
        self.mode = "honest"

    def _path(self, path: str) -> str:
        if self.mode == "away":
            raise OSError(errno.EIO, path)
        return (self.elsewhere if self.mode == "empty" else self.below) + path

    def _here(self) -> None:
        if self.mode == "away":
            raise OSError(errno.EIO, "away")

    def init_with_config(self, connection: Any, config: Any) -> None:
        """Nothing is cached in the kernel, or it would be honest where this is not."""
        for name in ("entry_timeout", "negative_timeout", "attr_timeout"):
            setattr(config, name, CACHED_S)
        config.direct_io = 1
        print("mounted", flush=True)

    def getattr(self, path: str, number: int | None = None) -> dict[str, int]:
        self._here()
        status = os.fstat(number) if number is not None else os.lstat(self._path(path))
        names = ("st_mode", "st_nlink", "st_size", "st_blocks", "st_uid", "st_gid")
        times = {f"st_{one}time": getattr(status, f"st_{one}time_ns") for one in "amc"}
        return {name: getattr(status, name) for name in names} | times

    def opendir(self, path: str) -> int:
        return os.open(self._path(path), os.O_RDONLY | os.O_DIRECTORY)

    def readdir(self, path: str, number: int) -> list[str]:
        self._here()
        return [".", "..", *os.listdir(self._path(path))]

    def mkdir(self, path: str, mode: int) -> None:
        os.mkdir(self._path(path), mode)

    def create(self, path: str, mode: int, flags: int = 0) -> int:
        return os.open(self._path(path), os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

    def open(self, path: str, flags: int) -> int:
        # The kernel says where an append goes.
        return os.open(self._path(path), flags & ~(os.O_APPEND | os.O_EXCL | os.O_CREAT | os.O_NOFOLLOW))

    def release(self, path: str, number: int) -> None:
        os.close(number)

    releasedir = release

    def read(self, path: str, size: int, offset: int, number: int) -> bytes:
        self._here()
        data = os.pread(number, size, offset)
        return _flipped(data) if self.mode == "garbles" and "/bundles/" in path else data

    def write(self, path: str, data: bytes, offset: int, number: int) -> int:
        self._here()
        if self.mode == "flips":
            os.pwrite(number, _flipped(data), offset)
        elif self.mode == "truncates":
            os.pwrite(number, data[: len(data) // 2], offset)
        elif self.mode != "forgets":
            return os.pwrite(number, data, offset)
        return len(data)

    def truncate(self, path: str, size: int, number: int | None = None) -> None:
        os.truncate(self._path(path), size)

    def fsync(self, path: str, only_data: int, number: int) -> None:
        self._here()
        os.fsync(number)

    fsyncdir = fsync

    def unlink(self, path: str) -> None:
        os.unlink(self._path(path))

    def rmdir(self, path: str) -> None:
        os.rmdir(self._path(path))

    def link(self, new: str, old: str) -> None:
        os.link(self._path(old), self._path(new))

    def rename(self, old: str, new: str) -> None:
        os.rename(self._path(old), self._path(new))

    def chmod(self, path: str, mode: int) -> None:
        os.chmod(self._path(path), mode)

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> None:
        os.utime(self._path(path), ns=times or (time.time_ns(), time.time_ns()))

    def statfs(self, path: str) -> dict[str, int]:
        status = os.statvfs(self._path(path))
        names = ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_namemax")
        return {name: getattr(status, name) for name in names}


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x10]) + data[middle + 1 :] if data else data


def _listen(operations: Operations) -> None:
    for line in sys.stdin:
        if (mode := line.strip()) in MODES:
            operations.mode = mode
            print(mode, flush=True)
    os._exit(0)


def main() -> None:
    """Mount, and serve until standard input ends."""
    import mfusepy

    operations = Operations(Path(sys.argv[1]))
    threading.Thread(target=_listen, args=(operations,), daemon=True).start()
    mfusepy.FUSE(operations, sys.argv[2], foreground=True, nothreads=True, fsname="lying-store")


if __name__ == "__main__":
    main()

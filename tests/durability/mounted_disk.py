"""A forgetful disk mounted through FUSE, in a process of its own; told by its parent when the power goes.

Needs libfuse 3 (Debian: fuse3), mfusepy and the right to mount: /dev/fuse. Nothing is cached in the kernel, so what a
killed program had written but not synced is here and nowhere else. The child ends, and unmounts, when its standard
input ends: whatever happens to the parent, no mount is left.
"""

import errno
import json
import os
import random
import select
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.durability.forgetful_disk import File, Folder, ForgetfulDisk, Node

ANSWER_S_MAX = 120.0
BLOCK_BYTES = 4096
DISK_BLOCKS = 1 << 28


class CannotMount(Exception):
    """This machine does not mount FUSE file systems; says why."""


class MountedDisk:
    """A context: the disk is mounted on `folder` (made if need be) until it ends. Raises `CannotMount`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._child: subprocess.Popen[str] | None = None
        self._printed = Path()

    def __enter__(self) -> "MountedDisk":
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        root = Path(__file__).resolve().parents[2]
        # A file, not a pipe: nobody reads it while the disk serves, and a full pipe would stop the disk.
        with tempfile.NamedTemporaryFile("wb", delete=False) as printed:
            self._printed = Path(printed.name)
            self._child = subprocess.Popen(
                [sys.executable, "-m", "tests.durability.mounted_disk", str(self.folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=printed,
                text=True,
                cwd=root,
                env=os.environ | {"PYTHONPATH": str(root)},
                start_new_session=True,  # a Ctrl-C is for the parent
            )
        try:
            self._answer()
        except CannotMount:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is None:
            return
        with suppress(OSError):
            assert self._child.stdin is not None
            self._child.stdin.close()
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        unmount(self.folder)
        assert self._child.stdout is not None
        self._child.stdout.close()
        self._child = None
        self._printed.unlink(missing_ok=True)

    def cut(self, seed: str | None = None) -> dict[str, int]:
        """Lose power; no program may have a file open. What is at risk goes, or with a seed some of it.

        Returns the bytes, writes and names that were lost.
        """
        return self._tell({"cut": seed})

    def write_back(self) -> None:
        """Make everything durable, as the kernel does by itself after half a minute."""
        self._tell({"write_back": True})

    def limit(self, room: int | None) -> None:
        """Let all files together hold `room` bytes, from now on; None: any number."""
        self._tell({"room": room})

    def fail_fsyncs(self, count: int) -> None:
        """Let the next `count` fsyncs fail with EIO."""
        self._tell({"bad_fsyncs": count})

    def kill_before_fsync(self, pid: int) -> None:
        """Kill that process when it next syncs a file with unsynced bytes: it has written, and does not sync."""
        self._tell({"victim": pid})

    def figures(self) -> dict[str, int]:
        """How many bytes the files hold, how many fsyncs there were, how many more will fail."""
        return self._tell({})

    def _tell(self, words: dict[str, Any]) -> dict[str, int]:
        assert self._child is not None and self._child.stdin is not None
        self._child.stdin.write(json.dumps(words) + "\n")
        self._child.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, int]:
        assert self._child is not None and self._child.stdout is not None
        if select.select([self._child.stdout], [], [], ANSWER_S_MAX)[0]:
            line = self._child.stdout.readline()
            if line:
                answer: dict[str, int] = json.loads(line)
                return answer
        self._child.kill()
        self._child.wait()
        said = self._printed.read_text(errors="replace").strip().splitlines()
        raise CannotMount(f"no FUSE file system on {self.folder}: {said[-1] if said else 'it does not answer'}")


def why_not_mountable(folder: Path) -> str:
    """Return why a disk cannot be mounted here, "" when it can: it is tried."""
    if sys.platform != "linux":
        return f"FUSE is only mounted on Linux here, not on {sys.platform}"
    try:
        with MountedDisk(folder):
            return ""
    except CannotMount as error:
        return str(error)


def unmount(folder: Path) -> None:
    """Take a mount away, if there is one, even one whose process died."""
    for command in (["umount", "-l", str(folder)], ["fusermount3", "-u", "-z", str(folder)]):
        if not _is_mounted(folder):
            return
        with suppress(OSError):
            subprocess.run(command, stderr=subprocess.DEVNULL, timeout=10, check=False)


def _is_mounted(folder: Path) -> bool:
    with suppress(OSError):
        escaped = str(folder.parent.resolve() / folder.name).replace("\\", "\\134").replace(" ", "\\040")
        return f" {escaped} " in Path("/proc/self/mounts").read_text()
    return False


class Operations:
    """What libfuse calls, on a `ForgetfulDisk`; open files are numbered."""

    use_ns = True

    def __init__(self, disk: ForgetfulDisk) -> None:
        self.disk = disk
        self._turn = threading.Lock()  # what has the name of a system call would be taken for one
        self.opened: dict[int, tuple[Node, bool]] = {}
        self.numbers = 0
        self.victim = 0

    def init_with_config(self, connection: Any, config: Any) -> None:
        """No caches in the kernel, and no hidden names for removed files."""
        for name in ("entry_timeout", "negative_timeout", "attr_timeout"):
            setattr(config, name, 0)
        for name in ("direct_io", "hard_remove", "nullpath_ok"):
            setattr(config, name, 1)
        _say({})

    def _number(self, node: Node, flags: int = 0) -> int:
        self.numbers += 1
        self.opened[self.numbers] = (node, bool(flags & (os.O_SYNC | os.O_DSYNC)))
        return self.numbers

    def _node(self, path: str | None, number: int | None) -> Node:
        return self.opened[number][0] if number in self.opened else self.disk.find(path or "/")

    def _file(self, path: str | None, number: int | None) -> File:
        node = self._node(path, number)
        if not isinstance(node, File):
            raise OSError(errno.EISDIR, path)
        return node

    def getattr(self, path: str | None, number: int | None = None) -> dict[str, int]:
        with self._turn:
            node = self._node(path, number)
            size = len(node.data) if isinstance(node, File) else BLOCK_BYTES
            blocks = -(-size // 512)
            changed = node.changed_ns
            times = {"st_atime": changed, "st_mtime": changed, "st_ctime": changed}
            owner = {"st_uid": os.getuid(), "st_gid": os.getgid()}
            links = 1 if isinstance(node, File) else 2
            return {"st_mode": node.mode, "st_nlink": links, "st_size": size, "st_blocks": blocks} | times | owner

    def opendir(self, path: str) -> int:
        with self._turn:
            return self._number(self.disk.folder(path))

    def readdir(self, path: str | None, number: int) -> list[str]:
        with self._turn:
            node = self._node(path, number)
            return [".", "..", *(node.entries if isinstance(node, Folder) else ())]

    def mkdir(self, path: str, mode: int) -> None:
        with self._turn:
            self.disk.make_folder(path, mode)

    def create(self, path: str, mode: int, flags: int = 0) -> int:
        with self._turn:
            return self._number(self.disk.create(path, mode), flags)

    def open(self, path: str, flags: int) -> int:
        with self._turn:
            file = self.disk.file(path)
            if flags & os.O_TRUNC:
                self.disk.truncate(file, 0)
            return self._number(file, flags)

    def release(self, path: str | None, number: int) -> None:
        with self._turn:
            self.opened.pop(number, None)

    releasedir = release

    def read(self, path: str | None, size: int, offset: int, number: int) -> bytes:
        with self._turn:
            return bytes(self._file(path, number).data[offset : offset + size])

    def write(self, path: str | None, data: bytes, offset: int, number: int) -> int:
        with self._turn:
            file = self._file(path, number)
            written = self.disk.write(file, data, offset)
            if self.opened[number][1]:
                self.disk.fsync(file)
            return written

    def truncate(self, path: str | None, size: int, number: int | None = None) -> None:
        with self._turn:
            self.disk.truncate(self._file(path, number), size)

    def fsync(self, path: str | None, only_data: int, number: int) -> None:
        with self._turn:
            node = self._node(path, number)
            if self.victim and isinstance(node, File) and node.unsynced:
                os.kill(self.victim, signal.SIGKILL)
                self.victim = 0
                raise OSError(errno.EIO, "who asked is dead")
            self.disk.fsync(node)

    fsyncdir = fsync

    def unlink(self, path: str) -> None:
        with self._turn:
            self.disk.remove(path)

    rmdir = unlink

    def rename(self, old: str, new: str) -> None:
        with self._turn:
            self.disk.rename(old, new)

    def chmod(self, path: str, mode: int) -> None:
        with self._turn:
            node = self.disk.find(path)
            node.mode = stat.S_IFMT(node.mode) | stat.S_IMODE(mode)

    def chown(self, path: str, user: int, group: int) -> None:
        """Everything belongs to who mounted it."""

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> None:
        with self._turn:
            self.disk.find(path).changed_ns = times[1] if times else time.time_ns()

    def statfs(self, path: str) -> dict[str, int]:
        with self._turn:
            total = DISK_BLOCKS if self.disk.room is None else self.disk.room // BLOCK_BYTES
            free = max(0, total - self.disk.used // BLOCK_BYTES)
            size = {"f_bsize": BLOCK_BYTES, "f_frsize": BLOCK_BYTES, "f_namemax": 255}
            return size | {"f_blocks": total, "f_bfree": free, "f_bavail": free}

    def obey(self, words: dict[str, Any]) -> dict[str, int]:
        """Do what the parent says; what it says is in `MountedDisk`."""
        with self._turn:
            if "cut" in words:
                # The closing of a killed program's files may still be on its way here; it means nothing any more.
                lost = self.disk.cut(None if words["cut"] is None else random.Random(words["cut"]))
                return {"bytes": lost.bytes, "writes": lost.writes, "names": lost.names}
            if "write_back" in words:
                self.disk.write_back()
            if "room" in words:
                self.disk.room = words["room"]
            self.victim = words.get("victim", 0)
            if "bad_fsyncs" in words:
                self.disk.bad_fsyncs = words["bad_fsyncs"]
            return {"used": self.disk.used, "fsyncs": self.disk.fsyncs, "bad_fsyncs": self.disk.bad_fsyncs}


def _say(words: dict[str, int]) -> None:
    print(json.dumps(words), flush=True)


def _listen(operations: Operations, folder: Path) -> None:
    for line in sys.stdin:
        _say(operations.obey(json.loads(line)))
    unmount(folder)


def main() -> None:
    """Mount on the folder named by the only argument, and serve until standard input ends."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        sys.exit("/dev/fuse cannot be opened by this user")
    try:
        import mfusepy
    except (ImportError, OSError) as error:
        sys.exit(f"the FUSE binding is not there ({error}): pip install mfusepy, apt-get install fuse3")

    class Fuse(mfusepy.FUSE):  # type: ignore[misc]
        """The binding forgets which open file it is that is truncated; a removed one has no other name."""

        def truncate_fuse_3(self, path: bytes | None, size: int, file: Any) -> int:
            return int(self.ftruncate(path, size, file) or 0)

    folder = Path(sys.argv[1])
    operations = Operations(ForgetfulDisk())
    threading.Thread(target=_listen, args=(operations, folder), daemon=True).start()
    try:
        Fuse(operations, str(folder), foreground=True, nothreads=True, fsname="forgetful")
    except RuntimeError as error:
        sys.exit(f"libfuse did not mount it (status {error})")


if __name__ == "__main__":
    main()

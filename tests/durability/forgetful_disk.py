"""A disk in memory that knows which bytes were synced, and forgets the others when its power is cut.

What a cut takes follows ext4 (ordered data), XFS and btrfs, not the bare letter of POSIX:

- Bytes and sizes: each file's writes and truncations since its last fsync (or O_SYNC write) are at risk, whatever else
  was synced meanwhile. A rename does not sync the renamed file (ext4 would; XFS would not).
- Names (create, mkdir, rename, unlink, rmdir): one journal, in order. An fsync of a folder, or of a file that changed,
  makes the whole journal so far durable, as an fsync there commits the running transaction, or at least the new file's
  own name. POSIX would let a file vanish although it was synced, until its folder is synced too; nats-server does not
  sync the folder of a new message block, and on the file systems above it need not.

`cut()` takes everything at risk. `cut(rng)` is the other way disks fail: of each file's unsynced writes each survives,
is torn or is lost, in any mixture, and the journal survives up to some entry.
Mounts nothing (that is `mounted_disk`).
"""

import errno
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

SECTOR_BYTES = 512


@dataclass(frozen=True, slots=True)
class Change:
    """One unsynced write, or (with `new` None) truncation: how to undo it, and how to do it again."""

    offset: int
    new: bytes | None
    new_size: int
    old: bytes
    old_size: int


@dataclass(eq=False)
class File:
    """A file's bytes as programs see them, and the changes since it was last synced."""

    mode: int
    data: bytearray = field(default_factory=bytearray)
    unsynced: list[Change] = field(default_factory=list)
    changed_ns: int = field(default_factory=time.time_ns)


@dataclass(eq=False)
class Folder:
    """Names, and what they stand for."""

    mode: int
    entries: dict[str, "File | Folder"] = field(default_factory=dict)
    changed_ns: int = field(default_factory=time.time_ns)


Node = File | Folder


@dataclass
class Lost:
    """What one cut took: whole or torn writes, their bytes, and changes of names."""

    bytes: int = 0
    writes: int = 0
    names: int = 0


class ForgetfulDisk:
    """Paths begin with "/". Verbs raise `OSError` as the system calls do. For one thread at a time.

    `room` bounds the bytes of all files together; of the next fsyncs `bad_fsyncs` fail with EIO and sync nothing.
    """

    def __init__(self) -> None:
        self.root = Folder(0o40755)
        self.room: int | None = None
        self.bad_fsyncs = 0
        self.fsyncs = 0
        self._at_risk: dict[File, None] = {}  # also those to which no name leads any more
        self._journal: list[Callable[[], None]] = []  # how to undo each change of a name
        self._named: set[Node] = set()  # what the journal names

    def find(self, path: str) -> Node:
        """Return what the path stands for. Raises ENOENT, ENOTDIR."""
        node: Node = self.root
        for name in path.split("/"):
            if name:
                if isinstance(node, File):
                    raise OSError(errno.ENOTDIR, path)
                if name not in node.entries:
                    raise OSError(errno.ENOENT, path)
                node = node.entries[name]
        return node

    def file(self, path: str) -> File:
        """Return the file at this path. Raises EISDIR too."""
        node = self.find(path)
        if isinstance(node, Folder):
            raise OSError(errno.EISDIR, path)
        return node

    def folder(self, path: str) -> Folder:
        """Return the folder at this path."""
        node = self.find(path)
        if isinstance(node, File):
            raise OSError(errno.ENOTDIR, path)
        return node

    @property
    def used(self) -> int:
        """Bytes of all files that have a name."""
        return sum(len(file.data) for file in _files(self.root))

    def create(self, path: str, mode: int) -> File:
        """Make an empty file; its name is at risk."""
        made = File(0o100000 | (mode & 0o7777))
        self._enter(path, made)
        return made

    def make_folder(self, path: str, mode: int) -> None:
        """Make a folder; its name is at risk."""
        self._enter(path, Folder(0o40000 | (mode & 0o7777)))

    def remove(self, path: str) -> None:
        """Remove the name of a file or of an empty folder."""
        node = self.find(path)
        if isinstance(node, Folder) and node.entries:
            raise OSError(errno.ENOTEMPTY, path)
        parent, name = self._parent(path)
        _put_name(parent, name, None)
        self._journal.append(lambda: _put_name(parent, name, node))

    def rename(self, old: str, new: str) -> None:
        """Give a file or folder another name, whole; what had that name is gone."""
        node = self.find(old)
        (from_folder, from_name), (to_folder, to_name) = self._parent(old), self._parent(new)
        replaced = to_folder.entries.get(to_name)
        if replaced is node:
            return
        if isinstance(replaced, Folder) and replaced.entries:
            raise OSError(errno.ENOTEMPTY, new)

        def undo() -> None:
            _put_name(to_folder, to_name, replaced)
            _put_name(from_folder, from_name, node)

        _put_name(from_folder, from_name, None)
        _put_name(to_folder, to_name, node)
        self._journal.append(undo)
        self._named.add(node)

    def _enter(self, path: str, node: Node) -> None:
        parent, name = self._parent(path)
        if name in parent.entries:
            raise OSError(errno.EEXIST, path)
        _put_name(parent, name, node)
        self._journal.append(lambda: _put_name(parent, name, None))
        self._named.add(node)

    def _parent(self, path: str) -> tuple[Folder, str]:
        above, _, name = path.rpartition("/")
        return self.folder(above), name

    def write(self, file: File, data: bytes, offset: int) -> int:
        """Write; at risk until the file is synced. Raises ENOSPC, having written nothing."""
        size = max(len(file.data), offset + len(data))
        if self.room is not None and size > len(file.data) and self.used + size - len(file.data) > self.room:
            raise OSError(errno.ENOSPC, "the disk is full")
        old = bytes(file.data[offset : offset + len(data)])
        self._change(file, Change(offset, data, size, old, len(file.data)))
        return len(data)

    def truncate(self, file: File, size: int) -> None:
        """Cut or lengthen a file; at risk until it is synced."""
        if size != len(file.data):
            self._change(file, Change(size, None, size, bytes(file.data[size:]), len(file.data)))

    def _change(self, file: File, change: Change) -> None:
        _do(file, change)
        file.unsynced.append(change)
        file.changed_ns = time.time_ns()
        self._at_risk[file] = None

    def fsync(self, node: Node) -> None:
        """Make a file's bytes durable, and every change of a name so far. Raises EIO while `bad_fsyncs` lasts."""
        self.fsyncs += 1
        if self.bad_fsyncs:
            self.bad_fsyncs -= 1
            raise OSError(errno.EIO, "the disk failed")
        if isinstance(node, File):
            if not node.unsynced and node not in self._named:
                return
            node.unsynced.clear()
            self._at_risk.pop(node, None)
        self._journal.clear()
        self._named.clear()

    def write_back(self) -> None:
        """Make everything durable."""
        for file in self._at_risk:
            file.unsynced.clear()
        self._at_risk.clear()
        self._journal.clear()
        self._named.clear()

    def cut(self, rng: random.Random | None = None) -> Lost:
        """Lose power: take back everything at risk, or some of it as `rng` draws. What is left is durable."""
        lost = Lost()
        kept = 0 if rng is None else rng.randint(0, len(self._journal))
        while len(self._journal) > kept:
            self._journal.pop()()
            lost.names += 1
        self._journal.clear()
        self._named.clear()
        for file in self._at_risk:
            _forget(file, rng, lost)
        self._at_risk.clear()
        return lost


def _forget(file: File, rng: random.Random | None, lost: Lost) -> None:
    """Undo every unsynced change of a file, newest first; then do again those that survive, oldest first."""
    for change in reversed(file.unsynced):
        _set_size(file.data, change.old_size)
        file.data[change.offset : change.offset + len(change.old)] = change.old
    for change in file.unsynced:
        survivor = _survivor(change, rng)
        if survivor is not None:
            _do(file, survivor)
        lost.writes += survivor is not change
        lost.bytes += len(change.new or b"") - len(survivor.new or b"" if survivor is not None else b"")
    file.unsynced.clear()


def _survivor(change: Change, rng: random.Random | None) -> Change | None:
    """What of a change reached the disk: nothing, all, or some sectors from its start."""
    if rng is None:
        return None
    drawn = rng.random()
    if drawn < 0.4:
        return None
    if drawn < 0.8 or change.new is None:
        return change
    kept = change.new[: rng.randint(0, len(change.new) // SECTOR_BYTES) * SECTOR_BYTES]
    return replace(change, new=kept) if kept else None


def _do(file: File, change: Change) -> None:
    if change.new is None:
        _set_size(file.data, change.new_size)
        return
    if len(file.data) < change.offset:
        _set_size(file.data, change.offset)
    file.data[change.offset : change.offset + len(change.new)] = change.new


def _set_size(data: bytearray, size: int) -> None:
    if size < len(data):
        del data[size:]
    else:
        data.extend(bytes(size - len(data)))


def _put_name(folder: Folder, name: str, node: Node | None) -> None:
    if node is None:
        folder.entries.pop(name, None)
    else:
        folder.entries[name] = node
    folder.changed_ns = time.time_ns()


def _files(folder: Folder) -> list[File]:
    found = []
    for node in folder.entries.values():
        found += [node] if isinstance(node, File) else _files(node)
    return found

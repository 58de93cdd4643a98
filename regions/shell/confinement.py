"""Runs an archived Module in a process that `regions.shell.confined` started: `python -I -S -B` this file.

What is confined. Imports: the standard library, the Module's own folder, and a folder that holds the few packages it
is locked with; the program that is installed here cannot be imported. The environment is empty, standard input closed.
Memory, processor time, open files and processes are limited by the system, and so is the size of any file it writes:
nothing. An audit hook ends the process at the first attempt to open a file for writing, to change the file system, to
use a socket, or to start, signal or debug a process.

What is not. The hook sees what Python does: code that builds machine code of its own (numba's and ctypes' business)
could pass it, and then has the rights of this user, less the limits above. Files can be read. So a Module is run only
when its owner signed it and somebody asked for it; whoever trusts the owner less runs this as another user, or in a
virtual machine.

Talks in frames over two pipes: four bytes, little-endian, how long; then `regions.refold`'s arrays. The first frame
says where `world` was imported from.
"""

import os
import resource
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

REFUSED = (
    "ctypes.dlopen", "ftplib.", "http.", "imaplib.", "nntplib.", "os.chflags", "os.chmod", "os.chown", "os.exec",
    "os.fork", "os.forkpty", "os.kill", "os.killpg", "os.link", "os.lockf", "os.mkdir", "os.posix_spawn", "os.putenv",
    "os.remove", "os.removexattr", "os.rename", "os.rmdir", "os.setxattr", "os.spawn", "os.startfile", "os.symlink",
    "os.system", "os.truncate", "os.unsetenv", "os.utime", "poplib.", "pty.", "resource.", "shutil.", "signal.",
    "smtplib.", "socket.", "sqlite3.", "ssl.", "subprocess.", "syslog.", "telnetlib.", "tempfile.", "urllib.",
    "webbrowser.",
)  # fmt: skip
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
FILES_MAX = 64
WORDS_MAX = 2_000
PACKAGES = ("coincurve", "Crypto.Hash.keccak", "msgspec", "nacl.bindings", "numba", "zstandard")
"""They load libraries, and one asks a child process what machine this is: loaded before that is refused."""


def main() -> None:
    """Arguments: the Module's folder, that of packages, pipes to read and write; bytes, seconds, longest frame."""
    module, packages = sys.argv[1:3]
    reading, writing, memory, seconds, limit = map(int, sys.argv[3:])
    die_with_parent()
    sys.path[:] = [*sys.path, packages]
    frame = Frames(reading, writing, limit)
    for name in PACKAGES:
        import_module(name)
    # Kernels are compiled here and never written; the first one loads what numba compiles with.
    import_module("numba.core.registry").CPUDispatcher.enable_caching = lambda self: None
    import_module("numba").njit(int_of)(1)
    encode: Callable[[object], bytes] = import_module("msgspec").msgpack.encode
    sys.path.insert(0, module)
    sys.argv[1:] = []
    confine(memory, seconds, frame, encode)
    try:
        answer = import_module("regions.refold").answering()
        frame.write(encode([0, str(import_module("world").__file__)]))
    except Exception as error:
        frame.write(encode([3, type(error).__name__, str(error)[:WORDS_MAX]]))
        return
    while (asked := frame.read()) is not None:
        frame.write(answer(asked))


def int_of(number: int) -> int:
    """Something to compile."""
    return number + 1


def die_with_parent() -> None:
    """Have the system end this process when its parent is gone, where it can."""
    if sys.platform == "linux":
        import_module("ctypes").CDLL(None).prctl(1, 9, 0, 0, 0)


class Frames:
    """The two pipes."""

    def __init__(self, reading: int, writing: int, limit: int) -> None:
        self.reading, self.writing, self.limit = reading, writing, limit

    def read(self) -> bytes | None:
        """The next frame; None at the end."""
        head = self._read(4)
        size = int.from_bytes(head, "little")
        return None if len(head) < 4 or size > self.limit else self._read(size)

    def write(self, data: bytes) -> None:
        """A frame, whole."""
        left = memoryview(len(data).to_bytes(4, "little") + data)
        while left:
            left = left[os.write(self.writing, left) :]

    def _read(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size > 0 and (part := os.read(self.reading, min(size, 1 << 20))):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def confine(memory: int, seconds: int, frame: Frames, encode: Callable[[object], bytes]) -> None:
    """Give up what a fold does not need. What is attempted all the same is told, and ends the process."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_MAX, FILES_MAX))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            mode, flags = arguments[1:3]
            if not flags & WRITES and not (isinstance(mode, str) and set(mode) & set("wax+")):
                return
        elif not event.startswith(REFUSED):
            return
        frame.write(encode([3, "refused", f"{event} {arguments!r}"[:WORDS_MAX]]))
        os._exit(1)

    sys.addaudithook(refuse)


if __name__ == "__main__":
    main()

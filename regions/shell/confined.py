"""A Module at work in a process of its own, which may do nothing but fold (`confinement` says what that means).

The Module's files lie in a fresh folder, beside links to the packages it is locked with; both go when it ends. What the
process answers is bounded and typed, and an answer that does not come in time ends it. Whether the Module is the
world's own is for the caller to know.
"""

import contextlib
import os
import select
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

import msgspec

from archive.errors import ArchiveError
from regions.config import STATE_BYTES_MAX
from regions.errors import RecordError
from regions.module import LOCKED, read_sources
from regions.refold import Answer, Failed, Ready, Request, Said, read_said

SCRIPT: Final = Path(__file__).with_name("confinement.py")
NEEDED: Final = (*LOCKED, "cffi")  # coincurve, cryptography and PyNaCl are bound by it
WAIT: Final = 10
LOOK_S: Final = 0.2
FRAME_BYTES_MAX: Final = STATE_BYTES_MAX + (1 << 20)


@dataclass(frozen=True)
class Limits:
    """What the process may take. Rules are compiled when first used, so that one answer may take half a minute."""

    answer_s: float = 180.0  # of processor time; by the clock WAIT times as long, as the machine may be busy
    cpu_s: int = 24 * 3600
    memory_bytes: int = 6 << 30  # of addresses: compiled code and packages take two of them


_encoder: Final = msgspec.msgpack.Encoder()


class Confined:
    """A Module's process. `name` is what errors call it: the Module item's id. `close` it, or use it as a context.

    `world` is the file that `world` was imported from. Raises ArchiveError when the Module cannot be unpacked, does not
    start, ends, is too slow or tries what it may not.
    """

    def __init__(self, name: str, data: bytes, limits: Limits | None = None) -> None:
        self.name, self.limits = name, limits or Limits()
        self.folder = tempfile.TemporaryDirectory(prefix="everloom-module-")
        try:
            home = Path(self.folder.name).resolve()
            _unpack(name, data, home / "module")
            _link_packages(home / "packages")
            self._start(home)
            ready = self._answer()
            if not isinstance(ready, Ready) or ready.world != str(home / "module" / "world" / "__init__.py"):
                raise ArchiveError(name, f"the Module did not start: {_words(ready)}")
            self.world = ready.world
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Confined":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def ask(self, asked: Request) -> Answer:
        """What it answers, which may be that it failed. Raises ArchiveError when it does not answer."""
        self._send(_encoder.encode(asked))
        answer = self._answer()
        if isinstance(answer, Ready):
            raise self._broken("it answers out of turn")
        return answer

    def close(self) -> None:
        """End the process, and remove the folder."""
        process: subprocess.Popen[bytes] | None = getattr(self, "_process", None)
        if process is not None:
            process.kill()
            process.wait()
            for end in (self._to, self._from):
                with contextlib.suppress(OSError):
                    os.close(end)
            del self._process
        self.folder.cleanup()

    def _start(self, home: Path) -> None:
        reading, self._to = os.pipe()
        self._from, writing = os.pipe()
        limits = (self.limits.memory_bytes, self.limits.cpu_s, FRAME_BYTES_MAX)
        arguments = [home / "module", home / "packages", reading, writing, *limits]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", str(SCRIPT), *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=home,
                env={"OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "NUMBA_OPT": "1"},
                pass_fds=(reading, writing),
                start_new_session=True,
            )
        finally:
            os.close(reading)
            os.close(writing)

    def _send(self, data: bytes) -> None:
        left = memoryview(len(data).to_bytes(4, "little") + data)
        ends = self._ends()
        os.set_blocking(self._to, False)
        while left:
            self._await([], [self._to], ends)
            try:
                left = left[os.write(self._to, left) :]
            except BrokenPipeError:
                return  # it ended; it may have said why

    def _answer(self) -> Said:
        ends = self._ends()
        size = int.from_bytes(self._read(4, ends), "little")
        if size > FRAME_BYTES_MAX:
            raise self._broken(f"it answers with {size} bytes; the limit is {FRAME_BYTES_MAX}")
        raw = self._read(size, ends)
        try:
            said = read_said(raw)
        except RecordError as error:
            raise self._broken(str(error)) from None
        if isinstance(said, Failed) and said.kind == "refused":
            raise self._broken(f"it tried what a Module may not, and was ended: {_printable(said.words)}")
        return said

    def _read(self, size: int, ends: tuple[float, float]) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            self._await([self._from], [], ends)
            part = os.read(self._from, min(size - len(parts), 1 << 20))
            if not part:
                status = self._process.wait()
                raise self._broken(f"its process ended ({'signal' if status < 0 else 'status'} {abs(status)})")
            parts += part
        return bytes(parts)

    def _ends(self) -> tuple[float, float]:
        """When patience ends: processor seconds of the process, and by the clock."""
        return _spent(self._process.pid) + self.limits.answer_s, time.monotonic() + WAIT * self.limits.answer_s

    def _await(self, readers: list[int], writers: list[int], ends: tuple[float, float]) -> None:
        while not any(select.select(readers, writers, [], LOOK_S)):
            if _spent(self._process.pid) > ends[0] or time.monotonic() > ends[1]:
                raise self._broken(f"it gave no answer within {self.limits.answer_s:g} s, and was ended")

    def _broken(self, why: str) -> ArchiveError:
        self.close()
        return ArchiveError(self.name, f"the Module was run, and {why}")


def _unpack(name: str, data: bytes, folder: Path) -> None:
    try:
        sources = read_sources(data)
    except (ArchiveError, ValueError) as error:
        raise ArchiveError(name, f"not a Module: {error}") from None
    if "regions/refold.py" not in dict(sources):
        raise ArchiveError(name, "the Module has no regions/refold.py, by which it could be run alone")
    for path, text in sources:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def _link_packages(folder: Path) -> None:
    """Links to what the installed packages consist of, and to nothing else that is installed."""
    folder.mkdir()
    for package in NEEDED:
        try:
            found = distribution(package)
        except PackageNotFoundError:
            raise ArchiveError(package, "a Module needs this package, and it is not installed") from None
        for top in sorted({file.parts[0] for file in found.files or ()}):
            if top not in ("..", "__pycache__") and not top.endswith((".dist-info", ".pth")):
                (folder / top).symlink_to(Path(str(found.locate_file(top))).absolute())


def _spent(pid: int) -> float:
    """Processor seconds of a child so far, where the system tells them."""
    try:
        return time.clock_gettime(~pid << 3 | 2)  # the clock of that process, as Linux numbers them
    except OSError:
        return 0.0


def _words(answer: object) -> str:
    return f"{answer.kind}: {_printable(answer.words)}" if isinstance(answer, Failed) else "it answers out of turn"


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:400]

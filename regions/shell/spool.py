"""Checkpoints that wait for a store, as files: <world>/spool/<era>-<number>/<part>.bundle, a folder whole or not there.

The manifest is the last item of the last part. What is read back is checked like anything from a store.
"""

import contextlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from archive.bundle import BUNDLE_BYTES_MAX, unpack
from archive.data_item import DataItem
from archive.errors import ArchiveError, Damaged

FOLDER: Final = re.compile(r"(\d{5})-(\d{12})")
PART: Final = re.compile(r"\d{4}\.bundle")


@dataclass(frozen=True)
class SpoolDir:
    """The spool of one world's directory."""

    path: Path

    def write(self, era: int, number: int, parts: tuple[bytes, ...]) -> None:
        """Keep a checkpoint's bundles, in the place of others of that number; on return they are durable. OSError."""
        folder = self._folder(era, number)
        if folder.exists() and tuple(path.read_bytes() for path in self.parts(era, number)) == parts:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        temporary = self.path / f".{folder.name}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        for place, part in enumerate(parts):
            with (temporary / f"{place:04d}.bundle").open("xb") as file:
                file.write(part)
                file.flush()
                os.fsync(file.fileno())
        _sync(temporary)
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)
        _sync(self.path)

    def parts(self, era: int, number: int) -> list[Path]:
        """A checkpoint's bundle files, in order."""
        folder = self._folder(era, number)
        return sorted(path for path in folder.iterdir() if PART.fullmatch(path.name))

    def waiting(self, era: int) -> list[int]:
        """Numbers of the checkpoints of an era that wait, rising."""
        names = [FOLDER.fullmatch(path.name) for path in self.path.iterdir()] if self.path.is_dir() else []
        return sorted(int(name[2]) for name in names if name is not None and int(name[1]) == era)

    def read(self, era: int, number: int) -> list[DataItem]:
        """A waiting checkpoint's items, each verified. Raises ArchiveError."""
        items: list[DataItem] = []
        for path in self.parts(era, number):
            items += unpack(read_part(path))
        if not items:
            raise Damaged(f"spool {era}-{number}", "holds no items")
        return items

    def drop(self, era: int, number: int) -> None:
        """Forget a checkpoint that is stored."""
        shutil.rmtree(self._folder(era, number), ignore_errors=True)

    def bytes(self) -> int:
        """How much waits; to be asked while another checkpoint is written or dropped, too."""
        size = 0
        for folder in list(self.path.iterdir()) if self.path.is_dir() else ():
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                size += sum(path.stat().st_size for path in folder.iterdir()) if FOLDER.fullmatch(folder.name) else 0
        return size

    def _folder(self, era: int, number: int) -> Path:
        return self.path / f"{era:05d}-{number:012d}"


def read_part(path: Path) -> bytes:
    """A bundle file's bytes. Raises ArchiveError."""
    try:
        with path.open("rb") as file:
            raw = file.read(min(BUNDLE_BYTES_MAX, os.fstat(file.fileno()).st_size) + 1)
    except OSError as error:
        raise ArchiveError(str(path), f"not read: {error.strerror}") from None
    if len(raw) > BUNDLE_BYTES_MAX:
        raise Damaged(str(path), f"more than {BUNDLE_BYTES_MAX} bytes")
    return raw


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

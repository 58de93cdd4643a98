"""The ledger: one file of every action that was acknowledged, so that anyone can hold it against a world's records.

The file begins with 20 bytes, "everloom-ledger-1" and three zero bytes. Entries follow, little-endian:

    u16 length of the payload | u32 CRC-32 of the payload | payload; its first byte is its kind

    1 action    u64 entity, u64 number, u64 record n, u16 region, u8 status, u16 verdict, 32 bytes chain hash, the
                action (status 0: the record is n, the verdict is known; 1: it is n or one before, n = 0: any)
    2 synced    u64 ms since 1970, u64 offset: everything before this offset of the file was on the disk before this
                mark was written. What no mark covers may be missing after a crash
    3 undone    u64 entity, u32 era, u64 number: the world was restored; actions after this number never happened

A file may end within an entry (its writer was killed): what is torn is left out.
"""

import os
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clients.session import Acknowledged, Undone

MAGIC: Final = b"everloom-ledger-1\0\0\0"
ACTION, SYNCED, UNDONE = 1, 2, 3
SYNC_EVERY_S: Final = 0.1
READ_BYTES: Final = 1 << 20

_frame = struct.Struct("<HI")
_action = struct.Struct("<BQQQHBH32s")
_synced = struct.Struct("<BQQ")
_undone = struct.Struct("<BQIQ")


@dataclass(frozen=True, slots=True)
class Entry:
    """An acknowledged action; the fields as in the module's docstring. `safe`: a mark says that it was on the disk."""

    entity: int
    number: int
    n: int
    region: int
    status: int
    verdict: int
    chain: bytes
    body: bytes
    safe: bool


@dataclass(frozen=True, slots=True)
class Restored:
    """Actions of `entity` after `number` were undone by a restore into `era`."""

    entity: int
    era: int
    number: int


class Ledger:
    """A new ledger file, written and synced by a thread of its own, so that no bot waits for the disk.

    Raises FileExistsError when the file is there already.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("xb", buffering=0)  # closed by close()
        self._file.write(MAGIC)
        self._size = len(MAGIC)
        self._waiting: list[bytes] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self.failed = ""
        self._thread = threading.Thread(target=self._keep, name="ledger", daemon=True)
        self._thread.start()

    def note(self, news: Acknowledged) -> None:
        """Add an acknowledged action."""
        action = news.action
        head = _action.pack(
            ACTION,
            news.entity,
            action.number,
            news.n,
            news.region,
            news.status,
            news.verdict,
            action.chain,
        )
        self._add(head + action.body)

    def note_undone(self, entity: int, undone: Undone) -> None:
        """Add that the world was restored."""
        self._add(_undone.pack(UNDONE, entity, undone.era, undone.number))

    def close(self) -> None:
        """Write and sync everything; raises OSError if that ever failed."""
        self._ended.set()
        self._thread.join()
        self._file.close()
        if self.failed:
            raise OSError(f"{self.path}: {self.failed}")

    def _add(self, payload: bytes) -> None:
        with self._lock:
            self._waiting.append(_frame.pack(len(payload), zlib.crc32(payload)) + payload)

    def _keep(self) -> None:
        try:
            while not self._ended.wait(SYNC_EVERY_S):
                self._sync()
            self._sync()
        except OSError as error:  # told by close(); a failed sync is never tried again, as its pages may be gone
            self.failed = str(error)

    def _sync(self) -> None:
        with self._lock:
            raw, self._waiting = b"".join(self._waiting), []
        if not raw:
            return
        self._write(raw)
        os.fsync(self._file.fileno())
        mark = _synced.pack(SYNCED, time.time_ns() // 1_000_000, self._size)
        self._write(_frame.pack(len(mark), zlib.crc32(mark)) + mark)

    def _write(self, raw: bytes) -> None:
        at = 0
        while at < len(raw):
            at += self._file.write(raw[at:]) or 0
        self._size += len(raw)


def read(path: Path) -> Iterator[Entry | Restored]:
    """The entries of a ledger, in order, also while it is written. Raises ValueError when the file is no ledger."""
    found, safe_before = [], 0
    for at, payload in _payloads(path):
        kind = payload[0] if payload else 0
        if kind == SYNCED and len(payload) == _synced.size:
            safe_before = int(_synced.unpack(payload)[2])
        elif (kind == ACTION and len(payload) >= _action.size) or (kind == UNDONE and len(payload) == _undone.size):
            found.append((at, payload))
        else:
            raise ValueError(f"{path}: an entry of kind {kind} with {len(payload)} bytes at byte {at}")
    for at, payload in found:
        if payload[0] == UNDONE:
            _, entity, era, number = _undone.unpack(payload)
            yield Restored(entity, era, number)
        else:
            _, entity, number, n, region, status, verdict, chain = _action.unpack_from(payload)
            body = payload[_action.size :]
            yield Entry(entity, number, n, region, status, verdict, chain, body, at < safe_before)


def _payloads(path: Path) -> Iterator[tuple[int, bytes]]:
    with open(path, "rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ValueError(f"{path} is no ledger: it does not begin with {MAGIC!r}")
        at, rest = len(MAGIC), b""
        while block := file.read(READ_BYTES):
            rest += block
            begin = 0
            while len(rest) - begin >= _frame.size:
                length, crc = _frame.unpack_from(rest, begin)
                end = begin + _frame.size + length
                if end > len(rest):
                    break
                payload = rest[begin + _frame.size : end]
                if zlib.crc32(payload) != crc:
                    return
                yield at + begin, payload
                begin = end
            at, rest = at + begin, rest[begin:]

"""What was handed to Arweave, as files: one JSON object a bundle, under the bundle's name, written before it is sent.

Whoever is broken off goes on from here with the same signed transaction: the network takes it once, so nobody pays
twice. Losing the folder loses no data; what was paid for is then looked for at the gateway.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec

from archive.errors import ArchiveError, Damaged
from archive.keys import b64, unb64
from archive.transaction import parse_transaction

NAME: Final = re.compile(r"[A-Za-z0-9_-]{43}")
ENTRY_BYTES_MAX: Final = 64 << 10


class Sent(msgspec.Struct, frozen=True):
    """One bundle on its way: `id` of the transaction, or of the item that a bundler was given; `signed` is that without
    the bundle's bytes (empty: found at the gateway, signed by a process that lost its journal)."""

    bundle: str
    id: str
    size: int
    signed: dict[str, Any]
    posted: bool = False
    chunks: int = 0  # that the gateway took
    signed_ms: int = 0
    sent_ms: int = 0  # when the last of it was taken
    read_back: bool = False  # every item of it
    permanent: bool = False

    @property
    def by_bundler(self) -> bool:
        """Whether an item was signed, for a bundler to take along, and no transaction."""
        return bool(self.signed) and "data_root" not in self.signed


class Journal:
    """A folder of `Sent`. One process writes; `Journal.opened` waits for no other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._entries: dict[str, Sent] = {}
        self._lock: int | None = None
        self._read()

    @classmethod
    def opened(cls, folder: Path) -> "Journal":
        """The journal, to write in. Raises `ArchiveError` while another process writes in it."""
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise ArchiveError(str(folder), "another process is uploading from here; one at a time pays") from None
        journal = cls(folder)
        journal._lock = lock
        return journal

    def close(self) -> None:
        """Let another process write."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def get(self, bundle: str) -> Sent | None:
        """What is known of a bundle."""
        return self._entries.get(bundle)

    def __iter__(self) -> Iterator[Sent]:
        return iter(list(self._entries.values()))

    def keep(self, entry: Sent, durable: bool = False) -> None:
        """Write an entry in the place of the bundle's last. What was signed must be `durable` before it is sent; how
        far it came is found out again. Raises `ArchiveError`."""
        if self._lock is None:
            raise ArchiveError(str(self.folder), "this journal was opened to be read")
        path = self.folder / f"{entry.bundle}.json"
        temporary = self.folder / f".{entry.bundle}"
        try:
            with temporary.open("wb") as file:
                file.write(msgspec.json.encode(entry))
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            temporary.replace(path)
            if durable:
                handle = os.open(self.folder, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise ArchiveError(str(path), f"not written: {error.strerror}") from None
        self._entries[entry.bundle] = entry

    def _read(self) -> None:
        if not self.folder.is_dir():
            return
        for path in self.folder.glob("*.json"):
            if NAME.fullmatch(path.stem):  # gateway.json is not one
                with suppress(Damaged):  # as good as lost
                    self._entries[path.stem] = _entry(path)


def _entry(path: Path) -> Sent:
    try:
        with path.open("rb") as file:
            entry = msgspec.json.decode(file.read(ENTRY_BYTES_MAX), type=Sent)
    except (OSError, ValueError, RecursionError) as error:
        raise Damaged(str(path), str(error)[:160]) from None
    if entry.bundle != path.stem or not NAME.fullmatch(entry.id):
        raise Damaged(str(path), f"speaks of bundle {entry.bundle[:64]!r}")
    if entry.signed:
        _check_signed(path, entry)
    return entry


def _check_signed(path: Path, entry: Sent) -> None:
    """Raises `Damaged` unless what was signed is a transaction of that id and size, or an item's signature and tags."""
    if not entry.by_bundler:
        transaction = parse_transaction(entry.signed)
        named, size = b64(transaction.id), transaction.data_size
    else:
        try:
            item = msgspec.convert(entry.signed, _Item)
        except msgspec.ValidationError as error:
            raise Damaged(str(path), str(error)) from None
        named, size = b64(sha256(unb64(item.signature)).digest()), entry.size
    if (named, size) != (entry.id, entry.size):
        raise Damaged(str(path), f"{named} of {size} bytes was signed, sent was {entry.id} of {entry.size}")


class _Item(msgspec.Struct):
    signature: str
    tags: list[tuple[str, str]]

"""The weave of a folder of bundles: a transaction and a block for each, in the order in which they came.

    weave/key      the store's own RSA key, made at first use; it says "these bytes lie in this store" and nothing else
    weave/blocks   a line of JSON a block: {"block": header, "transactions": [each without its data],
                   "chunks": [for each of them SHA-256 of its chunks, so that one can be served without the others]}
    weave/lock     held while a block is written

A bundle's transaction is signed by the store: format 2, tags Bundle-Format, Bundle-Version, App-Name, Bundle and World
as those on Arweave have them, the id of the block before as its anchor, no reward, as nobody was paid; who wants to
know who made an item looks at the item's own signature. Its PSS salt is a hash of what is signed, and a block's time
the bundle file's, so that the same bundles in the same order under the same key give the same blocks. Blocks are only
ever appended; a mirror keeps those of the store it copies, with that store's signatures.
"""

import fcntl
import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, Final

from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import pss

from archive import blocks
from archive.blocks import Header
from archive.bundle import BUNDLE_TAGS
from archive.errors import ArchiveError, Damaged
from archive.keys import SALT_BYTES, RsaKey, b64, load_key, save_key, unb64
from archive.merkle import chunk_hashes, data_root
from archive.stores.bundle_files import write_all
from archive.stores.disk import DiskStore
from archive.transaction import Transaction, parse_transaction
from archive.weave import BUNDLE_NAME, Weave

LINE_BYTES_MAX: Final = 4 << 20
WORLDS_MAX: Final = 8  # that a bundle's transaction names
WORLD: Final = re.compile(r"[A-Za-z0-9_-]{43}")
Transactions = Sequence[Transaction]
Hashes = Sequence[Sequence[bytes]]


class LocalWeave:
    """Reads and extends the weave beside a disk store. May be used from several threads and processes."""

    def __init__(self, store: DiskStore) -> None:
        self.store = store
        self.folder = store.folder / "weave"
        self.weave = Weave()
        self._read = 0  # bytes of `blocks` that are in `weave`
        self._signer: Callable[[bytes], bytes] | None = None
        self._public = b""
        self._guard = threading.RLock()

    def refresh(self) -> None:
        """Take in blocks that another process wrote. Raises `Damaged` for a line that is no block of this chain."""
        with self._guard:
            self._refresh()

    def extend(self, progress: Callable[[int, int], None] = lambda done, total: None) -> int:
        """A block for each bundle that has none yet; how many. `progress` is told blocks made and due."""
        with self._guard:
            self._refresh()
            known = self.store.bundles()
            if all(name in self.weave.bundles for name in known):
                return 0
            with self._locked():
                new = [name for name in known if name not in self.weave.bundles]
                for done, name in enumerate(new, 1):
                    self._add(name)
                    progress(done, len(new))
            return len(new)

    def take(self, header: Header, transactions: Transactions, hashes: Hashes) -> None:
        """Append a block of another store's chain, checked. Raises `Damaged` or `Forged`."""
        with self._guard, self._locked():
            self._append(header, transactions, hashes)

    def _add(self, name: str) -> None:
        raw, previous = self.store.bundle(name), self.weave.newest
        worlds = dict.fromkeys(value for item in self.store.items(name) for key, value in item.tags if key == "World")
        named = [("World", world) for world in worlds if WORLD.fullmatch(world)][:WORLDS_MAX]
        pairs = (*BUNDLE_TAGS, ("App-Name", "Everloom"), (BUNDLE_NAME, name), *named)
        tags = [(key.encode(), value.encode()) for key, value in pairs]
        anchor = previous.id if previous is not None else b""
        sign = self._key()
        unsigned = (anchor, self._public, tuple(tags), b"", 0, b"", len(raw), data_root(raw), 0)
        signature = sign(Transaction(2, b"", *unsigned, b"").signing_message())
        made = Transaction(2, sha256(signature).digest(), *unsigned, signature)
        self._append(blocks.follow(previous, [made], self.store.written_s(name)), (made,), [chunk_hashes(raw)])

    def _append(self, header: Header, transactions: Transactions, hashes: Hashes) -> None:
        self.weave.add(header, transactions, hashes)
        line = _line(header, transactions, hashes)
        descriptor = os.open(self.folder / "blocks", os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            os.ftruncate(descriptor, self._read)  # what a crashed writer left of a line
            os.lseek(descriptor, self._read, os.SEEK_SET)
            write_all(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._read += len(line)

    def _refresh(self) -> None:
        for header, transactions, hashes, size in self._lines():
            self.weave.add(header, transactions, hashes)
            self._read += size

    def _lines(self) -> Iterator[tuple[Header, Transactions, Hashes, int]]:
        try:
            descriptor = os.open(self.folder / "blocks", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        with os.fdopen(descriptor, "rb") as file:
            file.seek(self._read)
            while (line := file.readline(LINE_BYTES_MAX)).endswith(b"\n"):
                yield *_parse(line, len(self.weave.headers)), len(line)
            if len(line) == LINE_BYTES_MAX:
                raise Damaged(str(self.folder / "blocks"), f"a line of more than {LINE_BYTES_MAX} bytes")

    def _key(self) -> Callable[[bytes], bytes]:
        if self._signer is None:
            path = self.folder / "key"
            if not path.exists():
                save_key(path, RsaKey.generate())
            key = load_key(path)
            if not isinstance(key, RsaKey):
                raise Damaged(str(path), "no RSA key, which a transaction's owner needs")
            private = RSA.import_key(key.to_der())
            self._public = key.public

            def sign(message: bytes) -> bytes:
                salt = sha256(b"everloom-weave-salt" + message).digest()[:SALT_BYTES]
                signer = pss.new(private, salt_bytes=SALT_BYTES, rand_func=lambda size: salt[:size])
                return bytes(signer.sign(SHA256.new(message)))

            self._signer = sign
        return self._signer

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(exist_ok=True)
            descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        except OSError as error:
            reason = f"no block can be written here: {error.strerror}; serve a copy that may be written"
            raise ArchiveError(str(self.folder), reason) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self._refresh()
            yield
        finally:
            os.close(descriptor)


def _line(header: Header, transactions: Transactions, hashes: Hashes) -> bytes:
    words = {
        "block": blocks.to_json(header),
        "transactions": [one.to_json(with_data=False) for one in transactions],
        "chunks": [[b64(digest) for digest in found] for found in hashes],
    }
    return json.dumps(words, separators=(",", ":")).encode() + b"\n"


def _parse(line: bytes, height: int) -> tuple[Header, Transactions, Hashes]:
    name = f"block {height}"
    try:
        fields: Any = json.loads(line)
        transactions = [parse_transaction(one) for one in fields["transactions"]]
        hashes = [[unb64(digest) for digest in found] for found in fields["chunks"]]
        parsed = blocks.from_json(fields["block"]), transactions, hashes
        if _line(*parsed) != line:
            raise Damaged(name, "not in its one form")
        return parsed
    except ArchiveError as error:
        raise Damaged(name, f"its line in the weave's file: {error.reason}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Damaged(name, "its line in the weave's file is not what was written there") from None

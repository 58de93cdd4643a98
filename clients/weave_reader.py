"""Another store's weave over HTTP, as `everloom archive serve` speaks it; every answer checked, or refused."""

import time
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from archive import blocks
from archive.blocks import Header
from archive.bundle import BUNDLE_BYTES_MAX
from archive.errors import ArchiveError, Damaged, Missing
from archive.keys import b64, unb64
from archive.library import Chunk
from archive.stores.gateway import Gateway, Patience
from archive.transaction import Transaction, parse_transaction

BLOCK_BYTES_MAX: Final = 128 << 10
TX_BYTES_MAX: Final = 64 << 10
CHUNK_BYTES_MAX: Final = 1 << 20
HEIGHT_MAX: Final = 100_000_000
CHAIN_S_MAX: Final = 3_600.0  # whoever has a server's blocks made up can make up any number of them
PATIENCE: Final = Patience(connect_s=5.0, read_s=10.0, answer_s=20.0, tries=3, pause_s_max=2.0)


class WeaveReader:
    """Asks one server."""

    def __init__(self, url: str, patience: Patience = PATIENCE) -> None:
        self.url = url.rstrip("/")
        self.gateway = Gateway(url, patience)

    def close(self) -> None:
        """End it."""
        self.gateway.close()

    def height(self) -> int:
        """The newest block's height."""
        height = self._json("/info", BLOCK_BYTES_MAX).get("height")
        if not isinstance(height, int) or not 0 <= height <= HEIGHT_MAX:
            raise Damaged(self.url, f"says its newest block has the height {str(height)[:20]}")
        return height

    def header(self, height: int) -> Header:
        """A block's header, whose id is that of its fields."""
        header = blocks.from_json(self._json(f"/block/height/{height}", BLOCK_BYTES_MAX))
        if header.height != height:
            raise Damaged(self.url, f"asked for block {height}, it hands out block {header.height}")
        return header

    def headers(self, first: int = 0, before: Header | None = None) -> Iterator[Header]:
        """The chain from height `first` on, each block following the one before."""
        until = time.monotonic() + CHAIN_S_MAX
        for height in range(first, self.height() + 1):
            if time.monotonic() > until:
                raise ArchiveError(
                    self.url, f"handed out blocks {first} to {height - 1} in {CHAIN_S_MAX:.0f} s, no more"
                )
            header = self.header(height)
            blocks.check_follows(header, before)
            yield header
            before = header

    def transaction(self, which: str) -> Transaction:
        """A transaction, its signature checked."""
        found = parse_transaction(self._json(f"/tx/{which}", TX_BYTES_MAX))
        if b64(found.id) != which:
            raise Damaged(which, f"{self.url} hands out transaction {b64(found.id)} instead")
        found.verify()
        return found

    def transactions(self, header: Header) -> list[Transaction]:
        """A block's transactions, held against its tx_root."""
        found = [self.transaction(b64(one)) for one in header.txs]
        blocks.check_holds(header, found)
        return found

    def data(self, transaction: Transaction) -> bytes:
        """A transaction's data, held against its data root."""
        name = b64(transaction.id)
        if transaction.data_size > BUNDLE_BYTES_MAX:
            raise Damaged(name, f"{transaction.data_size} bytes of data, a bundle's limit is {BUNDLE_BYTES_MAX}")
        answer = self.gateway.get(f"/raw/{name}", transaction.data_size)
        if answer.status != 200:
            raise Missing(name, f"{self.url} answers {answer.status}: {answer.words}")
        transaction.verify_data(answer.body)
        return answer.body

    def chunk(self, offset: int) -> Chunk:
        """The chunk with the byte at an offset, as it is handed out."""
        words = self._json(f"/chunk/{offset}", CHUNK_BYTES_MAX)
        parts = [words.get(name) for name in ("chunk", "data_path", "tx_path")]
        if not all(isinstance(part, str) for part in parts):
            raise Damaged(self.url, f"no chunk and two paths at {offset}")
        return Chunk(*(unb64(str(part)) for part in parts))

    def end_of(self, which: str) -> int:
        """The offset of a transaction's last byte, as the server has it."""
        text = self._json(f"/tx/{which}/offset", TX_BYTES_MAX).get("offset")
        if not isinstance(text, str) or not text.isascii() or not text.isdigit() or len(text) > 18:
            raise Damaged(self.url, f"no offset of transaction {which}")
        return int(text)

    def _json(self, path: str, limit: int) -> dict[str, Any]:
        answer = self.gateway.get(path, limit)
        if answer.status != 200:
            raise Missing(f"{self.url}{path}", f"status {answer.status}: {answer.words}")
        return read_words(f"{self.url}{path}", answer.body)


def read_words(name: str, raw: bytes) -> dict[str, Any]:
    """A JSON object. Raises `Damaged` for any other bytes."""
    try:
        words = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        words = None
    if not isinstance(words, dict):
        raise Damaged(name, f"{len(raw)} bytes that are no JSON object")
    return words


def find_by_tag(reader: WeaveReader, name: str, value: str) -> Iterator[str]:
    """Ids of transactions that are said to carry a tag."""
    for number, (_, node) in enumerate(reader.gateway.search({name: value}, None)):
        if number == 16:
            raise ArchiveError(reader.url, f"more than 16 transactions carry {name}={value}")
        yield node.id

"""How a bundle gets to Arweave: as the data of a transaction of its own, or as an item that a bundler takes along.

A transaction: price and anchor are asked for, it is signed and written into the journal, and only then sent, first
itself and then its data chunk by chunk. Whatever breaks off is gone on with: the same transaction, the chunks that are
still missing. The payer's RSA key signs both kinds; neither says anything about who made what the bundle holds.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import msgspec

from archive.bundle import BUNDLE_TAGS
from archive.data_item import assemble, sign_item
from archive.errors import ArchiveError, Damaged, Missing
from archive.keys import ARWEAVE, RsaKey, address, b64, unb64
from archive.merkle import CHUNK_BYTES_MAX, chunks, split
from archive.stores.bundle_files import bundle_name
from archive.stores.catalogue import Listed
from archive.stores.gateway import Answer, Gateway
from archive.stores.journal import Journal, Sent
from archive.transaction import parse_transaction, sign_transaction

TAKEN: Final = (200, 201, 202, 208)
WINSTON_A_BYTE_MAX: Final = 200_000  # about ten times what the network asked in 2025; a lie must not empty a wallet
DIGITS_MAX: Final = 26
WORLDS_MAX: Final = 4
FOUND_MAX: Final = 4  # uploads of one bundle that are looked at
ANCHOR_LIFE_MS: Final = 3 * 3600_000  # a transaction that is not mined 50 blocks after its anchor never will be


@dataclass(frozen=True)
class Submission:
    """Sends bundles, and remembers what was sent. `bundler` is an upload endpoint, or None for transactions."""

    gateway: Gateway
    journal: Journal
    payer: RsaKey
    bundler: str | None
    read: Callable[[str], bytes]  # a bundle from the gateway, by its transaction's id; raises ArchiveError

    def send(self, name: str, bundle: bytes, listed: list[Listed], again: bool) -> Sent:
        """Bring a bundle on its way, or what is missing of it; `again`: the gateway does not have it after all.

        Raises `ArchiveError`; called once more, it goes on where it was.
        """
        entry = self.journal.get(name) or self._found(name, len(bundle))
        if entry is not None and again:
            entry = self._again(entry)
        if entry is not None and entry.by_bundler and not entry.posted and not self.bundler:
            entry = None  # there was one, and no longer is
        if entry is None:
            entry = self._signed(name, bundle, listed)
            self.journal.keep(entry, durable=True)  # before it is sent: whatever happens next, there is only this one
        if entry.signed:
            entry = self._item(entry, bundle) if entry.by_bundler else self._transaction(entry, bundle)
        return entry

    def _found(self, name: str, size: int) -> Sent | None:
        """What was uploaded before, by whomever, or was paid for by this payer and cannot be read yet."""
        for number, (_, node) in enumerate(self.gateway.search({"Bundle": name, **dict(BUNDLE_TAGS)}, None)):
            if number == FOUND_MAX:
                break
            own = node.owner.address == address(self.payer.public) and str(node.data.size) == str(size)
            try:
                there = bundle_name(self.read(node.id)) == name
            except (Missing, Damaged):
                there = False
            if there or own:
                entry = Sent(name, node.id, size, {}, posted=True, chunks=_chunks(size), sent_ms=_now_ms())
                self.journal.keep(entry)
                return entry
        return None

    def _again(self, entry: Sent) -> Sent | None:
        """What to send of a bundle that was sent a while ago and is not there; None: it must be signed anew."""
        if entry.by_bundler:
            return msgspec.structs.replace(entry, posted=False)
        if self.bundler and not entry.signed:
            return None
        if _known(self.gateway.get(f"/tx/{entry.id}/status")):
            broken_off = entry.chunks < _chunks(entry.size)
            return entry if broken_off or not entry.signed else msgspec.structs.replace(entry, chunks=0)
        if not entry.signed:
            return None
        if _now_ms() - entry.signed_ms > ANCHOR_LIFE_MS:
            return None  # it was never mined, and can no longer be: nothing was paid
        return msgspec.structs.replace(entry, posted=False, chunks=0)

    def _signed(self, name: str, bundle: bytes, listed: list[Listed]) -> Sent:
        worlds = dict.fromkeys(value for item in listed for tag, value in item.tags if tag == "World")
        tags = [*BUNDLE_TAGS, ("App-Name", "Everloom"), ("Bundle", name)]
        tags += [("World", world) for world in list(worlds)[:WORLDS_MAX]]
        now_ms = _now_ms()
        if self.bundler:
            item = sign_item(self.payer, bundle, tags)
            signed_part = {"signature": b64(item.signature), "tags": [list(tag) for tag in tags]}
            return Sent(name, b64(item.id), len(bundle), signed_part, signed_ms=now_ms)
        reward = self._price(len(bundle))
        anchor = self.gateway.get("/tx_anchor")
        if anchor.status != 200:
            raise ArchiveError(self.gateway.url, f"gave no anchor: status {anchor.status}: {anchor.words}")
        last_tx = unb64(anchor.body.decode("ascii", "replace").strip())
        signed = sign_transaction(self.payer, bundle, tags, last_tx=last_tx, reward=reward)
        parse_transaction(signed.to_json(with_data=False))  # what no node would take is not written down
        return Sent(name, b64(signed.id), len(bundle), signed.to_json(with_data=False), signed_ms=now_ms)

    def _price(self, size: int) -> int:
        answer = self.gateway.get(f"/price/{size}")
        text = answer.body.strip()
        if answer.status != 200 or not text.isdigit() or len(text) > DIGITS_MAX:
            raise ArchiveError(self.gateway.url, f"named no price: status {answer.status}: {answer.words}")
        limit = WINSTON_A_BYTE_MAX * max(size, CHUNK_BYTES_MAX)
        if int(text) > limit:
            raise ArchiveError(
                self.gateway.url, f"asks {int(text)} winston for {size} bytes, the limit here is {limit}"
            )
        return int(text)

    def _transaction(self, entry: Sent, bundle: bytes) -> Sent:
        if not entry.posted:
            self._post(entry)
            entry = self._kept(entry, posted=True)
        for number, chunk in enumerate(chunks(bundle)):
            if number < entry.chunks:
                continue
            body = {
                "data_root": entry.signed["data_root"],
                "data_size": str(entry.size),
                "data_path": b64(chunk.proof),
                "offset": str(chunk.offset),
                "chunk": b64(bundle[chunk.start : chunk.end]),
            }
            self._check(entry, self.gateway.post("/chunk", body), f"chunk {number}")
            entry = self._kept(entry, chunks=number + 1)
        return entry

    def _post(self, entry: Sent) -> None:
        """Hand over the transaction. Whatever was answered, or not, to that: it counts whether the gateway knows it."""
        try:
            self._check(entry, self.gateway.post("/tx", entry.signed), "the transaction")
        except ArchiveError:
            if not _known(self.gateway.get(f"/tx/{entry.id}/status")):
                raise

    def _item(self, entry: Sent, bundle: bytes) -> Sent:
        if entry.posted:
            return entry
        tags = [(str(name), str(value)) for name, value in entry.signed["tags"]]
        signature = unb64(entry.signed["signature"])
        item = assemble(ARWEAVE, self.payer.public, signature, None, None, tags, bundle)
        assert self.bundler is not None
        self._check(entry, self.gateway.upload(upload_url(self.bundler), item.raw), "the item")
        return self._kept(entry, posted=True, chunks=_chunks(entry.size))

    def _kept(self, entry: Sent, posted: bool = True, chunks: int = 0) -> Sent:
        entry = msgspec.structs.replace(entry, posted=posted, chunks=chunks, sent_ms=_now_ms())
        self.journal.keep(entry)
        return entry

    def _check(self, entry: Sent, answer: Answer, what: str) -> None:
        if answer.status not in TAKEN:
            where = self.bundler or self.gateway.url
            raise ArchiveError(where, f"did not take {what} of {entry.id}: status {answer.status}: {answer.words}")


def confirmations(gateway: Gateway, entry: Sent) -> int | None:
    """How deep the chain has it; 0 while it waits; None: the gateway does not know of it. Raises `ArchiveError`."""
    if not entry.by_bundler:
        try:
            depth = _mined(gateway, entry.id)
        except ArchiveError:
            if entry.signed:
                raise
            depth = None
        if depth is not None or entry.signed:
            return depth
    node = gateway.one(entry.id)
    if node is None:
        return None
    return max(0, _height(gateway) - node.block.height) if node.block is not None else 0


def _mined(gateway: Gateway, transaction: str) -> int | None:
    answer = gateway.get(f"/tx/{transaction}/status")
    if not _known(answer):
        return None
    try:
        return max(0, msgspec.json.decode(answer.body, type=_Status).number_of_confirmations)
    except (ValueError, RecursionError):
        return 0  # "Pending"


def upload_url(bundler: str) -> str:
    """A bundler's upload endpoint: as it was given, or the usual one below an address without a path."""
    try:
        parts = urlsplit(bundler)
    except ValueError as error:
        raise ArchiveError(ascii(bundler), str(error)) from None
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ArchiveError(bundler, "is no bundler's address; write http://... or https://...")
    return bundler if parts.path not in ("", "/") else f"{bundler.rstrip('/')}/tx/arweave"


class _Status(msgspec.Struct):
    number_of_confirmations: int


class _Info(msgspec.Struct):
    height: int


def _height(gateway: Gateway) -> int:
    answer = gateway.get("/info")
    try:
        return msgspec.json.decode(answer.body, type=_Info).height
    except (ValueError, RecursionError):
        raise Damaged(gateway.url, f"/info answers {answer.words}") from None


def _known(answer: Answer) -> bool:
    if answer.status in (200, 202):
        return True
    if answer.status == 404:
        return False
    raise ArchiveError("transaction status", f"status {answer.status}: {answer.words}")


def _chunks(size: int) -> int:
    return sum(end > start for start, end in split(size))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

"""What a store of permanent data is; `memory` and `disk` are two.

A store keeps whole signed items under their ids, for ever, and finds them by tags. It takes nothing that does not
verify and hands out the bytes it was given. For a reader that is convenience, not evidence: whoever gets an item checks
its id, signature and owner again, and takes the order of a query as a hint, as gateways lie, lag and cut short.

Not for deciding what to put, when to retry, or whether history is right: that is for `upload`, `restore`, `verify`.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Protocol


class State(StrEnum):
    """How safe an item is; never mixed in anything shown to people."""

    STORED = "stored"  # on this machine's disk, or in this process
    SUBMITTED = "submitted"  # handed to Arweave, not yet deep enough in its chain
    PERMANENT = "permanent"  # as many confirmations on Arweave as were asked for


class Store(Protocol):
    """Items are raw ANS-104 bytes, ids base64url. Every method raises `ArchiveError` when the store cannot be used."""

    def put(self, raw_item: bytes) -> str:
        """Keeps one item and returns its id, once it is safe; the same item again changes nothing.

        Raises `Damaged` or `Forged` for what is not a valid item.
        """
        ...

    def put_bundle(self, bundle: bytes) -> list[str]:
        """Keeps all items of a bundle and returns their ids in order; all of them, or none and an error, as `put`."""
        ...

    def get(self, item_id: str) -> bytes:
        """The item's bytes. Raises `Missing`, or `Damaged` when the store has lost some of them."""
        ...

    def query(
        self, tags: Mapping[str, str], owner: str | None = None, limit: int = 100, after: str | None = None
    ) -> list[str]:
        """Ids of items that carry all these tags (and were signed by this address), newest first.

        `after` is the last id of the page before. Raises `Missing` when that id is not known.
        """
        ...

    def confirm(self, item_id: str) -> State:
        """How safe the item is, found out by reading it back. Raises `Missing` or `Damaged`."""
        ...

    def ids(self) -> Iterator[str]:
        """Every item's id, newest first."""
        ...

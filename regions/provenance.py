"""An asset's hands, read out of records: who gave it to whom, and the record that did it. Re-executes nothing.

An asset changes its holder only by an action that its holder signed (law: Title), so every hand but the first stands in
a record as a GiveAsset, or as an outside item with Action=Give, Withdraw or Transfer, whose verdict is done. How it
came about, and when it came back from outside, stands in the chronicle.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import msgspec

from archive.keys import b64
from regions import outside
from regions.errors import RecordError
from regions.record import Acted, Birth, Input, Login, Outside, decode
from world.actions import GiveAsset, decode_action
from world.events import Refusal

DONE: Final = int(Refusal.DONE)


@dataclass(frozen=True)
class Logged:
    """A record's bytes and where they stand: partition index, number, the segment and checkpoint that hold them."""

    region: int
    n: int
    raw: bytes
    segment: str
    checkpoint: int

    @property
    def hash(self) -> bytes:
        """What the next record names as the one before."""
        return sha256(self.raw).digest()


@dataclass(frozen=True)
class Gift:
    """An asset given by one entity to another. A text as receiver is what an item's Recipient has; with `outside` it is
    an address that holds the asset outside the world, as a text as giver is."""

    logged: Logged
    time_ms: int
    era: int
    giver: int | str
    receiver: int | str
    item: str | None  # the outside item that asked for it
    outside: bool = False


def gifts(records: Iterable[Logged], asset: int) -> Iterator[Gift]:
    """Every gift of an asset in these records, in their order."""
    needle, text = msgspec.msgpack.encode(asset), str(asset).encode()
    for logged in records:
        if needle not in logged.raw and text not in logged.raw:
            continue
        record = decode(logged.raw)
        for said, verdict in zip(record.inputs, record.verdicts):
            found = _gift(said, asset) if verdict == DONE else None
            if found is not None:
                yield Gift(logged, record.time_ms, record.era, *found)


def _gift(said: Input, asset: int) -> tuple[int | str, int | str, str | None, bool] | None:
    if isinstance(said, Acted):
        try:
            action = decode_action(said.body)
        except ValueError:
            return None
        given = isinstance(action, GiveAsset) and action.asset == asset
        return (said.entity, action.target, None, False) if given and isinstance(action, GiveAsset) else None
    if isinstance(said, Outside):
        try:
            asked = outside.read(said.item)
        except RecordError:
            return None
        if asked.kind not in ("Give", "Withdraw", "Transfer") or not asked.tag("Asset"):
            return None
        if outside.asset_of(asked) != asset:
            return None
        name = asked.tag("Recipient")
        if asked.kind != "Give":
            giver = said.entity if asked.kind == "Withdraw" else outside.address_text(asked.address)
            return giver, name, b64(asked.item.id), True
        numeric = name.isascii() and name.isdigit()
        return said.entity, int(name) if numeric else name, b64(asked.item.id), False
    return None


def wallets(records: Iterable[Logged], wanted: Callable[[int, str], bool]) -> Iterator[tuple[int, str]]:
    """(entity, address of its wallet) of logins and outside items that `wanted` takes, as AO writes addresses."""
    for logged in records:
        for said in decode(logged.raw).inputs:
            found = _wallet(said)
            if found is not None and wanted(*found):
                yield found


def _wallet(said: Input) -> tuple[int, str] | None:
    if isinstance(said, Login) and not isinstance(said, Birth):
        return said.entity, b64(sha256(said.wallet).digest())
    if isinstance(said, Outside) and said.entity:
        try:
            return said.entity, outside.address_text(outside.read(said.item).address)
        except RecordError:
            return None
    return None

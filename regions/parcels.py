"""Assets between a region and what is outside, as mail carries them (regions.escrow), and as they stand in states."""

from typing import Annotated

import msgspec
from msgspec import Meta

Address = Annotated[bytes, Meta(min_length=20, max_length=32)]
Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Struct(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A MessagePack array with exactly these fields."""


class Left(Struct, frozen=True):
    """Region to world's process: this asset is outside from here on, held by the address `to`."""

    region: int
    asset: Id
    kind: int
    traits: Id
    giver: Id  # the body that had it
    to: Address
    id: Annotated[bytes, Meta(min_length=32, max_length=32)]  # of the item it left by
    item: bytes  # that item; empty for an asset that was outside before and found nobody to come back to


class Claimed(Struct, frozen=True):
    """Region to world's process: the wallet of a body asks for an asset that its address holds outside."""

    region: int
    asset: Id
    entity: Id
    address: Address


class Returned(Struct, frozen=True):
    """World's process to region: this asset is the body's."""

    asset: Id
    kind: int
    traits: Id
    entity: Id
    address: Address  # who held it outside, and will again when the body is not there
    id: Annotated[bytes, Meta(min_length=32, max_length=32)]


class Passed(Struct, frozen=True):
    """An asset that is outside goes from one address to another, as its move of this number."""

    asset: Id
    holder: bytes
    to: bytes
    number: int


class Parcel(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """An asset in escrow: out of its body's hands, not yet outside. The fold writes to it."""

    asset: int
    kind: int
    traits: int
    giver: int  # the body that had it
    to: bytes  # the address outside that will hold it
    n: int  # the record that holds its outgoing item; before there is one, the record that took it out
    id: bytes  # of its outgoing item; empty before that is signed
    item: bytes  # the item, whole; empty as in `Left`
    cause: bytes = b""  # the wallet's item that took it out


class Abroad(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """An asset outside, as the world's process keeps it. The fold writes to it."""

    kind: int
    traits: int
    holder: bytes  # address; empty once it is back inside
    moves: int  # from address to address so far, and back inside
    id: bytes  # of the item it left by; empty once it is back inside

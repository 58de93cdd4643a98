"""How a world maker's own species look in a window: an item in the store beside the map, told to each client.

No fold reads it and no record names it, so a look is changed without new rules. Not here: the files looks are written
in (`clients.look_files`), the pictures they become (`clients.draw`).
"""

from hashlib import sha256
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from archive.data_item import DataItem, parse_item, sign_item
from archive.errors import ArchiveError
from archive.keys import RsaKey, b64
from archive.restore import search
from archive.stores import Store
from regions.charter import Charter
from regions.errors import RecordError

TYPE: Final = "Everloom-Looks"
LOOKS_MAX: Final = 32
COLOURS_MAX: Final = 12
SIZE_MIN: Final = 30
SIZE_MAX: Final = 250

Colour = Annotated[int, Meta(ge=0, le=0xFFFFFF)]


class Look(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """One kind's look: its name, one of the shapes that clients know, the colours of its clothes or coat (0xrrggbb,
    each body has one of them), of a beast's belly (-1: paler than the coat), its size in percent, what it bears
    (`world.shown`).
    """

    kind: Annotated[int, Meta(ge=1, le=31)]
    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,15}$")]
    shape: Annotated[str, Meta(pattern=r"^[a-z]{1,16}$")]
    colours: Annotated[tuple[Colour, ...], Meta(min_length=1, max_length=COLOURS_MAX)]
    belly: Annotated[int, Meta(ge=-1, le=0xFFFFFF)] = -1
    size: Annotated[int, Meta(ge=SIZE_MIN, le=SIZE_MAX)] = 100
    gear: Annotated[int, Meta(ge=0, le=6)] = 0


Looks = Annotated[tuple[Look, ...], Meta(max_length=LOOKS_MAX)]

_decoder: Final[msgspec.json.Decoder[tuple[Look, ...]]] = msgspec.json.Decoder(Looks)


def looks_item(owner: RsaKey, world: str, looks: tuple[Look, ...]) -> DataItem:
    """The looks as an item signed by the world's owner."""
    tags = [("Type", TYPE), ("World", world), ("Content-Type", "application/json")]
    return sign_item(owner, msgspec.json.encode(looks), tags)


def read_looks(raw: bytes) -> tuple[Look, ...]:
    """The looks of an item's data. Raises RecordError for any other bytes."""
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RecordError(f"no looks: {error}") from None


def looks_of(store: Store, charter: Charter) -> tuple[Look, ...]:
    """What a world's owner put into its store, or the owner of the world it was restored from; else nothing.

    A look is worth no halt: what cannot be read is passed over.
    """
    for world in (charter.world, charter.named_before):
        if world is None:
            continue
        try:
            owner = b64(sha256(parse_item(store.get(world)).owner).digest())
            for item_id in search(store, {"Type": TYPE, "World": world}, owner):
                item = parse_item(store.get(item_id))
                item.verify()
                return read_looks(item.data)
        except (ArchiveError, RecordError, OSError):
            continue
    return ()

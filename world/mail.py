"""What one region's rules tell another's: a blow on a body across the border, a tile that changed near it.

Mail is a MessagePack array, its number first, as the structs below list their fields. It is applied exactly once, in
order; who sees to that is the region. Not here: handovers, which are images (`world.borders`).
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from world.state import State
from world.tilemap import FEATURES, TERRAINS
from world.units import SPEED_MAX, WINDOW_TILES, WORLD_TILES_MAX

MAIL_BYTES_MAX: Final = 128
DAMAGE_MAX: Final = 100  # of one blow

_Id = Annotated[int, Meta(ge=1, le=2**63 - 1)]
_Speed = Annotated[int, Meta(ge=-SPEED_MAX, le=SPEED_MAX)]
_Tile = Annotated[int, Meta(ge=0, lt=WORLD_TILES_MAX)]


class Blow(msgspec.Struct, array_like=True, tag=1, frozen=True, forbid_unknown_fields=True):
    """A blow on a body across the border: what it takes from its health and adds to its velocity."""

    target: _Id
    striker: _Id
    damage: Annotated[int, Meta(ge=0, le=DAMAGE_MAX)]
    knock_x: _Speed
    knock_y: _Speed


class TileChange(msgspec.Struct, array_like=True, tag=2, frozen=True, forbid_unknown_fields=True):
    """What a tile of the sender's land is from now on."""

    x: _Tile
    y: _Tile
    terrain: Annotated[int, Meta(ge=0, lt=len(TERRAINS))]
    feature: Annotated[int, Meta(ge=0, lt=len(FEATURES))]
    stock: Annotated[int, Meta(ge=0, le=255)]


_decoder: Final[msgspec.msgpack.Decoder[Blow | TileChange]] = msgspec.msgpack.Decoder(Blow | TileChange)
_encoder: Final = msgspec.msgpack.Encoder()


def encode_mail(mail: Blow | TileChange) -> bytes:
    """The MessagePack bytes of a piece of mail."""
    return _encoder.encode(mail)


def decode_mail(raw: bytes) -> Blow | TileChange:
    """Read a piece of mail; ValueError for any bytes that are not one."""
    if len(raw) > MAIL_BYTES_MAX:
        raise ValueError(f"mail of {len(raw)} bytes; the limit is {MAIL_BYTES_MAX}")
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"not mail: {error}") from None


def tile_mail(state: State, x: int, y: int) -> list[tuple[int, bytes]]:
    """(neighbour, bytes) for each neighbour whose window shows this tile of the land, as it is now."""
    ty, tx = y - state.window[1], x - state.window[0]
    mail = encode_mail(
        TileChange(x, y, int(state.terrain[ty, tx]), int(state.feature[ty, tx]), int(state.stock[ty, tx]))
    )
    near = []
    for neighbour, (x0, y0, x1, y1) in enumerate(state.borders):
        if x0 - WINDOW_TILES <= x < x1 + WINDOW_TILES and y0 - WINDOW_TILES <= y < y1 + WINDOW_TILES:
            near.append((neighbour, mail))
    return near


def apply_tile(state: State, change: TileChange) -> None:
    """Let the window follow a neighbour's tile; a tile of one's own land or beyond the window stays as it is."""
    height, width = state.terrain.shape
    inside = 0 <= change.x - state.window[0] < width and 0 <= change.y - state.window[1] < height
    if inside and not state.has_tile(change.x, change.y):
        state.set_tile(change.x, change.y, change.terrain, change.feature, change.stock)

"""Who leaves for a neighbour, who arrives, and the bytes of a body on its way.

An **image** is a body with all it owns, as a departure, a sleeper and an arrival carry it. Little-endian:

    u16 version (2) · u16 number of assets n · i64 id · i32 x COLUMNS, the columns in the order of `world.state`
    · n x (i64 id, i64 kind, i64 traits), ids rising

Version 1, read but no longer written (sleepers of older worlds), has the first COLUMNS_1 columns: five kinds of goods,
and nothing worn.

Not here: what is seen across a border (`world.ghosts`); letters, room, who is fresh.
"""

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit

from world.collision import neighbour_at, past_border
from world.kinds import PILE, PLAYER
from world.ranges import columns_problem
from world.state import (
    ASSET_HOLDER,
    ASSET_ID,
    ASSET_KIND,
    ASSET_TRAITS,
    COLUMNS,
    DOWN_TICKS,
    GOODS_0,
    HEALTH,
    HOP,
    KIND,
    MODE,
    VX,
    VY,
    Int32s,
    Int64s,
    State,
    X,
    Y,
)
from world.units import (
    ASSETS_PER_BODY,
    BORDER_MARGIN,
    ROWS_RESERVED_PER_NEIGHBOUR,
)

_VERSION: Final = 2
_HEAD: Final = struct.Struct("<HHq")
_ASSET_BYTES: Final = 24
_COLUMN_BYTES: Final = 4 * COLUMNS
COLUMNS_1: Final = GOODS_0 + 5
"""Columns of a body in version 1; the later ones follow them, and are 0 in what is read from it."""
IMAGE_BYTES_MAX: Final = _HEAD.size + _COLUMN_BYTES + _ASSET_BYTES * ASSETS_PER_BODY

ASLEEP: Final = 15
"""The MODE of a player's image while it sleeps."""


@njit(cache=True)
def _leaving(rows: Int32s, used: int, land: Int64s, borders: Int64s, room: Int64s) -> Int64s:
    """int64[n, 2] of (row, neighbour) that leave now; whoever may not is put back where it came from."""
    leaving = np.empty((used, 2), np.int64)
    found = 0
    left = room.copy()
    for i in range(used):
        if rows[KIND, i] == 0 or rows[KIND, i] == PILE:
            continue
        x = int(rows[X, i])
        y = int(rows[Y, i])
        if past_border(land, x, y) < BORDER_MARGIN:
            continue
        neighbour = neighbour_at(borders, x >> 16, y >> 16)
        if neighbour >= 0 and left[neighbour] > 0:
            left[neighbour] -= 1
            leaving[found, 0] = i
            leaving[found, 1] = neighbour
            found += 1
            continue
        x -= rows[VX, i]
        y -= rows[VY, i]
        if past_border(land, x, y) >= BORDER_MARGIN:
            x = min(max(x, land[0] << 16), (land[2] << 16) - 1)
            y = min(max(y, land[1] << 16), (land[3] << 16) - 1)
        rows[X, i] = x
        rows[Y, i] = y
        rows[VX, i] = 0
        rows[VY, i] = 0
    return leaving[:found]


def depart(state: State, room: Int64s) -> list[tuple[int, int, int, bytes]]:
    """Take out all who are past an open border by its margin: (neighbour, entity, hop, image); HOP was raised, their
    rows are free."""
    departures = []
    for row, neighbour in _leaving(state.rows, state.used, state.land_box, state.border_boxes, room).tolist():
        entity = int(state.ids[row])
        hop = int(state.rows[HOP, row]) + 1
        state.rows[HOP, row] = hop
        departures.append((neighbour, entity, hop, remove(state, entity)))
    return departures


def image_of(state: State, entity: int) -> bytes:
    """The image of a body that is here; KeyError when it is not."""
    row = state.index[entity]
    held = state.assets[:, : state.assets_used]
    held = held[:, held[ASSET_HOLDER] == entity]
    held = held[:, np.argsort(held[ASSET_ID], kind="stable")]
    goods = np.ascontiguousarray(held[[ASSET_ID, ASSET_KIND, ASSET_TRAITS]].T)
    head = _HEAD.pack(_VERSION, goods.shape[0], entity)
    return head + state.rows[:, row].astype("<i4").tobytes() + goods.astype("<i8").tobytes()


def remove(state: State, entity: int) -> bytes:
    """Take a body and its assets out; its image. KeyError when it is not here."""
    image = image_of(state, entity)
    drop_assets(state, entity)
    state.free_row(entity)
    return image


def drop_assets(state: State, holder: int) -> None:
    """Take all assets of a holder out of the table; the others keep their order."""
    used = state.assets_used
    kept = state.assets[:, :used][:, state.assets[ASSET_HOLDER, :used] != holder]
    if kept.shape[1] == used:
        return
    state.assets[:, : kept.shape[1]] = kept
    state.assets[:, kept.shape[1] : used] = 0
    state.assets_used = kept.shape[1]


def add_asset(state: State, asset: int, holder: int, kind: int, traits: int) -> None:
    """Put an asset into the table, which grows past ASSETS_PER_REGION for arrivals: they always fit."""
    if state.assets_used == state.assets.shape[1]:
        state.assets = np.concatenate([state.assets, np.zeros_like(state.assets)], axis=1)
    state.assets[:, state.assets_used] = (asset, holder, kind, traits)
    state.assets_used += 1


@dataclass(frozen=True)
class Image:
    """An image, read: `columns` is int32[COLUMNS], `assets` are (id, kind, traits)."""

    entity: int
    columns: Int32s
    assets: tuple[tuple[int, int, int], ...]


def read_image(image: bytes) -> Image:
    """Read an image strictly; ValueError, with the numbers, for any bytes that are not one."""
    least = _HEAD.size + 4 * COLUMNS_1
    if not least <= len(image) <= IMAGE_BYTES_MAX:
        raise ValueError(f"an image of {len(image)} bytes, expected {least} to {IMAGE_BYTES_MAX}")
    version, count, entity = _HEAD.unpack_from(image)
    written = COLUMNS_1 if version == 1 else COLUMNS
    at = _HEAD.size + 4 * written
    expected = at + _ASSET_BYTES * count
    if version not in (1, _VERSION) or len(image) != expected:
        raise ValueError(f"an image of version {version} and {len(image)} bytes, expected {_VERSION} and {expected}")
    if entity <= 0:
        raise ValueError(f"an image of entity {entity}, expected a positive id")
    columns = np.zeros(COLUMNS, np.int32)
    columns[:written] = np.frombuffer(image, "<i4", written, _HEAD.size)
    problem = columns_problem(columns[:, None])
    if problem:
        raise ValueError(f"the image of entity {entity}: {problem}")
    if columns[HEALTH] == 0 and columns[DOWN_TICKS] == 0:
        raise ValueError(f"the image of entity {entity} stands without health")
    triples = np.frombuffer(image, "<i8", 3 * count, at).reshape(count, 3).tolist()
    before = 0
    for asset, kind, traits in triples:
        if asset <= before or not 1 <= kind <= 15 or traits < 0:
            raise ValueError(f"the image of entity {entity} holds asset {asset} of kind {kind} after asset {before}")
        before = asset
    if triples and columns[KIND] != PLAYER:
        raise ValueError(f"the image of entity {entity}, of kind {int(columns[KIND])}, holds {count} assets")
    return Image(entity, columns, tuple((asset, kind, traits) for asset, kind, traits in triples))


def entity_of(image: bytes) -> tuple[int, int, int]:
    """(id, hop, kind) of an image; ValueError for any bytes that are not one."""
    read = read_image(image)
    return read.entity, int(read.columns[HOP]), int(read.columns[KIND])


def arrive(state: State, image: bytes) -> tuple[int, bool]:
    """Put a body and its assets in; (its row, whether it wakes from sleep).

    ValueError for bytes that are no image, a body or asset that is here already, or a place off this land;
    OverflowError when all rows are taken, which the room promised to neighbours prevents.
    """
    read = read_image(image)
    here = set(state.assets[ASSET_ID, : state.assets_used].tolist()) if read.assets else set()
    for asset, _, _ in read.assets:
        if asset in here:
            raise ValueError(f"asset {asset} arrives with entity {read.entity} and is here already")
    if past_border(state.land_box, int(read.columns[X]), int(read.columns[Y])) >= BORDER_MARGIN:
        where = int(read.columns[X]) >> 16, int(read.columns[Y]) >> 16
        raise ValueError(f"entity {read.entity} arrives at tile {where}, off the land {state.land}")
    row = state.take_row(read.entity)
    state.rows[:, row] = read.columns
    wakes = bool(read.columns[KIND] == PLAYER and read.columns[MODE] == ASLEEP)
    if wakes:
        state.rows[MODE, row] = 0
    for asset, kind, traits in read.assets:
        add_asset(state, asset, read.entity, kind, traits)
    return row, wakes


def rows_reserved(state: State) -> int:
    """Rows that births, piles and sleepers leave free for the bodies promised to the neighbours."""
    return ROWS_RESERVED_PER_NEIGHBOUR * len(state.borders)


def room_for_births(state: State) -> int:
    """How many rows births and piles may still take."""
    return max(0, state.free_rows() - rows_reserved(state))

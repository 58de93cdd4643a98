"""Canonical bytes of a region's state, and their digest: equal states have equal bytes, on every machine.

The format, all integers little-endian:

    u32 length of the header · header · arrays, one after the other, nothing behind them

The header is the MessagePack array `[2, land, world_size, borders, window, [height, width], used, assets, owed,
spawns, doors, goals, offers]` (rectangles and pairs as arrays of integers, the last seven as counts), packed in the
shortest way. The arrays:

    u8 terrain[height, width] · u8 feature[height, width] · u8 stock[height, width]
    i32 rows[COLUMNS, used] · i64 ids[used] · i64 assets[ASSET_COLUMNS, assets] · i64 counters[Counter.COUNT]
    i32 owed[owed, OWED_COLUMNS] · i32 spawns[spawns, 2]
    i64 doors[doors, DOOR_COLUMNS] · i64 flows[FLOWS_MAX, THINGS]
    i64 species[SPECIES_LINES, KINDS] · i32 goals[goals, 3] · i32 edges[goals, 2 * (width + height) - 4]
    u8 routes[height, width] · i64 offers[offers, OFFER_COLUMNS]

Version 1, read but no longer written, ends its header before `doors`, has no array behind `spawns` (so neither
shared ways nor offers, and the built-in species), and rows of the first 34 columns: five kinds of goods, nothing worn.
"""

import struct
from hashlib import sha256
from typing import Annotated, Final

import msgspec
import numpy as np
from msgspec import Meta

from world.borders import COLUMNS_1
from world.invariants import InvariantError, check
from world.routes import edge_tiles, rebuild, routes_problem
from world.species import BUILT_IN, KINDS, SPECIES_LINES, species_problem
from world.state import ASSET_COLUMNS, COLUMNS, DOOR_COLUMNS, OFFER_COLUMNS, OWED_COLUMNS, Counter, State
from world.things import FLOWS_MAX, THINGS
from world.units import (
    ASSETS_PER_BODY,
    DOORS_MAX,
    NEIGHBOURS_MAX,
    OFFERS_MAX,
    OWED_MAX,
    REGION_ROWS,
    ROUTES_MAX,
    SPAWNS_PER_REGION,
    WORLD_TILES_MAX,
)

STATE_VERSION: Final = 2
HEADER_BYTES_MAX: Final = 1024
_LENGTH: Final = struct.Struct("<I")

_Tile = Annotated[int, Meta(ge=0, le=WORLD_TILES_MAX)]
_Side = Annotated[int, Meta(ge=1, le=WORLD_TILES_MAX)]
_Rectangle = tuple[_Tile, _Tile, _Tile, _Tile]


class _Header1(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    version: Annotated[int, Meta(ge=1, le=STATE_VERSION)]
    land: _Rectangle
    world_size: tuple[_Side, _Side]
    borders: Annotated[tuple[_Rectangle, ...], Meta(max_length=NEIGHBOURS_MAX)]
    window: tuple[_Tile, _Tile]
    shape: tuple[_Side, _Side]
    used: Annotated[int, Meta(ge=0, le=REGION_ROWS)]
    assets: Annotated[int, Meta(ge=0, le=REGION_ROWS * ASSETS_PER_BODY)]
    owed: Annotated[int, Meta(ge=0, le=OWED_MAX)]
    spawns: Annotated[int, Meta(ge=0, le=SPAWNS_PER_REGION)]


class _Header(_Header1, array_like=True, forbid_unknown_fields=True):
    doors: Annotated[int, Meta(ge=0, le=DOORS_MAX)]
    goals: Annotated[int, Meta(ge=0, le=ROUTES_MAX)]
    offers: Annotated[int, Meta(ge=0, le=OFFERS_MAX)]


def encode(state: State) -> bytes:
    """The state's bytes."""
    shape = state.terrain.shape
    header = msgspec.msgpack.encode(
        _Header(
            version=STATE_VERSION,
            land=state.land,
            world_size=state.world_size,
            borders=state.borders,
            window=state.window,
            shape=(shape[0], shape[1]),
            used=state.used,
            assets=state.assets_used,
            owed=len(state.owed),
            spawns=len(state.spawns),
            doors=len(state.doors),
            goals=len(state.goals),
            offers=len(state.offers),
        )
    )
    return b"".join(
        (
            _LENGTH.pack(len(header)),
            header,
            state.terrain.tobytes(),
            state.feature.tobytes(),
            state.stock.tobytes(),
            state.rows[:, : state.used].astype("<i4", copy=False).tobytes(),
            state.ids[: state.used].astype("<i8", copy=False).tobytes(),
            state.assets[:, : state.assets_used].astype("<i8", copy=False).tobytes(),
            state.counters.astype("<i8", copy=False).tobytes(),
            state.owed.astype("<i4", copy=False).tobytes(),
            state.spawns.astype("<i4", copy=False).tobytes(),
            state.doors.astype("<i8", copy=False).tobytes(),
            state.flows.astype("<i8", copy=False).tobytes(),
            state.species.astype("<i8", copy=False).tobytes(),
            state.goals.astype("<i4", copy=False).tobytes(),
            state.edges.astype("<i4", copy=False).tobytes(),
            state.routes.tobytes(),
            state.offers.astype("<i8", copy=False).tobytes(),
        )
    )


def digest(state: State) -> bytes:
    """SHA-256 of the state's bytes."""
    return sha256(encode(state)).digest()


def decode(data: bytes) -> State:
    """The state with these bytes. ValueError, with the numbers, for any bytes that `encode` would not have made."""
    header, at = _read_header(data)
    height, width = header.shape
    old, doors_here, goals_here, offers_here = True, 0, 0, 0
    if isinstance(header, _Header):
        old, doors_here, goals_here, offers_here = False, header.doors, header.goals, header.offers
    columns, flowing = (COLUMNS_1, 0) if old else (COLUMNS, FLOWS_MAX)
    edge = len(edge_tiles((height, width))[0])
    pieces = (
        (3 * height * width, 1),
        (columns * header.used, 4),
        (header.used, 8),
        (ASSET_COLUMNS * header.assets, 8),
        (Counter.COUNT, 8),
        (OWED_COLUMNS * header.owed, 4),
        (2 * header.spawns, 4),
        (DOOR_COLUMNS * doors_here, 8),
        (THINGS * flowing, 8),
        (0 if old else SPECIES_LINES * KINDS, 8),
        (3 * goals_here, 4),
        (edge * goals_here, 4),
        (0 if old else height * width, 1),
        (OFFER_COLUMNS * offers_here, 8),
    )
    expected = at + sum(count * size for count, size in pieces)
    if len(data) != expected:
        raise ValueError(f"a state of {len(data)} bytes, its header says {expected}")
    arrays = []
    for count, size in pieces:
        arrays.append(np.frombuffer(data, f"<i{size}" if size > 1 else "u1", count, at))
        at += count * size
    layers, rows, ids, assets, counters, owed, spawns, doors, flows, species, goals, edges, routes, offers = arrays
    layers = layers.reshape(3, height, width)
    if int(layers[0].max()) > 15 or int(layers[1].max()) > 15:
        raise ValueError(f"tile codes up to {int(layers[:2].max())}, expected less than 16")
    state = State(
        land=header.land,
        world_size=header.world_size,
        borders=header.borders,
        window=header.window,
        terrain=layers[0].copy(),
        feature=layers[1].copy(),
        stock=layers[2].copy(),
        used=header.used,
        assets_used=header.assets,
        counters=counters.astype(np.int64),
        owed=owed.reshape(header.owed, OWED_COLUMNS).astype(np.int32),
        spawns=spawns.reshape(header.spawns, 2).astype(np.int32),
        doors=doors.reshape(doors_here, DOOR_COLUMNS).astype(np.int64),
        species=BUILT_IN.copy() if old else species.reshape(SPECIES_LINES, KINDS).astype(np.int64),
        goals=goals.reshape(goals_here, 3).astype(np.int32),
        edges=edges.reshape(goals_here, edge).astype(np.int32),
        routes=routes.reshape(height, width).copy() if not old else np.zeros((0, 0), np.uint8),
        offers=offers.reshape(offers_here, OFFER_COLUMNS).astype(np.int64),
    )
    state.flows[:flowing] = flows.reshape(flowing, THINGS)
    state.rows[:columns, : header.used] = rows.reshape(columns, header.used)
    state.ids[: header.used] = ids
    if header.assets > state.assets.shape[1]:
        state.assets = np.zeros((ASSET_COLUMNS, header.assets), np.int64)
    state.assets[:, : header.assets] = assets.reshape(ASSET_COLUMNS, header.assets)
    state.reindex()
    try:
        check(state)
    except InvariantError as error:
        raise ValueError(f"not a state of the rules: {error}") from None
    if problem := species_problem(state.species) or routes_problem(state):
        raise ValueError(f"not a state of the rules: {problem}")
    rebuild(state)
    return state


def _read_header(data: bytes) -> tuple[_Header1, int]:
    if len(data) < _LENGTH.size:
        raise ValueError(f"a state of {len(data)} bytes has no header")
    (size,) = _LENGTH.unpack_from(data)
    end = _LENGTH.size + size
    if size > HEADER_BYTES_MAX or end > len(data):
        raise ValueError(f"a header of {size} bytes in {len(data)}, the limit is {HEADER_BYTES_MAX}")
    raw = data[_LENGTH.size : end]
    try:
        header = msgspec.msgpack.decode(raw, type=_Header1 if raw[1:2] == b"\1" else _Header)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"the header of a state: {error}") from None
    if msgspec.msgpack.encode(header) != raw or (header.version == 1) == isinstance(header, _Header):
        raise ValueError(f"the header of {size} bytes is not packed in the shortest way, or of another version")
    _check_places(header)
    return header, end


def _check_places(header: _Header1) -> None:
    width, height = header.world_size
    for x0, y0, x1, y1 in (header.land, *header.borders):
        if not (x0 < x1 <= width and y0 < y1 <= height):
            raise ValueError(f"rectangle {(x0, y0, x1, y1)} is empty or leaves the world of {width} x {height}")
    left, top = header.window
    tall, wide = header.shape
    x0, y0, x1, y1 = header.land
    if left > x0 or top > y0 or left + wide < x1 or top + tall < y1 or left + wide > width or top + tall > height:
        raise ValueError(f"a window of {wide} x {tall} at {header.window} does not fit the land {header.land}")

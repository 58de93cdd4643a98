"""The charter: what the world's owner signs to open an era. From it and the store everything else follows.

The item's data is one JSON object, its fields as in `Charter`, ids and keys base64url, sorted keys, no blanks. Tags:
Type=Everloom-Era, World, Era. The charter of era 1 is the world's founding; a later one names the checkpoint and the
cut from which the world was restored.
"""

import hashlib
from itertools import combinations
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from archive.data_item import DataItem, parse_item, sign_item
from archive.errors import ArchiveError
from archive.keys import RsaKey, b64, unb64
from regions.config import REGIONS_MAX
from regions.errors import RecordError
from world.units import CHUNK_TILES, WORLD_TILES_MAX

Id = Annotated[str, Meta(min_length=43, max_length=43)]
Tiles = Annotated[int, Meta(ge=0, le=WORLD_TILES_MAX)]
Rectangle = tuple[Tiles, Tiles, Tiles, Tiles]


class Seats(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One region in the partition: its Process item, its land in tiles, the id of its AO assignment 0."""

    process: Id
    land: Rectangle
    assignment: Id


class Cut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where an era begins in one region: the last record of the era before that counts, and its hash."""

    n: Annotated[int, Meta(ge=0)]
    hash: Id


class Charter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the owner signs. `seats[0]` is the world's process, whose land is empty; `world` is its id.

    `checkpoint` is the manifest's id and `cut` one entry per seat; both are absent in era 1.
    """

    format: Annotated[int, Meta(ge=1, le=1)]
    era: Annotated[int, Meta(ge=1, lt=2**15)]
    world: Id
    module: Id
    map: Id
    map_tiles: tuple[Tiles, Tiles]
    scheduler: Id
    nodes: Annotated[list[Id], Meta(min_length=1, max_length=64)]
    roster: Annotated[int, Meta(ge=0)]
    partition: Annotated[int, Meta(ge=0)]
    seats: Annotated[list[Seats], Meta(min_length=2, max_length=REGIONS_MAX + 1)]
    population: tuple[int, int, int]
    checkpoint: Id | None = None
    cut: list[Cut] | None = None
    named_before: Id | None = None  # a world restored without the owner's key is a new one; this is what it came from

    def neighbours(self, index: int) -> list[int]:
        """Partition indices of a region's neighbours: the world's process first, then every region it touches."""
        if index == 0:
            return list(range(1, len(self.seats)))
        touching = [other for other in range(1, len(self.seats)) if other != index and self._touch(index, other)]
        return [0, *touching]

    @property
    def short(self) -> str:
        """The world's short name on the bus and in log names: the first 12 hex digits of its id."""
        return unb64(self.world).hex()[:12]

    def _touch(self, one: int, other: int) -> bool:
        ax0, ay0, ax1, ay1 = self.seats[one].land
        bx0, by0, bx1, by1 = self.seats[other].land
        return ax0 <= bx1 and bx0 <= ax1 and ay0 <= by1 and by0 <= ay1

    def processes(self) -> dict[int, bytes]:
        """Region ids by partition index."""
        return {index: unb64(seat.process) for index, seat in enumerate(self.seats)}


_decoder: Final = msgspec.json.Decoder(Charter)
_encoder: Final = msgspec.json.Encoder(order="sorted")
TYPE: Final = "Everloom-Era"


def sign_charter(owner: RsaKey, charter: Charter) -> DataItem:
    """The charter as an item signed by the world's owner."""
    tags = [("Type", TYPE), ("World", charter.world), ("Era", str(charter.era)), ("Content-Type", "application/json")]
    return sign_item(owner, _encoder.encode(charter), tags)


def read_charter(raw: bytes, owner: bytes | None = None) -> tuple[Charter, DataItem]:
    """Read and verify a charter item. `owner` is SHA-256 of the public key that must have signed it, where known.

    Raises RecordError for anything else.
    """
    try:
        item = parse_item(raw)
        item.verify()
        charter = _decoder.decode(item.data)
    except (ArchiveError, msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RecordError(f"not a charter: {error}") from None
    if owner is not None and hashlib.sha256(item.owner).digest() != owner:
        raise RecordError(f"the charter of era {charter.era} was not signed by the world's owner")
    _check(charter)
    return charter, item


def _check(charter: Charter) -> None:
    _check_ids(charter)
    width, height = charter.map_tiles
    area = 0
    for seat in charter.seats[1:]:
        x0, y0, x1, y1 = seat.land
        if any(side % CHUNK_TILES for side in seat.land) or not (x0 < x1 <= width and y0 < y1 <= height):
            raise RecordError(
                f"a region's land {seat.land} is not a rectangle of whole chunks inside {width} x {height}"
            )
        area += (x1 - x0) * (y1 - y0)
    lands = [seat.land for seat in charter.seats[1:]]
    if area != width * height or any(_overlap(one, other) for one, other in combinations(lands, 2)):
        raise RecordError(f"the regions do not cover the {width} x {height} tiles of the map once each")
    if charter.seats[0].process != charter.world:
        raise RecordError("the first seat is not the world's own process")
    restored = charter.era > 1
    if restored != (charter.checkpoint is not None) or restored != (charter.cut is not None):
        raise RecordError(f"era {charter.era} {'lacks' if restored else 'has'} a checkpoint and a cut to begin from")
    if charter.cut is not None and len(charter.cut) != len(charter.seats):
        raise RecordError(f"the cut has {len(charter.cut)} entries for {len(charter.seats)} regions")


def _check_ids(charter: Charter) -> None:
    ids = [charter.world, charter.module, charter.map, charter.scheduler, *charter.nodes]
    ids += [one for seat in charter.seats for one in (seat.process, seat.assignment)]
    ids += [cut.hash for cut in charter.cut or ()]
    ids += [one for one in (charter.checkpoint, charter.named_before) if one is not None]
    for one in ids:
        try:
            unb64(one)
        except ArchiveError as error:
            raise RecordError(f"an id of the charter: {error}") from None
    processes = {seat.process for seat in charter.seats}
    if len(processes) != len(charter.seats):
        raise RecordError(f"{len(charter.seats)} regions have {len(processes)} Process items")


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def partition(width: int, height: int, columns: int, rows: int) -> list[tuple[int, int, int, int]]:
    """Cut a map of whole chunks into columns x rows rectangles of whole chunks, row by row.

    Raises ValueError when there are more regions than chunks on a side, or than one machine takes.
    """
    across, down = width // CHUNK_TILES, height // CHUNK_TILES
    if not (1 <= columns <= across and 1 <= rows <= down):
        raise ValueError(f"{columns} x {rows} regions do not fit a map of {across} x {down} chunks")
    if columns * rows > REGIONS_MAX:
        raise ValueError(f"{columns * rows} regions; the limit on one machine is {REGIONS_MAX}")
    xs = [across * i // columns * CHUNK_TILES for i in range(columns + 1)]
    ys = [down * i // rows * CHUNK_TILES for i in range(rows + 1)]
    return [(xs[i], ys[j], xs[i + 1], ys[j + 1]) for j in range(rows) for i in range(columns)]


def first_charter(
    module: DataItem,
    world_map: DataItem,
    map_tiles: tuple[int, int],
    seats: list[Seats],
    scheduler: bytes,
    nodes: list[bytes],
    population: tuple[int, int, int],
) -> Charter:
    """The charter of era 1."""
    return Charter(
        format=1,
        era=1,
        world=seats[0].process,
        module=b64(module.id),
        map=b64(world_map.id),
        map_tiles=map_tiles,
        scheduler=b64(scheduler),
        nodes=[b64(node) for node in nodes],
        roster=1,
        partition=1,
        seats=seats,
        population=population,
    )

"""What an archived item holds, in lines that people read; kinds of items; strangers' text made fit for a terminal."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

from archive import assets, checkpoint, chronicle, segment, snapshot
from archive.data_item import DataItem
from archive.errors import Damaged
from archive.keys import b64
from regions.charter import read_charter
from regions.errors import RecordError
from regions.founding import read_map
from regions.looks import TYPE as LOOKS
from regions.module import differences, read_sources

KINDS: Final = {
    "Module": "module",
    "Process": "process",
    "Assignment": "assignment",
    "Everloom-Map": "map",
    "Everloom-Era": "era",
    "Everloom-Sealed-Key": "sealed-key",
    LOOKS: "looks",
    segment.TYPE: "segment",
    snapshot.TYPE: "snapshot",
    checkpoint.TYPE: "manifest",
    assets.TABLE: "table",
    chronicle.TYPE: "chronicle",
    assets.COLLECTION: "collection",
    "token": "asset-metadata",
    "image": "picture",
    "Message": "withdrawal",  # regions.escrow
}
OTHER: Final = "other"
TEXT_SHOWN: Final = 4_000  # characters of an item's text
LINES_SHOWN: Final = 40


def kind_of(tags: tuple[tuple[str, str], ...]) -> str:
    """The kind of an item by its Type tag; `other` for what this world does not make."""
    return KINDS.get(next((value for name, value in tags if name == "Type"), ""), OTHER)


def escaped(text: str) -> str:
    """A stranger's text made fit for a terminal: what cannot be printed is shown as its escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def utc(time_ms: int) -> str:
    """A time in words."""
    try:
        return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{time_ms} ms"


def held(item: DataItem) -> Iterator[str]:
    """What an item holds, in lines. ArchiveError or ValueError for one that is not what its Type says."""
    reader = _READERS.get(kind_of(item.tags))
    if reader is not None:
        yield from reader(item)
    else:
        yield f"data:  {len(item.data)} bytes"
        yield from _text(item.data)


def _manifest(item: DataItem) -> Iterator[str]:
    manifest = checkpoint.read_item(item)
    yield f"checkpoint {manifest.number} of era {manifest.era}, {'whole' if manifest.full else 'a difference'}"
    ordered = f"ordered by record {manifest.ordered}" if manifest.ordered else "made at a planned stop"
    yield f"made of the world up to {utc(manifest.time_ms)}, {ordered}"
    yield f"follows {manifest.previous or 'nothing: it is the first'}"
    yield f"state hash {manifest.state_hash}"
    for index, region in enumerate(manifest.regions):
        name = f"region {index}" if index else "the world's process"
        begins = f"snapshot at {region.snapshot_n}" if region.snapshot else "the founding"
        runs = ", ".join(f"{run.first}..{run.last}" for run in region.segments) or "none"
        yield f"{name}: adds records {region.first}..{region.end}; from {begins}, segments {runs}"
    yield f"{len(manifest.assets)} new assets" + "".join(f"; {one.asset}: {one.metadata}" for one in manifest.assets)
    yield f"table of assets {manifest.table}; chronicle {manifest.chronicle or 'nothing to tell'}"


def _chronicle(item: DataItem) -> Iterator[str]:
    lines = chronicle.decode(item.data)
    yield f"{len(lines)} key events"
    for line in lines[:LINES_SHOWN]:
        yield f"{line.get('time', '')}  region {line.get('region', '')}  {line.get('text', '')}"
    if len(lines) > LINES_SHOWN:
        yield f"and {len(lines) - LINES_SHOWN} more"


def _segment(item: DataItem) -> Iterator[str]:
    _, part = segment.read_item(item)
    yield f"records {part.first}..{part.last} of era {part.era}, {sum(map(len, part.records))} bytes unpacked"
    yield f"follows the record that hashes to {b64(part.previous)}"
    yield f"record {part.last} hashes to {b64(part.last_hash)}"


def _snapshot(item: DataItem) -> Iterator[str]:
    _, found = snapshot.read_item(item)
    yield f"the state after record {found.n} of era {found.era}, {len(found.state)} bytes unpacked"
    yield f"that record hashes to {b64(found.head)}"


def _metadata(item: DataItem) -> Iterator[str]:
    try:
        words = json.loads(item.data)
        text = json.dumps(words, indent=1, ensure_ascii=False)
    except RecursionError:
        raise Damaged(b64(item.id), "its JSON is nested too deeply") from None
    if not isinstance(words, dict):
        raise Damaged(b64(item.id), "its JSON is not an object")
    yield from text[:TEXT_SHOWN].splitlines()


def _table(item: DataItem) -> Iterator[str]:
    rows = assets.decode_table(item.data)
    yield f"{len(rows)} assets and who holds them"
    for row in rows[:LINES_SHOWN]:
        yield f"{assets.asset_name(row.asset)} is held by {assets.asset_name(row.holder)} in region {row.region}"
    if len(rows) > LINES_SHOWN:
        yield f"and {len(rows) - LINES_SHOWN} more"


def _collection(item: DataItem) -> Iterator[str]:
    found = assets.decode_collection(item.data)
    yield f"a list of {len(found)} assets"
    yield from found[:LINES_SHOWN]
    if len(found) > LINES_SHOWN:
        yield f"and {len(found) - LINES_SHOWN} more"


def _charter(item: DataItem) -> Iterator[str]:
    try:
        charter, _ = read_charter(item.raw)
    except RecordError as error:
        raise Damaged(b64(item.id), str(error)) from None
    yield f"opens era {charter.era} of world {charter.world}"
    yield f"a map of {charter.map_tiles[0]} x {charter.map_tiles[1]} tiles: {charter.map}"
    yield f"rules: {charter.module}"
    for index, seat in enumerate(charter.seats):
        yield f"{f'region {index}' if index else 'the world'}: process {seat.process}, tiles {seat.land}"
    yield f"nodes: {', '.join(charter.nodes)}"
    if charter.checkpoint is not None:
        yield f"begins at checkpoint {charter.checkpoint}" + (
            f", made from world {charter.named_before}" if charter.named_before else ""
        )


def _module(item: DataItem) -> Iterator[str]:
    files = read_sources(item.data)
    yield f"{len(files)} files of rules: {', '.join(name for name, _ in files)}"
    differing = differences(item.data)
    yield f"differs from what is installed: {', '.join(differing)}" if differing else "the installed rules are the same"


def _map(item: DataItem) -> Iterator[str]:
    world_map = read_map(item)
    yield f"{world_map.width} x {world_map.height} tiles, {len(world_map.homes)} homes, {len(world_map.fields)} fields"
    yield f"{len(world_map.player_spawns)} places where players begin"


def _picture_words(item: DataItem) -> Iterator[str]:
    yield f"a picture of {len(item.data)} bytes"


def _text(data: bytes) -> Iterator[str]:
    """Data that is text, as far as it is shown."""
    try:
        text = data[:TEXT_SHOWN].decode()
    except UnicodeDecodeError:
        return
    yield from text.splitlines()[:LINES_SHOWN]


_READERS: Final[dict[str, Callable[[DataItem], Iterator[str]]]] = {
    "manifest": _manifest,
    "chronicle": _chronicle,
    "segment": _segment,
    "snapshot": _snapshot,
    "asset-metadata": _metadata,
    "table": _table,
    "collection": _collection,
    "era": _charter,
    "module": _module,
    "map": _map,
    "picture": _picture_words,
}

"""`everloom archive cost`: what a world's archive takes a day, in bytes and AR, by kind of item; and with more players.

Measured out of a store: the bytes of each kind of item, how often each comes, and of the log how much is there because
of players (each segment is written once more without their inputs). From these the day of a world with so many players
at every moment is reckoned: what is the world's own stays, what is a player's is multiplied. The price of a byte is
asked for, never assumed.
"""

import itertools
import json
import statistics
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from archive import assets, segment
from archive.checkpoint import Manifest
from archive.errors import ArchiveError, Missing
from archive.history import History
from archive.restore import load_segment
from archive.segment import Segment
from archive.stores.catalogue import Listed
from archive.stores.disk import DiskStore
from archive.stores.gateway import Gateway
from clients.item_words import kind_of
from clients.source import opened
from regions.config import SNAPSHOT_EVERY_CHECKPOINTS
from regions.errors import ConfigError
from regions.record import Acted, Head, Input, Login, Outside, Record, decode, encode, record_hash
from regions.revive import opening_of
from world.units import FINDS_PER_HOUR, TICKS_PER_SECOND

DAY_S: Final = 86_400
GIB: Final = 1 << 30
WINSTON: Final = 10**12
SEGMENTS_READ_MAX: Final = 240  # evenly spread; the others are like them
ONCE: Final = ("module", "map", "process", "assignment", "era", "sealed-key", "other")
BUNDLE_LINE: Final = 64  # of a bundle's header, an item


@dataclass
class Log:
    """What was found in the segments that were read."""

    bytes: int = 0
    bytes_without_players: int = 0
    region_seconds: float = 0.0
    player_seconds: float = 0.0
    read: int = 0
    of: int = 0


@dataclass
class Measured:
    """What a store holds of one world."""

    world: str
    items: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)
    log: Log = field(default_factory=Log)
    seconds: float = 0.0
    checkpoint_s: float = 0.0
    regions: int = 0

    @property
    def players(self) -> float:
        """How many players acted at a time, on average."""
        return self.log.player_seconds / max(self.seconds_read, 1e-9)

    @property
    def seconds_read(self) -> float:
        """Seconds of the world's life that were read."""
        return self.log.region_seconds / max(1, self.regions)

    def mean(self, kind: str) -> float:
        """Bytes of an item, with its line in a bundle's header."""
        return self.bytes[kind] / self.items[kind] + BUNDLE_LINE if self.items[kind] else 0.0


def run(where: Path | str, which: str, players: str, ar_per_gib: float | None, price_from: str, as_json: bool) -> int:
    """Measure and reckon. Raises ArchiveError and ConfigError."""
    console = Console(stderr=True)
    counts = _counts(players)
    price, source = _price(ar_per_gib, price_from)
    with opened(where, which, console) as disk:
        found = measure(disk, which or None)
    days = {"as measured": day(found, None)} | {f"{count} players": day(found, count) for count in counts}
    if as_json:
        print(json.dumps(_json(found, days, price, source)))
    else:
        _show(found, days, price, source)
    return 0


def measure(disk: DiskStore, world: str | None = None) -> Measured:
    """What a store holds of a world, and what its log is made of."""
    history = History.read(disk, opening_of, world)
    names = {opening.world for opening in history.openings}
    found = Measured(history.openings[-1].world)
    listed = [item for items in disk.bundles().values() for item in items]
    for item in {one.id: one for one in listed}.values():
        if _world_of(item) in (None, *names):
            found.items[kind_of(item.tags)] += 1
            found.bytes[kind_of(item.tags)] += item.size
    manifests = [manifest for _, manifest in history.chain]
    gaps = [
        (after.time_ms - before.time_ms) / 1000
        for before, after in itertools.pairwise(manifests)
        if after.era == before.era
    ]
    if not gaps:
        raise Missing(found.world, f"{len(manifests)} checkpoints; two are needed to say what a day takes")
    found.seconds, found.checkpoint_s = sum(gaps), statistics.median(gaps)
    found.regions = len(manifests[-1].regions) - 1
    _measure_log(disk, history, manifests, found)
    return found


def day(found: Measured, players: int | None) -> dict[str, float]:
    """Bytes a day by kind: at the measured number of players, or at another."""
    log, seconds = found.log, max(found.seconds_read, 1e-9)
    own = log.bytes_without_players / seconds * DAY_S
    theirs = (log.bytes - log.bytes_without_players) / seconds * DAY_S
    share = 1.0 if players is None else players / found.players if found.players else 0.0
    checkpoints = DAY_S / found.checkpoint_s
    minted = found.items["asset-metadata"] / found.seconds * DAY_S * share
    minted = min(minted, FINDS_PER_HOUR * 24)
    rows = {
        "segment": own + theirs * share,
        "snapshot": found.mean("snapshot") * checkpoints / SNAPSHOT_EVERY_CHECKPOINTS * (found.regions + 1),
        "manifest": found.mean("manifest") * checkpoints,
        "table": found.mean("table") * checkpoints,
        "chronicle": found.bytes["chronicle"] / found.seconds * DAY_S,
        "asset-metadata": found.mean("asset-metadata") * minted,
        "picture": found.mean("picture") * minted,
        "collection": 46.0 * (assets.GROWTH + 1) * minted,  # an id's line of JSON, in every list that has it
    }
    return rows


def _measure_log(disk: DiskStore, history: History, manifests: list[Manifest], found: Measured) -> None:
    runs = []
    for manifest in manifests:
        for end in manifest.regions:
            runs += [(manifest, end, run) for run in end.segments if run.last >= end.first >= run.first - 1]
    unique = list({run.id: (manifest, end, run) for manifest, end, run in runs}.values())
    step = max(1, -(-len(unique) // SEGMENTS_READ_MAX))
    log = found.log
    log.of = len(unique)
    for manifest, end, run in unique[::step]:
        part = load_segment(disk, manifest, end, run.id, history.opening(manifest).nodes)
        records = [decode(raw) for raw in part.records]
        log.read += 1
        log.bytes += len(segment.encode(part)) + BUNDLE_LINE
        log.bytes_without_players += len(segment.encode(_without_players(part, records))) + BUNDLE_LINE
        if end.process != found.world:
            log.region_seconds += sum(not (one.claim or one.halt) for one in records) / TICKS_PER_SECOND
            log.player_seconds += _player_seconds(records)


def _without_players(part: Segment, records: list[Record]) -> Segment:
    """The same run of the log as if nobody had played; its chain made anew."""
    raws: list[bytes] = []
    previous = part.previous
    for record in records:
        kept = [(said, verdict) for said, verdict in zip(record.inputs, record.verdicts) if not _players(said)]
        outside = [isinstance(said, Outside) for said in record.inputs]
        bare = replace(
            record,
            previous=previous,
            inputs=tuple(said for said, _ in kept),
            verdicts=tuple(verdict for _, verdict in kept),
            replies=() if any(outside) else record.replies,
        )
        raws.append(encode(bare))
        previous = record_hash(raws[-1])
    return segment.make(part.era, part.first, part.previous, raws)


def _players(said: Input) -> bool:
    return isinstance(said, Acted | Head | Login | Outside)


def _player_seconds(records: Iterable[Record]) -> float:
    """Seconds in which a player said something, summed over players."""
    seconds = {
        (said.entity, record.tick // TICKS_PER_SECOND)
        for record in records
        for said in record.inputs
        if isinstance(said, Acted | Head | Login | Outside) and said.entity
    }
    return float(len(seconds))


def _world_of(item: Listed) -> str | None:
    return next((value for name, value in item.tags if name == "World"), None)


def _counts(text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isascii() and part.isdigit() and 0 < len(part) <= 7 and int(part) for part in parts):
        raise ConfigError(f"--players is {text[:40]!r}; write numbers such as 10,100,1000")
    return [int(part) for part in parts]


def _price(ar_per_gib: float | None, price_from: str) -> tuple[float | None, str]:
    """AR for a GiB, and who says so."""
    if ar_per_gib is not None and price_from:
        raise ConfigError("either --ar-per-gib or --price-from, not both")
    if ar_per_gib is not None:
        if not 0 <= ar_per_gib < 1e9:
            raise ConfigError(f"--ar-per-gib is {ar_per_gib}; a number of AR is needed")
        return ar_per_gib, "--ar-per-gib"
    if not price_from:
        return None, ""
    gateway = Gateway(price_from)
    try:
        answer = gateway.get(f"/price/{GIB}")
    finally:
        gateway.close()
    text = answer.body.decode("ascii", "replace").strip()
    if answer.status != 200 or not text.isdigit() or len(text) > 30:
        raise ArchiveError(price_from, f"no price of {GIB} bytes: status {answer.status}, {answer.words}")
    return int(text) / WINSTON, f"{price_from}/price/{GIB}"


def _json(found: Measured, days: dict[str, dict[str, float]], price: float | None, source: str) -> dict[str, Any]:
    return {
        "world": found.world,
        "seconds": round(found.seconds, 1),
        "checkpoint_s": found.checkpoint_s,
        "regions": found.regions,
        "players": round(found.players, 2),
        "segments_read": [found.log.read, found.log.of],
        "bytes_a_player_second": round(_a_player_second(found), 1),
        "measured": {kind: {"items": found.items[kind], "bytes": found.bytes[kind]} for kind in sorted(found.items)},
        "once": sum(found.bytes[kind] for kind in ONCE),
        "ar_per_gib": price,
        "price_from": source or None,
        "days": {
            name: {
                "measured": name == "as measured",
                "kinds": {kind: round(size) for kind, size in rows.items()},
                "bytes": round(sum(rows.values())),
                "ar": None if price is None else round(sum(rows.values()) / GIB * price, 6),
            }
            for name, rows in days.items()
        },
    }


def _a_player_second(found: Measured) -> float:
    theirs = found.log.bytes - found.log.bytes_without_players
    return theirs / found.log.player_seconds if found.log.player_seconds else 0.0


def _show(found: Measured, days: dict[str, dict[str, float]], price: float | None, source: str) -> None:
    out = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    out.print(
        f"world {found.world}: {found.seconds:.0f} s of it, {found.regions} regions, a checkpoint every"
        f" {found.checkpoint_s:.0f} s, {found.players:.1f} players at a time"
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("bytes a day")
    table.add_column("in store", justify="right")
    for name in days:
        table.add_column(name, justify="right")
    first = next(iter(days.values()))
    for kind in first:
        table.add_row(kind, _size(found.bytes[kind]), *(_size(rows[kind]) for rows in days.values()))
    table.add_row("all", "", *(_size(sum(rows.values())) for rows in days.values()), style="bold")
    if price is not None:
        table.add_row("AR a day", "", *(f"{sum(rows.values()) / GIB * price:.4f}" for rows in days.values()))
    out.print(table)
    print(f"once, at the founding: {_size(sum(found.bytes[kind] for kind in ONCE))}")
    log = found.log
    print(f"a player's second: {_a_player_second(found):.0f} bytes of log ({log.read} of {log.of} segments were read)")
    if found.players:
        print("measured: the first column of days. The others are reckoned: players at every moment, day and night;")
        print(f"their log grows with their number, finds up to {FINDS_PER_HOUR} an hour, all else stays as measured")
    else:
        print("nobody played: what players add was not measured, so the other columns leave it out")
    print(f"AR at {price:.6f} a GiB ({source})" if price is not None else "for AR: --ar-per-gib, or --price-from URL")


def _size(size: float) -> str:
    for unit, name in ((GIB, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size:.0f} B"

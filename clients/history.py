"""A world's history as its store has it, arranged for going to any moment of it: which segment holds a record, where a
region may be begun at, how time and records go together, and what the chronicle tells.

Everything is checked as `archive.restore` checks it (id, signature, signer in the roster, chain); one segment is read
at a time. Not here: executing records (`clients.theatre`).
"""

import json
import re
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import numpy as np

from archive import chronicle, restore
from archive.checkpoint import Manifest, Run
from archive.data_item import DataItem
from archive.errors import ArchiveError, Damaged, Missing
from archive.history import History as Chain
from archive.restore import Opening, fetch
from archive.segment import Segment
from archive.snapshot import Snapshot
from archive.stores import Store
from clients.view import printable, short_name
from regions import founding
from regions.charter import Charter, read_charter
from regions.errors import RecordError
from regions.module import differences
from regions.record import decode
from regions.region_state import Region
from regions.revive import opening_of, which_world
from world.events import Kind
from world.items import ASSET_KINDS, RARITIES
from world.tilemap import TERRAINS, TileMap

LINES_MAX: Final = 20_000  # of the chronicle, the newest
STORIES_MAX: Final = 5_000  # chronicle items read for them
_NAME: Final = re.compile(r"\b[0-9a-f]{16}\b")


@dataclass(frozen=True)
class Line:
    """A line of the chronicle: when, what happened, in words; a tile and a body it is about, where it names one.

    `weighty`: it is about players or things that last, and not about beasts that fall.
    """

    time_ms: int
    kind: str
    words: str
    place: tuple[int, int] | None
    who: int | None
    weighty: bool


@dataclass(frozen=True)
class Era:
    """An era's charter, its item's id, and the owner's address."""

    charter: Charter
    charter_id: bytes
    owner: bytes


class History:
    """One world, from its founding or oldest kept record to the newest checkpoint of the store, or a named one."""

    def __init__(self, store: Store, chain: Chain, named: bool) -> None:
        self.store, self.named = store, named
        self.manifests = [manifest for _, manifest in chain.chain]
        self.openings: list[Opening] = [chain.opening(manifest) for manifest in self.manifests]
        self.eras = {opening.era: _era(store, opening) for opening in chain.openings}
        self.charter = self.eras[self.manifests[-1].era].charter
        self.regions = range(1, len(self.charter.seats))
        self._runs: dict[int, list[tuple[Run, int]]] = {}
        self._snapshots: dict[int, list[tuple[int, int]]] = {}
        for index in self.regions:
            self._runs[index], self._snapshots[index] = _pieces(self.manifests, index)
        self.begin_ms = min(decode(self.segment(index, 1).records[0]).time_ms for index in self.regions)
        self.end_ms = self.manifests[-1].time_ms
        self._times = np.array([self.begin_ms, *(one.time_ms for one in self.manifests)], np.float64)
        np.maximum.accumulate(self._times, out=self._times)
        self._ticks = {
            index: np.array([0, *(one.regions[index].end for one in self.manifests)], np.float64)
            for index in self.regions
        }

    # Where things are.

    def start_of_last(self) -> int:
        """The time from which on the newest checkpoint tells something new."""
        return int(self._times[-2])

    def record_at(self, index: int, time_ms: float) -> int:
        """About which record of a region was made at a time; exact at checkpoints."""
        return int(np.interp(time_ms, self._times, self._ticks[index]))

    def share_at(self, time_ms: float) -> float:
        """How much of history lies before a time, 0..1, counted in records: while the world did not run none passed."""
        ticks = self._ticks[1]
        return float(np.interp(time_ms, self._times, ticks) / max(ticks[-1], 1.0))

    def time_at(self, share: float) -> float:
        """The time at such a share of history."""
        ticks = self._ticks[1]
        return float(np.interp(share * ticks[-1], ticks, self._times))

    def end(self, index: int) -> int:
        """The last record of a region."""
        return self.manifests[-1].regions[index].end

    def snapshots(self, index: int) -> list[int]:
        """The records at which a region may be begun, ascending; 0 is its founding."""
        return [0, *(n for n, _ in self._snapshots[index])]

    def checkpoint_at(self, time_ms: float) -> Manifest | None:
        """The newest checkpoint made up to a time."""
        place = bisect_right([manifest.time_ms for manifest in self.manifests], time_ms)
        return self.manifests[place - 1] if place else None

    # Reading.

    def snapshot(self, index: int, n: int) -> Snapshot:
        """A snapshot of `snapshots`. Raises ArchiveError."""
        place = next(place for number, place in self._snapshots[index] if number == n)
        manifest = self.manifests[place]
        return restore.load_snapshot(self.store, manifest, manifest.regions[index], self.openings[place].nodes)

    def segment(self, index: int, n: int) -> Segment:
        """The segment that holds a region's record `n`. Raises ArchiveError, Missing past the end."""
        runs = self._runs[index]
        at = bisect_right(runs, n, key=lambda one: one[0].first) - 1
        if at < 0 or n > runs[at][0].last:
            raise Missing(f"region {index}", f"no segment holds record {n}", region=str(index), record=n)
        run, place = runs[at]
        manifest = self.manifests[place]
        part = restore.load_segment(self.store, manifest, manifest.regions[index], run.id, self.openings[place].nodes)
        if (part.first, part.last) != (run.first, run.last):
            found = f"{part.first}..{part.last}, the manifest says {run.first}..{run.last}"
            raise Damaged(run.id, f"holds records {found}", region=str(index), record=n)
        return part

    def genesis(self, index: int, world_map: TileMap) -> Region:
        """A region before its first record."""
        first = self.eras[min(self.eras)]
        return founding.genesis(first.charter, first.charter_id, first.owner, index, world_map)

    def world_map(self) -> TileMap:
        """The map as the world was founded on it. Raises ArchiveError."""
        try:
            return founding.read_map(fetch(self.store, self.charter.map))
        except ValueError as error:
            raise Damaged(self.charter.map, f"not a map: {error}") from None

    def other_rules(self) -> list[str]:
        """The files of the world's Modules that differ from the installed ones; empty: the rules are the same, and were
        so in every era."""
        modules = {era.charter.module for era in self.eras.values()}
        return sorted({name for one in modules for name in differences(fetch(self.store, one).data)})

    def chronicle(self, progress: Callable[[int, int], None] = lambda done, total: None) -> list[Line]:
        """The newest lines of the chronicle, in order of time; a damaged part of it is passed over."""
        told = [(place, one.chronicle) for place, one in enumerate(self.manifests) if one.chronicle is not None]
        faces = {one.asset: one.metadata for manifest in self.manifests for one in manifest.assets}
        lines: deque[Line] = deque(maxlen=LINES_MAX)
        for done, (place, item_id) in enumerate(told[-STORIES_MAX:]):
            try:
                item = fetch(self.store, item_id, self.openings[place].nodes)
                lines.extend(_line(one, lambda asset: self._asset(faces.get(asset))) for one in _told(item))
            except ArchiveError:
                continue
            progress(done + 1, len(told))
        return sorted(lines, key=lambda line: line.time_ms)

    def _asset(self, metadata: str | None) -> str:
        """An asset's name as its metadata has it."""
        try:
            words = json.loads(fetch(self.store, metadata).data) if metadata is not None else {}
        except (ArchiveError, ValueError, RecursionError):
            words = {}
        name = words.get("name") if isinstance(words, dict) else None
        return printable(name)[:100] if isinstance(name, str) else ""


def open_history(store: Store, which: str = "") -> History:
    """A world's history: of the world or up to the checkpoint that is named, or else of the world that lived last.

    Raises ArchiveError.
    """
    world, until = which_world(store, which)
    if world is None:
        world = _lived_last(store)
    return History(store, Chain.read(store, opening_of, world, until), until is not None)


def moment(text: str, history: History) -> int:
    """Read --at: +SECONDS from the first record, a UTC time such as 2026-11-23T05:00:00Z, or a time of the last day.

    ValueError for anything else, and for a time outside of history.
    """
    try:
        if text.startswith("+"):
            time_ms = history.begin_ms + int(float(text[1:]) * 1000)
        else:
            time_ms = _utc_ms(text, history.end_ms)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no moment; write +90 (seconds), 2026-11-23T05:00:00Z or 05:00:00") from None
    if not history.begin_ms <= time_ms <= history.end_ms:
        raise ValueError(f"{text} lies outside of history, {utc(history.begin_ms)} to {utc(history.end_ms)}")
    return time_ms


def utc(time_ms: float) -> str:
    """A time in words."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _utc_ms(text: str, end_ms: int) -> int:
    if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", text):
        day = datetime.fromtimestamp(end_ms / 1000, UTC)
        hours, minutes, *seconds = (int(part) for part in text.split(":"))
        at = day.replace(hour=hours, minute=minutes, second=seconds[0] if seconds else 0, microsecond=0)
    else:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return int(at.timestamp() * 1000)


def _lived_last(store: Store) -> str | None:
    """The world whose newest checkpoint is the youngest, where a store holds several."""
    newest: dict[str, Opening] = {}
    for opening in restore.openings(store, opening_of):
        newest.setdefault(opening.world, opening)
    if len(newest) < 2:
        return next(iter(newest), None)
    last: list[tuple[int, str]] = []
    for world, opening in newest.items():
        found = restore.newest_manifest(store, opening)
        last.append((found[1].time_ms if found is not None else 0, world))
    return max(last)[1]


def _era(store: Store, opening: Opening) -> Era:
    try:
        charter, item = read_charter(fetch(store, opening.id).raw)
    except RecordError as error:
        raise Damaged(opening.id, str(error)) from None
    return Era(charter, item.id, sha256(item.owner).digest())


def _pieces(manifests: list[Manifest], index: int) -> tuple[list[tuple[Run, int]], list[tuple[int, int]]]:
    """A region's segments and the records of its snapshots, each with the place of the manifest that brought it."""
    runs: list[tuple[Run, int]] = []
    snapshots: list[tuple[int, int]] = []
    end = 0
    for place, manifest in enumerate(manifests):
        region = manifest.regions[index]
        for run in region.segments:
            if run.last > end:
                runs.append((run, place))
                end = run.last
        if region.snapshot is not None and (not snapshots or region.snapshot_n > snapshots[-1][0]):
            snapshots.append((region.snapshot_n, place))
    return runs, snapshots


def _told(item: DataItem) -> Iterator[dict[str, Any]]:
    for line in chronicle.decode(item.data):
        if isinstance(line.get("time"), str) and isinstance(line.get("event"), str):
            yield line


def _line(told: dict[str, Any], asset: Callable[[str], str]) -> Line:
    """A line as people read it: bodies by their names, assets by theirs."""
    what = told.get("what")
    numbers = what if isinstance(what, list) and len(what) == 4 and all(type(one) is int for one in what) else [0] * 4
    a, b, c, d = numbers
    kind = printable(told["event"])[:20]
    words = _NAME.sub(lambda name: short_name(int(name.group(), 16)), printable(str(told.get("text", "")))[:200])
    place, who, weighty = None, None, True
    if kind == Kind.DIED.name.lower():
        place, weighty = (c, d), _is_player(a)
        words = f"{_called(a)} fell" + (f", struck down by {_called(b)}" if b else "")
    elif kind in (Kind.BUILT.name.lower(), Kind.DUG.name.lower()) and 0 <= d < len(TERRAINS):
        verb = "built a" if kind == Kind.BUILT.name.lower() else "dug away a"
        place, words = (b, c), f"{short_name(a)} {verb} {TERRAINS[d]}"
    elif kind == Kind.MINTED.name.lower() and 0 <= d < len(RARITIES) and 0 <= c < len(ASSET_KINDS):
        name = asset(f"{a & 2**64 - 1:016x}")
        who, words = b, f"{short_name(b)}: {name or f'a {ASSET_KINDS[c]}'} ({RARITIES[d]})"
    try:
        time_ms = int(datetime.fromisoformat(told["time"]).timestamp() * 1000)
    except (ValueError, OverflowError):
        time_ms = 0
    return Line(time_ms, kind, words, place, who, weighty)


def _is_player(entity: int) -> bool:
    """Players' ids are given by the world's own process, region 0; all others are born in a region."""
    return entity > 0 and entity >> 36 & 0xFFF == 0


def _called(entity: int) -> str:
    return short_name(entity) if _is_player(entity) else "a creature"

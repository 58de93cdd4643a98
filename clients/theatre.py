"""The past, re-executed: records of an archive folded in order of time, every state hash on the way held against the
record that carries it, and what regions would have shown put into a view.

No window here. Times are the world's own, in milliseconds since 1970; the view's clock counts from history's first
record. Memory is bounded: one segment a region, and bookmarks (states kept to come back to) up to BOOKMARK_BYTES.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from archive.compression import compress, decompress
from archive.errors import ArchiveError, Damaged
from clients.history import History
from clients.view import View
from regions import compute, founding, letters, region_state
from regions.config import SPAN, STATE_BYTES_MAX
from regions.errors import FoldFailed, RecordError
from regions.looks import looks_of
from regions.record import Record, decode
from regions.region_state import Region
from regions.revive import adopt
from world.delta import encode_key, encode_tick
from world.events import Event
from world.mirror import Mirror
from world.shown import WireRows, wire_rows
from world.units import TICK_MS

BOOKMARK_EVERY: Final = 4 * SPAN  # records
BOOKMARK_BYTES: Final = 96 << 20
EVENTS_KEPT: Final = 64  # of ticks that were not shown
SHOWN_BEFORE_MS: Final = (
    2.2 * TICK_MS
)  # every tick this near to where one goes is shown, so that bodies have their step
GAP_MS: Final = 10_000  # time in which no region made a record is passed over


@dataclass(frozen=True)
class Stand:
    """Where a region stands: record, tick, era, and the newest record whose state hash was recomputed and agreed (0:
    none yet since the region was begun anew)."""

    n: int
    tick: int
    era: int
    agreed: int


@dataclass(frozen=True)
class Going:
    """How far a seek has come: records folded, and about how many there are to fold."""

    done: int
    total: int


class _Stage:
    """One region: its state, the segment being read, and what of it is shown."""

    def __init__(self, history: History, index: int) -> None:
        self.history, self.index = history, index
        self.land = history.charter.seats[index].land
        self.region: Region | None = None
        self.agreed = 0
        self.rows: WireRows | None = None
        self.mirror = Mirror(self.land)
        self.events: list[Event] = []
        self.shown_tick = -1
        self._records: tuple[bytes, ...] = ()
        self._first = 0
        self._next: Record | None = None

    @property
    def n(self) -> int:
        return self.region.state.n if self.region is not None else -1

    def begin(self, region: Region) -> None:
        """Stand at a state; what is shown begins anew."""
        self.region, self.agreed, self._next = region, 0, None
        self.rows, self.events, self.shown_tick = None, [], -1

    def next(self) -> Record | None:
        """The record after the state's; None at the end, and where a fault is. Raises ArchiveError."""
        n = self.n + 1
        if self.region is None or n > self.history.end(self.index):
            return None
        if self._next is None or self._next.n != n:
            try:
                self._next = decode(self._raw(n))
            except RecordError as error:
                raise self._fault(n, error) from None
        return self._next

    def fold(self) -> bytes:
        """Apply the next record; the state's bytes where the record carries a state hash, else nothing.

        Raises ArchiveError, naming region and record, for a record that does not lead where it says.
        """
        record, region = self.next(), self.region
        assert record is not None and region is not None
        try:
            if region.state.era < record.era:
                self._open_eras(region, record.era)
            _, folded = compute.apply(region, self._raw(record.n))
        except (RecordError, FoldFailed) as error:
            self.region = None  # it is spoilt
            raise self._fault(record.n, error) from None
        if folded.state_bytes:
            self.agreed = record.n
        self.events += folded.events
        del self.events[:-EVENTS_KEPT]
        return folded.state_bytes

    def _open_eras(self, region: Region, upto: int) -> None:
        for era in sorted(self.history.eras):
            if region.state.era < era <= upto:
                opened = self.history.eras[era]
                adopt(region, opened.charter, opened.charter_id, opened.owner)

    def show(self, view: View) -> None:
        """Put the state into the view as its region would have shown it at this tick."""
        if self.region is None or self.region.state.tick == self.shown_tick:
            return
        before, tick = self.rows, self.region.state.tick
        self.rows = wire_rows(self.region.bodies, letters.in_flight(self.region.state), before)
        if before is None:
            self.mirror = Mirror(self.land)
            chunks = range(len(self.rows.starts) - 1)
            self.mirror.apply(chunks, b"".join(encode_key(self.rows, chunk) for chunk in chunks))
        else:
            index, data = encode_tick(before, self.rows)
            self.mirror.apply(index[:, 0], data)
        events, self.events = self.events, []
        clock_ms = max(self.region.state.time_ms - self.history.begin_ms, 0)
        view.show(clock_ms, self.index, tick, self.mirror, [(0, event) for event in events], anew=before is None)
        self.shown_tick = tick

    def _fault(self, n: int, reason: Exception) -> ArchiveError:
        return ArchiveError(f"region {self.index}", str(reason), region=str(self.index), record=n)

    def _raw(self, n: int) -> bytes:
        if not self._first <= n < self._first + len(self._records):
            part = self.history.segment(self.index, n)
            self._first, self._records = part.first, part.records
        return self._records[n - self._first]


@dataclass
class _Bookmarks:
    """States to come back to, compressed, by region and record; thinned out evenly when they grow too many."""

    kept: dict[tuple[int, int], tuple[int, bytes, bytes]] = field(default_factory=dict)  # time, head, state
    size: int = 0
    every: int = BOOKMARK_EVERY

    def add(self, index: int, region: Region, state: bytes) -> None:
        key = (index, region.state.n)
        if region.state.n % self.every or key in self.kept:
            return
        packed = compress(state, 1)
        self.kept[key] = (region.state.time_ms, region.head, packed)
        self.size += len(packed)
        while self.size > BOOKMARK_BYTES:
            self.every *= 2
            for one in [one for one in self.kept if one[1] % self.every]:
                self.size -= len(self.kept.pop(one)[2])

    def newest(self, index: int, time_ms: float) -> int:
        """The newest record of a region up to a time that is bookmarked; -1 for none."""
        return max((n for (i, n), one in self.kept.items() if i == index and one[0] <= time_ms), default=-1)


class Theatre:
    """A history on stage. `now_ms` is the moment shown; `view` has it, with `clock_ms` as its time.

    After an error from `seek` or `advance` the stage stands where the fault is; going elsewhere is possible.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        width, height = history.charter.map_tiles
        self.view = View((width, height))
        self.view.looks |= {look.kind: look for look in looks_of(history.store, history.charter)}
        self.now_ms = float(history.begin_ms)
        self.checked = 0  # state hashes recomputed so far that agreed
        self._map = history.world_map()
        self._stages = {index: _Stage(history, index) for index in history.regions}
        self._bookmarks = _Bookmarks()

    @property
    def clock_ms(self) -> float:
        """The moment shown, in the view's own time."""
        return self.now_ms - self.history.begin_ms

    @property
    def ended(self) -> bool:
        """Whether the newest record of every region was applied."""
        return all(stage.n >= self.history.end(index) for index, stage in self._stages.items())

    def stands(self) -> dict[int, Stand]:
        """Where each region stands."""
        found = {}
        for index, stage in self._stages.items():
            if stage.region is not None:
                state = stage.region.state
                found[index] = Stand(state.n, state.tick, state.era, stage.agreed)
        return found

    def region_at(self, x: float, y: float) -> int:
        """The region whose land holds a place, 0 for none."""
        for index, stage in self._stages.items():
            x0, y0, x1, y1 = stage.land
            if x0 <= x < x1 and y0 <= y < y1:
                return index
        return 0

    def seek(self, time_ms: float) -> Iterator[Going]:
        """Go to a moment: nearest state before it, then forward. Yields after each record; may be abandoned.

        Raises ArchiveError.
        """
        time_ms = min(max(time_ms, self.history.begin_ms), self.history.end_ms)
        total = 0
        for index, stage in self._stages.items():
            total += max(self.history.record_at(index, time_ms) - self._begin(stage, index, time_ms), 0)
        done = 0
        yield Going(0, total)
        while self._fold_earliest(time_ms) is not None:
            done += 1
            yield Going(done, max(total, done))
        self._arrive(time_ms)

    def advance(self, time_ms: float, enough: Callable[[], bool] = lambda: False) -> None:
        """Let time pass up to a moment, in order of time, and show it; stops short of it when `enough` says so after a
        record. Time in which nothing was recorded anywhere is passed over. Raises ArchiveError."""
        while self._fold_earliest(time_ms, show=True) is not None and not enough():
            pass
        due_ms = self._due_ms()
        self.now_ms = max(self.now_ms, min(time_ms, due_ms, float(self.history.end_ms)))
        if GAP_MS < due_ms - self.now_ms < float("inf"):
            self.now_ms = due_ms - TICK_MS
        for stage in self._stages.values():
            stage.show(self.view)
        self.view.advance(self.clock_ms)

    def _due_ms(self) -> float:
        times = [record.time_ms for stage in self._stages.values() if (record := stage.next()) is not None]
        return min(times, default=float("inf"))

    def _fold_earliest(self, time_ms: float, show: bool = False) -> int | None:
        """Fold the earliest record that is due; its region, or None when none is."""
        due = [
            (record.time_ms, index)
            for index, stage in self._stages.items()
            if (record := stage.next()) is not None and record.time_ms <= time_ms
        ]
        if not due:
            return None
        made_ms, index = min(due)
        stage = self._stages[index]
        state = stage.fold()
        if state and stage.region is not None:
            self.checked += 1
            self._bookmarks.add(index, stage.region, state)
        if show and made_ms > time_ms - SHOWN_BEFORE_MS:
            stage.show(self.view)
        return index

    def _arrive(self, time_ms: float) -> None:
        """Show a moment one has jumped to."""
        self.now_ms = time_ms
        view = self.view
        view.forget_bodies()
        view.speech.clear()
        view.flashes.clear()
        view.tick = 0
        for stage in self._stages.values():
            stage.rows, stage.shown_tick = None, -1
            stage.events.clear()
            stage.show(view)

    def _begin(self, stage: _Stage, index: int, time_ms: float) -> int:
        """Have a region stand at the nearest state up to a time; its record."""
        here = stage.n if stage.region is not None and stage.region.state.time_ms <= time_ms else -1
        marked = self._bookmarks.newest(index, time_ms)
        about = self.history.record_at(index, time_ms)
        for n in reversed([n for n in self.history.snapshots(index) if n <= about + SPAN]):
            if max(here, marked) >= n:
                break
            region = self._open(index, n)
            if region.state.time_ms <= time_ms or not n:
                stage.begin(region)
                return n
        if here >= marked:
            return here
        _, head, packed = self._bookmarks.kept[index, marked]
        state = decompress(packed, STATE_BYTES_MAX)
        stage.begin(region_state.decode(state, founding.rules_of(index), head))
        return marked

    def _open(self, index: int, n: int) -> Region:
        if n == 0:
            return self.history.genesis(index, self._map)
        found = self.history.snapshot(index, n)
        try:
            return region_state.decode(found.state, founding.rules_of(index), found.head)
        except RecordError as error:
            raise Damaged(f"snapshot of region {index}", str(error), region=str(index), record=n) from None
